"""Builds pycarbon/tables/hours.csv: the usual day of each month in eight US balancing areas, hour by hour.

The raw files hold every hour of 2022 with its generation by fuel and the lifecycle mean of that
mix. The direct mean is computed from the same mix. EIA names an hour by its end, and so do the files.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

from intensity import fuels, registry
from intensity.figures import Figure, figure
from intensity.registry import BuildError

AREAS = ("AZPS", "BPAT", "CISO", "ERCO", "MISO", "NYIS", "PJM", "SOCO")
YEAR = 2022
HOURS = 8760
ONE_HOUR = timedelta(hours=1)
# Read as ends, all solar plants run from sunrise to sunset, but PJM's an hour too early.
NAMED_BY_START = ("PJM",)
COLUMNS = {
    "COL": "coal", "OIL": "oil", "NG": "gas", "OTH": "other", "SUN": "solar", "WAT": "hydro", "NUC": "nuclear",
    "WND": "wind",
}  # fmt: skip
PUBLISHED = "avg_CI"
# The factors the files were made with; oil and solar differ a little from fuel_ranges.csv.
MADE_WITH = {
    "COL": 820.0,
    "OIL": 650.0,
    "NG": 490.0,
    "OTH": 230.0,
    "SUN": 41.0,
    "WAT": 24.0,
    "NUC": 12.0,
    "WND": 11.0,
}
METHODS = {
    "eia930-2022-lifecycle": ("lifecycle", "production", "CO2e"),
    "eia930-2022-direct": ("direct", "production", "CO2"),
}
STATISTICS = ("mean", "p10", "p90")
HEADER = (
    "zone", "year", "scope", "flow", "gas", "source", "month", "statistic", *(f"h{hour:02d}" for hour in range(24)),
)  # fmt: skip

# An hour whose total is not within these shares of the year's median is a report that failed.
TOTAL_SHARES = (0.35, 3.5)
# A fuel that leaps this share of the median total away from the hours around it is a slip.
LEAP_SHARE = 0.25
# Reactors run flat: nuclear above its usual most by this much is a slip, however long it lasts.
NUCLEAR_SHARE = 1.1
LARGEST_LEFT_OUT_SHARE = 0.01


@dataclass(frozen=True)
class Hour:
    """One hour of an area: start in UTC, generation in MWh by raw column, the published mean in g/kWh."""

    start: datetime
    mwh: dict[str, float]
    published: float

    @property
    def total_mwh(self) -> float:
        """All that was generated in the hour."""
        return math.fsum(self.mwh.values())


@dataclass(frozen=True)
class Area:
    """The hours of one area that are used, and how many were left out by reason."""

    name: str
    path: str
    hours: tuple[Hour, ...]
    left_out: dict[str, int]


def build(sources: Path, registry_path: Path = registry.REGISTRY) -> dict[str, bytes]:
    """The table of hours: {"hours.csv": content}; refuses an hour that is not its mix times factors."""
    known = registry.load(registry_path)
    table = fuels.read()
    rows = []
    for area in areas(sources, known):
        for source, method in METHODS.items():
            factors = factors_of(method[0], table)
            for month, statistic, cells in usual_days(area, factors):
                start = [f"US-{area.name}", str(YEAR), *method, source, str(month), statistic]
                rows.append([*start, *map(spelled, cells)])
    order = {name: index for index, name in enumerate(STATISTICS)}
    rows.sort(key=lambda row: (row[0], row[2], int(row[6]), order[row[7]]))
    return {"hours.csv": registry.csv_bytes(HEADER, rows)}


def collect(sources: Path, known: dict[str, Any]) -> list[Figure]:
    """The yearly figures of every area: all that was emitted over all that was generated."""
    table = fuels.read()
    found = []
    for area in areas(sources, known):
        for source, method in METHODS.items():
            registry.series(known, source, area.path)
            mwh = {column: math.fsum(hour.mwh[column] for hour in area.hours) for column in COLUMNS}
            factors = factors_of(method[0], table)
            value = weighted(mwh, factors)
            mix = {COLUMNS[column]: energy for column, energy in mwh.items()}
            below, above = fuels.spread(mix, table, method[0])
            departure = fuels.mean(mix, table, method[0]) - value
            widths = (max(below, -departure), max(above, departure))
            found.append(figure(f"{area.path}: {YEAR}", method, source, f"US-{area.name}", YEAR, value, *widths))
    return found


def notes(sources: Path, known: dict[str, Any]) -> list[str]:
    """One line for every area with hours that are not used, and why."""
    lines = []
    for area in areas(sources, known):
        counted = ", ".join(f"{count} {reason}" for reason, count in area.left_out.items() if count)
        if counted:
            lines.append(f"{area.path}: hours left out: {counted}")
    return lines


def factors_of(scope: str, table: Mapping[str, fuels.Fuel]) -> dict[str, float]:
    """g/kWh by raw column: what the file was made with, or the direct factors."""
    if scope == "lifecycle":
        return MADE_WITH
    return {column: table[fuel].direct.value for column, fuel in COLUMNS.items()}


def weighted(mwh: Mapping[str, float], factors: Mapping[str, float]) -> float:
    """The mean of a mix in g/kWh."""
    return math.fsum(mwh[column] * factor for column, factor in factors.items()) / math.fsum(mwh.values())


def areas(sources: Path, known: dict[str, Any]) -> list[Area]:
    """Every area, with the hours that are used."""
    paths = [registry.entry(known, f"hourly/eia930_{name}_{YEAR}_hourly_mix_ci.csv.gz")["path"] for name in AREAS]
    return [read_area(name, (sources / path).resolve(), path) for name, path in zip(AREAS, paths, strict=True)]


@lru_cache(maxsize=len(AREAS))
def read_area(name: str, file: Path, path: str) -> Area:
    """One raw file, called `path` in messages; refuses a published mean that is not its mix times factors."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    if len(rows) != HOURS:
        raise BuildError(f"{path}: {len(rows)} hours, expected {HOURS}")
    hours: list[Hour] = []
    left_out: dict[str, int] = defaultdict(int)
    first = datetime(YEAR, 1, 1, tzinfo=timezone.utc)
    for index, row in enumerate(rows):
        named = datetime.fromisoformat(row["timestamp"])
        where = f"{path}: {row['timestamp']}"
        if named != first + index * ONE_HOUR:
            raise BuildError(f"{where}: expected {first + index * ONE_HOUR}")
        if any(not row[column] for column in (*COLUMNS, PUBLISHED)):
            left_out["not reported"] += 1
            continue
        start = named if name in NAMED_BY_START else named - ONE_HOUR
        hour = Hour(start, {column: float(row[column]) for column in COLUMNS}, float(row[PUBLISHED]))
        if min(hour.mwh.values()) < 0 or not hour.total_mwh > 0:
            left_out["negative or no generation"] += 1
            continue
        if abs(weighted(hour.mwh, MADE_WITH) - hour.published) > 0.01:
            raise BuildError(
                f"{where}: {PUBLISHED} is {hour.published:g}, its mix gives {weighted(hour.mwh, MADE_WITH):g};"
                " another unit or other factors"
            )
        hours.append(hour)
    kept = drop_slips(hours, left_out)
    if sum(left_out.values()) > LARGEST_LEFT_OUT_SHARE * HOURS:
        raise BuildError(f"{path}: {sum(left_out.values())} hours cannot be used")
    return Area(name, path, tuple(kept), dict(left_out))


def drop_slips(hours: Sequence[Hour], left_out: dict[str, int]) -> list[Hour]:
    """The hours without failed reports; counts the others in `left_out` by reason."""
    usual = median(hour.total_mwh for hour in hours)
    low, high = (share * usual for share in TOTAL_SHARES)
    whole = [hour for hour in hours if low <= hour.total_mwh <= high]
    left_out["total out of range"] += len(hours) - len(whole)
    nuclear = sorted(hour.mwh["NUC"] for hour in whole)[int(0.95 * len(whole))]
    kept = []
    for index, hour in enumerate(whole):
        around = whole[max(index - 2, 0) : index + 3]
        leap = max(abs(hour.mwh[column] - median(near.mwh[column] for near in around)) for column in COLUMNS)
        if leap > LEAP_SHARE * usual:
            left_out["one fuel leaps"] += 1
        elif hour.mwh["NUC"] > NUCLEAR_SHARE * nuclear:
            left_out["more nuclear than there is"] += 1
        else:
            kept.append(hour)
    return kept


def usual_days(area: Area, factors: Mapping[str, float]) -> list[tuple[int, str, list[float]]]:
    """(month, statistic, 24 values in g/kWh by UTC hour): the mean over the days, weighted, and p10, p90."""
    groups: dict[tuple[int, int], list[Hour]] = defaultdict(list)
    for hour in area.hours:
        groups[hour.start.month, hour.start.hour].append(hour)
    days: list[tuple[int, str, list[float]]] = []
    for month in range(1, 13):
        cells: dict[str, list[float]] = {name: [] for name in STATISTICS}
        for clock in range(24):
            group = groups[month, clock]
            if len(group) < 20:
                raise BuildError(f"{area.path}: month {month} hour {clock}: only {len(group)} days")
            values = sorted(weighted(hour.mwh, factors) for hour in group)
            mwh = {column: math.fsum(hour.mwh[column] for hour in group) for column in COLUMNS}
            cells["mean"].append(weighted(mwh, factors))
            cells["p10"].append(quantile(values, 0.1))
            cells["p90"].append(quantile(values, 0.9))
        days += [(month, name, cells[name]) for name in STATISTICS]
    return days


def spelled(value: float) -> str:
    """Whole grams, and tenths where a gram would be more than a percent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def quantile(values: Sequence[float], share: float) -> float:
    """The quantile of sorted values, linear between neighbours."""
    position = share * (len(values) - 1)
    index = min(int(position), len(values) - 2)
    return values[index] + (position - index) * (values[index + 1] - values[index])
