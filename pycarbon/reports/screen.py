"""Live figures as lines of a screen, as wide and as high as it is. Pure text: whoever shows it adds the style."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pycarbon.emissions import Emissions
from pycarbon.intensity import Intensity
from pycarbon.interval import Range
from pycarbon.live import HISTORY, Figures, Snapshot
from pycarbon.reports import figures
from pycarbon.sources import Obstacle

ONE_LINE, TWO_LINES = 118, 78
"""From so many columns on a domain takes one line, or two; below, three."""

LABEL, AMOUNT, BOUNDS, PLAIN = 14, 9, 13, 9
WHOLE = LABEL + 2 * (AMOUNT + 1 + BOUNDS) + 2 * PLAIN
ABOUT = 44
SEPARATOR = " · "
UNKNOWN = "-"
SILENCE = {
    "starting": "starting",
    "unresolved": "not resolved just now",
    "ambiguous": "goes through its range too often",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line, and whether it matters most ("bold"), least ("dim"), or asks for attention ("warn")."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stays the same from one update to the next: where the machine stands, and how to get a measurement."""

    place: str
    advice: str = ""


def lines(snapshot: Snapshot, around: Surroundings, width: int, height: int | None = None) -> list[Line]:
    """Lay the figures out. What does not fit the height is left out from below, and that is said."""
    width = max(width, 20)
    found = _all(snapshot, around, width, width >= ONE_LINE)
    if height is not None and len(found) > height and width < ONE_LINE:
        found = _all(snapshot, around, width, True)  # rather no curves than no figures
    found = [Line(_cut(line.text, width), line.style) for line in found]
    if height is not None and len(found) > max(height, 1):
        more = len(found) - max(height, 2) + 1
        found = [*found[: max(height, 2) - 1], Line(_cut(f" … {more} more lines", width), "dim")][: max(height, 1)]
    return found


def _all(snapshot: Snapshot, around: Surroundings, width: int, dense: bool) -> list[Line]:
    rows = [Line(f" pycarbon top · {_passed(snapshot.elapsed_s)}", "bold"), Line("")]
    if width >= TWO_LINES:
        rows.append(Line(_header(width, dense), "dim"))
    rows += _domain("Total", snapshot.total, " + ".join(snapshot.added), width, dense, "bold")
    rows += _emissions(snapshot, around, width, dense)
    for one in snapshot.domains:
        name = figures.printable(one.domain)
        label = f"  {name}" if one.in_total else f" ({name})"
        rows += _domain(label, one, "", width, dense, "" if one.in_total else "dim")
    notes = list(snapshot.notes[-3:])
    if around.advice:
        notes.append(f"An estimate: {around.advice}")
    for note in notes:
        wrapped = textwrap.wrap(figures.printable(note), max(width - 2, 10), break_on_hyphens=False)
        rows += [Line(""), *(Line(f" {part}", "dim") for part in wrapped)]
    return rows


def _header(width: int, dense: bool) -> str:
    mean = "" if dense and width < ONE_LINE else f"{'mean':>{PLAIN}}"
    head = f"{'':<{LABEL}}{'now':>{AMOUNT}} {'':<{BOUNDS}}{mean}{'peak':>{PLAIN}}{'so far':>{AMOUNT}}"
    if not dense:
        return head
    return f"{head} {'':<{BOUNDS}}{'  ' if mean else ' '}kind"


def _domain(label: str, one: Figures, more: str, width: int, dense: bool, style: str) -> Iterator[Line]:
    now, energy = amount(one.power_w, "W"), amount(one.energy_j, "J")
    mean, peak = plain(one.mean_w, "W"), plain(one.peak_w, "W")
    about = SEPARATOR.join(filter(None, [one.kind, one.source, more, _state(one)]))
    warn = "warn" if one.state in ("lost", "silent", "ambiguous") else "dim"
    yield from _row(_label(label), now, mean, peak, energy, _bars(one), about, width, dense, (style, warn))


def _emissions(snapshot: Snapshot, around: Surroundings, width: int, dense: bool) -> Iterator[Line]:
    rate, total = snapshot.per_hour, snapshot.so_far
    elapsed_h = snapshot.elapsed_s / 3600
    mean = UNKNOWN if total is None or elapsed_h <= 0 else grams(total.co2e_g / elapsed_h) + "/h"
    row = (grams_between(rate, "/h"), mean, "", grams_between(total, ""))
    yield from _row(_label("CO2e"), *row, None, f"modelled · {around.place}", width, dense, ("bold", "dim"))


def _row(
    label: str,
    now: tuple[str, str],
    mean: str,
    peak: str,
    so_far: tuple[str, str],
    bars: str | None,
    about: str,
    width: int,
    dense: bool,
    styles: tuple[str, str],
) -> Iterator[Line]:
    style, about_style = styles
    kind = about.partition(SEPARATOR)[0]
    left = f"{label:<{LABEL}}{now[0]:>{AMOUNT}} {now[1]:<{BOUNDS}}"
    right = f"{peak:>{PLAIN}}{so_far[0]:>{AMOUNT}} {so_far[1]:<{BOUNDS}}"
    drawn = bars or ""
    if width < TWO_LINES:
        yield Line(f"{left} {kind}" if dense else left.rstrip(), style)
        if not dense:
            yield Line(f"   so far {so_far[0]} {so_far[1]}".rstrip(), about_style)
            yield Line(f"   mean {mean}" + (f"  peak {peak}" if peak else ""), about_style)
            yield Line(f"   {about}", about_style)
    elif dense and width < ONE_LINE:
        yield Line(f"{left}{right} {kind}", style)
    elif dense and len(about) + (len(drawn) and HISTORY + 2) <= width - WHOLE - 2:
        room = min(width - WHOLE - 2, ABOUT + HISTORY + 2)
        about = f"{about:<{room - len(drawn)}}{drawn}" if drawn else about
        yield Line(f"{left}{mean:>{PLAIN}}{right}  {about}", style)
    else:
        yield Line(f"{left}{mean:>{PLAIN}}{right}".rstrip(), style)
        yield Line(f"   {drawn:>{HISTORY}}  {about}" if bars is not None else f"   {about}", about_style)


def _passed(seconds: float) -> str:
    return f"{int(seconds)} s" if seconds < 60 else figures.duration(int(seconds))


def _label(text: str) -> str:
    return text if len(text) < LABEL else f"{text[: LABEL - 2]}…"


def _state(one: Figures) -> str:
    if one.state == "ok":
        return "" if one.window_s is None else f"over {one.window_s:.2g} s"
    if one.state == "silent":
        return f"silent for {figures.duration(one.silent_s or 0.0)}"
    if one.state == "lost":
        return f"lost: {one.why}"
    return SILENCE[one.state]


def _bars(one: Figures) -> str:
    """Draw the last seconds, a character each; blank where the power was not known."""
    bars = figures.sparkline([power_w or 0.0 for power_w in one.history], len(one.history))
    return "".join(
        bar if power_w is not None else " " for bar, power_w in zip(bars, one.history[: len(bars)], strict=True)
    )


def amount(value: Range | None, unit: str) -> tuple[str, str]:
    """Write a figure and its interval, with as many decimals as the figure has; the ends are rounded outwards."""
    if value is None:
        return UNKNOWN, ""
    factor, prefix = figures.prefix_for(value.best or value.high)
    return f"{figures.digits(value.best / factor)} {prefix}{unit}", _outwards(value, factor)


def plain(value: float | None, unit: str) -> str:
    """Write a figure alone."""
    return UNKNOWN if value is None else figures.quantity(value, unit)


def grams(value_g: float) -> str:
    """Write a mass."""
    factor, unit = figures.mass_prefix_for(value_g)
    return f"{figures.digits(value_g / factor)} {unit}"


def grams_between(found: Emissions | None, per: str) -> tuple[str, str]:
    """Write emissions and their interval."""
    if found is None:
        return UNKNOWN, ""
    factor, unit = figures.mass_prefix_for(found.co2e_g or found.high_g)
    value = Range(found.low_g, found.co2e_g, found.high_g)
    return f"{figures.digits(value.best / factor)} {unit}{per}", _outwards(value, factor)


def _outwards(value: Range, factor: float) -> str:
    _, _, decimals = figures.digits(value.best / factor).partition(".")
    scale = 10 ** min(len(decimals), 3)
    low, high = math.floor(value.low / factor * scale) / scale, math.ceil(value.high / factor * scale) / scale
    return f"{low:.{len(decimals)}f} to {high:.{len(decimals)}f}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def place(factor: Intensity) -> str:
    """Say where the machine stands and what a kilowatt-hour emits there."""
    where = factor.name if factor.place_known else "unknown place (--zone says where)"
    return f"{where}, {figures.digits(factor.intensity_g_per_kwh)} g/kWh in {factor.year}"


def advice(obstacles: Sequence[Obstacle]) -> str:
    """Say in one line why nothing is measured and what to type; empty where nobody knows."""
    chosen = next((o for o in obstacles if o.remedy), obstacles[0] if obstacles else None)
    if chosen is None:
        return ""
    return f"{chosen.what}; to measure: {chosen.remedy}" if chosen.remedy else chosen.what
