"""Builds pycarbon/tables/cloud.csv: where cloud regions are, on which grid, and what their buildings take.

The facts are typed into three files that people read and correct: cloud_regions.csv (places), pue.csv and
wue.csv (published figures). Here they are joined and checked, also against the providers' own lists.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable
from itertools import combinations
from pathlib import Path

from intensity import registry
from intensity.registry import HERE, BuildError

GOOGLE_PATH = "cloud/gcp_region_carbon_2024.csv"
AZURE_PATH = "cloud/gsf_azure_regions_latlon.json"
HEADER = (
    "zone", "provider", "region", "name", "place", "country", "latitude", "longitude", "grid_zones",
    "pue", "pue_low", "pue_high", "pue_year", "pue_kind", "pue_source", "wue_l_per_kwh", "wue_year", "wue_source",
)  # fmt: skip
REGION_COLUMNS = (
    "provider", "region", "name", "place", "area", "country", "latitude", "longitude", "grid_zones", "note",
)  # fmt: skip
PUE_COLUMNS = ("provider", "region", "pue", "low", "high", "year", "kind", "source")
WUE_COLUMNS = ("provider", "region", "wue_l_per_kwh", "year", "source")

PROVIDERS = ("aws", "azure", "gcp")
AREAS = ("AMER", "EMEA", "APAC")
KINDS = ("region", "provider", "default")
YEARS = range(2020, 2027)
GREATEST_PUE = 3.0
GREATEST_WUE = 10.0  # l/kWh; evaporation alone takes about 1.5

# Regions of Microsoft's list that no customer can choose.
LEFT_OUT = {
    "brazilus": "a logical region without a place of its own",
    "centraluseuap": "early updates for Microsoft's own use, in the buildings of centralus",
    "eastus2euap": "early updates for Microsoft's own use, in the buildings of eastus2",
    "eastusstg": "a staging area for Microsoft's own use",
}
# Where the codes of zones are written down.
COUNTRIES, PLACES = "countries.csv", "places.csv"

SAME_PLACE_KM = 200.0  # "Virginia" is a place; a slipped digit or sign is farther away
SAME_COUNTRY_KM = 5000.0  # Quebec to Calgary is 3000 km, Virginia to California 4000
AZURE_KM = 70.0  # Johannesburg's region is placed in Pretoria
EARTH_RADIUS_KM = 6371.0088

Row = dict[str, str]


def build(sources: Path, folder: Path = HERE) -> dict[str, bytes]:
    """The table of cloud regions: {"cloud.csv": content}, from the raw lists and the typed files in `folder`.

    Raises BuildError for a region that is doubled or missing, a place off its country, an unknown zone, and a
    figure without source, out of range or for no region.
    """
    regions = read(folder / "cloud_regions.csv", REGION_COLUMNS)
    check_regions(regions, *gazetteer(folder))
    check_google(regions, sources)
    check_azure(regions, sources)
    pue = figures(read(folder / "pue.csv", PUE_COLUMNS), regions, check_pue, "pue.csv")
    wue = figures(read(folder / "wue.csv", WUE_COLUMNS), regions, check_wue, "wue.csv")
    rows = [joined(region, pue, wue) for region in sorted(regions, key=lambda row: (row["provider"], row["region"]))]
    return {"cloud.csv": registry.csv_bytes(HEADER, rows)}


def read(path: Path, columns: tuple[str, ...]) -> list[Row]:
    """The rows of a typed file, whose header is exactly `columns` and whose rows are all as wide."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        if tuple(next(reader, ())) != columns:
            raise BuildError(f"{path.name}: the header is not {','.join(columns)}")
        rows = []
        for cells in reader:
            if len(cells) != len(columns) or any(cell != cell.strip() for cell in cells):
                raise BuildError(f"{path.name}: line {reader.line_num}: {len(cells)} cells, or blanks around one")
            rows.append(dict(zip(columns, cells, strict=True)))
    return rows


def gazetteer(folder: Path) -> tuple[dict[str, str], set[str]]:
    """The countries there are (alpha-3 to alpha-2 code), and the places within them that have a zone."""
    codes = {row["alpha3"]: row["alpha2"] for row in registry.read_csv(folder / COUNTRIES, ("alpha3", "alpha2"))}
    return codes, {row["zone"] for row in registry.read_csv(folder / PLACES, ("zone",))}


def check_regions(regions: list[Row], countries: dict[str, str], places: set[str]) -> None:
    """Refuse rows that are doubled or incomplete, and places that are not where their country is."""
    seen: set[str] = set()
    for row in regions:
        where = f"cloud_regions.csv: {row['provider']}:{row['region']}"
        zone = f"{row['provider']}:{row['region']}"
        if zone in seen:
            raise BuildError(f"{where}: listed twice")
        seen.add(zone)
        empty = [column for column in REGION_COLUMNS[:-1] if not row[column]]
        if empty:
            raise BuildError(f"{where}: no {empty[0]}")
        if row["provider"] not in PROVIDERS or row["area"] not in AREAS or row["region"] != row["region"].lower():
            raise BuildError(f"{where}: unknown provider or area, or capitals in the region")
        if row["country"] not in countries:
            raise BuildError(f"{where}: {row['country']} is no ISO 3166-1 code")
        check_grid_zones(where, row, countries[row["country"]], places)
        for column, most in (("latitude", 90.0), ("longitude", 180.0)):
            if not abs(number(where, row[column])) <= most or len(row[column].rpartition(".")[2]) != 2:
                raise BuildError(
                    f"{where}: {column} {row[column]} is off the globe, or not in hundredths of a degree"
                )
    for one, other in combinations(regions, 2):
        if one["country"] == other["country"]:
            most = SAME_PLACE_KM if one["place"] == other["place"] else SAME_COUNTRY_KM
            apart = distance_km(position(one), position(other))
            if apart > most:
                raise BuildError(
                    f"cloud_regions.csv: {one['provider']}:{one['region']} and {other['provider']}:{other['region']}"
                    f" are {apart:.0f} km apart, both in {one['place']}, {one['country']}"
                )


def check_grid_zones(where: str, row: Row, alpha2: str, places: set[str]) -> None:
    """Refuse grid zones that nobody knows, that are in another country, or that do not end with the country."""
    *within, country = row["grid_zones"].split("|")
    if country != row["country"] or len(set(within)) != len(within):
        raise BuildError(f"{where}: grid_zones {row['grid_zones']} must end with {row['country']} and repeat nothing")
    for zone in within:
        if zone not in places:
            raise BuildError(f"{where}: unknown grid zone {zone}")
        if not zone.startswith(f"{alpha2}-"):
            raise BuildError(f"{where}: grid zone {zone} is not in {row['country']}")


def check_google(regions: list[Row], sources: Path) -> None:
    """Refuse a table without one of the regions that Google publishes carbon figures for."""
    typed = {row["region"] for row in regions if row["provider"] == "gcp"}
    path = registry.entry(registry.load(), GOOGLE_PATH)["path"]
    for row in registry.read_csv(sources / path, ("Google Cloud Region",)):
        if row["Google Cloud Region"] not in typed:
            raise BuildError(f"cloud_regions.csv: gcp:{row['Google Cloud Region']} of {path} is missing")


def check_azure(regions: list[Row], sources: Path) -> None:
    """Refuse an Azure region that is missing, or far from Microsoft's point without a note that says why."""
    typed = {row["region"]: row for row in regions if row["provider"] == "azure"}
    path = registry.entry(registry.load(), AZURE_PATH)["path"]
    listed = json.loads((sources / path).read_text(encoding="utf-8-sig"))
    for name, place in listed.items():
        if name in LEFT_OUT:
            continue
        if name not in typed:
            raise BuildError(f"cloud_regions.csv: azure:{name} of {path} is missing; name it in LEFT_OUT or add it")
        published = (float(place["Latitude"]), float(place["Longitude"]))
        apart = distance_km(position(typed[name]), published)
        if apart > AZURE_KM and not typed[name]["note"].startswith("moved: "):
            raise BuildError(
                f"cloud_regions.csv: azure:{name} is {apart:.0f} km from Microsoft's point"
                " and its note does not say 'moved: ' and why"
            )


def check_pue(where: str, row: Row) -> None:
    """Refuse a PUE below 1, without range, or whose kind does not fit what it is for."""
    low, best, high = (number(where, row[column]) for column in ("low", "pue", "high"))
    if not 1 <= low <= best <= high <= GREATEST_PUE or low == high:
        raise BuildError(f"{where}: needs 1 <= low <= pue <= high <= {GREATEST_PUE:g} and a range")
    named = not row["region"].startswith("*")
    if row["kind"] not in KINDS or (row["kind"] == "region" and not named):
        raise BuildError(f"{where}: kind {row['kind']!r} is unknown, or names no region")


def check_wue(where: str, row: Row) -> None:
    """Refuse a WUE that no cooling takes, or one that is not of a single region."""
    if not 0 <= number(where, row["wue_l_per_kwh"]) <= GREATEST_WUE or row["region"].startswith("*"):
        raise BuildError(f"{where}: {row['wue_l_per_kwh']} l/kWh is out of range, or names no region")


def figures(
    rows: Iterable[Row], regions: list[Row], check: Callable[[str, Row], None], name: str
) -> dict[tuple[str, str], Row]:
    """Published figures by provider and region; a region is also `*` (any) or `*EMEA` (any in that area)."""
    known = {(row["provider"], row["region"]) for row in regions}
    known |= {(provider, f"*{area}") for provider in PROVIDERS for area in ("", *AREAS)} | {("*", "*")}
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = row["provider"], row["region"]
        where = f"{name}: {key[0]}:{key[1]}"
        if key in found or key not in known:
            raise BuildError(f"{where}: {'listed twice' if key in found else 'no such region'}")
        if not row["source"] or not row["year"].isdigit() or int(row["year"]) not in YEARS:
            raise BuildError(f"{where}: no source, or year {row['year']!r} is not in {YEARS.start}-{YEARS.stop - 1}")
        check(where, row)
        found[key] = row
    return found


def joined(region: Row, pue: dict[tuple[str, str], Row], wue: dict[tuple[str, str], Row]) -> list[str]:
    """One row of the table: the region with the nearest PUE there is, and its WUE if there is one."""
    provider, name = region["provider"], region["region"]
    keys = ((provider, name), (provider, f"*{region['area']}"), (provider, "*"), ("*", "*"))
    power = next((pue[key] for key in keys if key in pue), None)
    if power is None:
        raise BuildError(f"pue.csv: nothing for {provider}:{name}, and no default *,*")
    water = wue.get((provider, name), dict.fromkeys(WUE_COLUMNS, ""))
    return [
        f"{provider}:{name}",
        *(region[column] for column in ("provider", "region", "name", "place", "country", "latitude", "longitude")),
        region["grid_zones"],
        *(power[column] for column in ("pue", "low", "high", "year", "kind", "source")),
        *(water[column] for column in ("wue_l_per_kwh", "year", "source")),
    ]


def position(row: Row) -> tuple[float, float]:
    """Latitude and longitude in degrees."""
    return float(row["latitude"]), float(row["longitude"])


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The length in km of the great circle between two points in degrees (haversine formula)."""
    (lat, lon), (other_lat, other_lon) = (tuple(map(math.radians, point)) for point in (one, other))
    half = math.sin((other_lat - lat) / 2) ** 2
    half += math.cos(lat) * math.cos(other_lat) * math.sin((other_lon - lon) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, half)))


def number(where: str, text: str) -> float:
    """`text` as a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BuildError(f"{where}: {text!r} is no number")
    return value
