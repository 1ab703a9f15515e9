"""What is saved, and how sure that is: laws that hold for any numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.advice import Saving, advice, moved, of_energy, ranked
from pycarbon.emissions import JOULES_PER_KWH, from_energy
from pycarbon.intensity import Intensity
from pycarbon.interval import Range

joules = st.floats(min_value=0, max_value=1e12)
grams = st.floats(min_value=0, max_value=2000)
pues = st.floats(min_value=1, max_value=3)
shares = st.floats(min_value=0, max_value=1)


@st.composite
def ranges(draw, numbers):
    return Range(*sorted(draw(st.tuples(numbers, numbers, numbers))))


def emitted(energy, grid, pue, zone="A"):
    intensity = Intensity(zone, zone, grid.best, grid.low, grid.high, 2025, "method", "source")
    return from_energy(energy.best, energy.low, energy.high, intensity, pue)


def at(one, share):
    return one.low + (one.high - one.low) * share


sides = st.tuples(ranges(grams), ranges(pues))


@given(ranges(joules), sides, sides, st.booleans())
def test_the_way_back_is_the_opposite(energy, one, other, same_building):
    # GIVEN two places
    here, there = emitted(energy, *one), emitted(energy, *other, zone="B")
    # WHEN a run moves there, or back
    forth = moved(energy, here, there, same_building=same_building)
    back = moved(energy, there, here, same_building=same_building)
    # THEN what one saves the other costs (a building that stays is the one the run is in)
    if not same_building:
        assert back == -forth
    assert forth.low <= forth.best <= forth.high


@given(ranges(joules), sides, sides, st.booleans())
def test_no_more_is_saved_than_was_emitted(energy, one, other, same_building):
    here, there = emitted(energy, *one), emitted(energy, *other, zone="B")
    saving = moved(energy, here, there, same_building=same_building)
    assert saving.best <= here.co2e_g * (1 + 1e-9)
    assert saving.high <= here.high_g * (1 + 1e-9)


@given(ranges(joules), sides, sides, st.tuples(shares, shares, shares, shares, shares))
def test_the_interval_holds_whatever_the_truth_is(energy, one, other, truth):
    # GIVEN the true energy, intensities and PUEs, anywhere in their ranges
    joule, grid_here, pue_here, grid_there, pue_there = truth
    kwh = at(energy, joule) / JOULES_PER_KWH
    i, p, j, q = at(one[0], grid_here), at(one[1], pue_here), at(other[0], grid_there), at(other[1], pue_there)
    here, there = emitted(energy, *one), emitted(energy, *other, zone="B")
    near = 1e-9 * (here.high_g + there.high_g)
    # THEN what is truly saved lies within, whether or not the building goes with the run
    apart = moved(energy, here, there, same_building=False)
    assert apart.low - near <= kwh * (p * i - q * j) <= apart.high + near
    stays = moved(energy, here, emitted(energy, other[0], one[1], zone="B"), same_building=True)
    assert stays.low - near * 3 <= kwh * p * (i - j) <= stays.high + near * 3
    # AND of one grid, counted by one figure, only the buildings differ
    same = moved(energy, here, emitted(energy, one[0], other[1]), same_building=False)
    assert same.low - near * 3 <= kwh * i * (p - q) <= same.high + near * 3


@given(ranges(joules), sides)
def test_staying_saves_nothing(energy, one):
    here = emitted(energy, *one)
    assert moved(energy, here, here, same_building=True) == (0, 0, 0)


def test_a_shared_error_does_not_hide_a_saving():
    # GIVEN a poorly known energy and PUE, and two grids that are surely apart
    energy, pue = Range(1e6, 3.6e6, 36e6), Range(1.1, 1.5, 3.0)
    here = emitted(energy, Range(200, 220, 240), pue)
    there = emitted(energy, Range(150, 160, 190), pue, zone="B")
    # THEN moving saves something in any case, if the building is of the same sort
    assert moved(energy, here, there, same_building=True).low > 0
    assert moved(energy, here, there, same_building=False).low < 0


@given(ranges(joules), sides)
def test_a_part_that_is_all_of_it_is_what_was_emitted(energy, one):
    here = emitted(energy, *one)
    whole = of_energy(energy, here)
    assert whole == pytest.approx((here.low_g, here.co2e_g, here.high_g))


@given(st.lists(ranges(st.floats(min_value=-1e6, max_value=1e6).map(abs)), max_size=8), st.lists(st.booleans()))
def test_what_is_resolved_comes_first_and_of_that_what_saves_most(savings, noise):
    # GIVEN advice of every sort
    here = emitted(Range(1, 1, 1), Range(1, 1, 1), Range(1, 1, 1))
    found = [
        advice("hour", "", None, Saving(one.low - (1e7 if bad else 0), one.best, one.high), here)
        for one, bad in zip(savings, noise + [False] * 8, strict=False)
    ]
    # WHEN it is put in order
    order = ranked(found)
    # THEN no noise stands before what is resolved, and nothing before what saves more
    assert [one.resolved for one in order] == sorted((one.resolved for one in order), reverse=True)
    for resolved in (True, False):
        amounts = [one.saved_g for one in order if one.resolved is resolved]
        assert amounts == sorted(amounts, reverse=True)
    assert all(one.low_g > 0 for one in order if one.resolved)
    assert all(math.isfinite(one.share) for one in order)


def test_a_share_of_nothing_is_nothing():
    here = emitted(Range(0, 0, 0), Range(1, 1, 1), Range(1, 1, 1))
    assert advice("hour", "", None, Saving(0, 0, 0), here).share == 0
