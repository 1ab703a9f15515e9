"""Places on the grid: which there are, what they are called, in which others they lie, which are near."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pycarbon import clouds, shipped
from pycarbon.errors import IntensityError

TABLE = "zones.csv"

WORLD = "WORLD"
EARTH_RADIUS_KM = 6371.0088
"""The mean radius (IUGG)."""

Kind = Literal["world", "country", "state", "bidding-zone", "egrid", "balancing-area", "cloud"]

_HINT = (
    "a zone is a country (FRA, FR, France), a state (US-WY), a bidding zone (NO-NO1), a balancing area (US-CISO), "
    "a cloud region (aws:us-east-1) or WORLD; `pycarbon zones` lists them"
)
_MOST_SUGGESTED = 3


@dataclass(frozen=True, slots=True)
class Zone:
    """One place. `within` names the zones it lies in, the smallest first, without the world.

    `latitude` and `longitude` are those of a country's capital, of a cloud's city, else of about the middle, in
    degrees; None where nobody wrote them down.
    """

    zone: str
    kind: str
    within: tuple[str, ...]
    name: str
    spellings: tuple[str, ...]
    latitude: float | None
    longitude: float | None


def find(text: str) -> Zone:
    """The zone that somebody means, in upper or lower case: by its code, its name or another spelling.

    Raises IntensityError, in one line, where there is none (with those whose names are near) or more than one.
    """
    found = meant(text)
    if len(found) == 1:
        return by_id(found[0])
    asked = text.strip()
    if found:
        raise IntensityError(f"zone {asked[:40]!r} is ambiguous: {' or '.join(map(_named, found))}? type the code")
    raise IntensityError(_unknown(asked, asked.casefold()))


def meant(text: str) -> tuple[str, ...]:
    """The codes of all zones that a text may mean, as `find` reads it."""
    asked = text.strip()
    by_code = _by_code(asked.upper())
    if by_code is not None:
        return (by_code.zone,)
    found = _spelled().get(asked.casefold(), ())
    region = None if found else clouds.region(asked)
    return found if region is None else (region.zone,)


def by_id(zone: str) -> Zone:
    """The zone with exactly that code; KeyError where there is none."""
    return _by_code(zone) or _clouds()[zone]


def known() -> list[Zone]:
    """Every zone that can be asked for: those of the grid, then those of clouds, each in order of their codes."""
    return [*(_grid()[zone] for zone in sorted(_grid())), *(_clouds()[zone] for zone in sorted(_clouds()))]


def near(latitude: float, longitude: float) -> list[tuple[float, Zone]]:
    """Zones by their distance in km from a point given in degrees (great circle), the nearest first.

    IntensityError where the point is none on Earth.
    """
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise IntensityError(
            f"{latitude:g}, {longitude:g} is no place: write degrees as LATITUDE,LONGITUDE, such as 48.86,2.35"
        )
    found = [
        (distance_km(latitude, longitude, zone.latitude, zone.longitude), zone)
        for zone in known()
        if zone.latitude is not None and zone.longitude is not None
    ]
    return sorted(found, key=lambda pair: (pair[0], pair[1].zone))


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The length in km of the great circle between two points in degrees (haversine formula)."""
    one, other = math.radians(latitude), math.radians(other_latitude)
    half_lat, half_lon = (other - one) / 2, math.radians(other_longitude - longitude) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(one) * math.cos(other) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, chord)))


@lru_cache(maxsize=256)
def _by_code(code: str) -> Zone | None:
    """The zone of the grid with exactly that code, without reading all the others."""
    if "\n" in code or "," in code:
        return None
    try:
        return next((_zone(row) for row in csv.reader(shipped.lines_of(TABLE, code))), None)
    except ValueError as error:
        raise shipped.broken(TABLE, error) from error


@lru_cache(maxsize=1)
def _grid() -> dict[str, Zone]:
    """The zones of the table by their codes."""
    try:
        rows = csv.reader(shipped.text(TABLE).splitlines())
        next(rows)
        return {row[0]: _zone(row) for row in rows}
    except (ValueError, IndexError, StopIteration) as error:
        raise shipped.broken(TABLE, error) from error


def _zone(row: list[str]) -> Zone:
    zone, kind, within, name, spellings, latitude, longitude = row
    return Zone(zone, kind, _parts(within), name, _parts(spellings), _degrees(latitude), _degrees(longitude))


def _parts(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


def _degrees(text: str) -> float | None:
    return float(text) if text else None


@lru_cache(maxsize=1)
def _clouds() -> dict[str, Zone]:
    return {region.zone: _of_cloud(region) for region in clouds.regions()}


def _of_cloud(region: clouds.Region) -> Zone:
    place = f"{region.place} ({region.provider} {region.region})"
    return Zone(region.zone, "cloud", region.grid_zones, place, (), region.latitude, region.longitude)


@lru_cache(maxsize=1)
def _spelled() -> dict[str, tuple[str, ...]]:
    """Every name and other spelling, case folded, with all zones that bear it. Codes are looked at before."""
    names: dict[str, dict[str, None]] = {}
    for zone in _grid().values():
        for spelling in (zone.name, *zone.spellings):
            names.setdefault(spelling.casefold(), {})[zone.zone] = None
    return {name: tuple(meant) for name, meant in names.items()}


def _named(zone: str) -> str:
    found = by_id(zone)
    return f"{zone} ({found.name})" if found.kind in ("country", "world") else f"{zone} ({found.name}, {found.kind})"


def _unknown(asked: str, folded: str) -> str:
    """One line: what was asked for, what is near it, and what a zone is."""
    import difflib  # needed only here, and slow to import

    near = [zone.zone for zone in known() if len(folded) > 2 and folded in zone.name.casefold()][:_MOST_SUGGESTED]
    if near:
        pass
    elif ":" in folded:
        near = difflib.get_close_matches(folded, _clouds(), n=_MOST_SUGGESTED)
    else:
        codes = {zone.rpartition(":")[2].casefold(): (zone,) for zone in (*_grid(), *_clouds())}
        names = _spelled() | codes
        spelled = difflib.get_close_matches(folded, names, n=2 * _MOST_SUGGESTED)
        # Two spellings of one zone are one suggestion; three suggestions are a line's worth.
        near = list(dict.fromkeys(zone for name in spelled for zone in names[name]))[:_MOST_SUGGESTED]
    suggestion = f"did you mean {' or '.join(map(_named, near))}? " if near else ""
    return f"unknown zone {asked[:40]!r}: {suggestion}{_HINT}"
