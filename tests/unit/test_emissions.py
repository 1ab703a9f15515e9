"""Energy to emissions: laws that hold for any numbers."""

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.emissions import EXACT_PUE, from_energy
from pycarbon.hours import EnergyByHour, Hours
from pycarbon.intensity import Intensity, lookup
from pycarbon.interval import Range

joules = st.floats(min_value=0, max_value=1e15)
grams = st.floats(min_value=0, max_value=1e4)
pues = st.lists(st.floats(min_value=1, max_value=10), min_size=3, max_size=3).map(lambda three: Range(*sorted(three)))
PLACES = [lookup(zone) for zone in ("FRA", "POL", "NOR", "US-CISO", "aws:us-east-1", "CN-SC", "WORLD", None)]


def intensity_of(low, value, high):
    return Intensity("X", "somewhere", value, low, high, 2025, "method", "source")


@st.composite
def ordered(draw, numbers):
    return sorted(draw(st.tuples(numbers, numbers, numbers)))


def test_a_kilowatt_hour_emits_the_intensity():
    france = lookup("FRA")
    emitted = from_energy(3.6e6, 3.6e6, 3.6e6, france)
    assert emitted.co2e_g == france.intensity_g_per_kwh
    assert (emitted.low_g, emitted.high_g) == (france.low_g_per_kwh, france.high_g_per_kwh)


def test_the_factors_go_with_the_figure():
    # GIVEN energy used at no named place
    unknown = lookup(None)
    # WHEN it becomes emissions
    emitted = from_energy(100, 90, 110, unknown, Range(1.1, 1.56, 2))
    # THEN everything that led to the grams can be read, and no gram claims to be measured
    assert emitted.intensity_g_per_kwh == unknown.intensity_g_per_kwh
    assert (emitted.zone, emitted.year) == (unknown.zone, unknown.year)
    assert (emitted.method, emitted.source) == (unknown.method, unknown.source)
    assert (emitted.low_pue, emitted.pue, emitted.high_pue) == (1.1, 1.56, 2)
    assert (emitted.low_g_per_kwh, emitted.high_g_per_kwh) == (unknown.low_g_per_kwh, unknown.high_g_per_kwh)
    assert (emitted.place_known, emitted.kind, emitted.hourly) == (False, "modelled", None)
    assert json.loads(json.dumps(dataclasses.asdict(emitted)))["co2e_g"] == emitted.co2e_g


@given(ordered(joules), ordered(grams), pues)
def test_the_interval_contains_the_value(energy, intensity, pue):
    low_j, total_j, high_j = energy
    emitted = from_energy(total_j, low_j, high_j, intensity_of(*intensity), pue)
    assert 0 <= emitted.low_g <= emitted.co2e_g <= emitted.high_g < math.inf


shares = st.floats(min_value=0, max_value=1)


@given(ordered(joules), ordered(grams), pues, st.tuples(shares, shares, shares))
def test_any_truth_inside_the_three_intervals_lands_inside(energy, intensity, pue, share):
    # GIVEN a true energy, a true intensity and a true PUE anywhere inside their intervals
    true_j = min(energy[0] + share[0] * (energy[2] - energy[0]), energy[2])
    true_g = min(intensity[0] + share[1] * (intensity[2] - intensity[0]), intensity[2])
    true_pue = min(pue.low + share[2] * (pue.high - pue.low), pue.high)
    # WHEN emissions are computed from the estimates
    emitted = from_energy(energy[1], energy[0], energy[2], intensity_of(*intensity), pue)
    # THEN the true emissions are inside the stated interval
    truth = true_j * true_pue / 3.6e6 * true_g
    assert emitted.low_g <= truth <= emitted.high_g


@given(joules, st.floats(min_value=0, max_value=1e3), st.sampled_from(PLACES), pues)
def test_emissions_are_linear_in_energy(total_j, factor, intensity, pue):
    once = from_energy(total_j, total_j, total_j, intensity, pue)
    many = total_j * factor
    scaled = from_energy(many, many, many, intensity, pue)
    for name in ("co2e_g", "low_g", "high_g"):
        # The absolute part covers energies so small that they underflow.
        expected = getattr(once, name) * factor
        assert math.isclose(getattr(scaled, name), expected, rel_tol=1e-12, abs_tol=1e-300)


@given(joules, st.sampled_from(PLACES), pues, pues)
def test_a_larger_pue_never_emits_less(total_j, intensity, one, other):
    # GIVEN a PUE whose every end is at least that of another
    larger = Range(max(one.low, other.low), max(one.best, other.best), max(one.high, other.high))
    small, large = (from_energy(total_j, total_j, total_j, intensity, pue) for pue in (one, larger))
    # THEN none of the grams is less with it
    assert small.co2e_g <= large.co2e_g
    assert small.low_g <= large.low_g
    assert small.high_g <= large.high_g


def test_pue_is_applied_once():
    plain = from_energy(1e6, 1e6, 1e6, lookup("FRA"))
    cooled = from_energy(1e6, 1e6, 1e6, lookup("FRA"), Range(1.2, 1.5, 1.8))
    assert cooled.low_g == pytest.approx(1.2 * plain.low_g, rel=1e-12)
    assert cooled.co2e_g == pytest.approx(1.5 * plain.co2e_g, rel=1e-12)
    assert cooled.high_g == pytest.approx(1.8 * plain.high_g, rel=1e-12)


HOURS = Hours("actual", 7, [10.0, 400.0], [5.0, 300.0], [20.0, 500.0])
HOURLY = Intensity("X", "x", 200.0, 100.0, 300.0, 2025, "m", "s", hours=HOURS)


def test_each_hours_energy_meets_its_own_intensity():
    # GIVEN an hour at 10 g/kWh and one at 400, and a kilowatt-hour of which a quarter fell into the dirty one
    emitted = from_energy(3.6e6, 3.6e6, 3.6e6, HOURLY, by_hour=EnergyByHour(7, (2.7e6, 0.9e6)))
    # THEN the grams are those of the two hours together, ends too, and not of the mean of the year
    assert (emitted.low_g, emitted.co2e_g, emitted.high_g) == pytest.approx((78.75, 107.5, 140))
    assert emitted.hourly == "actual" and emitted.intensity_g_per_kwh == pytest.approx(107.5)


@given(ordered(joules), pues, st.floats(1, 1e9), st.floats(1, 1e9))
def test_hours_lie_between_the_cleanest_and_the_dirtiest(energy, pue, first_j, second_j):
    low_j, total_j, high_j = energy
    by_hour = EnergyByHour(7, (first_j, second_j))
    emitted = from_energy(total_j, low_j, high_j, HOURLY, pue, by_hour)
    assert 10 * (1 - 1e-12) <= emitted.intensity_g_per_kwh <= 400 * (1 + 1e-12)
    assert 0 <= emitted.low_g <= emitted.co2e_g <= emitted.high_g < math.inf


@pytest.mark.parametrize("hour", [5, 6, 8, 10**6])
def test_a_run_whose_hours_are_not_all_told_meets_the_mean(hour):
    emitted = from_energy(3.6e6, 3.6e6, 3.6e6, HOURLY, by_hour=EnergyByHour(hour, (1.0, 1.0)))
    assert not emitted.hourly and (emitted.low_g, emitted.co2e_g, emitted.high_g) == (100, 200, 300)


@pytest.mark.parametrize(
    ("energy", "pue", "message"),
    [
        ((-1.0, -2.0, 0.0), EXACT_PUE, "energy"),
        ((math.nan, 0.0, 1.0), EXACT_PUE, "energy"),
        ((1.0, math.nan, 1.0), EXACT_PUE, "energy"),
        ((1.0, 1.0, math.inf), EXACT_PUE, "energy"),
        ((1.0, 2.0, 3.0), EXACT_PUE, "energy"),
        ((3.0, 1.0, 2.0), EXACT_PUE, "energy"),
        ((1.0, 1.0, 1.0), Range(0.99, 1.1, 1.2), "PUE must be 1 or more"),
    ],
)
def test_bad_input_is_refused(energy, pue, message):
    with pytest.raises(ValueError, match=message):
        from_energy(*energy, lookup("FRA"), pue)


@pytest.mark.parametrize("bad", [(-1.0, 1.0, 2.0), (2.0, 1.0, 3.0), (0.0, math.nan, 1.0), (1.0, 3.0, 2.0)])
def test_a_broken_intensity_is_refused(bad):
    with pytest.raises(ValueError, match="intensity"):
        from_energy(1.0, 1.0, 1.0, intensity_of(*bad))
