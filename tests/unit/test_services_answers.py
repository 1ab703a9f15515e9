"""Whatever EIA, Energinet, RTE and Ember answer: readings that cover what was asked for, or one clear line."""

from __future__ import annotations

import json
import re

import pytest
from grid_answers import ask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service_world import KEY, at, is_one_clear_line
from test_services import ODD, changed, places
from werkzeug import Response

from pycarbon.errors import IntensityError

STRINGS = st.sampled_from(["", "1e9", "nan", "-0", "2026-03-10T09", "2026-03", "2026", "９", "9999-12-31T23:59:59"])
EIA = {
    "response": {
        "total": "2",
        "data": [
            {"period": "2026-03-10T10", "respondent": "CISO", "fueltype": fuel, "value": value}
            | {"value-units": "megawatthours"}
            for fuel, value in (("NG", "300"), ("WND", 100))
        ],
    }
}
ENERGINET = {
    "total": 12,
    "records": [
        {"Minutes5UTC": f"{at(9 + n / 12):%Y-%m-%dT%H:%M:%S}", "PriceArea": "DK1", "CO2Emission": 88.5}
        for n in range(12)
    ],
}
RTE = {
    "total_count": 2,
    "results": [
        {"perimetre": "France", "nature": "Données temps réel", "date_heure": at(hour).isoformat(), "taux_co2": 31}
        for hour in (9, 9.5)
    ],
}
EMBER = {"data": [{"entity_code": "FRA", "date": "2026-03", "emissions_intensity_gco2_per_kwh": 20.5}]}
ASKED = [
    ("eia", "US-CISO", EIA),
    ("energinet", "DK-DK1", ENERGINET),
    ("rte", "FRA", RTE),
    ("ember", "FRA", EMBER),
]
each = pytest.mark.parametrize(("service", "zone", "answer"), ASKED, ids=[asked[0] for asked in ASKED])


@each
def test_the_good_answer_is_one(httpserver, service, zone, answer):
    httpserver.expect_request(re.compile(".*")).respond_with_json(answer)
    assert ask(httpserver, service, zone, at(9), at(10))


@each
@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whatever_is_answered_it_is_readings_or_one_line(httpserver, service, zone, answer, data):
    # GIVEN a good answer with anything in any place
    path = data.draw(st.sampled_from(list(places(answer))))
    text = json.dumps(changed(answer, path, data.draw(ODD | STRINGS)))
    httpserver.clear()
    httpserver.expect_request(re.compile(".*")).respond_with_response(Response(text, content_type="application/json"))
    # WHEN the hour is asked for
    try:
        found = ask(httpserver, service, zone, at(9), at(10))
    except IntensityError as error:
        # THEN it is refused in one line, in which no key is that was sent
        sent = service in ("eia", "ember")
        assert str(error).isprintable() and (KEY not in str(error) or not sent)
        assert is_one_clear_line(str(error).replace("*", "")), str(error)
        return
    # THEN, else, it covers what was asked for with values that can be
    assert found[0].start <= at(9) and found[-1].end >= at(10)
    assert all(0 <= reading.g_per_kwh <= 3000 and reading.source for reading in found)
