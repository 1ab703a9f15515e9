"""The look-up of a place's carbon intensity."""

import csv
import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.errors import IntensityError
from pycarbon.intensity import TABLE, Intensity, lookup, zones

with TABLE.open(encoding="utf-8", newline="") as file:
    ROWS = [row for row in csv.DictReader(file) if row["zone"] != "UNKNOWN"]

SPELLINGS = [
    (row["zone"], spelling) for row in ROWS for spelling in (row["zone"], row["iso2"], row["name"]) if spelling
]


@given(st.sampled_from(SPELLINGS), st.sampled_from([str, str.upper, str.lower, str.title]))
def test_every_zone_is_found_by_each_of_its_spellings(pair, case):
    zone, spelling = pair
    found = lookup(f" {case(spelling)} ")
    assert found.zone == zone
    assert found.place_known


def test_no_spelling_means_two_zones():
    folded = [(spelling.casefold(), zone) for zone, spelling in SPELLINGS]
    assert len({spelling for spelling, _ in folded}) == len(set(folded))


@given(st.text() | st.from_regex(r"\A[A-Za-z]{2,3}(-[A-Z0-9]{1,3})?\Z"))
def test_any_text_is_found_or_refused_in_one_line(text):
    # WHEN any text is looked up
    try:
        found = lookup(text)
    # THEN it is a zone of the table, or one line says what a zone is
    except IntensityError as error:
        assert len(str(error).splitlines()) == 1
        assert "FRA, FR or France" in str(error)
    else:
        assert found in zones()


@pytest.mark.parametrize(
    ("asked", "suggested"),
    [("FRX", "FRA (France)"), ("Germny", "DEU (Germany)"), ("wrold", "WORLD (World)")],
)
def test_a_near_miss_is_answered_with_the_zone_meant(asked, suggested):
    with pytest.raises(IntensityError, match="did you mean") as caught:
        lookup(asked)
    assert f"unknown zone '{asked}'" in str(caught.value)
    assert suggested in str(caught.value)


def test_uk_is_the_united_kingdom_and_not_ukraine():
    assert lookup("UK") == lookup("GBR")


def test_no_place_is_the_world_with_a_flag_and_a_range_that_spans_the_countries():
    # GIVEN the world asked for by name, and no place at all
    world, unknown = lookup("WORLD"), lookup(None)
    # THEN both have one value, and only the unknown place is wide enough for most countries
    assert unknown.zone == world.zone == "WORLD"
    assert unknown.intensity_g_per_kwh == world.intensity_g_per_kwh
    assert (world.place_known, unknown.place_known) == (True, False)
    inside = [z for z in zones() if unknown.low_g_per_kwh <= z.intensity_g_per_kwh]
    inside = [z for z in inside if z.intensity_g_per_kwh <= unknown.high_g_per_kwh]
    assert len(inside) > 0.8 * len(zones())
    assert world.high_g_per_kwh - world.low_g_per_kwh < 0.3 * world.intensity_g_per_kwh


def test_the_stand_in_for_an_unknown_place_cannot_be_asked_for():
    with pytest.raises(IntensityError):
        lookup("UNKNOWN")


def test_every_zone_has_an_interval_around_its_value_and_one_method():
    for zone in zones():
        assert 0 < zone.low_g_per_kwh <= zone.intensity_g_per_kwh <= zone.high_g_per_kwh, zone
        assert zone.method == "average lifecycle production"
        assert 2020 <= zone.year <= 2026
        assert zone.source


def test_zones_are_in_order_and_lack_nothing_of_the_table():
    assert [zone.zone for zone in zones()] == sorted(row["zone"] for row in ROWS)


@pytest.mark.parametrize("zone", ["FRA", None])
def test_an_intensity_survives_json(zone):
    intensity = lookup(zone)
    stored = json.dumps(dataclasses.asdict(intensity))
    assert Intensity(**json.loads(stored)) == intensity
