"""Figures of regions: what each label, and each place in the tree of regions, cost, and between which bounds.

Each channel of the total is fitted over its intervals (division.py); what lies in no interval is divided by time, and
so is all of a channel that a model feeds (groups.py). Energies of channels add up.

Everything belongs to exactly one innermost region or to none, so the regions' own energies and what is outside of
them make up the run's total.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pycarbon import supply
from pycarbon.design import summed
from pycarbon.groups import Groups, Sums, of_channel
from pycarbon.interval import Range
from pycarbon.ledger import Ledger
from pycarbon.run import Kind
from pycarbon.supply import Modelled, Supply
from pycarbon.totals import Region

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

OUTSIDE = "(outside)"
NOTHING_KNOWN = "neither a counter nor a model was there"

MATTERS = 0.05
"""A channel with less than this part of the total may be unresolved: its whole interval is in the figure's."""

MOST_MEMBERS = 1 << 22
"""So many pairs of a region and one around it are looked at: in a larger tree the deepest count as their parents."""


@dataclass(frozen=True, slots=True, eq=False)
class TreeNode:
    """A region at its place: within the one it was entered in. Children come in order of their energy."""

    region: Region
    children: tuple[TreeNode, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """All regions of a run by their label, in order of energy; the tree's roots; and what no region covers."""

    labels: tuple[Region, ...]
    roots: tuple[TreeNode, ...]
    outside: Region


def figures(ledger: Ledger, supplies: list[Supply], start_ns: int, end_ns: int, grams_per_j: float) -> Figures:
    """Compute all figures of a run's regions; `supplies` are the channels that its total adds."""
    ledger = _shallow(ledger)
    count = len(ledger.nodes)
    node = ledger.rows["node"].astype(np.int64)
    time_s = summed(node, ledger.rows["time_ns"] / 1e9, count)
    calls = summed(node, ledger.rows["calls"].astype(np.float64), count)
    label = ledger.nodes["label"].astype(np.int64)
    subtree = _subtrees(ledger.nodes["parent"])
    ran = np.bincount(node, minlength=count) > 0
    shown = [number for number in range(count) if ran[subtree[number]].any()]

    groups = Groups()
    alone = [groups.add(np.array([number], dtype=np.int64)) for number in shown]
    whole = [groups.add(subtree[number]) for number in shown]
    by_label: dict[int, list[int]] = {}
    for number in shown:
        by_label.setdefault(int(label[number]), []).append(number)
    label_alone = {index: groups.add(np.array(places, dtype=np.int64)) for index, places in by_label.items()}
    label_whole = {
        index: groups.add(np.unique(np.concatenate([subtree[number] for number in places])))
        for index, places in by_label.items()
    }
    groups.close()

    total = supply.total(supplies)
    sums = Sums.nothing(len(groups.members))
    for source in sorted(supplies, key=lambda source: -source.used.energy_j):
        part = of_channel(source, ledger, label, groups, start_ns, end_ns)
        sums.add(part, source.used.energy_j > MATTERS * total.best or len(supplies) == 1)
    teller = _Teller(sums, groups.sums(time_s), supplies, total, grams_per_j)

    regions = [
        teller.region(ledger.labels[index], label_whole[index], label_alone[index], calls[places].sum())
        for index, places in by_label.items()
    ]
    places = {
        number: teller.region(ledger.labels[label[number]], whole[i], alone[i], calls[number])
        for i, number in enumerate(shown)
    }
    regions.sort(key=rank)
    children: dict[int, list[TreeNode]] = {}
    for number in reversed(shown):  # a parent comes before its children
        within = tuple(sorted(children.pop(number, []), key=lambda node: rank(node.region)))
        children.setdefault(int(ledger.nodes["parent"][number]), []).append(TreeNode(places[number], within))
    roots = tuple(sorted(children.get(-1, []), key=lambda node: rank(node.region)))
    free_s = max((end_ns - start_ns) / 1e9 - float(time_s.sum()), 0.0)
    return Figures(tuple(regions), roots, teller.outside(free_s))


def _shallow(ledger: Ledger) -> Ledger:
    """Give the ledger, its deepest nodes taken together with their parents where there are too many."""
    parents = ledger.nodes["parent"].tolist()
    depth: list[int] = []
    for parent in parents:
        depth.append(1 if parent < 0 else depth[parent] + 1)
    most = max(depth, default=0)
    while sum(min(level, most) for level in depth) > MOST_MEMBERS and most > 1:
        most //= 2
    if most == max(depth, default=0):
        return ledger
    stands_for: list[int] = []
    for number, parent in enumerate(parents):
        stands_for.append(number if depth[number] <= most else stands_for[parent])
    rows = ledger.rows.copy()
    rows["node"] = np.array(stands_for)[rows["node"]]
    rows["calls"][rows["node"] != ledger.rows["node"]] = 0
    return Ledger(ledger.labels, ledger.nodes, ledger.slices, rows, ledger.marks, ledger.counts)


def _subtrees(parents: NDArray[np.int32]) -> list[Whole]:
    """Give each node's subtree, itself included, sorted."""
    within: list[list[int]] = [[number] for number in range(len(parents))]
    for number in range(len(parents) - 1, -1, -1):
        if parents[number] >= 0:
            within[parents[number]] += within[number]
    return [np.array(sorted(nodes), dtype=np.int64) for nodes in within]


class _Teller:
    """Makes figures of sums."""

    def __init__(self, sums: Sums, time_s: Array, supplies: list[Supply], total: Range, grams_per_j: float) -> None:
        self._sums, self._time_s, self._total, self._grams_per_j = sums, time_s, total, grams_per_j
        self._known = bool(supplies)
        self._modelled = not supplies or any(isinstance(source, Modelled) for source in supplies)

    def region(self, label: str, whole: int, alone: int, calls: float) -> Region:
        """Give the figures of a region: `whole` and `alone` are the groups with and without what is nested in it."""
        return self._figures(label, whole, alone, int(calls), float(self._time_s[whole]), float(self._time_s[alone]))

    def outside(self, time_s: float) -> Region:
        """Give those of what is in no region."""
        return self._figures(OUTSIDE, -1, -1, 0, time_s, time_s)

    def _figures(self, label: str, whole: int, alone: int, calls: int, time_s: float, self_s: float) -> Region:
        sums = self._sums
        low, best, high = sums.bounds(whole)
        high = max(min(high, self._total.high), best)
        resolved = self._known and bool(sums.resolved[whole])
        energy_j = best if resolved else None
        self_j = float(sums.best[alone]) if self._known and sums.resolved[alone] else None
        if not self._known:
            low = high = math.nan
        kind: Kind = "modelled" if self._modelled else "attributed" if sums.attributed[whole] else "measured"
        method = "model" if self._modelled else "fit" if sums.fitted[whole] else "interpolation"
        return Region(
            label=label,
            calls=calls,
            time_s=time_s,
            energy_j=energy_j,
            low_j=low,
            high_j=high,
            energy_per_call_j=energy_j / calls if energy_j is not None and calls else None,
            low_per_call_j=low / calls if calls else None,
            high_per_call_j=high / calls if calls else None,
            co2e_g=None if energy_j is None else energy_j * self._grams_per_j,
            kind=kind,
            method=method,
            resolved=resolved,
            remedy="" if resolved else sums.remedies[whole] if self._known else NOTHING_KNOWN,
            self_time_s=self_s,
            self_energy_j=self_j,
            share=energy_j / self._total.best if energy_j is not None and self._total.best > 0 else None,
        )


def rank(region: Region) -> tuple[float, float, str]:
    """Sort by energy, the most first; what is not resolved stands where the middle of its bounds is."""
    energy_j = (region.low_j + region.high_j) / 2 if region.energy_j is None else region.energy_j
    return (-energy_j if math.isfinite(energy_j) else 0.0, -region.time_s, region.label)
