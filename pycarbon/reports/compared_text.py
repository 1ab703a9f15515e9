"""Runs side by side as people read them in a terminal: a table of the runs, and their regions as a diff."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from pycarbon.reports import changes, compared_rows, figures
from pycarbon.reports.compared_table import PairTable, SeveralTable, same
from pycarbon.reports.text import Rows, Style
from pycarbon.reports.tree import MARKS, MEANINGS
from pycarbon.run_differences import RegionRow, Row, RunDifferences


class ComparedText(Rows):
    """The report for people."""

    def __init__(self, style: Style | None = None, everything: bool = False) -> None:
        """Write for a terminal of the given style; with `everything`, of all regions."""
        super().__init__(style)
        self._everything = everything

    def render(self, compared: RunDifferences) -> str:
        """Give the whole report."""
        lines = ["", *self._head(compared), "", *self._tables(compared), "", *self._foot(compared), ""]
        return self._style.fit("\n".join(line.rstrip() for line in lines))

    def _head(self, compared: RunDifferences) -> Iterator[str]:
        first, *others = compared.letters
        title = f"{', '.join(others)} against {first}"
        yield f" {self._style.bold(title)}"
        for letter, words in zip(compared.letters, compared_rows.described(compared), strict=True):
            text = figures.printable(" · ".join(words))
            lines = textwrap.wrap(text, self._style.width - 6, break_on_hyphens=False)
            yield from (f" {letter if i == 0 else '':<4} {line}" for i, line in enumerate(lines))

    def _tables(self, compared: RunDifferences) -> Iterator[str]:
        letters, count = compared.letters, len(compared.runs)
        if count == 2:
            yield from self._table(compared, PairTable(self._style, letters), [0, 1])
            return
        each = SeveralTable.fitting(self._style)
        for start in range(1, count, each):
            numbers = [0, *range(start, min(start + each, count))]
            if start > 1:
                yield ""
            table = SeveralTable(self._style, [letters[number] for number in numbers])
            yield from self._table(compared, table, numbers)

    def _table(self, compared: RunDifferences, table: PairTable | SeveralTable, numbers: list[int]) -> Iterator[str]:
        yield table.header("")
        for name, row in compared_rows.of_runs(compared):
            some = row.of(numbers)
            yield from table.row(" ", name, some)
            yield from table.intervals(some)
        if compared.outside is None:
            return
        shown, left_out = compared_rows.shown(compared, self._everything)
        kinds = compared_rows.kinds(compared, [*shown, compared.outside])
        table.marked = len(kinds) > 1
        yield ""
        title = f"Regions · {kinds[0]}" if len(kinds) == 1 else "Regions"
        yield table.header(title if table.has_room_for(title) else "Regions")
        yield from table.note("" if table.has_room_for(title) else kinds[0])
        told: set[str] = set()
        for region in shown:
            yield from self._region(compared, region, table, numbers, told)
        yield from table.note(left_out)
        yield from self._region(compared, compared.outside, table, numbers, told)

    def _region(
        self,
        compared: RunDifferences,
        region: RegionRow,
        table: PairTable | SeveralTable,
        numbers: list[int],
        told: set[str],
    ) -> Iterator[str]:
        row = compared.deciding(region).of(numbers)
        label = figures.printable(region.label) or "(no name)"
        yield from table.row(compared_rows.sign(compared, row.changes), label, row)
        unresolved = any(value is not None and value.best is None for value in row.values)
        if unresolved or any(found.verdict == "not compared" for found in row.changes):
            yield from table.intervals(row)
        if unresolved and region.remedy and region.remedy not in told:
            told.add(region.remedy)
            yield from table.note(figures.printable(f"not resolved: {region.remedy}"))
        for name, below in compared_rows.below(compared, region):
            yield from table.row(" ", f"  {name}", below.of(numbers))

    def _foot(self, compared: RunDifferences) -> Iterator[str]:
        shown, _ = compared_rows.shown(compared, self._everything)
        rows: list[Row] = [row for _, row in compared_rows.of_runs(compared)]
        rows += [compared.deciding(region) for region in shown]
        if any(changes.verdict(found) == "same within its interval" for row in rows for found in row.changes):
            yield from self._wrapped(
                same(self._style), "the same within its interval: the intervals of both runs overlap"
            )
        if any(compared_rows.sign(compared, compared.deciding(region).changes) == "*" for region in shown):
            yield from self._wrapped("*", "not the same in all of the runs")
        kinds = compared_rows.kinds(compared, shown)
        if len(kinds) > 1:
            yield from self._wrapped("", "; ".join(f"{MARKS[k]} {MEANINGS[k]}" for k in kinds if k in MEANINGS))
        for note in compared.notes:
            yield from self._wrapped("Note", note)
