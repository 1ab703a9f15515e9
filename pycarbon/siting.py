"""Where a run is counted and by which factor: what the user set, else what can be found out, else nowhere known."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pycarbon import clouds, factors
from pycarbon.emissions import EXACT_PUE
from pycarbon.errors import IntensityError
from pycarbon.footprint import Hardware, hardware
from pycarbon.intensity import SCOPES, Method, Row, choose
from pycarbon.interval import Range
from pycarbon.rating import MACHINE_ALONE, Rating
from pycarbon.settings import DATA_CENTRE, Settings

if TYPE_CHECKING:
    from pycarbon.place import Place

UNKNOWN_PUE = Range(1.1, 1.56, 2.0)
AS_SET = "as set"
SERVERS_OFF_BY = 2.0
SERVERS_FROM = "Cloud Carbon Footprint coefficients, 2026"
UNKNOWN_PUE_SOURCE = "mean of data centres, Uptime Institute survey 2024; range from large clouds to old server rooms"


def site(chosen: Settings, *, root: Path = Path("/"), boot: str | None = None) -> tuple[Rating, list[str]]:
    """The rating for energy used here and now, and a line for each thing that was no good.

    What a cloud's metadata said is kept until the machine is started again, where `boot` says which start this is.
    Never raises for what was set or found: a zone that is not known counts as an unknown place, a broken file of
    factors as none. Contacts a cloud's metadata only where firmware says which cloud this is, or where `locate` asks.
    """
    lines: list[str] = []
    own = _own(chosen.factors, lines)
    zone, place = chosen.zone, None
    if zone is None:
        place = located(chosen.locate, root, boot, lines)
        zone = None if place is None else place.zone
    try:
        choice = choose(zone, Method(chosen.scope), own=own)
    except IntensityError as error:
        lines.append(f"{error}; the run counts as being at an unknown place")
        choice = choose(None, Method(chosen.scope))
        zone = None
    pue, source = pue_of(chosen.pue, zone, in_data_centre=place is not None and bool(place.provider))
    device, device_source, complaint = device_of(chosen.embodied, chosen.lifetime_years, chosen.embodied_share)
    lines += complaint
    water, water_source = wue_of(chosen.wue_l_per_kwh, zone)
    found = {} if place is None else {name: value for name, value in asdict(place).items() if value}
    return (
        Rating(choice.taken, choice.others, pue, source, device, water, water_source, found, device_source),
        lines,
    )


def rated_again(
    rating: Rating,
    *,
    zone: str | None = None,
    year: int | None = None,
    method: Method | None = None,
    pue: float | str | None = None,
    own: Path | None = None,
    at: datetime | None = None,
) -> Rating:
    """A run's rating with another zone, year, method or PUE; what is not given stays as it was.

    The PUE and the water go with the zone, unless they were set; what a service told of the run's hours stays where
    the factor or, of a marginal, the zone does. IntensityError, in one line, for what is no good.
    """
    place = rating.asked if zone is None else zone  # an empty one is refused, and is not the zone of before
    again = rating
    if not (zone is None and year is None and method is None and own is None):
        before = rating.intensity
        method = method or Method(before.scope or SCOPES[0], before.flow or None, before.gas or None)
        theirs = {} if own is None else factors.read(own)
        again = rating.taking(choose(place, method, year=year, at=at, own=theirs))
        told = tuple(other for other in rating.others if other.type == "marginal" and zone is None)
        again = replace(again, others=(*told, *again.others))
    if zone is None and pue is None:
        return again
    again = replace(again, place=again.place if zone is None else {})
    if pue is not None or not rating.pue_source.startswith(AS_SET):
        value, source = pue_of(pue, place)
        again = replace(again, pue=value, pue_source=source)
    if zone is not None and rating.wue_source != AS_SET:
        water, water_source = wue_of(None, zone)
        again = replace(again, wue_l_per_kwh=water, wue_source=water_source)
    return again


def pue_of(given: float | str | None, zone: str | None, *, in_data_centre: bool = False) -> tuple[Range, str]:
    """The PUE with its range and where it is from: as given, else the cloud region's, else the machine alone."""
    if isinstance(given, int | float):
        return Range(given, given, given), AS_SET
    if given == DATA_CENTRE:
        return UNKNOWN_PUE, f"{AS_SET}, {UNKNOWN_PUE_SOURCE}"
    region = None if zone is None else clouds.region(zone)
    if region is None and in_data_centre:
        return UNKNOWN_PUE, UNKNOWN_PUE_SOURCE
    if region is None:
        return EXACT_PUE, MACHINE_ALONE
    return Range(region.pue_low, region.pue, region.pue_high), f"{region.pue_source}, {region.pue_year}"


def wue_of(given: float | None, zone: str | None) -> tuple[Range | None, str]:
    """The litres of water for a kWh of computers, and where the figure is from: as given, else the cloud region's."""
    if given is not None:
        return Range(given, given, given), AS_SET
    region = None if zone is None else clouds.region(zone)
    if region is None or region.wue_l_per_kwh is None:
        return None, ""
    value = region.wue_l_per_kwh
    return Range(value, value, value), f"{region.wue_source}, {region.wue_year}"


def device_of(
    embodied: float | str | None, lifetime_years: float | Range, share: float | Range
) -> tuple[Hardware | None, str, list[str]]:
    """The device that does the work, by kg CO2e of making it or a cloud's instance type (its whole server), and where
    the figure is from. None, and a line, for a type that nobody knows.

    What others wrote down of a server may be off by SERVERS_OFF_BY either way: so far makers' own figures lie apart.
    """
    if embodied is None:
        return None, "", []
    if not isinstance(embodied, str):
        return hardware(embodied, lifetime_years, share), AS_SET, []
    provider, _, instance_type = embodied.partition(":")
    server = clouds.embodied(provider, instance_type)
    if server is None:
        return None, "", [f"embodied {embodied!r} is not known; give kg of CO2e, or a type such as aws:m5.large"]
    made_kg = Range(server.low_kg / SERVERS_OFF_BY, server.total_kg, server.high_kg * SERVERS_OFF_BY)
    source = f"the whole server of {server.provider}:{server.instance_type}, {SERVERS_FROM}"
    return hardware(made_kg, lifetime_years, share), source, []


def located(how: str, root: Path, boot: str | None, lines: list[str]) -> Place | None:
    """Find out where this machine is, going as far as `how` (settings.LOCATE) allows; None where nothing tells."""
    if how == "off":
        return None
    from pycarbon import place, place_memory
    from pycarbon.services import cache

    if how == "firmware" and place.from_firmware(root) is None:
        return None  # nobody is asked then, so there is nothing worth remembering
    found = place_memory.remembered(
        lambda told: place.from_cloud(root, ask=how != "firmware", remarks=told),
        how,
        boot,
        lines,
        folder=cache.home(os.environ),
    )
    if how == "address" and (found is None or found.zone is None):
        try:
            return place.from_address()
        except IntensityError as error:
            lines.append(str(error))
    return found


def _own(path: Path | None, lines: list[str]) -> Mapping[str, Sequence[Row]]:
    if path is None:
        return {}
    try:
        return factors.read(path)
    except IntensityError as error:
        lines.append(f"{error}; the shipped factors are used instead")
        return {}
