"""Ember tells means of months, and of years where there are no months."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from grid_answers import ask, faults, refusal
from service_world import KEY, at

from pycarbon.services import ember

MONTHLY, YEARLY = "/v1/carbon-intensity/monthly", "/v1/carbon-intensity/yearly"


def day(year, month, number=1):
    return datetime(year, month, number, tzinfo=timezone.utc)


def rows(figures, code="FRA", **changed):
    """Rows of figures by their date."""
    return [
        {
            "entity": "A country",
            "entity_code": code,
            "is_aggregate_entity": False,
            "date": date,
            "emissions_intensity_gco2_per_kwh": figure,
            **changed,
        }
        for date, figure in figures.items()
    ]


def told(data):
    return {"stats": {"number_of_records": len(data)}, "data": data}


@pytest.fixture
def tells(httpserver):
    """Have the server answer with these months and years."""

    def serve(months, years=()):
        for path, figures in ((MONTHLY, months), (YEARLY, dict(years))):
            httpserver.expect_request(path).respond_with_json(told(rows(figures)))

    return serve


@pytest.mark.parametrize("dates", [("2025-11", "2025-12"), ("2025-11-01", "2025-12-01")])
def test_a_month_is_lifecycle_of_production(httpserver, tells, dates):
    # GIVEN two months, in either way of writing them
    tells(dict(zip(dates, (21.5, 33), strict=True)))
    # WHEN some days of both are asked for
    november, december = ask(httpserver, "ember", "FRA", day(2025, 11, 29), day(2025, 12, 3))
    # THEN they are whole months
    assert (november.start, november.end, november.g_per_kwh) == (day(2025, 11), day(2025, 12), 21.5)
    assert (december.start, december.end, december.g_per_kwh) == (day(2025, 12), day(2026, 1), 33)
    assert (november.type, november.scope, november.flow, november.gas) == (
        *("average", "lifecycle"),
        *("production", "CO2e"),
    )
    assert november.zone == "FRA" and november.source == "Ember, monthly electricity data, CC BY 4.0"


def test_a_country_without_months_has_years(httpserver, tells):
    tells({}, {"2023": 250, "2024": 240.5})
    [year] = ask(httpserver, "ember", "FRA", day(2024, 5), day(2024, 6))
    assert (year.start, year.end, year.g_per_kwh) == (day(2024, 1), day(2025, 1), 240.5) and "yearly" in year.source


def test_a_time_before_the_months_has_its_year(httpserver, tells):
    tells({"2015-01": 40}, {"2014": 55})
    [year] = ask(httpserver, "ember", "FRA", day(2014, 12, 5), day(2014, 12, 9))
    assert year.g_per_kwh == 55


def test_the_question_has_the_key_and_what_came_before(httpserver):
    # GIVEN a server that knows this question alone
    question = {"entity_code": "FRA", "start_date": "2025-05", "end_date": "2025-11", "api_key": KEY}
    httpserver.expect_request(MONTHLY, query_string=question).respond_with_json(told(rows({"2025-11": 20})))
    # THEN that is what it is asked
    assert len(ask(httpserver, "ember", "FRA", day(2025, 11, 5), day(2025, 11, 6))) == 1


def test_a_month_that_is_not_out_yet_is_refused_with_those_that_are(httpserver, tells):
    tells({"2025-11": 21, "2025-12": 33}, {"2024": 44})
    line = refusal(httpserver, "ember", "FRA", at(10), at(11))
    assert "it is for 2025-11-01 00:00 to 2026-01-01 00:00 UTC, not for 2026-03-10 10:00 to 11:00 UTC" in line


def test_a_month_without_a_figure_is_a_gap(httpserver, tells):
    tells({"2025-10": 20, "2025-11": None, "2025-12": 30})
    line = refusal(httpserver, "ember", "FRA", day(2025, 10, 5), day(2025, 12, 5))
    assert "there is nothing for 2025-11-01 00:00 to 2025-12-01 00:00 UTC" in line


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (rows({"2025-11": 20}, code="DEU"), "a row is of 'DEU', not of FRA"),
        (rows({"2025-11": 20}, code=None), "a row is of None, not of FRA"),
        (rows({"2025-11": "20"}), "is '20', not a number"),
        (rows({"2025-11": 20000}), "which cannot be"),
        (rows({"2025-13": 20}), "date is '2025-13', not a month"),
        (rows({"2025": 20}), "date is '2025', not a month"),
        (rows({"2025-11-05": 20}), "not a month"),
        (rows({"0000-11": 20}), "not a month"),
        (rows({"2025-11": 20}) * 2, "comes twice"),
        ([{"entity_code": "FRA"}], "a row has no 'date'"),
    ],
)
def test_an_answer_that_is_no_good_is_refused(httpserver, data, words):
    httpserver.expect_request(MONTHLY).respond_with_json(told(data))
    line = refusal(httpserver, "ember", "FRA", day(2025, 11, 5), day(2025, 11, 6))
    assert line.startswith("Ember ") and words in line


@faults
def test_faults_end_in_one_line_without_the_key(httpserver, answer, words):
    httpserver.expect_request(MONTHLY).respond_with_response(answer)
    line = refusal(httpserver, "ember", "FRA", day(2025, 11, 5), day(2025, 11, 6))
    assert line.startswith("Ember ") and words in line.replace("(", "").replace(")", "")


def test_what_cannot_be_asked_for(httpserver):
    asked = (day(2025, 11, 5), day(2025, 11, 6))
    assert ember.zone_for("FRA") == "FRA"
    for zone in ("WORLD", "US-WY", "NO-NO1", "UNKNOWN", "aws:us-east-1"):
        assert "it covers countries" in refusal(httpserver, "ember", zone, *asked)
    assert "no forecast" in refusal(httpserver, "ember", "FRA", *asked, forecast=True)
    assert "no direct" in refusal(httpserver, "ember", "FRA", *asked, scope="direct")
    assert "no country" in refusal(httpserver, "ember", "ember:World", *asked)
    assert "needs a key: set EMBER_API_KEY" in refusal(httpserver, "ember", "FRA", *asked, environ={})
    assert not httpserver.log
