"""Builds pycarbon/tables/equivalents.csv: what a joule or a gram is compared with, and how far that may be off.

From energy: television, phone charges and households, so that the comparison does not move with the grid.
From carbon: cars, flights and trees. A definition says so; a published figure names its source and year.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any

from intensity import registry
from intensity.registry import BuildError

EPA_PATH = "equivalences/equivalence_factors.csv"
GREEN_ALGORITHMS_PATH = "equivalences/green_algorithms_reference_values.csv"
# Figures that were typed from publications, each with its citation; the same columns as the raw file's.
FACTS = registry.HERE / "equivalence_facts.csv"

METRES_PER_MILE = 1609.344
JOULES_PER_KWH = 3.6e6
SECONDS_PER_YEAR = 365 * 86400.0
TELEVISION_W = 100.0
TELEVISION_YEAR = 2026  # of the definition
SMALL_SCREEN_INCHES, LARGE_SCREEN_INCHES = 32, 75
# Great circle between Charles de Gaulle (49.01 N, 2.55 E) and Heathrow (51.47 N, 0.45 W).
PARIS_LONDON_KM = 347.0

# Words in the confidence column that forbid a figure.
FORBIDDEN = ("do not reuse", "verify before use", "does not say")


@dataclass(frozen=True)
class Comparison:
    """One row: `factor` in `unit`, between `low_factor` and `high_factor`, which `range_source` explains."""

    id: str
    basis: str
    quantity: str
    factor: float
    low_factor: float
    high_factor: float
    unit: str
    standing: str
    source: str
    year: int
    range_source: str
    licence: str
    licence_class: str

    def __post_init__(self) -> None:
        """Refuse a range that does not hold its factor."""
        if not 0 < self.low_factor <= self.factor <= self.high_factor < math.inf:
            raise BuildError(
                f"equivalents: {self.id}: {self.factor:g} is not between {self.low_factor:g} and {self.high_factor:g}"
            )


HEADER = tuple(field.name for field in fields(Comparison))


def build(sources: Path, registry_path: Path = registry.REGISTRY, facts: Path = FACTS) -> dict[str, bytes]:
    """The equivalence table from the raw files under `sources` and `facts`: {"equivalents.csv": content}.

    Raises BuildError for a figure that is absent, doubled, not positive, in another unit than
    expected, outside its own range, or marked as not to be reused.
    """
    figures = Figures(sources, registry.load(registry_path), facts)
    rows = [
        _television(figures),
        _phone_charge(figures),
        _household(figures, "us_household", "us_household_year", "states"),
        _household(figures, "eu_household", "eu_dwelling_year", "countries"),
        *_us_car(figures),
        _european_car(figures),
        *_flights(figures),
        _tree(figures),
    ]
    cells = [[f"{cell:.6g}" if isinstance(cell, float) else str(cell) for cell in astuple(row)] for row in rows]
    return {"equivalents.csv": registry.csv_bytes(HEADER, cells)}


@dataclass(frozen=True)
class Figures:
    """The three files that figures come from."""

    sources: Path
    known: dict[str, Any]
    facts: Path

    def raw(self, wanted: str, unit: str) -> float:
        """One figure of the transcribed equivalence factors, if its confidence allows using it."""
        path = registry.entry(self.known, EPA_PATH)["path"]
        columns = ("id", "value", "unit", "source", "confidence")
        return positive(*_usable(registry.read_csv(self.sources / path, columns), path, wanted, unit))

    def fact(self, wanted: str, unit: str) -> tuple[float, int, str]:
        """One typed figure with its year and citation, if its confidence allows using it."""
        columns = ("id", "value", "unit", "year", "citation", "url", "confidence")
        rows = registry.read_csv(self.facts, columns)
        value = positive(*_usable(rows, self.facts.name, wanted, unit))
        row = next(row for row in rows if row["id"] == wanted)
        if not row["citation"] or not row["url"].startswith("https://") or not row["year"].isdigit():
            raise BuildError(f"{self.facts.name}: {wanted}: citation, url and year must be there")
        return value, int(row["year"]), row["citation"]

    def reference(self, wanted: str, unit: str) -> tuple[float, str]:
        """One figure of the Green Algorithms reference values, with its source column, which opens with the unit."""
        path = registry.entry(self.known, GREEN_ALGORITHMS_PATH)["path"]
        with (self.sources / path).open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row and row[0] == wanted]
        where = f"{path}: {wanted}"
        if len(rows) != 1:
            raise BuildError(f"{where}: found {len(rows)} times, expected once")
        if not rows[0][2].removeprefix("in ").startswith(unit):
            raise BuildError(f"{where}: the source column does not say '{unit}'")
        return positive(where, rows[0][1]), rows[0][2]

    def licence(self, path: str) -> tuple[str, str]:
        """The licence and its class that a raw file has in the registry."""
        entry = registry.entry(self.known, path)
        return entry["licence"], entry["licence_class"]


def positive(where: str, text: str) -> float:
    """`text` as a number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise BuildError(f"{where}: {text!r} is no positive number")
    return value


def _usable(rows: list[dict[str, str]], name: str, wanted: str, unit: str) -> tuple[str, str]:
    """Where a figure stands and its text; refused unless it is there once, in `unit` and fit for use."""
    found = [row for row in rows if row["id"] == wanted]
    where = f"{name}: {wanted}"
    if len(found) != 1:
        raise BuildError(f"{where}: found {len(found)} times, expected once")
    if found[0]["unit"] != unit:
        raise BuildError(f"{where}: unit is {found[0]['unit']!r}, expected {unit!r}")
    for words in FORBIDDEN:
        if words in found[0]["confidence"]:
            raise BuildError(f"{where}: its confidence says {words!r}")
    return where, found[0]["value"]


def _television(figures: Figures) -> Comparison:
    w_per_square_inch, _, citation = figures.fact("television_w_per_square_inch", "W per square inch")
    # A screen of 16 : 9 with diagonal d has the area d^2 * 16 * 9 / (16^2 + 9^2).
    small_w, large_w = (
        w_per_square_inch * inches**2 * 144 / 337 for inches in (SMALL_SCREEN_INCHES, LARGE_SCREEN_INCHES)
    )
    return Comparison(
        "television", "energy", "time", TELEVISION_W, small_w, large_w, "J/s",
        "definition", f"by definition: a television that draws {TELEVISION_W:g} W", TELEVISION_YEAR,
        f"{small_w:.0f} to {large_w:.0f} W: {SMALL_SCREEN_INCHES} to {LARGE_SCREEN_INCHES} inches"
        f" at {w_per_square_inch:g} W per square inch ({citation})",
        "facts", "C",
    )  # fmt: skip


def _phone_charge(figures: Figures) -> Comparison:
    kwh, year, citation = figures.fact("phone_charge", "kWh per charge")
    low, _, of_low = figures.fact("phone_charge_low", "kWh per charge")
    high, _, of_high = figures.fact("phone_charge_high", "kWh per charge")
    j, low_j, high_j = (each * JOULES_PER_KWH for each in (kwh, low, high))
    return Comparison(
        "phone_charge", "energy", "charges", j, low_j, high_j, "J/charge",
        "published", f"{citation}: {kwh:g} kWh per smartphone charged", year,
        f"{low:g} kWh ({of_low}) to {high:g} kWh ({of_high})",
        "facts", "C",
    )  # fmt: skip


def _household(figures: Figures, name: str, fact: str, regions: str) -> Comparison:
    unit = "kWh per household-year"
    kwh, year, citation = figures.fact(fact, unit)
    low, _, of_low = figures.fact(f"{fact}_low", unit)
    high, _, of_high = figures.fact(f"{fact}_high", unit)
    w, low_w, high_w = (each * JOULES_PER_KWH / SECONDS_PER_YEAR for each in (kwh, low, high))
    return Comparison(
        name, "energy", "household_time", w, low_w, high_w, "J/s",
        "published", f"{citation}: {kwh:g} kWh a year", year,
        f"between {regions}: {low:g} kWh ({of_low}) to {high:g} kWh ({of_high})",
        "facts", "C",
    )  # fmt: skip


def _us_car(figures: Figures) -> tuple[Comparison, Comparison]:
    """The same car twice: in metres and in miles."""
    mean = figures.raw("us_passenger_vehicle_mile", "kg CO2e per mile")
    older = figures.raw("us_passenger_vehicle_mile_old", "kg CO2e per mile")
    new, _, citation = figures.fact("us_new_vehicle_mile", "kg CO2 per mile")
    epa = registry.entry(figures.known, EPA_PATH)
    in_miles = Comparison(
        "car_miles", "carbon", "miles", mean * 1000, new * 1000, older * 1000, "g CO2e/mile",
        "published", f"{epa['citation']}: {mean:g} kg CO2e per mile", epa["year"],
        f"{new:g} kg ({citation}) to {older:g} kg (an older edition of the calculator)",
        *figures.licence(EPA_PATH),
    )  # fmt: skip
    in_metres = replace(
        in_miles,
        id="car",
        quantity="distance",
        factor=in_miles.factor / METRES_PER_MILE,
        low_factor=in_miles.low_factor / METRES_PER_MILE,
        high_factor=in_miles.high_factor / METRES_PER_MILE,
        unit="g CO2e/m",
    )
    return in_metres, in_miles


def _european_car(figures: Figures) -> Comparison:
    g_per_km, _ = figures.reference("passengerCar_EU_perkm", "gCO2/km")
    new_kg = figures.raw("new_car_eu_2024_km", "kg CO2 per km")
    large_kg, _, citation = figures.fact("uk_large_petrol_car_km", "kg CO2 per km")
    return Comparison(
        "car_eu", "carbon", "distance", g_per_km / 1000, new_kg, large_kg, "g CO2e/m",
        "published", f"UK government GHG conversion factors 2019 via Green Algorithms: {g_per_km:g} g per km", 2019,
        f"{new_kg * 1000:.0f} g (EEA, new cars in the EU, 2024, type approval)"
        f" to {large_kg * 1000:.0f} g ({citation})",
        *figures.licence(GREEN_ALGORITHMS_PATH),
    )  # fmt: skip


def _flights(figures: Figures) -> tuple[Comparison, Comparison]:
    """A kilometre in the air, and a flight that people know."""
    per_km, remark = figures.reference("flight_economy_perkm", "gCO2/km")
    said = re.search(r"more like (\d+)-(\d+)g", remark)
    if said is None:
        raise BuildError(f"{GREEN_ALGORITHMS_PATH}: flight_economy_perkm: the source column gives no range")
    low, high = (float(end) for end in said.groups())
    named_g, _ = figures.reference("flight_PAR-LON", "gCO2e")
    named_kg = figures.raw("flight_paris_london", "kg CO2e per passenger")
    if named_kg * 1000 != named_g:
        raise BuildError(f"{EPA_PATH}: flight_paris_london: {named_kg:g} kg here, {named_g:g} g in Green Algorithms")
    entry = registry.entry(figures.known, GREEN_ALGORITHMS_PATH)
    licence = figures.licence(GREEN_ALGORITHMS_PATH)
    by_distance = Comparison(
        "flight", "carbon", "distance", per_km / 1000, low / 1000, high / 1000, "g CO2e/m",
        "published", f"{entry['citation']}: {per_km:g} g per passenger-km, economy", entry["year"],
        f"{low:g} to {high:g} g, by length of the flight (the same source)",
        *licence,
    )  # fmt: skip
    named = Comparison(
        "flight_paris_london", "carbon", "flights", named_g, low * PARIS_LONDON_KM, high * PARIS_LONDON_KM,
        "g CO2e/flight",
        "published", f"carbonfootprint.com via Green Algorithms: {named_kg:g} kg per passenger", entry["year"],
        f"{PARIS_LONDON_KM:g} km, one way, at {low:g} to {high:g} g per passenger-km (see flight)",
        *licence,
    )  # fmt: skip
    return by_distance, named


def _tree(figures: Figures) -> Comparison:
    g_per_year, _ = figures.reference("treeYear", "gCO2/tree/year")
    ten_years_kg = figures.raw("urban_tree_10_years", "kg CO2 per seedling grown for 10 years")
    return Comparison(
        "tree_years", "carbon", "tree_years", g_per_year, ten_years_kg * 1000 / 10, g_per_year, "g CO2e/tree-year",
        "published", f"Akbari (2002) via Green Algorithms: {g_per_year / 1000:g} kg per tree and year", 2002,
        f"from {ten_years_kg / 10:g} kg, a seedling in a city over its first ten years (US EPA Greenhouse Gas"
        f" Equivalencies Calculator: {ten_years_kg:g} kg in ten years)",
        *figures.licence(GREEN_ALGORITHMS_PATH),
    )  # fmt: skip
