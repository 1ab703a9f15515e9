"""What energy emits: joules times the intensity of a place times PUE, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pycarbon.intensity import Intensity

JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class Emissions:
    """Emissions in g CO2e with their interval, and every factor that led to them.

    `kind` is always "modelled": however well the joules were measured, the factor is a yearly
    statistic of a whole country, so no figure in grams is ever a measurement.
    """

    co2e_g: float
    low_g: float
    high_g: float
    intensity_g_per_kwh: float
    zone: str
    pue: float
    source: str
    year: int
    method: str
    place_known: bool
    kind: str = "modelled"


def from_energy(total_j: float, low_j: float, high_j: float, intensity: Intensity, pue: float = 1.0) -> Emissions:
    """Emissions of `total_j` joules, between `low_j` and `high_j`, at a place.

    `pue` (power usage effectiveness, 1 or more) is applied here and nowhere else, so the energy
    must be that of the computer alone. The interval combines the worst cases, least energy at
    the lowest intensity to most energy at the highest: it cannot be too narrow, whatever ties
    the two errors together. Raises ValueError for an energy or an intensity that is negative,
    not finite or outside its own interval, and for a PUE below 1.
    """
    _check("energy", "J", low_j, total_j, high_j)
    _check(
        "intensity",
        "g/kWh",
        intensity.low_g_per_kwh,
        intensity.intensity_g_per_kwh,
        intensity.high_g_per_kwh,
    )
    if not 1 <= pue < math.inf:
        raise ValueError(f"PUE must be 1 or more and finite, not {pue}")
    return Emissions(
        co2e_g=_co2e_g(total_j, intensity.intensity_g_per_kwh, pue),
        low_g=_co2e_g(low_j, intensity.low_g_per_kwh, pue),
        high_g=_co2e_g(high_j, intensity.high_g_per_kwh, pue),
        intensity_g_per_kwh=intensity.intensity_g_per_kwh,
        zone=intensity.zone,
        pue=pue,
        source=intensity.source,
        year=intensity.year,
        method=intensity.method,
        place_known=intensity.place_known,
    )


def _co2e_g(energy_j: float, intensity_g_per_kwh: float, pue: float) -> float:
    """The one formula; the same order of operations keeps low <= value <= high exact."""
    return energy_j * pue / JOULES_PER_KWH * intensity_g_per_kwh


def _check(what: str, unit: str, low: float, value: float, high: float) -> None:
    """Refuse anything but 0 <= low <= value <= high < infinity; NaN fails every comparison."""
    if not 0 <= low <= value <= high < math.inf:
        raise ValueError(
            f"{what} must be finite with 0 <= low <= value <= high, not low {low}, value {value}, high {high} {unit}"
        )
