"""Sums by region of the world: the zones of runs, in the countries where they lie, on their continents."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from pycarbon import continents, zones
from pycarbon.dashboard.page import Columns
from pycarbon.dashboard.rows import SUMS, of_sums
from pycarbon.store.rollup import Group, summed

REGION: Columns = {"continent": "text", "country": "text", "name": "text", "zones": "text", **SUMS}
UNKNOWN = ""
"""The continent and country of places that nobody knows."""


@lru_cache(maxsize=1024)
def where(zone: str) -> tuple[str, str, str]:
    """Give the continent, the country's code and its name of a zone; empty texts for what is no place on the grid."""
    try:
        found = zones.by_id(zone)
    except KeyError:
        return UNKNOWN, UNKNOWN, ""
    for code in (found.zone, *reversed(found.within)):
        continent = continents.continent_of(code)
        if continent is not None:
            return continent, code, zones.by_id(code).name
    return UNKNOWN, UNKNOWN, found.name if found.kind != "world" else ""


@lru_cache(maxsize=1024)
def name_of(zone: str) -> str:
    """Give the name of a zone; empty where it has none."""
    try:
        return zones.by_id(zone).name
    except KeyError:
        return ""


def by_continent(by_zone: Iterable[Group]) -> list[dict[str, Any]]:
    """Give sums by continent, each with its `countries`: the largest emissions first, unknown places last.

    A country's `zones` are the codes that its runs have; those of no place are together, with an empty country.
    """
    of_country: dict[tuple[str, str, str], list[Group]] = {}
    for group in by_zone:
        continent, country, name = where(group.key)
        of_country.setdefault((continent, country, name), []).append(group)
    rows = [
        of_sums(
            summed(group.sums for group in groups),
            continent=continent,
            country=country,
            name=name,
            zones=sorted(group.key for group in groups if group.key),
        )
        for (continent, country, name), groups in of_country.items()
    ]
    found = []
    for continent in {row["continent"] for row in rows}:
        groups = [group for group_key, all_of in of_country.items() if group_key[0] == continent for group in all_of]
        countries = _largest_first(row for row in rows if row["continent"] == continent)
        found.append(of_sums(summed(group.sums for group in groups), continent=continent, countries=countries))
    return sorted(_largest_first(found), key=lambda row: row["continent"] == UNKNOWN)


def _largest_first(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (-row["co2e_g"], -row["energy_j"], row.get("name", row["continent"])))
