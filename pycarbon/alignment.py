"""A timeline of kernels on the clock of a run: how the two clocks meet, how well, and what of it lies in the run.

A trace on CLOCK_MONOTONIC is on the run's clock already. One by the time of day is moved by the run's anchors
(wall_clock.py), between which the offset is interpolated. The tracer looked at both clocks at some moment of its own:
so it may be off by all that they slewed against each other over the run, beside the error of an anchor and its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycarbon.errors import PyCarbonError
from pycarbon.kernel_timeline import KernelTimeline
from pycarbon.reports.figures import duration, percent
from pycarbon.run import RunData
from pycarbon.wall_clock import DRIFT, WallClock

Whole = NDArray[np.int64]

HARDLY = 0.999
"""Of a trace of which more than that lies in the run, nothing is missing."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where a trace lies in a run. All times are CLOCK_MONOTONIC, in ns.

    `first_ns` to `last_ns` is what was traced, `start_ns` to `end_ns` what of it lies in the run. The trace's times
    may be off by `error_ns`, all by the same. `clock` is None where it was the run's own.
    """

    clock: WallClock | None
    error_ns: int
    first_ns: int
    last_ns: int
    start_ns: int
    end_ns: int

    @property
    def how(self) -> str:
        """Say in words how the clocks were brought together, and how well."""
        means = "aligned by the wall clock" if self.clock else "on the run's own clock"
        return f"{means}, within {duration(self.error_ns / 1e9)}" if self.error_ns else means

    @property
    def notes(self) -> list[str]:
        """Say what of the trace does not lie in the run."""
        traced_ns, inside_ns = self.last_ns - self.first_ns, self.end_ns - self.start_ns
        notes = [f"{_set(self.clock)}: the trace may be off by as much"] if _set(self.clock) else []
        if inside_ns >= HARDLY * traced_ns:
            return notes
        early, late = self.start_ns - self.first_ns, self.last_ns - self.end_ns
        beyond = [f"it begins {duration(early / 1e9)} before the run"] if early > 0 else []
        beyond += [f"it ends {duration(late / 1e9)} after it"] if late > 0 else []
        return [
            *notes,
            f"{percent(inside_ns / traced_ns)} of the trace lies in the run, and figures are of that: "
            f"{' and '.join(beyond)}",
        ]

    def here_ns(self, time_ns: Whole) -> Whole:
        """Give times of the trace on the run's clock."""
        return time_ns if self.clock is None else self.clock.monotonic_ns(time_ns)

    def there_ns(self, time_ns: Whole) -> Whole:
        """Give times of the run on the trace's clock."""
        return time_ns if self.clock is None else self.clock.wall_ns(time_ns)


def align(timeline: KernelTimeline, data: RunData) -> Alignment:
    """Find where a trace lies in a run; PyCarbonError, in one line, where it lies nowhere in it."""
    if not len(timeline.spans):
        raise PyCarbonError("the trace holds no kernel and no copy of a GPU")
    clock = _wall_clock(data) if timeline.clock == "wall" else None
    error_ns = timeline.error_ns + (0 if clock is None else _clock_error_ns(clock, data))
    ends = np.array([timeline.spans["start_ns"][0], timeline.spans["end_ns"].max()], dtype=np.int64)
    first_ns, last_ns = (ends if clock is None else clock.monotonic_ns(ends)).tolist()
    why = _set(clock) or "it is not of this run"
    if last_ns <= data.start_ns:
        by = duration((data.start_ns - last_ns) / 1e9)
        raise PyCarbonError(f"the trace ends before the run begins (by {by}): {why}")
    if first_ns >= data.end_ns:
        by = duration((first_ns - data.end_ns) / 1e9)
        raise PyCarbonError(f"the trace begins after the run ends (by {by}): {why}")
    start_ns, end_ns = max(first_ns, data.start_ns), min(last_ns, data.end_ns)
    if end_ns <= start_ns:
        raise PyCarbonError("what the trace holds took no time: it tells no kernel's energy")
    return Alignment(clock, error_ns, first_ns, last_ns, start_ns, end_ns)


def _set(clock: WallClock | None) -> str:
    """Say that somebody set the wall clock in the run, if so."""
    if clock is None or not clock.stepped_ns:
        return ""
    return f"the wall clock was set by {duration(clock.stepped_ns / 1e9)} while the run was recorded"


def _wall_clock(data: RunData) -> WallClock:
    try:
        clock = WallClock(data)
    except ValueError as error:
        raise PyCarbonError(f"the trace is by the time of day, which this run does not tell: {error}") from None
    if clock.basis == "started_at":
        raise PyCarbonError("the trace is by the time of day, of which this run has no anchor: record it anew")
    return clock


def _clock_error_ns(clock: WallClock, data: RunData) -> int:
    """Say how far a time of day that the traced machine showed may be from the run's."""
    uncertainty_ns = max(anchor.uncertainty_ns for anchor in clock.anchors)
    far_ns = 0
    if clock.basis == "one anchor":
        far_ns = math.ceil(DRIFT * (data.end_ns - data.start_ns))
    return uncertainty_ns + clock.slewed_ns + clock.stepped_ns + far_ns
