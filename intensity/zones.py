"""Builds pycarbon/tables/zones.csv: every place that has a name of its own, and how it is spelled."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from intensity import registry
from intensity.registry import HERE, BuildError

COUNTRIES = HERE / "countries.csv"
PLACES = HERE / "places.csv"
HEADER = ("zone", "kind", "within", "name", "spellings", "latitude", "longitude")
KINDS = ("world", "country", "state", "bidding-zone", "egrid", "balancing-area")
SHAPES = {
    "country": r"[A-Z]{3}",
    "state": r"[A-Z]{2}-[A-Z]{2,3}",
    "bidding-zone": r"[A-Z]{2}-[A-Z]{2}[0-9]",
    "egrid": r"US-[A-Z]{4}",
    "balancing-area": r"US-[A-Z]{3,4}",
}


@dataclass(frozen=True)
class Place:
    """One row of the table; latitude and longitude in degrees as they are spelled."""

    zone: str
    kind: str
    within: tuple[str, ...]
    name: str
    spellings: tuple[str, ...]
    latitude: str
    longitude: str

    def cells(self) -> list[str]:
        """The row as the table spells it."""
        ends = [self.latitude, self.longitude]
        return [self.zone, self.kind, "|".join(self.within), self.name, "|".join(self.spellings), *ends]


def build(sources: Path) -> dict[str, bytes]:
    """The table of zones: {"zones.csv": content}; nothing in it comes from the raw files."""
    return {"zones.csv": registry.csv_bytes(HEADER, [place.cells() for place in places()])}


@lru_cache(maxsize=1)
def places() -> tuple[Place, ...]:
    """Every place in alphabetical order, checked."""
    found = read(COUNTRIES, PLACES)
    check(found)
    return found


def countries() -> frozenset[str]:
    """The ISO 3166-1 alpha-3 codes, and XKX for Kosovo."""
    return frozenset(place.zone for place in places() if place.kind == "country")


def by_name(kind: str, country: str) -> dict[str, str]:
    """{name and further spellings in lower case: zone} of one kind of place in one country."""
    return {
        text.casefold(): place.zone
        for place in places()
        if place.kind == kind and country in place.within
        for text in (place.name, *place.spellings)
    }


def read(countries: Path, others: Path) -> tuple[Place, ...]:
    """The rows of both files; a country's alpha-2 code is its first spelling."""
    found = [Place("WORLD", "world", (), "World", ("OWID_WRL", "Earth", "Global"), "", "")]
    columns = ("alpha3", "alpha2", "name", "spellings", "latitude", "longitude")
    for row in registry.read_csv(countries, columns):
        spellings = (row["alpha2"], *_list(row["spellings"]))
        ends = (row["latitude"], row["longitude"])
        found.append(Place(row["alpha3"], "country", (), row["name"], spellings, *ends))
    for row in registry.read_csv(others, HEADER):
        lists = (_list(row["within"]), row["name"], _list(row["spellings"]))
        found.append(Place(row["zone"], row["kind"], *lists, row["latitude"], row["longitude"]))
    return tuple(sorted(found, key=lambda place: place.zone))


def check(found: Iterable[Place]) -> None:
    """Refuse a spelling that means two zones, an unknown parent, and coordinates off the globe."""
    found = tuple(found)
    known = {place.zone: place for place in found}
    owner: dict[str, str] = {}
    for place in sorted(found, key=lambda place: place.kind != "country"):
        if place.kind not in KINDS or not re.fullmatch(SHAPES.get(place.kind, "WORLD"), place.zone):
            raise BuildError(f"zones: {place.zone}: no {place.kind} is spelled so")
        missing = [zone for zone in place.within if zone not in known or zone == place.zone]
        if missing or (place.kind not in ("world", "country")) != bool(place.within):
            raise BuildError(f"zones: {place.zone}: lies within {'|'.join(missing or place.within) or 'nothing'}")
        for text in {text.casefold() for text in (place.zone, *place.spellings)}:
            if owner.setdefault(text, place.zone) != place.zone:
                raise BuildError(f"zones: {place.zone}: {text!r} is {owner[text]} too")
        # A bare name belongs to the country; any other two places with one name are one too many.
        name = place.name.casefold()
        if owner.setdefault(name, place.zone) != place.zone and known[owner[name]].kind != "country":
            raise BuildError(f"zones: {place.zone}: the name {name!r} is {owner[name]} too")
        _check_ends(place)


def _check_ends(place: Place) -> None:
    if bool(place.latitude) != bool(place.longitude):
        raise BuildError(f"zones: {place.zone}: one coordinate of two")
    for text, limit in ((place.latitude, 90.0), (place.longitude, 180.0)):
        if text and (not re.fullmatch(r"-?[0-9]+(\.[0-9]{1,2})?", text) or abs(float(text)) > limit):
            raise BuildError(f"zones: {place.zone}: {text!r} is no coordinate with two decimals")


def _list(text: str) -> tuple[str, ...]:
    return tuple(item for item in text.split("|") if item)
