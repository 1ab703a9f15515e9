"""WattTime, version 3: marginal rates (co2_moer) of the past and as a forecast, average ones (co2_aoer) of the past.

Operating CO2 of power plants in pounds per MWh. See https://docs.watttime.org; a free account sees CAISO_NORTH only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from pycarbon.services import keys
from pycarbon.services.checks import (
    array,
    field,
    following,
    g_per_kwh,
    in_order,
    moment,
    number,
    table,
    widened,
    word,
)
from pycarbon.services.client import Client, Service, Values
from pycarbon.services.reading import Question, Reading, Unusable

SERVICE = Service("watttime", "WattTime", "https://api.watttime.org", interval_s=0.2)
TYPES = ("marginal", "average")
SCOPES = ("direct",)

USERS = ("WATTTIME_USER", "PYCARBON_WATTTIME_USER")
PASSWORDS = ("WATTTIME_PASSWORD", "PYCARBON_WATTTIME_PASSWORD")

G_PER_KWH_OF_LB_PER_MWH = 0.45359237
_SIGNALS = {"marginal": "co2_moer", "average": "co2_aoer"}
_UNITS = "lbs_co2_per_mwh"
_CHUNK = timedelta(days=30)  # one request may ask for 32 days
_FURTHEST_H = 72
_FIVE_MINUTES = timedelta(minutes=5)
_LATE = timedelta(hours=1)
_REGIONS = {
    "AUT": "AT",
    "BEL": "BE",
    "CHE": "CH",
    "DEU": "DE",
    "ESP": "ES",
    "FRA": "FR",
    "GBR": "UK",
    "ITA": "IT",
    "NLD": "NL",
    "POL": "PL",
    "PRT": "PT",
    "US-AZPS": "AZPS",
    "US-BPAT": "BPA",
    "US-SOCO": "SOCO",
}


def zone_for(zone: str) -> str | None:
    """A region; None also for areas that it divides, as US-CISO, where one has to be named."""
    return _REGIONS.get(zone)


def covers() -> str:
    """What it has, for people."""
    return "its own regions, as watttime:CAISO_NORTH, and " + ", ".join(_REGIONS)


def fetch(client: Client, question: Question) -> Sequence[Reading]:
    """Readings of the type that was asked for and of no other; raises IntensityError, Unusable.

    Marginal rates of the last minutes, which the past may not have yet, are those of the forecast,
    marked as such.
    """
    if question.forecast and question.type == "average":
        raise Unusable("it forecasts marginal rates only: ask for these, or another service")

    def headers() -> Values:
        user = keys.find(SERVICE.title, USERS, question.environ)
        password = keys.find(SERVICE.title, PASSWORDS, question.environ)
        # A token is good for half an hour; it is kept no longer than this question takes.
        answer = client.json("/login", basic=(user, password))
        token = word(field(answer, "token", "the answer to the login"), "token")
        return {"Authorization": keys.Key(USERS[0], f"Bearer {token}")}

    known: list[Values] = []

    def once() -> Values:
        if not known:
            known.append(headers())
        return known[0]

    if question.forecast:
        return _forecast(client, question, once)
    found: list[Reading] = []
    start, last = widened(question.start, question.end, _FIVE_MINUTES)
    while start < last:
        end = min(start + _CHUNK, last)
        told = client.readings(
            "/v3/historical",
            {
                **_params(question),
                # A value is found by the time it begins at, and an average lasts an hour.
                "start": (start - timedelta(hours=1)).isoformat(),
                "end": end.isoformat(),
                "include_imputed_marker": "true",
            },
            lambda answer: _read(answer, question),
            keep="history" if end < client.clocks.now() else "live",
            headers=once,
        )
        found += following(found, told)
        start = end
    recent = question.end > client.clocks.now() - _LATE
    if recent and question.type == "marginal" and (not found or found[-1].end < question.end):
        # The first value of a forecast is that of the present, which the past may get only later.
        found += following(found, _forecast(client, replace(question, forecast=True), once))
    return found


def _params(question: Question) -> dict[str, str]:
    return {"region": question.zone, "signal_type": _SIGNALS[question.type]}


def _forecast(client: Client, question: Question, headers: Callable[[], Values]) -> Sequence[Reading]:
    hours = max(1, ceil((question.end - client.clocks.now()).total_seconds() / 3600))
    if hours > _FURTHEST_H:
        raise Unusable(f"its forecast reaches {_FURTHEST_H} hours ahead, not {hours}")
    return client.readings(
        "/v3/forecast",
        {**_params(question), "horizon_hours": str(hours)},
        lambda answer: _read(answer, question),
        keep="forecast",
        headers=headers,
    )


def _read(answer: Any, question: Question) -> list[Reading]:
    meta = table(field(answer, "meta", "the answer"), "meta")
    for name, asked in (
        ("region", question.zone),
        ("signal_type", _SIGNALS[question.type]),
        ("units", _UNITS),
    ):
        told = field(meta, name, "meta")
        if told != asked:
            raise Unusable(f"its {name} is {str(told)[:40]!r}, not {asked!r}")
    period_s = number(field(meta, "data_point_period_seconds", "meta"), "data_point_period_seconds")
    if not 60 <= period_s <= 3600:
        raise Unusable(f"its values are {period_s:g} s apart, not between a minute and an hour")
    issued: datetime | None = None
    if meta.get("generated_at") is not None:
        issued = moment(meta["generated_at"], "generated_at")
    if question.forecast and issued is None:
        raise Unusable("the forecast does not say when it was made")
    found = []
    for row in array(field(answer, "data", "the answer"), "data"):
        start = moment(field(row, "point_time", "a value"), "point_time")
        found.append(
            Reading(
                start,
                start + timedelta(seconds=period_s),
                g_per_kwh(field(row, "value", "a value"), "value", G_PER_KWH_OF_LB_PER_MWH),
                type=question.type,
                scope="direct",
                flow="production",
                gas="CO2",
                zone=question.zone,
                source=f"WattTime, {_SIGNALS[question.type]} of {question.zone}",
                estimated=row.get("imputed_data_used") is True,
                forecast=question.forecast,
                issued_at=issued,
            )
        )
    return in_order(found)
