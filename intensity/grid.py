"""Builds pycarbon/tables/grid.csv: one row per country with its newest yearly intensity.

Average lifecycle production only. The raw releases are read newest first; a value enters only
after it was checked against its own recent years and against the other releases.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from intensity import registry, spread
from intensity.registry import HERE, BuildError

METHOD = "average lifecycle production"
SCOPE, FLOW, GAS = "lifecycle", "production", "CO2e"
MIX_PATH = "owid/codecarbon_global_energy_mix.json"
INTENSITY_KEY = "carbon_intensity"
HEADER = (
    "zone", "iso2", "name", "year", "scope", "flow", "gas", "method",
    "intensity_g_per_kwh", "low_g_per_kwh", "high_g_per_kwh", "source", "licence", "licence_class",
)  # fmt: skip

# No single mean is below the cleanest plants or above the worst published national mean (1306).
LOWEST_G_PER_KWH, HIGHEST_G_PER_KWH = 5.0, 1400.0
RECENT_STEPS = 5
# Both factors lie below the smallest unit slip there is (pounds for kilograms, 2.2).
LARGEST_STEP = 1.6
LARGEST_REVISION = 1.25

# Codes of the releases that are not ISO 3166-1; XKX is the user-assigned code in common use.
CODES = {"OWID_KOS": "XKX", "OWID_WRL": "WORLD"}


@dataclass(frozen=True)
class Release:
    """One release of the yearly series: where it is and how its columns are called."""

    path: str
    entity: str
    code: str
    year: str
    value: str


RELEASES = (
    Release(
        "owid/owid_carbon_intensity_electricity_2026.csv",
        "Entity", "Code", "Year", "carbon_intensity",
    ),
    Release(
        "owid/owid_carbon_intensity_electricity_2025.csv",
        "Entity", "Code", "Year", "Carbon intensity of electricity - gCO2/kWh",
    ),
    Release(
        "ember/ember_country_overview_yearly_2025-06.csv",
        "country_or_region", "country_code", "year", "emissions_intensity_gco2_per_kwh",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Series:
    """The yearly intensities of one zone in one release, in g CO2e/kWh."""

    name: str
    values: dict[int, float]


@dataclass(frozen=True)
class Row:
    """One row of the table; intensities in g CO2e/kWh, generation in TWh for weighting."""

    zone: str
    iso2: str
    name: str
    year: int
    value: float
    low: float
    high: float
    generation_twh: float
    entry: Mapping[str, Any]

    def cells(self) -> list[str]:
        """The row as the table spells it."""
        numbers = [f"{number:.2f}" for number in (self.value, self.low, self.high)]
        names = [self.zone, self.iso2, self.name, str(self.year)]
        origin = [self.entry[key] for key in ("citation", "licence", "licence_class")]
        return [*names, SCOPE, FLOW, GAS, METHOD, *numbers, *origin]


def build(sources: Path, registry_path: Path = registry.REGISTRY) -> dict[str, bytes]:
    """The grid table from the raw files under `sources`: {"grid.csv": content}.

    Raises BuildError, naming file and row, for anything that must not become a factor.
    """
    known = registry.load(registry_path)
    rules = known["grid"]
    codes = iso_codes()
    releases = [read_release(sources, known, release, codes) for release in RELEASES]
    mixes = read_mixes(sources, known)
    fuels = spread.fuel_ranges()
    explained = {(item["zone"], item["year"]) for item in rules["explained"]}
    excluded = {item["zone"] for item in rules["excluded"]}

    rows = []
    for zone in sorted({zone for release in releases for zone in release} - excluded):
        candidates = [(i, release[zone]) for i, release in enumerate(releases) if zone in release]
        # The newest year wins; of equal years the newer release, which comes first.
        index, series = max(candidates, key=lambda item: (max(item[1].values), -item[0]))
        where = f"{RELEASES[index].path}: {zone}"
        others = [other.values for i, other in candidates if i != index]
        mix = mixes.get(zone) or unit_mix(mixes["WORLD"])
        check_series(where, zone, series.values, mix["total_TWh"], explained)
        check_revisions(where, zone, series.values, others, explained)
        year = max(series.values)
        if year < rules["oldest_year"]:
            raise BuildError(f"{where} {year}: older than {rules['oldest_year']}, exclude it")
        low, high = interval(series.values, others, mix, fuels, rules["use_year"])
        rows.append(
            Row(
                zone=zone,
                iso2=codes.get(zone, ""),
                name=series.name,
                year=year,
                value=series.values[year],
                low=low,
                high=high,
                generation_twh=mix["total_TWh"],
                entry=registry.entry(known, RELEASES[index].path),
            )
        )
    check_names(rows)
    rows.append(unknown_place(rows))
    return {"grid.csv": registry.csv_bytes(HEADER, [row.cells() for row in rows])}


def iso_codes(path: Path = HERE / "iso3166.csv") -> dict[str, str]:
    """ISO 3166-1 alpha-3 to alpha-2."""
    return {row["alpha3"]: row["alpha2"] for row in registry.read_csv(path, ("alpha3", "alpha2"))}


def read_release(
    sources: Path, known: dict[str, Any], release: Release, codes: Mapping[str, str]
) -> dict[str, Series]:
    """The countries and the world of one release; other aggregates are left out."""
    method = registry.entry(known, release.path)["method"]
    if method != METHOD:
        raise BuildError(f"{release.path}: method is {method!r}, this table holds {METHOD!r}")
    columns = (release.entity, release.code, release.year, release.value)
    found: dict[str, Series] = {}
    for row in registry.read_csv(sources / release.path, columns):
        name, raw_code, year, value = (row[column] for column in columns)
        # Ember leaves the code of every aggregate empty, also the world's.
        code = "WORLD" if name == "World" else CODES.get(raw_code, raw_code)
        if not code or not value or code.startswith("OWID_"):
            continue
        where = f"{release.path}: {code} {year}"
        if code != "WORLD" and code not in codes:
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


def read_mixes(sources: Path, known: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Generation in TWh per fuel of each country, with the intensity given for that mix."""
    path = registry.entry(known, MIX_PATH)["path"]
    raw = json.loads((sources / path).read_text(encoding="utf-8"))
    mixes: dict[str, dict[str, float]] = {
        zone: {key: float(mix[key]) for key in mix if key.endswith("_TWh") or key == INTENSITY_KEY}
        for zone, mix in raw.items()
    }
    world = {key: math.fsum(mix[key] for mix in mixes.values()) for key in next(iter(mixes.values()))}
    emitted = math.fsum(mix[INTENSITY_KEY] * mix["total_TWh"] for mix in mixes.values())
    mixes["WORLD"] = world | {INTENSITY_KEY: emitted / world["total_TWh"]}
    return mixes


def unit_mix(mix: Mapping[str, float]) -> dict[str, float]:
    """The shares of `mix` on 1 TWh, for a zone whose own mix and size are not in the raw data."""
    return {key: value if key == INTENSITY_KEY else value / mix["total_TWh"] for key, value in mix.items()}


def recent_steps(values: Mapping[int, float]) -> Iterator[tuple[int, float, float]]:
    """(year, value of the year before it in the series, its value) of the latest steps."""
    for before, after in pairwise(sorted(values)[-(RECENT_STEPS + 1) :]):
        yield after, values[before], values[after]


def check_series(
    where: str,
    zone: str,
    values: Mapping[int, float],
    generation_twh: float,
    explained: set[tuple[str, int]],
) -> None:
    """Refuse recent values out of range, and steps that neither rounding nor a reason explains."""
    for year in sorted(values)[-(RECENT_STEPS + 1) :]:
        if not LOWEST_G_PER_KWH <= values[year] <= HIGHEST_G_PER_KWH:
            raise BuildError(
                f"{where} {year}: {values[year]:g} g/kWh is outside"
                f" {LOWEST_G_PER_KWH:g} to {HIGHEST_G_PER_KWH:g}; is the unit right?"
            )
    for year, before, after in recent_steps(values):
        rounding = spread.rounding_spread(before, generation_twh) + spread.rounding_spread(after, generation_twh)
        smallest, largest = sorted((before, after))
        jumped = largest > LARGEST_STEP * smallest and largest - smallest > rounding
        if jumped and (zone, year) not in explained:
            raise BuildError(
                f"{where} {year}: {after:g} g/kWh after {before:g} the year before;"
                " a slipped unit, or a reason is missing in sources.toml"
            )


def check_revisions(
    where: str,
    zone: str,
    values: Mapping[int, float],
    others: list[dict[int, float]],
    explained: set[tuple[str, int]],
) -> None:
    """Refuse a recent value that another release puts far elsewhere."""
    for year in sorted(values)[-(RECENT_STEPS + 1) :]:
        for other in others:
            smallest, largest = sorted((values[year], other.get(year, values[year])))
            if largest > LARGEST_REVISION * smallest and (zone, year) not in explained:
                raise BuildError(
                    f"{where} {year}: {values[year]:g} g/kWh, another release has {other[year]:g};"
                    " a slipped unit or another method, or a reason is missing in sources.toml"
                )


def check_names(rows: list[Row]) -> None:
    """Refuse two rows that a user's spelling could not tell apart."""
    seen: dict[str, str] = {}
    for row in rows:
        for spelling in {row.zone.casefold(), row.iso2.casefold(), row.name.casefold()} - {""}:
            if spelling in seen:
                raise BuildError(f"{row.zone}: duplicate, {spelling!r} is {seen[spelling]} too")
            seen[spelling] = row.zone


def interval(
    values: Mapping[int, float],
    others: list[dict[int, float]],
    mix: Mapping[str, float],
    fuels: list[spread.FuelRange],
    use_year: int,
) -> tuple[float, float]:
    """Low and high of the newest value of a series, in g CO2e/kWh (see spread.py)."""
    value = values[max(values)]
    below, above = spread.factor_spread(mix, mix[INTENSITY_KEY], fuels)
    years = spread.year_spread(values, use_year, RECENT_STEPS)
    recent = sorted(values)[-RECENT_STEPS:]
    revision = max(abs(values[y] - other.get(y, values[y])) for y in recent for other in others)
    rounding = spread.rounding_spread(value, mix["total_TWh"])
    low = value - math.hypot(below * value, years, revision, rounding)
    high = value + math.hypot(above * value, years, revision, rounding)
    return max(low, min(value, LOWEST_G_PER_KWH)), high


def unknown_place(rows: list[Row]) -> Row:
    """The row for a place nobody named: the world's value, a range that spans the countries.

    Of every 100 kWh generated in the world the range leaves out about the 5 from the cleanest
    countries and the 5 from the dirtiest, each country taken at the end of its own interval.
    """
    world = next(row for row in rows if row.zone == "WORLD")
    countries = [row for row in rows if row.zone != "WORLD"]
    low = weighted_quantile([(row.low, row.generation_twh) for row in countries], 0.05)
    high = weighted_quantile([(row.high, row.generation_twh) for row in countries], 0.95)
    return Row(
        "UNKNOWN", "", "unknown place", world.year, world.value, low, high,
        world.generation_twh, world.entry,
    )  # fmt: skip


def weighted_quantile(pairs: list[tuple[float, float]], share: float) -> float:
    """The smallest value below or at which `share` of the weight lies; pairs (value, weight)."""
    target = share * math.fsum(weight for _, weight in pairs)
    reached = 0.0
    for value, weight in sorted(pairs):
        reached += weight
        if reached >= target:
            return value
    raise BuildError("no countries to span")
