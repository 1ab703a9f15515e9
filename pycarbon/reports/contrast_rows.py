"""A comparison of variants as a table of texts, one row for each, for whoever sets it."""

from __future__ import annotations

from pycarbon.comparison import Comparison, Variant
from pycarbon.contrast import Estimate
from pycarbon.reports import figures
from pycarbon.reports.verdicts import plus_minus


def cells(found: Comparison) -> tuple[list[str], list[list[str]]]:
    """Give the head and the rows: name, time, energy, its kind, power, grams, and how often it ran."""
    each = found.unit
    heads = ["", f"time/{each}", f"energy/{each}", "", "power", f"CO2e/{each}", f"{each}s"]
    return heads, [[variant.name, *_cells(variant)] for variant in found.variants]


def _cells(variant: Variant) -> list[str]:
    grams = variant.co2e_per_call
    factor, unit = figures.mass_prefix_for(grams.co2e_g or grams.high_g)
    mass, ends = figures.with_interval(grams.co2e_g, grams.low_g, grams.high_g, factor)
    return [
        _figure(variant.time_per_call_s, "s", symmetric=True),
        _figure(variant.energy_per_call_j, "J", symmetric=variant.kind == "measured"),
        variant.kind,
        figures.quantity(variant.mean_power_w.best, "W"),
        f"{mass} {unit} ({ends})",
        f"{variant.count:,}",
    ]


def _figure(estimate: Estimate, unit: str, symmetric: bool) -> str:
    factor, prefix = figures.prefix_for(estimate.best or estimate.high)
    amount, ends = figures.with_interval(estimate.best, estimate.low, estimate.high, factor)
    return f"{amount} {prefix}{unit} {plus_minus(estimate) if symmetric else f'({ends})'}".rstrip()
