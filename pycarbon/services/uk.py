"""Great Britain: the Carbon Intensity API of the National Energy System Operator, half-hourly, without a key.

Operational CO2 of the electricity used, imports included, nothing upstream: average, direct, consumption.
See https://carbon-intensity.github.io/api-definitions/; data under CC BY 4.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

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
from pycarbon.services.client import Client, Service
from pycarbon.services.reading import Question, Reading, Unusable

SERVICE = Service("uk", "the UK Carbon Intensity API", "https://api.carbonintensity.org.uk", interval_s=0.5)
TYPES = ("average",)
SCOPES = ("direct",)

_NATION = "GB"
_REGIONS = {f"GB-{number}": number for number in range(1, 18)}
_CHUNK = timedelta(days=13)  # one request may ask for fourteen days
_HALF_HOUR = timedelta(minutes=30)
_ACTUAL_AFTER = timedelta(hours=2)
"""When an actual value is there at the latest; until then the forecast stands, and says that it is one."""


def zone_for(zone: str) -> str | None:
    """`GB` for the United Kingdom; its regions 1 to 17 have no zones of ours, so `uk:GB-13` is London."""
    return _NATION if zone == "GBR" else None


def covers() -> str:
    """What it has, for people."""
    return "Great Britain (GBR), and its regions as uk:GB-1 to uk:GB-17"


def fetch(client: Client, question: Question) -> Sequence[Reading]:
    """Actual values, and forecasts where there are none yet; forecasts alone where these are asked for.

    Raises IntensityError where the answer is no good.
    """
    if question.zone != _NATION and question.zone not in _REGIONS:
        raise Unusable(f"{question.zone!r} is not one of its regions, GB or GB-1 to GB-17")
    now = client.clocks.now()
    found: list[Reading] = []
    start, last = widened(question.start, question.end, _HALF_HOUR)
    while start < last:
        end = min(start + _CHUNK, last)
        path = f"/intensity/{_spelled(start)}/{_spelled(end)}"
        if question.zone in _REGIONS:
            path = f"/regional{path}/regionid/{_REGIONS[question.zone]}"
        told = client.readings(
            # A fragment is not sent, but is part of what the cache knows an answer by.
            f"{path}#forecast" if question.forecast else path,
            {},
            lambda answer: _read(answer, question, now),
            keep="forecast" if question.forecast else "live" if end > now - _ACTUAL_AFTER else "history",
        )
        # Each range also brings the half hour before it.
        found += following(found, told)
        start = end
    return found


def _spelled(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%MZ")


def _read(answer: Any, question: Question, now: datetime) -> list[Reading]:
    data = field(answer, "data", "the answer")
    title = "UK Carbon Intensity API (NESO), Great Britain"
    if question.zone in _REGIONS:
        region = table(data, "data")
        told = number(field(region, "regionid", "data"), "regionid")
        if told != _REGIONS[question.zone]:
            raise Unusable(f"it is for region {told:g}, not {question.zone}")
        title = f"{title}, {word(field(region, 'shortname', 'data'), 'shortname')[:40]}"
        data = field(region, "data", "data")
    found = []
    for row in array(data, "data"):
        start = moment(field(row, "from", "a period"), "from")
        end = moment(field(row, "to", "a period"), "to")
        if end - start != _HALF_HOUR:
            raise Unusable(f"the period from {start.isoformat()} is not half an hour long")
        values = table(field(row, "intensity", "a period"), "intensity")
        actual, forecast = values.get("actual"), values.get("forecast")
        expected = question.forecast or question.zone in _REGIONS
        if not expected and actual is None and end > now - _ACTUAL_AFTER:
            expected = True
        value = forecast if expected else actual
        if value is None:
            continue
        found.append(
            Reading(
                start,
                end,
                g_per_kwh(value, "intensity"),
                scope="direct",
                gas="CO2",
                zone=question.zone,
                source=title,
                forecast=expected,
            )
        )
    return in_order(found)
