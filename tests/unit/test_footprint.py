"""Embodied carbon, water and scores: arithmetic that must be exact, with intervals that hold."""

import json
import math
from dataclasses import asdict

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pycarbon.emissions import from_energy
from pycarbon.footprint import SECONDS_PER_YEAR, Functional, footprint, hardware, sci, water_l
from pycarbon.intensity import Intensity
from pycarbon.interval import Range

FRANCE = Intensity("FRA", "France", 42, 26, 61, 2025, "average lifecycle production", "Ember")
REQUESTS = Functional("request", 1000, "the API server; no clients, no network")

figures = st.floats(min_value=1e-6, max_value=1e9)
factors = st.floats(min_value=1.001, max_value=1e3)
shares = st.floats(min_value=1e-6, max_value=1)


def ranges(values):
    return st.tuples(values, values, values).map(lambda ends: Range(*sorted(ends)))


masses_kg, lives_years, resource_shares = ranges(figures), ranges(st.floats(1, 50)), ranges(shares)
durations_s = ranges(st.floats(min_value=0, max_value=SECONDS_PER_YEAR / 2))
energies_kwh, intensities = ranges(figures), ranges(st.floats(min_value=0, max_value=1400))


def assert_alike(one, other):
    for end in ("low", "best", "high"):
        assert getattr(one, end) == pytest.approx(getattr(other, end), rel=1e-9)


def assert_within(inner, outer):
    assert outer.low <= inner.low <= inner.best <= inner.high <= outer.high


def test_an_hour_of_a_ton_over_four_years_is_what_the_specification_says():
    # 1000 kg, four years of 365 days, one hour: "around 28 g"
    assert hardware(1000, 4).embodied_g(3600).best == pytest.approx(1e6 / (4 * 365 * 24))
    assert round(hardware(1000, 4).embodied_g(3600).best, 1) == 28.5


def test_a_whole_life_of_the_whole_device_is_all_of_it():
    assert hardware(1500, 4).embodied_g(4 * SECONDS_PER_YEAR).best == 1_500_000


@given(masses_kg, lives_years, resource_shares, durations_s)
def test_an_interval_holds_all_that_its_parts_allow(mass, life, share, duration):
    # GIVEN intervals of all four figures
    embodied = hardware(mass, life, share).embodied_g(duration)
    # THEN the best figure is inside, and so is what any choice of ends gives
    assert embodied.low <= embodied.best <= embodied.high
    for end in ("low", "best", "high"):
        alone = hardware(getattr(mass, end), getattr(life, end), getattr(share, end))
        exact = alone.embodied_g(getattr(duration, end)).best
        assert embodied.low * (1 - 1e-12) <= exact <= embodied.high * (1 + 1e-12)


@given(masses_kg, lives_years, resource_shares, durations_s, st.floats(min_value=0.01, max_value=1))
def test_embodied_carbon_is_linear_in_each_factor(mass, life, share, duration, times):
    whole = hardware(mass, life, share).embodied_g(duration).times(times)
    assert_alike(hardware(mass.times(times), life, share).embodied_g(duration), whole)
    assert_alike(hardware(mass, life, share.times(times)).embodied_g(duration), whole)
    assert_alike(hardware(mass, life, share).embodied_g(duration.times(times)), whole)
    assert_alike(hardware(mass, life.times(1 / times), share).embodied_g(duration), whole)


@given(masses_kg, lives_years, resource_shares, durations_s, st.floats(min_value=0, max_value=1))
def test_two_parts_of_a_run_have_the_embodied_carbon_of_the_run(mass, life, share, duration, part):
    device = hardware(mass, life, share)
    first, second = device.embodied_g(duration.times(part)), device.embodied_g(duration.times(1 - part))
    together = Range(first.low + second.low, first.best + second.best, first.high + second.high)
    assert_alike(together, device.embodied_g(duration))


@given(figures, st.floats(1, 50), shares, st.floats(1, SECONDS_PER_YEAR / 2), factors)
def test_more_of_anything_is_more_and_a_longer_life_is_less(mass, life, share, duration, times):
    embodied_g = hardware(mass, life, share).embodied_g(duration).best
    assert hardware(mass * times, life, share).embodied_g(duration).best > embodied_g
    assert hardware(mass, life * times, share).embodied_g(duration).best < embodied_g
    assert hardware(mass, life, share / times).embodied_g(duration).best < embodied_g
    assert hardware(mass, life, share).embodied_g(duration / times).best < embodied_g


@given(ranges(figures), ranges(st.floats(min_value=0, max_value=100)), factors)
def test_water_follows_energy_and_wue(energy_j, wue, times):
    water = water_l(energy_j, wue)
    assert water.low <= water.best <= water.high
    assert_alike(water_l(energy_j.times(times), wue), water.times(times))
    assert_alike(water_l(energy_j, wue.times(times)), water.times(times))


def test_a_kilowatt_hour_at_a_wue_of_one_point_eight_is_so_many_litres():
    assert water_l(3.6e6, 1.8) == Range(1.8, 1.8, 1.8)


@given(energies_kwh, intensities, st.none() | masses_kg, figures)
def test_a_score_is_energy_times_intensity_and_the_hardware_over_units(energy, intensity, embodied, count):
    # GIVEN the four letters of the formula
    found = sci(
        energy, intensity, embodied, Functional("request", count, "all of it"), "average lifecycle production"
    )
    # THEN the score is the formula
    m = Range(0, 0, 0) if embodied is None else embodied
    assert found.score_g_per_unit == pytest.approx((energy.best * intensity.best + m.best) / count)
    assert found.operational_g == energy.best * intensity.best
    # THEN its interval goes from all lows to all highs
    assert found.low_g_per_unit <= found.score_g_per_unit <= found.high_g_per_unit
    assert found.low_g_per_unit == pytest.approx((energy.low * intensity.low + m.low) / count)
    assert found.high_g_per_unit == pytest.approx((energy.high * intensity.high + m.high) / count)
    # THEN it says whether the hardware is in it
    assert found.embodied_known == (embodied is not None) == (found.embodied_g is not None) == (not found.note)


@given(energies_kwh, intensities, masses_kg, figures)
def test_twice_the_units_are_half_the_score(energy, intensity, embodied, count):
    once, twice = (
        sci(energy, intensity, embodied, Functional("request", times * count, "all of it"), "average")
        for times in (1, 2)
    )
    for name in ("score_g_per_unit", "low_g_per_unit", "high_g_per_unit"):
        assert getattr(twice, name) == getattr(once, name) / 2


@given(energies_kwh, intensities, masses_kg, factors)
def test_scores_of_components_add_up(energy, intensity, embodied, times):
    # GIVEN a system of two components with the same functional unit, the second so many times the first
    parts = [sci(energy.times(k), intensity, embodied.times(k), REQUESTS, "average") for k in (1, times)]
    whole = sci(energy.times(1 + times), intensity, embodied.times(1 + times), REQUESTS, "average")
    # THEN its score is the sum of theirs
    assert whole.score_g_per_unit == pytest.approx(sum(part.score_g_per_unit for part in parts))


def test_a_score_without_embodied_carbon_says_what_it_lacks():
    found = sci(1.0, 42.0, None, REQUESTS, "average lifecycle production")
    assert found.score_g_per_unit == 0.042 and not found.embodied_known and found.embodied_g is None
    assert "ISO/IEC 21031" in found.note and "M" in found.note and "\n" not in found.note


def test_a_score_carries_what_has_to_be_said_with_it():
    found = sci(1.0, 42.0, 8.0, REQUESTS, FRANCE.method)
    assert found.score_g_per_unit == pytest.approx(0.05)
    assert (found.functional_unit, found.count, found.boundary) == (REQUESTS.unit, REQUESTS.count, REQUESTS.boundary)
    assert (found.intensity_type, found.intensity_method) == ("location-based average", FRANCE.method)
    assert json.loads(json.dumps(asdict(found))) == asdict(found)


def test_a_footprint_has_all_parts_and_applies_pue_to_the_grid_alone():
    # GIVEN 1 kWh of a quarter of a computer over half of its life, PUE 1.5, and water
    emissions = from_energy(3.6e6, 3.2e6, 4e6, FRANCE, Range(1.5, 1.5, 1.5))
    made = footprint(
        Range(3.2e6, 3.6e6, 4e6), emissions, 2 * SECONDS_PER_YEAR, hardware(Range(800, 1000, 1500), 4, 0.25), 1.8
    )
    # THEN making it weighs an eighth of its carbon, and PUE is in the emissions only
    assert made.embodied_g == Range(100_000, 125_000, 187_500)
    assert made.energy_kwh.best == 1 and made.water_l.best == 1.8
    assert made.total_g.best == emissions.co2e_g + 125_000 == 63 + 125_000
    assert_within(Range(emissions.low_g + 1e5, emissions.co2e_g + 1.25e5, emissions.high_g + 187_500), made.total_g)
    # THEN the score's energy has PUE in it, and its parts are the footprint's
    found = made.sci(REQUESTS)
    assert found.energy_kwh == 1.5 and found.energy_kwh * found.intensity_g_per_kwh == pytest.approx(emissions.co2e_g)
    assert found.score_g_per_unit == made.total_g.best / 1000 and found.embodied_known
    assert (found.low_g_per_unit, found.high_g_per_unit) == (made.total_g.low / 1000, made.total_g.high / 1000)


def test_what_nobody_said_is_not_guessed():
    made = footprint(3.6e6, from_energy(3.6e6, 3.6e6, 3.6e6, FRANCE), 60)
    assert made.embodied_g is None and made.water_l is None and made.total_g == Range(26, 42, 61)
    assert not made.sci(REQUESTS).embodied_known
    assert json.loads(json.dumps(asdict(made))) == asdict(made)


@given(energies_kwh, intensities, st.floats(1, 3))
def test_a_footprint_scores_as_the_formula_does(energy, intensity, pue):
    # GIVEN energy and intensity with intervals
    joules = energy.times(3.6e6)
    assume(joules.high < math.inf)
    zone = Intensity("X", "X", intensity.best, intensity.low, intensity.high, 2025, "average", "a test")
    emissions = from_energy(joules.best, joules.low, joules.high, zone, Range(pue, pue, pue))
    # WHEN they are scored by way of emissions, and directly
    found = footprint(joules, emissions, 60).sci(REQUESTS)
    direct = sci(energy.times(pue), intensity, None, REQUESTS, "average")
    # THEN both agree
    for name in ("score_g_per_unit", "low_g_per_unit", "high_g_per_unit", "energy_kwh", "operational_g"):
        assert getattr(found, name) == pytest.approx(getattr(direct, name), rel=1e-9)


@pytest.mark.parametrize("count", [0, -1, math.nan, math.inf])
def test_no_units_no_score(count):
    with pytest.raises(ValueError, match="count of functional units must be above 0"):
        Functional("request", count, "all of it")


@pytest.mark.parametrize("unit, boundary, why", [("", "all", "a functional unit"), ("request", " ", "a boundary")])
def test_a_score_of_nothing_in_particular_is_refused(unit, boundary, why):
    with pytest.raises(ValueError, match=f"a score needs {why}"):
        Functional(unit, 1, boundary)


@pytest.mark.parametrize(
    "make, why",
    [
        (lambda: hardware(-1), "embodied emissions in kg must be"),
        (lambda: hardware(math.nan), "embodied emissions in kg must be"),
        (lambda: hardware(1, 0), "longer than nothing"),
        (lambda: hardware(1, Range(0, 4, 5)), "longer than nothing"),
        (lambda: hardware(1, 4, 0), "above 0 and at most 1"),
        (lambda: hardware(1, 4, 1.01), "above 0 and at most 1"),
        (lambda: hardware(1, 4, Range(0.5, 0.9, 1.2)), "above 0 and at most 1"),
        (lambda: hardware(1).embodied_g(-1), "a duration in seconds must be"),
        (lambda: hardware(1).embodied_g(5 * SECONDS_PER_YEAR), "5 years of work .* lifetime of 4 years: give"),
        (lambda: water_l(math.inf, 1), "an energy in J must be"),
        (lambda: water_l(1, -1), "a WUE in L/kWh must be"),
        (lambda: sci(-1, 1, None, REQUESTS, ""), "an energy in kWh must be"),
        (lambda: sci(1, math.inf, None, REQUESTS, ""), "an intensity in g/kWh must be"),
        (lambda: sci(1, 1, -1, REQUESTS, ""), "embodied emissions in g must be"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(make, why):
    with pytest.raises(ValueError, match=why) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_device_gives_no_more_than_it_has():
    # GIVEN four years of work on a device that lives three to six years, most likely five
    embodied = hardware(1000, Range(3, 5, 6)).embodied_g(4 * SECONDS_PER_YEAR)
    # THEN at most all of its carbon is the work's
    assert embodied.high == 1e6 and embodied.best == pytest.approx(8e5)
