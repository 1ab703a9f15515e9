"""The columns of a comparison: two runs with the change beside them, or several with the changes below."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence

from pycarbon.change import Change, Value
from pycarbon.reports import changes
from pycarbon.reports.cells import fitted
from pycarbon.reports.text import Style
from pycarbon.reports.tree import MARKS
from pycarbon.run_differences import Row

AMOUNT, CHANGE, BETWEEN, VERDICT = 12, 10, 21, 9
COLUMN = 22
"""Of a run among several: as wide as the interval of a change."""

LONGEST_LABEL, SHORTEST_LABEL = 34, 14
WITH_BETWEEN = 78
"""From so many columns on the interval of a change stands beside it, else below it."""


def same(style: Style) -> str:
    """Write "same within its interval" as short as a column is."""
    return f"same {'±' if style.unicode else '+-'}"


class Table:
    """Rows of labelled figures; `letters` are of the runs shown, of which the first is the baseline."""

    def __init__(self, style: Style, letters: Sequence[str], right: int) -> None:
        """Lay out as many columns as `right` characters hold, and leave the rest to labels."""
        self._style, self._letters = style, letters
        self._label = min(style.width - 2 - right, LONGEST_LABEL)
        self._more = "…" if style.unicode else "..."
        self.marked = False
        """Whether amounts carry the mark of their kind."""

    def has_room_for(self, title: str) -> bool:
        """Say whether a title would be cut."""
        return len(title) <= self._label

    def _head(self, sign: str, label: str) -> str:
        return f"{sign} {fitted(label, self._label, self._more)}"

    def _amount(self, value: Value | None, unit: str) -> str:
        mark = MARKS[value.kind] if self.marked and value is not None else ""
        return changes.amount(value, unit) + mark

    def _verdict(self, found: Change) -> str:
        """Write a verdict as short as a column is."""
        verdict = changes.verdict(found)
        return same(self._style) if verdict == "same within its interval" else verdict

    def _painted(self, found: Change) -> Callable[[str], str]:
        verdict = changes.verdict(found)
        if verdict in ("more", "new"):
            return self._style.red
        return self._style.green if verdict in ("less", "gone") else str

    def intervals(self, row: Row) -> Iterator[str]:
        """Write between which bounds the figures of the runs lie, and of which kind they are."""
        told = {letter: value for letter, value in zip(self._letters, row.values, strict=True) if value is not None}
        ends = {letter: changes.between(value, row.unit) for letter, value in told.items()}
        if not any(ends.values()):
            return
        kinds = {value.kind for value in told.values()}
        parts = [
            f"{letter} {ends[letter] or changes.amount(value, row.unit)}{f' {value.kind}' if len(kinds) > 1 else ''}"
            for letter, value in told.items()
        ]
        text = ", ".join(parts) + (f", {kinds.pop()}" if len(kinds) == 1 else "")
        yield from self.note(text)

    def note(self, text: str) -> Iterator[str]:
        """Write what is to be said below a row."""
        for line in textwrap.wrap(text, self._style.width - 6, break_on_hyphens=False):
            yield self._style.dim(f"      {line}")


class PairTable(Table):
    """Two runs."""

    def __init__(self, style: Style, letters: Sequence[str]) -> None:
        """Lay out both amounts, the change, its interval where there is room, and the verdict."""
        self._beside = style.width >= WITH_BETWEEN
        super().__init__(style, letters, 2 * AMOUNT + CHANGE + BETWEEN * self._beside + VERDICT)

    def header(self, title: str) -> str:
        """Name the columns."""
        first, second = self._letters
        text = f"{self._head(' ', title)}{first:>{AMOUNT}}{second:>{AMOUNT}}{'change':>{CHANGE}}"
        return self._style.dim(text + (f"  {'between':<{BETWEEN - 2}}" if self._beside else "") + "  verdict")

    def row(self, sign: str, label: str, row: Row) -> Iterator[str]:
        """Write a figure of both runs, and what became of it."""
        (found,) = row.changes
        amounts = "".join(f"{self._amount(value, row.unit):>{AMOUNT}}" for value in row.values)
        head, painted = self._head(sign, label) + amounts, self._painted(found)
        if found.verdict in changes.UNSAID:
            yield f"{head}  {found.verdict}"
            return
        change, between = changes.change(found, row.unit)
        told = f"{change:>{CHANGE}}" + (f"  {between:<{BETWEEN - 2}}" if self._beside else "")
        yield f"{head}{painted(f'{told}  {self._verdict(found)}')}"
        if between and not self._beside:
            yield from self.note(f"change {between}")


class SeveralTable(Table):
    """A baseline and some others, each in a column of its own."""

    def __init__(self, style: Style, letters: Sequence[str]) -> None:
        """Lay out a column for each run."""
        super().__init__(style, letters, AMOUNT + COLUMN * (len(letters) - 1))

    @staticmethod
    def fitting(style: Style) -> int:
        """Count the runs beside the baseline for which there is room."""
        return max((style.width - 2 - AMOUNT - SHORTEST_LABEL) // COLUMN, 1)

    def header(self, title: str) -> str:
        """Name the columns."""
        first, *others = self._letters
        columns = "".join(f"{letter:>{COLUMN}}" for letter in others)
        return self._style.dim(f"{self._head(' ', title)}{first:>{AMOUNT}}{columns}")

    def row(self, sign: str, label: str, row: Row) -> Iterator[str]:
        """Write a figure of each run; below it what became of it, and within which bounds."""
        first, *others = (self._amount(value, row.unit) for value in row.values)
        yield f"{self._head(sign, label)}{first:>{AMOUNT}}{''.join(f'{text:>{COLUMN}}' for text in others)}"
        told, between = [], []
        for value, found in zip(row.values[1:], row.changes, strict=True):
            change, ends = ("", "") if found.verdict in changes.UNSAID else changes.change(found, row.unit)
            verdict = "" if value is row.values[0] is None else self._verdict(found)
            told.append(self._painted(found)(f"{f'{change} {verdict}'.strip():>{COLUMN}}"))
            between.append(f"{ends:>{COLUMN}}")
        indent = " " * (self._label + 2 + AMOUNT)
        yield indent + "".join(told)
        if any(text.strip() for text in between):
            yield self._style.dim((indent + "".join(between)).rstrip())
