"""Places on the grid: found by every name they have, told apart where they share one, and near each other or not."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pycarbon import clouds, zones
from pycarbon.commands import main
from pycarbon.errors import IntensityError
from pycarbon.intensity import choose

KNOWN = zones.known()
CODES = {zone.zone: zone for zone in KNOWN}
MEANINGS: dict[str, set[str]] = {}
for _zone in KNOWN:
    for _text in (_zone.zone, _zone.name, *_zone.spellings):
        MEANINGS.setdefault(_text.casefold(), set()).add(_zone.zone)
SPELLINGS = sorted({text for zone in KNOWN if zone.kind != "cloud" for text in (zone.name, *zone.spellings)})

cases = st.sampled_from([str, str.upper, str.lower, str.title, str.swapcase])
latitudes, longitudes = st.floats(-90, 90), st.floats(-180, 180)
points = st.tuples(latitudes, longitudes)


def refusal(text: str) -> str:
    with pytest.raises(IntensityError) as caught:
        zones.find(text)
    assert str(caught.value).isprintable()
    return str(caught.value)


@given(st.sampled_from(KNOWN), cases)
def test_every_code_is_found_in_any_case(zone, case):
    assert zones.find(f" {case(zone.zone)}\n") == zone
    assert zones.by_id(zone.zone) == zone


@given(st.sampled_from(SPELLINGS), cases)
def test_every_spelling_is_found_in_any_case_or_is_ambiguous_and_says_of_what(spelling, case):
    meant = MEANINGS[spelling.casefold()]
    if len(meant) == 1:
        assert {zones.find(case(spelling)).zone} == meant
    else:
        line = refusal(case(spelling))
        assert "ambiguous" in line and "type the code" in line and all(zone in line for zone in meant)


def test_georgia_is_two_places():
    line = refusal("georgia")
    assert "GEO (Georgia)" in line and "US-GA (Georgia, state)" in line
    assert (zones.find("Georgia, USA").zone, zones.find("ge").zone) == ("US-GA", "GEO")


def test_few_names_are_ambiguous():
    assert {text for text, meant in MEANINGS.items() if len(meant) > 1} <= {"georgia", "puerto rico"}


def test_uk_is_the_united_kingdom_and_not_ukraine():
    assert zones.find("UK") == zones.find("GBR") == zones.find("GB") == zones.find("United Kingdom")


@pytest.mark.parametrize(
    ("asked", "suggested"),
    [
        ("FRX", "FRA (France)"),
        ("Germny", "DEU (Germany)"),
        ("wrold", "WORLD (World)"),
        ("californa", "US-CA (California, state)"),
        ("US-CIS0", "US-CISO"),
        ("NO-N01", "NO-NO1"),
        ("aws:us-eat-1", "aws:us-east-1"),
        ("azure:westerneurope", "azure:westeurope"),
        ("gcp:europe-north-1", "gcp:europe-north1"),
    ],
)
def test_a_near_miss_is_answered_with_the_zone_meant(asked, suggested):
    line = refusal(asked)
    assert line.startswith(f"unknown zone {asked!r}: did you mean") and suggested in line


@given(st.sampled_from([zone for zone in KNOWN if len(zone.name) > 7]), st.data())
def test_a_letter_that_is_missing_never_leads_elsewhere(zone, data):
    # GIVEN a name that lacks one of its letters
    at = data.draw(st.integers(0, len(zone.name) - 1))
    short = zone.name[:at] + zone.name[at + 1 :]
    assume(short.strip().casefold() not in MEANINGS)
    # WHEN it is looked up THEN it is refused, with a way on
    assert "pycarbon zones" in refusal(short)


@given(st.text() | st.from_regex(r"\A[A-Za-z]{2,3}(-[A-Z0-9]{1,3})?\Z") | st.text("aws:ue-1, \n\"'|"))
def test_any_text_is_found_or_refused_in_one_line(text):
    # WHEN any text is looked up
    try:
        found = zones.find(text)
    # THEN it is a zone of the table, or one line says what a zone is
    except IntensityError as error:
        assert str(error).isprintable() and len(str(error)) < 700
        assert "ambiguous" in str(error) or "a zone is a country (FRA, FR, France)" in str(error)
    else:
        assert CODES[found.zone] == found


@pytest.mark.parametrize("text", ["UNKNOWN", "zone", "", " ", ",", "FRA,", "FRA\nDEU", "zone,kind,within", "\udcff"])
def test_what_only_looks_like_a_row_is_no_zone(text):
    refusal(text)


def test_zones_are_in_order_and_each_lies_in_zones_that_are_there():
    codes = [zone.zone for zone in KNOWN]
    assert len(codes) == len(set(codes))
    on_grid = [zone.zone for zone in KNOWN if zone.kind != "cloud"]
    assert codes == sorted(on_grid) + sorted(set(codes) - set(on_grid))
    for zone in KNOWN:
        assert zone.zone not in zone.within and zones.WORLD not in zone.within
        around = [CODES[name] for name in zone.within]
        assert zone.kind in ("world", "country") or around[-1].kind == "country", zone
        assert (zone.latitude is None) == (zone.longitude is None)


def test_every_cloud_region_is_on_a_grid_of_which_there_is_a_figure():
    for region in clouds.regions():
        zone = zones.find(region.zone)
        assert zone.within == region.grid_zones and zone.kind == "cloud"
        assert all(CODES[name].kind != "cloud" for name in region.grid_zones)
        taken = choose(region.zone).taken
        assert taken.zone in (region.zone, *region.grid_zones) and taken.method == "average lifecycle production"
        assert taken.place_known and taken.intensity_g_per_kwh > 0


@given(points, points)
def test_a_distance_is_the_same_both_ways_and_at_most_half_the_way_around(one, other):
    there, back = zones.distance_km(*one, *other), zones.distance_km(*other, *one)
    assert there == pytest.approx(back, abs=1e-6)
    assert 0 <= there <= math.pi * zones.EARTH_RADIUS_KM + 1e-6


@given(points)
def test_a_point_is_at_no_distance_from_itself(point):
    assert zones.distance_km(*point, *point) == 0


@given(points, points, points)
def test_a_way_over_a_third_place_is_never_shorter(one, other, third):
    direct = zones.distance_km(*one, *other)
    assert direct <= zones.distance_km(*one, *third) + zones.distance_km(*third, *other) + 1e-3


@given(latitudes, st.floats(-90, 90))
def test_along_a_meridian_a_degree_is_a_degree(one, other):
    along = zones.EARTH_RADIUS_KM * math.radians(abs(one - other))
    assert zones.distance_km(one, 7.0, other, 7.0) == pytest.approx(along, rel=1e-9, abs=1e-3)


@given(points)
def test_near_has_every_place_in_order_of_its_distance(point):
    found = zones.near(*point)
    distances = [km for km, _ in found]
    assert distances == sorted(distances)
    assert {zone.zone for _, zone in found} == {zone.zone for zone in KNOWN if zone.latitude is not None}


def test_berlin_is_near_and_sydney_is_far():
    # GIVEN the way from Paris, where the distances are known: to London 344 km, to Sydney 16960 km
    km = {zone.zone: distance for distance, zone in zones.near(48.8566, 2.3522)}
    assert km["FRA"] < 10 and km["GBR"] == pytest.approx(344, abs=10)
    assert km["aws:ap-southeast-2"] == pytest.approx(16960, abs=60)


@pytest.mark.parametrize("point", [(91, 0), (-91, 0), (0, 181), (0, -181), (math.nan, 0), (0, math.inf)])
def test_a_point_that_is_not_on_earth_is_refused(point):
    with pytest.raises(IntensityError, match="is no place: write degrees") as caught:
        zones.near(*point)
    assert str(caught.value).isprintable()


def told(capsys, *arguments: str) -> list[dict]:
    assert main(["zones", "--json", *arguments]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["schema"] == 1
    return values["zones"]


def test_the_command_lists_all_with_the_zone_they_are_counted_in(capsys):
    found = told(capsys)
    assert [one["zone"] for one in found] == [zone.zone for zone in KNOWN]
    by_code = {one["zone"]: one for one in found}
    assert by_code["FRA"]["counted_in"] == "FRA" and by_code["CN-SC"]["counted_in"] == "CHN"
    assert by_code["VAT"]["counted_in"] is None


def test_the_command_filters_by_text_kind_and_nearness(capsys):
    assert {one["zone"] for one in told(capsys, "carolina", "--kind", "state")} == {"US-NC", "US-SC"}
    near = told(capsys, "--near", "FRA", "--kind", "cloud")
    assert len(near) == 10 and all(one["kind"] == "cloud" for one in near)
    assert [one["distance_km"] for one in near] == sorted(one["distance_km"] for one in near)
    assert near[0]["distance_km"] < 50 and "paris" in near[0]["name"].casefold()


def test_the_command_takes_places_south_of_the_equator(capsys):
    assert told(capsys, "--near=-33.87,151.21")[0]["zone"] == "AU-NSW"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["atlantis"], "there is no such zone: atlantis"),
        (["--near", "atlantis"], "unknown zone 'atlantis'"),
        (["--near", "100,0"], "is no place"),
        (["--near", "nan,0"], "is no place"),
        (["--near", "WORLD"], "type LATITUDE,LONGITUDE"),
    ],
)
def test_the_command_says_in_one_line_what_is_no_good(capsys, arguments, says):
    assert main(["zones", *arguments]) in (1, 2)
    said = capsys.readouterr()
    assert said.out == "" and says in said.err and len(said.err.strip().splitlines()) == 1
