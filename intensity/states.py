"""Figures of US states and eGRID subregions: lifecycle by Ember, direct by the EPA's eGRID."""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

from intensity import figures, fuels, registry, zones
from intensity.figures import OLDEST_YEAR, Figure, figure
from intensity.registry import BuildError

LIFECYCLE = ("lifecycle", "production", "CO2e")
DIRECT = ("direct", "production", "CO2e")
STATES_PATH = "usa/usa_state_egrid2023.json"
SUBREGIONS_PATH = "usa/epa_egrid2023_subregion_co2e_total_output.csv"
KG_PER_LB = 0.45359237
# eGRID is measured at the stack or computed from metered fuel; its publisher states no error.
EGRID_SHARE = 0.05
# The third quartile of what a new release changed in the newest year of the one before.
REVISION_SHARE = 0.015
# Emissions are rounded to 0.01 kt fuel by fuel, generation to 0.01 GWh: a step matters in a tiny state.
ROUNDED_FUELS = 3
GRAMS_PER_HALF_STEP = 5.0  # per kWh of 1 GWh
HALF_STEP_GWH = 0.005
# Aggregates, and what no state can be given.
LEFT_OUT = {"US Total", "India Total", "Others"}

FUELS = {
    "Coal": "coal", "Gas": "gas", "Other Fossil": "oil", "Bioenergy": "biomass", "Solar": "solar", "Wind": "wind",
    "Hydro": "hydro", "Nuclear": "nuclear", "Other Renewables": "geothermal",
}  # fmt: skip


def collect(sources: Path, known: dict[str, Any]) -> list[Figure]:
    """Every figure of US states and subregions; the mean of the eGRID files is the USA's."""
    found = ember_states(sources, known, "us", "USA")
    states = egrid_states(sources, known)
    mean = next(one for one in states if one.zone == "USA")
    return found + states + egrid_subregions(sources, known, mean.value)


def ember_states(sources: Path, known: dict[str, Any], label: str, country: str) -> list[Figure]:
    """The yearly lifecycle figures of the states of one country in Ember's table `label`.

    The interval comes from the state's own generation by fuel in that year; years without
    generation are left out. Rounding is to 0.01 GWh and 0.01 kt.
    """
    source = f"ember-{label}-states"
    path = f"ember/ember_{label}_state_overview_yearly_2025-06.csv"
    registry.series(known, source, path)
    names = zones.by_name("state", country)
    excluded = {item["zone"] for item in known["grid"]["excluded"]}
    series: dict[str, dict[int, float]] = defaultdict(dict)
    demand: dict[tuple[str, int], float] = {}
    columns = ("state", "year", "demand_gwh", "emissions_ktco2", "emissions_intensity_gco2_per_kwh")
    for row in registry.read_csv(sources / path, columns):
        state, year = row["state"], int(row["year"])
        where = f"{path}: {state} {year}"
        if state in LEFT_OUT or not row[columns[-1]]:
            continue
        if state.casefold() not in names:
            raise BuildError(f"{where}: {state!r} is no state of {country} in places.csv")
        if year in series[state]:
            raise BuildError(f"{where}: duplicate")
        series[state][year] = float(row[columns[-1]])
        demand[state, year] = float(row["demand_gwh"])
    mixes = read_generation(sources, known, label)
    table = fuels.read()
    found = []
    for state, values in series.items():
        zone = names[state.casefold()]
        if zone in excluded:
            continue
        for year in sorted(year for year in values if year >= OLDEST_YEAR):
            value, mix = values[year], mixes[state, year]
            below, above = fuels.spread(mix, table, "lifecycle")
            departure = fuels.mean(mix, table, "lifecycle") - value
            rounding = (ROUNDED_FUELS * GRAMS_PER_HALF_STEP + value * HALF_STEP_GWH) / demand[state, year]
            revision = REVISION_SHARE * value
            low = math.hypot(max(below, -departure), rounding, revision)
            high = math.hypot(max(above, departure), rounding, revision)
            where = f"{path}: {state} {year}"
            change = figures.yearly_change(values, year)
            found.append(figure(where, LIFECYCLE, source, zone, year, value, low, high, change, rounding))
    return found


def read_generation(sources: Path, known: dict[str, Any], label: str) -> dict[tuple[str, int], dict[str, float]]:
    """Generation in GWh by fuel of each state and year."""
    path = registry.entry(known, f"ember/ember_{label}_state_generation_yearly_2025-06.csv.gz")["path"]
    mixes: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    with gzip.open(sources / path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["variable"] in FUELS and int(row["year"]) >= OLDEST_YEAR:
                mixes[row["state"], int(row["year"])][FUELS[row["variable"]]] = float(row["generation_gwh"] or 0)
    return mixes


def egrid_states(sources: Path, known: dict[str, Any]) -> list[Figure]:
    """The direct figures of states and of the country, from pounds per MWh."""
    registry.series(known, "egrid-2023", STATES_PATH)
    raw = json.loads((sources / STATES_PATH).read_text(encoding="utf-8"))
    about = (raw["_unit"]["emissions"], raw["_source"]["field"], raw["_source"]["year"])
    if about != ("lbs/MWh", "STC2ERTA", 2023):
        raise BuildError(f"{STATES_PATH}: _unit: {about}, expected lbs/MWh of STC2ERTA in 2023")
    found = []
    for name, row in raw.items():
        if name.startswith("_"):
            continue
        zone = "USA" if name == "usa" else f"US-{row['regionCode']}"
        where = f"{STATES_PATH}: {name} 2023"
        value = KG_PER_LB * float(row["emissions"])
        found.append(measured(where, "egrid-2023", zone, value))
    return found


def egrid_subregions(sources: Path, known: dict[str, Any], mean: float) -> list[Figure]:
    """The direct figures of subregions; the row of the country must have the `mean` of the states' file."""
    registry.series(known, "egrid-2023-subregions", SUBREGIONS_PATH)
    found = []
    for row in registry.read_csv(sources / SUBREGIONS_PATH, ("subregion", "name", "co2e_total_output_lb_per_mwh")):
        value = KG_PER_LB * float(row["co2e_total_output_lb_per_mwh"])
        where = f"{SUBREGIONS_PATH}: {row['subregion']} 2023"
        if row["subregion"] == "US":
            if not math.isclose(value, mean):
                raise BuildError(f"{where}: {value:g} g/kWh, the mean in {STATES_PATH} is {mean:g}")
        else:
            found.append(measured(where, "egrid-2023-subregions", f"US-{row['subregion']}", value))
    return found


def measured(where: str, source: str, zone: str, value: float) -> Figure:
    """A figure of eGRID."""
    width = EGRID_SHARE * value
    return figure(where, DIRECT, source, zone, 2023, value, width, width)
