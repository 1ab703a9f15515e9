"""Recorded runs by the hours of the day: measured or modelled, each joule in its hour, whatever their clock did."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import merge_world
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from merge_world import EPOCH_NS, SECOND, Node

from pycarbon.analysis import Run, figures
from pycarbon.by_hour import HOUR_NS, energy_by_hour, single_hour
from pycarbon.hours import EnergyByHour, hour_of, start_of
from pycarbon.run import EDGE_DTYPE, Flag, GapCause, RunData

WATTS = 20.0
FIRST = EPOCH_NS // HOUR_NS
BORDER_S = float((FIRST + 1) * 3600 - EPOCH_NS / 1e9)
"""When in this world, in s, the first hour ends: it begins at four minutes and five seconds past three."""

starts, lengths = st.floats(-3 * 3600, 30 * 3600), st.floats(0.5, 5 * 3600)


@pytest.fixture(autouse=True)
def slow_counters(monkeypatch):
    """Counters that change each five seconds, so that hours are cheap."""
    monkeypatch.setattr(merge_world, "UPDATE_NS", 5 * SECOND)


def run(start_s: float, end_s: float, modelled: bool = False, offset_min: int = 0) -> Run:
    """A machine of 20 W, on for that time."""
    machine = Node("n", WATTS, booted_s=-100_000.0, boot=None)
    made = machine.run("r", start_s, end_s, modelled=modelled)
    started = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(
        microseconds=EPOCH_NS // 1000 + round(start_s * 1e6)
    )
    zone = timezone(timedelta(minutes=offset_min))
    made.data.meta["started_at"] = started.astimezone(zone).isoformat(timespec="milliseconds")
    return made


def the_long_way(data: RunData) -> RunData:
    """The same run, with a step of its clock by nothing: then nobody may take the hour for granted."""
    return RunData(**{**vars(data), "events": [{"monotonic_ns": data.start_ns, "clock_step_ns": 0}]})


def expected(start_s: float, end_s: float) -> EnergyByHour:
    """20 W for the time in each hour, by hand."""
    first, last = (int((EPOCH_NS / 1e9 + time_s) // 3600) for time_s in (start_s, np.nextafter(end_s, 0)))
    begins = [hour * 3600 - EPOCH_NS / 1e9 for hour in range(first, last + 2)]
    spent_s = [min(end_s, end) - max(start_s, begin) for begin, end in pairwise(begins)]
    return EnergyByHour(first, tuple(WATTS * max(0.0, one) for one in spent_s))


patient = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)


@patient
@given(starts, lengths, st.booleans(), st.integers(-12 * 60, 14 * 60))
def test_each_joule_is_in_its_hour_and_none_is_lost(start_s, length_s, modelled, offset_min):
    # GIVEN a run of constant power at any time of the day, on a clock of any offset
    made = run(start_s, start_s + length_s, modelled, offset_min)
    found, should = made.energy_by_hour, expected(start_s, start_s + length_s)
    # THEN the hours are UTC's, the energies add up to the run's, and each is what was used then
    assert sum(found.energy_j) == pytest.approx(made.energy.total_j, rel=1e-9, abs=1e-6)
    if min(abs((start_s + at - BORDER_S + 1800) % 3600 - 1800) for at in (0, length_s)) > 0.01:
        assert (found.first_hour, len(found.energy_j)) == (should.first_hour, len(should.energy_j))
        assert found.energy_j == pytest.approx(should.energy_j, abs=5.1 * WATTS)


@patient
@given(starts, st.floats(0.5, 4000), st.booleans())
def test_the_short_way_never_says_another_hour(start_s, length_s, modelled):
    # GIVEN a run, which may be within an hour
    made = run(start_s, start_s + length_s, modelled)
    only, energy = single_hour(made.data), made.energy
    whole = energy_by_hour(the_long_way(made.data), made.supplies, energy.total_j)
    # THEN where that is told at once, looking closely tells the same
    if only is not None:
        assert (only, 1) == (whole.first_hour, len(whole.energy_j))
        assert whole.energy_j[0] == pytest.approx(energy.total_j, rel=1e-9, abs=1e-6)
        assert made.energy_by_hour == EnergyByHour(only, (energy.total_j,))
    # THEN where it is not, the run ends within a minute of its hour, or later
    else:
        assert len(whole.energy_j) > 1 or (start_s + length_s - BORDER_S) % 3600 > 3600 - 62


def test_an_hour_ends_where_the_wall_clock_says():
    # GIVEN four seconds to four o'clock and six after it, of a machine whose power rises all the time
    made = run(BORDER_S - 40, BORDER_S + 60)
    level = made.data.edges[0]
    since_s = (level["t_seen_ns"] - made.data.start_ns) / 1e9
    level["raw"] = np.rint(np.maximum(since_s, 0) ** 2 * 1e6)
    # THEN at four o'clock 40² J were used, of 100²
    found = made.energy_by_hour
    assert found.first_hour == FIRST and found.energy_j == pytest.approx((1600, 8400), rel=0.02)


def test_over_midnight_and_the_months_end():
    # GIVEN a run from 22:30 of the 31st of January to 01:30
    start_s = (
        datetime(2026, 1, 31, 22, 30, tzinfo=timezone.utc) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    ).total_seconds()
    start_s -= EPOCH_NS / 1e9
    found = run(start_s, start_s + 3 * 3600).energy_by_hour
    # THEN its four hours follow each other, in two months
    hours = [start_of(found.first_hour + number) for number in range(len(found.energy_j))]
    assert [(hour.month, hour.day, hour.hour) for hour in hours] == [(1, 31, 22), (1, 31, 23), (2, 1, 0), (2, 1, 1)]
    assert found.energy_j == pytest.approx([WATTS * 1800, WATTS * 3600, WATTS * 3600, WATTS * 1800], abs=101)


def test_a_clock_that_was_set_right_counts_as_right_for_all_of_the_run():
    # GIVEN a clock two hours late that nobody kept, until a daemon set it in the middle
    made = run(BORDER_S - 1900, BORDER_S - 100)
    data, middle_ns = made.data, made.data.start_ns + 900 * SECOND
    before = data.meta["anchor"] | {"wall_error_ns": None}
    data.meta["anchor"] = before | {"realtime_ns": before["realtime_ns"] - 2 * HOUR_NS}
    late = datetime.fromisoformat(data.meta["started_at"]) - timedelta(hours=2)
    data.meta["started_at"] = late.isoformat(timespec="milliseconds")
    step = {
        **before,
        "monotonic_ns": middle_ns,
        "realtime_ns": before["realtime_ns"] + 900 * SECOND,
        "wall_error_ns": 10**6,
    }
    data.events = [step | {"boottime_ns": middle_ns, "clock_step_ns": 2 * HOUR_NS}]
    # THEN all of it was in the hour that the daemon's clock says
    assert single_hour(data) is None
    found = made.energy_by_hour
    assert (found.first_hour, len(found.energy_j)) == (FIRST, 1)
    assert found.energy_j[0] == pytest.approx(made.energy.total_j)


def suspend(made: Run, at_s: float, asleep_s: float) -> None:
    """Suspend the machine `at_s` after the run began: its own clock stands still, and the sampler tells of it."""
    data, at_ns, asleep_ns = made.data, made.data.start_ns + round(at_s * 1e9), round(asleep_s * 1e9)
    for name in ("realtime_ns", "boottime_ns"):
        data.footer["anchor"][name] += asleep_ns
    edges = data.edges[0]
    number = int(np.searchsorted(edges["t_seen_ns"], at_ns))
    gap = np.zeros(1, EDGE_DTYPE)
    gap["t_before_ns"], gap["t_seen_ns"] = edges["t_seen_ns"][number - 1] + 1, edges["t_seen_ns"][number] - 1
    gap["raw"], gap["flags"], gap["error"] = asleep_ns, Flag.GAP, GapCause.SUSPENDED
    data.edges = {**data.edges, 0: np.insert(edges, number, gap)}


@pytest.mark.parametrize("told", ["by the sampler", "by the anchors alone"])
def test_a_suspended_machine_is_in_the_hours_in_which_it_was_awake(told):
    # GIVEN ten minutes of work in one hour, two hours of sleep, and ten minutes of work
    made = run(BORDER_S - 1800, BORDER_S - 600)
    suspend(made, 600, 7200)
    if told == "by the anchors alone":
        made.data.edges = {**made.data.edges, 0: made.data.edges[0][made.data.edges[0]["error"] == 0]}
    # THEN looking at the run's own clock alone is not enough
    assert single_hour(made.data) is None
    found = made.energy_by_hour
    assert found.first_hour == FIRST and len(found.energy_j) == 3
    assert sum(found.energy_j) == pytest.approx(made.energy.total_j)
    if told == "by the sampler":
        assert found.energy_j == pytest.approx((600 * WATTS, 0, 600 * WATTS), abs=101)


@pytest.mark.parametrize("footer", ["gone", "without an anchor", "with a strange one"])
def test_without_a_second_look_at_the_clock_the_run_is_looked_at_closely(footer):
    made = run(BORDER_S - 1800, BORDER_S - 600)
    made.data.footer = {"end_ns": made.data.end_ns} | ({"anchor": "x"} if footer == "with a strange one" else {})
    if footer == "gone":
        made.data.footer, made.data.complete = {}, False
    assert single_hour(made.data) is None and made.energy_by_hour.first_hour == FIRST


@pytest.mark.parametrize("started_at", ["", "yesterday", "2026-01-02T03:04:05", None, "9999-12-31T23:59:59+00:00"])
def test_a_run_that_does_not_say_when_it_was_has_no_hours_or_those_of_its_anchors(started_at):
    # GIVEN a start that is no time, or one without an offset
    made = run(BORDER_S - 1800, BORDER_S - 600)
    made.data.meta["started_at"] = started_at
    if str(started_at).startswith("9999"):
        assert made.energy_by_hour is not None
        return
    # THEN the anchors tell, and without them nobody knows
    assert made.energy_by_hour.first_hour == FIRST
    for part in (made.data.meta, made.data.footer):
        part.pop("anchor", None)
    made = Run(made.data)
    assert made.energy_by_hour is None
    assert "by_hour" not in figures(made)["totals"]


def test_without_energy_there_are_no_hours():
    made = run(0, 10)
    made.data.channels = []
    assert made.energy_by_hour is None


def test_a_run_of_no_length_is_in_its_hour():
    made = run(BORDER_S - 1000, BORDER_S - 1000)
    assert made.energy_by_hour == EnergyByHour(FIRST, (made.energy.total_j,))
    whole = energy_by_hour(the_long_way(made.data), made.supplies, made.energy.total_j)
    assert (whole.first_hour, whole.energy_j) == (FIRST, (0.0,))


def test_the_footer_keeps_the_hours_for_later():
    made = run(BORDER_S - 1000, BORDER_S + 1000)
    kept = figures(made)["totals"]["by_hour"]
    assert EnergyByHour(kept["first_hour"], tuple(kept["energy_j"])) == made.energy_by_hour
    made.data.footer["totals"] = figures(made)["totals"]
    assert Run(made.data).energy_by_hour == made.energy_by_hour
    assert hour_of(Run(made.data).started) == kept["first_hour"]
