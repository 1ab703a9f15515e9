"""RTE tells CO2 of what France produces: by the quarter or the half hour, with empty rows for what is to come."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from grid_answers import ask, faults, play, refusal, steps
from service_world import NOW, at

from pycarbon.services import rte

RECENT = "/api/explore/v2.1/catalog/datasets/eco2mix-national-tr/records"
PAST = RECENT.replace("national-tr", "national-cons-def")
QUARTER, HALF = timedelta(minutes=15), timedelta(minutes=30)


def records(figures, **changed):
    """Records of figures by their time."""
    return [
        {
            "perimetre": "France",
            "nature": "Données temps réel",
            "date_heure": f"{time:%Y-%m-%dT%H:%M:%S}+00:00",
            "taux_co2": figure,
            **changed,
        }
        for time, figure in figures.items()
    ]


def told(results, **changed):
    return {"total_count": len(results), "results": results, **changed}


@pytest.fixture
def tells(httpserver):
    """Have the server answer with these figures."""
    return lambda figures: httpserver.expect_request(RECENT).respond_with_json(told(records(figures)))


def server_of(httpserver, path, figures, **changed):
    """A server that answers the time asked for, a hundred records at most."""

    def answer(request):
        bounds = re.fullmatch(
            r"date_heure >= date'(.+?)Z' and date_heure < date'(.+?)Z'", request.args["where"]
        ).groups()
        first, last = (datetime.fromisoformat(bound + "+00:00") for bound in bounds)
        found = records({time: figure for time, figure in figures.items() if first <= time < last}, **changed)
        return {**told(found), "results": found[: int(request.args["limit"])]}

    return play(httpserver, path, answer)


def test_it_is_direct_co2_of_production(httpserver, tells):
    tells({at(10): 31, at(10.25): 33})
    found = ask(httpserver, "rte", "FRA", at(10), at(10.5))
    assert [(period.start, period.end, period.g_per_kwh) for period in found] == [
        (at(10), at(10.25), 31),
        (at(10.25), at(10.5), 33),
    ]
    assert {(p.type, p.scope, p.flow, p.gas) for p in found} == {("average", "direct", "production", "CO2")}
    assert all(period.estimated and period.zone == "France" and "Corsica" in period.source for period in found)


def test_figures_of_half_hours_last_half_an_hour(httpserver, tells):
    # GIVEN a figure every half hour, and empty rows in between
    tells({at(10): 30, at(10.25): None, at(10.5): 32, at(10.75): None, at(11): 34, at(11.25): None})
    # WHEN an hour and a half is asked for
    found = ask(httpserver, "rte", "FRA", at(10), at(11.5))
    # THEN it has three periods
    assert [(period.start, period.end) for period in found] == [
        (time, time + HALF) for time in (at(10), at(10.5), at(11))
    ]


@pytest.mark.parametrize("figure", [None, 0])
def test_a_quarter_without_a_figure_is_a_gap(httpserver, tells, figure):
    tells({at(10): 30, at(10.25): 31, at(10.5): figure, at(10.75): 33, at(11): 34})
    line = refusal(httpserver, "rte", "FRA", at(10), at(11))
    assert "there is nothing for 2026-03-10 10:30 to 10:45 UTC" in line


def test_what_is_to_come_has_rows_and_no_figures(httpserver):
    # GIVEN figures until 11:30 and empty rows until midnight
    times = list(steps(at(0), at(24), QUARTER))
    server_of(httpserver, RECENT, {time: 40 if time < at(11.5) else None for time in times})
    # WHEN the time until now, 12:20, is asked for
    found = ask(httpserver, "rte", "FRA", at(11), NOW)
    # THEN the last figure is held
    assert [(period.start, period.end) for period in found] == [
        (at(11), at(11.25)),
        (at(11.25), at(11.5)),
        (at(11.5), NOW),
    ]
    [held] = ask(httpserver, "rte", "FRA", at(12), NOW)
    assert (held.start, held.estimated) == (at(11.5), True)


def test_a_long_question_is_several_and_every_period_is_there_once(httpserver):
    # GIVEN two days of quarters
    figures = {time: 20 + time.hour for time in steps(at(-54), at(1), QUARTER)}
    asked = server_of(httpserver, RECENT, figures, nature="Données consolidées")
    # WHEN they are asked for
    found = ask(httpserver, "rte", "FRA", at(-48), at(0))
    # THEN each answer could hold what was asked, and each period is there once, measured
    assert len(asked) == 3 and [period.start for period in found] == list(steps(at(-48), at(0), QUARTER))
    assert not any(period.estimated for period in found)
    assert all(period.g_per_kwh == 20 + period.start.hour for period in found)
    assert asked[0].args["timezone"] == "UTC" and asked[0].args["select"] == "perimetre,nature,date_heure,taux_co2"


def test_what_has_left_one_data_set_is_in_the_other(httpserver):
    # GIVEN a time long ago
    start = at(0) - timedelta(days=900)
    server_of(httpserver, RECENT, {at(0): 30})
    server_of(httpserver, PAST, {start: 50, start + HALF: 51}, nature="Données définitives")
    # WHEN it is asked for
    found = ask(httpserver, "rte", "FRA", start, start + 2 * HALF)
    # THEN it comes from the data set of the past
    assert [period.g_per_kwh for period in found] == [50, 51]
    assert all("cons-def" in period.source and not period.estimated for period in found)


def test_the_night_in_which_clocks_go_back_has_moments_twice(httpserver):
    # GIVEN an hour that comes twice, once with the same figure and once with another
    figures = records({at(1): 30, at(1.25): 32}) + records({at(1): 30, at(1.25): 36})
    httpserver.expect_request(RECENT).respond_with_json(told(figures))
    # WHEN it is asked for
    found = ask(httpserver, "rte", "FRA", at(1), at(1.5))
    # THEN the mean of the two stands
    assert [period.g_per_kwh for period in found] == [30, 34]


def test_yesterday_is_not_today(httpserver, tells):
    tells(dict.fromkeys(steps(at(10, 9), at(12, 9), QUARTER), 30))
    assert "its latest value is 24 h old, of 2026-03-09 12:00 UTC" in refusal(httpserver, "rte", "FRA", at(12), NOW)


@pytest.mark.parametrize(
    ("results", "changed", "words"),
    [
        (records({at(10): 30}, perimetre="Bretagne"), {}, "a record is of 'Bretagne', not of France"),
        (records({at(10): "30"}), {}, "taux_co2 is '30', not a number"),
        (records({at(10): 30000}), {}, "taux_co2 is 30000 g/kWh, which cannot be"),
        (records({at(10): -3}), {}, "cannot be"),
        (records({at(10): 30}, date_heure="2026-03-10T10:00:00"), {}, "without its offset"),
        (records({at(10): 30}, date_heure=None), {}, "date_heure is None"),
        (records({at(10): 30}), {"total_count": 500}, "1 of 500 records came"),
        ([{"perimetre": "France"}], {}, "a record has no 'date_heure'"),
    ],
)
def test_an_answer_that_is_no_good_is_refused(httpserver, results, changed, words):
    httpserver.expect_request(RECENT).respond_with_json(told(results, **changed))
    line = refusal(httpserver, "rte", "FRA", at(10), at(10.25))
    assert line.startswith("RTE éCO2mix ") and words in line


def test_where_neither_data_set_has_anything_the_time_is_missing(httpserver):
    for path in (RECENT, PAST):
        httpserver.expect_request(path).respond_with_json(told([]))
    assert "there is nothing for 2026-03-10 10:00 to 11:00 UTC" in refusal(httpserver, "rte", "FRA", at(10), at(11))


@faults
def test_faults_end_in_one_line(httpserver, answer, words):
    httpserver.expect_request(RECENT).respond_with_response(answer)
    line = refusal(httpserver, "rte", "FRA", at(10), at(11))
    assert line.startswith("RTE éCO2mix ") and words in line.replace("(", "").replace(")", "")


def test_what_cannot_be_asked_for(httpserver):
    assert rte.zone_for("FRA") == "France"
    assert "covers continental France" in refusal(httpserver, "rte", "DEU", at(10), at(11))
    assert "no forecast of CO2" in refusal(httpserver, "rte", "FRA", at(13), at(14), forecast=True)
    assert "no lifecycle" in refusal(httpserver, "rte", "FRA", at(10), at(11), scope="lifecycle")
    assert "it is not France" in refusal(httpserver, "rte", "rte:Bretagne", at(10), at(11))
    assert not httpserver.log
