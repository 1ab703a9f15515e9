"""The tree of a run's regions as lines of a terminal. Pure text: whoever shows it adds the style."""

from __future__ import annotations

import heapq
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pycarbon.regions import TreeNode, rank
from pycarbon.reports import figures
from pycarbon.totals import Region

MOST_LINES = 25
OUTSIDE, OUTSIDE_BRIEFLY = "(outside regions)", "(outside)"
CALLS, TIME, ENERGY, PER_CALL, BOUNDS, SHARE, GRAMS = 7, 12, 9, 9, 18, 7, 10
WITH_GRAMS, WITH_BOUNDS = 92, 76
"""From so many columns on a line also says what was emitted, or between which bounds a call lies."""

FEWEST = 8
"""So many characters of a label are shown, however deep it lies."""

LEAST = 1e-10
"""Below so many joules or grams digits would need more room than there is, and mean nothing."""

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
    shown, left_out = _chosen(roots)
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


def _chosen(roots: Sequence[TreeNode]) -> tuple[list[tuple[int, TreeNode]], int]:
    """Choose the places that cost the most, none without the one around it: with their depths, in the tree's order;
    and say how many there are more.
    """
    waiting = [(rank(node.region), number, node) for number, node in enumerate(roots)]
    heapq.heapify(waiting)
    number, taken, count = len(roots), set(), 0
    while waiting:
        _, _, node = heapq.heappop(waiting)
        count += 1
        if count <= MOST_LINES:
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
        text = (
            f" {fitted(title, self._label, self._more)}{'calls':>{CALLS}}{'time':>{TIME}}{'energy':>{ENERGY}}{mark}"
        )
        text += f"{'a call':>{PER_CALL}}" + " " * BOUNDS * self._bounds + f"{'share':>{SHARE}}"
        return (text + (f"{'CO2e':>{GRAMS}}" if self._grams else "")).rstrip()

    def row(self, region: Region, depth: int, told: set[str], name: str = "") -> Iterator[str]:
        """Write a region; one that is not resolved says what would help, unless that was told before."""
        indent = " " * min(2 * depth, max(self._label - FEWEST, 0))
        label = name or figures.printable(region.label) or "(no name)"
        calls = _count(region.calls) if not name else ""
        head = f" {fitted(indent + label, self._label, self._more)}{calls:>{CALLS}}"
        head += f"{_time(region.time_s):>{TIME}}"
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
        text = f"{_joules(energy_j):>{ENERGY}}"
        text += f"{MARKS[region.kind]:<1}" if self._marked else ""
        amount = bounds = ""
        each_j, low_j, high_j = region.energy_per_call_j, region.low_per_call_j, region.high_per_call_j
        if each_j is not None and low_j is not None and high_j is not None:
            factor, prefix = figures.prefix_for(each_j or high_j)
            number, bounds = figures.with_interval(each_j, low_j, high_j, factor)
            if len(number) + len(prefix) + 2 >= PER_CALL:  # so narrow an interval that its ends need many digits
                number = figures.digits(each_j / factor)
            bounds = bounds if len(bounds) <= BOUNDS - 2 else _between(low_j / factor, high_j / factor)
            amount = _joules(each_j) if 0 < each_j < LEAST else f"{number} {prefix}J"
        text += f"{amount:>{PER_CALL}}"
        if self._bounds:
            text += f"  {bounds:<{BOUNDS - 2}}"
        text += f"{'' if region.share is None else _percent(region.share):>{SHARE}}"
        if self._grams and region.co2e_g is not None:
            text += f"{_grams(region.co2e_g):>{GRAMS}}"
        return text


def _count(number: int) -> str:
    if number >= 1e15:
        return f"{number:.0e}"
    return str(number) if number < 100_000 else figures.quantity(number, "").rstrip()


def _time(seconds: float) -> str:
    text = figures.duration(seconds)
    return text if len(text) < TIME else f"{seconds / 86_400:.0f} d"


def _joules(energy_j: float) -> str:
    return "<0.1 nJ" if 0 < energy_j < LEAST else figures.quantity(energy_j, "J")


def _between(low: float, high: float) -> str:
    """Write two ends with as many decimals as there is room for."""
    texts = (f"{low:.{decimals}f} to {high:.{decimals}f}" for decimals in range(6, -1, -1))
    return next((text for text in texts if len(text) <= BOUNDS - 2), "")


def _grams(co2e_g: float) -> str:
    if 0 < co2e_g < LEAST:
        return "<0.1 ng"
    factor, unit = figures.mass_prefix_for(co2e_g)
    return f"{figures.digits(co2e_g / factor)} {unit}"


def _percent(share: float) -> str:
    return "<0.1 %" if 0 < share < 0.001 else figures.percent(share)


def _cells(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def fitted(text: str, cells: int, more: str) -> str:
    """Make a text as wide as `cells` of the terminal: cut it, or fill it with blanks."""
    used = sum(map(_cells, text))
    if used <= cells:
        return text + " " * (cells - used)
    kept, room = "", cells - len(more)
    for letter in text:
        room -= _cells(letter)
        if room < 0:
            break
        kept += letter
    return fitted(kept + more, cells, "")
