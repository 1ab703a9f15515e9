"""Regions as boxes below the one that they were entered in, each as wide as what it cost: an icicle.

Within a region boxes are as wide as their energies where all of them are resolved, and else as their times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pycarbon.regions import TreeNode
from pycarbon.reports import cells, figures
from pycarbon.reports.tree import chosen
from pycarbon.totals import Region

MOST_BOXES = 160
MOST_ROWS = 16
NARROWEST = 0.001
"""Of the whole width: no narrower box is drawn."""

LONGEST_LABEL = 80


def icicle(roots: Sequence[TreeNode], outside: Region | None) -> dict[str, Any]:
    """Lay out the places that cost the most; how many others are `left_out`, and how deep it is drawn.

    Each box has `label`, `row` (0: in no other), `left` and `width` as parts of 1, `by` "energy" or "time", `kind`,
    `resolved`, and `told`: its figures in words.
    """
    shown, left_out = chosen(roots, MOST_BOXES)
    taken = {id(node) for row, node in shown if row < MOST_ROWS}
    boxes: list[dict[str, Any]] = []
    everything = [node.region for node in roots] + ([] if outside is None else [outside])
    waiting = [(0, 0.0, 1.0, roots, everything)]
    while waiting:
        row, left, width, nodes, within = waiting.pop()
        by = "energy" if all(region.energy_j is not None for region in within) else "time"
        whole = sum(_size(region, by) for region in within)
        for node in nodes:
            part = width * _size(node.region, by) / whole if whole > 0 else 0.0
            if id(node) in taken and part >= NARROWEST:
                boxes.append(_box(node.region, row, left, part, by))
                waiting.append((row + 1, left, part, node.children, _children(node)))
            else:
                left_out += id(node) in taken
            left += part
    boxes.sort(key=lambda box: (box["row"], box["left"]))
    deeper = sum(row >= MOST_ROWS for row, _ in shown)
    rows = 1 + max((box["row"] for box in boxes), default=-1)
    return {"boxes": boxes, "rows": rows, "left_out": left_out + deeper, "deeper": deeper > 0}


def _children(node: TreeNode) -> list[Region]:
    """Give what a region's width is divided among: the regions in it, and itself as a region without them."""
    region = node.region
    own = replace(region, time_s=region.self_time_s, energy_j=region.self_energy_j)
    return [*(child.region for child in node.children), own]


def _size(region: Region, by: str) -> float:
    return max((region.energy_j or 0.0) if by == "energy" else region.time_s, 0.0)


def _box(region: Region, row: int, left: float, width: float, by: str) -> dict[str, Any]:
    return {
        "label": name_of(region.label),
        "row": row,
        "left": left,
        "width": width,
        "by": by,
        "kind": region.kind,
        "resolved": region.resolved,
        "told": told(region),
    }


def name_of(label: str) -> str:
    """Give a label as pages write it: on one line, and not longer than LONGEST_LABEL."""
    text = figures.printable(label) or "(no name)"
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 3]}..."


def told(region: Region) -> str:
    """Say what a region cost, in a few words."""
    calls = f"{cells.count(region.calls)} call{'s' * (region.calls != 1)}, {figures.duration(region.time_s)}"
    if region.energy_j is None:
        return f"{calls}, energy not resolved"
    share = "" if region.share is None else f", {figures.percent(region.share)} of the run"
    return f"{cells.joules(region.energy_j)} {region.kind}{share}, {calls}"
