"""Energinet, Energi Data Service: CO2 of what Denmark consumes, every five minutes, and its forecast.

CO2 of burning fuels, imports followed. See https://www.energidataservice.dk/tso-electricity/CO2Emis; no key.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pycarbon.services import checks
from pycarbon.services.client import Client, Service
from pycarbon.services.lag import bridged
from pycarbon.services.reading import Question, Reading, Unusable

SERVICE = Service("energinet", "Energinet", "https://api.energidataservice.dk", interval_s=0.2)
TYPES = ("average",)
SCOPES = ("direct",)

_SOURCE = "Energinet, Energi Data Service, {dataset}: CO2 of consumption, heat of co-generation by the 125 % method"

_STEP = timedelta(minutes=5)
# The service reads bounds as Danish time, which is one or two hours ahead of UTC. A bound written in UTC
# is thus up to two hours early: right for the start, and made good for the end.
_AHEAD = timedelta(hours=2)
_MARGIN = timedelta(hours=1)  # asked for in front: the last value, where it is published late
_LONGEST_LAG = timedelta(hours=1)
_SPAN = timedelta(days=30)
_AREAS = {"DK-DK1": "DK1", "DK-DK2": "DK2"}


def zone_for(zone: str) -> str | None:
    """Energinet's name of a Danish price area: DK1 for DK-DK1."""
    return _AREAS.get(zone)


def covers() -> str:
    """What it has: not DNK, because a mean of two areas without their weights is not Denmark's intensity."""
    return "DK-DK1 and DK-DK2, west and east of the Great Belt, and not Denmark as a whole"


def fetch(client: Client, question: Question) -> Sequence[Reading]:
    """Five-minute values, past or forecast: average, direct, of consumption, CO2 only; raises Unusable."""
    if question.zone not in _AREAS.values():
        raise Unusable("it is no price area of Denmark, DK1 or DK2")
    dataset = "CO2EmisProg" if question.forecast else "CO2Emis"
    now = client.clocks.now()
    found: list[Reading] = []
    start, last = checks.widened(question.start, question.end, _STEP)
    while start < last:
        end = min(start + _SPAN, last)
        first, until = start - _MARGIN, end + _AHEAD
        told = client.readings(
            f"/dataset/{dataset}",
            {
                "start": _minute(first),
                "end": _minute(until),
                "filter": json.dumps({"PriceArea": [question.zone]}, separators=(",", ":")),
                "sort": "Minutes5UTC ASC",
                "limit": str((until + _AHEAD - first) // _STEP),
            },
            lambda answer: _read(answer, question.zone, dataset, forecast=question.forecast),
            keep="forecast" if question.forecast else "live" if end > now - _LONGEST_LAG else "history",
        )
        found += checks.following(found, told)
        start = end
    return found if question.forecast else bridged(found, question, now, _LONGEST_LAG)


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M")


def _read(answer: Any, area: str, dataset: str, *, forecast: bool) -> list[Reading]:
    """The readings of an answer; a row without a figure is a gap."""
    rows = checks.array(checks.field(answer, "records", "the answer"), "records")
    total = checks.number(checks.field(answer, "total", "the answer"), "total")
    if total > len(rows):
        raise Unusable(f"{len(rows)} of {total:g} records came")
    readings = []
    for row in rows:
        told = checks.field(row, "PriceArea", "a record")
        if told != area:
            raise Unusable(f"a record is of {checks.shown(told)}, not of {area}")
        start = checks.moment(checks.field(row, "Minutes5UTC", "a record"), "Minutes5UTC", naive_is_utc=True)
        value = checks.field(row, "CO2Emission", "a record")
        if value is None:
            continue
        readings.append(
            Reading(
                start=start,
                end=start + _STEP,
                g_per_kwh=checks.g_per_kwh(value, "CO2Emission"),
                scope="direct",
                flow="consumption",
                gas="CO2",
                zone=area,
                source=_SOURCE.format(dataset=dataset),
                forecast=forecast,
            )
        )
    return checks.in_order(readings)
