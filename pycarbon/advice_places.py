"""Where the same run would emit less: other regions of its cloud, or else other places of its continent.

Every place is counted by the method of the run and by no other, with its newest year, and a cloud's region with its
own PUE. A place without a figure by that method is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pycarbon import clouds, siting, zones
from pycarbon.advice import Advice, Used, advice, moved
from pycarbon.continents import continent_of
from pycarbon.emissions import Emissions, from_energy
from pycarbon.errors import IntensityError
from pycarbon.intensity import OWN, Intensity, Method, choose
from pycarbon.interval import Range
from pycarbon.zones import Zone

UNKNOWN_PLACE = "nobody said where this ran, which may be anywhere: type --zone, such as --zone FRA"
_OVERLAPPING = ("balancing-area", "egrid")


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere else to run. `pue` is None where the building would be like the one it ran in."""

    zone: str
    name: str
    continent: str | None
    same_continent: bool
    pue: Range | None = None
    pue_source: str = ""


def elsewhere(used: Used, at: datetime | None = None) -> tuple[list[Advice], str]:
    """The places where the same energy emits less by the best estimate; where there are none, why.

    `at` is when the energy was used.
    """
    if not used.rating.intensity.place_known:
        return [], UNKNOWN_PLACE
    here, asked = used.rating.intensity, used.rating.asked
    others = places(asked or here.zone)
    if not others:
        return [], f"pycarbon does not know what lies near {asked}"
    if here.type == OWN:
        return [], f"a factor of one's own is no grid's average, as others have: --zone {asked} counts by the table's"
    found, counted = [], 0
    for place in others:
        there = _intensity(place, here, at)
        if there is None:
            continue
        counted += 1
        one = _advice(used, place, there)
        if one.saved_g > 0:
            found.append(one)
    if found:
        return found, ""
    if not counted:
        return [], f"no other place there has a figure that is {here.method}"
    return [], f"none of {counted} other places there emits less"


def places(asked: str) -> list[Place]:
    """Where else a run may go that is at a zone: empty where nobody knows where that lies."""
    try:
        zone = zones.find(asked)
    except IntensityError:  # one that only the user's factors have
        return []
    region = clouds.region(zone.zone) if zone.kind == "cloud" else None
    return _on_land(zone) if region is None else _in_cloud(region)


def _in_cloud(here: clouds.Region) -> list[Place]:
    """The provider's other regions that the same account can use."""
    continent = continent_of(here.country)
    found = []
    for region in clouds.regions():
        if region.provider != here.provider or region.zone == here.zone or _partition(region) != _partition(here):
            continue
        its = continent_of(region.country)
        pue, source = siting.pue_of(None, region.zone)
        found.append(Place(region.zone, region.place, its, its == continent, pue, source))
    return found


def _partition(region: clouds.Region) -> str:
    """China's, governments' and the European sovereign regions are clouds apart, with accounts of their own."""
    if region.country == "CHN":
        return "CHN"
    return next((mark for mark in ("gov", "dod", "eusc") if mark in region.region), "")


def _on_land(here: Zone) -> list[Place]:
    """The other countries of the continent, and the parts of its own country that are of one sort with it."""
    country = _country(here)
    continent = None if country is None else continent_of(country)
    if continent is None:
        return []
    parts = (here.kind,) if here.kind in _OVERLAPPING else ("state", "bidding-zone")
    return [
        Place(zone.zone, zone.name, continent, True)
        for zone in zones.known()
        if zone.zone not in (here.zone, *here.within)
        and (
            (zone.kind == "country" and continent_of(zone.zone) == continent)
            or (zone.kind in parts and country in zone.within)
        )
    ]


def _country(zone: Zone) -> str | None:
    """The country a zone is or lies in; None for the world."""
    names = (zone.zone, *zone.within)
    return next((name for name in names if len(name) == 3 and name.isalpha() and continent_of(name)), None)


def _intensity(place: Place, here: Intensity, at: datetime | None) -> Intensity | None:
    """The factor of a place by the method of another; None where it has none of its own."""
    try:
        there = choose(place.zone, Method(here.scope, here.flow, here.gas), at=at).taken
    except IntensityError:
        return None
    # A state without a figure takes its country's, which is another of these places.
    return there if place.pue is not None or there.zone == place.zone else None


def _advice(used: Used, place: Place, there: Intensity) -> Advice:
    pue = used.rating.pue if place.pue is None else place.pue
    energy = used.energy
    emitted = from_energy(energy.best, energy.low, energy.high, there, pue, used.by_hour)
    saving = moved(energy, used.emissions, emitted, same_building=place.pue is None)
    return advice(
        "elsewhere",
        f"{place.zone}, {place.name}",
        place.zone,
        saving,
        used.emissions,
        name=place.name,
        continent=place.continent,
        same_continent=place.same_continent,
        **_facts(emitted, there, place),
    )


def _facts(emitted: Emissions, there: Intensity, place: Place) -> dict[str, object]:
    return {
        "co2e_g": emitted.co2e_g,
        "co2e_low_g": emitted.low_g,
        "co2e_high_g": emitted.high_g,
        "intensity_g_per_kwh": emitted.intensity_g_per_kwh,
        "low_g_per_kwh": emitted.low_g_per_kwh,
        "high_g_per_kwh": emitted.high_g_per_kwh,
        "counted_in": there.zone,
        "year": emitted.year,
        "method": emitted.method,
        "source": emitted.source,
        "hourly": emitted.hourly,
        "note": there.note,
        "pue": emitted.pue,
        "pue_range": [emitted.low_pue, emitted.high_pue],
        "pue_source": place.pue_source,
    }
