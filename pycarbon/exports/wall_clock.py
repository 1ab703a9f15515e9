"""What the wall clock showed at a time of CLOCK_MONOTONIC, from the moments at which both were recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycarbon.run import Flag, GapCause, RunData

UNKNOWN = np.iinfo(np.int64).min
"""NaT, as datetime64 holds it."""

LATEST_NS = 2**62
CLOCKS = ("monotonic_ns", "realtime_ns", "boottime_ns")


def anchors(run: RunData) -> list[dict[str, int]]:
    """Give the moments at which several clocks were read, in order; a file may hold anything under the name."""
    found = [run.meta.get("anchor"), *run.events, run.footer.get("anchor")]
    read = [{name: anchor[name] for name in CLOCKS if _is_time(anchor.get(name))} for anchor in map(_mapping, found)]
    whole = [anchor for anchor in read if "monotonic_ns" in anchor and "realtime_ns" in anchor]
    return sorted(whole, key=lambda anchor: anchor["monotonic_ns"])


class WallClock:
    """The wall clock of a run.

    It goes with CLOCK_MONOTONIC from the first anchor on, jumps where it was set and where the machine was suspended,
    and what is left at the last anchor was slewed evenly.
    """

    def __init__(self, run: RunData) -> None:
        """Find the anchors; without any, `started_at` is what there is."""
        known = anchors(run)
        if not known:
            started_ns = _started_ns(run.meta)
            known = [] if started_ns is None else [{"monotonic_ns": run.start_ns, "realtime_ns": started_ns}]
        self._known = bool(known)
        if not known:
            return
        jumps = _jumps(run)
        self._jump_ns = np.array([time_ns for time_ns, _ in jumps], dtype=np.int64)
        self._jumped_ns = np.concatenate([[0], np.cumsum(np.array([by for _, by in jumps], dtype=np.int64))])
        self._first_ns, self._last_ns = known[0]["monotonic_ns"], known[-1]["monotonic_ns"]
        self._offset_ns = known[0]["realtime_ns"] - self._first_ns
        end_ns = np.array([self._last_ns], dtype=np.int64)
        self._slewed_ns = known[-1]["realtime_ns"] - self._last_ns - self._offset_ns - int(self._jumps_by(end_ns)[0])

    def utc(self, time_ns: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """Give UTC as datetime64[ns]; NaT where the run does not tell it."""
        if not self._known:
            return np.full(len(time_ns), UNKNOWN, dtype=np.int64).view("M8[ns]")
        span_ns = self._last_ns - self._first_ns
        slewed_ns = np.zeros(len(time_ns), dtype=np.int64)
        if span_ns > 0 and self._slewed_ns:
            part = np.clip((time_ns - self._first_ns) / span_ns, 0.0, 1.0)
            slewed_ns = np.rint(part * self._slewed_ns).astype(np.int64)
        shown: NDArray[np.int64] = time_ns + self._offset_ns + self._jumps_by(time_ns) + slewed_ns
        return shown.view("M8[ns]")

    def _jumps_by(self, time_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        before = np.searchsorted(self._jump_ns, self._first_ns, side="right")
        by: NDArray[np.int64] = self._jumped_ns[np.searchsorted(self._jump_ns, time_ns, side="right")]
        by -= self._jumped_ns[before]
        return by


def _jumps(run: RunData) -> list[tuple[int, int]]:
    """Give when the wall clock jumped, and by how much: it was set, or went on while the machine was suspended."""
    steps = [(event["monotonic_ns"], event["clock_step_ns"]) for event in run.events if "clock_step_ns" in event]
    asleep: dict[int, int] = {}
    for edges in run.edges.values():
        gap = ((edges["flags"] & Flag.GAP) != 0) & (edges["error"] == GapCause.SUSPENDED)
        asleep |= dict(zip(edges["t_seen_ns"][gap].tolist(), edges["raw"][gap].tolist(), strict=True))
    return sorted([*steps, *((time_ns, by) for time_ns, by in asleep.items() if by < LATEST_NS)])


def _started_ns(meta: Mapping[str, Any]) -> int | None:
    try:
        started = datetime.fromisoformat(str(meta.get("started_at", "")).replace("Z", "+00:00"))
        since = started.astimezone(timezone.utc) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return None
    return (since.days * 86400 + since.seconds) * 10**9 + since.microseconds * 1000


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_time(value: Any) -> bool:
    return type(value) is int and 0 <= value < LATEST_NS
