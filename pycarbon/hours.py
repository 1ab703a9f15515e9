"""How the carbon of a kilowatt-hour goes up and down with the hours, and what it comes to over a run.

Hours are UTC, counted from 1970, so that a place's own clock and its changes never matter.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Literal

from pycarbon import shipped

TABLE = "hours.csv"

HOUR_S = 3600
HOURS_OF_A_YEAR = 12 * 24
"""A typical year has a day for each month."""

LATEST_HOUR = 70_000_000
"""After 1970: the last of the years that datetime knows is 9999."""

MOST_HOURS = 10 * 366 * 24
"""Of a run whose clock says more, nobody knows the hours."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Hours:
    """Hourly intensities in g/kWh: the mean of each hour and between which values it lies.

    "typical": 288 values, the hours of a day in each month of a year, January first; the interval holds the days of
    that month. "actual": the hours themselves, the first of them being `first_hour` hours after 1970.
    """

    kind: Literal["typical", "actual"]
    first_hour: int
    mean_g_per_kwh: list[float]
    low_g_per_kwh: list[float]
    high_g_per_kwh: list[float]

    def __post_init__(self) -> None:
        """Refuse lists of different lengths, and an hour whose mean is not within its interval."""
        columns = (self.low_g_per_kwh, self.mean_g_per_kwh, self.high_g_per_kwh)
        if len({len(column) for column in columns}) != 1 or not self.mean_g_per_kwh:
            raise ValueError("hourly values must be as many means as lows and highs, and at least one")
        if not all(0 <= low <= mean <= high for low, mean, high in zip(*columns, strict=True)):
            raise ValueError("an hour's mean must lie within its interval")
        if self.kind == "typical" and len(self.mean_g_per_kwh) != HOURS_OF_A_YEAR:
            raise ValueError(f"a typical year has {HOURS_OF_A_YEAR} hours, not {len(self.mean_g_per_kwh)}")

    def at(self, hour: int) -> tuple[float, float, float] | None:
        """Low, mean and high of an hour after 1970; None where it is before the first or after the last."""
        index = typical_index(hour) if self.kind == "typical" else hour - self.first_hour
        if not 0 <= index < len(self.mean_g_per_kwh):
            return None
        return self.low_g_per_kwh[index], self.mean_g_per_kwh[index], self.high_g_per_kwh[index]

    def widened(self, below: float, above: float) -> Hours:
        """The hours with a relative error that all of them share, added in quadrature to each one's own."""
        rows = list(zip(self.low_g_per_kwh, self.mean_g_per_kwh, self.high_g_per_kwh, strict=True))
        return Hours(
            self.kind,
            self.first_hour,
            self.mean_g_per_kwh,
            [max(0.0, min(low, mean - math.hypot(mean - low, mean * below))) for low, mean, _ in rows],
            [max(high, mean + math.hypot(high - mean, mean * above)) for _, mean, high in rows],
        )


@dataclass(frozen=True, slots=True)
class EnergyByHour:
    """What a run used in each UTC hour it touched, in J; the first of them is `first_hour` hours after 1970."""

    first_hour: int
    energy_j: tuple[float, ...]


def weighted(hours: Hours, energy: EnergyByHour) -> tuple[float, float, float] | None:
    """Low, mean and high in g/kWh of an energy that was used hour by hour: sum(energy x intensity) / sum(energy).

    The hours' errors are taken to go together, so that the interval cannot be too narrow. A run that used nothing
    weighs its hours alike. None where an hour has no value.
    """
    found = [hours.at(energy.first_hour + number) for number in range(len(energy.energy_j))]
    values = [value for value in found if value is not None]
    if len(values) != len(found) or not values:
        return None
    most = max(energy.energy_j)
    weights = [max(0.0, joules / most) for joules in energy.energy_j] if most > 0 else [1.0] * len(values)
    total = sum(weights)
    low, mean, high = (
        sum(weight * value[end] for weight, value in zip(weights, values, strict=True)) / total for end in range(3)
    )
    return min(low, mean), mean, max(mean, high)


def hour_of(time: datetime) -> int:
    """The UTC hour that a time with an offset lies in, counted from 1970."""
    return (time - _EPOCH) // timedelta(hours=1)


def start_of(hour: int) -> datetime:
    """When an hour after 1970 begins, in UTC."""
    return _EPOCH + timedelta(hours=hour)


def typical_index(hour: int) -> int:
    """Where an hour after 1970 stands in a typical year."""
    time = start_of(hour)
    return (time.month - 1) * 24 + time.hour


@lru_cache(maxsize=64)
def typical(zone: str, year: int, scope: str, flow: str, gas: str) -> Hours | None:
    """The typical year of a zone from the shipped table; None where it has none by that method.

    Raises IntensityError where the table cannot be read.
    """
    method = [str(year), scope, flow, gas]
    rows: dict[tuple[str, int], list[str]] = {}
    try:
        for line in shipped.lines_of(TABLE, zone):
            cells = line.split(",")
            if cells[1:5] == method:
                rows[cells[7], int(cells[6])] = cells[8:]
        if not rows:
            return None
        mean, low, high = (_year(rows, statistic) for statistic in ("mean", "p10", "p90"))
    except (ValueError, LookupError) as error:
        raise shipped.broken(TABLE, error) from error
    # A month of few and very unlike days may have its weighted mean outside the tenth and the ninetieth hundredth.
    low = [min(pair) for pair in zip(low, mean, strict=True)]
    high = [max(pair) for pair in zip(high, mean, strict=True)]
    return Hours("typical", 0, mean, low, high)


def _year(rows: dict[tuple[str, int], list[str]], statistic: str) -> list[float]:
    return [float(value) for month in range(1, 13) for value in rows[statistic, month]]


def actual(periods: Sequence[tuple[datetime, datetime, float, float, float]], first: int, last: int) -> Hours | None:
    """Hourly means from periods (start, end, low, mean, high), for the hours `first` to `last`, both included.

    Periods are in order and do not overlap; each counts by its time in the hour. None where an hour is not covered.
    """
    starts = [period[0] for period in periods]
    columns: tuple[list[float], list[float], list[float]] = ([], [], [])
    for hour in range(first, last + 1):
        start, end = start_of(hour), start_of(hour + 1)
        number = max(0, bisect_left(starts, start) - 1)
        covered, sums = timedelta(0), [0.0, 0.0, 0.0]
        while number < len(periods) and periods[number][0] < end:
            begins, ends, *values = periods[number]
            span = min(ends, end) - max(begins, start)
            if span > timedelta(0):
                covered += span
                sums = [total + value * span.total_seconds() for total, value in zip(sums, values, strict=True)]
            number += 1
        if covered <= timedelta(0):
            return None
        for column, total in zip(columns, sums, strict=True):
            column.append(total / covered.total_seconds())
    low, mean, high = columns
    return Hours("actual", first, mean, low, high)


def from_dict(values: dict[str, Any] | None) -> Hours | None:
    """Read what dataclasses.asdict made of Hours; ValueError, TypeError or KeyError where it is something else."""
    if values is None:
        return None
    return Hours(**{field.name: values[field.name] for field in fields(Hours)})  # a later version may say more
