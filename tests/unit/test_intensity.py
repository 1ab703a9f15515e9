"""Which factor is taken for a place, how sure it is, and what becomes of the others."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from datetime import datetime, timezone

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pycarbon import clouds, shipped, zones
from pycarbon.commands import main
from pycarbon.errors import IntensityError
from pycarbon.intensity import (
    FLOWS,
    GASES,
    SCOPES,
    TABLE,
    Intensity,
    Method,
    Row,
    choose,
    from_dict,
    lookup,
    method_text,
    rows,
)

NUMBERS = ("intensity_g_per_kwh", "low_g_per_kwh", "high_g_per_kwh", "yearly_change_g_per_kwh")
TABLE_ROWS = list(csv.DictReader(shipped.text(TABLE).splitlines()))
METHODS = [Method(scope, flow, gas) for scope in SCOPES for flow in (None, *FLOWS) for gas in (None, *GASES)]
KNOWN = zones.known()
PLACES = [zone.zone for zone in KNOWN]
NOW = datetime(2026, 7, 1, tzinfo=timezone.utc)

BY_ZONE: dict[str, list[dict[str, str]]] = {}
for _row in TABLE_ROWS:
    BY_ZONE.setdefault(_row["zone"], []).append(_row)

places, methods = st.sampled_from(PLACES), st.sampled_from(METHODS)
years = st.none() | st.integers(2014, 2026)


def july(year: int) -> datetime:
    return datetime(year, 7, 1, tzinfo=timezone.utc)


def expected(zone: str, method: Method, year: int | None) -> dict[str, str] | None:
    """The policy in other words: zone by zone outwards, and in the first that has any, the newest, then the order."""
    for name in (zone, *zones.by_id(zone).within):
        fitting = [
            row
            for row in BY_ZONE.get(name, [])
            if row["scope"] == method.scope
            and method.flow in (None, row["flow"])
            and method.gas in (None, row["gas"])
            and year in (None, int(row["year"]))
        ]
        if fitting:
            newest = max(int(row["year"]) for row in fitting)
            fitting = [row for row in fitting if int(row["year"]) == newest]
            for flow in FLOWS:
                for gas in GASES:
                    for row in fitting:
                        if (row["flow"], row["gas"]) == (flow, gas):
                            return row
    return None


def key(one: Intensity) -> tuple[str, str, str, str]:
    return one.zone, one.scope, one.flow, one.gas


@given(places, methods, years)
def test_the_smallest_zone_then_the_newest_year_by_one_method(zone, method, year):
    # GIVEN what the table has for a place and the zones around it
    row = expected(zone, method, year)
    # WHEN one is chosen
    if row is None:
        with pytest.raises(IntensityError) as caught:
            choose(zone, method, year=year)
        assert str(caught.value).isprintable() and str(caught.value).startswith("there is no ")
        assert method.scope in str(caught.value) and zone in str(caught.value)
        return
    taken = choose(zone, method, year=year, at=NOW).taken
    # THEN it is that one, by the method asked for, and its zone is named beside the one asked for
    assert (taken.zone, str(taken.year)) == (row["zone"], row["year"])
    assert taken.intensity_g_per_kwh == float(row["intensity_g_per_kwh"])
    assert (taken.scope, taken.flow, taken.gas, taken.type) == (row["scope"], row["flow"], row["gas"], "average")
    assert taken.method == method_text(taken.scope, taken.flow, taken.gas)
    assert method.scope == taken.scope and method.flow in (None, taken.flow) and method.gas in (None, taken.gas)
    assert taken.asked == (None if taken.zone == zone else zone)
    assert 0 <= taken.low_g_per_kwh <= taken.intensity_g_per_kwh <= taken.high_g_per_kwh < math.inf
    assert taken.place_known and taken.source and taken.source != row["source"]


@given(places, methods, years)
def test_what_was_not_taken_is_complete_and_never_what_was(zone, method, year):
    assume(expected(zone, method, year) is not None)
    choice = choose(zone, method, year=year, at=NOW)
    # GIVEN every method of every zone from there outwards, with its newest year
    newest: dict[tuple[str, str, str, str], int] = {}
    for name in (zone, *zones.by_id(zone).within):
        for row in BY_ZONE.get(name, []):
            found = (name, row["scope"], row["flow"], row["gas"])
            newest[found] = max(newest.get(found, 0), int(row["year"]))
    # THEN the others are all of these but the one taken; of that only a newer year is another
    others = {key(one): one.year for one in choice.others}
    assert len(others) == len(choice.others)
    if newest[key(choice.taken)] == choice.taken.year:
        assert others == {found: its for found, its in newest.items() if found != key(choice.taken)}
    else:
        assert others == newest
    assert all(one.hours is None for one in choice.others)


@settings(suppress_health_check=[HealthCheck.filter_too_much])  # few zones are passed over
@given(places, methods)
def test_a_smaller_zone_that_was_passed_over_widens_the_range_and_is_named(zone, method):
    row = expected(zone, method, None)
    assume(row is not None and row["zone"] != zone)
    taken = choose(zone, method, at=NOW).taken
    # GIVEN figures of smaller zones, by other methods
    chain = (zone, *zones.by_id(zone).within)
    plain = choose(taken.zone, method, at=NOW).taken
    passed = [
        name
        for name in chain[: chain.index(taken.zone)]
        if name in BY_ZONE
        and (":" not in name or float(BY_ZONE[name][-1]["intensity_g_per_kwh"]) > plain.high_g_per_kwh)
    ]
    if not passed:
        # THEN, where there are none, the larger zone's figure stands as it is
        assert (taken.note, taken.low_g_per_kwh, taken.high_g_per_kwh) == (
            "",
            plain.low_g_per_kwh,
            plain.high_g_per_kwh,
        )
        return
    # THEN else the note names the smallest, and the range holds every figure of it
    assert taken.note.startswith(f"{passed[0]} has no {method.scope}") and f"{taken.zone}'s is used" in taken.note
    assert taken.note.isprintable()
    assert taken.intensity_g_per_kwh == plain.intensity_g_per_kwh
    assert taken.low_g_per_kwh <= plain.low_g_per_kwh and taken.high_g_per_kwh >= plain.high_g_per_kwh
    newest = {}
    for other in BY_ZONE[passed[0]]:
        newest[other["scope"], other["flow"], other["gas"]] = float(other["intensity_g_per_kwh"])  # in order of years
    assert all(taken.low_g_per_kwh <= value <= taken.high_g_per_kwh for value in newest.values())


def test_a_clouds_region_emits_no_more_at_the_stack_than_in_its_lifecycle():
    # GIVEN Google's region in the coal of South Carolina, whose direct figure is twice the state's lifecycle one
    taken, direct = lookup("gcp:us-east1"), lookup("gcp:us-east1", scope="direct").intensity_g_per_kwh
    assert (taken.zone, direct > 2 * taken.intensity_g_per_kwh) == ("US-SC", True)
    # THEN the range holds it, and says so; where the direct figure is below, nothing is to be said
    assert taken.high_g_per_kwh >= direct and "gcp:us-east1 has no lifecycle figure" in taken.note
    assert taken.low_g_per_kwh == lookup("US-SC").low_g_per_kwh
    assert lookup("gcp:europe-west9").note == ""
    for region in clouds.regions():
        stack = [row.value for row in rows(region.zone)[-1:]]
        assert not stack or stack[0] <= lookup(region.zone).high_g_per_kwh


def test_tasmania_has_stack_emissions_only():
    # GIVEN a state of which only direct figures of what is used there are published
    taken = lookup("AU-TAS")
    # THEN its life cycle is the country's, wide enough for the state's, and the state's own is not mixed in
    assert (taken.zone, taken.asked, taken.scope) == ("AUS", "AU-TAS", "lifecycle")
    assert "AU-TAS has no lifecycle figure, it has 150 g/kWh (average direct consumption, 2023)" in taken.note
    assert taken.low_g_per_kwh < 150 and taken.intensity_g_per_kwh > 500
    assert lookup("AU-TAS", scope="direct").zone == "AU-TAS"


def test_a_year_that_nobody_published_is_refused_with_the_years_there_are():
    with pytest.raises(IntensityError) as caught:
        lookup("FRA", year=1999)
    assert "no lifecycle figure of 1999 for FRA" in str(caught.value) and "2015 to 20" in str(caught.value)


@given(st.sampled_from(TABLE_ROWS), st.integers(2010, 2060), st.integers(0, 20))
def test_a_factor_gets_less_sure_with_the_years_and_is_as_published_in_its_own(row, used_in, more):
    # GIVEN a figure, the year in which energy is used, and one further away from the figure's
    assume(row["zone"] != "UNKNOWN")
    method, year = Method(row["scope"], row["flow"], row["gas"]), int(row["year"])
    further = used_in + more if used_in >= year else used_in - more
    then, later, at_once = (
        choose(row["zone"], method, year=year, at=july(y)).taken for y in (used_in, further, year)
    )
    # THEN its range never narrows with the distance, its value stays, and in its own year it is as published
    value, low, high, change = (float(row[name]) for name in NUMBERS)
    assert then.intensity_g_per_kwh == later.intensity_g_per_kwh == value
    assert later.low_g_per_kwh <= then.low_g_per_kwh <= at_once.low_g_per_kwh
    assert later.high_g_per_kwh >= then.high_g_per_kwh >= at_once.high_g_per_kwh
    assert (at_once.low_g_per_kwh, at_once.high_g_per_kwh) == pytest.approx((low, high), rel=1e-12)
    # THEN the distance counts as a random walk's: in quadrature, by the root of the years
    moved = change**2 * abs(used_in - year)
    assert (then.high_g_per_kwh - value) ** 2 == pytest.approx((high - value) ** 2 + moved, rel=1e-6, abs=1e-6)


def test_no_place_is_the_world_with_a_flag_and_a_range_that_spans_the_countries():
    # GIVEN the world asked for by name, and no place at all
    world, unknown = lookup("WORLD"), lookup(None)
    # THEN both have one value, and only the unknown place is wide enough for most countries
    assert unknown.zone == world.zone == "WORLD" and unknown.name == "unknown place"
    assert unknown.intensity_g_per_kwh == world.intensity_g_per_kwh
    assert (world.place_known, unknown.place_known) == (True, False)
    countries = [zone.zone for zone in KNOWN if zone.kind == "country" and zone.zone in BY_ZONE]
    values = [lookup(zone).intensity_g_per_kwh for zone in countries]
    inside = [value for value in values if unknown.low_g_per_kwh <= value <= unknown.high_g_per_kwh]
    assert len(inside) > 0.8 * len(values) > 100
    assert world.high_g_per_kwh - world.low_g_per_kwh < 0.3 * world.intensity_g_per_kwh


@pytest.mark.parametrize("zone", ["UNKNOWN", "", "atlantis"])
def test_an_unknown_zone_is_never_the_world(zone):
    with pytest.raises(IntensityError, match="unknown zone"):
        lookup(zone)


def row_of(zone: str, year: int, value: float, scope: str = "lifecycle") -> Row:
    return Row(zone, year, scope, "production", "CO2e", "own", value, value * 0.9, value * 1.1, 0.0)


@given(st.sampled_from([zone for zone in PLACES if zone in BY_ZONE]), st.floats(1, 1500), st.integers(1990, 2027))
def test_ones_own_factor_goes_first_and_the_tables_is_among_the_others(zone, value, year):
    # GIVEN somebody's own figure, of whatever year
    own = {zone: (row_of(zone, year, value),)}
    choice = choose(zone, own=own, at=NOW)
    # THEN it is taken as it is, whatever the table has
    assert (choice.taken.intensity_g_per_kwh, choice.taken.year, choice.taken.source) == (value, year, "own")
    assert choice.taken.low_g_per_kwh == pytest.approx(value * 0.9)
    # THEN what else there is for the zone stays among those not taken, and other zones stay as they were
    table = {key(one) for one in choose(zone, at=NOW).others} | {key(choose(zone, at=NOW).taken)}
    assert table <= {key(one) for one in choice.others}
    assert all(one.source != "own" for one in choice.others)
    assert choose("WORLD" if zone != "WORLD" else "FRA", own=own) == choose("WORLD" if zone != "WORLD" else "FRA")


def test_where_ones_own_factors_have_no_such_figure_the_tables_is_taken():
    own = {"FRA": (row_of("FRA", 2025, 12.0),)}
    taken = choose("FRA", Method("direct"), own=own).taken
    assert dataclasses.replace(taken, note="") == choose("FRA", Method("direct")).taken
    assert taken.note == "own factors are not used: FRA own lifecycle production 2025; wanted is FRA direct"
    taken = choose("FRA", year=2020, own=own).taken
    assert dataclasses.replace(taken, note="") == choose("FRA", year=2020).taken and taken.note.endswith(
        "lifecycle 2020"
    )


def test_ones_own_factor_that_was_passed_over_is_not_called_an_average():
    taken = choose("CN-SC", own={"CN-SC": (row_of("CN-SC", 2025, 30.0, "direct"),)}).taken
    assert "it has 30 g/kWh (own direct production, 2025) and" in taken.note
    assert taken.zone == "CHN" and taken.low_g_per_kwh <= 27


def test_ones_own_country_stands_for_the_places_in_it_that_have_no_figure():
    own = {"AUS": (row_of("AUS", 2025, 300.0),)}
    taken = choose("azure:australiaeast", own=own).taken
    assert (taken.zone, taken.intensity_g_per_kwh) == (
        "AUS",
        300.0,
    ) and "AU-NSW has no lifecycle figure" in taken.note


def test_only_the_shipped_tables_figure_has_hours_and_they_hold_its_mean():
    # GIVEN a balancing area with hourly values, with its own figure, and somebody's own for it
    shipped_one = choose("US-CISO").taken
    own = choose("US-CISO", own={"US-CISO": (row_of("US-CISO", 2022, 9.0),)}).taken
    assert shipped_one.hours is not None and own.hours is None
    # THEN the hours scatter around the mean of the year, and each is at least as unsure as that
    hours, value = shipped_one.hours, shipped_one.intensity_g_per_kwh
    assert sum(hours.mean_g_per_kwh) / 288 == pytest.approx(value, rel=0.1)
    below = 1 - shipped_one.low_g_per_kwh / value
    for low, mean in zip(hours.low_g_per_kwh, hours.mean_g_per_kwh, strict=True):
        assert low <= mean * (1 - below) + 1e-9


def test_every_zone_has_an_interval_around_its_value_and_one_method():
    for zone in KNOWN:
        if expected(zone.zone, Method(), None) is None:
            continue
        taken = lookup(zone.zone)
        assert 0 <= taken.low_g_per_kwh <= taken.intensity_g_per_kwh <= taken.high_g_per_kwh < 2500, zone
        assert taken.method == "average lifecycle production"
        assert 2015 <= taken.year <= 2026


def test_the_rows_of_a_zone_are_those_of_the_table():
    assert sum(len(rows(zone)) for zone in BY_ZONE) == len(TABLE_ROWS)
    assert rows("FR") == rows("") == rows("zone") == ()


@pytest.mark.parametrize("zone", ["FRA", "US-CISO", "AU-TAS", "aws:us-east-1", None])
def test_an_intensity_survives_json(zone):
    intensity = lookup(zone)
    stored = json.dumps(dataclasses.asdict(intensity), allow_nan=False)
    assert from_dict(json.loads(stored)) == intensity


def test_what_an_older_version_stored_is_read():
    # GIVEN the members that the first runs had, with one that later versions may add
    old = {
        "zone": "FRA",
        "name": "France",
        "intensity_g_per_kwh": 41.0,
        "low_g_per_kwh": 30.0,
        "high_g_per_kwh": 60.0,
        "year": 2024,
        "method": "average lifecycle production",
        "source": "a table",
    }
    # THEN it is an average of the whole life cycle, of a known place, for all hours
    found = from_dict(old | {"colour": "green"})
    assert (found.place_known, found.scope, found.flow, found.gas, found.type) == (
        True,
        "lifecycle",
        "production",
        "CO2e",
        "average",
    )
    assert (found.asked, found.note, found.hours) == (None, "", None)
    assert from_dict(old | {"place_known": False}).place_known is False


def test_a_method_in_words():
    assert method_text("lifecycle", "production", "CO2e") == "average lifecycle production"
    assert method_text("direct", "consumption", "CO2", "marginal") == "marginal direct consumption, CO2 only"


def told(capsys, *arguments: str) -> dict:
    assert main(["intensity", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_command_says_what_is_taken_and_what_not(capsys):
    # WHEN a cloud's region is asked for at a time
    found = told(capsys, "aws:us-east-1", "--at", "2026-07-01T15:00")
    # THEN it is counted in its balancing area, at that hour, with the PUE of the region
    choice = choose("aws:us-east-1", at=july(2026))
    assert (found["schema"], found["zone"], found["asked"]) == (1, "US-PJM", "aws:us-east-1")
    low, mean, high = choice.taken.hours.at((july(2026) - datetime(1970, 1, 1, tzinfo=timezone.utc)).days * 24 + 15)
    assert found["hour"] == {
        "kind": "typical",
        "low_g_per_kwh": low,
        "intensity_g_per_kwh": mean,
        "high_g_per_kwh": high,
    }
    assert [one["zone"] for one in found["alternatives"]] == [one.zone for one in choice.others]
    region = clouds.region("aws:us-east-1")
    assert (found["pue"], found["pue_range"]) == (region.pue, [region.pue_low, region.pue_high])
    assert region.pue_source in found["pue_source"]


def test_the_command_tells_a_year_as_that_year_was(capsys):
    found, as_it_was = told(capsys, "FRA", "--year", "2019"), choose("FRA", year=2019, at=july(2019)).taken
    assert (found["low_g_per_kwh"], found["high_g_per_kwh"]) == (as_it_was.low_g_per_kwh, as_it_was.high_g_per_kwh)


def test_the_command_lists_hours_and_says_by_which_method(capsys):
    found = told(capsys, "US-CISO", "--at", "2028-02-29T23:30", "--hours", "2")
    assert [hour["start"] for hour in found["hours"]] == ["2028-02-29T23:00:00+00:00", "2028-03-01T00:00:00+00:00"]
    assert found["hours_method"] == "average lifecycle production"
    assert told(capsys, "FRA")["hours_method"] is None


def test_the_command_tells_people_what_was_not_taken(capsys):
    assert main(["intensity", "AU-TAS", "--all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    border = lines.index("Not taken:")
    said = " ".join(" ".join(lines[:border]).split())
    assert "AU-TAS in Australia" in said and "AU-TAS has no lifecycle figure" in said
    not_taken = [line for line in lines[border + 1 :] if not line.startswith("      ")]  # what goes on is indented
    assert len(not_taken) == len(choose("AU-TAS").others) and all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["atlantis"], 1, "unknown zone 'atlantis'"),
        (["Georgia"], 1, "ambiguous"),
        (["FRA", "--year", "1999"], 1, "no lifecycle figure of 1999"),
        (["FRA", "--factors", "/nowhere/own.csv"], 1, "/nowhere/own.csv: the file of factors cannot be read"),
        (["FRA", "--service", "nobody"], 1, "unknown service 'nobody'"),
        (["FRA", "--at", "noon"], 2, "'noon' is no time"),
        (["FRA", "--scope", "all"], 2, "invalid choice: 'all'"),
    ],
)
def test_the_command_says_in_one_line_what_is_no_good(capsys, arguments, status, says):
    try:
        found = main(["intensity", *arguments])
    except SystemExit as ended:  # of the parser of arguments
        found = ended.code
    said = capsys.readouterr()
    assert found == status and said.out == ""
    assert says in said.err.splitlines()[-1] and (status == 2 or len(said.err.splitlines()) == 1)
