"""What ran in each interval of a counter, as the equations of a fit: energy = sum of power x time, label by label.

With one thread at a time the labels, and what is outside of all, divide the interval. With several at once each label
adds its own power for as long as a CPU was spent on it, to what the machine draws without any; that idle power is
divided by CPU time.

Slivers are not fitted: what lies between calls that follow each other within a microsecond or two has no power of its
own that any other interval could tell, but has the power of what it lies between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

MOST_LABELS = 200
"""So many labels have a power of their own, those that ran longest; the others have one together."""

BETWEEN_S, FEWEST_CALLS, MOST_PART = 2e-6, 8, 0.25
"""What ran in an interval of so many calls or more for less than that per call, and for no larger part of it, is a
sliver."""

ROUNDED = 1e-9
"""Borders are whole ns: what is less than that of an interval is nothing of it."""

WAITING = 1e-3
"""A thread that only waits in a region counts for so much of one that works, beside others."""


def summed(index: Indices, values: NDArray[Any], count: int) -> Array:
    """Add up what has the same index; numpy's own gives whole numbers where there is nothing."""
    return np.bincount(index, values, count).astype(np.float64, copy=False)


@dataclass(frozen=True, slots=True)
class Intervals:
    """Counter intervals of one channel, and what ran in them.

    All times of n intervals are ns on CLOCK_MONOTONIC; usually one begins where the other ends. `energy_j` is what
    was used in each, `start_sd_ns` and `end_sd_ns` the standard errors of their times, `grain_j` the counter's step,
    `threads` how many threads were in a region in it. The m rows say how long a node ran in an interval by itself,
    how much CPU time it had, and how often it was entered, in order of intervals.
    """

    start_ns: Array
    end_ns: Array
    energy_j: Array
    start_sd_ns: Array
    end_sd_ns: Array
    grain_j: float
    threads: NDArray[np.integer]
    row_interval: Indices
    row_node: Indices
    row_time_s: Array
    row_cpu_s: Array
    row_calls: NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Design:
    """The equations. Columns are labels, and last what no region has to do with.

    A row says of a node in an interval: it was entered `calls` times, its label's power counts `own_s` long, the last
    column's `shared_s`; `part` of what the fit leaves over is the node's. `outside_s` and `outside_part` (n,) are the
    same for what is outside. Slivers are counted with neither power, the others longer instead: `sliver_part` (n,) of
    an interval are slivers.
    """

    length_s: Array
    energy_j: Array
    interval: Indices
    node: Indices
    column: Indices
    calls: NDArray[Any]
    own_s: Array
    shared_s: Array
    part: Array
    outside_s: Array
    outside_part: Array
    columns: int
    sliver: NDArray[np.bool_]
    outside_sliver: NDArray[np.bool_]
    sliver_part: Array
    at_once: NDArray[np.bool_]
    """(n,) where several threads were in regions."""

    def dense(self) -> Array:
        """Give the matrix of the equations, shape (n, columns)."""
        count, width = len(self.length_s), self.columns
        at = self.interval * width
        filled = summed(at + self.column, self.own_s, count * width)
        filled += summed(at + width - 1, self.shared_s, count * width)
        matrix: Array = filled.reshape(-1, width)
        matrix[:, -1] += self.outside_s
        return matrix

    def explained_j(self, power_w: Array) -> Array:
        """Give the energy that the powers explain, by interval."""
        row_j = power_w[self.column] * self.own_s + power_w[-1] * self.shared_s
        explained: Array = summed(self.interval, row_j, len(self.length_s)) + power_w[-1] * self.outside_s
        return explained


class Presence:
    """In which intervals groups of nodes ran: a group takes as long to look at as it has rows."""

    def __init__(self, equations: Design, nodes: int) -> None:
        """Sort the rows by their node."""
        self._d = equations
        narrow = np.uint16 if nodes <= 1 << 16 else np.int64  # numpy sorts short numbers fast
        self._order = np.argsort(equations.node.astype(narrow), kind="stable")
        self._begins = np.searchsorted(equations.node[self._order], np.arange(nodes + 1))

    def rows(self, members: Indices) -> Indices:
        """Give the rows of a group."""
        parts = [self._order[self._begins[member] : self._begins[member + 1]] for member in members.tolist()]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def of(self, rows: Indices) -> tuple[Indices, Array]:
        """Give the intervals that some rows are in, in order, and what part of each is theirs: 1 where it is all."""
        interval, part = self._d.interval[rows], self._d.part[rows]
        if len(rows) > 1 and not (np.diff(interval) > 0).all():
            order = np.argsort(interval, kind="stable")
            interval = interval[order]
            first = np.flatnonzero(np.diff(interval, prepend=-1))
            interval, part = interval[first], np.add.reduceat(part[order], first)
        return _present(interval, part)

    def outside(self) -> tuple[Indices, Array]:
        """Give the same for what is outside of all regions."""
        return _present(np.arange(len(self._d.length_s)), self._d.outside_part)


def _present(interval: Indices, part: Array) -> tuple[Indices, Array]:
    there = part >= ROUNDED
    return interval[there], np.where(part > 1 - ROUNDED, 1.0, part)[there]


def columns_of(intervals: Intervals, node_label: Indices) -> Indices:
    """Give each node's column: that of its label, or one for all labels that ran too little."""
    labels = int(node_label.max(initial=-1)) + 1
    if labels <= MOST_LABELS:
        return node_label
    ran_s = summed(node_label[intervals.row_node], intervals.row_time_s, labels)
    column = np.full(labels, MOST_LABELS - 1)
    column[np.argsort(-ran_s, kind="stable")[: MOST_LABELS - 1]] = np.arange(MOST_LABELS - 1)
    return column[node_label]


def _once(intervals: Intervals, nodes: int) -> tuple[Indices, Indices, Array, Array, NDArray[Any]]:
    """Give the rows with each node once in an interval."""
    interval, node = intervals.row_interval, intervals.row_node
    time_s, cpu_s, calls = intervals.row_time_s, intervals.row_cpu_s, intervals.row_calls
    key = interval * nodes + node
    if (np.diff(key) > 0).all():
        return interval, node, time_s, cpu_s, calls
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.diff(key, prepend=-1) != 0)
    return (
        interval[order][first],
        node[order][first],
        np.add.reduceat(time_s[order], first),
        np.add.reduceat(cpu_s[order], first),
        np.add.reduceat(calls[order], first),
    )


def design(intervals: Intervals, node_label: Indices) -> Design:
    """Set the equations up; `node_label` (k,) is the label of each node."""
    length_s = np.maximum(intervals.end_ns - intervals.start_ns, 1.0) / 1e9
    count = len(length_s)
    interval, node, time_s, cpu_s, row_calls = _once(intervals, max(len(node_label), 1))
    column = columns_of(intervals, node_label)
    at_once = np.asarray(intervals.threads) > 1
    covered_s = summed(interval, time_s, count)
    if at_once.any():
        weight_s = np.where(at_once[interval], np.maximum(cpu_s, WAITING * time_s), time_s)
        busy_s = np.maximum(summed(interval, weight_s, count), length_s)
        own_s, part = cpu_s, weight_s / busy_s[interval]
        shared_s = part * length_s[interval]
        filled = summed(interval, part, count)
    else:
        # Borders are rounded to ns: what ran may seem longer than the interval.
        whole_s = np.maximum(covered_s, length_s)
        own_s, part = time_s, time_s * (1 / whole_s)[interval]
        if (covered_s > length_s).any():
            own_s = part * length_s[interval]
        shared_s, filled = np.zeros(len(own_s)), covered_s / whole_s
    outside_part = np.maximum(1.0 - filled, 0.0)
    outside_part[outside_part < ROUNDED] = 0.0
    calls = summed(interval, row_calls, count)
    outside_s, sliver_part = outside_part * length_s, np.zeros(count)
    sliver, outside_sliver = _slivers(calls, interval, node, part, outside_part, length_s)
    if at_once.any():
        sliver[:] = outside_sliver[:] = False
    if sliver.any() or outside_sliver.any():
        sliver_part = summed(interval, part * sliver, count) + outside_part * outside_sliver
        longer = 1 / (1 - sliver_part)
        own_s = np.where(sliver, 0.0, own_s * longer[interval])
        outside_s = np.where(outside_sliver, 0.0, outside_s * longer)
    return Design(
        length_s=length_s,
        energy_j=intervals.energy_j,
        interval=interval,
        node=node,
        column=column[node],
        calls=row_calls,
        own_s=own_s,
        shared_s=shared_s,
        part=part,
        outside_s=outside_s,
        outside_part=outside_part,
        columns=int(column.max(initial=-1)) + 2,
        sliver=sliver,
        outside_sliver=outside_sliver,
        sliver_part=sliver_part,
        at_once=at_once,
    )


def _slivers(
    calls: Array, interval: Indices, node: Indices, part: Array, outside_part: Array, length_s: Array
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which rows are slivers, and in which intervals what is outside is one."""
    most = np.where(calls >= FEWEST_CALLS, np.minimum(BETWEEN_S * calls / length_s, MOST_PART), 0.0)
    if not most.any():
        return np.zeros(len(part), bool), np.zeros(len(calls), bool)
    sliver = (part >= ROUNDED) & (part < most[interval])
    outside_sliver = (outside_part > 0) & (outside_part < most)
    if sliver.any():
        order = np.argsort(node, kind="stable")
        sliver[order] &= _goes_on(interval[order], part[order], np.diff(node[order]) == 0)
    if outside_sliver.any():
        outside_sliver &= _goes_on(np.arange(len(calls)), outside_part, outside_part[1:] * outside_part[:-1] > 0)
    if not sliver.any() and not outside_sliver.any():
        return sliver, outside_sliver
    slivers = summed(interval, part * sliver, len(calls)) + outside_part * outside_sliver
    solid = slivers <= 2 * MOST_PART  # else there is nothing that they lie between
    return sliver & solid[interval], outside_sliver & solid


def _goes_on(interval: Indices, part: Array, same: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say of which parts the intervals around have as little: not of the end, or beginning, of something longer."""
    beside = same & (np.diff(interval) == 1)
    little, much = beside & (part[1:] < MOST_PART), beside & (part[1:] >= MOST_PART)
    little_before, much_before = beside & (part[:-1] < MOST_PART), beside & (part[:-1] >= MOST_PART)
    some, more = np.append(little, False) | np.append(False, little_before), np.append(much, False)
    found: NDArray[np.bool_] = some & ~more & ~np.append(False, much_before)
    return found
