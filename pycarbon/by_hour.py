"""A run's energy by the hours of the day: what meets the grid's hourly intensities."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from pycarbon.hours import HOUR_S, LATEST_HOUR, MOST_HOURS, EnergyByHour, hour_of
from pycarbon.run import RunData
from pycarbon.supply import Supply
from pycarbon.wall_clock import WallClock

HOUR_NS = HOUR_S * 1_000_000_000
STEADY_S = 60
"""A run that ends so long before its hour does is within that hour, whatever its clock was set by meanwhile."""


def single_hour(data: RunData) -> int | None:
    """The only UTC hour that a run touched, by when it began and how long it took; None where that is not sure."""
    asleep_s = data.asleep_s
    if asleep_s is None or any("clock_step_ns" in event for event in data.events):
        return None
    try:
        started = datetime.fromisoformat(str(data.meta["started_at"]))
        # A run may be a part of what its metadata tells of.
        first_s, last_s = ((at_ns - data.meta["start_ns"]) / 1e9 for at_ns in (data.start_ns, data.end_ns))
        first = hour_of(started + timedelta(seconds=first_s))
        last = hour_of(started + timedelta(seconds=last_s + asleep_s + STEADY_S))
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return first if 0 <= first == last else None


def energy_by_hour(data: RunData, supplies: Sequence[Supply], total_j: float) -> EnergyByHour | None:
    """What a run used in each UTC hour it touched; None where it does not say when it was."""
    only = single_hour(data)
    if only is not None:
        return EnergyByHour(only, (total_j,))
    try:
        clock = WallClock(data)
    except ValueError:
        return None
    start_ns, end_ns = (int(wall) for wall in clock.wall_ns(np.array([data.start_ns, data.end_ns], dtype=np.int64)))
    first, last = start_ns // HOUR_NS, max(start_ns, end_ns - 1) // HOUR_NS
    if first < 0 or last > LATEST_HOUR or last - first >= MOST_HOURS:
        return None
    inner_ns = _when(clock, np.arange(first + 1, last + 1, dtype=np.int64) * HOUR_NS, data.start_ns, data.end_ns)
    border_ns = np.concatenate([[data.start_ns], inner_ns, [data.end_ns]]).astype(np.float64)
    level_j = sum((supply.level_j(border_ns) for supply in supplies), np.zeros(len(border_ns)))
    if total_j > 0 and level_j[-1] <= level_j[0]:
        return None  # another tool told the total alone
    return EnergyByHour(int(first), tuple(np.maximum(np.diff(level_j), 0.0).tolist()))


def _when(clock: WallClock, wall_ns: NDArray[np.int64], start_ns: int, end_ns: int) -> NDArray[np.int64]:
    """When, on the run's clock, the wall clock showed each time: by halving, since it never goes back."""
    low, high = np.full_like(wall_ns, start_ns), np.full_like(wall_ns, end_ns)
    while len(low) and int((high - low).max()) > 1:
        middle = low + (high - low) // 2
        before = clock.wall_ns(middle) < wall_ns
        low, high = np.where(before, middle, low), np.where(before, high, middle)
    return high
