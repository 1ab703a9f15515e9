"""Values side by side and their changes, as people read them: in percent, beyond tenfold as a multiple."""

from __future__ import annotations

import math

from pycarbon.change import Bounds, Change, Value, Verdict
from pycarbon.reports import figures

UNSAID: tuple[Verdict, ...] = ("not resolved", "not known", "not compared")
"""With these there is no change to be shown."""

MULTIPLES = 10.0
"""From this ratio on a percentage is no help to anybody."""

MOST_CELLS = 10
LEAST = 1e-10
"""Below so many joules or grams digits would need more room than there is, and mean nothing."""


def amount(value: Value | None, unit: str) -> str:
    """Write a figure in a unit that fits it: 412 J, 3 min 20 s, 12000; a dash where there is none, ? if not told."""
    if value is None:
        return "-"
    if value.best is None:
        return "?"
    if unit == "s":
        return figures.duration(value.best)
    if unit == "" or 0 < value.best < LEAST:
        return quantity(value.best, unit)
    factor, name = _unit_for(value.best or value.high, unit)
    exact, _ = figures.with_interval(value.best, value.low, value.high, factor)
    text = f"{exact} {name}".rstrip()
    return text if len(text) <= MOST_CELLS else quantity(value.best, unit)


def between(value: Value, unit: str) -> str:
    """Write the ends of a figure's interval, with its unit; empty where they are one."""
    if value.low == value.high:
        return ""
    factor, name = _unit_for(value.best or value.high, unit)
    _, ends = figures.with_interval(value.low if value.best is None else value.best, value.low, value.high, factor)
    return figures.in_unit(ends, name)


def change(found: Change, unit: str) -> tuple[str, str]:
    """Write a change and its interval: in percent, or as it is where no ratio is known; empty where there is none."""
    if found.ratio is not None:
        return _of_ratio(found.ratio)
    if found.difference is None:
        return "", ""
    moved = found.difference
    best = "?" if moved.best is None else _signed(moved.best, unit)
    if moved.low == moved.high:
        return best, ""
    return best, f"{_signed(moved.low, unit)} to {_signed(moved.high, unit)}"


def verdict(found: Change) -> str:
    """Write a verdict; none on what has no interval, where any two figures differ."""
    moved = found.difference
    if found.verdict in ("new", "gone", *UNSAID):
        return found.verdict
    return "" if moved is None or moved.low == moved.high else found.verdict


def quantity(value: float, unit: str) -> str:
    """Write a number of a row's unit."""
    if unit == "":
        if abs(value) < 1e5:
            return f"{value:.0f}"
        return f"{value:.0e}" if abs(value) >= 1e15 else figures.quantity(value, "").rstrip()
    if 0 < abs(value) < LEAST:
        return f"<0.1 n{unit}"
    factor, name = _unit_for(value, unit)
    return f"{figures.digits(value / factor)} {name}"


def _unit_for(value: float, unit: str) -> tuple[float, str]:
    if unit == "g":
        return figures.mass_prefix_for(value)
    factor, prefix = figures.prefix_for(value)
    return factor, f"{prefix}{unit}"


def _signed(value: float, unit: str) -> str:
    size = abs(value)
    text = figures.duration(size) if unit == "s" else quantity(size, unit)
    return f"{'-' if value < 0 else '+' if value > 0 else ''}{text}"


def _of_ratio(ratio: Bounds) -> tuple[str, str]:
    middle = ratio.low if ratio.best is None else ratio.best
    if middle >= MULTIPLES:
        best = "?" if ratio.best is None else f"x{figures.digits(ratio.best)}"
        low, high = f"x{figures.digits(ratio.low)}", f"x{figures.digits(ratio.high)}"
        ends = f"{low} or more" if math.isinf(ratio.high) else f"{low} to {high}"
        return best, "" if ratio.low == ratio.high else ends
    decimals = _decimals(ratio)
    best = "?" if ratio.best is None else f"{_percent(ratio.best, decimals)} %"
    if ratio.low == ratio.high:
        return best, ""
    low = _percent(ratio.low, decimals)
    if math.isinf(ratio.high):
        return best, f"{low} % or more"
    return best, f"{low} to {_percent(ratio.high, decimals)} %"


def _decimals(ratio: Bounds) -> int:
    """Count the decimals of percentages: two digits of the interval's width, or three of a change that has none."""
    width = (ratio.high - ratio.low) * 100
    width, most = (width, 2) if width > 0 else (abs(ratio.high - 1) * 10, 3)
    return min(max(1 - math.floor(math.log10(width)), 0), most) if 0 < width < math.inf else 0


def _percent(ratio: float, decimals: int) -> str:
    text = f"{(ratio - 1) * 100:+.{decimals}f}"
    return text if text.strip("+-0.") else text[1:]  # no sign for what is rounded to nothing
