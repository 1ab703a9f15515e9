"""How much energy each region used: a fit over the intervals of a counter, and what it leaves over divided by time.

A counter says how much was used in each of its intervals, the ledger what ran in it. The energy of an interval is the
sum of each label's power times its time (design.py), and the powers are fitted (powers.py).

A label's energy is its power times its time, and of what an interval has more or less than that, the part that its
time is of the interval. So the channel's total is kept, and where a label had an interval for itself, its energy is
what the counter says, whatever power did. The figure is uncertain only in intervals that labels share:

- by the powers;
- by power that changed within an interval, of which nobody sees which label had it (spread.py).

The two add up in squares; a 95 % interval is as many standard errors to either side as Student's t of the blocks
says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pycarbon.design import MOST_LABELS, ROUNDED, Array, Design, Indices, Intervals, Presence, design, summed
from pycarbon.powers import FEWEST_SHARED, Deviation, Powers
from pycarbon.remedies import remedy

__all__ = ["Intervals", "Share", "divide"]

RESOLVED_WITHIN = 0.25
"""A figure is resolved if its interval is no wider than so much of it to either side."""

DIVIDED_WITHIN = 0.5
"""The same of one that threads ran at once with: CPU time divides what no fit can, and a CPU second of one may draw
up to twice what another's does."""

MOST_INTERVALS = 30_000
BLOCK_OF_THEM = 1_000
"""Powers and standard errors of a longer run come from as many, in blocks spread over it."""


def within(attributed: bool) -> float:
    """Say how wide an interval may be, to either side and as a part of the figure, for that to be one."""
    return DIVIDED_WITHIN if attributed else RESOLVED_WITHIN


@dataclass(frozen=True, slots=True)
class Share:
    """What a group of nodes used, in J.

    `low_j` to `high_j` is a 95 % interval of a fit, or the certain bounds of an interpolation. Where it is not
    resolved, `energy_j` is None, `remedy` says what would help, and `guess_j` still is what makes all groups add up.
    `attributed`: threads ran at once with it, and CPU time divided what they shared.
    """

    energy_j: float | None
    low_j: float
    high_j: float
    method: str
    resolved: bool
    remedy: str
    attributed: bool
    guess_j: float


@dataclass(frozen=True, slots=True)
class _Group:
    """A group's sums over all intervals; `lone_j` is of intervals it had for itself, `touched_j` of all it was in."""

    energy_j: float
    lone_j: float
    touched_j: float
    time_s: float
    calls: int
    attributed: bool


def divide(intervals: Intervals, node_label: Indices, groups: Sequence[Indices]) -> tuple[list[Share], Share]:
    """Divide a channel's energy: give what each group of nodes used, and what was used outside of all regions.

    `node_label` (k,) is the label of each node, a group the indices of its nodes. The energies of all nodes, each in
    a group of its own, and of what is outside add up to that of the intervals.
    """
    length_s = intervals.end_ns - intervals.start_ns
    if len(length_s) == 0:
        nothing = Share(0.0, 0.0, 0.0, "interpolation", True, "", False, 0.0)
        return [nothing] * len(groups), nothing
    whole = design(intervals, node_label)
    some = _sampled(intervals, node_label)
    chosen = whole if some is intervals else design(some, node_label)
    powers = Powers(chosen, some, node_label)
    node_j, outside_j = _apportion(whole, powers.power_w)
    sums = [*_sums(intervals, whole, node_j, groups), _outside_sums(whole, outside_j)]
    scales = [1.0] * len(sums) if chosen is whole else _scales(sums, some, chosen, groups)
    shares = [
        _share(group, deviation, powers.t95, whole)
        for group, deviation in zip(sums, powers.deviations(groups, scales), strict=True)
    ]
    return shares[:-1], shares[-1]


def _sampled(intervals: Intervals, node_label: Indices) -> Intervals:
    """Give the intervals that powers are fitted to: all, or blocks of them, some for each label."""
    count = len(intervals.start_ns)
    if count <= MOST_INTERVALS:
        return intervals
    kept = np.zeros(count, bool)
    for start in np.linspace(0, count - BLOCK_OF_THEM, MOST_INTERVALS // BLOCK_OF_THEM).astype(np.int64):
        kept[start : start + BLOCK_OF_THEM] = True
    some = _some(intervals, kept)
    labels = int(node_label.max(initial=-1)) + 1
    all_rows, met = (_rows_of(part, node_label, labels) for part in (intervals, some))
    rare = np.flatnonzero((met < 4 * FEWEST_SHARED) & (all_rows > met))[:MOST_LABELS]
    if not len(rare):
        return some
    for label in rare:
        here = intervals.row_interval[(node_label == label)[intervals.row_node]]
        for middle in here[np.linspace(0, len(here) - 1, 4).astype(np.int64)].tolist():
            kept[max(middle - 2 * FEWEST_SHARED, 0) : middle + 2 * FEWEST_SHARED] = True
    return _some(intervals, kept)


def _rows_of(intervals: Intervals, node_label: Indices, labels: int) -> Indices:
    of_node = np.bincount(intervals.row_node, minlength=len(node_label))
    return np.bincount(node_label, of_node, labels).astype(np.int64)


def _some(intervals: Intervals, kept: NDArray[np.bool_]) -> Intervals:
    begins = np.flatnonzero(np.diff(kept, prepend=False, append=False)).reshape(-1, 2)
    spans = np.searchsorted(intervals.row_interval, begins)
    rows = np.concatenate([np.arange(first, last) for first, last in spans])
    number = np.cumsum(kept) - 1
    return replace(
        intervals,
        **{
            name: getattr(intervals, name)[kept]
            for name in ("start_ns", "end_ns", "energy_j", "start_sd_ns", "end_sd_ns", "threads")
        },
        **{name: getattr(intervals, name)[rows] for name in ("row_node", "row_time_s", "row_cpu_s", "row_calls")},
        row_interval=number[intervals.row_interval[rows]],
    )


def _scales(sums: Sequence[_Group], some: Intervals, chosen: Design, groups: Sequence[Indices]) -> list[float]:
    """Say for each group, and for what is outside, how many times as long it ran as in the chosen intervals."""
    nodes = max((int(group.max(initial=-1)) for group in groups), default=-1) + 1
    of_node_s = np.bincount(some.row_node, some.row_time_s, nodes)
    chosen_s = [*(float(of_node_s[group].sum()) for group in groups), float(chosen.outside_s.sum())]
    return [group.time_s / some_s if some_s > 0 else 1.0 for group, some_s in zip(sums, chosen_s, strict=True)]


def _apportion(d: Design, power_w: Array) -> tuple[Array, Array]:
    """Give each row's energy and that outside by interval: they add up to the counter's."""
    row_j = power_w[d.column] * d.own_s
    if d.at_once.any():
        row_j += power_w[-1] * d.shared_s
    outside_j = power_w[-1] * d.outside_s
    if d.sliver_part.any():
        explained_j, solid_part = summed(d.interval, row_j, len(d.length_s)) + outside_j, 1 - d.sliver_part
        row_j = np.where(d.sliver, explained_j[d.interval] * d.part, row_j * solid_part[d.interval])
        outside_j = np.where(d.outside_sliver, explained_j * d.outside_part, outside_j * solid_part)
    left_j = d.energy_j - summed(d.interval, row_j, len(d.length_s)) - outside_j
    row_j += left_j[d.interval] * d.part
    outside_j = outside_j + left_j * d.outside_part
    if (row_j < 0).any() or (outside_j < 0).any():  # a power is never negative: the others have less instead
        np.maximum(row_j, 0.0, out=row_j)
        np.maximum(outside_j, 0.0, out=outside_j)
        sum_j = summed(d.interval, row_j, len(d.length_s)) + outside_j
        factor = np.divide(d.energy_j, sum_j, out=np.zeros_like(sum_j), where=sum_j > 0)
        row_j *= factor[d.interval]
        outside_j *= factor
    return row_j, outside_j


def _sums(intervals: Intervals, d: Design, row_j: Array, groups: Sequence[Indices]) -> list[_Group]:
    nodes = max((int(group.max(initial=-1)) for group in groups), default=-1) + 1
    nodes = max(nodes, int(d.node.max(initial=-1)) + 1)
    in_j = d.energy_j[d.interval]
    own_j = summed(d.node, row_j, nodes)
    lone = d.part > 1 - ROUNDED
    lone_j, touched_j = summed(d.node[lone], in_j[lone], nodes), summed(d.node, in_j * (d.part > 0), nodes)
    time_s = summed(intervals.row_node, intervals.row_time_s, nodes)
    calls = summed(intervals.row_node, intervals.row_calls, nodes)
    beside = summed(d.node, d.at_once[d.interval], nodes) > 0 if d.at_once.any() else np.zeros(nodes, bool)
    total_j = float(d.energy_j.sum())
    presence = Presence(d, nodes) if any(len(members) > 1 for members in groups) else None
    found = []
    for members in groups:
        alone_j, in_all_j = float(lone_j[members].sum()), float(touched_j[members].sum())
        if len(members) > 1 and presence is not None:
            interval, part = presence.of(presence.rows(members))
            alone_j, in_all_j = float(d.energy_j[interval[part == 1]].sum()), float(d.energy_j[interval].sum())
        found.append(
            _Group(
                float(own_j[members].sum()),
                alone_j,
                min(in_all_j, total_j),
                float(time_s[members].sum()),
                int(calls[members].max(initial=0)),
                bool(beside[members].any()),
            )
        )
    return found


def _outside_sums(d: Design, outside_j: Array) -> _Group:
    part = d.outside_part
    return _Group(
        float(outside_j.sum()),
        float(d.energy_j[part > 1 - ROUNDED].sum()),
        float(d.energy_j[part > 0].sum()),
        float(d.outside_s.sum()),
        0,
        bool((d.at_once & (part > 0)).any()),
    )


def _share(group: _Group, deviation: Deviation, t95: float, d: Design) -> Share:
    guess_j = group.energy_j
    low_j, high_j = min(group.lone_j, guess_j), max(group.touched_j, guess_j)
    method = "interpolation"
    if deviation.shared >= FEWEST_SHARED:
        method = "fit"
        low_j, high_j = max(low_j, guess_j - t95 * deviation.sd_j), min(high_j, guess_j + t95 * deviation.sd_j)
    half = max(high_j - guess_j, guess_j - low_j)
    if half <= within(group.attributed) * guess_j or (guess_j <= 0 and half <= 0):
        return Share(guess_j, low_j, high_j, method, True, "", group.attributed, guess_j)
    advice = remedy(
        group.calls,
        group.time_s,
        half / guess_j if guess_j > 0 else math.inf,
        method=method,
        attributed=group.attributed,
        alike=deviation.alike,
        crowded=deviation.crowded,
        interval_s=float((d.length_s**2).sum() / d.length_s.sum()),
        calls_for_fit=math.ceil(group.calls * FEWEST_SHARED / max(deviation.shared, 1)),
    )
    return Share(None, low_j, high_j, method, False, advice, group.attributed, guess_j)
