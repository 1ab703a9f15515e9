"""Cloud regions: where they are, on which grid, what their buildings take, and what their servers cost to make."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar, cast

from pycarbon import shipped

Kind = Literal["region", "provider", "default"]

_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class Region:
    """One region of a cloud provider; its `zone` is provider:region, such as aws:us-east-1.

    `grid_zones` are the zones whose electricity it takes, the smallest first, the country last. `pue` is the power
    of the building by that of its computers, between `pue_low` and `pue_high`: published for the region
    (`pue_kind` "region"), the mean of the provider's fleet ("provider") or of the industry ("default").
    `wue_l_per_kwh` is the water the building takes by the energy of its computers, None where nobody published it.
    """

    zone: str
    provider: str
    region: str
    name: str
    place: str
    country: str
    latitude: float
    longitude: float
    grid_zones: tuple[str, ...]
    pue: float
    pue_low: float
    pue_high: float
    pue_year: int
    pue_kind: Kind
    pue_source: str
    wue_l_per_kwh: float | None
    wue_year: int | None
    wue_source: str


@dataclass(frozen=True, slots=True)
class Embodied:
    """What making the whole server under an instance type emitted, in kg CO2e.

    An instance has a share of that server only. `low_kg` and `high_kg` differ where the type runs on several
    processors; they do not say how well the method knows each of them.
    """

    provider: str
    instance_type: str
    total_kg: float
    low_kg: float
    high_kg: float


@lru_cache(maxsize=1)
def regions() -> tuple[Region, ...]:
    """Every cloud region there is a row for, in order of its zone. IntensityError where the table is broken."""
    return tuple(_read("cloud.csv", _region))


def region(zone: str) -> Region | None:
    """The region that somebody means, in upper or lower case; None where there is none or more than one.

    `zone` is provider:region (aws:us-east-1), the region alone where one provider has it (westeurope), or the
    provider's own name of it with or without the provider (azure:West Europe, US East (N. Virginia)).
    """
    return _spelled().get(" ".join(zone.casefold().split()))


def embodied(provider: str, instance_type: str) -> Embodied | None:
    """What the server under an instance type cost to make, in upper or lower case; None where nobody wrote it down.

    The type is spelled as the provider does, such as m5.large, n2-standard-4, Standard_D4s_v3 or D4s v3.
    """
    return _servers().get((provider.strip().casefold(), _plain(instance_type)))


@lru_cache(maxsize=1)
def _spelled() -> dict[str, Region]:
    return _spellings(regions())


def _spellings(known: Iterable[Region]) -> dict[str, Region]:
    """Every spelling, case folded, that means exactly one region."""
    meant: dict[str, list[Region]] = {}
    for found in known:
        # A region and the provider's name of it may read the same; that is one meaning.
        for name in {found.region, found.name.casefold()}:
            for spelling in (name, f"{found.provider}:{name}"):
                meant.setdefault(spelling, []).append(found)
    return {spelling: found for spelling, (found, *others) in meant.items() if not others}


@lru_cache(maxsize=1)
def _servers() -> dict[tuple[str, str], Embodied]:
    return {(found.provider, _plain(found.instance_type)): found for found in _read("embodied.csv", _server)}


def _plain(instance_type: str) -> str:
    """Azure's machines and its price list spell one type Standard_D4s_v3 and D4s v3."""
    return instance_type.strip().casefold().removeprefix("standard_").replace("_", " ")


def _region(row: list[str]) -> Region:
    zone, provider, name, title, place, country, latitude, longitude, grid_zones, *rest = row
    pue, low, high, pue_year, pue_kind, pue_source, wue, wue_year, wue_source = rest
    return Region(
        zone, provider, name, title, place, country, float(latitude), float(longitude), tuple(grid_zones.split("|")),
        float(pue), float(low), float(high), int(pue_year), cast(Kind, pue_kind), pue_source,
        float(wue) if wue else None, int(wue_year) if wue_year else None, wue_source,
    )  # fmt: skip


def _server(row: list[str]) -> Embodied:
    provider, name, total, low, high = row
    return Embodied(provider, name, float(total), float(low), float(high))


def _read(table: str, entry: Callable[[list[str]], _Entry]) -> list[_Entry]:
    try:
        rows = csv.reader(shipped.text(table).splitlines())
        next(rows)
        return [entry(row) for row in rows]
    except (ValueError, StopIteration) as error:
        raise shipped.broken(table, error) from error
