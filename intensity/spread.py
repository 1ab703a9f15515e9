"""How far off a country's yearly mean may be: the low and high of a row of the grid table.

Four causes, each a width in g CO2e/kWh below and above the value, are added in quadrature
because they have nothing to do with each other (README.md says why these four):

- factors: the lifecycle factors of the fuels, or the choice between two sets of them;
- years: the mix of the year of use is not the mix of the year of the data;
- revision: statistics of a year are revised after their first release;
- rounding: small systems are published in steps of 0.01 TWh and 0.01 Mt.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from intensity.registry import HERE, BuildError, read_csv

# Statistics come in steps of 0.01 TWh and 0.01 Mt, so each number is off by half a step.
HALF_STEP = 0.005


@dataclass(frozen=True)
class FuelRange:
    """Lifecycle factor of one fuel in g CO2e/kWh: median, and the extremes for a whole fleet."""

    mix_key: str
    median: float
    low: float
    high: float


def fuel_ranges(path: Path = HERE / "fuel_ranges.csv") -> list[FuelRange]:
    """The literature's ranges, narrowed from single plants to national fleets.

    A fleet is a mean over plants, so it strays less than its plants: half the distance, taken
    on a log scale since the literature is skewed, i.e. sqrt(median * extreme).
    """
    ranges = []
    for row in read_csv(path, ("mix_key", "median_g_per_kwh", "source")):
        median, lowest, highest = (float(row[f"{name}_g_per_kwh"]) for name in ("median", "lowest", "highest"))
        if not 0 < lowest < median < highest:
            raise BuildError(f"{path.name}: {row['fuel']}: not lowest < median < highest")
        ranges.append(FuelRange(row["mix_key"], median, math.sqrt(median * lowest), math.sqrt(median * highest)))
    return ranges


def factor_spread(mix: Mapping[str, float], published: float, fuels: list[FuelRange]) -> tuple[float, float]:
    """Relative widths (below, above) that the fuels' lifecycle factors leave open.

    `mix` holds TWh per fuel key and `published` the intensity given for that same mix. Fuels
    err independently of each other. Where the published value departs from the mix times the
    medians by more than that, the departure is the wider statement and is used instead.
    """
    total_twh = math.fsum(mix[fuel.mix_key] for fuel in fuels)
    shares = [(mix[fuel.mix_key] / total_twh, fuel) for fuel in fuels]
    mean = math.fsum(share * fuel.median for share, fuel in shares)
    below = math.hypot(*(share * (fuel.median - fuel.low) for share, fuel in shares)) / mean
    above = math.hypot(*(share * (fuel.high - fuel.median) for share, fuel in shares)) / mean
    departure = mean / published - 1 if published > 0 else 0.0
    return max(below, -departure), max(above, departure)


def year_spread(series: Mapping[int, float], use_year: int, steps: int) -> float:
    """Width in g CO2e/kWh from the age of the data: a random walk of the recent yearly changes."""
    years = sorted(series)[-(steps + 1) :]
    changes = [series[after] - series[before] for before, after in pairwise(years)]
    if not changes:
        return 0.0
    rms = math.sqrt(math.fsum(change**2 for change in changes) / len(changes))
    return rms * math.sqrt(max(1, use_year - years[-1]))


def rounding_spread(value: float, generation_twh: float) -> float:
    """Width in g CO2e/kWh that publishing emissions and generation in steps of 0.01 leaves."""
    return (HALF_STEP * 1000 + value * HALF_STEP) / generation_twh
