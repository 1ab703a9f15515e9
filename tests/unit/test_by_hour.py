"""A run's energy in the UTC hours in which it was used, whatever its clocks did and whatever part is asked for."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.analysis import Run
from pycarbon.by_hour import energy_by_hour, single_hour
from pycarbon.hours import hour_of
from pycarbon.run import EDGE_DTYPE, Channel, Flag, GapCause, RunData

SECOND, HOUR = 10**9, 3600 * 10**9
CPU = Channel(0, "machine-cpu", "proc", "measured", "cpu_time", "1/100", 0, False)
STARTED = datetime(2026, 12, 31, 21, 5, tzinfo=timezone(timedelta(hours=-2)))
FIRST = hour_of(STARTED)


class Even:
    """A supply of 1 W."""

    def level_j(self, time_ns):
        return time_ns / SECOND


def anchor(time_ns, asleep_ns=0):
    since_ns = time_ns - 100 * SECOND + asleep_ns
    return {
        "monotonic_ns": time_ns,
        "realtime_ns": round(STARTED.timestamp()) * SECOND + since_ns,
        "boottime_ns": time_ns + asleep_ns,
        "uncertainty_ns": 0,
    }


def run(length_ns, asleep_ns=0, asleep_at_ns=0):
    """A run that began at 100 s of its clock, in the middle of which the machine may have slept."""
    start_ns, end_ns = 100 * SECOND, 100 * SECOND + length_ns
    before_ns = start_ns + asleep_at_ns
    gaps = [(before_ns, before_ns + 1000, asleep_ns, 0, Flag.GAP, GapCause.SUSPENDED)] if asleep_ns else []
    meta = {"start_ns": start_ns, "started_at": STARTED.isoformat(), "anchor": anchor(start_ns)}
    footer = {"end_ns": end_ns, "anchor": anchor(end_ns, asleep_ns)}
    return RunData(meta, [CPU], {0: np.array(gaps, EDGE_DTYPE)}, footer, True)


def used(data):
    """By hour, counted from the one in which the whole run began."""
    found = energy_by_hour(data, [Even()], (data.end_ns - data.start_ns) / SECOND)
    return {found.first_hour - FIRST + i: joules for i, joules in enumerate(found.energy_j) if joules}


@given(st.integers(1, 30 * 3600))
def test_each_hour_has_what_was_used_in_it_over_midnight_and_new_year(length_s):
    # GIVEN a run of 1 W from 5 minutes past an hour WHEN its energy is told by hours
    found = used(run(length_s * SECOND))
    # THEN each has its seconds
    borders = [0, *range(3300, length_s, 3600), length_s]
    assert list(found) == list(range(len(borders) - 1))
    assert list(found.values()) == pytest.approx(np.diff(borders).tolist(), abs=1e-6)


@given(st.integers(0, 30 * 3600 - 1), st.data())
def test_a_part_of_a_run_is_in_the_hours_of_that_part(start_s, data):
    # GIVEN a long run, of which only a part is asked for
    end_s = data.draw(st.integers(start_s + 1, 30 * 3600))
    whole = run(30 * HOUR)
    # WHEN that part is told by hours
    found = used(whole.between((100 + start_s) * SECOND, (100 + end_s) * SECOND))
    # THEN it is in those that it touches
    assert min(found) == (300 + start_s) // 3600 and max(found) == (300 + end_s - 1) // 3600
    assert sum(found.values()) == pytest.approx(end_s - start_s, abs=1e-6)


def test_what_a_machine_uses_after_it_slept_is_of_the_hour_in_which_it_woke():
    # GIVEN ten minutes of work, of which the machine slept nine hours after the first six
    slept = run(600 * SECOND, 9 * HOUR, 360 * SECOND)
    # WHEN it is told by hours THEN the rest is nine hours later
    assert single_hour(slept) is None
    assert used(slept) == pytest.approx({0: 360.0, 9: 240.0}, abs=1e-3)
    assert Run(slept).ended == STARTED + timedelta(hours=9, minutes=10)


def test_a_short_run_needs_no_edges():
    data = run(600 * SECOND)
    assert single_hour(data) == FIRST == hour_of(datetime(2026, 12, 31, 23, tzinfo=timezone.utc))


def test_a_run_that_ends_on_the_hour_has_nothing_of_the_next_one():
    # GIVEN a run of 55 minutes from five past eleven, one a minute shorter, and one that ends well before
    whole, nearly, surely = (run(seconds * SECOND) for seconds in (3300, 3250, 3200))
    # THEN none of them touches another hour; only of the last that is sure without looking at its clock
    assert [len(energy_by_hour(data, [Even()], 1.0).energy_j) for data in (whole, nearly, surely)] == [1, 1, 1]
    assert [single_hour(data) for data in (whole, nearly, surely)] == [None, None, FIRST]


@pytest.mark.parametrize("started", ["0001-01-01T00:00:00+23:59", "1969-12-31T23:59:00+00:00"])
def test_a_time_before_clocks_counted_is_no_hour(started):
    data = run(600 * SECOND)
    assert single_hour(RunData(data.meta | {"started_at": started}, [CPU], {}, data.footer, True)) is None
