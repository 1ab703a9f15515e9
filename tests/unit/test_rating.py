"""How joules become grams, as a run's file keeps it: nothing is lost, and older files are read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import metadata, rating
from pycarbon.emissions import EXACT_PUE
from pycarbon.footprint import hardware
from pycarbon.hours import Hours
from pycarbon.intensity import Intensity, Method, choose, lookup
from pycarbon.interval import Range
from pycarbon.rating import MACHINE_ALONE, Rating, from_meta

CHOICES = [
    choose(zone, Method(scope))
    for zone in ("FRA", "US-CISO", "AU-TAS", "gcp:us-west1", None)
    for scope in ("lifecycle", "direct")
]
MARGINAL = Intensity(
    "US-CISO", "CAISO", 400.0, 300.0, 500.0, 2026, "marginal direct consumption", "a service", type="marginal",
    hours=Hours("actual", 490000, [400.0], [300.0], [500.0]),
)  # fmt: skip

texts = st.text(max_size=20)
pues = st.lists(st.floats(1, 10), min_size=3, max_size=3).map(lambda three: Range(*sorted(three)))
positives = st.floats(0.01, 1e4)
ratings = st.builds(
    lambda choice, *rest: Rating(choice.taken, choice.others, *rest),
    st.sampled_from(CHOICES),
    pues,
    texts,
    st.none() | st.builds(hardware, st.floats(0, 1e6), st.floats(0.1, 50), st.floats(0.01, 1)),
    st.none() | st.floats(0, 100).map(lambda litres: Range(litres, litres, litres)),
    texts,
    st.dictionaries(st.sampled_from(["how", "zone", "provider", "instance_type"]), texts),
)


def stored(found: Rating) -> dict:
    """The metadata as a file holds it, in which a reader checks every member."""
    meta = json.loads(json.dumps(found.to_meta(), allow_nan=False))
    for name, value in meta.items():
        assert metadata.META_MEMBERS[name](value), name
    return meta


@given(ratings)
def test_a_rating_survives_its_file(found):
    # GIVEN any rating
    again = from_meta(stored(found), {})
    # THEN a file gives it back; of what was not taken all figures, but not what only concerns the choice then
    assert again == replace(found, others=again.others)
    plain = tuple(replace(one, asked=None, note="", hours=None, place_known=True) for one in found.others)
    assert again.others == plain
    assert from_meta(stored(again), {}) == again and stored(again) == stored(found)


def test_of_what_was_not_taken_hours_are_kept_where_grams_follow_from_them():
    # GIVEN a marginal intensity beside the average, and an average that was not taken, both with hours
    found = Rating(lookup("FRA"), (MARGINAL, replace(MARGINAL, type="average")))
    marginal, average = from_meta(stored(found), {}).others
    assert (marginal, average.hours) == (MARGINAL, None)


def test_the_footer_goes_before_the_metadata():
    # GIVEN what a service told of the run's own hours when it had ended
    before, after = Rating(lookup("FRA"), pue=Range(1.1, 1.2, 1.3)), Rating(replace(MARGINAL, type="average"))
    footer = {name: after.to_meta()[name] for name in ("intensity", "intensity_alternatives")}
    found = from_meta(stored(before), footer)
    # THEN its factor counts, and the rest is as it was when the run began
    assert (found.intensity, found.pue) == (after.intensity, before.pue)


OLD = {
    "zone": "FRA", "name": "France", "intensity_g_per_kwh": 41.0, "low_g_per_kwh": 30.0, "high_g_per_kwh": 60.0,
    "year": 2024, "method": "average lifecycle production", "source": "a table", "place_known": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("pue", "source"),
    [({}, MACHINE_ALONE), ({"pue": 1}, MACHINE_ALONE), ({"pue": 1.0}, MACHINE_ALONE), ({"pue": 1.4}, "as set")],
)
def test_an_older_file_has_a_zone_and_a_pue_only(pue, source):
    # GIVEN what the first version wrote
    found = from_meta({"intensity": OLD, **pue}, {})
    value = float(pue.get("pue", 1))
    # THEN it counts as it did: nothing else was known, and nothing is made up
    assert found.intensity == Intensity(**OLD) and found.asked == "FRA"
    assert (found.pue, found.pue_source) == (Range(value, value, value), source)
    assert (found.others, found.device, found.wue_l_per_kwh, dict(found.place)) == ((), None, None, {})


def test_a_run_that_says_nothing_is_at_an_unknown_place():
    found = from_meta({}, {})
    assert (found.intensity, found.pue, found.asked) == (lookup(None), EXACT_PUE, None)
    assert from_meta({"intensity": None}, {}) == found


@given(st.floats(1, 10), st.floats(1, 10), st.floats(1, 10))
def test_a_range_that_does_not_hold_its_pue_is_widened_to_hold_it(pue, low, high):
    found = from_meta({"intensity": OLD, "pue": pue, "pue_range": [low, high]}, {}).pue
    assert found.best == pue and found.low <= min(low, pue) and found.high >= max(high, pue)


def test_who_was_asked_for():
    assert Rating(lookup("aws:us-east-1")).asked == "aws:us-east-1"
    assert Rating(lookup("FRA")).asked == "FRA"
    assert Rating(lookup("WORLD")).asked == "WORLD"
    assert Rating(lookup(None)).asked is None


@pytest.mark.parametrize("choice", CHOICES)
def test_taking_another_factor_leaves_the_rest(choice):
    before = Rating(lookup("POL"), (), Range(1.1, 1.2, 1.3), "a survey", hardware(1500), place={"how": "firmware"})
    taken = before.taking(choice)
    assert (taken.intensity, taken.others) == (choice.taken, choice.others)
    assert replace(taken, intensity=before.intensity, others=()) == before


def test_every_member_that_is_written_is_checked_when_it_is_read():
    assert set(Rating(lookup("FRA")).to_meta()) <= set(metadata.META_MEMBERS)
    assert rating.from_meta(Rating(lookup(None)).to_meta(), {}).asked is None
