"""Electricity Maps in the shapes of its reference: hours of the zone that was asked for, and no made-up ones."""

from __future__ import annotations

import pytest
from service_world import KEY, Time, at, is_one_clear_line

from pycarbon.errors import IntensityError
from pycarbon.services import readings

ENVIRON = {"ELECTRICITYMAPS_TOKEN": KEY}
START, END = at(9), at(11)


def row(hour: float, value=50, **more) -> dict:
    return {
        "zone": "FR",
        "carbonIntensity": value,
        "datetime": f"{at(hour):%Y-%m-%dT%H:%M:%S.000Z}",
        "updatedAt": f"{at(hour + 0.8):%Y-%m-%dT%H:%M:%S.002Z}",
        "createdAt": f"{at(hour - 72):%Y-%m-%dT%H:%M:%S.772Z}",
        "emissionFactorType": "lifecycle",
        "isEstimated": False,
        "estimationMethod": None,
        **more,
    }


def history(*rows, **more) -> dict:
    return {"zone": "FR", "history": list(rows), **more}


@pytest.fixture
def ask(httpserver, tmp_path):
    time = Time()

    def ask(start=START, end=END, zone="FRA", **how):
        how = {"environ": ENVIRON, "cache": tmp_path, **how}
        return readings("electricitymaps", zone, start, end, endpoint=httpserver.url_for("/v4"), **time.handed, **how)

    return ask


def expect(httpserver, name: str, **asked):
    return httpserver.expect_request(f"/v4/carbon-intensity/{name}", headers={"auth-token": KEY}, **asked)


def test_the_last_hours(httpserver, ask):
    """GIVEN the history of a day, THEN the hours asked for, whole, with what the service says of them."""
    asked = {"zone": "FR", "emissionFactorType": "lifecycle"}
    told = history(row(8), row(9, 41), row(10, 43, isEstimated=True, estimationMethod="TIME_SLICER_AVERAGE"))
    expect(httpserver, "history", query_string=asked).respond_with_json(told)
    found = ask(at(9.5), at(10.5))
    assert [(reading.start, reading.end, reading.g_per_kwh) for reading in found] == [
        (at(9), at(10), 41),
        (at(10), at(11), 43),
    ]
    assert [(reading.estimated, reading.forecast) for reading in found] == [(False, False), (True, False)]
    assert found[0].issued_at.replace(microsecond=0) == at(9.8)
    assert {(r.type, r.scope, r.flow, r.gas, r.zone) for r in found} == {
        ("average", "lifecycle", "consumption", "CO2e", "FR")
    }


def test_the_running_hour(httpserver, ask):
    expect(httpserver, "latest").respond_with_json(row(12, 44))
    [reading] = ask(at(12.1), at(12.3))
    assert (reading.start, reading.end, reading.g_per_kwh, reading.estimated) == (at(12), at(13), 44, False)


def test_the_newest_value_stands_until_the_next_and_says_that_it_is_an_estimate(httpserver, ask):
    expect(httpserver, "history").respond_with_json(history(row(9), row(10, 42)))
    expect(httpserver, "latest").respond_with_json(row(10, 42))
    assert [(r.start, r.end, r.estimated) for r in ask(at(9), at(12.3))] == [
        (at(9), at(10), False),
        (at(10), at(13), True),
    ]


@pytest.mark.parametrize(
    ("hour", "says"), [(9, "is 3 h old, of 2026-03-10 09:00"), (-12, "is 24 h old, of 2026-03-09")]
)
def test_yesterdays_value_says_nothing_of_now(httpserver, ask, hour, says):
    expect(httpserver, "latest").respond_with_json(row(hour))
    with pytest.raises(IntensityError, match=says):
        ask(at(12), at(12.3))


def test_a_value_of_the_future_is_no_latest_one(httpserver, ask):
    expect(httpserver, "latest").respond_with_json(row(15))
    with pytest.raises(IntensityError, match="is still to come"):
        ask(at(12), at(12.3))


def test_direct_factors_are_asked_for_and_checked(httpserver, ask):
    asked = {"zone": "FR", "emissionFactorType": "direct"}
    direct = history(row(9, emissionFactorType="direct"), row(10))
    expect(httpserver, "history", query_string=asked).respond_with_json(direct)
    with pytest.raises(IntensityError, match="it is 'lifecycle', not 'direct'"):
        ask(scope="direct")
    direct["history"][1]["emissionFactorType"] = "direct"
    httpserver.clear()
    expect(httpserver, "history", query_string=asked).respond_with_json(direct)
    assert [reading.scope for reading in ask(scope="direct")] == ["direct", "direct"]


def test_a_forecast(httpserver, ask):
    told = {
        "zone": "FR",
        "forecast": [{"carbonIntensity": 50 + hour, "datetime": at(hour).isoformat()} for hour in range(12, 37)],
        "updatedAt": "2026-03-10T12:04:24.685Z",
    }
    expect(httpserver, "forecast").respond_with_json(told)
    found = ask(at(14), at(16), forecast=True)
    assert [(r.g_per_kwh, r.forecast, r.estimated) for r in found] == [(64, True, False), (65, True, False)]
    assert found[0].issued_at.isoformat() == "2026-03-10T12:04:24.685000+00:00"


def test_a_long_forecast_asks_for_its_hours(httpserver, ask):
    rows = [{"carbonIntensity": 50, "datetime": at(hour).isoformat()} for hour in range(12, 61)]
    told = {"zone": "FR", "forecast": rows, "updatedAt": "2026-03-10T12:04:24.685Z"}
    expect(httpserver, "forecast").respond_with_json(told)
    assert len(ask(at(13), at(48), forecast=True)) == 35
    assert httpserver.log[0][0].args["horizonHours"] == "48"


def test_a_longer_past_is_asked_for_in_parts(httpserver, ask):
    for start, end in ((-480, -240), (-240, -200)):
        asked = {
            "zone": "FR",
            "emissionFactorType": "lifecycle",
            "start": f"{at(start):%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{at(end):%Y-%m-%dT%H:%M:%SZ}",
        }
        told = {"zone": "FR", "data": [row(hour) for hour in range(start, end + 1)]}
        expect(httpserver, "past-range", query_string=asked).respond_with_json(told)
    assert len(ask(at(-480), at(-200))) == 280


@pytest.mark.parametrize(
    "told",
    [
        history(row(9), row(10), _disclaimer="SANDBOX MODE - this data is not real"),
        history(row(9), row(10), _disclaimer="Numbers for tests"),
        history(row(9), row(10, estimationMethod="SANDBOX_MODE_DATA")),
        history(row(9), row(10), sandbox=True),
        history(row(9), row(10), mode="sandbox"),
    ],
)
def test_made_up_numbers_are_refused(httpserver, ask, told):
    expect(httpserver, "history").respond_with_json(told)
    with pytest.raises(IntensityError, match="it is made up, for a sandbox key"):
        ask()


def test_a_note_about_rights_is_no_mark_of_made_up_numbers(httpserver, ask):
    told = history(row(9), row(10), _disclaimer="This data is the exclusive property of Electricity Maps")
    expect(httpserver, "history").respond_with_json(told)
    assert len(ask()) == 2


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({**history(row(9), row(10)), "zone": "DE"}, "the zone 'DE', not 'FR'"),
        (history(row(9), row(10, zone="DE")), "the zone 'DE', not 'FR'"),
        ({"history": [{"carbonIntensity": 50, "datetime": at(9).isoformat()}]}, "has no 'zone'"),
        (history(row(9, "50")), "carbonIntensity is '50', not a number"),
        (history(row(9, None)), "carbonIntensity is None, not a number"),
        (history(row(9, -3)), "-3 g/kWh"),
        (history(row(9, 5e5)), "500000 g/kWh"),
        (history(row(9), row(9)), "twice"),
        (history(row(9), row(10), unit="kgCO2eq/kWh"), "its unit is 'kgCO2eq/kWh'"),
        (history(row(9), row(10), temporalGranularity="daily"), "its values are 'daily'"),
        (history(row(9, datetime="2026-03-10T09:00:00")), "offset from UTC"),
        (history(row(9, updatedAt="lately")), "updatedAt is 'lately', not a time"),
        (history("50"), "not an object"),
        ({"zone": "FR"}, "its history is None"),
        ([], "not an object"),
        ({"zone": {"": 1}, "history": [row(9)]}, "the zone"),
    ],
)
def test_answers_that_are_no_good(httpserver, ask, told, says):
    expect(httpserver, "history").respond_with_json(told)
    with pytest.raises(IntensityError) as caught:
        ask()
    assert says in str(caught.value) and is_one_clear_line(str(caught.value)) and KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"environ": {}}, "needs a key: set ELECTRICITYMAPS_TOKEN or PYCARBON_ELECTRICITYMAPS_KEY"),
        ({"zone": "IN-MH"}, "Electricity Maps does not cover IN-MH"),
        ({"type": "marginal"}, "has no marginal"),
        ({"end": at(100), "forecast": True}, "reaches 72 hours ahead, not 88"),
    ],
)
def test_questions_it_has_no_answer_to(ask, how, says):
    with pytest.raises(IntensityError, match=says):
        ask(**how)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("US-CISO", "US-CAL-CISO"), ("NO-NO1", "NO-NO1"), ("GBR", "GB"), ("electricitymaps:IT-SAR", "IT-SAR")],
)
def test_zones_go_by_the_services_names(httpserver, ask, ours, theirs):
    told = {"zone": theirs, "history": [row(9, zone=theirs), row(10, zone=theirs)]}
    expect(httpserver, "history").respond_with_json(told)
    assert {reading.zone for reading in ask(zone=ours)} == {theirs}
    assert httpserver.log[0][0].args["zone"] == theirs
