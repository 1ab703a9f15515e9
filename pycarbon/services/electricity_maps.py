"""Electricity Maps, versions 3 and 4: the mix that a zone uses, imports followed, hour by hour.

Average, consumption, CO2e, lifecycle or direct. See https://portal.electricitymaps.com/developer-hub/api.
A free key sees one zone, its last 24 hours and no forecast, for non-commercial use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pycarbon.services import keys
from pycarbon.services.checks import array, field, following, g_per_kwh, in_order, moment, table, widened
from pycarbon.services.client import Client, Service, Values
from pycarbon.services.electricity_maps_zones import zone_for
from pycarbon.services.reading import Question, Reading, Unusable

SERVICE = Service("electricitymaps", "Electricity Maps", "https://api.electricitymaps.com/v3", interval_s=0.2)
TYPES = ("average",)
SCOPES = ("lifecycle", "direct")

KEYS = ("ELECTRICITYMAPS_TOKEN", "PYCARBON_ELECTRICITYMAPS_KEY")

OLDEST_LATEST = timedelta(hours=3)
"""A latest value of an hour that began longer ago says nothing of now."""
_HOUR = timedelta(hours=1)
_HISTORY = timedelta(hours=23)  # the last 24 hours, and the first of them may be gone when the answer comes
_CHUNK = timedelta(days=10)
_HORIZONS_H = (24, 48, 72)
_PERIODS = {"5_minutes": timedelta(minutes=5), "15_minutes": timedelta(minutes=15), "hourly": _HOUR}
_RIGHTS = "this data is the exclusive property of"
"""How a note about rights begins, which also true data may carry."""

__all__ = ["SCOPES", "SERVICE", "TYPES", "covers", "fetch", "zone_for"]


def covers() -> str:
    """What it has, for people."""
    return "most countries and many of their grids, also by its own names, as electricitymaps:US-CAL-CISO"


def fetch(client: Client, question: Question) -> Sequence[Reading]:
    """The forecast, the last day or a longer past; raises IntensityError, Unusable.

    The newest value stands until the end of the running hour, marked as estimated, unless it is
    older than three hours.
    """
    key = keys.find(SERVICE.title, KEYS, question.environ)
    headers: Values = {"auth-token": key}
    params = {"zone": question.zone, "emissionFactorType": question.scope}
    now = client.clocks.now()
    if question.forecast:
        return _forecast(client, question, params, headers)
    if question.start < now - _HISTORY:
        return _past(client, question, params, headers)
    found: list[Reading] = []
    hour = now.replace(minute=0, second=0, microsecond=0)
    if question.start < hour:
        found = client.readings(
            "/carbon-intensity/history", params, lambda answer: _read(answer, question), keep="live", headers=headers
        )
    if not found or found[-1].end < min(question.end, hour + _HOUR):
        latest = client.readings(
            "/carbon-intensity/latest",
            params,
            lambda answer: _latest(answer, question, now),
            keep="live",
            headers=headers,
        )
        found = [*found, *following(found, latest)]
        if found and found[-1].end <= hour and question.end > hour:
            found[-1] = replace(found[-1], end=hour + _HOUR, estimated=True)
    return found


def _forecast(client: Client, question: Question, params: dict[str, str], headers: Values) -> Sequence[Reading]:
    hours = (question.end - client.clocks.now()).total_seconds() / 3600
    horizon = next((horizon for horizon in _HORIZONS_H if hours <= horizon), None)
    if horizon is None:
        raise Unusable(f"its forecast reaches {_HORIZONS_H[-1]} hours ahead, not {hours:.0f}")
    if horizon != _HORIZONS_H[0]:
        params = {**params, "horizonHours": str(horizon)}
    return client.readings(
        "/carbon-intensity/forecast",
        params,
        lambda answer: _read(answer, question),
        keep="forecast",
        headers=headers,
    )


def _past(client: Client, question: Question, params: dict[str, str], headers: Values) -> Sequence[Reading]:
    found: list[Reading] = []
    start, last = widened(question.start, question.end, _HOUR)
    while start < last:
        end = min(start + _CHUNK, last)
        told = client.readings(
            "/carbon-intensity/past-range",
            {**params, "start": _spelled(start), "end": _spelled(end)},
            lambda answer: _read(answer, question),
            keep="history",
            headers=headers,
        )
        found += following(found, told)
        start = end
    return found


def _spelled(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _latest(answer: Any, question: Question, now: datetime) -> list[Reading]:
    found = _row(answer, table(answer, "the answer"), question)
    age = now - found.start
    if age >= OLDEST_LATEST:
        raise Unusable(
            f"its latest value is {age.total_seconds() / 3600:.0f} h old, of {found.start:%Y-%m-%d %H:%M} UTC"
        )
    if found.start > now:
        raise Unusable(f"its latest value is of {found.start:%Y-%m-%d %H:%M} UTC, which is still to come")
    return [found]


def _read(answer: Any, question: Question) -> list[Reading]:
    names = ("forecast", "data") if question.forecast else ("history", "data")
    rows = next((answer[name] for name in names if name in table(answer, "the answer")), None)
    return in_order(_row(answer, table(row, "a value"), question) for row in array(rows, f"its {names[0]}"))


def _row(answer: dict[str, Any], row: dict[str, Any], question: Question) -> Reading:
    """One value; what the row does not say itself, the answer around it has to say."""
    _refuse_sandbox(answer)
    _refuse_sandbox(row)
    told = {**answer, **row}
    for zone in (field(told, "zone", "the answer"), answer.get("zone", question.zone)):
        if zone != question.zone:
            raise Unusable(f"it is for the zone {str(zone)[:40]!r}, not {question.zone!r}")
    scope = told.get("emissionFactorType", question.scope)
    if scope != question.scope:
        raise Unusable(f"it is {str(scope)[:40]!r}, not {question.scope!r}")
    unit = told.get("unit", "gCO2eq/kWh")
    if unit not in ("gCO2eq/kWh", "gCO2e/kWh"):
        raise Unusable(f"its unit is {str(unit)[:40]!r}, not gCO2eq/kWh")
    granularity = told.get("temporalGranularity", "hourly")
    if not isinstance(granularity, str) or granularity not in _PERIODS:
        raise Unusable(f"its values are {str(granularity)[:40]!r}, not hourly")
    start = moment(field(row, "datetime", "a value"), "datetime")
    updated = told.get("updatedAt")
    if question.forecast and updated is None:
        raise Unusable("the forecast does not say when it was made")
    return Reading(
        start,
        start + _PERIODS[granularity],
        g_per_kwh(field(row, "carbonIntensity", "a value"), "carbonIntensity"),
        scope=question.scope,
        zone=question.zone,
        source=f"Electricity Maps, {question.zone}",
        estimated=told.get("isEstimated") is True and not question.forecast,
        forecast=question.forecast,
        issued_at=None if updated is None else moment(updated, "updatedAt"),
    )


def _refuse_sandbox(members: dict[str, Any]) -> None:
    """A sandbox key gets random numbers, marked by a disclaimer and by the method of estimation."""
    for name, value in members.items():
        text = str(value).lower() if isinstance(value, (str, bool)) else ""
        disclaims = "disclaimer" in name.lower() and text and not text.startswith(_RIGHTS)
        if disclaims or "sandbox" in text or ("sandbox" in name.lower() and value):
            raise Unusable("it is made up, for a sandbox key: set a key for true data")
