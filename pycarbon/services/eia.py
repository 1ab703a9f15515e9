"""US EIA, form EIA-930: what each balancing area generated each hour, by fuel; the intensity is computed here.

See https://www.eia.gov/opendata/documentation.php; data of the US government, public domain.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pycarbon.fuels import edition, mix
from pycarbon.services import checks, keys
from pycarbon.services.client import Client, Service
from pycarbon.services.lag import bridged
from pycarbon.services.reading import Question, Reading, Unusable

SERVICE = Service("eia", "US EIA", "https://api.eia.gov", interval_s=0.2)
TYPES = ("average",)
SCOPES = ("lifecycle", "direct")

VARIABLES = ("EIA_API_KEY",)
_PATH = "/v2/electricity/rto/fuel-type-data/data/"
_SOURCE = "US EIA, form EIA-930, generation by fuel without storage, times the factors of fuels.csv"

_HOUR = timedelta(hours=1)
_PERIOD = re.compile(r"\d{4}-\d\d-\d\dT\d\d")
_ROWS = 5000  # the most that one answer holds
_SPAN = timedelta(days=11)  # and the margin: 290 hours of at most 16 fuels are one answer
_MARGIN = timedelta(days=1)  # asked for in front: a day shows which fuels an area reports at all
_LONGEST_LAG = timedelta(hours=3)

_FUELS = {
    "COL": "coal",
    "NG": "gas",
    "OIL": "oil",
    "NUC": "nuclear",
    "WAT": "hydro",
    "SUN": "solar",
    "SNB": "solar",  # with a battery of its own
    "WND": "wind",
    "WNB": "wind",
    "GEO": "geothermal",
    "OTH": "other",
    "UNK": "other",
}
_STORAGE = {"BAT", "PS", "OES", "UES"}
"""Gives back what other plants made, so it is no source of its own; it is negative while it charges."""
_MISSED = 0.02  # of a usual hour's energy: below this a fuel without a figure does not spoil the hour
_OWN_USE = 0.05  # of an hour's energy: net generation is negative where a plant stands still and is fed

_CODES = """
AECI AVA AVRN AZPS BANC BPAT CHPD CISO CPLE CPLW DEAA DOPD DUK EPE ERCO FMPP FPC FPL GCPD GRID GVL GWA HGMA HST IID
IPCO ISNE JEA LDWP LGEE MISO NEVP NWMT NYIS PACE PACW PGE PJM PNM PSCO PSEI SC SCEG SCL SEC SEPA SOCO SPA SRP SWPP
TAL TEC TEPC TIDC TPWR TVA WACM WALC WAUW WWA YAD
"""
_AREAS = frozenset(_CODES.split())
_STATE = "SC"  # US-SC is South Carolina; the area of Santee Cooper is eia:SC


def zone_for(zone: str) -> str | None:
    """EIA's code of a balancing area: CISO for US-CISO."""
    country, _, code = zone.partition("-")
    return code if country == "US" and code in _AREAS and code != _STATE else None


def covers() -> str:
    """What can be asked for."""
    return f"{len(_AREAS)} balancing areas of the USA, such as US-CISO or US-PJM, and no state"


def fetch(client: Client, question: Question) -> Sequence[Reading]:
    """Hours of an area: average, of production, lifecycle or direct as asked; raises IntensityError, Unusable."""
    if question.zone not in _AREAS:
        raise Unusable("it is no balancing area that EIA has")
    if question.forecast:
        raise Unusable("it has no forecast of generation by fuel: ask electricitymaps or watttime")
    key = keys.find(SERVICE.title, VARIABLES, question.environ)
    now = client.clocks.now()
    found: list[Reading] = []
    start, last = checks.widened(question.start, question.end, _HOUR)
    while start < last:
        end = min(start + _SPAN, last)
        told = client.readings(
            # A fragment is not sent, but is part of what the cache knows an answer by.
            f"{_PATH}#{question.scope}-{edition()}",
            {
                "frequency": "hourly",
                "data[0]": "value",
                "facets[respondent][]": question.zone,
                "start": _hour(start - _MARGIN),
                "end": _hour(end),
                "sort[0][column]": "period",
                "sort[0][direction]": "asc",
                "offset": "0",
                "length": str(_ROWS),
                "api_key": key,
            },
            lambda answer: _read(answer, question.zone, question.scope),
            keep="history" if end < now - _MARGIN else "live",
        )
        found += checks.following(found, told)
        start = end
    return bridged(found, question, now, _LONGEST_LAG)


def _hour(moment: datetime) -> str:
    """A bound as EIA writes it; both bounds are included, in hours of UTC."""
    return moment.strftime("%Y-%m-%dT%H")


def _read(answer: Any, area: str, scope: str) -> list[Reading]:
    """The whole hours of an answer."""
    hours = _hours(answer, area)
    usual: dict[str, float] = {}
    for code in {code for hour in hours.values() for code in hour}:
        given = [max(hour[code], 0.0) for hour in hours.values() if code in hour]
        usual[code] = math.fsum(given) / len(given)
    readings = []
    for end, hour in sorted(hours.items()):
        missed = math.fsum(energy for code, energy in usual.items() if code not in hour)
        energy = math.fsum(value for value in hour.values() if value > 0)
        own_use = -math.fsum(value for value in hour.values() if value < 0)
        if not energy or missed > _MISSED * math.fsum(usual.values()) or own_use > _OWN_USE * energy:
            continue  # part of an hour's mix is not its mix: the hour stays a gap
        amounts: dict[str, float] = {}
        for code, value in hour.items():
            fuel = _FUELS.get(code, "other")
            amounts[fuel] = amounts.get(fuel, 0.0) + max(value, 0.0)
        mixture = mix(amounts, scope)
        readings.append(
            Reading(
                start=end - _HOUR,  # EIA names an hour by its end
                end=end,
                g_per_kwh=mixture.g_per_kwh,
                low_g_per_kwh=mixture.low_g_per_kwh,
                high_g_per_kwh=mixture.high_g_per_kwh,
                scope=scope,
                flow="production",
                gas="CO2e" if scope == "lifecycle" else "CO2",  # the direct factors count no methane
                zone=area,
                source=_SOURCE,
                estimated=any(code not in _FUELS and value > 0 for code, value in hour.items()),
            )
        )
    return readings


def _hours(answer: Any, area: str) -> dict[datetime, dict[str, float]]:
    """Energy in MWh by EIA's fuel code, by the end of its hour: without storage, and without what has no figure."""
    response = checks.field(answer, "response", "the answer")
    rows = checks.array(checks.field(response, "data", "response"), "response.data")
    total = _figure(checks.field(response, "total", "response"), "response.total")
    if total != len(rows):
        raise Unusable(f"{len(rows)} of {total:g} rows came")
    hours: dict[datetime, dict[str, float]] = {}
    for row in rows:
        respondent = checks.field(row, "respondent", "a row")
        if respondent != area:
            raise Unusable(f"a row is of {checks.shown(respondent)}, not of {area}")
        units = checks.field(row, "value-units", "a row")
        if units != "megawatthours":
            raise Unusable(f"value-units is {checks.shown(units)}, not 'megawatthours'")
        period = checks.word(checks.field(row, "period", "a row"), "period")
        if not _PERIOD.fullmatch(period):
            raise Unusable(f"period is {checks.shown(period)}, not an hour such as '2024-01-31T00'")
        end = checks.moment(period, "period", naive_is_utc=True)
        code = checks.word(checks.field(row, "fueltype", "a row"), "fueltype")
        value = checks.field(row, "value", "a row")
        hour = hours.setdefault(end, {})
        if value is None or value == "" or code in _STORAGE:
            continue
        figure = _figure(value, f"value of {code} at {period}")
        if hour.setdefault(code, figure) != figure:
            raise Unusable(f"{code} at {period} comes twice, with two values")
    return hours


def _figure(value: Any, where: str) -> float:
    """A number, which EIA writes as a string since 2024 and as a number before."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise Unusable(f"{where} is {checks.shown(value)}, not a number") from None
    return checks.number(value, where)
