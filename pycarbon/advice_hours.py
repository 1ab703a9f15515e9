"""When the same run would emit less: an hour later, or as many as a day has.

The run is moved as it is, by whole hours: what it used in each of its hours meets the intensity of a later hour, of
the same month. An hour that it would touch either way emits the same either way, so only what is moved out of an
hour, or into it, can be saved. Where the shipped table made the hours, the error of the year's mean is that of every
hour of the zone and is shared; how far single days differ is not, and each hour may lie anywhere among the days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from pycarbon.advice import Advice, Saving, Used, advice
from pycarbon.emissions import JOULES_PER_KWH
from pycarbon.errors import IntensityError
from pycarbon.hours import EnergyByHour, Hours, start_of, typical
from pycarbon.intensity import Intensity, Method, choose
from pycarbon.interval import Range

DAY_H = 24
LONGEST_S = 24 * 3600.0
_EARLIEST, _LATEST = 1970, 9000  # a day more or less is a date still


@dataclass(frozen=True, slots=True)
class _Grid:
    """A zone's hours in g/kWh, and what all of them are off by: a factor with its ends."""

    hours: Hours
    level: Range

    def at(self, month: int, hour: int) -> tuple[float, float, float] | None:
        """Low, mean and high of an hour after 1970; of a typical year that of the month, wherever the hour lies."""
        if self.hours.kind != "typical":
            return self.hours.at(hour)
        hours, index = self.hours, (month - 1) * DAY_H + hour % DAY_H
        return hours.low_g_per_kwh[index], hours.mean_g_per_kwh[index], hours.high_g_per_kwh[index]


def later(used: Used, started: datetime | None, duration_s: float) -> tuple[list[Advice], str]:
    """The start within the next day that emits least, where that is less; else none, and why."""
    intensity, by_hour = used.rating.intensity, used.by_hour
    if intensity.hours is None:
        return [], f"there are no hourly figures of {_where(intensity)}"
    if duration_s > LONGEST_S or (by_hour is not None and len(by_hour.energy_j) > DAY_H + 1):
        return [], "it took longer than a day: every hour of the day was in it"
    if started is None or by_hour is None or not _EARLIEST <= started.year <= _LATEST:
        return [], "the run does not say when it was"
    grid = _grid(intensity, intensity.hours)
    found = {shift: saved for shift in range(1, DAY_H) if (saved := _saved(grid, by_hour, shift)) is not None}
    if not found:
        return [], f"the run's own hours are known, and no others{_instead(intensity, started)}"
    best = max(found, key=lambda shift: (found[shift].best, -shift))
    worst = min(found, key=lambda shift: (found[shift].best, shift))
    if found[best].best <= 0:
        return [], "it began at the best hour of the day"
    saving, cost = (_in_g(used, grid.level, found[shift]) for shift in (best, worst))
    return [_advice(used, started, grid.hours.kind, best, saving, worst, min(cost.best, 0.0))], ""


def _saved(grid: _Grid, by_hour: EnergyByHour, shift: int) -> Saving | None:
    """What each kWh of the run emits less, so many hours later; None where an hour has no value."""
    weights = [max(0.0, joules) for joules in by_hour.energy_j]
    if sum(weights) <= 0:
        weights = [1.0] * len(weights)
    total = sum(weights)
    moved_out: dict[tuple[int, int], float] = {}
    for number, weight in enumerate(weights):
        hour = by_hour.first_hour + number
        month = start_of(hour).month
        for when, sign in ((hour, 1.0), (hour + shift, -1.0)):
            moved_out[month, when] = moved_out.get((month, when), 0.0) + sign * weight / total
    low = best = high = 0.0
    for (month, hour), part in moved_out.items():
        value = grid.at(month, hour)
        if value is None:
            return None
        least, mean, most = value if part >= 0 else value[::-1]
        low, best, high = low + part * least, best + part * mean, high + part * most
    return Saving(min(low, best), best, max(high, best))


def _in_g(used: Used, level: Range, per_kwh: Saving) -> Saving:
    emissions = used.emissions
    pue = Range(emissions.low_pue, emissions.pue, emissions.high_pue)
    return per_kwh.times(level).times(pue).times(used.energy.times(1 / JOULES_PER_KWH))


def _grid(one: Intensity, hours: Hours) -> _Grid:
    """The hours with what they share told apart, where the table still has those that the run was counted by."""
    apart = typical(one.zone, one.year, one.scope, one.flow, one.gas) if hours.kind == "typical" else None
    if apart is None or apart.mean_g_per_kwh != hours.mean_g_per_kwh or one.intensity_g_per_kwh <= 0:
        return _Grid(hours, Range(1.0, 1.0, 1.0))
    mean = one.intensity_g_per_kwh
    return _Grid(apart, Range(one.low_g_per_kwh / mean, 1.0, one.high_g_per_kwh / mean))


def _advice(used: Used, started: datetime, kind: str, best: int, saving: Saving, worst: int, cost_g: float) -> Advice:
    start, bad = (started.astimezone(timezone.utc) + timedelta(hours=shift) for shift in (best, worst))
    offset = started.utcoffset() or timedelta(0)
    return advice(
        "hour",
        f"start {best} h later, at {clock(start, offset)}",
        used.emissions.zone,
        saving,
        used.emissions,
        shift_h=best,
        start_at=start.isoformat(timespec="seconds"),
        worst_shift_h=worst if cost_g < 0 else 0,
        worst_start_at=(bad if cost_g < 0 else started.astimezone(timezone.utc)).isoformat(timespec="seconds"),
        worst_saved_g=cost_g,
        utc_offset_s=offset.total_seconds(),
        hours=kind,
    )


def clock(time: datetime, offset: timedelta) -> str:
    """Write a time of day in UTC, and as clocks showed it where the run was."""
    there = "" if not offset else f" ({(time + offset):%H:%M} there)"
    return f"{time:%H:%M} UTC{there}"


def _instead(intensity: Intensity, at: datetime) -> str:
    """What to type for typical days, where the table has them of that place by that method."""
    place = intensity.asked or intensity.zone
    try:
        typical_days = choose(place, Method(intensity.scope, intensity.flow, intensity.gas), at=at).taken.hours
    except IntensityError:
        return ""
    return f": --zone {place} counts by typical days" if typical_days else ""


def _where(intensity: Intensity) -> str:
    return intensity.zone if intensity.place_known else "an unknown place"
