"""Emissions by month as bars: where each begins and ends, for a picture that is as wide as its page.

Across everything is in percent of the width, so that letters keep their size on any screen; up and down in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pycarbon.reports.figures import mass, mass_prefix_for

HEIGHT = 200
LEAST_MONTHS, MOST_MONTHS = 12, 36
_FILLED = 0.62
"""Of a month's room, by its bar."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def months(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Lay out sums by month (`month`, `co2e_g`, `low_g`, `high_g`, `measured_g`, `modelled_g`), the oldest first.

    Months without a row are there, empty, and so are those before the first up to a year. `left_out` counts rows that
    are older than the picture. None where there is nothing to draw.
    """
    by_number = {_number(row["month"]): row for row in rows if row["month"]}
    top_g = max((row["high_g"] for row in by_number.values()), default=0.0)
    if not top_g > 0:
        return None
    end = max(by_number)
    first = max(min(min(by_number), end - LEAST_MONTHS + 1), end - MOST_MONTHS + 1)
    count = end - first + 1
    room = 100 / count
    step_g = _step(top_g / 4)
    high_g = step_g * math.ceil(top_g / step_g * (1 - 1e-9))
    factor, unit = mass_prefix_for(high_g)

    def y(grams: float) -> float:
        return round(HEIGHT * (1 - grams / high_g), 2)

    bars = []
    for place in range(count):
        number = first + place
        row = by_number.get(number)
        year, month = divmod(number, 12)
        bar: dict[str, Any] = {
            "x": round(room * (place + (1 - _FILLED) / 2), 3),
            "width": round(room * _FILLED, 3),
            "middle": round(room * (place + 0.5), 3),
            "label": _MONTHS[month],
            "year": str(year) if month == 0 or place == 0 else "",
            "minor": count > LEAST_MONTHS and month % 3 != 0,
        }
        if row is not None:
            measured = y(row["measured_g"])
            bar |= {
                "measured": {"y": measured, "height": round(HEIGHT - measured, 2)},
                "modelled": {"y": y(row["co2e_g"]), "height": round(measured - y(row["co2e_g"]), 2)},
                "low": y(row["low_g"]),
                "high": y(row["high_g"]),
                "cap": round(room * _FILLED / 4, 3),
                "says": f"{row['month']}: {mass(row['co2e_g'])}, {mass(row['low_g'])} to {mass(row['high_g'])}",
            }
        bars.append(bar)
    ticks = [
        {"y": y(step_g * number), "label": f"{step_g * number / factor:g}"}
        for number in range(round(high_g / step_g) + 1)
    ]
    return {
        "height": HEIGHT,
        "unit": unit,
        "ticks": ticks,
        "bars": bars,
        "left_out": sum(number < first for number in by_number),
    }


def _number(month: str) -> int:
    year, _, of_year = month.partition("-")
    return int(year) * 12 + int(of_year) - 1


def _step(least: float) -> float:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten that is no less."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * times for times in (1.0, 2.0, 2.5, 5.0, 10.0) if power * times >= least * (1 - 1e-9))
