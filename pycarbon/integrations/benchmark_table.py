"""Columns of joules and grams in pytest-benchmark's table, beside the saved runs that it compares with.

Its table is written line by line to pytest's terminal; a writer in between adds to the lines. Where these do not look
as expected (another version may write them in another way) a table of our own follows instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

from pycarbon.integrations.meter import Meter
from pycarbon.integrations.tests_text import amount
from pycarbon.interval import Range

ENERGY = ("energy_low_j_per_iteration", "energy_j_per_iteration", "energy_high_j_per_iteration")
CO2E = ("co2e_low_g_per_iteration", "co2e_g_per_iteration", "co2e_high_g_per_iteration")
KIND, RESOLVED, NOTE, IN_ROUNDS = "energy_kind", "energy_resolved", "energy_note", "energy_time_in_rounds"
"""What `extra_info` carries."""

_TITLE = re.compile(r"-+ benchmark.*: \d+ tests -+")
_GAP = "   "
LEAST_IN_ROUNDS = 0.9
"""Below, what the runner did between the rounds is worth a word."""

Row = dict[str, Any]


def widened(session: Any, meter: Meter) -> Callable[[Any], None]:
    """Give a `display` for pytest-benchmark's session that writes our columns as well."""
    display = session.display

    def show(terminal: Any) -> None:
        blocks: list[Block] = []
        with _said_on(terminal):
            if session.groups and not session.quiet:
                saved = session.compared_mapping or {}
                blocks = [Block(_sorted(rows, session.sort), saved) for _, rows in session.groups]
        writer = Writer(terminal, blocks)
        try:
            display(writer)
        finally:
            if blocks:
                with _said_on(terminal):
                    if not writer.complete:
                        for block in blocks:
                            block.alone(terminal)
                    _legend(terminal, blocks, meter)

    return show


@contextmanager
def _said_on(terminal: Any) -> Iterator[None]:
    """Turn what goes wrong into a line: the benchmarks' own table is no worse for it."""
    try:
        yield
    except Exception as error:
        terminal.write_line(f"pycarbon: there is no energy in this table: {error!r}", yellow=True)


def _sorted(rows: Sequence[Row], key: str) -> list[Row]:
    return sorted(rows, key=itemgetter(key))


class Block:
    """The columns of one of its tables, in the order of its rows."""

    def __init__(self, rows: Sequence[Row], saved: Mapping[Any, Mapping[str, Row]]) -> None:
        """Lay them out; `saved` are the runs that it compares with."""
        by_path = {str(path): benchmarks for path, benchmarks in saved.items()}
        self.rows = rows
        self.infos: list[Mapping[str, Any]] = [
            row["extra_info"] if row["path"] is None else by_path[row["path"]][row["fullname"]].get("extra_info", {})
            for row in rows
        ]
        now = {row["fullname"]: info for row, info in zip(rows, self.infos, strict=True) if row["path"] is None}
        columns = [_column("Energy", "J", ENERGY, self.infos), _column("CO2e", "g", CO2E, self.infos)]
        if any(row["path"] is not None for row in rows):
            changes = [
                "" if row["path"] is None else change(info, now[row["fullname"]])
                for row, info in zip(rows, self.infos, strict=True)
            ]
            columns.append(["Energy now", *changes])
        padded = ([_GAP + cell.ljust(max(map(len, column))) for cell in column] for column in columns)
        lines = zip(*padded, strict=True)
        self.heading, *self.cells = ["".join(line) for line in lines]

    def alone(self, terminal: Any) -> None:
        """Write them as a table of our own."""
        width = max(len(str(row["name"])) for row in self.rows)
        terminal.write_line("")
        terminal.write_line("Name".ljust(width) + self.heading)
        for row, cells in zip(self.rows, self.cells, strict=True):
            terminal.write_line(str(row["name"]).ljust(width) + cells)


class Writer:
    """Passes everything on to a terminal, and adds the columns to the lines of the tables.

    `complete` says whether every row of every table has them.
    """

    def __init__(self, terminal: Any, blocks: Sequence[Block]) -> None:
        """Expect these tables in turn."""
        self._terminal, self._coming = terminal, list(blocks)
        self._block: Block | None = None
        self._expected, self._row, self._starts = "title", 0, True

    def __getattr__(self, name: str) -> Any:
        """Leave everything else to the terminal."""
        return getattr(self._terminal, name)

    @property
    def complete(self) -> bool:
        """Whether all was as expected."""
        return not self._coming and self._block is None

    def write_line(self, line: str, **markup: bool) -> None:
        """Write a line of a table's frame, wider."""
        if self._expected == "title" and _TITLE.fullmatch(line) and self._coming:
            self._block, self._row, self._expected = self._coming.pop(0), 0, "heading"
            line = line + "-" * len(self._block.heading)
        elif self._block is not None and self._expected == "heading":
            line, self._expected = line + self._block.heading, "rule"
        elif self._block is not None and self._expected in ("rule", "rows") and set(line) == {"-"}:
            line = line + "-" * len(self._block.heading)
            if self._expected == "rule":
                self._expected, self._starts = "rows", True
            elif self._row == len(self._block.cells):
                self._block, self._expected = None, "title"
        self._terminal.write_line(line, **markup)

    def write(self, text: str, **markup: bool) -> None:
        """Write a part of a row; its columns come before its end."""
        if self._block is not None and self._expected == "rows" and self._row < len(self._block.cells):
            if self._starts and text.strip() != str(self._block.rows[self._row]["name"]).strip():
                self._expected = "nothing"  # other rows than ours: leave all as it is
            elif text == "\n":
                self._terminal.write(self._block.cells[self._row].rstrip())
                self._row += 1
            self._starts = text == "\n"
        self._terminal.write(text, **markup)


def interval(info: Mapping[str, Any], names: Sequence[str]) -> Range | None:
    """Read a figure that a run saved; None where it has none."""
    try:
        return Range(*(float(info[name]) for name in names))
    except (KeyError, TypeError, ValueError):
        return None


def change(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say how a run's energy differs from a saved one's, and whether the intervals tell them apart."""
    one, other = interval(before, ENERGY), interval(now, ENERGY)
    if one is None or other is None or one.best <= 0:
        return "-"
    if before.get(KIND) != now.get(KIND):
        return f"{now.get(KIND)}, then {before.get(KIND)}"
    apart = other.low > one.high or other.high < one.low
    return f"{100 * (other.best / one.best - 1):+.1f} %, {'intervals apart' if apart else 'intervals overlap'}"


def _column(name: str, unit: str, names: Sequence[str], infos: Sequence[Mapping[str, Any]]) -> list[str]:
    cells = [name]
    for info in infos:
        found = interval(info, names)
        if found is None:
            cells.append("not resolved" if info.get(RESOLVED) is False and unit == "J" else "-")
        else:
            best, ends = amount(found.best, found.low, found.high, unit)
            cells.append(f"{best} ({ends})")
    return cells


def _legend(terminal: Any, blocks: Sequence[Block], meter: Meter) -> None:
    kind = "measured, 95 % interval" if meter.measured else "modelled from CPU time"
    terminal.write_line(f"  Energy, CO2e: of the machine per iteration ({kind}); {meter.place()}")
    for block in blocks:
        for row, info in zip(block.rows, block.infos, strict=True):
            share = info.get(IN_ROUNDS, 1.0)
            if row["path"] is not None:
                continue
            if info.get(NOTE) and interval(info, ENERGY) is None:
                terminal.write_line(f"  {row['name']}: energy not resolved: {info[NOTE]}", yellow=True)
            elif share < LEAST_IN_ROUNDS and meter.measured:
                terminal.write_line(
                    f"  {row['name']}: {1 - share:.0%} of the time was between rounds and counts at the same power; "
                    "--benchmark-min-time=0.001 leaves less"
                )
