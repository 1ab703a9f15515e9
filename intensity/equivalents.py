"""Builds pycarbon/tables/equivalents.csv: what a joule or a gram is compared with.

From energy: a television and a phone charge, so that the comparison does not move with the grid.
From carbon: a car and a flight. A definition says so; a published figure names its source.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

from intensity import registry
from intensity.registry import BuildError

EPA_PATH = "equivalences/equivalence_factors.csv"
GREEN_ALGORITHMS_PATH = "equivalences/green_algorithms_reference_values.csv"
HEADER = (
    "id", "basis", "quantity", "factor", "unit", "standing", "source", "year",
    "licence", "licence_class",
)  # fmt: skip

METRES_PER_MILE = 1609.344
JOULES_PER_KWH = 3.6e6
TELEVISION_W = 100.0
# Newest edition of the calculator; its 12.4 g per charge agrees at a US marginal 653 g/kWh.
PHONE_CHARGE_KWH = 0.019

# Words in the confidence column that forbid a figure.
FORBIDDEN = ("do not reuse", "verify before use")


def build(sources: Path, registry_path: Path = registry.REGISTRY) -> dict[str, bytes]:
    """The equivalence table from the raw files under `sources`: {"equivalents.csv": content}.

    Raises BuildError for a figure that is absent, doubled, not positive, in another unit than
    expected, or marked as not to be reused.
    """
    known = registry.load(registry_path)
    car_kg_per_mile = epa_factor(sources, known, "us_passenger_vehicle_mile", "kg CO2e per mile")
    flight_g_per_km = green_algorithms_factor(sources, known, "flight_economy_perkm", "gCO2/km")
    epa = registry.entry(known, EPA_PATH)
    flights = registry.entry(known, GREEN_ALGORITHMS_PATH)
    definition = ("definition", f"by definition: a television that draws {TELEVISION_W:g} W")
    rows = [
        ("television", "energy", "time", TELEVISION_W, "J/s", *definition, "", "", "A"),
        (
            "phone_charge", "energy", "count", PHONE_CHARGE_KWH * JOULES_PER_KWH, "J/charge",
            "published", f"{epa['citation']}: {PHONE_CHARGE_KWH} kWh per smartphone charged",
            str(epa["year"]), epa["licence"], epa["licence_class"],
        ),
        (
            "car", "carbon", "distance", car_kg_per_mile * 1000 / METRES_PER_MILE, "g CO2e/m",
            "published", f"{epa['citation']}: {car_kg_per_mile:g} kg CO2e per mile",
            str(epa["year"]), epa["licence"], epa["licence_class"],
        ),
        (
            "flight", "carbon", "distance", flight_g_per_km / 1000, "g CO2e/m",
            "published", f"{flights['citation']}: {flight_g_per_km:g} g per passenger-km, economy",
            str(flights["year"]), flights["licence"], flights["licence_class"],
        ),
    ]  # fmt: skip
    cells = [[f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in rows]
    return {"equivalents.csv": registry.csv_bytes(HEADER, cells)}


def epa_factor(sources: Path, known: dict[str, Any], wanted: str, unit: str) -> float:
    """One figure of the transcribed equivalence factors, if its confidence allows using it."""
    path = registry.entry(known, EPA_PATH)["path"]
    columns = ("id", "value", "unit", "source", "confidence")
    rows = [row for row in registry.read_csv(sources / path, columns) if row["id"] == wanted]
    where = f"{path}: {wanted}"
    if len(rows) != 1:
        raise BuildError(f"{where}: found {len(rows)} times, expected once")
    if rows[0]["unit"] != unit:
        raise BuildError(f"{where}: unit is {rows[0]['unit']!r}, expected {unit!r}")
    for words in FORBIDDEN:
        if words in rows[0]["confidence"]:
            raise BuildError(f"{where}: its confidence says {words!r}")
    return positive(where, rows[0]["value"])


def green_algorithms_factor(sources: Path, known: dict[str, Any], wanted: str, unit: str) -> float:
    """One figure of the Green Algorithms reference values; the unit opens its source column."""
    path = registry.entry(known, GREEN_ALGORITHMS_PATH)["path"]
    with (sources / path).open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row and row[0] == wanted]
    where = f"{path}: {wanted}"
    if len(rows) != 1:
        raise BuildError(f"{where}: found {len(rows)} times, expected once")
    if f"in {unit}" not in rows[0][2]:
        raise BuildError(f"{where}: the source column does not say 'in {unit}'")
    return positive(where, rows[0][1])


def positive(where: str, text: str) -> float:
    """`text` as a number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise BuildError(f"{where}: {text!r} is no positive number")
    return value
