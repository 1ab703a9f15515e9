"""The wall clock of a run: exact at its anchors, never back, and never further from true time than it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.run import EDGE_DTYPE, Channel, Flag, GapCause, RunData
from pycarbon.wall_clock import WallClock

SECOND, MS, US = 10**9, 10**6, 10**3
BOOTED_NS = 1_767_323_045 * SECOND
CPU = Channel(0, "machine-cpu", "proc", "measured", "cpu_time", Fraction(1, 100), 0, False)


@dataclass
class Machine:
    """A machine whose true time is known: its clock drifts, sleeps, and is set."""

    monotonic_ns: int = 100 * SECOND
    true_ns: float = BOOTED_NS + 100 * SECOND
    slept_ns: int = 0
    set_ns: int = 0
    seen: list[tuple[int, float]] = field(default_factory=list)
    gaps: list[tuple[int, int, int]] = field(default_factory=list)

    def go(self, length_ns: int, drift_ppm: float = 0.0) -> None:
        """Let time pass on both clocks, and remember some moments of it."""
        for _ in range(4):
            self.seen.append((self.monotonic_ns, self.true_ns))
            self.monotonic_ns += length_ns
            self.true_ns += length_ns / (1 + drift_ppm / 1e6)
        self.seen.append((self.monotonic_ns, self.true_ns))

    def sleep(self, asleep_ns: int) -> None:
        """Be suspended: a sampler had looked just before, and looks again just after."""
        before_ns = self.monotonic_ns
        self.go(MS)
        self.true_ns += asleep_ns
        self.slept_ns += asleep_ns
        self.go(MS)
        self.gaps.append((before_ns, self.monotonic_ns, asleep_ns))

    @property
    def realtime_ns(self) -> int:
        return BOOTED_NS + self.monotonic_ns + self.slept_ns + self.set_ns

    def anchor(self, uncertainty_ns: int = 100, slack_ns: int | None = 0) -> dict[str, int | None]:
        """Read the clocks, with all of the error there may be; a kernel that says how far it may be off is right."""
        error_ns = abs(self.realtime_ns - self.true_ns)
        return {
            "monotonic_ns": self.monotonic_ns,
            "realtime_ns": self.realtime_ns + uncertainty_ns // 2,
            "boottime_ns": self.monotonic_ns + self.slept_ns,
            "uncertainty_ns": uncertainty_ns,
            "wall_error_ns": None if slack_ns is None else int(error_ns) + 1 + slack_ns,
        }

    def run(self, first, events=(), last=None) -> RunData:
        """What was recorded of it, from its first anchor on."""
        edges = np.array(
            [(before, seen, asleep, 0, Flag.GAP, GapCause.SUSPENDED) for before, seen, asleep in self.gaps],
            EDGE_DTYPE,
        )
        meta = {"start_ns": first["monotonic_ns"], "anchor": first}
        footer = {} if last is None else {"end_ns": last["monotonic_ns"], "anchor": last}
        return RunData(meta, [CPU], {0: edges}, footer, bool(footer), list(events))


def wall(clock: WallClock, time_ns: int) -> int:
    return int(clock.wall_ns(np.array([time_ns], dtype=np.int64))[0])


SLACK = st.one_of(st.none(), st.integers(0, SECOND))
STORIES = st.lists(
    st.tuples(
        st.sampled_from(["go", "sleep", "step"]),
        st.integers(MS, 1000 * SECOND),
        st.floats(-499, 499),
        st.integers(-3600 * SECOND, 3600 * SECOND),
        SLACK,
    ),
    max_size=6,
)


@given(STORIES, SLACK, SLACK, st.integers(-SECOND, SECOND), st.booleans())
def test_true_time_lies_within_the_uncertainty(story, first_slack, last_slack, ahead_ns, cut_off):
    # GIVEN a machine whose clock is off, drifts, sleeps and is set, with kernels that tell no less than its error
    machine = Machine(set_ns=ahead_ns)
    first, events = machine.anchor(slack_ns=first_slack), []
    for what, length_ns, drift_ppm, amount_ns, slack_ns in story:
        if what == "sleep":
            machine.sleep(abs(amount_ns))
        if what == "step":
            machine.go(MS, drift_ppm)
            machine.set_ns += amount_ns
            machine.go(MS, drift_ppm)
            events.append(machine.anchor(slack_ns=slack_ns) | {"clock_step_ns": amount_ns})
        machine.go(length_ns, drift_ppm)
    last = None if cut_off else machine.anchor(slack_ns=last_slack)
    data = machine.run(first, events, last)
    # WHEN its times are put on the wall clock
    clock = WallClock(data)
    # THEN true time is within the uncertainty, which is known as soon as one kernel knew
    told = [first, *events, *([] if cut_off else [last])]
    assert clock.vouched == any(anchor["wall_error_ns"] is not None for anchor in told)
    for time_ns, true_ns in machine.seen:
        doubt_ns = clock.doubt_ns(time_ns)
        assert (doubt_ns is None) == (not clock.vouched)
        if doubt_ns is not None:
            assert abs(wall(clock, time_ns) - true_ns) <= doubt_ns + US  # floats of 1.8e18 ns
    # AND time goes on, by as much as the clock said, and by as long as it slept
    times_ns = np.array([time_ns for time_ns, _ in machine.seen], dtype=np.int64)
    walls_ns = clock.wall_ns(times_ns)
    assert (np.diff(walls_ns)[np.diff(times_ns) > US] > 0).all()
    # AND the way back leads to where it began
    assert abs(clock.monotonic_ns(walls_ns) - times_ns).max(initial=0) <= 2


@given(st.integers(MS, 10**5 * SECOND), st.integers(0, US), st.integers(0, US), st.integers(-MS // 2, MS // 2))
def test_it_is_exact_at_its_anchors_and_even_between(length_ns, first_ns, last_ns, slewed_ns):
    # GIVEN two anchors that differ a little from each other
    machine = Machine()
    first = machine.anchor(first_ns)
    machine.go(length_ns)
    last = machine.anchor(last_ns) | {"realtime_ns": machine.realtime_ns + slewed_ns}
    clock = WallClock(machine.run(first, (), last))
    # THEN both are met, and the middle lies in the middle
    assert wall(clock, first["monotonic_ns"]) == first["realtime_ns"]
    assert wall(clock, last["monotonic_ns"]) == last["realtime_ns"]
    middle_ns = first["realtime_ns"] + (last["realtime_ns"] - first["realtime_ns"]) // 2
    assert abs(wall(clock, first["monotonic_ns"] + 2 * length_ns) - middle_ns) <= 1
    assert clock.basis == "anchors"
    assert clock.doubt_ns(first["monotonic_ns"]) == first["wall_error_ns"] + first_ns
    assert clock.booted_ns == first["realtime_ns"] - first["boottime_ns"]


def test_a_step_counts_as_set_right_for_all_of_the_run():
    # GIVEN a clock that nobody kept, an hour late, and a daemon that sets it right
    machine = Machine(set_ns=-3600 * SECOND)
    first = machine.anchor(slack_ns=None)
    machine.go(SECOND)
    machine.set_ns = 0
    step = machine.anchor(slack_ns=MS) | {"clock_step_ns": 3600 * SECOND}
    machine.go(SECOND)
    clock = WallClock(machine.run(first, [step], machine.anchor(slack_ns=5 * MS)))
    # THEN the start was an hour later than it was read, to within the daemon's error and the drift of four seconds
    assert wall(clock, first["monotonic_ns"]) == pytest.approx(BOOTED_NS + 100 * SECOND, abs=200)
    assert clock.doubt_ns(first["monotonic_ns"]) == pytest.approx(MS + 4 * 500 * US, abs=US)


def test_two_clocks_that_exclude_each_other_are_both_within_the_uncertainty():
    # GIVEN a clock that was good to a millisecond before it was set by a minute, and says so after it too
    machine = Machine()
    first = machine.anchor()
    machine.go(SECOND)
    machine.set_ns = 60 * SECOND
    step = {**machine.anchor(), "wall_error_ns": MS, "clock_step_ns": 60 * SECOND}
    clock = WallClock(machine.run(first, [step]))
    # THEN nobody knows which of them was right
    assert 60 * SECOND < clock.doubt_ns(first["monotonic_ns"]) < 61 * SECOND


def test_a_suspend_is_told_once_by_all_samplers():
    # GIVEN a suspend that two samplers saw, one of them more closely
    machine = Machine()
    first = machine.anchor()
    machine.go(SECOND)
    machine.sleep(3600 * SECOND)
    before_ns, seen_ns, asleep_ns = machine.gaps[0]
    machine.gaps.append((before_ns - 50 * MS, seen_ns + 50 * MS, asleep_ns + 3))
    machine.go(SECOND)
    data = machine.run(first, (), machine.anchor())
    clock = WallClock(data)
    # THEN it is there once, where both say it was
    assert wall(clock, before_ns - MS) == pytest.approx(BOOTED_NS + before_ns - MS, abs=200)
    assert wall(clock, seen_ns) == pytest.approx(BOOTED_NS + seen_ns + asleep_ns, abs=200)
    # AND only in between it is not known on which side of it a moment was
    assert clock.doubt_ns(before_ns + MS) > 3600 * SECOND > 10 * SECOND > clock.doubt_ns(before_ns)


def test_a_suspend_that_no_sampler_saw_is_somewhere():
    machine = Machine()
    first = machine.anchor()
    machine.go(SECOND)
    machine.true_ns += 3600 * SECOND
    machine.slept_ns += 3600 * SECOND
    machine.go(SECOND)
    last = machine.anchor()
    clock = WallClock(machine.run(first, (), last))
    assert clock.doubt_ns(first["monotonic_ns"] + SECOND) > 3600 * SECOND
    assert clock.doubt_ns(last["monotonic_ns"]) < 10 * MS


@pytest.mark.parametrize("missing", ["wall_error_ns", "all"])
def test_of_older_files_the_uncertainty_is_not_known(missing):
    machine = Machine()
    first = machine.anchor()
    machine.go(SECOND)
    data = machine.run(first, (), machine.anchor())
    if missing == "all":
        del data.meta["anchor"], data.footer["anchor"]
        data.meta["started_at"] = "2026-01-02T04:05:45.678+01:00"
    else:
        del data.meta["anchor"]["wall_error_ns"], data.footer["anchor"]["wall_error_ns"]
    clock = WallClock(data)
    assert (clock.asked, clock.vouched, clock.doubt_ns(data.end_ns)) == (False, False, None)
    assert clock.basis == ("started_at" if missing == "all" else "anchors")
    assert wall(clock, data.start_ns) == pytest.approx(BOOTED_NS + 100 * SECOND, abs=SECOND)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.text(max_size=3) | st.floats(),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
NAMES = ["monotonic_ns", "realtime_ns", "boottime_ns", "uncertainty_ns", "wall_error_ns"]
ANCHORS = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 1 << 62) | JUNK) | JUNK
EVENTS = st.fixed_dictionaries(
    {"monotonic_ns": st.integers(0, 1 << 61), "clock_step_ns": st.integers(-(1 << 61), 1 << 61)}
)
GAPS = st.tuples(st.integers(0, 1 << 61), st.integers(0, 1 << 61), st.integers(0, (1 << 64) - 1))


@given(ANCHORS, ANCHORS, st.lists(EVENTS, max_size=3), st.lists(GAPS, max_size=3), JUNK)
def test_whatever_a_file_says_there_is_a_time_or_one_error(first, last, events, gaps, started_at):
    machine = Machine(gaps=gaps)
    data = machine.run({"monotonic_ns": 5}, events, {"monotonic_ns": 1 << 60})
    data.meta |= {"anchor": first, "started_at": started_at}
    data.footer["anchor"] = last
    try:
        clock = WallClock(data)
    except ValueError as error:
        assert "when it was recorded" in str(error)
        return
    assert isinstance(wall(clock, 1 << 61), int)
    doubt_ns = clock.doubt_ns(1 << 60)
    assert doubt_ns is None or doubt_ns >= 0
