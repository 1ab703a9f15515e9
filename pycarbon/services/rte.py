"""RTE éCO2mix, through the open data portal ODRÉ: CO2 of the electricity produced in continental France.

CO2 of burning fuels, imports left out. See https://www.rte-france.com/eco2mix; no key, open licence (Etalab).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from pycarbon.services import checks
from pycarbon.services.cache import Kind
from pycarbon.services.client import Client, Service
from pycarbon.services.lag import bridged
from pycarbon.services.reading import Question, Reading, Unusable

SERVICE = Service("rte", "RTE éCO2mix", "https://odre.opendatasoft.com", interval_s=0.2)
TYPES = ("average",)
SCOPES = ("direct",)

_PATH = "/api/explore/v2.1/catalog/datasets/{dataset}/records"
_RECENT = "eco2mix-national-tr"  # the last weeks
_PAST = "eco2mix-national-cons-def"  # what has left the other
_SOURCE = "RTE, éCO2mix, ODRÉ data set {dataset}: CO2 of burning fuels, without Corsica"

_QUARTER, _HALF = timedelta(minutes=15), timedelta(minutes=30)
_ROWS = 100  # the most that one answer holds
_SPAN = timedelta(hours=20)  # and the margin: 96 quarters are one answer
_MARGIN = timedelta(hours=4)  # asked for in front: the last value, and how far apart values are
_LONGEST_LAG = timedelta(hours=3)
_PLACE = "France"
_PROVISIONAL = "Données temps réel"


def zone_for(zone: str) -> str | None:
    """`France` for FRA: without Corsica and overseas."""
    return _PLACE if zone == "FRA" else None


def covers() -> str:
    """What it has, for people."""
    return "continental France (FRA) alone"


def fetch(client: Client, question: Question) -> Sequence[Reading]:
    """Quarters or halves of an hour: average, direct, of production, CO2 only; raises Unusable."""
    if question.zone != _PLACE:
        raise Unusable(f"it is not {_PLACE}")
    if question.forecast:
        raise Unusable("it has no forecast of CO2: ask electricitymaps")
    now = client.clocks.now()
    found: list[Reading] = []
    start, last = checks.widened(question.start, question.end, _HALF)
    while start < last:
        end = min(start + _SPAN, last)
        keep: Kind = "history" if end < now - _LONGEST_LAG else "live"
        told = _ask(client, _RECENT, start, end, keep) or _ask(client, _PAST, start, end, keep)
        found += checks.following(found, told)
        start = end
    return bridged(found, question, now, _LONGEST_LAG)


def _ask(client: Client, dataset: str, start: datetime, end: datetime, keep: Kind) -> list[Reading]:
    params = {
        "select": "perimetre,nature,date_heure,taux_co2",
        "where": f"date_heure >= date'{_second(start - _MARGIN)}' and date_heure < date'{_second(end)}'",
        "order_by": "date_heure",
        "limit": str(_ROWS),
        "timezone": "UTC",
    }
    return client.readings(_PATH.format(dataset=dataset), params, lambda answer: _read(answer, dataset), keep=keep)


def _second(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(answer: Any, dataset: str) -> list[Reading]:
    """The readings of an answer; rows without a figure are to come, or gaps."""
    rows = checks.array(checks.field(answer, "results", "the answer"), "results")
    total = checks.number(checks.field(answer, "total_count", "the answer"), "total_count")
    if total > len(rows):
        raise Unusable(f"{len(rows)} of {total:g} records came")
    figures: dict[datetime, list[float]] = {}
    provisional = set()
    for row in rows:
        place = checks.field(row, "perimetre", "a record")
        if place != _PLACE:
            raise Unusable(f"a record is of {checks.shown(place)}, not of {_PLACE}")
        start = checks.moment(checks.field(row, "date_heure", "a record"), "date_heure")
        value = checks.field(row, "taux_co2", "a record")
        if not value:  # zero stands for nothing known: plants that burn waste never stop
            continue
        figures.setdefault(start, []).append(checks.g_per_kwh(value, "taux_co2"))
        if checks.field(row, "nature", "a record") == _PROVISIONAL:
            provisional.add(start)
    # Every quarter has its row, but where figures are made each half hour only, every other one is empty.
    quarters = any(after - before == _QUARTER for before, after in pairwise(sorted(figures)))
    return [
        Reading(
            start=start,
            end=start + (_QUARTER if quarters or start.minute % 30 else _HALF),
            # In the night in which clocks are put back, moments come twice: their mean is near both.
            g_per_kwh=sum(values) / len(values),
            scope="direct",
            flow="production",
            gas="CO2",
            zone=_PLACE,
            source=_SOURCE.format(dataset=dataset),
            estimated=start in provisional or len(set(values)) > 1,
        )
        for start, values in sorted(figures.items())
    ]
