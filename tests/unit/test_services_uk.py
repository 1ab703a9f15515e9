"""The UK's Carbon Intensity API, in the shapes that its definitions show."""

from __future__ import annotations

import json
import re

import pytest
from service_world import Time, at, is_one_clear_line
from werkzeug import Response

from pycarbon.errors import IntensityError
from pycarbon.services import readings


def period(start: float, forecast, actual) -> dict:
    values = {"forecast": forecast, "actual": actual, "index": "moderate"}
    return {"from": f"{at(start):%Y-%m-%dT%H:%MZ}", "to": f"{at(start + 0.5):%Y-%m-%dT%H:%MZ}", "intensity": values}


@pytest.fixture
def ask(httpserver, tmp_path):
    time = Time()

    def ask(start, end, zone="GBR", **how):
        return readings("uk", zone, start, end, endpoint=httpserver.url_for(""), cache=tmp_path, **time.handed, **how)

    return ask


def test_actual_values_of_the_past(httpserver, ask):
    """GIVEN an answer that begins half an hour early, as it does, THEN each half hour asked for comes once."""
    answer = {"data": [period(start, 266, 263 + start) for start in (8.5, 9, 9.5)]}
    httpserver.expect_request("/intensity/2026-03-10T09:00Z/2026-03-10T10:00Z").respond_with_json(answer)
    found = ask(at(9), at(10))
    assert [(reading.start, reading.g_per_kwh) for reading in found] == [(at(9), 272), (at(9.5), 272.5)]
    assert {(r.type, r.scope, r.flow, r.gas, r.zone, r.forecast) for r in found} == {
        ("average", "direct", "consumption", "CO2", "GB", False)
    }


def test_the_running_half_hour_has_a_forecast_that_says_so(httpserver, ask):
    answer = {"data": [period(11.5, 250, 240), period(12, 255, None)]}
    httpserver.expect_request("/intensity/2026-03-10T11:30Z/2026-03-10T12:30Z").respond_with_json(answer)
    found = ask(at(11.5), at(12 + 1 / 3))
    assert [(reading.g_per_kwh, reading.forecast) for reading in found] == [(240, False), (255, True)]


def test_an_old_half_hour_without_a_value_is_missing(httpserver, ask):
    answer = {"data": [period(8, 250, 240), period(8.5, 255, None)]}
    httpserver.expect_request("/intensity/2026-03-10T08:00Z/2026-03-10T09:00Z").respond_with_json(answer)
    with pytest.raises(IntensityError, match="nothing for 2026-03-10 08:30 to 09:00 UTC"):
        ask(at(8), at(9))


def test_a_forecast(httpserver, ask):
    answer = {"data": [period(14, 250, None), period(14.5, 255, None)]}
    httpserver.expect_request("/intensity/2026-03-10T14:00Z/2026-03-10T15:00Z").respond_with_json(answer)
    assert [(reading.g_per_kwh, reading.forecast) for reading in ask(at(14), at(15), forecast=True)] == [
        (250, True),
        (255, True),
    ]


def test_a_forecast_that_is_kept_is_no_answer_about_the_past(httpserver, ask):
    """GIVEN a half hour whose forecast is in the cache, WHEN the past is asked for, THEN it is the actual value."""
    answer = {"data": [period(9, 250, 240)]}
    httpserver.expect_request("/intensity/2026-03-10T09:00Z/2026-03-10T09:30Z").respond_with_json(answer)
    found = [ask(at(9), at(9.5), forecast=forecast)[0] for forecast in (True, False, True)]
    assert [(reading.g_per_kwh, reading.forecast) for reading in found] == [(250, True), (240, False), (250, True)]
    assert len(httpserver.log) == 2


def test_a_region(httpserver, ask):
    answer = {
        "data": {"regionid": 13, "dnoregion": "UKPN London", "shortname": "London", "data": [period(9, 160, None)]}
    }
    path = "/regional/intensity/2026-03-10T09:00Z/2026-03-10T09:30Z/regionid/13"
    httpserver.expect_request(path).respond_with_json(answer)
    [reading] = ask(at(9), at(9.5), zone="uk:GB-13")
    assert (reading.g_per_kwh, reading.forecast, reading.zone) == (160, True, "GB-13") and "London" in reading.source


def test_weeks_are_asked_for_in_parts(httpserver, ask):
    """GIVEN three weeks, WHEN they are asked for, THEN no request is longer than 14 days, and nothing comes twice."""

    def answer(request):
        first = int(request.path[-35:-18][8:10]) - 10
        rows = [period(24 * first + half / 2, 200, 200) for half in range(-1, 13 * 48)]
        return Response(json.dumps({"data": rows}), content_type="application/json")

    httpserver.expect_request(re.compile("/intensity/.*")).respond_with_handler(answer)
    found = ask(at(0), at(16 * 24), forecast=True)
    assert len(found) == 16 * 48 and len(httpserver.log) == 2


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"error": {"code": "400"}}, "has no 'data'"),
        ({"data": {}}, "data is {}, not a list"),
        ({"data": []}, "nothing for 2026-03-10 09:00"),
        ({"data": [period(-15, 1, 1)]}, "it is for 2026-03-09 09:00 to 09:30 UTC, not for 2026-03-10"),
        ({"data": [period(9, 1, "200")]}, "intensity is '200', not a number"),
        ({"data": [period(9, 1, -2)]}, "-2 g/kWh"),
        ({"data": [period(9, 1, 99999)]}, "99999 g/kWh"),
        ({"data": [period(9, 1, 2), period(9, 1, 3)]}, "twice"),
        ({"data": [{**period(9, 1, 2), "to": "2026-03-10T12:00Z"}]}, "half an hour"),
        ({"data": [{**period(9, 1, 2), "from": "2026-03-10T09:00"}]}, "offset from UTC"),
    ],
)
def test_answers_that_are_no_good(httpserver, ask, answer, says):
    httpserver.expect_request("/intensity/2026-03-10T09:00Z/2026-03-10T09:30Z").respond_with_json(answer)
    with pytest.raises(IntensityError) as caught:
        ask(at(9), at(9.5))
    assert says in str(caught.value) and is_one_clear_line(str(caught.value))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"zone": "FRA"}, r"does not cover FRA; it covers Great Britain \(GBR\)"),
        ({"zone": "uk:GB-99"}, "'GB-99' is not one of its regions"),
        ({"type": "marginal"}, "has no marginal intensities, only average"),
        ({"scope": "lifecycle"}, "has no lifecycle intensities, only direct"),
    ],
)
def test_questions_it_has_no_answer_to(ask, how, says):
    with pytest.raises(IntensityError, match=says):
        ask(at(9), at(10), **how)
