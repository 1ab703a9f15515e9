"""Builds pycarbon/tables/fuels.csv: grams per kWh of each fuel, lifecycle and direct, for a whole fleet."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from intensity import registry
from intensity.registry import HERE, BuildError

MEDIANS_PATH = "fuel-factors/fuel_factor_medians.csv"
HEADER = (
    "fuel", "lifecycle_g_per_kwh", "lifecycle_low_g_per_kwh", "lifecycle_high_g_per_kwh",
    "direct_g_per_kwh", "source",
)  # fmt: skip


@dataclass(frozen=True)
class Factor:
    """What one fuel emits in g per kWh generated, with the extremes for a whole fleet."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Fuel:
    """One fuel: its name, its key in the raw mixes, lifecycle in g CO2e/kWh, direct in g CO2/kWh."""

    name: str
    mix_key: str
    lifecycle: Factor
    direct: Factor
    source: str

    def factor(self, scope: str) -> Factor:
        """The factor of one scope, `lifecycle` or `direct`."""
        return self.lifecycle if scope == "lifecycle" else self.direct


def build(sources: Path, registry_path: Path = registry.REGISTRY) -> dict[str, bytes]:
    """The table of fuels: {"fuels.csv": content}; refuses factors that left the catalogue's medians."""
    fuels = read()
    check(sources, registry.load(registry_path), fuels)
    rows = []
    for fuel in sorted(fuels.values(), key=lambda fuel: fuel.name):
        factor = fuel.lifecycle
        numbers = (factor.value, factor.low, factor.high, fuel.direct.value)
        rows.append([fuel.name, *(f"{number:.4g}" for number in numbers), fuel.source])
    return {"fuels.csv": registry.csv_bytes(HEADER, rows)}


def read(path: Path = HERE / "fuel_ranges.csv") -> dict[str, Fuel]:
    """The literature's ranges by fuel, narrowed from single plants to fleets.

    A fleet is a mean over plants, so it strays less than its plants: half the distance, taken
    on a log scale since the literature is skewed, i.e. sqrt(median * extreme). A direct maximum
    is that of a fleet already, and a zero has no logarithm: direct extremes stay as they are.
    """
    fuels = {}
    for row in registry.read_csv(path, ("fuel", "mix_key", "median_g_per_kwh", "source", "direct_source")):
        where = f"{path.name}: {row['fuel']}"
        median, lowest, highest = (float(row[f"{name}_g_per_kwh"]) for name in ("median", "lowest", "highest"))
        direct, least, most = (float(row[f"{n}_g_per_kwh"]) for n in ("direct", "direct_lowest", "direct_highest"))
        if not 0 < lowest < median < highest:
            raise BuildError(f"{where}: not lowest < median < highest")
        if not 0 <= least <= direct <= most or direct > median:
            raise BuildError(f"{where}: not direct lowest <= direct <= direct highest, below lifecycle")
        fuels[row["fuel"]] = Fuel(
            row["fuel"],
            row["mix_key"],
            Factor(median, math.sqrt(median * lowest), math.sqrt(median * highest)),
            Factor(direct, least, most),
            f"lifecycle: {row['source']}; direct: {row['direct_source']}",
        )
    return fuels


# Where this table has another figure than the catalogue of medians, and why.
DEPARTURES = {
    ("oil", "lifecycle"): "the factor 700 for other fossil of Ember's tables",
    ("oil", "direct"): "406 would need plants of 66 % efficiency",
    ("solar", "lifecycle"): "48 is utility scale, 41 the roof",
}
CATALOGUE = {"solar_rooftop_pv": "solar", "wind_onshore": "wind"}


def check(sources: Path, known: dict[str, object], fuels: Mapping[str, Fuel]) -> None:
    """Refuse a fuel whose figure is not the catalogue's median and is no departure with a reason."""
    path = registry.entry(known, MEDIANS_PATH)["path"]
    columns = ("fuel", "lifecycle_gco2e_per_kwh", "direct_gco2_per_kwh")
    for row in registry.read_csv(sources / path, columns):
        name = CATALOGUE.get(row["fuel"], row["fuel"])
        for scope, column in zip(("lifecycle", "direct"), columns[1:], strict=True):
            ours, theirs = fuels[name].factor(scope).value, float(row[column])
            if ours != theirs and (name, scope) not in DEPARTURES:
                raise BuildError(f"{path}: {row['fuel']}: {scope} {theirs:g} g/kWh, fuel_ranges.csv has {ours:g}")


def mean(mix: Mapping[str, float], fuels: Mapping[str, Fuel], scope: str) -> float:
    """The mean in g/kWh of a mix, {fuel: energy in any unit}, by the fuels' factors."""
    total = math.fsum(mix.values())
    return math.fsum(energy * fuels[name].factor(scope).value for name, energy in mix.items()) / total


def spread(mix: Mapping[str, float], fuels: Mapping[str, Fuel], scope: str) -> tuple[float, float]:
    """Widths (below, above) in g/kWh that the factors leave open for a mix; fuels err independently."""
    total = math.fsum(mix.values())
    shares = [(energy / total, fuels[name].factor(scope)) for name, energy in mix.items()]
    below = math.hypot(*(share * (factor.value - factor.low) for share, factor in shares))
    above = math.hypot(*(share * (factor.high - factor.value) for share, factor in shares))
    return below, above
