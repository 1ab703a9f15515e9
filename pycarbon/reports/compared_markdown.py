"""Runs side by side as Markdown, for a review or a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pycarbon.change import Change, Value
from pycarbon.reports import changes, compared_rows, figures
from pycarbon.reports.text import Style
from pycarbon.run_differences import Row, RunDifferences

_COMMANDS = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


class ComparedMarkdown:
    """The report for pages: tables as GitHub and others lay them out."""

    def __init__(self, style: Style | None = None, everything: bool = False) -> None:
        """Write for a stream of the given style, which may lack letters; with `everything`, of all regions."""
        self._style = style or Style()
        self._everything = everything

    def render(self, compared: RunDifferences) -> str:
        """Give the whole report."""
        return self._style.fit("\n".join(self._lines(compared)))

    def _lines(self, compared: RunDifferences) -> Iterator[str]:
        first, *others = compared.letters
        yield from (f"### {', '.join(others)} against {first}", "")
        for letter, words in zip(compared.letters, compared_rows.described(compared), strict=True):
            yield f"- **{letter}** {_plain(' · '.join(words))}"
        yield ""
        yield from _table("", compared_rows.of_runs(compared), compared)
        if compared.outside is not None:
            regions, left_out = compared_rows.shown(compared, self._everything)
            rows = []
            for region in [*regions, compared.outside]:
                rows.append((region.label or "(no name)", compared.deciding(region)))
                rows += [(f"{region.label}, {name}", row) for name, row in compared_rows.below(compared, region)]
            yield ""
            yield from _table("region, by time" if compared.by_time else "region", rows, compared)
            if left_out:
                yield from ("", _plain(left_out))
        yield ""
        for note in compared.notes:
            yield f"- {_plain(note)}"


def _table(title: str, rows: Iterable[tuple[str, Row]], compared: RunDifferences) -> Iterator[str]:
    first, *others = compared.letters
    yield _line([title, first, *(cell for letter in others for cell in (letter, f"{letter} against {first}"))])
    yield _line(["---", "--:", *["--:", "---"] * len(others)])
    for name, row in rows:
        cells = [name, _amount(row.values[0], row.unit)]
        for value, found in zip(row.values[1:], row.changes, strict=True):
            cells += [_amount(value, row.unit), _change(found, row.unit)]
        yield _line(map(_plain, cells))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _amount(value: Value | None, unit: str) -> str:
    """Write a figure with its interval and kind, where it has an interval."""
    amount = changes.amount(value, unit)
    between = "" if value is None else changes.between(value, unit)
    return amount if value is None or not between else f"{amount} ({between}, {value.kind})"


def _change(found: Change, unit: str) -> str:
    if found.verdict in changes.UNSAID:
        return found.verdict
    change, between = changes.change(found, unit)
    verdict = changes.verdict(found)
    return " ".join(filter(None, (f"{verdict}," if verdict else "", change, f"({between})" if between else "")))


def _plain(text: str) -> str:
    """Write any text so that nothing in it is taken for Markdown."""
    return _COMMANDS.sub(r"\\\1", figures.printable(text))
