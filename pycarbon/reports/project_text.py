"""A project, an experiment or an organisation as people read it in a terminal: sums, trend, what it is made up of."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from pycarbon.equivalents import one_line
from pycarbon.reports import figures
from pycarbon.reports.sums_text import NOT_KNOWN, SumsText, by_kind, in_words, refused_in_words
from pycarbon.reports.text import Rows
from pycarbon.store.overview import Overview
from pycarbon.store.rollup import Group

MOST_GROUPS = 12


class ProjectText(Rows):
    """The sums for people."""

    def render(self, seen: Overview, refused: int) -> str:
        """Give all of it; `refused` files of the store hold no run that can be used."""
        lines = ["", *self._head(seen), "", *self._body(seen), *self._splits(seen), *self._notes(seen, refused), ""]
        return self._style.fit("\n".join(line.rstrip() for line in lines))

    def _head(self, seen: Overview) -> Iterator[str]:
        totals = seen.totals
        runs = f"{totals.runs} run{'' if totals.runs == 1 else 's'}"
        names = [figures.printable(f"{what} {name}") for what, name in seen.names]
        yield f" {self._style.bold(' · '.join(names))} · {runs} · {figures.duration(totals.duration_s)}"

    def _body(self, seen: Overview) -> Iterator[str]:
        totals = seen.totals
        if totals.unknown >= totals.runs:
            yield from self._wrapped("Energy", NOT_KNOWN)
            return
        kind = "measured" if totals.measured_j >= totals.energy_j else "modelled"  # where any part of it is
        yield from self._figure("Energy", totals.energy_j, totals.low_j, totals.high_j, kind, "", bold=True)
        for group in by_kind(seen.kinds if len(seen.kinds) > 1 else ()):
            sums = group.sums
            runs = f"of {sums.runs} run{'' if sums.runs == 1 else 's'}"
            if group.key == NOT_KNOWN:
                yield from self._wrapped(f"  {NOT_KNOWN}", runs)
                continue
            yield from self._figure(f"  {group.key}", sums.energy_j, sums.low_j, sums.high_j, group.key, runs)
        factor, unit = figures.mass_prefix_for(totals.co2e_g or totals.high_g)
        grams, bounds = figures.with_interval(totals.co2e_g, totals.low_g, totals.high_g, factor)
        yield from self._row("CO2e", f"{grams} {unit}", bounds, "modelled", "", bold=True)
        yield from self._wrapped("That is", one_line(totals.energy_j, totals.co2e_g))
        yield from self._trend(seen.months)

    def _trend(self, months: Sequence[Group]) -> Iterator[str]:
        """Draw what was emitted in each month, from the first to the last."""
        if len(months) < 2:
            return
        masses = [group.sums.co2e_g for group in months]
        highest = max(months, key=lambda group: group.sums.co2e_g)
        bars = figures.sparkline(masses, self._style.width - 60)
        span = f"{months[0].key} to {months[-1].key}, most in {highest.key}: {figures.mass(highest.sums.co2e_g)}"
        yield from self._wrapped("CO2e by month", f"{bars}  {span}")

    def _splits(self, seen: Overview) -> Iterator[str]:
        for dimension, groups in seen.splits.items():
            if [group.key for group in groups] in ([], [""]):
                continue
            yield ""
            yield from SumsText(self._style).lines(f"By {dimension}", groups[:MOST_GROUPS])
            if len(groups) > MOST_GROUPS:
                yield self._style.dim(f" … and {len(groups) - MOST_GROUPS} more: pycarbon ls --by {dimension}")

    def _notes(self, seen: Overview, refused: int) -> Iterator[str]:
        notes = [*in_words(seen.totals), *refused_in_words(refused)]
        if notes:
            yield ""
        for note in notes:
            yield from textwrap.wrap(
                note, self._style.width, initial_indent=" ", subsequent_indent="   ", break_on_hyphens=False
            )
