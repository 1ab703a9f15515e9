"""Figures of countries and the world: yearly lifecycle releases, and direct from generation by fuel.

The raw releases are read newest first and each year is taken from the newest that has it; a value
enters only after it was compared with the other releases.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intensity import figures, fuels, registry, zones
from intensity.figures import OLDEST_YEAR, RECENT_STEPS, Figure, Reasons, figure
from intensity.fuels import Fuel
from intensity.registry import BuildError

LIFECYCLE = ("lifecycle", "production", "CO2e")
DIRECT = ("direct", "production", "CO2")
MIX_PATH = "owid/codecarbon_global_energy_mix.json"
MIX_SOURCE = "mix-direct"
INTENSITY_KEY = "carbon_intensity"
WORLD, UNKNOWN = "WORLD", "UNKNOWN"

# Newest values older than this are refused: exclude the zone instead.
OLDEST_NEWEST_YEAR = 2020
OLDEST_MIX_YEAR = 2020
LARGEST_REVISION = 1.25
# Statistics come in steps of 0.01 TWh and 0.01 Mt, so each number is off by half a step.
HALF_STEP = 0.005

# Codes of the releases that are not ISO 3166-1; XKX is the user-assigned code in common use.
CODES = {"OWID_KOS": "XKX", "OWID_WRL": WORLD}


@dataclass(frozen=True)
class Release:
    """One release of the yearly series: its source, where it is and how its columns are called."""

    source: str
    path: str
    entity: str
    code: str
    year: str
    value: str


RELEASES = (
    Release(
        "owid-2026", "owid/owid_carbon_intensity_electricity_2026.csv",
        "Entity", "Code", "Year", "carbon_intensity",
    ),
    Release(
        "owid-2025", "owid/owid_carbon_intensity_electricity_2025.csv",
        "Entity", "Code", "Year", "Carbon intensity of electricity - gCO2/kWh",
    ),
    Release(
        "ember-2025", "ember/ember_country_overview_yearly_2025-06.csv",
        "country_or_region", "country_code", "year", "emissions_intensity_gco2_per_kwh",
    ),
)  # fmt: skip


@dataclass
class Series:
    """The yearly intensities of one zone in one release, in g CO2e/kWh."""

    name: str
    values: dict[int, float]


@dataclass(frozen=True)
class Mix:
    """What a country generated in `year`, in TWh by fuel, and the intensity published for that."""

    year: int
    twh: dict[str, float]
    total_twh: float
    published: float


def collect(sources: Path, known: dict[str, Any], reasons: Reasons) -> list[Figure]:
    """Every figure of countries, of the world and of an unknown place.

    Raises BuildError, naming file and row, for anything that must not become a factor.
    """
    releases = [read_release(sources, known, release, zones.countries()) for release in RELEASES]
    mixes = read_mixes(sources, known)
    table = fuels.read()
    excluded = {item["zone"] for item in known["grid"]["excluded"]}
    found: list[Figure] = []
    for zone in sorted({zone for release in releases for zone in release} - excluded):
        mix = mixes.get(zone) or unit_mix(mixes[WORLD])
        versions = [release[zone].values if zone in release else {} for release in releases]
        check_revisions(zone, versions, reasons)
        found += lifecycle(zone, versions, mix, table)
        if zone in mixes:
            found += direct(zone, mix, table, found)
    weights = {zone: mix.total_twh for zone, mix in mixes.items()}
    return found + unknown_place(found, weights)


def read_release(sources: Path, known: dict[str, Any], release: Release, codes: Iterable[str]) -> dict[str, Series]:
    """The countries and the world of one release; other aggregates are left out."""
    registry.series(known, release.source, release.path)
    columns = (release.entity, release.code, release.year, release.value)
    allowed = {*codes, WORLD}
    found: dict[str, Series] = {}
    for row in registry.read_csv(sources / release.path, columns):
        name, raw_code, year, value = (row[column] for column in columns)
        # Ember leaves the code of every aggregate empty, also the world's.
        code = WORLD if name == "World" else CODES.get(raw_code, raw_code)
        if not code or not value or code.startswith("OWID_"):
            continue
        where = f"{release.path}: {code} {year}"
        if code not in allowed:
            raise BuildError(f"{where}: {code} is no ISO 3166-1 code ({name})")
        try:
            number, when = float(value), int(year)
        except ValueError:
            raise BuildError(f"{where}: {value!r} in {year!r} is no number in a year") from None
        series = found.setdefault(code, Series(name, {}))
        if when in series.values or series.name != name:
            raise BuildError(f"{where}: duplicate, {name} and {series.name} share a row")
        series.values[when] = number
    return found


def read_mixes(sources: Path, known: dict[str, Any]) -> dict[str, Mix]:
    """Generation by fuel of each country, and of the world as their sum in the commonest year."""
    path = registry.entry(known, MIX_PATH)["path"]
    raw = json.loads((sources / path).read_text(encoding="utf-8"))
    keys = {fuel.mix_key: fuel.name for fuel in fuels.read().values() if fuel.mix_key}
    mixes = {}
    for zone, row in raw.items():
        twh = {name: float(row[key]) for key, name in keys.items()}
        mixes[zone] = Mix(int(row["year"]), twh, float(row["total_TWh"]), float(row[INTENSITY_KEY]))
        if any(energy < 0 for energy in twh.values()) or not math.fsum(twh.values()) > 0:
            raise BuildError(f"{path}: {zone}: generation by fuel is negative or nothing")
    total = math.fsum(mix.total_twh for mix in mixes.values())
    emitted = math.fsum(mix.published * mix.total_twh for mix in mixes.values())
    years = [mix.year for mix in mixes.values() for _ in range(round(mix.total_twh))]
    world = {name: math.fsum(mix.twh[name] for mix in mixes.values()) for name in keys.values()}
    mixes[WORLD] = Mix(max(set(years), key=years.count), world, total, emitted / total)
    return mixes


def unit_mix(mix: Mix) -> Mix:
    """The shares of `mix` on 1 TWh, for a zone whose own mix and size are not in the raw data."""
    return Mix(mix.year, {name: twh / mix.total_twh for name, twh in mix.twh.items()}, 1.0, mix.published)


def check_revisions(zone: str, versions: Sequence[Mapping[int, float]], reasons: Reasons) -> None:
    """Refuse a value that another release puts far elsewhere; newest release first."""
    for index, version in enumerate(versions):
        for year in sorted(year for year in version if year >= OLDEST_YEAR):
            for other in versions[index + 1 :]:
                small, large = sorted((version[year], other.get(year, version[year])))
                if large > LARGEST_REVISION * small and not reasons.explain(zone, year):
                    raise BuildError(
                        f"{RELEASES[index].path}: {zone} {year}: {version[year]:g} g/kWh, another release has"
                        f" {other[year]:g}; a slipped unit or another method, or a reason is missing in sources.toml"
                    )


def lifecycle(
    zone: str, versions: Sequence[Mapping[int, float]], mix: Mix, table: Mapping[str, Fuel]
) -> list[Figure]:
    """The yearly lifecycle figures of a zone, each year from the newest release that has it."""
    newest = {year: i for i in reversed(range(len(versions))) for year in versions[i]}
    series = {year: versions[i][year] for year, i in newest.items()}
    last = max(series)
    if last < OLDEST_NEWEST_YEAR:
        path = RELEASES[newest[last]].path
        raise BuildError(f"{path}: {zone} {last}: older than {OLDEST_NEWEST_YEAR}, exclude it")
    below, above = factor_spread(mix, table)
    found = []
    for year in sorted(year for year in series if year >= OLDEST_YEAR):
        value, release = series[year], RELEASES[newest[year]]
        recent = [y for y in sorted(series) if y <= year][-RECENT_STEPS:]
        revision = max(abs(series[y] - other.get(y, series[y])) for y in recent for other in versions)
        rounding = rounding_spread(value, mix.total_twh)
        low, high = (math.hypot(width * value, revision, rounding) for width in (below, above))
        where = f"{release.path}: {zone} {year}"
        change = figures.yearly_change(series, year)
        found.append(figure(where, LIFECYCLE, release.source, zone, year, value, low, high, change, rounding))
    return found


def factor_spread(mix: Mix, table: Mapping[str, Fuel]) -> tuple[float, float]:
    """Relative widths (below, above) that the fuels' lifecycle factors leave open.

    Where the published value departs from the mix times the medians by more than the spread,
    the departure is the wider statement and is used instead.
    """
    mean = fuels.mean(mix.twh, table, "lifecycle")
    below, above = (width / mean for width in fuels.spread(mix.twh, table, "lifecycle"))
    departure = mean / mix.published - 1 if mix.published > 0 else 0.0
    return max(below, -departure), max(above, departure)


def rounding_spread(value: float, generation_twh: float) -> float:
    """Width in g/kWh that publishing emissions and generation in steps of 0.01 leaves."""
    return (HALF_STEP * 1000 + value * HALF_STEP) / generation_twh


def direct(zone: str, mix: Mix, table: Mapping[str, Fuel], found: Iterable[Figure]) -> list[Figure]:
    """The direct figure of the year of the mix, computed from it; none where the mix is too old.

    Where the published lifecycle value departs from the mix times its factors, the mix or the
    plants are other than they seem, and the direct value may be off by the same share.
    """
    if mix.year < OLDEST_MIX_YEAR:
        return []
    value = fuels.mean(mix.twh, table, "direct")
    below, above = fuels.spread(mix.twh, table, "direct")
    rounding = rounding_spread(value, mix.total_twh)
    same = [one for one in found if one.zone == zone and one.scope == "lifecycle" and one.year <= mix.year]
    nearest = max(same, key=lambda one: one.year)
    departure = value * (nearest.value / fuels.mean(mix.twh, table, "lifecycle") - 1)
    below, above = max(below, -departure), max(above, departure)
    # What is burnt makes the changes of both scopes, so the direct ones are as large.
    change = nearest.yearly_change
    widths = (math.hypot(below, rounding), math.hypot(above, rounding))
    where = f"{MIX_PATH}: {zone} {mix.year}"
    return [figure(where, DIRECT, MIX_SOURCE, zone, mix.year, value, *widths, change, rounding)]


def unknown_place(found: Sequence[Figure], weights: Mapping[str, float]) -> list[Figure]:
    """The figures for a place nobody named: the world's values, ranges that span the countries.

    Of every 100 kWh generated in the world a range leaves out about the 5 from the cleanest
    countries and the 5 from the dirtiest, each country taken at the end of its own interval in
    that year or in the last year before that it has.
    """
    unknown = []
    for world in [one for one in found if one.zone == WORLD]:
        newest: dict[str, Figure] = {}
        for one in sorted(found, key=lambda one: one.year):
            if one.scope == world.scope and one.zone != WORLD and one.year <= world.year:
                newest[one.zone] = one
        pairs = [(one, weights.get(one.zone, 1.0)) for one in newest.values()]
        low = weighted_quantile([(one.low, weight) for one, weight in pairs], 0.05)
        high = weighted_quantile([(one.high, weight) for one, weight in pairs], 0.95)
        method = (world.scope, world.flow, world.gas)
        widths = (world.value - low, high - world.value)
        unknown.append(
            figure(world.where, method, world.source, UNKNOWN, world.year, world.value, *widths, world.yearly_change)
        )
    return unknown


def weighted_quantile(pairs: list[tuple[float, float]], share: float) -> float:
    """The smallest value below or at which `share` of the weight lies; pairs (value, weight)."""
    target = share * math.fsum(weight for _, weight in pairs)
    reached = 0.0
    for value, weight in sorted(pairs):
        reached += weight
        if reached >= target:
            return value
    raise BuildError("no countries to span")
