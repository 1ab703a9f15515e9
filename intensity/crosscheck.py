"""Refuses a source that slipped as a whole: every other source is compared with a lifecycle neighbour.

A file in pounds instead of kilograms jumps between no two of its years. It shows only against
another file: a direct figure against the lifecycle figure of its own zone, any other against that
of the country it lies in, in the nearest year.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from statistics import median

from intensity import google, zones
from intensity.figures import Figure
from intensity.registry import BuildError

# Median of figure over neighbour, as it was when each source was first looked at.
USUAL_RATIO = {
    "canada-mix-direct": 0.73,
    "canada-mix-lifecycle": 0.74,
    "china-mee-2023": 0.96,
    "egrid-2023": 0.96,
    "egrid-2023-subregions": 1.00,
    "eia930-2022-direct": 0.81,
    "eia930-2022-lifecycle": 0.88,
    "ember-india-states": 0.67,
    "ember-us-states": 0.86,
    "google-2021": 0.79,
    "google-2022": 0.86,
    "google-2023": 0.82,
    "google-2024": 0.78,
    "mix-direct": 0.76,
    "nga-2024": 1.13,
    "nordic-2025": 0.89,
}
# Compared among themselves in countries.py.
UNCHECKED = {"owid-2026", "owid-2025", "ember-2025"}
# Computed here from generation by fuel, where one figure cannot slip; it departs where the mix does.
COMPUTED = {"mix-direct", "canada-mix-direct", "canada-mix-lifecycle"}
# A whole file in another unit is off by 2.2 at least.
LARGEST_SHIFT = 1.5

# One figure against its own zone, and against its country, which has cleaner and dirtier parts.
OWN_RATIOS, OWN_SLACK_G_PER_KWH = (0.65, 1.6), 100.0
COUNTRY_RATIO, COUNTRY_SLACK_G_PER_KWH = 2.5, 150.0


def check(found: Iterable[Figure]) -> None:
    """Refuse a source or a single figure that its lifecycle neighbours contradict."""
    found = list(found)
    lifecycle: dict[str, dict[int, float]] = defaultdict(dict)
    for one in found:
        if one.scope == "lifecycle":
            lifecycle[one.zone][one.year] = one.value
    ratios: dict[str, list[float]] = defaultdict(list)
    for one in found:
        near = neighbour(one, lifecycle)
        if one.source in UNCHECKED or near is None:
            continue
        zone, value = near
        if one.source not in COMPUTED:
            check_one(one, zone, value)
        ratios[one.source].append(one.value / value)
    for source, values in ratios.items():
        usual, now = USUAL_RATIO.get(source), median(values)
        if usual is None:
            raise BuildError(f"crosscheck.py: no usual ratio for {source}; the median is {now:.2f}")
        if not usual / LARGEST_SHIFT < now < usual * LARGEST_SHIFT:
            where = next(one.where for one in found if one.source == source)
            raise BuildError(
                f"{where} and all of {source}: {now:.2f} times the lifecycle figures of the same places,"
                f" usually {usual:.2f}; a slipped unit or another method"
            )


def neighbour(one: Figure, lifecycle: Mapping[str, Mapping[int, float]]) -> tuple[str, float] | None:
    """The zone and value in g/kWh a figure is compared with; None where there is none."""
    candidates = [one.zone] if one.scope == "direct" else []
    if one.zone in google.COUNTRIES:
        candidates.append(google.COUNTRIES[one.zone])
    candidates += parents().get(one.zone, [])
    for zone in candidates:
        if lifecycle.get(zone):
            return zone, lifecycle[zone][min(lifecycle[zone], key=lambda year: (abs(year - one.year), year))]
    return None


@lru_cache(maxsize=1)
def parents() -> dict[str, list[str]]:
    """The country of every place inside one."""
    countries = zones.countries()
    return {
        place.zone: [zone for zone in place.within if zone in countries] for place in zones.places() if place.within
    }


def check_one(one: Figure, zone: str, value: float) -> None:
    """Refuse one figure far from its own zone's lifecycle figure, or far above its country's."""
    lowest, highest, slack = 0.0, COUNTRY_RATIO, COUNTRY_SLACK_G_PER_KWH
    if zone == one.zone:
        (lowest, highest), slack = OWN_RATIOS, OWN_SLACK_G_PER_KWH
    if not lowest <= one.value / value <= highest and abs(one.value - value) > slack:
        raise BuildError(
            f"{one.where}: {one.value:g} g/kWh, the lifecycle figure of {zone} is {value:g};"
            " a slipped unit or another method"
        )
