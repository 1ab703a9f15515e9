"""Ember: the mean intensity of a country's electricity in a month, or in a year where there are no months.

See https://api.ember-energy.org/v1/docs; data under CC BY 4.0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from pycarbon.services import checks, keys
from pycarbon.services.client import Client, Service
from pycarbon.services.reading import Question, Reading, Unusable

SERVICE = Service("ember", "Ember", "https://api.ember-energy.org", interval_s=0.2)
TYPES = ("average",)
SCOPES = ("lifecycle",)

VARIABLES = ("EMBER_API_KEY",)
_PATH = "/v1/carbon-intensity/{resolution}"
_SOURCE = "Ember, {resolution} electricity data, CC BY 4.0"

_MARGINS = {"monthly": timedelta(days=180), "yearly": timedelta(days=1100)}
_COUNTRY = re.compile(r"[A-Z]{3}")
_DATES = {"monthly": re.compile(r"(\d{4})-(\d\d)(?:-01)?"), "yearly": re.compile(r"(\d{4})(?:-01-01)?")}


def zone_for(zone: str) -> str | None:
    """A country by its ISO 3166-1 code of three letters, which is Ember's too."""
    return zone if _COUNTRY.fullmatch(zone) else None


def covers() -> str:
    """What it has, for people."""
    return "countries, by their code of three letters, such as FRA"


def fetch(client: Client, question: Question) -> Sequence[Reading]:
    """Months, or years where there is no such month: average, lifecycle, of production; raises IntensityError."""
    if zone_for(question.zone) is None:
        raise Unusable("it is no country's code of three letters")
    if question.forecast:
        raise Unusable("it has no forecast: ask electricitymaps")
    key = keys.find(SERVICE.title, VARIABLES, question.environ)
    months = _ask(client, question, key, "monthly")
    if checks.within(months, question.start, question.end):
        return months
    years = _ask(client, question, key, "yearly")
    return years if checks.within(years, question.start, question.end) else months or years


def _ask(client: Client, question: Question, key: keys.Key, resolution: str) -> list[Reading]:
    return client.readings(
        _PATH.format(resolution=resolution),
        {
            "entity_code": question.zone,
            # Earlier ones too, for the message that says how far the service has come.
            "start_date": _date(question.start - _MARGINS[resolution], resolution),
            "end_date": _date(question.end, resolution),
            "api_key": key,
        },
        lambda answer: _read(answer, question.zone, resolution),
        keep="history",
    )


def _date(moment: datetime, resolution: str) -> str:
    """A bound as Ember writes it; both bounds are included."""
    return moment.strftime("%Y-%m" if resolution == "monthly" else "%Y")


def _read(answer: Any, country: str, resolution: str) -> list[Reading]:
    """The readings of an answer; a row without a figure is a gap."""
    readings = []
    for row in checks.array(checks.field(answer, "data", "the answer"), "data"):
        told = checks.field(row, "entity_code", "a row")
        if told != country:
            raise Unusable(f"a row is of {checks.shown(told)}, not of {country}")
        start, end = _period(checks.word(checks.field(row, "date", "a row"), "date"), resolution)
        value = checks.field(row, "emissions_intensity_gco2_per_kwh", "a row")
        if value is None:
            continue
        readings.append(
            Reading(
                start=start,
                end=end,
                g_per_kwh=checks.g_per_kwh(value, "emissions_intensity_gco2_per_kwh"),
                scope="lifecycle",
                flow="production",
                zone=country,
                source=_SOURCE.format(resolution=resolution),
            )
        )
    return checks.in_order(readings)


def _period(date: str, resolution: str) -> tuple[datetime, datetime]:
    """The month or year that a date names, in UTC: Ember means the place's own days, hours apart at most."""
    found = _DATES[resolution].fullmatch(date)
    if not found or not 1990 <= int(found[1]) <= 2200 or (resolution == "monthly" and not 1 <= int(found[2]) <= 12):
        raise Unusable(f"date is {checks.shown(date)}, not a {'month' if resolution == 'monthly' else 'year'}")
    year = int(found[1])
    if resolution == "yearly":
        return datetime(year, 1, 1, tzinfo=timezone.utc), datetime(year + 1, 1, 1, tzinfo=timezone.utc)
    month = int(found[2])
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return datetime(year, month, 1, tzinfo=timezone.utc), datetime(*following, 1, tzinfo=timezone.utc)
