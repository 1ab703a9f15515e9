"""Turns two things measured in turn into one ratio with an interval, and prints a line for each.

Ours and its peer are measured alternately, so that whatever else the machine does meets both. The figure is the
median of the ratios of neighbours; its interval is made of order statistics and supposes nothing about the shape
of the noise.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

FEWEST_PAIRS = 6
"""Below this no two of the values enclose the median with 95 % confidence."""


@dataclass(frozen=True)
class Estimate:
    """A median, and two values of the sample that enclose the true median with at least 95 % confidence."""

    value: float
    low: float
    high: float

    def show(self, scale: float = 1.0, digits: int = 3) -> str:
        value, low, high = (f"{scale * number:.{digits}g}" for number in (self.value, self.low, self.high))
        return f"{value} ({low} to {high})"


def median(values: Sequence[float]) -> Estimate:
    """Estimate the median: the k-th value from either end is chosen so that 2 P(Binomial(n, 1/2) < k) <= 5 %."""
    count = len(values)
    if count < FEWEST_PAIRS:
        raise ValueError(f"{count} values say nothing with 95 % confidence; measure at least {FEWEST_PAIRS}")
    ordered = sorted(values)
    tail, rank = 0.0, 0
    while tail + math.comb(count, rank) / 2**count <= 0.025:
        tail += math.comb(count, rank) / 2**count
        rank += 1
    return Estimate(statistics.median(ordered), ordered[rank - 1], ordered[count - rank])


def ratio(ours: Sequence[float], peer: Sequence[float]) -> Estimate:
    """Estimate how many times the peer ours is, pair by pair."""
    return median([a / b for a, b in zip(ours, peer, strict=True)])


@dataclass(frozen=True)
class Line:
    """One line of the table. `ours` and `peer` are written out with their unit; a line may lack peer and target."""

    name: str
    ours: str
    peer_name: str = ""
    peer: str = ""
    ratio: Estimate | None = None
    target: float | None = None
    digits: int = 3

    @property
    def verdict(self) -> str:
        if self.ratio is None or self.target is None:
            return ""
        if self.ratio.value > self.target:
            return "missed" if self.ratio.low > self.target else "missed, within the noise"
        return "met" if self.ratio.high <= self.target else "met, within the noise"

    def cells(self) -> list[str]:
        shown = "" if self.ratio is None else self.ratio.show(digits=self.digits)
        target = "" if self.target is None else f"<= {self.target:g}"
        return [self.name, self.ours, f"{self.peer_name} {self.peer}".strip(), shown, target, self.verdict]


@dataclass
class Report:
    """What this session measured, in the order it was measured."""

    lines: list[Line] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(self, benchmark: Any, line: Line) -> None:
        self.lines.append(line)
        if line.ratio is not None:
            found = {"ratio": line.ratio.value, "low": line.ratio.low, "high": line.ratio.high}
            benchmark.extra_info[line.name] = found | {"peer": line.peer_name, "target": line.target}

    def table(self) -> list[str]:
        return table(
            ["", "ours", "beside", "ratio (95 %)", "target", "verdict"], [line.cells() for line in self.lines]
        )


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Lay out a Markdown table in columns."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return [line(head), line(["-" * width for width in widths]), *map(line, rows)]


def alternate(
    benchmark: Any, ours: Callable[[], float], peer: Callable[[], float], rounds: int
) -> tuple[list[float], list[float]]:
    """Call peer, ours, peer, ours ...; each says itself what it cost. One round more warms up and is thrown away."""
    ours_cost: list[float] = []
    peer_cost: list[float] = []
    benchmark.pedantic(
        lambda: ours_cost.append(ours()),
        setup=lambda: peer_cost.append(peer()),
        rounds=rounds,
        warmup_rounds=1,
    )
    return ours_cost[1:], peer_cost[1:]


def compare(
    benchmark: Any,
    report: Report,
    name: str,
    ours: Callable[[], float],
    peer_name: str,
    peer: Callable[[], float],
    *,
    rounds: int,
    target: float | None = None,
    scale: float = 1e3,
    unit: str = "ms",
) -> None:
    """Measure ours beside its peer and add the line; costs are multiplied by `scale` to be shown in `unit`."""
    ours_cost, peer_cost = alternate(benchmark, ours, peer, rounds)
    report.add(
        benchmark,
        Line(
            name,
            f"{scale * statistics.median(ours_cost):.3g} {unit}",
            peer_name,
            f"{scale * statistics.median(peer_cost):.3g} {unit}",
            ratio(ours_cost, peer_cost),
            target,
        ),
    )
