"""Advice as people read it: what saves most comes first, and what is no better than noise only where all is asked.

All grams are in the unit of what the run emitted, so that they compare at a glance.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from pycarbon.advice import WASTE, Advice
from pycarbon.advice_hours import clock
from pycarbon.advising import Advised
from pycarbon.reports import carbon, figures
from pycarbon.reports.text import Style

SHOWN = 5
LEAST_SHARE = 0.005
"""What saves less than this of the run is told only where all is asked for."""

_SECTIONS = (
    ("Elsewhere", ("elsewhere",)),
    ("At another hour", ("hour",)),
    ("In the run itself", WASTE),
)
_NOTHING = {"elsewhere": "Elsewhere", "hour": "Another hour"}
_TITLES = ("", "saves", "between", "of all")
_LABEL_AT_MOST = 56


class AdviceText:
    """Advice for people."""

    def __init__(self, style: Style | None = None, everything: bool = False) -> None:
        """Write for a terminal of the given style; with `everything` also what is small, far down or noise."""
        self._style = style or Style()
        self._everything = everything
        self._factor, self._unit = 1.0, "g"

    def render(self, advised: Advised) -> str:
        """Give the whole text."""
        emissions = advised.emissions
        self._factor, self._unit = figures.mass_prefix_for(emissions.co2e_g or emissions.high_g)
        lines = ["", *self._head(advised), "", *self._body(advised), *self._foot(advised), ""]
        return self._style.fit("\n".join(line.rstrip() for line in lines))

    def _head(self, advised: Advised) -> Iterator[str]:
        run, emissions = advised.run, advised.emissions
        name = figures.printable(run.name[: self._style.width - 20]) or "-"
        yield f" {self._style.bold(name)} · {figures.duration(run.duration_s)}"
        amount, between = self._mass(emissions.co2e_g, emissions.low_g, emissions.high_g)
        where = carbon.where(run.intensity)
        yield from self._wrapped(f"{amount} CO2e ({between}) · {where}, {emissions.year}, {emissions.method}")

    def _body(self, advised: Advised) -> Iterator[str]:
        if advised.verdict:
            yield from self._wrapped(f"{advised.verdict[:1].upper()}{advised.verdict[1:]}")
        told = [one for one in advised.advice if one.resolved and (self._everything or one.share >= LEAST_SHARE)]
        sections = [(title, [one for one in told if one.kind in kinds]) for title, kinds in _SECTIONS]
        sections = sorted((s for s in sections if s[1]), key=lambda section: -section[1][0].saved_g)
        shown = [(title, some if self._everything else _few(some)) for title, some in sections]
        noise = [one for one in advised.advice if not one.resolved] if self._everything else []
        if noise:
            shown.append(("No better than noise", noise))
        widths = self._widths([one for _, some in shown for one in some])
        if shown:
            yield self._style.dim(_columns(_TITLES, widths))
        for title, some in shown:
            yield f" {self._style.bold(title)}"
            for one in some:
                yield from self._line(one, widths)
        left = [one for one in advised.advice if not any(one is other for _, some in shown for other in some)]
        if left and advised.verdict:
            yield from self._wrapped(f"what was looked at ({len(left)}): --all", dim=True, indent=2)
        elif left:
            yield from self._left(left)

    def _left(self, left: Sequence[Advice]) -> Iterator[str]:
        """Say how much was not told."""
        resolved = sum(one.resolved for one in left)
        noise = len(left) - resolved
        parts = [f"{resolved} more {'save' if resolved != 1 else 'saves'} less" if resolved else ""]
        parts.append(f"{noise} {'are' if noise != 1 else 'is'} no better than noise" if noise else "")
        yield from self._wrapped(f"{', '.join(filter(None, parts))}: --all", dim=True, indent=2)

    def _line(self, one: Advice, widths: Sequence[int]) -> Iterator[str]:
        cells = self._cells(one)
        if len(cells[0]) > widths[0]:
            yield from self._wrapped(cells[0], indent=2)
            cells = ("", *cells[1:])
        yield _columns(cells, widths)
        if one.kind == "hour":
            yield from self._wrapped(self._worst(one), dim=True, indent=2)

    def _worst(self, one: Advice) -> str:
        cost_g, offset = -one.facts["worst_saved_g"], timedelta(seconds=one.facts["utc_offset_s"])
        if cost_g * one.share < LEAST_SHARE * one.saved_g:
            return "it began at about the worst hour of the day"
        worst = clock(datetime.fromisoformat(one.facts["worst_start_at"]), offset)
        return f"at worst, {worst}, it emits {figures.digits(cost_g / self._factor)} {self._unit} more"

    def _foot(self, advised: Advised) -> Iterator[str]:
        yield ""
        for kind, title in _NOTHING.items():
            some = [one for one in advised.advice if one.kind == kind]
            if advised.verdict and some:
                continue
            why = "no better than noise" if some and not some[0].resolved else advised.nothing.get(kind, "")
            if why and why not in advised.verdict:
                yield from self._wrapped(f"{title}: {why}.", dim=True)
        if advised.assumptions and (self._everything or not advised.verdict):
            yield from self._wrapped(f"Assumed: {'; '.join(advised.assumptions)}.", dim=True)

    def _cells(self, one: Advice) -> tuple[str, ...]:
        amount, between = self._mass(one.saved_g, one.low_g, one.high_g)
        return _label(one), amount, between, figures.percent(one.share)

    def _widths(self, some: Sequence[Advice]) -> list[int]:
        """As wide as what stands in each column; labels, which may go on a line of their own, as there is room."""
        rows = [_TITLES, *map(self._cells, some)]
        label, *others = (max(len(row[number]) for row in rows) for number in range(len(_TITLES)))
        room = self._style.width - len(_columns(("", "", "", ""), [0, *others]))
        return [max(min(label, room, _LABEL_AT_MOST), 0), *others]

    def _mass(self, value: float, low: float, high: float) -> tuple[str, str]:
        amount, between = figures.with_interval(value, low, high, self._factor)
        return f"{amount} {self._unit}", between

    def _wrapped(self, text: str, dim: bool = False, indent: int = 1) -> list[str]:
        room = self._style.width - indent
        lines = textwrap.wrap(figures.printable(text), room, break_long_words=False, break_on_hyphens=False)
        return [" " * indent + (self._style.dim(line) if dim else line) for line in lines]


def _columns(cells: Sequence[str], widths: Sequence[int]) -> str:
    label, amount, between, share = widths
    return f"  {cells[0]:<{label}}  {cells[1]:>{amount}}  {cells[2]:<{between}}  {cells[3]:>{share}}"


def _few(some: list[Advice]) -> list[Advice]:
    """The best of a section; of places those on the same continent, and one beyond it where that saves more still."""
    near = [one for one in some if one.facts.get("same_continent", True)]
    far = [one for one in some if not one.facts.get("same_continent", True)]
    beyond = far[:1] if near and far and far[0].saved_g > near[0].saved_g else []
    chosen = [*near[: SHOWN - len(beyond)], *beyond]
    chosen += [one for one in far if one not in chosen][: SHOWN - len(chosen)]
    return [one for one in some if one in chosen]


def _label(one: Advice) -> str:
    """What it is, with the one fact beside its saving that people ask for."""
    facts = one.facts
    if one.kind == "elsewhere":
        more = "" if facts["same_continent"] or not facts["continent"] else f" ({facts['continent']})"
    elif one.kind in WASTE:
        share = facts.get("time_share")
        time = "" if share is None else f" {figures.percent(share)} of the time"
        more = f"{time}: {figures.quantity(facts['energy_j'], 'J')}"
    else:
        more = ""
    return figures.printable(f"{one.what}{more}")
