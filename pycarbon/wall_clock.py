"""What time of day it was in a run, and how far that may be from true time.

Anchors tie CLOCK_MONOTONIC to the wall clock: one when the run began, one when it ended, one after each step of the
wall clock. Between two of them the offset is interpolated. While the machine was suspended CLOCK_MONOTONIC stood
still: that time is added where it was. Somebody who sets the clock sets it right, or else no daemon vouches for it
any more: of the stretches between two steps the one counts whose clock was known best, for all of the run, so that
time never jumps back.

True time lies within the reading's uncertainty, the error that the kernel had for its clock, and what a clock may
drift since. An anchor without that error says nothing of true time: without any that has one, nobody knows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import accumulate
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pycarbon.run import Flag, GapCause, RunData

Basis = Literal["anchors", "one anchor", "started_at"]
Whole = NDArray[np.int64]

DRIFT = 500e-6
"""The kernel lets a clock's error grow by as much (MAXFREQ): no quartz and no daemon's correction is further off."""

LATEST_NS = 1 << 61
LONGEST_SLEEP_NS = 1 << 59
_ANY_STEP = 1 << 70


@dataclass(frozen=True, slots=True)
class Anchor:
    """One moment on both clocks; `wall_error_ns` is None where nothing vouches for the wall clock."""

    monotonic_ns: int
    realtime_ns: int
    booted_ns: int
    uncertainty_ns: int
    wall_error_ns: int | None
    asked: bool

    @property
    def error_ns(self) -> float:
        """How far the wall clock may be from true time; infinite where it is not known."""
        return float("inf") if self.wall_error_ns is None else float(self.wall_error_ns + self.uncertainty_ns)


def _whole(values: Mapping[str, Any], name: str, latest_ns: int = LATEST_NS) -> int | None:
    value = values.get(name)
    return value if type(value) is int and 0 <= value <= latest_ns else None


def _anchor(values: Any) -> Anchor | None:
    """Read what a recorder wrote; None where it is something else."""
    if not isinstance(values, Mapping):
        return None
    monotonic_ns, realtime_ns = _whole(values, "monotonic_ns"), _whole(values, "realtime_ns", 2 * LATEST_NS)
    uncertainty_ns = _whole(values, "uncertainty_ns")
    if monotonic_ns is None or realtime_ns is None or uncertainty_ns is None:
        return None
    boottime_ns = _whole(values, "boottime_ns")
    return Anchor(
        monotonic_ns,
        realtime_ns,
        realtime_ns - (monotonic_ns if boottime_ns is None else boottime_ns),
        uncertainty_ns,
        _whole(values, "wall_error_ns"),
        "wall_error_ns" in values,
    )


class WallClock:
    """One run's clock: CLOCK_MONOTONIC to ns since 1970, UTC."""

    def __init__(self, data: RunData) -> None:
        """Read the run's anchors, steps and suspends; ValueError where it does not say when it was."""
        self._sleep_ns, self._slept_ns = _sleeps(data)
        found = [data.meta.get("anchor"), *data.events, data.footer.get("anchor")]
        read = [anchor for anchor in map(_anchor, found) if anchor is not None]
        anchors = {anchor.monotonic_ns: anchor for anchor in sorted(read, key=lambda anchor: -anchor.error_ns)}
        self.anchors = tuple(anchors[time_ns] for time_ns in sorted(anchors))
        if self.anchors:
            self.basis: Basis = "anchors" if len(self.anchors) > 1 else "one anchor"
        else:
            self.basis = "started_at"
            self.anchors = (_said(data),)
        self._at_ns = np.array([anchor.monotonic_ns for anchor in self.anchors], dtype=np.int64)
        steps = sorted((int(e.get("monotonic_ns", 0)), int(e.get("clock_step_ns", 0))) for e in data.events)
        upto = [0, *accumulate(step for _, step in steps)]
        stepped = [upto[bisect_right(steps, (anchor.monotonic_ns, _ANY_STEP))] for anchor in self.anchors]
        best = min(range(len(stepped)), key=lambda i: (self.anchors[i].error_ns, -i))
        self._ahead_ns = [by - stepped[best] for by in stepped]
        """By how much the clock at each anchor was ahead of the one that counts."""
        offsets = [
            anchor.realtime_ns - ahead - int(asleep) - anchor.monotonic_ns
            for anchor, ahead, asleep in zip(self.anchors, self._ahead_ns, self._asleep_ns(self._at_ns), strict=True)
        ]
        self._offset_ns = offsets[best]
        self._beyond_ns = np.array([offset - self._offset_ns for offset in offsets], dtype=np.float64)
        # What the offset changes from one anchor to the next, and no step or suspend explains, may have been at once.
        self._unexplained_ns = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(self._beyond_ns)))])

    @property
    def booted_ns(self) -> int | None:
        """When the machine was started, as its wall clock then had it; None where the run has no anchor."""
        return None if self.basis == "started_at" else self.anchors[0].booted_ns

    @property
    def vouched(self) -> bool:
        """Whether it is known how far this clock may be from true time."""
        return any(anchor.wall_error_ns is not None for anchor in self.anchors)

    @property
    def asked(self) -> bool:
        """Whether the recorder asked the kernel how far its clock may be off."""
        return any(anchor.asked for anchor in self.anchors)

    def wall_ns(self, time_ns: Whole) -> Whole:
        """Give the time of day of times of the run; exact at the anchors."""
        beyond_ns = np.rint(np.interp(time_ns, self._at_ns, self._beyond_ns)).astype(np.int64)
        wall_ns: Whole = time_ns + self._asleep_ns(time_ns) + beyond_ns + self._offset_ns
        return wall_ns

    def monotonic_ns(self, wall_ns: Whole) -> Whole:
        """Give when in the run it was some time of day; of what fell into a suspend, when that ended."""
        woke_ns = self._sleep_ns[:, 1]
        knot_ns = np.sort(np.concatenate([self._at_ns, woke_ns - 1, woke_ns]))
        shown_ns = np.maximum.accumulate(self.wall_ns(knot_ns))
        since_ns = np.asarray(wall_ns, dtype=np.int64) - shown_ns[0]  # small enough for a float to be exact
        inside_ns = np.clip(since_ns, 0, shown_ns[-1] - shown_ns[0])
        beyond_ns = since_ns - inside_ns + knot_ns[0]
        passed_ns = np.interp(inside_ns, shown_ns - shown_ns[0], knot_ns - knot_ns[0])
        time_ns: Whole = beyond_ns + np.rint(passed_ns).astype(np.int64)
        return time_ns

    @property
    def slewed_ns(self) -> int:
        """By how much the clock went faster or slower than CLOCK_MONOTONIC over the run, without its steps."""
        return int(self._unexplained_ns[-1])

    @property
    def stepped_ns(self) -> int:
        """How far apart its steps set the clock, at most."""
        return max(self._ahead_ns) - min(self._ahead_ns)

    def doubt_ns(self, time_ns: int) -> int | None:
        """Say how far wall_ns may be from true time, either way; None where that is not known."""
        if not self.vouched:
            return None
        reach_ns = [self._reach_ns(number, time_ns) for number in range(len(self.anchors))]
        known = [number for number, anchor in enumerate(self.anchors) if anchor.wall_error_ns is not None]
        doubt_ns = min(reach_ns[number] for number in known if self._ahead_ns[number] == 0)
        for number in known:  # two clocks that were both vouched for, and exclude each other: it may be either
            apart_ns = abs(self._ahead_ns[number])
            if apart_ns > doubt_ns + reach_ns[number]:
                doubt_ns = apart_ns + reach_ns[number]
        return int(np.ceil(doubt_ns))

    def _reach_ns(self, number: int, time_ns: int) -> float:
        """Say how far true time may be from what one anchor says of a time."""
        anchor = self.anchors[number]
        here = np.array([time_ns, anchor.monotonic_ns], dtype=np.int64)
        passed_ns = abs(time_ns - anchor.monotonic_ns) + abs(int(np.diff(self._asleep_ns(here))[0]))
        left = max(int(np.searchsorted(self._at_ns, time_ns, side="right")) - 1, 0)
        right = min(int(np.searchsorted(self._at_ns, time_ns, side="left")), len(self._at_ns) - 1)
        unexplained_ns = self._unexplained_ns[max(right, number)] - self._unexplained_ns[min(left, number)]
        within = (self._sleep_ns[:, 0] < time_ns) & (time_ns < self._sleep_ns[:, 1])
        return anchor.error_ns + DRIFT * passed_ns + float(unexplained_ns) + float(self._slept_ns[within].sum())

    def _asleep_ns(self, time_ns: Whole) -> Whole:
        """Give how long the machine had been suspended by each time, since the run began."""
        upto = np.concatenate([[0], np.cumsum(self._slept_ns)])
        asleep_ns: Whole = upto[np.searchsorted(self._sleep_ns[:, 1], time_ns, side="right")]
        return asleep_ns


def _said(data: RunData) -> Anchor:
    """Make do with the time that people read, of a run without anchors: it is from before the first look."""
    try:
        started = datetime.fromisoformat(str(data.meta["started_at"]))
        if started.tzinfo is None:
            raise ValueError("it has no offset")
        since = started - datetime(1970, 1, 1, tzinfo=timezone.utc)
    except (KeyError, ValueError):
        raise ValueError("it does not say when it was recorded") from None
    realtime_ns = min(max(round(since.total_seconds() * 1000) * 1_000_000, 0), 2 * LATEST_NS)
    return Anchor(data.start_ns, realtime_ns, realtime_ns - data.start_ns, 0, None, False)


def _sleeps(data: RunData) -> tuple[Whole, Whole]:
    """Collect the suspends: between which times each was, shape (n, 2), and how long, (n,).

    Each sampler tells of them, in looks of its own: of spans that overlap the shortest says best where it was.
    """
    found: list[tuple[int, int, int]] = []
    for edges in data.edges.values():
        asleep = edges[((edges["flags"] & Flag.GAP) != 0) & (edges["error"] == GapCause.SUSPENDED)]
        found += [
            (int(edge["t_seen_ns"]), int(edge["t_before_ns"]), min(int(edge["raw"]), LONGEST_SLEEP_NS))
            for edge in asleep
        ]
    sleeps: list[tuple[int, int, int]] = []
    for seen_ns, before_ns, asleep_ns in sorted(found):
        if sleeps and before_ns < sleeps[-1][1]:
            last_before_ns, last_seen_ns, last_asleep_ns = sleeps[-1]
            sleeps[-1] = (max(before_ns, last_before_ns), last_seen_ns, max(asleep_ns, last_asleep_ns))
        elif sum(sleep[2] for sleep in sleeps) + asleep_ns <= LONGEST_SLEEP_NS:
            sleeps.append((before_ns, seen_ns, asleep_ns))
    spans = np.array([sleep[:2] for sleep in sleeps], dtype=np.int64).reshape(len(sleeps), 2)
    return spans, np.array([sleep[2] for sleep in sleeps], dtype=np.int64)
