"""Where a run would emit less, by the tables as they ship and by made-up runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from pycarbon import clouds, siting, zones
from pycarbon.advice import Used
from pycarbon.advice_places import elsewhere, places
from pycarbon.continents import continent_of
from pycarbon.emissions import from_energy
from pycarbon.intensity import Intensity, Method, Row, choose
from pycarbon.interval import Range
from pycarbon.rating import Rating

AT = datetime(2026, 7, 1, 12, tzinfo=timezone.utc)
LIFECYCLE = Method()
ENERGY = Range(0.9 * 3.6e6, 3.6e6, 1.1 * 3.6e6)


def used_at(zone, method=LIFECYCLE, energy=ENERGY):
    choice = choose(zone, method, at=AT)
    return used_by(Rating(choice.taken, choice.others, *siting.pue_of(None, zone)), energy)


def used_by(rating, energy=ENERGY):
    return Used(energy, from_energy(energy.best, energy.low, energy.high, rating.intensity, rating.pue), rating)


def somewhere(low, best, high, **more):
    return Intensity("OWN", "own", best, low, high, 2025, "average lifecycle production", "own", **more)


def test_in_a_cloud_it_is_the_other_regions_of_that_cloud():
    found = places("aws:us-east-1")
    assert {place.zone for place in found} < {region.zone for region in clouds.regions() if region.provider == "aws"}
    assert "aws:us-east-1" not in {place.zone for place in found} and len(found) > 20
    for place in found:
        assert place.same_continent == (continent_of(clouds.region(place.zone).country) == "North America")
        assert place.pue is not None and place.pue.low >= 1


def test_a_contract_is_not_compared_with_the_averages_of_grids():
    # GIVEN a contract for coal in Norway, whose grid is cleaner than any near it
    bought = Row("NOR", 2025, "lifecycle", "production", "CO2e", "a contract", 700.0, 650.0, 750.0, 0.0)
    choice = choose("NOR", own={"NOR": [bought]}, at=AT)
    # WHEN it is asked where else to run THEN it is not that Sweden would save nearly all
    found, why = elsewhere(used_by(Rating(choice.taken, choice.others)), AT)
    assert found == [] and "--zone NOR" in why
    assert elsewhere(used_at("NOR"), AT)[1] != why


@pytest.mark.parametrize(
    ("here", "there", "reachable"),
    [
        ("aws:us-east-1", "aws:us-gov-west-1", False),
        ("aws:us-east-1", "aws:cn-north-1", False),
        ("aws:cn-north-1", "aws:cn-northwest-1", True),
        ("aws:us-gov-east-1", "aws:us-gov-west-1", True),
        ("aws:eu-central-1", "aws:eusc-de-east-1", False),
        ("azure:westeurope", "azure:northeurope", True),
    ],
)
def test_an_account_reaches_only_its_own_part_of_a_cloud(here, there, reachable):
    assert (there in {place.zone for place in places(here)}) is reachable


def test_on_land_it_is_the_continent_and_the_parts_of_the_country():
    found = {place.zone for place in places("US-WY")}
    assert {"US-VT", "US-CA", "CAN", "MEX"} <= found
    assert not found & {"US-WY", "USA", "FRA", "US-CISO", "WORLD", "aws:us-east-1"}


def test_areas_that_overlap_others_are_compared_with_their_like():
    found = {place.zone for place in places("US-CISO")}
    assert "US-BPAT" in found and not found & {"US-CA", "US-CAMX", "USA"}


@pytest.mark.parametrize("asked", ["WORLD", "my-cellar"])
def test_nothing_is_near_a_place_that_is_nowhere(asked):
    assert places(asked) == []


@pytest.mark.parametrize("zone", ["DEU", "aws:us-west-1", "US-WY", "SE-SE4", "gcp:asia-east1"])
@pytest.mark.parametrize("scope", ["lifecycle", "direct"])
def test_every_place_is_counted_as_the_run_was(zone, scope):
    # GIVEN a run at some place by some method
    used = used_at(zone, Method(scope))
    here = used.rating.intensity
    # WHEN places are looked for
    found, why = elsewhere(used, AT)
    # THEN each saves something, by the same method, and its figure is what `choose` takes
    assert bool(found) != bool(why)
    for one in found:
        there = choose(one.zone, Method(here.scope, here.flow, here.gas), at=AT).taken
        assert one.facts["method"] == here.method == there.method
        assert (one.facts["counted_in"], one.facts["year"]) == (there.zone, there.year)
        assert 0 < one.saved_g <= used.emissions.co2e_g
        assert one.saved_g == pytest.approx(used.emissions.co2e_g - one.facts["co2e_g"])
        assert one.low_g <= one.saved_g <= one.high_g
        if zones.by_id(one.zone).kind != "cloud":
            assert one.facts["counted_in"] == one.zone


def test_places_are_as_unsure_as_they_are_in_the_year_of_the_run():
    # GIVEN one run of this year, and one of ten years later
    now, later = (elsewhere(used_at("POL"), AT.replace(year=year))[0] for year in (2026, 2036))
    widths = [
        {one.zone: one.facts["high_g_per_kwh"] - one.facts["low_g_per_kwh"] for one in some} for some in (now, later)
    ]
    assert len(widths[0]) > 10 and all(widths[1][zone] > width for zone, width in widths[0].items())


def test_what_is_better_here_is_worse_from_there():
    # GIVEN the best region of a cloud for a run in another
    best = max(elsewhere(used_at("aws:us-west-1"), AT)[0], key=lambda one: one.saved_g)
    # WHEN it runs there
    found, _ = elsewhere(used_at(best.zone), AT)
    # THEN the first is no advice
    assert best.resolved
    assert "aws:us-west-1" not in {one.zone for one in found}


def test_two_regions_on_one_grid_differ_by_their_buildings_alone():
    # GIVEN two regions of a cloud that take the same electricity
    pairs = {}
    for region in clouds.regions():
        pairs.setdefault((region.provider, region.grid_zones, region.country), []).append(region)
    pairs = [(one, two) for some in pairs.values() for one in some for two in some if one.pue > two.pue]
    worse, better = pairs[0]
    # WHEN a run in the worse building asks
    used = used_at(worse.zone)
    one = next(one for one in elsewhere(used, AT)[0] if one.zone == better.zone)
    # THEN what is not known of the grid, which both have, makes neither better
    gap = worse.pue_low - better.pue_high
    kwh, grid = (ENERGY.low, "low_g_per_kwh") if gap > 0 else (ENERGY.high, "high_g_per_kwh")
    assert one.low_g == pytest.approx(gap * kwh / 3.6e6 * getattr(used.emissions, grid))
    most = (worse.pue_high - better.pue_low) * ENERGY.high / 3.6e6
    assert one.high_g == pytest.approx(most * used.emissions.high_g_per_kwh)


def test_nobody_knows_what_is_better_than_an_unknown_place():
    found, why = elsewhere(used_at(None), AT)
    assert found == [] and "--zone" in why and "\n" not in why


def test_a_zone_of_the_users_own_is_nowhere():
    found, why = elsewhere(used_by(Rating(somewhere(100, 200, 300))), AT)
    assert found == [] and "OWN" in why


def test_a_method_that_nobody_else_has_gives_no_advice():
    odd = replace(choose("FRA", at=AT).taken, flow="consumption", gas="CO2", method="average lifecycle consumption")
    found, why = elsewhere(used_by(Rating(odd)), AT)
    assert found == [] and "average lifecycle consumption" in why


def test_a_run_that_used_nothing_saves_nothing():
    found, why = elsewhere(used_at("DEU", energy=Range(0, 0, 0)), AT)
    assert found == [] and why
