"""What a grid service said of a run's own hours, as the factor that its joules meet: only where somebody asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pycarbon import hours, zones
from pycarbon.errors import IntensityError
from pycarbon.hours import hour_of, start_of
from pycarbon.intensity import Intensity, method_text
from pycarbon.rating import Rating
from pycarbon.zones import Zone

if TYPE_CHECKING:
    from pycarbon.services.reading import Reading

Ask = Callable[[str, "Zone | str", datetime, datetime], "Sequence[Reading]"]
"""(service, zone or service:ITS_ZONE, start, end) to the periods of that time, as pycarbon.services gives them."""


LONGEST_S = 10.0
"""Whoever waits for a run to end does not wait longer for a service, however many questions it takes."""

_MOMENT = timedelta(microseconds=1)
"""A run that ends on the hour has nothing of the next one."""


def rate(rating: Rating, service: str, start: datetime, end: datetime, ask: Ask | None = None) -> Rating:
    """The rating with what a service says of the hours from `start` to `end` (with offsets), in the same zone.

    `service` is its name, or NAME:ZONE with the service's own name of the zone.

    An average takes the place of the factor, which becomes the first of the others; a marginal is kept apart, among
    the others, and never takes it. Where the service gives no range, its figure is as uncertain as the shipped one
    for that zone is in proportion: both rest on the same kind of factors. IntensityError, in one line, where the
    service has no good answer; then nothing has changed.
    """
    place = _place(rating, service)
    try:
        end = max(end, start + timedelta(seconds=1))
    except OverflowError:
        raise IntensityError(f"{service} was not asked: {start:%Y-%m-%d} is no time of a grid") from None
    told = (ask or _asker(rating))(*_spelled(service, place), start, end)
    its = _of(place, rating, from_readings(told, rating.intensity, hour_of(start), hour_of(end - _MOMENT)))
    if its.type == "marginal":
        return replace(rating, others=(its, *rating.others))
    return replace(rating, intensity=its, others=(replace(rating.intensity, hours=None), *rating.others))


def forecast(rating: Rating, service: str, start: datetime, count: int, ask: Ask | None = None) -> Intensity:
    """What a service expects of `count` hours, from the one that `start` lies in on; IntensityError as `rate`."""
    first = hour_of(start)
    place = _place(rating, service)
    told = (ask or _asker(rating, forecast=True))(*_spelled(service, place), start, start_of(first + count))
    return _of(place, rating, from_readings(told, rating.intensity, first, first + count - 1))


def _place(rating: Rating, service: str) -> Zone:
    """The zone to ask for: of a cloud region the smallest whose electricity it takes."""
    if rating.asked is None:
        raise IntensityError(f"{service} was not asked: nobody said where this is; type --zone ZONE")
    place = zones.find(rating.asked)
    return zones.by_id(place.within[0]) if place.kind == "cloud" else place


def _spelled(service: str, place: Zone) -> tuple[str, Zone | str]:
    """The service and the zone to ask it for: NAME:ZONE is a service's own zone."""
    name, colon, _ = service.partition(":")
    return name, service if colon else place


def _of(place: Zone, rating: Rating, its: Intensity) -> Intensity:
    """What was told is of the zone that was asked for, also where the shipped figure is of a larger one."""
    return replace(its, zone=place.zone, name=place.name, asked=None if rating.asked == place.zone else rating.asked)


def _asker(rating: Rating, forecast: bool = False, total_s: float = math.inf) -> Ask:
    """Ask for what the service usually tells, by the scope of the rating where the service has it."""

    def ask(service: str, zone: Zone | str, start: datetime, end: datetime) -> Sequence[Reading]:
        from pycarbon import services

        types, scopes = services.offered(service)
        scope = rating.intensity.scope if rating.intensity.scope in scopes else None
        return services.readings(
            service, zone, start, end, forecast=forecast, type=types[0], scope=scope, total_s=total_s
        )

    return ask


def from_readings(told: Sequence[Reading], offline: Intensity, first: int, last: int) -> Intensity:
    """Readings as the intensity of the UTC hours `first` to `last`; IntensityError where one of them is left out."""
    if not told:
        raise IntensityError("the service told nothing of that time")
    below, above = 0.0, 0.0
    if offline.intensity_g_per_kwh > 0:
        below = 1 - offline.low_g_per_kwh / offline.intensity_g_per_kwh
        above = offline.high_g_per_kwh / offline.intensity_g_per_kwh - 1
    periods = []
    for one in told:
        low = one.g_per_kwh * (1 - below) if one.low_g_per_kwh is None else one.low_g_per_kwh
        high = one.g_per_kwh * (1 + above) if one.high_g_per_kwh is None else one.high_g_per_kwh
        periods.append((one.start, one.end, min(low, one.g_per_kwh), one.g_per_kwh, max(high, one.g_per_kwh)))
    its = hours.actual(periods, first, last)
    if its is None:
        raise IntensityError(f"{told[0].source} leaves out hours of that time")
    count = len(its.mean_g_per_kwh)
    one = told[0]
    estimates = sum(reading.estimated for reading in told)
    remarks = [
        f"{estimates} of {len(told)} values of {one.source} are estimates" if estimates else "",
        f"{one.source} gave a forecast" if any(reading.forecast for reading in told) else "",
    ]
    return Intensity(
        offline.zone,
        offline.name,
        sum(its.mean_g_per_kwh) / count,
        sum(its.low_g_per_kwh) / count,
        sum(its.high_g_per_kwh) / count,
        one.start.year,
        method_text(one.scope, one.flow, one.gas, one.type),
        one.source,
        True,
        one.scope,
        one.flow,
        one.gas,
        one.type,
        offline.asked,
        "; ".join(filter(None, remarks)),
        its,
    )


def footer(
    rating: Rating, service: str, start: datetime, end: datetime, notes: list[str], ask: Ask | None = None
) -> dict[str, Any]:
    """What a run's footer says of its rating once a service was asked; nothing, and a note, where that failed."""
    try:
        asked = rate(rating, service, start, end, ask or _asker(rating, total_s=LONGEST_S))
    except IntensityError as error:
        notes.append(f"{error}; {rating.intensity.source} is used instead, the {rating.intensity.year} mean")
        return {}
    meta = asked.to_meta()
    return {name: meta[name] for name in ("intensity", "intensity_alternatives")}
