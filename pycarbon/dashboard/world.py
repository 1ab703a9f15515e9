"""The map of the what-if page: countries in classes of intensity, and where the work ran."""

from __future__ import annotations

import math
from typing import Any

from pycarbon import world_map, zones
from pycarbon.reports import figures

CLASSES = (
    (0, 100, "very low"),
    (100, 200, "low"),
    (200, 350, "moderate"),
    (350, 500, "high"),
    (500, 650, "very high"),
    (650, math.inf, "highest"),
)
"""From and to below, in g CO2e per kWh, and in a word."""

DOT = 7
"""The radius of a country that the map has no outline of, and of a cloud's region."""

_VERDICTS = {
    "here": "where it ran",
    "less": "less than where it ran",
    "more": "more than where it ran",
    "not told": "no difference to where it ran is told",
}


def draw(data: dict[str, Any]) -> dict[str, Any]:
    """Give the shapes of a ranking: outlines with class and title, dots of what is small, and marks where it ran."""
    outlines = world_map.world_map()
    rows = {row["zone"]: row for row in data["ranking"]}
    shapes = [
        {
            "zone": zone,
            "d": path,
            "level": _level(rows[zone]) if zone in rows else 0,
            "title": _title(rows[zone]) if zone in rows else f"{zones.by_id(zone).name}: not ranked here",
        }
        for zone, path in outlines.paths.items()
    ]
    dots = []
    for zone, row in rows.items():
        place = zones.by_id(zone)
        if zone not in outlines.paths and _is_shown(place.latitude, place.longitude):
            x, y = world_map.projected(place.latitude or 0.0, place.longitude or 0.0)
            dots.append({"zone": zone, "x": round(x), "y": round(y), "level": _level(row), "title": _title(row)})
    return {
        "width": outlines.width,
        "height": outlines.height,
        "radius": DOT,
        "shapes": shapes,
        "dots": dots,
        "ran": [_mark(ran) for ran in data["ran"] if _is_shown(ran["latitude"], ran["longitude"])],
        "legend": [
            {
                "level": number,
                "text": f"{word}: {_between(low, high)}",
                "places": sum(_level(row) == number for row in data["ranking"]),
            }
            for number, (low, high, word) in enumerate(CLASSES, 1)
        ],
    }


def _is_shown(latitude: float | None, longitude: float | None) -> bool:
    return latitude is not None and longitude is not None and world_map.SOUTH < latitude < world_map.NORTH


def _level(row: dict[str, Any]) -> int:
    value = row["intensity_g_per_kwh"]
    return next(number for number, (_, high, _) in enumerate(CLASSES, 1) if value < high)


def _between(low: float, high: float) -> str:
    if not low:
        return f"below {high:g} g/kWh"
    return f"{low:g} g/kWh and more" if high == math.inf else f"{low:g} to {high:g} g/kWh"


def _title(row: dict[str, Any]) -> str:
    value, between = figures.with_interval(
        row["intensity_g_per_kwh"], row["low_g_per_kwh"], row["high_g_per_kwh"], 1.0
    )
    return (
        f"{row['name']} ({row['zone']}): {figures.mass(row['co2e_g'])} CO2e at {value} g/kWh ({between}), "
        f"{row['year']}; {_VERDICTS[row['verdict']]}"
    )


def _mark(ran: dict[str, Any]) -> dict[str, Any]:
    x, y = world_map.projected(ran["latitude"], ran["longitude"])
    runs = f"{ran['runs']:,} run" + ("" if ran["runs"] == 1 else "s")
    title = f"{ran['name']} ({ran['zone']}): {runs} used {figures.quantity(ran['energy_j'], 'J')} here"
    return {"x": round(x), "y": round(y), "title": title}
