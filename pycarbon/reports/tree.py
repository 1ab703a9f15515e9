"""The tree of a run's regions as lines of a terminal. Pure text: whoever shows it adds the style."""

from __future__ import annotations

import heapq
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pycarbon.regions import TreeNode, rank
from pycarbon.reports import cells, figures
from pycarbon.totals import Region

MOST_LINES = 25
OUTSIDE, OUTSIDE_BRIEFLY = "(outside regions)", "(outside)"
CALLS, TIME, ENERGY, PER_CALL, BOUNDS, SHARE, GRAMS = 7, 12, 9, 9, 18, 7, 10
WITH_GRAMS, WITH_BOUNDS = 92, 76
"""From so many columns on a line also says what was emitted, or between which bounds a call lies."""

FEWEST = 8
"""So many characters of a label are shown, however deep it lies."""

MARKS = {"measured": "", "attributed": "*", "modelled": "~"}
MEANINGS = {
    "attributed": "attributed: threads ran at once and share by CPU time",
    "modelled": "modelled: no counter was read",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line, and whether it may recede."""

    text: str
    dim: bool = False


def lines(roots: Sequence[TreeNode], outside: Region, width: int, more: str = "…") -> list[Line]:
    """Lay the tree out, what cost the most first; `more` stands for what is cut off.

    Of a large tree the MOST_LINES places that cost the most are shown, and how many are not.
    """
    shown, left_out = chosen(roots)
    regions = [node.region for _, node in shown]
    kinds = {region.kind for region in [*regions, outside]}
    table = _Table(width, more, marked=len(kinds) > 1)
    found = [Line(table.header("" if len(kinds) > 1 else outside.kind), dim=True)]
    told: set[str] = set()
    for depth, node in shown:
        found += [Line(text) for text in table.row(node.region, depth, told)]
    if left_out:
        found.append(Line(f" {more} and {left_out} more", dim=True))
    found += [Line(text, dim=True) for text in table.row(outside, 0, told, table.outside)]
    if len(kinds) > 1:
        meanings = "; ".join(f"{MARKS[kind]} {text}" for kind, text in MEANINGS.items() if kind in kinds)
        found += [Line(f" {text}", dim=True) for text in textwrap.wrap(meanings, width - 1)]
    return found


def chosen(roots: Sequence[TreeNode], most: int = MOST_LINES) -> tuple[list[tuple[int, TreeNode]], int]:
    """Choose the places that cost the most, none without the one around it: with their depths, in the tree's order;
    and say how many there are more.
    """
    waiting = [(rank(node.region), number, node) for number, node in enumerate(roots)]
    heapq.heapify(waiting)
    number, taken, count = len(roots), set(), 0
    while waiting:
        _, _, node = heapq.heappop(waiting)
        count += 1
        if count <= most:
            taken.add(id(node))
        for child in node.children:
            heapq.heappush(waiting, (rank(child.region), number, child))
            number += 1
    shown = []
    stack = [(0, node) for node in reversed(roots)]
    while stack:
        depth, node = stack.pop()
        if id(node) in taken:
            shown.append((depth, node))
            stack += [(depth + 1, child) for child in reversed(node.children)]
    return shown, count - len(shown)


class _Table:
    """Columns of figures to the right of labels, as many as the width has room for."""

    def __init__(self, width: int, more: str, marked: bool) -> None:
        self._width, self._more, self._marked = width, more, marked
        self._grams, self._bounds = width >= WITH_GRAMS, width >= WITH_BOUNDS
        right = CALLS + TIME + ENERGY + PER_CALL + SHARE + marked
        right += BOUNDS * self._bounds + GRAMS * self._grams
        self._label = width - 1 - right
        self.outside = OUTSIDE if len(OUTSIDE) <= self._label else OUTSIDE_BRIEFLY

    def header(self, kind: str) -> str:
        """Name the columns, and the kind of all figures where they are of one."""
        title = f"Regions · {kind}" if kind and len(kind) + 10 <= self._label else "Regions"
        mark = " " * self._marked
        text = f" {cells.fitted(title, self._label, self._more)}{'calls':>{CALLS}}{'time':>{TIME}}"
        text += f"{'energy':>{ENERGY}}{mark}"
        text += f"{'a call':>{PER_CALL}}" + " " * BOUNDS * self._bounds + f"{'share':>{SHARE}}"
        return (text + (f"{'CO2e':>{GRAMS}}" if self._grams else "")).rstrip()

    def row(self, region: Region, depth: int, told: set[str], name: str = "") -> Iterator[str]:
        """Write a region; one that is not resolved says what would help, unless that was told before."""
        indent = " " * min(2 * depth, max(self._label - FEWEST, 0))
        label = name or figures.printable(region.label) or "(no name)"
        calls = cells.count(region.calls) if not name else ""
        head = f" {cells.fitted(indent + label, self._label, self._more)}{calls:>{CALLS}}"
        head += f"{cells.time(region.time_s, TIME):>{TIME}}"
        if region.energy_j is not None:
            yield (head + self._figures(region)).rstrip()
        elif region.remedy in told:
            yield f"{head}  not resolved, as above"
        else:
            told.add(region.remedy)
            text = figures.printable(f"not resolved: {region.remedy}" if region.remedy else "not resolved")
            room = self._width - len(head) - 2
            first, *others = textwrap.wrap(text, max(room, 20), break_on_hyphens=False)
            yield f"{head}  {first}"
            yield from (" " * (len(head) + 2) + other for other in others)

    def _figures(self, region: Region) -> str:
        energy_j = region.energy_j or 0.0
        text = f"{cells.joules(energy_j):>{ENERGY}}"
        text += f"{MARKS[region.kind]:<1}" if self._marked else ""
        amount = bounds = ""
        each_j, low_j, high_j = region.energy_per_call_j, region.low_per_call_j, region.high_per_call_j
        if each_j is not None and low_j is not None and high_j is not None:
            amount, bounds = cells.with_bounds(each_j, low_j, high_j, PER_CALL, BOUNDS - 2)
        text += f"{amount:>{PER_CALL}}"
        if self._bounds:
            text += f"  {bounds:<{BOUNDS - 2}}"
        text += f"{'' if region.share is None else cells.percent(region.share):>{SHARE}}"
        if self._grams and region.co2e_g is not None:
            text += f"{cells.grams(region.co2e_g):>{GRAMS}}"
        return text
