"""How much energy each region used: a fit over the intervals of a counter, and what it leaves over divided by time.

A counter says how much was used in each of its intervals, the ledger what ran in it. The energy of an interval is the
sum of each label's power times its time (design.py). The powers are found by least squares without negative parts,
weighted with the variance of each interval. Edges are known to within some error, so a border gives time to the wrong
label: least squares then finds powers too close to each other. Their normal equations are therefore rid of the
errors' share (Fuller, Measurement Error Models, 1987, chapter 2), and where little else remains, labels are not told
apart.

A label's energy is its power times its time, and of what an interval has more or less than that, the part that its
time is of the interval. So the channel's total is kept, and where a label had an interval for itself, its energy is
what the counter says, whatever power did. The figure is uncertain only in intervals that labels share:

- by the powers: the sandwich of sums over blocks of intervals, since power is autocorrelated (Newey and West 1987);
- by power that changed within an interval, of which nobody sees which label had it (spread.py).

The two add up in squares; a 95 % interval is as many standard errors to either side as Student's t of the blocks
says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pycarbon.design import Array, Design, Indices, Intervals, design, summed
from pycarbon.least_squares import nnls
from pycarbon.remedies import remedy
from pycarbon.spread import Spread, spread_of

__all__ = ["Intervals", "Share", "divide"]

RESOLVED_WITHIN = 0.25
"""A figure is resolved if its interval is no wider than so much of it to either side."""

DIVIDED_WITHIN = 0.5
"""The same of one that threads ran at once with: CPU time divides what no fit can, and a CPU second of one may draw
up to twice what another's does."""

FEWEST_SHARED = 24
"""With fewer intervals that a region shares with others there is nothing to make statistics of."""

MOST_INTERVALS = 30_000
BLOCK_OF_THEM = 1_000
"""Powers and standard errors of a longer run come from as many, in blocks spread over it."""

MOST_CELLS = 30_000_000
ROUNDS = 3
MOST_WORSE = 2
"""Where power swings, the times of edges are off by no more than so many times what the sampler's looks say."""

ENOUGH = 100
"""So many intervals it takes to tell the errors of edges from what they leave over."""

BORDER_MARGIN = 1.3
"""Errors of times and of the grain are no normal ones: with so much more of their variance intervals hold as stated
(bench/region_trials.py)."""

PRIOR_SD = 0.5
"""A power that the data do not tell is taken for the mean, and may be off by so much of it."""


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
    some = _sampled(intervals)
    chosen = whole if some is intervals else design(some, node_label)
    fitted = _Fitted(chosen, some)
    node_j, outside_j = _apportion(whole, fitted.power_w)
    sums = [*_sums(intervals, whole, node_j, groups), _outside_sums(whole, outside_j)]
    scale = len(length_s) / len(chosen.length_s)
    deviations = fitted.deviations(groups, len(node_label))
    shares = [
        _share(group, math.sqrt(scale) * sd_j, shared * scale, alike, fitted, whole)
        for group, (sd_j, shared, alike) in zip(sums, deviations, strict=True)
    ]
    return shares[:-1], shares[-1]


def _sampled(intervals: Intervals) -> Intervals:
    """Give the intervals that powers are fitted to: all, or blocks of them."""
    count = len(intervals.start_ns)
    most = max(min(MOST_INTERVALS, MOST_CELLS // (int(intervals.row_node.max(initial=0)) + 1)), 2000)
    if count <= most:
        return intervals
    starts = np.linspace(0, count - BLOCK_OF_THEM, max(most // BLOCK_OF_THEM, 2)).astype(np.int64)
    kept = np.zeros(count, bool)
    for start in starts:
        kept[start : start + BLOCK_OF_THEM] = True
    edges = np.searchsorted(intervals.row_interval, np.stack([starts, starts + BLOCK_OF_THEM]))
    rows = np.zeros(len(intervals.row_interval), bool)
    for first, last in edges.T:
        rows[first:last] = True
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


class _Fitted:
    """The powers of the labels, their covariance, and how unsteady power is around them."""

    def __init__(self, equations: Design, intervals: Intervals) -> None:
        """Fit; a few rounds, since weights follow from what is left over."""
        self._d = equations
        d, count = equations, len(equations.length_s)
        self._follows = np.append(False, intervals.start_ns[1:] <= intervals.end_ns[:-1])
        self._border_s2 = (intervals.start_sd_ns**2 + intervals.end_sd_ns**2) / 1e18
        self._grain_j2 = intervals.grain_j**2 / 6
        self._chunk = max(MOST_CELLS // 4 // d.columns, 1)
        self.mean_w = float(d.energy_j.sum() / d.length_s.sum())
        self.power_w = np.full(d.columns, self.mean_w)
        self.spread = Spread(1.0, 0.0, 0.0, np.ones(count))
        self._left_j = np.zeros(count)
        weight = 1 / np.maximum(d.length_s, 1e-9)
        for _ in range(ROUNDS):
            self._solve(weight)
            self._left_j = left_j = d.energy_j - _apply(d, self.power_w)
            least_j2 = self._grain_j2 + self.mean_w**2 * float(self._border_s2.mean())
            self.spread = spread_of(left_j, d.length_s, self._follows, max(least_j2, 1e-24))
            weight = 1 / self.spread.variance(d.length_s)
        self._covary(left_j, weight)
        power_w = np.maximum(d.energy_j / d.length_s, self.mean_w)
        margin = np.where(d.at_once, 2 * BORDER_MARGIN, BORDER_MARGIN)  # what one label gains another need not lose
        self._start_j2 = margin * (self._grain_j2 / 2 + (power_w * intervals.start_sd_ns / 1e9) ** 2)
        self._end_j2 = margin * (self._grain_j2 / 2 + (power_w * intervals.end_sd_ns / 1e9) ** 2)

    def _solve(self, weight: Array) -> None:
        d = self._d
        gram, right = np.zeros((d.columns, d.columns)), np.zeros(d.columns)
        for first in range(0, len(weight), self._chunk):
            last = min(first + self._chunk, len(weight))
            matrix = d.dense(first, last)
            weighted = matrix * weight[first:last, None]
            gram += weighted.T @ matrix
            right += weighted.T @ d.energy_j[first:last]
        error = self._border_s2
        if self.mean_w > 0:  # where what is left over tells of larger errors than the edges do
            error = np.maximum(error, self._border_error_s2())
        # At a border each label ran with the probability of its part of the interval.
        noise = summed(d.column, d.part * (weight * error)[d.interval], d.columns)
        noise[-1] += float((d.outside_part * weight * error).sum())
        clean = gram - np.diag(noise)
        size = np.diag(gram) + 1e-12 * float(np.diag(gram).max()) + 1e-200
        prior = 2 * noise + 1e-9 * size
        scaled = (clean + np.diag(prior)) / np.sqrt(np.outer(size, size))
        prior += max(1e-9 - float(np.linalg.eigvalsh(scaled)[0]), 0.0) * size  # errors explain no more than there is
        self.power_w = nnls(clean + np.diag(prior), right + prior * self.mean_w)
        self._normal, self._prior = clean + np.diag(prior), prior
        self._inverse = np.linalg.pinv(self._normal, hermitian=True)

    def _border_error_s2(self) -> float:
        """Tell the error of edges from what is left over: what one interval lacks the next has, and no other.

        Where intervals further apart go together too it is power that swings, and edges are as good as they say.
        """
        size = self._left_j / np.sqrt(np.maximum((self._left_j**2).mean(), 1e-300))
        near = (size[1:] * size[:-1])[self._follows[1:]]
        far = (size[2:] * size[:-2])[(self._follows[2:] & self._follows[1:-1])]
        if len(far) < ENOUGH:
            return 0.0
        near_error, far_error = (float(some.std()) / math.sqrt(len(some)) for some in (near, far))
        alone = abs(float(far.mean())) < max(4 * far_error, -float(near.mean()) / 4)
        found = max(-float(near.mean()) - 2 * near_error, 0.0) * 2 * float((self._left_j**2).mean()) / self.mean_w**2
        return found if alone else min(found, MOST_WORSE**2 * float(self._border_s2.mean()))

    def _covary(self, left_j: Array, weight: Array) -> None:
        d = self._d
        block = min(max(int(math.sqrt(len(left_j))), 8), 200)
        self._blocks = max(len(left_j) // block, 1)
        border = np.linspace(0, len(left_j), self._blocks + 1).astype(np.int64)
        of_interval = np.repeat(np.arange(self._blocks), np.diff(border))
        score = weight * left_j
        key = of_interval[d.interval] * d.columns
        sums = summed(key + d.column, d.own_s * score[d.interval], self._blocks * d.columns)
        sums += summed(key + d.columns - 1, d.shared_s * score[d.interval], self._blocks * d.columns)
        sums = sums.reshape(-1, d.columns)
        sums[:, -1] += summed(of_interval, d.outside_s * score, self._blocks)
        meat = sums.T @ sums * (self._blocks / max(self._blocks - 1, 1))
        pull = self._prior * PRIOR_SD * self.mean_w
        self._told = self._inverse @ meat @ self._inverse
        self._guessed = self._inverse @ np.diag(pull**2) @ self._inverse

    def _at_borders(self, part: Array, before: float, first: int) -> float:
        """Give the variance that a group's energy has from borders, which take from one interval what they give to
        the next: of their times, and of the counter's grain. `part` is the group's of some intervals from `first` on.
        """
        span = slice(first, first + len(part))
        earlier = np.concatenate([[before], part[:-1]])
        ended = np.roll(self._end_j2, 1)[span]
        cut = self._start_j2[span] * part**2 + ended * earlier**2
        found = np.where(self._follows[span], self._start_j2[span] * (part - earlier) ** 2, cut).sum()
        if span.stop == len(self._end_j2):
            found += self._end_j2[-1] * part[-1] ** 2
        return float(found)

    @property
    def t95(self) -> float:
        """Student's t for 95 % and as many degrees of freedom as there are blocks beyond the powers."""
        free = max(self._blocks - 1, 1)
        return _t975(free)

    def deviations(self, groups: Sequence[Indices], nodes: int) -> list[tuple[float, int, bool]]:
        """Give for each group, and for what is outside: the standard error in J, in how many intervals it had
        company, and whether the error is that of labels that are not told apart.
        """
        d = self._d
        count = len(groups) + 1
        split, shared, before = np.zeros(count), np.zeros(count, np.int64), np.zeros(count)
        moved = np.zeros((count, d.columns))
        chunk = max(min(self._chunk, MOST_CELLS // max(nodes, 1)), 1)
        for first in range(0, len(d.length_s), chunk):
            last = min(first + chunk, len(d.length_s))
            matrix, parts = d.dense(first, last), d.parts(first, last, nodes)
            length_s, local = d.length_s[first:last], replace(self.spread, local=self.spread.local[first:last])
            most_j = np.maximum(d.energy_j[first:last], self.mean_w * length_s)
            for number in range(count):
                inside = number < len(groups)
                part = parts[:, groups[number]].sum(axis=1) if inside else d.outside_part[first:last]
                part = np.where(part > 1 - 1e-9, 1.0, np.where(part < 1e-9, 0.0, part))
                company = (part > 0) & (part < 1)
                shared[number] += int(company.sum())
                if company.any():
                    split[number] += float(local.misplaced(part, length_s, most_j).sum())
                split[number] += self._at_borders(part, float(before[number]), first)
                before[number] = part[-1]
                moved[number] -= part @ matrix
        own = summed(d.node * d.columns + d.column, d.own_s, nodes * d.columns).reshape(nodes, d.columns)
        own[:, -1] += summed(d.node, d.shared_s, nodes)
        for number, members in enumerate(groups):
            moved[number] += own[members].sum(axis=0)
        moved[-1, -1] += float(d.outside_s.sum())
        told = np.einsum("gk,kl,gl->g", moved, self._told, moved)
        guessed = np.einsum("gk,kl,gl->g", moved, self._guessed, moved)
        total = np.sqrt(np.maximum(told, 0) + np.maximum(guessed, 0) + split)
        alike = np.maximum(guessed, 0) > 0.5 * total**2
        return [(float(sd), int(n), bool(same)) for sd, n, same in zip(total, shared, alike, strict=True)]


def _apply(d: Design, power_w: Array) -> Array:
    """Give the energy that the powers explain, by interval."""
    row_j = power_w[d.column] * d.own_s + power_w[-1] * d.shared_s
    explained: Array = summed(d.interval, row_j, len(d.length_s)) + power_w[-1] * d.outside_s
    return explained


def _apportion(d: Design, power_w: Array) -> tuple[Array, Array]:
    """Give each row's energy and that outside by interval: they add up to the counter's."""
    row_j = power_w[d.column] * d.own_s + power_w[-1] * d.shared_s
    outside_j = power_w[-1] * d.outside_s
    left_j = d.energy_j - summed(d.interval, row_j, len(d.length_s)) - outside_j
    row_j += left_j[d.interval] * d.part
    outside_j = outside_j + left_j * d.outside_part
    below = (row_j < 0) | (outside_j < 0)[d.interval]
    if below.any() or (outside_j < 0).any():  # a power is never negative: the others have less instead
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
    lone_j = summed(d.node, np.where(d.part > 1 - 1e-9, in_j, 0.0), nodes)
    touched_j = summed(d.node, np.where(d.part > 0, in_j, 0.0), nodes)
    time_s = summed(intervals.row_node, intervals.row_time_s, nodes)
    calls = summed(intervals.row_node, intervals.row_calls, nodes)
    beside = summed(d.node, d.at_once[d.interval], nodes) > 0
    total_j = float(d.energy_j.sum())
    found = []
    for members in groups:
        lone, touched = float(lone_j[members].sum()), float(touched_j[members].sum())
        if len(members) > 1:
            lone, touched = _together(d, members, nodes)
        found.append(
            _Group(
                float(own_j[members].sum()),
                lone,
                min(touched, total_j),
                float(time_s[members].sum()),
                int(calls[members].max(initial=0)),
                bool(beside[members].any()),
            )
        )
    return found


def _together(d: Design, members: Indices, nodes: int) -> tuple[float, float]:
    inside = np.zeros(nodes, bool)
    inside[members] = True
    rows = inside[d.node]
    part = summed(d.interval[rows], d.part[rows], len(d.length_s))
    return float(d.energy_j[part > 1 - 1e-9].sum()), float(d.energy_j[part > 0].sum())


def _outside_sums(d: Design, outside_j: Array) -> _Group:
    part = d.outside_part
    return _Group(
        float(outside_j.sum()),
        float(d.energy_j[part > 1 - 1e-9].sum()),
        float(d.energy_j[part > 0].sum()),
        float(d.outside_s.sum()),
        0,
        bool((d.at_once & (part > 0)).any()),
    )


def _share(group: _Group, sd_j: float, shared: float, alike: bool, fitted: _Fitted, d: Design) -> Share:
    guess_j = group.energy_j
    low_j, high_j = min(group.lone_j, guess_j), max(group.touched_j, guess_j)
    method = "interpolation"
    if shared >= FEWEST_SHARED:
        method = "fit"
        low_j, high_j = max(low_j, guess_j - fitted.t95 * sd_j), min(high_j, guess_j + fitted.t95 * sd_j)
    half = max(high_j - guess_j, guess_j - low_j)
    within = DIVIDED_WITHIN if group.attributed else RESOLVED_WITHIN
    if half <= within * guess_j or (guess_j <= 0 and half <= 0):
        return Share(guess_j, low_j, high_j, method, True, "", group.attributed, guess_j)
    advice = remedy(
        group.calls,
        group.time_s,
        half / guess_j if guess_j > 0 else math.inf,
        method=method,
        alike=alike,
        interval_s=float((d.length_s**2).sum() / d.length_s.sum()),
    )
    return Share(None, low_j, high_j, method, False, advice, group.attributed, guess_j)


def _t975(free: int) -> float:
    """Student's t, 97.5 %: Cornish and Fisher's expansion (1937), exact to 1 % from 3 degrees of freedom on."""
    exact = {1: 12.71, 2: 4.303}
    z = 1.959964
    g1, g2 = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    g3 = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return exact.get(free) or z + g1 / free + g2 / free**2 + g3 / free**3
