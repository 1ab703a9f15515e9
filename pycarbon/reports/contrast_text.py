"""A comparison of variants as people read it in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from pycarbon.comparison import Comparison
from pycarbon.reports import contrast_rows, figures
from pycarbon.reports.text import Style
from pycarbon.reports.verdicts import circumstances, noise, verdicts

NAME_SHARE = 6
"""A name takes at most a part of the width."""


TEXTS = (0, 3)
LEFT_OUT_FIRST = (6, 5, 4, 1)
"""Columns of contrast_rows: name and kind are words; those that can be spared, the first of them first."""


class ContrastText:
    """The report for people."""

    def __init__(self, style: Style | None = None) -> None:
        """Write for a terminal of the given style; plain text without one."""
        self._style = style or Style()

    def render(self, found: Comparison) -> str:
        """Give the whole report."""
        text = "\n".join(["", *self._commands(found), *self._table(found), *self._words(found), ""])
        return self._style.fit(text)

    def _commands(self, found: Comparison) -> Iterator[str]:
        for variant in found.variants:
            if variant.command is not None:
                name = self._name(variant.name)
                command = _cut(figures.printable(variant.command), self._style.width - len(name) - 3)
                yield f" {self._style.bold(name)}  {self._style.dim(command)}".rstrip()
        if found.variants[0].command is not None:
            yield ""

    def _table(self, found: Comparison) -> Iterator[str]:
        """One row for each variant; columns that the terminal is too narrow for are left out."""
        heads, rows = contrast_rows.cells(found)
        rows = [[self._name(row[0]), *row[1:]] for row in rows]
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        shown = list(range(len(widths)))
        for column in LEFT_OUT_FIRST:
            if 1 + sum(widths[number] + 2 for number in shown) - 2 > self._style.width:
                shown.remove(column)
        yield self._style.dim(_line(heads, widths, shown))
        for row in rows:
            yield _line(row, widths, shown)
        yield ""

    def _name(self, name: str) -> str:
        return _cut(figures.printable(name), self._style.width // NAME_SHARE)

    def _words(self, found: Comparison) -> Iterator[str]:
        for text in verdicts(found):
            yield from map(self._style.bold, self._wrapped(text))
        if noise(found):
            yield from self._wrapped(noise(found))
        yield ""
        for text in circumstances(found):
            yield from self._wrapped(text)
        for warning in found.warnings:
            yield from self._wrapped(warning, "Note: ")

    def _wrapped(self, text: str, head: str = "") -> list[str]:
        lines = textwrap.wrap(
            figures.printable(text).replace(" %", "\u00a0%"),  # a figure stays with its sign
            self._style.width - 1,
            initial_indent=f" {head}",
            subsequent_indent=" " * (1 + len(head)),
            break_long_words=False,
            break_on_hyphens=False,
        )
        return [line.replace("\u00a0", " ") for line in lines]


def _line(cells: list[str], widths: list[int], shown: list[int]) -> str:
    aligned = [
        cells[number].ljust(widths[number]) if number in TEXTS else cells[number].rjust(widths[number])
        for number in shown
    ]
    return (" " + "  ".join(aligned)).rstrip()


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"
