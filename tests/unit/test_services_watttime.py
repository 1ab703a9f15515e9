"""WattTime, version 3, in the shapes of its documentation: marginal is never taken for average."""

from __future__ import annotations

import base64

import pytest
from service_world import Time, at, is_one_clear_line

from pycarbon.errors import IntensityError
from pycarbon.services import readings

USER, PASSWORD, TOKEN = "freddo", "the frog pond", "abcdef0123456789fedcabc"
ENVIRON = {"WATTTIME_USER": USER, "WATTTIME_PASSWORD": PASSWORD}
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
START, END = at(9), at(9 + 1 / 6)


def answer(signal="co2_moer", values=((9, 1000.0), (9 + 1 / 12, 900.0)), period_s=300, **meta) -> dict:
    return {
        "data": [{"point_time": at(hour).isoformat(), "value": value} for hour, value in values],
        "meta": {
            "data_point_period_seconds": period_s,
            "region": "CAISO_NORTH",
            "warnings": [],
            "signal_type": signal,
            "model": {"date": "2023-03-01"},
            "units": "lbs_co2_per_mwh",
            "generated_at": at(8.9).isoformat(),
            **meta,
        },
    }


@pytest.fixture
def ask(httpserver, tmp_path):
    httpserver.expect_request("/login", headers={"Authorization": BASIC}).respond_with_json({"token": TOKEN})
    time = Time()

    def ask(start=START, end=END, zone="watttime:CAISO_NORTH", **how):
        how = {"environ": ENVIRON, "cache": tmp_path, "type": "marginal", **how}
        return readings("watttime", zone, start, end, endpoint=httpserver.url_for(""), **time.handed, **how)

    return ask


def expect(httpserver, path="/v3/historical", **asked):
    return httpserver.expect_request(path, headers={"Authorization": f"Bearer {TOKEN}"}, **asked)


def test_marginal_rates_of_the_past(httpserver, ask):
    """GIVEN pounds per MWh, THEN the readings are marginal and in g per kWh; and the login is not repeated."""
    expect(httpserver).respond_with_json(answer())
    found = ask()
    assert [round(reading.g_per_kwh, 3) for reading in found] == [453.592, 408.233]
    assert {(r.type, r.scope, r.gas, r.forecast) for r in found} == {("marginal", "direct", "CO2", False)}
    assert ask() == found and len(httpserver.log) == 2  # the cache needs no login


def test_average_rates_are_asked_for_by_their_name(httpserver, ask):
    told = answer("co2_aoer", [(9, 600.0)], 3600)
    told["data"][0]["imputed_data_used"] = True
    expect(httpserver).respond_with_json(told)
    [reading] = ask(type="average")
    assert (reading.type, reading.estimated) == ("average", True)
    assert httpserver.log[-1][0].args["signal_type"] == "co2_aoer"
    # THEN the hour before is asked for too: a value is found by when it begins, and may be of that hour
    assert httpserver.log[-1][0].args["start"] == at(8).isoformat()


@pytest.mark.parametrize(("asked", "told"), [("average", "co2_moer"), ("marginal", "co2_aoer")])
def test_who_asks_for_one_type_never_gets_the_other(httpserver, ask, asked, told):
    expect(httpserver).respond_with_json(answer(told))
    with pytest.raises(IntensityError, match=f"its signal_type is '{told}'"):
        ask(type=asked)


def test_a_forecast_says_when_it_was_made(httpserver, ask):
    told = answer(values=[(12 + number / 12, 800.0) for number in range(24)])
    expect(httpserver, "/v3/forecast").respond_with_json(told)
    found = ask(at(12.5), at(13.5), forecast=True)
    assert len(found) == 12 and {(r.forecast, r.issued_at) for r in found} == {(True, at(8.9))}
    assert httpserver.log[-1][0].args["horizon_hours"] == "2"


def test_the_present_is_the_forecasts_first_value_and_marked(httpserver, ask):
    """GIVEN a past that ends ten minutes ago, WHEN the time until now is asked for, THEN the forecast adds it."""
    expect(httpserver).respond_with_json(answer(values=[(12, 800.0), (12 + 1 / 12, 810.0)]))
    ahead = answer(values=[(12 + 1 / 6, 820.0), (12.25, 830.0), (12 + 1 / 3, 840.0)])
    expect(httpserver, "/v3/forecast").respond_with_json(ahead)
    assert [reading.forecast for reading in ask(at(12), at(12 + 1 / 3))] == [False, False, True, True]


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (answer(region="CAISO_SOUTH"), "its region is 'CAISO_SOUTH', not 'CAISO_NORTH'"),
        (answer(units="MMBTU"), "its units is 'MMBTU'"),
        (answer(period_s=0), "0 s apart"),
        (answer(values=[(9, "870")]), "value is '870', not a number"),
        (answer(values=[(9, 870), (9, 871)]), "twice"),
        (answer(values=[(9, 870)]), "nothing for 2026-03-10 09:05 to 09:10"),
        ({"data": []}, "has no 'meta'"),
        ({**answer(), "data": [{"point_time": "2026-03-10T09:00:00", "value": 1}]}, "offset from UTC"),
    ],
)
def test_answers_that_are_no_good(httpserver, ask, told, says):
    expect(httpserver).respond_with_json(told)
    with pytest.raises(IntensityError) as caught:
        ask()
    assert says in str(caught.value) and is_one_clear_line(str(caught.value))


def test_an_echoed_token_is_in_no_message(httpserver, ask):
    expect(httpserver).respond_with_json({"error": f"{TOKEN} may not"}, status=403)
    with pytest.raises(IntensityError, match=r"\(403: \*\*\* may not\)"):
        ask()


@pytest.mark.parametrize("token", ["", None, 7, TOKEN + "\n" + TOKEN])
def test_a_login_that_is_none(httpserver, tmp_path, token):
    httpserver.expect_request("/login").respond_with_json({"token": token})
    with pytest.raises(IntensityError) as caught:
        readings(
            "watttime",
            "watttime:CAISO_NORTH",
            at(9),
            at(10),
            type="marginal",
            environ=ENVIRON,
            cache=tmp_path,
            endpoint=httpserver.url_for(""),
            **Time().handed,
        )
    assert is_one_clear_line(str(caught.value)) and TOKEN not in str(caught.value)


def test_refused_logins_do_not_show_who(httpserver, ask):
    with pytest.raises(IntensityError, match="does not accept WATTTIME_USER and WATTTIME_PASSWORD") as caught:
        httpserver.clear()
        httpserver.expect_request("/login").respond_with_json({"error": f"no {USER}:{PASSWORD} {BASIC}"}, status=401)
        ask()
    assert not {USER, PASSWORD, BASIC.split()[1]} & set(str(caught.value).split())


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (
            {"environ": {"WATTTIME_USER": USER}},
            "WattTime needs a key: set WATTTIME_PASSWORD or PYCARBON_WATTTIME_PASS",
        ),
        ({"zone": "US-CISO"}, "does not cover US-CISO; it covers its own regions, as watttime:CAISO_NORTH"),
        ({"scope": "lifecycle"}, "has no lifecycle"),
        ({"type": "average", "forecast": True}, "forecasts marginal rates only"),
        ({"end": at(100), "forecast": True}, "reaches 72 hours ahead, not 88"),
    ],
)
def test_questions_it_has_no_answer_to(ask, how, says):
    with pytest.raises(IntensityError, match=says):
        ask(**how)
