"""Runs side by side as CSV: a row for each figure of each run, with what became of the first run's."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pycarbon.change import Bounds
from pycarbon.exports.text import clean, quoted
from pycarbon.reports.text import Style
from pycarbon.run_differences import RegionRow, Row, RunDifferences

COLUMNS = (
    *("scope", "label", "figure", "run", "value", "low", "high", "kind", "verdict"),
    *("difference", "low_difference", "high_difference", "ratio", "low_ratio", "high_ratio"),
)

Cell = str | float | None


class ComparedCsv:
    """The report for tables: figures carry their unit, and what is not known is empty."""

    def __init__(self, style: Style | None = None) -> None:
        """Write for a stream of the given style: where it lacks letters they are written out."""
        self._unicode = style is None or style.unicode

    def render(self, compared: RunDifferences) -> str:
        """Give the table, without the end of its last line."""
        lines = [",".join(COLUMNS)]
        for cells in rows(compared):
            lines.append(",".join("" if cell is None else quoted(str(cell)) for cell in cells))
        text = "\n".join(lines)
        return text if self._unicode else text.encode("ascii", "backslashreplace").decode("ascii")


def rows(compared: RunDifferences) -> Iterator[list[Cell]]:
    """Give the rows of the table, each with the cells of COLUMNS; None is not known."""
    for scope, label, figure, row in _rows(compared):
        yield from _cells(compared.letters, scope, label, figure, row)


def _rows(compared: RunDifferences) -> Iterator[tuple[str, str, str, Row]]:
    yield "run", "", "energy_j", compared.energy
    yield "run", "", "process_j", compared.process
    yield "run", "", "co2e_g", compared.emissions
    yield "run", "", "duration_s", compared.duration
    yield "run", "", "process_cpu_s", compared.process_cpu
    for one in compared.domains:
        yield "domain", one.domain, "energy_j", one.energy
    for region in compared.regions:
        yield from _of_region("region", region)
    if compared.outside is not None:
        yield from _of_region("outside", compared.outside)


def _of_region(scope: str, region: RegionRow) -> Iterator[tuple[str, str, str, Row]]:
    yield scope, region.label, "energy_j", region.energy
    yield scope, region.label, "energy_per_call_j", region.energy_per_call
    yield scope, region.label, "calls", region.calls
    yield scope, region.label, "time_s", region.time
    yield scope, region.label, "time_per_call_s", region.time_per_call


def _cells(letters: tuple[str, ...], scope: str, label: str, figure: str, row: Row) -> Iterator[list[Cell]]:
    for number, (letter, value) in enumerate(zip(letters, row.values, strict=True)):
        own: list[Cell] = [None] * 4 if value is None else [value.best, value.low, value.high, value.kind]
        change: list[Cell] = [None] * 7
        if number:
            found = row.changes[number - 1]
            change = [found.verdict, *_ends(found.difference), *_ends(found.ratio)]
        yield [scope, clean(label), figure, letter, *own, *change]


def _ends(found: Bounds | None) -> list[Cell]:
    if found is None:
        return [None] * 3
    return [end if end is not None and math.isfinite(end) else None for end in (found.best, found.low, found.high)]
