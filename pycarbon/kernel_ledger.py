"""The launches of one GPU as a ledger: what ran between two updates of its counter, and for how long.

Where several ran at once (streams that overlap) each counts for its part of the time: one of two for half of it. So
the times of all, and that in which nothing ran, add up to the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycarbon.ledger import NODE_DTYPE, ROW_DTYPE, SLICE_DTYPE, Ledger

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

NOBODY = 65535

OVERLAP = 1e-3
"""Tracers round: launches that overlap for no larger part of a slice followed each other."""

AT_A_TIME = 1 << 20
"""So many launches are folded at once, so that memory stays within reason."""


@dataclass(frozen=True, slots=True)
class Launches:
    """What ran on one GPU, in order of starts: CLOCK_MONOTONIC in ns, and the index of its name, (n,)."""

    start_ns: Whole
    end_ns: Whole
    name: NDArray[np.integer]

    def between(self, start_ns: int, end_ns: int) -> Launches:
        """Give those of a span, cut to it."""
        begin, end = np.maximum(self.start_ns, start_ns), np.minimum(self.end_ns, end_ns)
        inside = (end > begin) | ((end == begin) & (self.start_ns == self.end_ns))
        return (
            self
            if inside.all() and _same(begin, end, self)
            else Launches(begin[inside], end[inside], self.name[inside])
        )


def _same(begin: Whole, end: Whole, launches: Launches) -> bool:
    return bool((begin == launches.start_ns).all() and (end == launches.end_ns).all())


class Crowd:
    """How many launches there are at any time, and how much of it each then has."""

    def __init__(self, launches: Launches) -> None:
        """Count them; nothing is kept where they follow each other."""
        starts, ends = launches.start_ns, np.sort(launches.end_ns, kind="stable")
        self.overlaps = bool((ends[:-1] > starts[1:]).any())
        if not self.overlaps:
            return
        time_ns = np.sort(np.concatenate([starts, ends]), kind="stable")  # two runs that are sorted: quick
        count = np.searchsorted(starts, time_ns, side="right") - np.searchsorted(ends, time_ns, side="right")
        length_ns = np.diff(time_ns)
        self._time_ns = time_ns
        self._count = count[:-1]
        self._share_ns = _upto(length_ns / np.maximum(self._count, 1) * (self._count > 0))
        self._several_ns = _upto(length_ns * (self._count > 1))

    def share_ns(self, time_ns: Whole) -> Whole:
        """Give what a launch that is there all the time would have had up to each time: whole ns, from any zero."""
        if not self.overlaps:
            return time_ns
        return np.rint(np.interp(time_ns, self._time_ns, self._share_ns)).astype(np.int64)

    def at_once(self, border_ns: Whole) -> Whole:
        """Say how many there were at once between each two borders, (n + 1,); 1 where they hardly overlapped."""
        most = np.ones(len(border_ns) - 1, np.int64)
        if not self.overlaps:
            return most
        several_ns = np.diff(np.interp(border_ns, self._time_ns, self._several_ns))
        at = np.searchsorted(self._time_ns, border_ns, side="right") - 1
        at = np.clip(at, 0, len(self._count) - 1)
        peak = np.maximum.reduceat(self._count, at[:-1]) if len(most) else most
        peak = np.maximum(peak, self._count[at[1:]])
        return np.where(several_ns > OVERLAP * np.diff(border_ns), np.maximum(peak, 2), most)


def _upto(parts: Array) -> Array:
    total: Array = np.concatenate([[0.0], np.cumsum(parts)])
    return total


def ledger_of(
    launches: Launches, names: list[str], update_ns: NDArray[np.float64], start_ns: int, end_ns: int
) -> Ledger:
    """Fold launches between two times, cut to them, into slices that end at the counter's updates.

    Nodes are the names that ran, in the order of `names`, and none is in another.
    """
    used = np.flatnonzero(np.bincount(launches.name, minlength=len(names)))
    node_of = np.zeros(max(len(names), 1), np.int64)
    node_of[used] = np.arange(len(used))
    inner = np.unique(np.rint(update_ns).astype(np.int64))
    border_ns = np.concatenate([[start_ns], inner[(inner > start_ns) & (inner < end_ns)], [end_ns]])
    crowd = Crowd(launches)
    parts = [
        _rows(launches, slice(first, first + AT_A_TIME), node_of, len(used), border_ns, crowd)
        for first in range(0, len(launches.name), AT_A_TIME)
    ]
    rows = np.concatenate(parts) if parts else np.empty(0, ROW_DTYPE)
    rows = rows[np.argsort(rows["slice"], kind="stable")]
    slices = np.zeros(len(border_ns) - 1, SLICE_DTYPE)
    slices["start_ns"], slices["end_ns"], slices["channel"] = border_ns[:-1], border_ns[1:], NOBODY
    there = np.bincount(rows["slice"], minlength=len(slices)) > 0
    slices["threads"] = np.where(there, np.minimum(crowd.at_once(border_ns), NOBODY), 0)
    nodes = np.zeros(len(used), NODE_DTYPE)
    labels: dict[str, int] = {}
    nodes["parent"] = -1
    nodes["label"] = [labels.setdefault(names[number], len(labels)) for number in used.tolist()]
    return Ledger(list(labels), nodes, slices, rows)


def _rows(
    launches: Launches, some: slice, node_of: Whole, nodes: int, border_ns: Whole, crowd: Crowd
) -> NDArray[np.void]:
    """Say for some launches how long each name ran in each slice, and how often it began there."""
    start_ns, end_ns, node = launches.start_ns[some], launches.end_ns[some], node_of[launches.name[some]]
    last_slice = len(border_ns) - 2
    first = np.clip(np.searchsorted(border_ns, start_ns, side="right") - 1, 0, last_slice)
    last = np.clip(np.searchsorted(border_ns, end_ns, side="left") - 1, first, last_slice)
    pieces = last - first + 1
    begins = np.cumsum(pieces) - pieces
    where = np.repeat(first - begins, pieces) + np.arange(int(pieces.sum()))
    begin_ns = np.maximum(np.repeat(start_ns, pieces), border_ns[where])
    stop_ns = np.minimum(np.repeat(end_ns, pieces), border_ns[where + 1])
    time_ns = np.maximum(crowd.share_ns(stop_ns) - crowd.share_ns(begin_ns), 0)
    is_first = np.zeros(len(where), np.int64)
    is_first[begins] = 1
    key = where * nodes + np.repeat(node, pieces)
    order = np.argsort(key, kind="stable")
    key = key[order]
    at = np.flatnonzero(np.diff(key, prepend=-1))
    rows = np.zeros(len(at), ROW_DTYPE)
    rows["slice"], rows["node"] = key[at] // nodes, key[at] % nodes
    rows["time_ns"] = rows["cpu_ns"] = np.add.reduceat(time_ns[order], at)
    rows["calls"] = np.add.reduceat(is_first[order], at)
    return rows
