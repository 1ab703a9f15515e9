"""The power of each label, fitted over the intervals of a counter; its covariance, and what that leaves uncertain.

Least squares without negative parts, weighted with the variance of each interval (spread.py). Edges are known to
within some error, so a border gives time to the wrong label: least squares then finds powers too close to each other.
Their normal equations are therefore rid of the errors' share (Fuller, Measurement Error Models, 1987, chapter 2), and
where little else remains, labels are not told apart.

The covariance is the sandwich of sums over blocks of intervals, since power is autocorrelated (Newey and West 1987),
of residuals that are freed of their own pull on the fit (HC3: MacKinnon and White 1985), and never less than what the
weights themselves say. Where energy follows from how often a label was entered, too (its power is another at first),
the powers are no whole account, and the difference is in what they leave uncertain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pycarbon import student
from pycarbon.design import MOST_LABELS, Array, Design, Indices, Intervals, Presence, summed
from pycarbon.least_squares import nnls
from pycarbon.spread import Spread, spread_of

FEWEST_SHARED = 24
"""With fewer intervals that a region shares with others there is nothing to make statistics of."""

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

TOGETHER_SD = 0.125
"""The same, of its own power, of a label that runs beside others: two that share one to two then have a third and two
thirds to within what a CPU second of one means that draws twice what the other's does."""

SURELY = 4
"""What a call of a label uses beyond its time is believed from so many standard errors on."""

SLIVER_SD = 0.25
"""What lies between calls has their power, and may be off by so much of the mean."""

LEAST_FREE = 0.05


@dataclass(frozen=True, slots=True)
class Deviation:
    """How uncertain a group's energy is: the standard error in J, in how many intervals it had company, and whether
    the error is mostly that of labels that are not told apart, or that there are so many.
    """

    sd_j: float
    shared: int
    alike: bool
    crowded: bool


class Powers:
    """The powers of the labels, `power_w` (columns,), their covariance, and how unsteady power is around them."""

    def __init__(self, equations: Design, intervals: Intervals, node_label: Indices) -> None:
        """Fit; a few rounds, since weights follow from what is left over."""
        self._d, self._label = equations, node_label
        d, count = equations, len(equations.length_s)
        self._matrix = d.dense()
        # What begins after the last interval is nothing: it follows none.
        self._follows = np.concatenate([[False], intervals.start_ns[1:] <= intervals.end_ns[:-1], [False]])
        self._border_s2 = (intervals.start_sd_ns**2 + intervals.end_sd_ns**2) / 1e18
        self._grain_j2 = intervals.grain_j**2 / 6
        self.mean_w = float(d.energy_j.sum() / d.length_s.sum())
        self.power_w = np.full(d.columns, self.mean_w)
        self.spread = Spread(1.0, 0.0, 0.0, np.ones(count))
        self._left_j = np.zeros(count)
        weight = 1 / np.maximum(d.length_s, 1e-9)
        for _ in range(ROUNDS):
            self._solve(weight)
            self._left_j = left_j = d.energy_j - d.explained_j(self.power_w)
            least_j2 = self._grain_j2 + self.mean_w**2 * float(self._border_s2.mean())
            self.spread = spread_of(left_j, d.length_s, self._follows[:-1], max(least_j2, 1e-24))
            weight = 1 / self.spread.variance(d.length_s)
        self._pooled_w2 = max(
            (PRIOR_SD * self.mean_w) ** 2, float(np.var(self.power_w[:-2])) if d.columns > 2 else 0.0
        )
        self._covary(left_j, weight)
        self._count_starts(left_j, weight)
        power_w = np.maximum(d.energy_j / d.length_s, self.mean_w)
        margin = np.where(d.at_once, 2 * BORDER_MARGIN, BORDER_MARGIN)  # what one label gains another need not lose
        self._start_j2 = np.append(margin * (self._grain_j2 / 2 + (power_w * intervals.start_sd_ns / 1e9) ** 2), 0.0)
        self._end_j2 = margin * (self._grain_j2 / 2 + (power_w * intervals.end_sd_ns / 1e9) ** 2)

    def _solve(self, weight: Array) -> None:
        d = self._d
        weighted = self._matrix * weight[:, None]
        gram, right = weighted.T @ self._matrix, weighted.T @ d.energy_j
        error = self._border_s2
        if self.mean_w > 0:  # where what is left over tells of larger errors than the edges do
            error = np.maximum(error, self._border_error_s2())
        # At a border each label ran with the probability of its part of the interval.
        fitted = np.where(d.sliver, 0.0, d.part)
        noise = summed(d.column, fitted * (weight * error)[d.interval], d.columns)
        noise[-1] += float((np.where(d.outside_sliver, 0.0, d.outside_part) * weight * error).sum())
        clean = gram - np.diag(noise)
        size = np.diag(gram) + 1e-12 * float(np.diag(gram).max()) + 1e-200
        prior = 2 * noise + 1e-9 * size
        scaled = (clean + np.diag(prior)) / np.sqrt(np.outer(size, size))
        prior += max(1e-9 - float(np.linalg.eigvalsh(scaled)[0]), 0.0) * size  # errors explain no more than there is
        self.power_w = nnls(clean + np.diag(prior), right + prior * self.mean_w)
        self._prior = prior
        self._inverse = np.linalg.pinv(clean + np.diag(prior), hermitian=True)

    def _border_error_s2(self) -> float:
        """Tell the error of edges from what is left over: what one interval lacks the next has, and no other.

        Where intervals further apart go together too it is power that swings, and edges are as good as they say.
        """
        size = self._left_j / np.sqrt(np.maximum((self._left_j**2).mean(), 1e-300))
        follows = self._follows[1:-1]
        near, far = (size[1:] * size[:-1])[follows], (size[2:] * size[:-2])[follows[1:] & follows[:-1]]
        if len(far) < ENOUGH:
            return 0.0
        near_error, far_error = (float(some.std()) / math.sqrt(len(some)) for some in (near, far))
        alone = abs(float(far.mean())) < max(4 * far_error, -float(near.mean()) / 4)
        found = max(-float(near.mean()) - 2 * near_error, 0.0) * 2 * float((self._left_j**2).mean()) / self.mean_w**2
        return found if alone else min(found, MOST_WORSE**2 * float(self._border_s2.mean()))

    def _covary(self, left_j: Array, weight: Array) -> None:
        d = self._d
        self._blocks = max(len(left_j) // min(max(int(math.sqrt(len(left_j))), 8), 200), 1)
        pull = ((self._matrix @ self._inverse) * self._matrix).sum(axis=1) * weight
        sums = self._by_block(self._matrix, weight * left_j / np.clip(1 - pull, LEAST_FREE, 1))
        meat = sums.T @ sums * (self._blocks / max(self._blocks - 1, 1))
        alone_s = summed(d.column, d.own_s * ~d.at_once[d.interval], d.columns)
        together = (summed(d.column, d.own_s, d.columns) > 2 * alone_s) & (np.arange(d.columns) < d.columns - 1)
        may_be_w = np.where(together, TOGETHER_SD * self.power_w, PRIOR_SD * self.mean_w)
        self._told = self._inverse @ meat @ self._inverse
        self._guessed = self._inverse @ np.diag((self._prior * may_be_w) ** 2) @ self._inverse

    def _by_block(self, matrix: Array, score: Array) -> Array:
        first = np.linspace(0, len(score), self._blocks + 1).astype(np.int64)[:-1]
        sums: Array = np.add.reduceat(matrix * score[:, None], first, axis=0)
        return sums

    def _count_starts(self, left_j: Array, weight: Array) -> None:
        """Tell what a call of each label used beyond its time, as far as that is sure: what is left over, regressed
        on the number of calls, free of what the powers explain of it.
        """
        d, count = self._d, len(left_j)
        calls = summed(d.interval * d.columns + d.column, d.calls, count * d.columns).reshape(-1, d.columns)
        self._calls, self._explained = calls, self._inverse @ ((self._matrix * weight[:, None]).T @ calls)
        free = calls - self._matrix @ self._explained
        size = (free**2 * weight[:, None]).sum(axis=0)
        error = np.sqrt((self._by_block(free, weight * left_j) ** 2).sum(axis=0))
        found = (free * (weight * left_j)[:, None]).sum(axis=0)
        sure = (np.abs(found) > SURELY * error) & (size > 1e-9 * (calls**2 * weight[:, None]).sum(axis=0))
        self._start_j = np.where(sure, found / np.where(sure, size, 1.0), 0.0)

    @property
    def t95(self) -> float:
        """Student's t for 95 %, and a degree of freedom for each block but one."""
        return student.two_sided(0.95, max(self._blocks - 1, 1))

    def deviations(self, groups: Sequence[Indices], scales: Sequence[float]) -> list[Deviation]:
        """Say it for each group, and last for what is outside; each had `scales` times as much as there is here."""
        d = self._d
        presence = Presence(d, max(len(self._label), 1))
        inside = np.zeros(len(self._label) + 1, bool)
        found = []
        for members, scale in zip(groups, scales[:-1], strict=True):
            rows = presence.rows(members)
            inside[members] = True
            found.append(self._deviation(rows, *presence.of(rows), inside, False, scale))
            inside[members] = False
        found.append(self._deviation(np.empty(0, np.int64), *presence.outside(), inside, True, scales[-1]))
        return found

    def _deviation(
        self, rows: Indices, interval: Indices, part: Array, inside: Array, outside: bool, scale: float
    ) -> Deviation:
        """Say it for one group: its rows, where it ran, and of each node whether it is in it."""
        d, company = self._d, part < 1
        shared, some = interval[company], part[company]
        if len(shared) * scale < FEWEST_SHARED:
            return Deviation(0.0, len(shared), False, False)
        spread = replace(self.spread, local=self.spread.local[shared])
        most_j = np.maximum(d.energy_j[shared], self.mean_w * d.length_s[shared])
        split = float(spread.misplaced(some, d.length_s[shared], most_j).sum()) + self._at_borders(interval, part)

        solid_part = 1 - d.sliver_part
        slivers = rows[d.sliver[rows]]
        own_s = d.own_s[rows] * solid_part[d.interval[rows]]
        moved = summed(d.column[rows], own_s, d.columns)
        moved[-1] += float(d.shared_s[rows].sum())
        moved -= part @ self._matrix[interval] - d.part[slivers] @ self._matrix[d.interval[slivers]]
        sliver_s = float((d.part[slivers] * d.length_s[d.interval[slivers]]).sum())
        solid = part - summed(np.searchsorted(interval, d.interval[slivers]), d.part[slivers], len(interval))
        if outside:
            between = d.outside_sliver
            moved[-1] += float((d.outside_s * solid_part).sum())
            moved += d.outside_part[between] @ self._matrix[between]
            sliver_s += float((d.outside_part * d.length_s)[between].sum())
            solid = np.where(between[interval], 0.0, solid)
        slivers_s = d.sliver_part[interval] * d.length_s[interval]
        off_s = sliver_s - float((solid / solid_part[interval] * slivers_s).sum())

        told = max(float(moved @ self._told @ moved), float(moved @ self._inverse @ moved))
        if self._start_j.any():
            starts = summed(d.column[rows], d.calls[rows], d.columns) - part @ self._calls[interval]
            told += float((starts - moved @ self._explained) @ self._start_j) ** 2
        alike = float(moved @ self._guessed @ moved) + (SLIVER_SD * self.mean_w * off_s) ** 2
        pooled = self._pooled_j2(interval, part, inside)
        variance = (told + alike) * scale**2 + (split + pooled) * scale
        mostly_alike, crowded = alike * scale**2 > variance / 2, pooled * scale > variance / 2
        return Deviation(math.sqrt(variance), round(len(shared) * scale), mostly_alike, crowded)

    def _pooled_j2(self, interval: Indices, part: Array, inside: Array) -> float:
        """Give the variance from labels that have one power together, which is none of theirs."""
        d = self._d
        if int(self._label.max(initial=-1)) < MOST_LABELS:
            return 0.0
        first, last = np.searchsorted(d.interval, [interval, interval + 1])
        count = last - first
        every = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
        share = np.repeat(part, count)
        pooled = d.column[every] == MOST_LABELS - 1
        every, share = every[pooled], share[pooled]
        _, label = np.unique(self._label[d.node[every]], return_inverse=True)
        moves_s = np.bincount(label, d.own_s[every] * (inside[d.node[every]] - share))
        return float((moves_s**2).sum()) * self._pooled_w2

    def _at_borders(self, interval: Indices, part: Array) -> float:
        """Give the variance that a group's energy has from borders, which take from one interval what they give to
        the next: of their times, and of the counter's grain.
        """
        if not len(interval):
            return 0.0
        follows, start_j2, end_j2 = self._follows, self._start_j2, self._end_j2
        here_before = np.append(False, np.diff(interval) == 1) & follows[interval]
        before = np.where(here_before, np.append(0.0, part[:-1]), 0.0)
        found = (start_j2[interval] * (part - before) ** 2).sum()
        last = np.append(~here_before[1:], True)  # what comes after it begins without it
        ends, parts = interval[last], part[last]
        after_j2 = np.where(follows[ends + 1], start_j2[ends + 1], end_j2[ends])
        return float(found + (after_j2 * parts**2).sum())
