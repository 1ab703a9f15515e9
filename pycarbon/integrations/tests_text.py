"""The energy of tests in pytest's terminal: the largest first, the whole session, and what to know."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from pycarbon.integrations.energy_limit import OPEN
from pycarbon.integrations.figure import MODELLED, UNKNOWN, Figure
from pycarbon.integrations.row import PHASES, Row
from pycarbon.reports import figures
from pycarbon.reports.text import Style, style_for

LEAST_NAME = 32
MOST_NOTES = 10
WHY_UNCHECKED = {MODELLED: "no counter can be read; pycarbon doctor says why", UNKNOWN: ""}


@dataclass(frozen=True, slots=True)
class Line:
    """A line, and how pytest's terminal marks it."""

    text: str
    markup: tuple[str, ...] = ()


def show(
    terminal: pytest.TerminalReporter,
    rows: Sequence[Row],
    session: Figure | None,
    place: str,
    top: int | None,
    notes: Sequence[str],
) -> None:
    """Write the section; nothing where there is nothing to say. `top` None: nobody asked for the table."""
    said = [*open_limits(rows), *notes]
    if top is None and not said:
        return
    width = terminal._tw.fullwidth
    style = Style(width, False, style_for(sys.stdout).unicode)
    terminal.write_sep("=", "energy")
    lines = table(rows, session, place, top, width) if top is not None else []
    lines += [Line(text, ("yellow",)) for text in _cut(said)]
    for line in lines:
        terminal.write_line(style.fit(line.text), **dict.fromkeys(line.markup, True))


def table(rows: Sequence[Row], session: Figure | None, place: str, top: int, width: int) -> list[Line]:
    """Lay the table out: `top` lines (0: all) for phases of tests, and one for the session."""
    parts = [
        (figure, row.test if phase == "call" else f"{row.test} ({phase})")
        for row in rows
        for phase in PHASES
        if (figure := row.figures.get(phase)) is not None and figure.known
    ]
    parts.sort(key=lambda part: -part[0].energy_j)
    shown = parts[: top or None]
    lines = []
    if shown:
        kinds = {figure.kind for figure, _ in shown}
        lines += _columns(shown, len(kinds) > 1, width)
        left = len(parts) - len(shown)
        what = f"{next(iter(kinds))}, " if len(kinds) == 1 else ""
        more = f"; {left} more: --energy-top 0" if left else ""
        lines.insert(0, Line(f"joules of tests, {what}the most first{more}", ("bold",)))
    else:
        lines.append(Line("no test lasted long enough for its energy to be told"))
    if session is not None and session.known:
        lines += _session(session, len({row.test for row in rows}), place)
    return lines


def _columns(parts: Sequence[tuple[Figure, str]], with_kind: bool, width: int) -> list[Line]:
    found = [figure for figure, _ in parts]
    unsure = ["" if figure.resolved or figure.kind == MODELLED else "~" for figure in found]
    joules = [amount(figure.energy_j, figure.low_j, figure.high_j, "J") for figure in found]
    grams = [amount(figure.co2e_g, figure.co2e_low_g, figure.co2e_high_g, "g") for figure in found]
    names = [name for _, name in parts]
    energy = [
        _right("energy", [mark + best for mark, (best, _) in zip(unsure, joules, strict=True)]),
        _left("interval", [ends for _, ends in joules]),
        _right("time", [figures.duration(figure.time_s) for figure in found]),
    ]
    mass = [_right("CO2e", [best for best, _ in grams]), _left("interval", [ends for _, ends in grams])]
    kind = [_left("kind", [figure.kind for figure in found])] if with_kind else []
    columns = [*energy, *mass, *kind]
    if _room(columns, width) < min(LEAST_NAME, max(map(len, names))):
        columns = [*energy, *kind]  # rather the test's name than grams that follow from its joules
    room = max(_room(columns, width), LEAST_NAME)
    shown = ["test", *(name if len(name) <= room else f"…{name[1 - room :]}" for name in names)]
    lines = [Line("  ".join(cells)) for cells in zip(*columns, shown, strict=True)]
    if any(unsure):
        lines.append(Line("~ the counters do not tell it to within half"))
    return lines


def _right(head: str, cells: Sequence[str]) -> list[str]:
    width = max(map(len, (head, *cells)))
    return [cell.rjust(width) for cell in (head, *cells)]


def _left(head: str, cells: Sequence[str]) -> list[str]:
    width = max(map(len, (head, *cells)))
    return [cell.ljust(width) for cell in (head, *cells)]


def _room(columns: Sequence[Sequence[str]], width: int) -> int:
    """Say how much is left beside some columns."""
    return width - sum(len(column[0]) + 2 for column in columns)


def _session(session: Figure, tests: int, place: str) -> list[Line]:
    energy, ends = amount(session.energy_j, session.low_j, session.high_j, "J")
    mass, mass_ends = amount(session.co2e_g, session.co2e_low_g, session.co2e_high_g, "g")
    return [
        Line(
            f"session of {tests} test{'s' if tests != 1 else ''}: {energy} ({ends}), "
            f"{session.kind}, in {figures.duration(session.time_s)}",
            ("bold",),
        ),
        Line(f"{mass} CO2e ({mass_ends}), {place}"),
    ]


def amount(best: float, low: float, high: float, unit: str) -> tuple[str, str]:
    """Write a figure with its unit, and its two ends in the same."""
    factor, prefix = figures.prefix_for(high if high >= 1000 * figures.prefix_for(best)[0] else best)
    figure, ends = figures.with_interval(best, low, high, factor)
    return f"{figure} {prefix}{unit}", ends


def open_limits(rows: Sequence[Row]) -> list[str]:
    """Say which limits could be neither kept nor exceeded, and why; once for all where nothing was measured."""
    lines = []
    unchecked: Counter[str] = Counter()
    for row in rows:
        if row.limit is None or row.limit["outcome"] != OPEN:
            continue
        called = row.figures.get("call")
        if called is not None and called.kind in WHY_UNCHECKED:
            unchecked[WHY_UNCHECKED[called.kind] or called.note] += 1
        else:
            lines.append(f"{row.test}: {row.limit['note']}")
    limits = {1: "the energy limit of 1 test is"}
    return [
        f"{limits.get(count, f'the energy limits of {count} tests are')} not checked: {why}"
        for why, count in unchecked.items()
    ] + lines


def _cut(texts: Sequence[str]) -> list[str]:
    shown = list(texts[:MOST_NOTES])
    return [*shown, f"and {len(texts) - MOST_NOTES} more"] if len(texts) > MOST_NOTES else shown
