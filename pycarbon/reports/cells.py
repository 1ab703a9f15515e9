"""The cells of tables in a terminal: figures with few characters, and texts cut to the columns there are."""

from __future__ import annotations

import unicodedata

from pycarbon.reports import figures

LEAST = 1e-10
"""Below so many joules or grams digits would need more room than there is, and mean nothing."""


def count(number: int) -> str:
    """Write how many."""
    if number >= 1e15:
        return f"{number:.0e}"
    return str(number) if number < 100_000 else figures.quantity(number, "").rstrip()


def time(seconds: float, width: int) -> str:
    """Write a length of time that leaves a blank of the width before it."""
    text = figures.duration(seconds)
    return text if len(text) < width else f"{seconds / 86_400:.0f} d"


def joules(energy_j: float) -> str:
    """Write an energy."""
    return "<0.1 nJ" if 0 < energy_j < LEAST else figures.quantity(energy_j, "J")


def grams(co2e_g: float) -> str:
    """Write a mass."""
    if 0 < co2e_g < LEAST:
        return "<0.1 ng"
    factor, unit = figures.mass_prefix_for(co2e_g)
    return f"{figures.digits(co2e_g / factor)} {unit}"


def percent(share: float) -> str:
    """Write a share."""
    return "<0.1 %" if 0 < share < 0.001 else figures.percent(share)


def with_bounds(energy_j: float, low_j: float, high_j: float, width: int, bounds_width: int) -> tuple[str, str]:
    """Write an energy that leaves a blank of the width before it, and its two ends in the same unit."""
    factor, prefix = figures.prefix_for(energy_j or high_j)
    number, bounds = figures.with_interval(energy_j, low_j, high_j, factor)
    if len(number) + len(prefix) + 2 >= width:  # so narrow an interval that its ends need many digits
        number = figures.digits(energy_j / factor)
    bounds = bounds if len(bounds) <= bounds_width else _between(low_j / factor, high_j / factor, bounds_width)
    return joules(energy_j) if 0 < energy_j < LEAST else f"{number} {prefix}J", bounds


def grams_with_bounds(co2e_g: float, low_g: float, high_g: float, width: int, bounds_width: int) -> tuple[str, str]:
    """Write a mass that leaves a blank of the width before it, and its two ends in the same unit."""
    factor, unit = figures.mass_prefix_for(co2e_g or high_g)
    number, bounds = figures.with_interval(co2e_g, low_g, high_g, factor)
    if len(number) + len(unit) + 1 >= width:
        number = figures.digits(co2e_g / factor)
    bounds = bounds if len(bounds) <= bounds_width else _between(low_g / factor, high_g / factor, bounds_width)
    return grams(co2e_g) if 0 < co2e_g < LEAST else f"{number} {unit}", bounds


def _between(low: float, high: float, width: int) -> str:
    """Write two ends with as many decimals as there is room for."""
    texts = (f"{low:.{decimals}f} to {high:.{decimals}f}" for decimals in range(6, -1, -1))
    return next((text for text in texts if len(text) <= width), "")


def _cells(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def fitted(text: str, cells: int, more: str) -> str:
    """Make a text as wide as `cells` of the terminal: cut it, or fill it with blanks."""
    used = sum(map(_cells, text))
    if used <= cells:
        return text + " " * (cells - used)
    return fitted(_begin(text, cells - len(more)) + more, cells, "")


def shortened(text: str, cells: int, more: str) -> str:
    """Do the same, but cut it in the middle: the end of a kernel's name often tells it from others."""
    if sum(map(_cells, text)) <= cells:
        return fitted(text, cells, more)
    room = cells - len(more)
    end = _begin(text[::-1], room // 2)[::-1]
    return fitted(_begin(text, room - room // 2) + more + end, cells, more)


def _begin(text: str, room: int) -> str:
    """Give as much of a text as fits."""
    kept = ""
    for letter in text:
        room -= _cells(letter)
        if room < 0:
            break
        kept += letter
    return kept
