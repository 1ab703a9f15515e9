"""EIA tells generation by fuel, with its faults; the intensity that is made of it is that of the mix."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from grid_answers import ask, faults, play, refusal, steps
from service_world import KEY, NOW, at

from pycarbon.fuels import mix
from pycarbon.services import eia

PATH = "/v2/electricity/rto/fuel-type-data/data/"
HOUR = timedelta(hours=1)
MIX = {"COL": 100, "NG": 300, "WND": 600}


def rows(hours, area="CISO", **changed):
    """Rows as EIA writes them: of hours by their END, each with energy by fuel code."""
    return [
        {
            "period": f"{end:%Y-%m-%dT%H}",
            "respondent": area,
            "respondent-name": "An area",
            "fueltype": code,
            "type-name": code.lower(),
            "value": value,
            "value-units": "megawatthours",
            **changed,
        }
        for end, energy in hours.items()
        for code, value in energy.items()
    ]


def told(rows, **changed):
    response = {"total": str(len(rows)), "dateFormat": 'YYYY-MM-DD"T"HH24', "frequency": "hourly", "data": rows}
    return {"response": {**response, **changed}, "apiVersion": "2.1.8"}


@pytest.fixture
def tells(httpserver):
    """Have the server answer with these hours."""
    return lambda hours: httpserver.expect_request(PATH).respond_with_json(told(rows(hours)))


def test_an_hour_is_the_mix_of_its_fuels_and_is_named_by_its_end(httpserver, tells):
    # GIVEN the hour from 7 to 8, which EIA names 8
    tells({at(8): MIX})
    # WHEN it is asked for
    [hour] = ask(httpserver, "eia", "US-CISO", at(7), at(8))
    # THEN it is the mix, lifecycle and of production, with the range of its factors
    mixture = mix({"coal": 100, "gas": 300, "wind": 600})
    assert (hour.start, hour.end) == (at(7), at(8))
    assert (hour.g_per_kwh, hour.low_g_per_kwh) == (mixture.g_per_kwh, mixture.low_g_per_kwh)
    assert hour.low_g_per_kwh < hour.g_per_kwh == pytest.approx(0.1 * 820 + 0.3 * 490 + 0.6 * 11)
    assert (hour.type, hour.scope, hour.flow, hour.gas) == ("average", "lifecycle", "production", "CO2e")
    assert (hour.zone, hour.estimated, hour.forecast) == ("CISO", False, False) and "storage" in hour.source


def test_direct_is_what_the_stacks_emit(httpserver, tells):
    tells({at(8): MIX})
    [hour] = ask(httpserver, "eia", "US-CISO", at(7), at(8), scope="direct")
    assert hour.g_per_kwh == pytest.approx(0.1 * 760 + 0.3 * 370)
    assert (hour.scope, hour.gas) == ("direct", "CO2") and hour.low_g_per_kwh is None


def test_what_is_kept_is_kept_by_scope(httpserver, tmp_path):
    # GIVEN a cache, and a server
    asked = play(httpserver, PATH, lambda request: told(rows({at(8): MIX})))
    how = {"cache": tmp_path, "sleep": lambda seconds: None}
    # WHEN both scopes are asked for, twice
    found = [
        ask(httpserver, "eia", "US-CISO", at(7), at(8), scope=scope, **how) for scope in ("lifecycle", "direct") * 2
    ]
    # THEN each is asked for once, and neither is taken for the other
    assert [hour.scope for [hour] in found] == ["lifecycle", "direct"] * 2 and found[:2] == found[2:]
    assert len(asked) == 2 and not any(KEY in path.read_text() for path in tmp_path.rglob("*.json"))


def test_values_are_strings_or_numbers_and_rows_come_in_any_order(httpserver):
    # GIVEN the same hours, once as strings and from the last to the first
    numbers = rows({at(8): MIX, at(9): {"COL": 1.5, "NG": 4, "WND": 2}})
    strings = [{**row, "value": str(row["value"])} for row in reversed(numbers)]
    found = []
    for data in (numbers, strings):
        httpserver.clear()
        httpserver.expect_request(PATH).respond_with_json(told(data))
        # WHEN they are asked for
        found.append(ask(httpserver, "eia", "US-CISO", at(7), at(9)))
    # THEN they are the same
    assert found[0] == found[1] and len(found[0]) == 2


@pytest.mark.parametrize("storage", [{"BAT": 5000}, {"BAT": -900, "PS": 40}, {"UES": "77"}, {"PS": None}])
def test_storage_is_no_source_of_its_own(httpserver, tells, storage):
    tells({at(8): {**MIX, **storage}})
    [hour] = ask(httpserver, "eia", "US-CISO", at(7), at(8))
    assert hour.g_per_kwh == mix({"coal": 100, "gas": 300, "wind": 600}).g_per_kwh


def test_a_plant_that_only_feeds_itself_makes_nothing(httpserver, tells):
    tells({at(8): {**MIX, "SUN": -20}})
    [hour] = ask(httpserver, "eia", "US-CISO", at(7), at(8))
    assert hour.g_per_kwh == mix({"coal": 100, "gas": 300, "wind": 600}).g_per_kwh


def test_a_fuel_that_pycarbon_does_not_know_is_other_and_said_to_be_a_guess(httpserver, tells):
    tells({at(8): {"NG": 100, "H2X": 50}})
    [hour] = ask(httpserver, "eia", "US-CISO", at(7), at(8))
    assert hour.estimated and hour.g_per_kwh == mix({"gas": 100, "other": 50}).g_per_kwh


@pytest.mark.parametrize(
    "broken",
    [
        {"COL": 100, "NG": None, "WND": 600},
        {"COL": 100, "NG": "", "WND": 600},
        {"COL": 100, "WND": 600},
        {"COL": 0, "NG": 0, "WND": 0},
        {"COL": 100, "NG": 300, "WND": -500},
    ],
    ids=["null", "empty", "no row", "all zero", "half of it negative"],
)
def test_part_of_a_mix_is_not_the_mix(httpserver, tells, broken):
    # GIVEN an hour, from 8 to 9, in which one fuel's figure is not there or cannot be
    tells({at(8): MIX, at(9): broken, at(10): MIX})
    # THEN that hour is missing, and no other
    line = refusal(httpserver, "eia", "US-CISO", at(7), at(10))
    assert "there is nothing for 2026-03-10 08:00 to 09:00 UTC" in line
    assert len(ask(httpserver, "eia", "US-CISO", at(9), at(10))) == 1


def test_a_fuel_of_next_to_nothing_may_miss(httpserver, tells):
    tells({at(8): {**MIX, "OIL": 1}, at(9): MIX})
    assert len(ask(httpserver, "eia", "US-CISO", at(7), at(9))) == 2


def test_the_day_before_shows_what_fuels_there_are(httpserver):
    # GIVEN a server that has the last hour without its gas
    hours = {at(hour): MIX for hour in range(-16, 8)} | {at(8): {"COL": 100, "WND": 600}}
    asked = play(httpserver, PATH, lambda request: told(rows(between(hours, request))))
    # WHEN that hour alone is asked for
    line = refusal(httpserver, "eia", "US-CISO", at(7), at(8))
    # THEN it is refused, because the day before had gas; and the key is in the query alone
    assert "it is for 2026-03-09 07:00 to 2026-03-10 07:00 UTC, not for 2026-03-10 07:00 to 08:00 UTC" in line
    assert dict(asked[0].args) == {
        "frequency": "hourly",
        "data[0]": "value",
        "facets[respondent][]": "CISO",
        "start": "2026-03-09T07",
        "end": "2026-03-10T08",
        "sort[0][column]": "period",
        "sort[0][direction]": "asc",
        "offset": "0",
        "length": "5000",
        "api_key": KEY,
    }


def between(hours, request):
    """Those that EIA answers with: both bounds are included."""
    bounds = [datetime.fromisoformat(request.args[name] + ":00+00:00") for name in ("start", "end")]
    return {end: energy for end, energy in hours.items() if bounds[0] <= end <= bounds[1]}


def test_a_long_question_is_several_and_every_hour_is_there_once(httpserver):
    # GIVEN a server with forty days of hours
    start, end = at(0) - timedelta(days=39), at(6)
    hours = {hour: {"NG": hour.hour + 1, "WND": 30} for hour in steps(start - 2 * HOUR, end + HOUR, HOUR)}
    asked = play(httpserver, PATH, lambda request: told(rows(between(hours, request))))
    # WHEN nearly all are asked for
    found = ask(httpserver, "eia", "US-CISO", start + HOUR / 2, end)
    # THEN each answer could hold what was asked, and the hours follow each other
    assert len(asked) == 4
    assert [hour.start for hour in found] == list(steps(start, end, HOUR))
    assert all(hour.g_per_kwh == mix({"gas": hour.end.hour + 1, "wind": 30}).g_per_kwh for hour in found)


def test_what_is_published_late_is_bridged_for_a_while(httpserver, tells):
    # GIVEN hours until 11, asked for at 12:20
    tells({at(10): MIX, at(11): MIX})
    # WHEN the time until now is asked for
    found = ask(httpserver, "eia", "US-CISO", at(9), NOW)
    # THEN the last hour stands for the time since, and says so
    assert [(hour.start, hour.end, hour.estimated) for hour in found] == [
        (at(9), at(10), False),
        (at(10), at(11), False),
        (at(11), NOW, True),
    ]
    [held] = ask(httpserver, "eia", "US-CISO", at(12), NOW)
    assert held.estimated and held.g_per_kwh == found[1].g_per_kwh


def test_yesterday_is_not_today(httpserver, tells):
    tells({at(hour, day=9): MIX for hour in range(12, 25)})
    line = refusal(httpserver, "eia", "US-CISO", at(12), NOW)
    assert "its latest value is 12 h old, of 2026-03-10 00:00 UTC" in line


@pytest.mark.parametrize(
    ("data", "changed", "words"),
    [
        (rows({at(8): MIX}, area="PJM"), {}, "a row is of 'PJM', not of CISO"),
        (rows({at(8): MIX}, **{"value-units": "gigawatthours"}), {}, "'gigawatthours', not 'megawatthours'"),
        (rows({at(8): MIX}, period="2026-03-10"), {}, "period is '2026-03-10', not an hour"),
        (rows({at(8): MIX}, period="2026-03-10T08-08"), {}, "not an hour"),
        (rows({at(8): MIX}, period="2026-03-10T25"), {}, "not a time"),
        (rows({at(8): MIX}, period="0001-01-01T00"), {}, "is no time of a grid"),
        (rows({at(8): MIX}, value="n/a"), {}, "value of COL at 2026-03-10T08 is 'n/a', not a number"),
        (rows({at(8): MIX}, value=True), {}, "not a number"),
        (rows({at(8): MIX}, value="inf"), {}, "is not finite"),
        (rows({at(8): MIX}) + rows({at(8): {"COL": 7}}), {}, "COL at 2026-03-10T08 comes twice"),
        (rows({at(8): MIX}), {"total": 9000}, "3 of 9000 rows came"),
        (rows({at(8): MIX}), {"data": None}, "response.data is None, not a list"),
        ([{"period": "2026-03-10T08"}], {}, "a row has no 'respondent'"),
        ([], {}, "there is nothing for"),
    ],
)
def test_an_answer_that_is_no_good_is_refused(httpserver, data, changed, words):
    httpserver.expect_request(PATH).respond_with_json(told(data, **changed))
    line = refusal(httpserver, "eia", "US-CISO", at(7), at(8))
    assert line.startswith("US EIA ") and words in line


def test_the_same_row_twice_is_one(httpserver):
    httpserver.expect_request(PATH).respond_with_json(told(rows({at(8): MIX}) * 2))
    assert len(ask(httpserver, "eia", "US-CISO", at(7), at(8))) == 1


@faults
def test_faults_end_in_one_line_without_the_key(httpserver, answer, words):
    httpserver.expect_request(PATH).respond_with_response(answer)
    line = refusal(httpserver, "eia", "US-CISO", at(7), at(8))
    assert line.startswith("US EIA ") and words in line.replace("(", "").replace(")", "")


def test_a_key_that_is_echoed_stays_hidden(httpserver):
    httpserver.expect_request(PATH).respond_with_json({"message": f"no such key: {KEY}"}, status=403)
    assert "no such key: ***" in refusal(httpserver, "eia", "US-CISO", at(7), at(8))


@pytest.mark.parametrize("zone", ["USA", "US-CA", "US-SC", "US-CAMX", "CISO", "FRA"])
def test_a_zone_that_is_no_balancing_area_is_not_asked_for(httpserver, zone):
    assert eia.zone_for(zone) is None
    assert f"US EIA does not cover {zone}; it covers" in refusal(httpserver, "eia", zone, at(7), at(8))


def test_an_area_that_shares_its_code_with_a_state_has_its_own_name(httpserver):
    httpserver.expect_request(PATH).respond_with_json(told(rows({at(8): MIX}, area="SC")))
    assert ask(httpserver, "eia", "eia:SC", at(7), at(8))[0].zone == "SC"


def test_what_cannot_be_asked_for(httpserver):
    assert [eia.zone_for(f"US-{area}") for area in ("CISO", "PJM", "AZPS", "BPAT", "ERCO", "MISO", "NYIS", "SOCO")]
    assert "no forecast" in refusal(httpserver, "eia", "US-CISO", at(13), at(14), forecast=True)
    assert "no marginal intensities" in refusal(httpserver, "eia", "US-CISO", at(7), at(8), type="marginal")
    assert "needs a key: set EIA_API_KEY" in refusal(httpserver, "eia", "US-CISO", at(7), at(8), environ={})
    assert "no balancing area" in refusal(httpserver, "eia", "eia:NOWHERE", at(7), at(8))
    assert not httpserver.log
