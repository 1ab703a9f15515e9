"""Figures as people read them: three digits, a prefix that fits, and intervals in the unit of their figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
MOST_DECIMALS = 12
NO_INTERVAL = "interval not known"
_BARS = "▁▂▃▄▅▆▇█"


def _decimals(value: float) -> int:
    """Count the decimals that leave three significant digits, at most MOST_DECIMALS."""
    if value == 0 or not math.isfinite(value):
        return 0
    decimals = min(max(2 - math.floor(math.log10(abs(value))), 0), MOST_DECIMALS)
    rounded = abs(round(value, decimals))
    grew = rounded > 0 and math.floor(math.log10(rounded)) > math.floor(math.log10(abs(value)))
    return max(decimals - 1, 0) if grew else decimals  # 9.996 became 10.00


def digits(value: float) -> str:
    """Write a number with three significant digits, never in powers of ten."""
    return f"{value:.{_decimals(value)}f}" if math.isfinite(value) else "?"


def with_interval(value: float, low: float, high: float, factor: float) -> tuple[str, str]:
    """Write a figure and its two ends in one unit: three digits each, or as many as tell the ends apart.

    Ends that nobody knows (NaN) are said to be unknown.
    """
    if math.isnan(low) or math.isnan(high):
        return f"{value / factor:.{_decimals(value / factor)}f}", NO_INTERVAL
    width = (high - low) / factor
    needed = 1 - math.floor(math.log10(width)) if width > 0 and math.isfinite(width) else 0
    figure, *ends = (
        f"{number / factor:.{max(_decimals(number / factor), min(needed, 6))}f}" for number in (value, low, high)
    )
    return figure, " to ".join(ends)


def in_unit(bounds: str, unit: str) -> str:
    """Write the ends of with_interval with their unit; where there are none, there is none."""
    return bounds if bounds == NO_INTERVAL else f"{bounds} {unit}"


def prefix_for(value: float) -> tuple[float, str]:
    """Choose the prefix that leaves one to three digits before the point."""
    size = abs(value)
    if size == 0 or not math.isfinite(size):
        return 1.0, ""
    return next((p for p in _PREFIXES if size >= p[0] * 0.9995), _PREFIXES[-1])


def mass_prefix_for(value_g: float) -> tuple[float, str]:
    """Choose a unit of mass for grams: up to kg as prefixes, beyond in tonnes."""
    if abs(value_g) >= 0.9995e6:
        return 1e6, "t"
    factor, prefix = prefix_for(value_g)
    return factor, f"{prefix}g"


def quantity(value: float, unit: str) -> str:
    """Write a figure with its unit: 12.8 J, 3.21 kJ, 450 µJ."""
    factor, prefix = prefix_for(value)
    return f"{digits(value / factor)} {prefix}{unit}"


def mass(value_g: float) -> str:
    """Write a mass with its unit: 4.17 mg, 12.0 kg, 3.40 t."""
    factor, unit = mass_prefix_for(value_g)
    return f"{digits(value_g / factor)} {unit}"


def percent(share: float) -> str:
    """Write a share: 83 %, 0.42 %."""
    if 0 < share < 1e-5:
        return "less than 0.001 %"
    return f"{share * 100:.0f} %" if share == 0 or share >= 0.095 else f"{share * 100:.2g} %"


def duration(seconds: float) -> str:
    """Write a length of time: 12.3 ms, 4.20 s, 3 min 20 s, 2 h 05 min, 3 d 04 h."""
    if seconds < 59.95:
        return quantity(seconds, "s")
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24:02d} h"


def printable(text: str) -> str:
    """Write any text on one line: what a terminal would obey, or cannot show, becomes a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))


def sparkline(values: Sequence[float], width: int) -> str:
    """Draw values, zero at the bottom, as at most `width` characters; empty where there is nothing to draw."""
    if len(values) < 2 or width < 1:
        return ""
    count = min(width, len(values))
    borders = [round(i * len(values) / count) for i in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(borders)]
    top = max(means)
    if not top > 0:
        return _BARS[0] * count
    return "".join(_BARS[min(int(max(mean, 0.0) / top * len(_BARS)), len(_BARS) - 1)] for mean in means)
