"""What ran in each interval of a counter, as the equations of a fit: energy = sum of power x time, label by label.

With one thread at a time the labels, and what is outside of all, divide the interval. With several at once each label
adds its own power for as long as a CPU was spent on it, to what the machine draws without any; that idle power is
divided by CPU time.
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

    A row says of a node in an interval: its label's power counts `own_s` long, the last column's `shared_s`; `part`
    of what the fit leaves over is the node's. `outside_s` and `outside_part` (n,) are the same for what is outside.
    """

    length_s: Array
    energy_j: Array
    interval: Indices
    node: Indices
    column: Indices
    own_s: Array
    shared_s: Array
    part: Array
    outside_s: Array
    outside_part: Array
    columns: int
    at_once: NDArray[np.bool_]
    """(n,) where several threads were in regions."""

    def dense(self, first: int, last: int) -> Array:
        """Give the matrix of some intervals, shape (last - first, columns)."""
        rows = slice(*np.searchsorted(self.interval, [first, last]))
        width = self.columns
        at = (self.interval[rows] - first) * width
        filled = summed(at + self.column[rows], self.own_s[rows], (last - first) * width)
        shared = summed(at + width - 1, self.shared_s[rows], (last - first) * width)
        matrix: Array = (filled + shared).reshape(-1, width)
        matrix[:, -1] += self.outside_s[first:last]
        return matrix

    def parts(self, first: int, last: int, nodes: int) -> Array:
        """Give each node's part of some intervals, shape (last - first, nodes)."""
        rows = slice(*np.searchsorted(self.interval, [first, last]))
        at = (self.interval[rows] - first) * nodes + self.node[rows]
        filled: Array = summed(at, self.part[rows], (last - first) * nodes).reshape(-1, nodes)
        return filled


def columns_of(intervals: Intervals, node_label: Indices) -> Indices:
    """Give each node's column: that of its label, or one for all labels that ran too little."""
    labels = int(node_label.max(initial=-1)) + 1
    ran_s = summed(node_label[intervals.row_node], intervals.row_time_s, labels)
    if labels <= MOST_LABELS:
        return node_label
    column = np.full(labels, MOST_LABELS - 1)
    column[np.argsort(-ran_s, kind="stable")[: MOST_LABELS - 1]] = np.arange(MOST_LABELS - 1)
    return column[node_label]


def _once(intervals: Intervals, nodes: int) -> tuple[Indices, Indices, Array, Array]:
    """Give the rows with each node once in an interval."""
    interval, node = intervals.row_interval, intervals.row_node
    time_s, cpu_s = intervals.row_time_s, intervals.row_cpu_s
    key = interval * nodes + node
    if (np.diff(key) > 0).all():
        return interval, node, time_s, cpu_s
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.diff(key, prepend=-1) != 0)
    return (
        interval[order][first],
        node[order][first],
        np.add.reduceat(time_s[order], first),
        np.add.reduceat(cpu_s[order], first),
    )


def design(intervals: Intervals, node_label: Indices) -> Design:
    """Set the equations up; `node_label` (k,) is the label of each node."""
    length_s = np.maximum(intervals.end_ns - intervals.start_ns, 1.0) / 1e9
    count = len(length_s)
    interval, node, time_s, cpu_s = _once(intervals, max(len(node_label), 1))
    column = columns_of(intervals, node_label)
    at_once = np.asarray(intervals.threads) > 1
    covered_s = summed(interval, time_s, count)
    if at_once.any():
        weight_s = np.where(at_once[interval], np.maximum(cpu_s, WAITING * time_s), time_s)
        busy_s = np.maximum(summed(interval, weight_s, count), length_s)
        own_s, part = cpu_s, weight_s / busy_s[interval]
        shared_s = part * length_s[interval]
    else:
        # Borders are rounded to ns: what ran may seem longer than the interval.
        fits = length_s / np.maximum(covered_s, length_s)
        own_s = time_s * fits[interval]
        shared_s, part = np.zeros(len(own_s)), own_s / length_s[interval]
    outside_part = np.maximum(1.0 - summed(interval, part, count), 0.0)
    outside_part[outside_part < 1e-9] = 0.0
    columns = int(column.max(initial=-1)) + 2
    return Design(
        length_s,
        intervals.energy_j,
        interval,
        node,
        column[node],
        own_s,
        shared_s,
        part,
        outside_part * length_s,
        outside_part,
        columns,
        at_once,
    )
