"""The same work elsewhere: grams are energy times intensity times PUE, ratios are free of what both sides share."""

from __future__ import annotations

import math
from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycarbon.emissions import JOULES_PER_KWH
from pycarbon.errors import IntensityError
from pycarbon.intensity import choose
from pycarbon.interval import Range
from pycarbon.what_if import METHOD, what_if

AT = datetime(2026, 7, 1, tzinfo=timezone.utc)
KWH = Range(0.9 * 3.6e6, 3.6e6, 1.2 * 3.6e6)
ZONES = ("FRA", "DEU", "POL", "SWE", "US-WY", "USA", "NO-NO1", "WORLD", None)

energies = st.tuples(st.floats(1, 1e12), st.floats(0, 0.5), st.floats(0, 0.5)).map(
    lambda drawn: Range(drawn[0] * (1 - drawn[1]), drawn[0], drawn[0] * (1 + drawn[2]))
)
usages = st.dictionaries(st.sampled_from(ZONES), energies, min_size=1, max_size=4)


@settings(max_examples=20, deadline=None)
@given(usages, st.floats(1, 2))
def test_grams_are_energy_times_intensity_times_pue_and_the_ranking_is_sorted(used, pue):
    found = what_if(used, Range(pue, pue, pue), at=AT)
    total = math.fsum(energy.best for energy in used.values())
    grams = [there.emissions.co2e_g for there in found.ranking]
    assert grams == sorted(grams) and len({there.zone for there in found.ranking}) == len(grams)
    for there in found.ranking[::20]:
        intensity = choose(there.zone, METHOD, at=AT).taken
        assert there.emissions.co2e_g == pytest.approx(
            total / JOULES_PER_KWH * pue * intensity.intensity_g_per_kwh, rel=1e-9
        )
        assert there.emissions.low_g <= there.emissions.co2e_g <= there.emissions.high_g
        assert there.emissions.method == "average lifecycle production"


@settings(max_examples=20, deadline=None)
@given(usages)
def test_a_ratio_lies_in_its_interval_and_agrees_with_the_grams(used):
    found = what_if(used, at=AT)
    for there in found.ranking[::10]:
        assert there.ratio.low <= there.ratio.best <= there.ratio.high
        assert there.ratio.best == pytest.approx(there.emissions.co2e_g / found.here.co2e_g, rel=1e-6)
        assert (there.verdict == "less") == (there.ratio.high < 1)
        assert (there.verdict == "more") == (there.ratio.low > 1)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.sampled_from(("FRA", "DEU", "POL")), energies, min_size=1), st.data())
def test_no_choice_of_energies_and_intensities_leaves_the_interval_of_a_ratio(used, data):
    # GIVEN any energies and intensities within their intervals, France's being the same on both sides
    def within(low, high):
        return data.draw(st.floats(low, high))

    their = {zone: choose(zone, METHOD, at=AT).taken for zone in {*used, "FRA"}}
    grid = {zone: within(one.low_g_per_kwh, one.high_g_per_kwh) for zone, one in their.items()}
    joules = {zone: within(energy.low, energy.high) for zone, energy in used.items()}
    here = sum(grid[zone] * joules[zone] for zone in used) / sum(joules.values())
    # THEN the ratio that follows lies within what is said of it
    ratio = next(there.ratio for there in what_if(used, at=AT).ranking if there.zone == "FRA")
    assert ratio.low * (1 - 1e-9) <= grid["FRA"] / here <= ratio.high * (1 + 1e-9)


def test_its_own_zone_is_exactly_as_it_is_and_nowhere_else_is_here():
    found = what_if({"FRA": KWH}, at=AT)
    here = [there for there in found.ranking if there.verdict == "here"]
    assert [there.zone for there in here] == ["FRA"]
    assert (here[0].ratio.low, here[0].ratio.best, here[0].ratio.high) == (1, 1, 1)
    assert here[0].emissions == found.here and here[0].ran_j == KWH.best


def test_the_error_of_the_energy_cancels_in_a_ratio():
    wide, narrow = (what_if({"FRA": energy}, at=AT) for energy in (Range(0, 3.6e6, 9e9), KWH))
    for one, other in zip(wide.ranking, narrow.ranking, strict=True):
        assert one.ratio.low == pytest.approx(other.ratio.low) and one.ratio.best == pytest.approx(other.ratio.best)
        assert one.ratio.high == pytest.approx(other.ratio.high)
    poland = next(there for there in wide.ranking if there.zone == "POL")
    assert poland.verdict == "more" and poland.emissions.low_g == 0


def test_a_place_nobody_named_counts_as_the_world_with_its_range_so_that_little_is_told():
    known, unknown = what_if({"FRA": KWH}, at=AT), what_if({None: KWH}, at=AT)
    assert known.unknown_j == 0 and unknown.unknown_j == KWH.best
    assert not unknown.here.place_known and all(there.verdict != "here" for there in unknown.ranking)
    told = sum(there.verdict != "not told" for there in unknown.ranking)
    assert told < sum(there.verdict != "not told" for there in known.ranking)


def test_regions_of_a_cloud_are_ranked_when_asked_and_another_zone_beside_them():
    found = what_if({"FRA": KWH}, provider="gcp", also=["no-no1"], at=AT)
    zones = {there.zone for there in found.ranking}
    assert "gcp:europe-north1" in zones and {"FRA", "NO-NO1"} < zones
    assert all(zone.startswith("gcp:") for zone in zones - {"FRA", "NO-NO1"})
    assert all(there.continent for there in found.ranking)


def test_places_without_a_figure_are_named_and_an_unknown_zone_is_refused_in_one_line():
    assert "ATA" in what_if({"FRA": KWH}, at=AT).without
    with pytest.raises(IntensityError, match="Atlantis"):
        what_if({"FRA": KWH}, also=["Atlantis"], at=AT)


def test_without_energy_there_is_nothing_to_compare():
    found = what_if({"FRA": Range(0, 0, 0), "DEU": Range(0, 0, 0)}, at=AT)
    assert {there.ratio for there in found.ranking} == {None}
    assert found.here.co2e_g == 0
