"""What a grid service says becomes a run's factor, or a note: never in silence, and never marginal for average."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_world import Time, at
from test_services_electricity_maps import ENVIRON, history, row
from test_services_watttime import ENVIRON as WATTTIME
from test_services_watttime import TOKEN
from test_services_watttime import answer as marginal_rates

from pycarbon import asking, metadata, zones
from pycarbon.errors import IntensityError
from pycarbon.hours import EnergyByHour, hour_of, weighted
from pycarbon.intensity import choose, from_dict, lookup
from pycarbon.interval import Range
from pycarbon.rating import Rating, from_meta
from pycarbon.services import readings
from pycarbon.services.reading import Reading

START, END = at(9.2), at(10.9)
FRANCE = Rating(*(lambda choice: (choice.taken, choice.others))(choose("FRA")), Range(1.1, 1.2, 1.3), "a survey")
CALIFORNIA = Rating(lookup("US-CISO"))


@pytest.fixture
def maps(httpserver, tmp_path):
    """How Electricity Maps is asked here: over HTTP, of this machine, and nobody sleeps."""
    how = {"endpoint": httpserver.url_for("/v4"), "cache": tmp_path, "environ": ENVIRON, **Time().handed}
    return partial(readings, **how)


@pytest.fixture
def watttime(httpserver, tmp_path):
    httpserver.expect_request("/login").respond_with_json({"token": TOKEN})
    how = {"endpoint": httpserver.url_for(""), "cache": tmp_path, "environ": WATTTIME, **Time().handed}
    return partial(readings, type="marginal", **how)


def expect(httpserver, *path: str):
    return httpserver.expect_request("/".join(("/v4/carbon-intensity", *(path or ("history",)))))


def test_an_average_takes_the_factors_place_which_stays_beside_it(httpserver, maps):
    # GIVEN a service that tells two hours, the second of which is an estimate
    told = history(row(8), row(9, 40), row(10, 60, isEstimated=True, estimationMethod="TIME_SLICER_AVERAGE"), row(11))
    expect(httpserver).respond_with_json(told)
    # WHEN it is asked for a run that lies in them
    rated = asking.rate(FRANCE, "electricitymaps", START, END, maps)
    # THEN both hours are there, with who said so, and nothing else of the rating is another
    its, offline = rated.intensity, FRANCE.intensity
    assert (its.zone, its.name, its.asked, its.year, its.place_known) == ("FRA", "France", None, 2026, True)
    assert (its.type, its.scope, its.flow, its.gas) == ("average", "lifecycle", "consumption", "CO2e")
    assert its.method == "average lifecycle consumption" and "Electricity Maps" in its.source
    assert (its.hours.kind, its.hours.first_hour, its.hours.mean_g_per_kwh) == ("actual", hour_of(at(9)), [40, 60])
    assert its.intensity_g_per_kwh == 50 and "1 of 2 values" in its.note and "are estimates" in its.note
    assert rated.others == (replace(offline, hours=None), *FRANCE.others)
    assert (rated.pue, rated.pue_source, rated.place) == (FRANCE.pue, FRANCE.pue_source, FRANCE.place)
    # THEN it survives the run's file
    assert from_meta(json.loads(json.dumps(rated.to_meta())), {}).intensity == its


def test_where_the_service_gives_no_range_the_shipped_ones_proportion_holds(httpserver, maps):
    expect(httpserver).respond_with_json(history(row(9, 40), row(10, 60)))
    its, offline = asking.rate(FRANCE, "electricitymaps", START, END, maps).intensity, FRANCE.intensity
    below, above = (end / offline.intensity_g_per_kwh for end in (offline.low_g_per_kwh, offline.high_g_per_kwh))
    assert its.hours.low_g_per_kwh == pytest.approx([40 * below, 60 * below])
    assert its.hours.high_g_per_kwh == pytest.approx([40 * above, 60 * above])
    assert (its.low_g_per_kwh, its.high_g_per_kwh) == pytest.approx((50 * below, 50 * above))


def test_a_marginal_is_kept_apart_and_never_taken(httpserver, watttime):
    # GIVEN a service that tells what another kilowatt-hour would emit
    told = marginal_rates(values=[(9 + number / 12, 1000.0) for number in range(24)])
    httpserver.expect_request("/v3/historical").respond_with_json(told)
    # WHEN it is asked, by its own name of the place
    ask = lambda service, zone, *times: watttime(service, "watttime:CAISO_NORTH", *times)  # noqa: E731
    rated = asking.rate(CALIFORNIA, "watttime", START, END, ask)
    # THEN the average stays what the run is counted by, and the marginal is among those not taken
    assert rated.intensity == CALIFORNIA.intensity and rated.others[1:] == CALIFORNIA.others
    its = rated.others[0]
    assert (its.type, its.method.split()[0]) == ("marginal", "marginal")
    assert its.hours.mean_g_per_kwh == pytest.approx([453.59237] * 2)
    # THEN in the footer the average goes on, and the file gives the marginal back with its hours
    notes: list[str] = []
    said = json.loads(json.dumps(asking.footer(CALIFORNIA, "watttime", START, END, notes, ask)))
    again = from_meta(CALIFORNIA.to_meta(), said)
    assert (again.intensity, again.others[0], notes) == (CALIFORNIA.intensity, its, [])


def test_watttime_is_asked_for_marginal_rates_all_that_a_free_account_gets(httpserver, tmp_path, monkeypatch):
    # GIVEN WattTime as a command asks it: at its address, with the keys of the environment
    for name, value in {**WATTTIME, "PYCARBON_WATTTIME_ENDPOINT": httpserver.url_for("")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    past = 9 - 700 * 24
    told = marginal_rates(values=[(past + number / 12, 1000.0) for number in range(12)])
    httpserver.expect_request("/login").respond_with_json({"token": TOKEN})
    httpserver.expect_request("/v3/historical").respond_with_json(told)
    # WHEN nobody says which type is wanted
    rated = asking.rate(CALIFORNIA, "watttime:CAISO_NORTH", at(past), at(past + 0.5))
    # THEN it is the marginal one, beside the average
    assert httpserver.log[-1][0].args["signal_type"] == "co2_moer"
    assert rated.others[0].type == "marginal" and rated.intensity == CALIFORNIA.intensity


@pytest.mark.parametrize("scope", ["lifecycle", "direct"])
def test_a_service_is_asked_for_the_scope_that_the_run_is_counted_by(httpserver, tmp_path, monkeypatch, scope):
    # GIVEN Electricity Maps as a command asks it, which has both
    for name, value in {**ENVIRON, "PYCARBON_ELECTRICITYMAPS_ENDPOINT": httpserver.url_for("/v4")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    past = 9 - 700 * 24
    told = {"zone": "FR", "data": [row(past, emissionFactorType=scope)]}
    expect(httpserver, "past-range").respond_with_json(told)
    # WHEN a run is asked about THEN its scope is asked for
    rated = asking.rate(Rating(lookup("FRA", scope=scope)), "electricitymaps", at(past), at(past + 0.5))
    assert rated.intensity.scope == httpserver.log[-1][0].args["emissionFactorType"] == scope


HTML = "<!doctype html><title>Log in</title>"
FAULTS = {
    "401": (lambda e: e.respond_with_json({"error": "no"}, status=401), "does not accept ELECTRICITYMAPS_TOKEN"),
    "429": (lambda e: e.respond_with_data("slowly", status=429), "429"),
    "500": (lambda e: e.respond_with_data("broken", status=500), "500"),
    "HTML": (lambda e: e.respond_with_data(HTML, content_type="text/html"), "a web page, not data"),
    "nothing": (lambda e: e.respond_with_data(""), ""),
    "no hours": (lambda e: e.respond_with_json(history()), ""),
    "another zone": (lambda e: e.respond_with_json(history(row(9, zone="DE"), zone="DE")), "DE"),
    "yesterday": (lambda e: e.respond_with_json(history(row(-15), row(-14))), "2026-03-09"),
    "a gap": (lambda e: e.respond_with_json(history(row(9))), "nothing for 2026-03-10 10:00"),
}


@pytest.mark.parametrize(("respond", "says"), FAULTS.values(), ids=FAULTS)
def test_whatever_fails_leaves_a_note_and_the_offline_factor(httpserver, maps, respond, says):
    # GIVEN a service out of order in some way
    respond(expect(httpserver))
    expect(httpserver, "latest").respond_with_json(row(12))
    # WHEN it is asked at the end of a run
    notes = ["an earlier note"]
    said = asking.footer(FRANCE, "electricitymaps", START, END, notes, maps)
    # THEN the run says nothing of it but one line, which names what is used instead
    assert said == {}
    [line] = notes[1:]
    assert (
        line.isprintable()
        and "Electricity Maps" in line
        and says in line
        and ENVIRON["ELECTRICITYMAPS_TOKEN"] not in line
    )
    assert line.endswith(f"{FRANCE.intensity.source} is used instead, the {FRANCE.intensity.year} mean")
    assert from_meta(FRANCE.to_meta(), said).intensity == FRANCE.intensity
    # THEN who asks for it by hand gets that line for an error, and no other figure
    with pytest.raises(IntensityError) as caught:
        asking.rate(FRANCE, "electricitymaps", START, END, maps)
    assert str(caught.value).isprintable()


def test_a_place_that_nobody_named_is_not_asked_for(httpserver, maps):
    with pytest.raises(IntensityError, match="electricitymaps was not asked: nobody said where this is; type --zone"):
        asking.rate(Rating(lookup(None)), "electricitymaps", START, END, maps)
    assert not httpserver.log


def test_a_service_that_is_none_or_does_not_cover_the_place_is_said():
    for service, says in (("nobody", "unknown service 'nobody'"), ("uk", "does not cover FRA")):
        with pytest.raises(IntensityError, match=says):
            asking.rate(FRANCE, service, START, END)


def test_what_was_told_is_of_the_zone_that_was_asked_for():
    # GIVEN a state without a lifecycle figure, whose country's stands in, and a service that tells the state's
    before = Rating(lookup("AU-TAS"))
    assert (before.intensity.zone, before.asked) == ("AUS", "AU-TAS")
    asked = []

    def ask(service, zone, start, end):
        asked.append(zone)
        return [Reading(at(9), at(10), 20.0, zone="AUS-TAS", source="a service")]

    its = asking.rate(before, "x", at(9.1), at(9.2), ask).intensity
    # THEN it is the state's, in name too
    assert [zone.zone for zone in asked] == ["AU-TAS"]
    assert (its.zone, its.name, its.asked) == ("AU-TAS", zones.find("AU-TAS").name, None)
    # THEN of a cloud's region the grid is asked for, and the run still knows the region
    cloud = asking.rate(Rating(lookup("aws:us-east-1")), "x", at(9.1), at(9.2), ask)
    assert (asked[-1].zone, cloud.intensity.zone, cloud.asked) == ("US-PJM", "US-PJM", "aws:us-east-1")


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [(9, 9.5, 1), (9.5, 10, 1), (9.5, 10 + 1 / 3600, 2), (9, 9, 1), (9.99, 11, 2), (9 - 1e-6, 9.5, 2)],
)
def test_the_hours_of_a_run_are_those_it_touched(start, end, count):
    # GIVEN a service that tells any hour of that morning
    def ask(service, zone, start, end):
        return [Reading(at(hour), at(hour + 1), 50.0, source="a service") for hour in range(8, 12)]

    # WHEN it is asked for a run THEN nothing of an hour in which the run was not is in its factor
    its = asking.rate(FRANCE, "x", at(start), at(end), ask).intensity
    assert (its.hours.first_hour, len(its.hours.mean_g_per_kwh)) == (hour_of(at(start)), count)


@st.composite
def told_values(draw):
    """A value, and an end below it and one above where the service gives them."""
    low, value, high = sorted(draw(st.tuples(*[st.floats(0, 2000)] * 3)))
    return value, draw(st.sampled_from([None, low])), draw(st.sampled_from([None, high]))


@given(st.lists(told_values(), min_size=1, max_size=8))
def test_hours_hold_what_was_told_and_its_range(told):
    # GIVEN half hours, some with a range
    periods = [Reading(at(9 + i / 2), at(9.5 + i / 2), *each, source="s") for i, each in enumerate(told)]
    first, last = hour_of(at(9)), hour_of(at(9)) + (len(told) - 1) // 2
    its = asking.from_readings(periods, FRANCE.intensity, first, last)
    # THEN every hour is the mean of its halves, between an end that is no higher and one that is no lower
    for number, mean in enumerate(its.hours.mean_g_per_kwh):
        halves = [each[0] for each in told[2 * number : 2 * number + 2]]
        assert mean == pytest.approx(sum(halves) / len(halves), abs=1e-9)
    assert 0 <= its.low_g_per_kwh <= its.intensity_g_per_kwh <= its.high_g_per_kwh
    # THEN it is an intensity as a run file may hold it, and energy can meet it
    meta = json.loads(json.dumps(Rating(its).to_meta()))
    assert metadata.META_MEMBERS["intensity"](meta["intensity"]) and from_dict(meta["intensity"]) == its
    assert weighted(its.hours, EnergyByHour(first, (1.0,) * (last - first + 1))) is not None


def test_a_service_that_tells_nothing_or_leaves_hours_out_is_refused():
    first = hour_of(at(9))
    with pytest.raises(IntensityError, match="told nothing"):
        asking.from_readings([], FRANCE.intensity, first, first)
    with pytest.raises(IntensityError, match="a service leaves out hours"):
        asking.from_readings([Reading(at(9), at(10), 1.0, source="a service")], FRANCE.intensity, first, first + 1)


def test_a_forecast_is_of_whole_hours_ahead_and_says_that_it_is_one():
    def ask(service, zone, start, end):
        assert (zone.zone, end) == ("FRA", at(16))
        return [Reading(at(h), at(h + 1), 10.0 * h, forecast=True, source="a service") for h in range(13, 16)]

    ahead = asking.forecast(FRANCE, "x", at(13.7), 3, ask)
    assert ahead.hours.mean_g_per_kwh == [130, 140, 150] and "gave a forecast" in ahead.note


@pytest.mark.parametrize(
    ("started", "length_s"), [("9999-12-31T23:59:59+00:00", 0), ("9999-12-31T12:00:00-14:00", 60)]
)
def test_a_run_of_the_last_day_there_is_asks_nobody(started, length_s):
    start = datetime.fromisoformat(started)
    with pytest.raises(IntensityError, match="is no time of a grid"):
        asking.rate(FRANCE, "electricitymaps", start, start + timedelta(seconds=length_s))
