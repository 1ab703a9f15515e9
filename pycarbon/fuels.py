"""What a kilowatt-hour from each fuel carries, and what a mix of fuels comes to."""

from __future__ import annotations

import csv
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from pycarbon import shipped
from pycarbon.errors import IntensityError

TABLE = "fuels.csv"


@dataclass(frozen=True, slots=True)
class Fuel:
    """A fuel with its factors in g CO2e per kWh generated, the direct one of CO2 alone.

    Low and high bound a fleet's lifecycle factor.
    """

    fuel: str
    lifecycle_g_per_kwh: float
    lifecycle_low_g_per_kwh: float
    lifecycle_high_g_per_kwh: float
    direct_g_per_kwh: float
    source: str


@dataclass(frozen=True, slots=True)
class Mixture:
    """What a mix comes to, in g per kWh of what its factors count; low and high where these have a range."""

    g_per_kwh: float
    low_g_per_kwh: float | None
    high_g_per_kwh: float | None


@lru_cache(maxsize=1)
def fuels() -> dict[str, Fuel]:
    """Every fuel of the table by its id. Raises IntensityError where the table cannot be read."""
    try:
        return {row["fuel"]: _fuel(row) for row in csv.DictReader(shipped.text(TABLE).splitlines())}
    except (ValueError, KeyError, TypeError) as error:
        raise shipped.broken(TABLE, error) from error


@lru_cache(maxsize=1)
def edition() -> str:
    """A word that changes when any factor does: for what is kept of mixes that were computed."""
    return f"{zlib.crc32(repr(fuels()).encode()):08x}"


def mix(energy_mwh: Mapping[str, float], scope: str = "lifecycle") -> Mixture:
    """The intensity of a mix: the mean of its fuels' factors, weighted by energy.

    `energy_mwh` is energy by fuel id, in any one unit of energy. `scope` is lifecycle or direct;
    a direct mix has no range, because the table's direct factors have none. Raises IntensityError
    for a fuel the table lacks, for energy that is negative or no number, and for a mix of nothing.
    """
    table = fuels()
    for fuel, energy in energy_mwh.items():
        if fuel not in table:
            raise IntensityError(f"unknown fuel {fuel!r}: a mix is made of {' '.join(table)}")
        if not (math.isfinite(energy) and energy >= 0):
            raise IntensityError(f"{energy} MWh from {fuel} is no share of a mix: give energy that is zero or more")
    if scope not in ("lifecycle", "direct"):
        raise IntensityError(f"unknown scope {scope!r}: a scope is lifecycle or direct")
    if not any(energy_mwh.values()):
        raise IntensityError("a mix of nothing has no intensity: give the energy of at least one fuel")
    parts = [(table[fuel], energy) for fuel, energy in energy_mwh.items() if energy]
    if scope == "direct":
        return Mixture(_mean([(fuel.direct_g_per_kwh, energy) for fuel, energy in parts]), None, None)
    return Mixture(
        _mean([(fuel.lifecycle_g_per_kwh, energy) for fuel, energy in parts]),
        _mean([(fuel.lifecycle_low_g_per_kwh, energy) for fuel, energy in parts]),
        _mean([(fuel.lifecycle_high_g_per_kwh, energy) for fuel, energy in parts]),
    )


def _mean(parts: list[tuple[float, float]]) -> float:
    """The mean of (value, weight): exact sums, so the order of the parts does not show in the last digit."""
    most = max(weight for _, weight in parts)  # scaled, so that no product of tiny weights is lost
    total = math.fsum(weight / most for _, weight in parts)
    mean = math.fsum(value * (weight / most) for value, weight in parts) / total
    values = [value for value, _ in parts]
    return min(max(mean, min(values)), max(values))


def _fuel(row: dict[str, str]) -> Fuel:
    return Fuel(
        fuel=row["fuel"],
        lifecycle_g_per_kwh=float(row["lifecycle_g_per_kwh"]),
        lifecycle_low_g_per_kwh=float(row["lifecycle_low_g_per_kwh"]),
        lifecycle_high_g_per_kwh=float(row["lifecycle_high_g_per_kwh"]),
        direct_g_per_kwh=float(row["direct_g_per_kwh"]),
        source=row["source"],
    )
