"""The wall clock: through steps and suspends, and from what a file may hold instead of anchors."""

from __future__ import annotations

import numpy as np
import pytest
from counter_simulator import PACKAGE

from pycarbon.exports.wall_clock import WallClock, anchors
from pycarbon.run import EDGE_DTYPE, Flag, GapCause, RunData

SECOND = 10**9
EPOCH_NS = 1_700_000_000 * SECOND


def anchor(monotonic_ns: int, realtime_ns: int, **more: int) -> dict[str, int]:
    return {"monotonic_ns": monotonic_ns, "realtime_ns": realtime_ns, "uncertainty_ns": 100, **more}


def run_of(first=None, last=None, events=(), edges=()) -> RunData:
    meta = {"start_ns": 10 * SECOND} | ({} if first is None else {"anchor": first})
    footer = {"end_ns": 20 * SECOND} | ({} if last is None else {"anchor": last})
    return RunData(meta, [PACKAGE], {0: np.array(list(edges), EDGE_DTYPE)}, footer, True, list(events))


def shown(run: RunData, *seconds: float) -> list[float]:
    """Seconds since EPOCH_NS that the wall clock showed."""
    utc = WallClock(run).utc(np.array([int(s * SECOND) for s in seconds], np.int64))
    return ((utc.astype("<i8") - EPOCH_NS) / SECOND).tolist()


def test_it_goes_with_the_monotonic_clock():
    run = run_of(anchor(10 * SECOND, EPOCH_NS))
    assert shown(run, 9, 10, 10.5, 20) == [-1, 0, 0.5, 10]


def test_it_was_slewed_evenly():
    run = run_of(anchor(10 * SECOND, EPOCH_NS), anchor(20 * SECOND, EPOCH_NS + 10 * SECOND + 4000))
    assert shown(run, 15, 20) == pytest.approx([5 + 2e-6, 10 + 4e-6], abs=1e-9)


def test_it_was_set_during_the_run():
    # GIVEN a clock set forward by an hour, told at 14 s
    step = anchor(14 * SECOND, EPOCH_NS + 3604 * SECOND, clock_step_ns=3600 * SECOND)
    run = run_of(anchor(10 * SECOND, EPOCH_NS), anchor(20 * SECOND, EPOCH_NS + 3610 * SECOND), [step])
    # THEN times before and after are what it showed then
    assert shown(run, 13.999, 14, 20) == pytest.approx([3.999, 3604, 3610])


def test_it_went_on_while_the_machine_was_suspended():
    slept = (11 * SECOND, 12 * SECOND, 50 * SECOND, 0, Flag.GAP, GapCause.SUSPENDED)
    other = (13 * SECOND, 14 * SECOND, 0, 0, Flag.GAP, GapCause.STARVED)
    run = run_of(anchor(10 * SECOND, EPOCH_NS), edges=[slept, other])
    assert shown(run, 11, 12, 15) == [1, 52, 55]


def test_without_an_anchor_the_start_is_known():
    run = run_of()
    run.meta["started_at"] = "2023-11-14T23:13:20.5+01:00"
    assert shown(run, 10, 11) == [0.5, 1.5]


@pytest.mark.parametrize("value", [None, 5, [], {}, {"monotonic_ns": 1}, {"monotonic_ns": 1, "realtime_ns": "x"},
                                   {"monotonic_ns": True, "realtime_ns": 2**70}])  # fmt: skip
@pytest.mark.parametrize("started_at", ["", "soon", 7, "0001-01-01T00:00:00+14:00"])
def test_what_is_no_anchor_tells_nothing(value, started_at):
    run = run_of(value, value)
    run.meta["started_at"] = started_at
    assert anchors(run) == []
    WallClock(run).utc(np.array([10 * SECOND], np.int64))
    if started_at != "0001-01-01T00:00:00+14:00":
        assert np.isnat(WallClock(run).utc(np.array([10 * SECOND], np.int64))).all()
