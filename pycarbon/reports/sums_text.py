"""Sums over many runs as lines of a table: what is measured and what is modelled always told apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pycarbon.reports import cells, figures
from pycarbon.reports.text import Style
from pycarbon.store.rollup import Group, RollUp

COUNT, TIME, ENERGY, BOUNDS, MEASURED, GRAMS = 7, 12, 10, 15, 10, 10
FIGURES = COUNT + TIME + ENERGY + BOUNDS + MEASURED + GRAMS + BOUNDS
LEAST_LABEL = 16
"""Where a line has no room for a label of that width beside its figures, these go below it."""

NOT_KNOWN = "not known"


class SumsText:
    """A table of sums."""

    def __init__(self, style: Style) -> None:
        """Write for a terminal of the given style."""
        self._style = style
        self._more = "…" if style.unicode else "..."

    def lines(self, title: str, groups: Sequence[Group], whole: RollUp | None = None) -> Iterator[str]:
        """Give a line for each group, and one for all of them where there are several."""
        style = self._style
        titles = ["runs", "time", "energy", "between", "measured", "CO2e", "between"]
        yield from (style.dim(line) for line in self._line(title, titles))
        for group in groups:
            yield from self._line(group.key or "(none)", _figures(group.sums))
        if whole is not None and len(groups) > 1:
            yield from (style.bold(line) for line in self._line("in all", _figures(whole)))

    def _line(self, label: str, texts: Sequence[str]) -> Iterator[str]:
        label = figures.printable(label)
        count, time, energy, bounds, measured, grams, grams_bounds = texts
        told = f"{time:>{TIME}}{energy:>{ENERGY}}  {bounds:<{BOUNDS - 2}}{measured:>{MEASURED}}"
        carbon = f"{grams:>{GRAMS}}  {grams_bounds:<{BOUNDS - 2}}"
        room = self._style.width - FIGURES - 1
        if room >= LEAST_LABEL:
            yield f" {cells.fitted(label, min(room, 40), self._more)}{count:>{COUNT}}{told}{carbon}".rstrip()
            return
        yield f" {cells.fitted(label, self._style.width - 1 - COUNT, self._more)}{count:>{COUNT}}"
        yield told[2:].rstrip()
        yield f"{'':>{TIME - 2}}{carbon} CO2e".rstrip()


def _figures(sums: RollUp) -> list[str]:
    texts = [cells.count(sums.runs), cells.time(sums.duration_s, TIME)]
    if sums.unknown >= sums.runs:
        return [*texts, NOT_KNOWN, "", "", NOT_KNOWN, ""]
    share = sums.measured_j / sums.energy_j if sums.energy_j > 0 else 0.0
    return [
        *texts,
        *cells.with_bounds(sums.energy_j, sums.low_j, sums.high_j, ENERGY, BOUNDS - 2),
        cells.percent(share),
        *cells.grams_with_bounds(sums.co2e_g, sums.low_g, sums.high_g, GRAMS, BOUNDS - 2),
    ]


def in_words(sums: RollUp) -> Iterator[str]:
    """Say what a reader of sums must know, a line each."""
    if sums.unknown:
        yield f"of {_runs(sums.unknown)} nobody knows the energy, and {_adds(sums.unknown)} nothing to the sums"
    if sums.without_interval:
        yield (
            f"of {_runs(sums.without_interval)} nobody knows an interval, and {_adds(sums.without_interval)} the"
            " figure itself to both ends"
        )
    if sums.beside:
        yield (
            f"{_runs(sums.beside)} ({cells.joules(sums.beside_j)}) had the machine together with another run of these"
            " or others: each has all of the machine's energy, so the sums have that of shared time more than once"
        )


def refused_in_words(count: int) -> Iterator[str]:
    """Say that some files are not among the runs."""
    if count:
        files = "1 file holds" if count == 1 else f"{count} files hold"
        yield f"{files} no run that can be used: pycarbon index --verbose"


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _adds(count: int) -> str:
    return "it adds" if count == 1 else "they add"


def by_kind(groups: Iterable[Group]) -> list[Group]:
    """Give sums by kind in words: an empty kind is that of runs without energy."""
    return [Group(group.key or NOT_KNOWN, group.sums) for group in groups]
