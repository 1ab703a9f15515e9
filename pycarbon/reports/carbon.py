"""Factors as people read them: how much a kilowatt-hour carries, where, when, counted how, and who says so."""

from __future__ import annotations

from pycarbon.emissions import Emissions
from pycarbon.intensity import Intensity
from pycarbon.interval import Range
from pycarbon.rating import Rating
from pycarbon.reports import figures


def factor(rating: Rating, emissions: Emissions) -> str:
    """Say with which factor and PUE grams were made."""
    value, between = figures.with_interval(
        emissions.intensity_g_per_kwh, emissions.low_g_per_kwh, emissions.high_g_per_kwh, 1.0
    )
    hourly = {"typical": ", typical for its hours", "actual": ", of its hours"}.get(emissions.hourly or "", "")
    return (
        f"{value} g/kWh ({between}){hourly}: {where(rating.intensity)}, {emissions.year}, {emissions.method}, "
        f"{pue(rating.pue)}; {emissions.source}"
    )


def where(intensity: Intensity) -> str:
    """Say of which place a factor is."""
    if not intensity.place_known:
        return "an unknown place (--zone says where)"
    return intensity.name if intensity.asked is None else f"{intensity.asked} in {intensity.name}"


def pue(pue: Range) -> str:
    """Write a PUE, with its range where it has one."""
    return f"PUE {pue.best:g}" + ("" if pue.low == pue.high else f" ({pue.low:g} to {pue.high:g})")
