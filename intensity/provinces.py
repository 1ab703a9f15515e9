"""Figures below the country outside the USA: China, India, Canada, Australia, the Nordic bidding zones."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from intensity import fuels, registry, states, zones
from intensity.figures import Figure, figure
from intensity.registry import BuildError

CHINA_PATH = "china/china_provincial_factors_2023.json"
CANADA_PATH = "subnational/canada_province_energy_mix.json"
AUSTRALIA_PATH = "subnational/australia_nga_factors_2024.csv"
NORDIC_PATH = "subnational/nordic_bidding_zones_2025.json"

# Official factors come without an error: transfers between provinces are estimated, fuel is metered.
OFFICIAL_SHARE = 0.05
CANADA_YEAR = 2023
CANADA_FUELS = {
    "naturalGas": "gas", "petroleum": "oil", "coal": "coal", "biomass": "biomass", "nuclear": "nuclear",
    "hydro": "hydro", "wind": "wind", "solar": "solar", "tidal": "hydro", "other": "other",
}  # fmt: skip
# The 2024 edition is computed from the Australian energy statistics of the year to June 2023.
AUSTRALIA_YEAR = 2023
AUSTRALIA_ZONES = {
    "New South Wales and ACT": ("AU-NSW", "AU-ACT"),
    "Victoria": ("AU-VIC",),
    "Queensland": ("AU-QLD",),
    "South Australia": ("AU-SA",),
    "Western Australia SWIS": ("AU-WA",),
    "Tasmania": ("AU-TAS",),
    "Northern Territory DKIS": ("AU-NT",),
    "National": ("AUS",),
}
# A second grid of one state; the state has its largest.
AUSTRALIA_LEFT_OUT = {"Western Australia NWIS"}
NORDIC_YEAR = 2025
# What the file counts for hydro and wind; other factors would scale nearly all of a value.
NORDIC_HYDRO_G_PER_KWH = 26.0
# Finland's is "prior value, unchanged": of no known year, and the country table has a newer one.
NORDIC_LEFT_OUT = {"FI"}


def collect(sources: Path, known: dict[str, Any]) -> list[Figure]:
    """Every figure of provinces, states and bidding zones outside the USA."""
    india = states.ember_states(sources, known, "india", "IND")
    return india + china(sources, known) + canada(sources, known) + australia(sources, known) + nordic(sources, known)


def china(sources: Path, known: dict[str, Any]) -> list[Figure]:
    """The official direct CO2 of what a province consumes."""
    registry.series(known, "china-mee-2023", CHINA_PATH)
    method = ("direct", "consumption", "CO2")
    found = []
    for zone, row in read_data(sources, CHINA_PATH).items():
        where = f"{CHINA_PATH}: {zone} {row['year']}"
        check_unit(where, row["unit"], "gCO2/kWh")
        value = float(row["emission_factor"])
        width = OFFICIAL_SHARE * value
        found.append(figure(where, method, "china-mee-2023", zone, row["year"], value, width, width))
    return found


def canada(sources: Path, known: dict[str, Any]) -> list[Figure]:
    """Lifecycle and direct figures computed from shares of generation in percent."""
    raw = json.loads((sources / CANADA_PATH).read_text(encoding="utf-8"))
    table, names = fuels.read(), zones.by_name("state", "CAN")
    methods = {
        "canada-mix-lifecycle": ("lifecycle", "production", "CO2e"),
        "canada-mix-direct": ("direct", "production", "CO2"),
    }
    found = []
    for source, method in methods.items():
        registry.series(known, source, CANADA_PATH)
        for name, row in raw.items():
            where = f"{CANADA_PATH}: {name}"
            if name not in names:
                raise BuildError(f"{where}: no province of Canada in places.csv")
            unknown = set(row) - {*CANADA_FUELS, "total"}
            if unknown:
                raise BuildError(f"{where}: unknown fuel {sorted(unknown)[0]!r}")
            mix: dict[str, float] = {}
            for key, fuel in CANADA_FUELS.items():
                mix[fuel] = mix.get(fuel, 0.0) + float(row[key])
            total = math.fsum(mix.values())
            if not 98.5 < total < 101.5 or min(mix.values()) < 0:
                raise BuildError(f"{where}: the shares sum to {total:g} percent")
            value = fuels.mean(mix, table, method[0])
            # A tenth of a percent is the step; it may belong to the dirtiest fuel.
            rounding = abs(100 - total) / 100 * table["coal"].lifecycle.value / 2 + 0.4
            below, above = (math.hypot(width, rounding) for width in fuels.spread(mix, table, method[0]))
            found.append(figure(where, method, source, names[name], CANADA_YEAR, value, below, above))
    return found


def australia(sources: Path, known: dict[str, Any]) -> list[Figure]:
    """The official scope 2 factors: direct, of what a state consumes."""
    registry.series(known, "nga-2024", AUSTRALIA_PATH)
    method = ("direct", "consumption", "CO2e")
    found = []
    for row in registry.read_csv(sources / AUSTRALIA_PATH, ("region", "scope2_kg_co2e_per_kwh")):
        region = row["region"]
        where = f"{AUSTRALIA_PATH}: {region}"
        if region in AUSTRALIA_LEFT_OUT:
            continue
        if region not in AUSTRALIA_ZONES:
            raise BuildError(f"{where}: unknown region")
        value = 1000 * float(row["scope2_kg_co2e_per_kwh"])
        width = math.hypot(OFFICIAL_SHARE * value, 5.0)
        found += [
            figure(where, method, "nga-2024", zone, AUSTRALIA_YEAR, value, width, width)
            for zone in AUSTRALIA_ZONES[region]
        ]
    return found


def nordic(sources: Path, known: dict[str, Any]) -> list[Figure]:
    """Lifecycle figures of bidding zones, with an interval for other factors and the uncovered part.

    The file multiplies hydro and wind by 26 and counts what it has no factor for as 0. Low and high
    take a hydro fleet's own extremes for all that is covered; high adds the uncovered part at the
    high end of `other`.
    """
    source = "nordic-2025"
    registry.series(known, source, NORDIC_PATH)
    table = fuels.read()
    hydro, other = table["hydro"].lifecycle, table["other"].lifecycle
    shares = {item["zone"]: item["share"] for item in known["grid"]["yearly_share"]}
    found = []
    for name, row in read_data(sources, NORDIC_PATH).items():
        where = f"{NORDIC_PATH}: {name} {row['year']}"
        if name in NORDIC_LEFT_OUT:
            continue
        check_unit(where, row["unit"], "gCO2eq/kWh")
        covered = re.match(r"([0-9.]+)%", row.get("coverage", ""))
        if not covered or row["year"] != NORDIC_YEAR:
            raise BuildError(f"{where}: no coverage in percent, or not of {NORDIC_YEAR}")
        zone, value = f"{name[:2]}-{name}", float(row["emission_factor"])
        uncovered = 1 - float(covered[1]) / 100
        below = value * (1 - hydro.low / NORDIC_HYDRO_G_PER_KWH)
        above = value * (hydro.high / NORDIC_HYDRO_G_PER_KWH - 1) + uncovered * other.high
        change = shares[zone] * value if zone in shares else None
        found.append(
            figure(where, ("lifecycle", "production", "CO2e"), source, zone, NORDIC_YEAR, value, below, above, change)
        )
    return found


def read_data(sources: Path, path: str) -> dict[str, Any]:
    """The `data` of a raw JSON file."""
    data: dict[str, Any] = json.loads((sources / path).read_text(encoding="utf-8"))["data"]
    return data


def check_unit(where: str, unit: str, expected: str) -> None:
    """Refuse a row in another unit."""
    if unit != expected:
        raise BuildError(f"{where}: unit is {unit!r}, expected {expected!r}")
