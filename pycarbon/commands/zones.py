"""pycarbon zones [TEXT] [--near PLACE]: the places whose electricity is known, and what they are called."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from pycarbon.errors import PyCarbonError

if TYPE_CHECKING:
    from pycarbon.zones import Zone

KINDS = ("country", "state", "bidding-zone", "egrid", "balancing-area", "cloud")
NEAREST = 10


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "examples:\n  pycarbon zones carolina\n  pycarbon zones --kind cloud --near 48.86,2.35\n"
        "  pycarbon zones --near FRA\n  pycarbon zones --near=-33.87,151.21\n\n"
        "South of the equator the latitude begins with a minus: write = before it, or it looks like an option."
    )
    parser.add_argument("text", nargs="?", metavar="TEXT", help="only those whose code or name has it")
    parser.add_argument("--kind", choices=KINDS, help="only those of one kind")
    parser.add_argument("--near", metavar="PLACE", help=f"the {NEAREST} nearest to a zone, or to LATITUDE,LONGITUDE")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(options: argparse.Namespace) -> None:
    """Print the zones on standard output, a line each."""
    from pycarbon import zones
    from pycarbon.reports.text import style_for

    wanted = (options.text or "").casefold()
    found: list[tuple[float | None, Zone]] = [(None, zone) for zone in zones.known()]
    if options.near is not None:
        found = list(zones.near(*_point(options.near)))
    found = [
        (km, zone)
        for km, zone in found
        if options.kind in (None, zone.kind)
        and any(wanted in text.casefold() for text in (zone.zone, zone.name, *zone.spellings))
    ]
    if options.near is not None:
        found = found[:NEAREST]
    if not found:
        raise PyCarbonError(f"there is no such zone: {options.text or options.kind}; `pycarbon zones` lists all")
    told = [_told(km, zone) for km, zone in found]
    text = json.dumps({"schema": 1, "zones": told}, indent=1) if options.json else "\n".join(map(_line, told))
    print(style_for(sys.stdout).fit(text))


def _point(text: str) -> tuple[float, float]:
    from pycarbon import zones

    latitude, comma, longitude = text.partition(",")
    if comma:
        try:
            return float(latitude), float(longitude)
        except ValueError:
            pass
    zone = zones.find(text)
    if zone.latitude is None or zone.longitude is None:
        raise PyCarbonError(f"nobody wrote down where {zone.zone} lies: type LATITUDE,LONGITUDE, such as 48.86,2.35")
    return zone.latitude, zone.longitude


def _told(km: float | None, zone: Zone) -> dict[str, Any]:
    from pycarbon.errors import IntensityError
    from pycarbon.intensity import lookup

    try:
        taken = lookup(zone.zone)
        counted = {"counted_in": taken.zone, "intensity_g_per_kwh": taken.intensity_g_per_kwh, "year": taken.year}
    except IntensityError:
        counted = {"counted_in": None, "intensity_g_per_kwh": None, "year": None}
    return {
        "zone": zone.zone,
        "kind": zone.kind,
        "name": zone.name,
        "within": list(zone.within),
        "latitude": zone.latitude,
        "longitude": zone.longitude,
        "distance_km": None if km is None else round(km, 1),
        **counted,
    }


def _line(told: dict[str, Any]) -> str:
    from pycarbon.reports import figures

    intensity = told["intensity_g_per_kwh"]
    value = "-" if intensity is None else figures.digits(intensity)
    counted = "" if told["counted_in"] in (None, told["zone"]) else f", counted in {told['counted_in']}"
    distance = "" if told["distance_km"] is None else f"{told['distance_km']:>8.0f} km  "
    name = figures.printable(told["name"])
    return f"{distance}{told['zone']:<26} {value:>5} g/kWh  {told['kind']:<14} {name}{counted}"
