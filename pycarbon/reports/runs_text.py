"""Runs of the store as people read them in a terminal: a line each, and their sums."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from pycarbon.reports import cells, figures
from pycarbon.reports.sums_text import NOT_KNOWN, SumsText, by_kind, in_words, refused_in_words
from pycarbon.reports.text import Style
from pycarbon.settings import DEFAULT
from pycarbon.store.queries import Listed
from pycarbon.store.rollup import Group, RollUp
from pycarbon.store.summary import RunSummary

ID, DAY, MINUTE, TIME, ENERGY, BOUNDS, KIND, GRAMS = 8, 10, 16, 12, 10, 15, 10, 10
FIGURES = TIME + ENERGY + BOUNDS + KIND + GRAMS
WITH_MINUTE = 112
"""From so many columns on a line also says at which minute a run began."""

LEAST_NAMES, MOST_NAMES = 18, 60
LEAST_WIDTH = ID + DAY + LEAST_NAMES + FIGURES + 6
"""Where a line has no room for names of that width beside its figures, these go below them."""


_TITLES = ("project", "name")


class RunsText:
    """Lists and sums for people."""

    def __init__(self, style: Style | None = None) -> None:
        """Write for a terminal of the given style; plain text without one."""
        self._style = style or Style()
        self._more = "…" if self._style.unicode else "..."

    def render(self, runs: Sequence[Listed], kinds: Sequence[Group], totals: RollUp, refused: int) -> str:
        """Give a list of runs that fit, and the sums of all that do."""
        lines = ["", *self._list(runs, totals), "", *self._sums("All of them", by_kind(kinds), totals, refused), ""]
        return self._finished(lines)

    def render_sums(self, dimension: str, groups: Sequence[Group], totals: RollUp, refused: int) -> str:
        """Give sums by something."""
        return self._finished(["", *self._sums(f"By {dimension}", groups, totals, refused), ""])

    def _finished(self, lines: Sequence[str]) -> str:
        return self._style.fit("\n".join(line.rstrip() for line in lines))

    def _list(self, runs: Sequence[Listed], totals: RollUp) -> Iterator[str]:
        if not runs:
            yield " No run fits." if not totals.runs else " There are no more runs."
            return
        names = [(belongs_to(listed.summary), listed.summary.name) for listed in runs]
        widths = self._widths([_TITLES, *names])
        for line in self._line("run", "UTC", _TITLES, ["time", "energy", "between", "kind", "CO2e"], widths):
            yield self._style.dim(line)
        for listed, named in zip(runs, names, strict=True):
            run = listed.summary
            yield from self._line(run.id[:ID], when(run), named, _figures(run), widths)
        if totals.runs > len(runs):
            yield self._style.dim(f" {self._more} {len(runs)} of {totals.runs}: --limit shows more")

    def _line(
        self, id: str, when: str, names: tuple[str, str], texts: Sequence[str], widths: tuple[int, int]
    ) -> Iterator[str]:
        time, energy, bounds, kind, grams = texts
        first, second = (
            cells.fitted(figures.printable(name), width, self._more)
            for name, width in zip(names, widths, strict=True)
        )
        head = f" {figures.printable(id):<{ID}}  {when[: self._began]:<{self._began}}  {first} {second}"
        told = f"{time:>{TIME}}{energy:>{ENERGY}}  {bounds:<{BOUNDS - 2}}  {kind:<{KIND - 2}}{grams:>{GRAMS}}"
        yield from [f"{head}{told}"] if self._style.width >= LEAST_WIDTH else [head, told]

    @property
    def _began(self) -> int:
        return DAY if LEAST_WIDTH <= self._style.width < WITH_MINUTE else MINUTE

    def _widths(self, names: Sequence[tuple[str, str]]) -> tuple[int, int]:
        """Share the room of the two names: the second leaves the first half of it at least."""
        room = self._style.width - ID - self._began - 6
        if self._style.width >= LEAST_WIDTH:
            room = min(room - FIGURES, MOST_NAMES)
        first, second = (max(len(figures.printable(pair[number])) for pair in names) for number in (0, 1))
        first = min(first, max(room // 2, room - second))
        return first, room - first

    def _sums(self, title: str, groups: Sequence[Group], totals: RollUp, refused: int) -> Iterator[str]:
        if groups:
            yield from SumsText(self._style).lines(title, groups, totals)
        notes = [*in_words(totals), *refused_in_words(refused)]
        if notes:
            yield ""
        for note in notes:
            yield from textwrap.wrap(
                note, self._style.width, initial_indent=" ", subsequent_indent="   ", break_on_hyphens=False
            )


def when(run: RunSummary) -> str:
    """Write when a run began, in UTC as filters mean it."""
    if run.started_s is None:
        return NOT_KNOWN
    return f"{datetime.fromtimestamp(run.started_s, timezone.utc):%Y-%m-%d %H:%M}"


def belongs_to(run: RunSummary) -> str:
    """Write what a run belongs to, without an organisation that nobody named."""
    parts = [run.organisation if run.organisation != DEFAULT else "", run.project, run.experiment]
    return "/".join(filter(None, parts))


def _figures(run: RunSummary) -> list[str]:
    time = cells.time(run.duration_s, TIME)
    if run.energy_j is None:
        return [time, NOT_KNOWN, "", "", ""]
    energy, bounds = cells.joules(run.energy_j), NOT_KNOWN
    if run.low_j is not None and run.high_j is not None:
        energy, bounds = cells.with_bounds(run.energy_j, run.low_j, run.high_j, ENERGY, BOUNDS - 2)
    return [time, energy, bounds, run.kind, NOT_KNOWN if run.co2e_g is None else cells.grams(run.co2e_g)]
