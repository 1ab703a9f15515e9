"""What energy emits: joules times the intensity of a place times PUE, with its interval.

The rule for the interval: the least energy at the lowest intensity and the lowest PUE, to the most at the highest.
Whatever ties the three errors together, the interval cannot be too narrow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pycarbon import hours
from pycarbon.hours import EnergyByHour
from pycarbon.intensity import Intensity
from pycarbon.interval import Range, is_interval

JOULES_PER_KWH = 3.6e6
EXACT_PUE = Range(1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Emissions:
    """Emissions in g CO2e with their interval, and every factor that led to them.

    `kind` is always "modelled": however well the joules were measured, the factor is a statistic of a grid, so no
    figure in grams is ever a measurement. `intensity_g_per_kwh` is the mean over the energy; `hourly` says of which
    hours that was: "typical" ones of their months, "actual" ones, or None: one value for all.
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
    low_g_per_kwh: float = math.nan
    high_g_per_kwh: float = math.nan
    low_pue: float = 1.0
    high_pue: float = 1.0
    hourly: str | None = None


def from_energy(
    total_j: float,
    low_j: float,
    high_j: float,
    intensity: Intensity,
    pue: Range = EXACT_PUE,
    by_hour: EnergyByHour | None = None,
) -> Emissions:
    """Emissions of `total_j` joules, between `low_j` and `high_j`, at a place.

    `pue` (power usage effectiveness, 1 or more) is applied here and nowhere else, so the energy must be that of the
    computer alone. Where the intensity has hourly values and `by_hour` says when the energy was used, each hour's
    energy meets its own intensity. Raises ValueError for an energy or an intensity that is negative, not finite or
    outside its own interval, and for a PUE below 1. Where nobody knows the ends of either, both are NaN, and so are
    those of the grams.
    """
    low, best, high = (intensity.low_g_per_kwh, intensity.intensity_g_per_kwh, intensity.high_g_per_kwh)
    weighted = None
    if intensity.hours is not None and by_hour is not None:
        weighted = hours.weighted(intensity.hours, by_hour)
    if weighted is not None:
        low, best, high = weighted
    _check("energy", "J", low_j, total_j, high_j)
    _check("intensity", "g/kWh", low, best, high)
    if not 1 <= pue.low <= pue.best <= pue.high < math.inf:
        raise ValueError(f"PUE must be 1 or more and finite, not {pue}")
    return Emissions(
        co2e_g=_co2e_g(total_j, best, pue.best),
        low_g=_co2e_g(low_j, low, pue.low),
        high_g=_co2e_g(high_j, high, pue.high),
        intensity_g_per_kwh=best,
        zone=intensity.zone,
        pue=pue.best,
        source=intensity.source,
        year=intensity.year,
        method=intensity.method,
        place_known=intensity.place_known,
        low_g_per_kwh=low,
        high_g_per_kwh=high,
        low_pue=pue.low,
        high_pue=pue.high,
        hourly=None if weighted is None or intensity.hours is None else intensity.hours.kind,
    )


def _co2e_g(energy_j: float, intensity_g_per_kwh: float, pue: float) -> float:
    """The one formula; the same order of operations keeps low <= value <= high exact."""
    return energy_j * pue / JOULES_PER_KWH * intensity_g_per_kwh


def _check(what: str, unit: str, low: float, value: float, high: float) -> None:
    """Refuse what is no figure with its interval, or without one."""
    if not is_interval(low, value, high):
        raise ValueError(
            f"{what} must be finite with 0 <= low <= value <= high, not low {low}, value {value}, high {high} {unit}"
        )
