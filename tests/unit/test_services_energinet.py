"""Energinet tells CO2 of what Denmark consumes; the server here reads bounds as the true one does, in Danish time."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from grid_answers import ask, faults, play, refusal, steps
from service_world import NOW, at

from pycarbon.services import energinet

FIVE = timedelta(minutes=5)


def records(times, area="DK1", value=88, **changed):
    return [
        {
            "Minutes5UTC": f"{time:%Y-%m-%dT%H:%M:%S}",
            "Minutes5DK": f"{time + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}",
            "PriceArea": area,
            "CO2Emission": value,
            **changed,
        }
        for time in times
    ]


def told(found, **changed):
    return {"total": len(found), "limit": 100, "dataset": "CO2Emis", "records": found, **changed}


def server_of(httpserver, times, *, ahead_h=1, dataset="CO2Emis"):
    """A server that takes bounds as a local time `ahead_h` hours before UTC, sorts, and cuts at the limit."""

    def answer(request):
        bounds = [datetime.fromisoformat(request.args[name]) - timedelta(hours=ahead_h) for name in ("start", "end")]
        first, last = (bound.replace(tzinfo=timezone.utc) for bound in bounds)
        [area] = json.loads(request.args["filter"])["PriceArea"]
        found = [record for time in times if first <= time < last for record in records([time], area, time.minute)]
        return {**told(found), "records": found[: int(request.args["limit"])]}

    return play(httpserver, f"/dataset/{dataset}", answer)


@pytest.mark.parametrize("ahead_h", [0, 1, 2], ids=["UTC", "winter", "summer"])
def test_every_period_is_there_whatever_the_server_takes_times_for(httpserver, ahead_h):
    # GIVEN a server that takes times for UTC, or for Danish winter or summer time
    server_of(httpserver, list(steps(at(-24), NOW, FIVE)), ahead_h=ahead_h)
    # WHEN half an hour is asked for, from within a period to within another
    start, end = at(10) + timedelta(minutes=2), at(10) + timedelta(minutes=31)
    found = ask(httpserver, "energinet", "DK-DK1", start, end)
    # THEN each period is there once, with its own value
    assert [period.start for period in found] == list(steps(at(10), end, FIVE))
    assert [period.g_per_kwh for period in found] == [0, 5, 10, 15, 20, 25, 30]


def test_it_is_direct_co2_of_consumption(httpserver):
    httpserver.expect_request("/dataset/CO2Emis").respond_with_json(told(records([at(10)], "DK2", 61.5)))
    [period] = ask(httpserver, "energinet", "DK-DK2", at(10), at(10) + FIVE)
    assert (period.g_per_kwh, period.end - period.start, period.zone) == (61.5, FIVE, "DK2")
    assert (period.type, period.scope, period.flow, period.gas) == ("average", "direct", "consumption", "CO2")
    assert not period.forecast and not period.estimated and "125 %" in period.source


def test_a_forecast_is_marked_as_one(httpserver):
    # GIVEN a forecast of nine hours
    asked = server_of(httpserver, list(steps(NOW, NOW + timedelta(hours=9), FIVE)), dataset="CO2EmisProg")
    # WHEN a part that it has is asked for, and one that it has not
    found = ask(httpserver, "energinet", "DK-DK1", at(13), at(15), forecast=True)
    line = refusal(httpserver, "energinet", "DK-DK1", at(20), at(23), forecast=True)
    # THEN one is there, and the other is missing from where it is missing
    assert len(found) == 24 and all(period.forecast for period in found)
    assert "there is nothing for 2026-03-10 21:20 to 23:00 UTC" in line
    assert asked[0].args["sort"] == "Minutes5UTC ASC" and asked[0].args["filter"] == '{"PriceArea":["DK1"]}'


def test_a_long_question_is_several_and_every_period_is_there_once(httpserver):
    # GIVEN thirty-three days
    start = NOW - timedelta(days=33)
    asked = server_of(httpserver, list(steps(start - timedelta(hours=3), NOW, FIVE)))
    # WHEN they are asked for
    found = ask(httpserver, "energinet", "DK-DK1", start, at(12))
    # THEN each is there once
    assert len(asked) == 2 and [period.start for period in found] == list(steps(start, at(12), FIVE))


def test_what_is_published_late_is_bridged_for_a_while(httpserver):
    server_of(httpserver, list(steps(at(9), at(12), FIVE)))
    found = ask(httpserver, "energinet", "DK-DK1", at(11), NOW)
    assert [(period.start, period.end) for period in found if period.estimated] == [(at(12), NOW)]
    assert found[-1].g_per_kwh == found[-2].g_per_kwh == 55


def test_yesterday_is_not_today(httpserver):
    httpserver.expect_request("/dataset/CO2Emis").respond_with_json(told(records(steps(at(0, 9), at(12, 9), FIVE))))
    assert "its latest value is 24 h old" in refusal(httpserver, "energinet", "DK-DK1", at(12), NOW)
    line = refusal(httpserver, "energinet", "DK-DK1", at(2), at(3))
    assert "it is for 2026-03-09 00:00 to 12:00 UTC, not for 2026-03-10 02:00 to 03:00 UTC" in line


@pytest.mark.parametrize(
    ("found", "changed", "words"),
    [
        (records([at(10)], "DK2"), {}, "a record is of 'DK2', not of DK1"),
        (records([at(10)], value="88"), {}, "CO2Emission is '88', not a number"),
        (records([at(10)], value=-1), {}, "cannot be"),
        (records([at(10)], value=88000), {}, "CO2Emission is 88000 g/kWh, which cannot be"),
        (records([at(10)], value=None), {}, "there is nothing for 2026-03-10 10:00 to 10:05 UTC"),
        (records([at(10)], Minutes5UTC="noon"), {}, "Minutes5UTC is 'noon', not a time"),
        (records([at(10)], Minutes5UTC="9999-12-31T23:59"), {}, "is no time of a grid"),
        (records([at(10)], Minutes5UTC=None), {}, "Minutes5UTC is None"),
        (records([at(10), at(10)]), {}, "comes twice"),
        (records([at(10)]), {"total": 5000}, "1 of 5000 records came"),
        ([], {}, "there is nothing for"),
        ([{"PriceArea": "DK1"}], {}, "a record has no 'Minutes5UTC'"),
    ],
)
def test_an_answer_that_is_no_good_is_refused(httpserver, found, changed, words):
    httpserver.expect_request("/dataset/CO2Emis").respond_with_json(told(found, **changed))
    line = refusal(httpserver, "energinet", "DK-DK1", at(10), at(10) + FIVE)
    assert line.startswith("Energinet ") and words in line


@faults
def test_faults_end_in_one_line(httpserver, answer, words):
    httpserver.expect_request("/dataset/CO2Emis").respond_with_response(answer)
    line = refusal(httpserver, "energinet", "DK-DK1", at(10), at(11))
    assert line.startswith("Energinet ") and words in line.replace("(", "").replace(")", "")


def test_what_cannot_be_asked_for(httpserver):
    assert energinet.zone_for("DK-DK1") == "DK1" and energinet.zone_for("DK-DK2") == "DK2"
    for zone in ("DNK", "SE-SE4", "FRA"):
        assert "not Denmark as a whole" in refusal(httpserver, "energinet", zone, at(10), at(11))
    assert "no lifecycle" in refusal(httpserver, "energinet", "DK-DK1", at(10), at(11), scope="lifecycle")
    assert "no price area" in refusal(httpserver, "energinet", "energinet:SE4", at(10), at(11))
    assert not httpserver.log
