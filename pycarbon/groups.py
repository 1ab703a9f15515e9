"""Energies of sets of regions: from each channel's fit, or by time, and added over the channels.

The widths of what was fitted add in quadrature, as the errors of one counter say nothing of another's; bounds that
are certain, and a model's, add as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycarbon import division
from pycarbon.borders import Rest, by_time, cut
from pycarbon.design import summed
from pycarbon.ledger import Ledger
from pycarbon.remedies import QUIETER
from pycarbon.supply import Measured, Modelled, Supply

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

FEW_UPDATES = 20
"""What was not seen for so many updates of the counter was not just missed at the rims of a run."""

ALL = 1 - 1e-6
"""A region that ran for so much of a span had all of it."""


@dataclass(slots=True)
class Sums:
    """Energies of g groups of nodes, and last of what is outside, in J: arrays of shape (g + 1,)."""

    best: Array
    below2: Array
    above2: Array
    below: Array
    above: Array
    resolved: NDArray[np.bool_]
    attributed: NDArray[np.bool_]
    fitted: NDArray[np.bool_]
    remedies: list[str]

    @classmethod
    def nothing(cls, count: int) -> Sums:
        """Begin with no energy in any of so many groups."""
        size = count + 1
        none = np.zeros((5, size))
        yes, no = np.ones(size, bool), np.zeros((2, size), bool)
        return cls(none[0], none[1], none[2], none[3], none[4], yes, no[0], no[1], [""] * size)

    def add(self, more: Sums, matters: bool) -> None:
        """Add another channel's; where it matters, what it cannot resolve stays unresolved."""
        for name in ("best", "below2", "above2", "below", "above"):
            getattr(self, name)[:] += getattr(more, name)
        self.attributed |= more.attributed
        self.fitted |= more.fitted
        if matters:
            for number in np.flatnonzero(~more.resolved & self.resolved):
                self.remedies[number] = more.remedies[number]
            self.resolved &= more.resolved

    def bounds(self, number: int) -> tuple[float, float, float]:
        """Give low, best, high of one group."""
        best = float(self.best[number])
        below = float(np.sqrt(self.below2[number]) + self.below[number])
        above = float(np.sqrt(self.above2[number]) + self.above[number])
        return max(best - below, 0.0), best, best + above


class Groups:
    """Sets of nodes whose sums are wanted, each once."""

    def __init__(self) -> None:
        """Begin with none."""
        self.members: list[Whole] = []
        self._index: dict[bytes, int] = {}

    def add(self, nodes: Whole) -> int:
        """Give the number of a set of nodes, sorted."""
        number = self._index.setdefault(nodes.tobytes(), len(self.members))
        if number == len(self.members):
            self.members.append(nodes)
        return number

    def close(self) -> None:
        """End adding; sums come after that."""
        self.joined = np.concatenate(self.members) if self.members else np.empty(0, np.int64)
        self.starts = np.cumsum([0, *(len(nodes) for nodes in self.members)])[:-1]

    def sums(self, of_node: Array) -> Array:
        """Add a figure of nodes up for each group."""
        if not self.members:
            return np.empty(0)
        found: Array = np.add.reduceat(of_node[self.joined], self.starts)
        return found


def of_channel(source: Supply, ledger: Ledger, label: Whole, groups: Groups, start_ns: int, end_ns: int) -> Sums:
    """Say what a channel used in each group between two times."""
    if isinstance(source, Modelled):
        return _by_model(source, ledger, groups, start_ns, end_ns)
    intervals, rest = cut(source.timeline, source.channel, ledger, start_ns, end_ns)
    sums = Sums.nothing(len(groups.members))
    in_fit = np.zeros(len(groups.members) + 1, bool)
    if len(intervals.start_ns):
        timed = np.bincount(intervals.row_node, intervals.row_time_s, len(label)) > 0
        used = np.unique(label[timed])  # a label that never ran by itself has no power to be found
        compact = np.clip(np.searchsorted(used, label), 0, max(len(used) - 1, 0))
        within, outside = division.divide(intervals, compact, groups.members)
        shares = [*within, outside]
        ran = np.bincount(intervals.row_node, minlength=len(label)) > 0
        in_fit[:-1] = groups.sums(ran.astype(np.float64)) > 0
        in_fit[-1] = True
        for number in np.flatnonzero(in_fit):
            _take(sums, int(number), shares[number], source.channel.accuracy)
    _add_rest(sums, in_fit, source, ledger, groups, rest)
    return sums


def _take(sums: Sums, number: int, share: division.Share, accuracy: float) -> None:
    best = share.guess_j
    sums.best[number] = best
    sums.below2[number] = max(best - share.low_j, 0.0) ** 2
    sums.above2[number] = max(share.high_j - best, 0.0) ** 2
    sums.below[number] = share.low_j * accuracy / (1 + accuracy)
    sums.above[number] = share.high_j * accuracy / (1 - accuracy)
    sums.resolved[number] = share.resolved and share.energy_j is not None
    sums.remedies[number] = share.remedy
    sums.attributed[number] = share.attributed
    sums.fitted[number] = share.method == "fit"


def _by_model(source: Modelled, ledger: Ledger, groups: Groups, start_ns: int, end_ns: int) -> Sums:
    row = np.arange(len(ledger.rows))
    node = ledger.rows["node"].astype(np.int64)
    row_j = by_time(source.level_j, ledger, row, start_ns, end_ns)
    sums = Sums.nothing(len(groups.members))
    sums.best[:-1] = groups.sums(summed(node, row_j, len(ledger.nodes)))
    sums.best[-1] = max(source.used.energy_j - float(row_j.sum()), 0.0)
    low, high = source.factors
    sums.below[:], sums.above[:] = sums.best * (1 - low), sums.best * (high - 1)
    return sums


def _add_rest(
    sums: Sums, in_fit: NDArray[np.bool_], source: Measured, ledger: Ledger, groups: Groups, rest: Rest
) -> None:
    """Add what is in no interval, divided by time. Of a span that a region had for itself the counter tells all; of
    the others, that it is something between nothing and all that was used in them.
    """
    if not len(rest.span):
        return
    low_j, best_j, high_j = source.between(rest.span[:, 0], rest.span[:, 1])
    length_s = (rest.span[:, 1] - rest.span[:, 0]) / 1e9
    row_j = by_time(source.level_j, ledger, rest.row, int(rest.span[0, 0]), int(rest.span[-1, 1]))
    rows = ledger.rows[rest.row]
    row_s, node = rows["time_ns"] / 1e9, rows["node"].astype(np.int64)
    at_once = ledger.slices["threads"][rows["slice"]] > 1
    shared = np.bincount(rest.row_span, at_once, len(length_s)) > 0
    order = np.argsort(node, kind="stable")
    begins = np.searchsorted(node[order], np.arange(len(ledger.nodes) + 1))

    def add(number: int, best: float, used_s: Array) -> None:
        """Add to a group that ran for `used_s` in each span."""
        whole = (used_s >= ALL * length_s) & ~shared
        low, high = float(low_j[whole].sum()), float(high_j[used_s > 0].sum())
        sums.best[number] += best
        sums.below[number] += max(best - low, 0.0)
        sums.above[number] += max(high - best, 0.0)
        sums.attributed[number] |= bool((shared & (used_s > 0)).any())
        lowest, amount, highest = sums.bounds(number)
        within = division.within(bool(sums.attributed[number]))
        if sums.resolved[number] and max(highest - amount, amount - lowest) > within * amount:
            sums.resolved[number] = False
            sums.remedies[number] = _why_not(source, float(length_s[used_s > 0].sum()))

    group_j = groups.sums(summed(node, row_j, len(ledger.nodes)))
    for number, members in enumerate(groups.members):
        of_group = np.concatenate([order[begins[member] : begins[member + 1]] for member in members])
        if len(of_group):
            add(number, float(group_j[number]), summed(rest.row_span[of_group], row_s[of_group], len(length_s)))
    free_s = length_s - summed(rest.row_span, row_s, len(length_s))
    outside_j = float(best_j.sum()) - float(row_j.sum())
    add(
        len(groups.members),
        max(outside_j, 0.0),
        np.where(shared, length_s, np.where(free_s > (1 - ALL) * length_s, free_s, 0)),
    )


def _why_not(source: Measured, unseen_s: float) -> str:
    """Say why what lies in no interval leaves a figure open: it was long, or the run short."""
    period_s = source.timeline.counter_period_ns / 1e9
    if period_s <= 0:
        return f"{source.used.domain} gave too few updates: let it run for longer"
    if unseen_s > FEW_UPDATES * period_s:
        return f"{source.used.domain} was not seen closely for {unseen_s:.2g} s around it: {QUIETER}"
    return f"let it run for longer than a few updates of {source.used.domain}, {period_s * 1e3:.3g} ms each"
