"""Energy to emissions: laws that hold for any numbers."""

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.emissions import from_energy
from pycarbon.intensity import Intensity, lookup, zones

joules = st.floats(min_value=0, max_value=1e15)
grams = st.floats(min_value=0, max_value=1e4)
pues = st.floats(min_value=1, max_value=10)


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
    emitted = from_energy(100, 90, 110, unknown, pue=1.56)
    # THEN everything that led to the grams can be read, and no gram claims to be measured
    assert emitted.intensity_g_per_kwh == unknown.intensity_g_per_kwh
    assert (emitted.zone, emitted.year) == (unknown.zone, unknown.year)
    assert (emitted.method, emitted.source) == (unknown.method, unknown.source)
    assert (emitted.pue, emitted.place_known, emitted.kind) == (1.56, False, "modelled")
    assert json.loads(json.dumps(dataclasses.asdict(emitted)))["co2e_g"] == emitted.co2e_g


@given(ordered(joules), ordered(grams), pues)
def test_the_interval_contains_the_value(energy, intensity, pue):
    low_j, total_j, high_j = energy
    emitted = from_energy(total_j, low_j, high_j, intensity_of(*intensity), pue)
    assert 0 <= emitted.low_g <= emitted.co2e_g <= emitted.high_g < math.inf


@given(
    ordered(joules), ordered(grams), pues, st.floats(min_value=0, max_value=1),
    st.floats(min_value=0, max_value=1),
)  # fmt: skip
def test_any_energy_and_intensity_inside_their_intervals_land_inside(
    energy, intensity, pue, energy_share, intensity_share
):
    # GIVEN a true energy and a true intensity anywhere inside their intervals
    true_j = min(energy[0] + energy_share * (energy[2] - energy[0]), energy[2])
    true_g = min(intensity[0] + intensity_share * (intensity[2] - intensity[0]), intensity[2])
    # WHEN emissions are computed from the estimates
    emitted = from_energy(energy[1], energy[0], energy[2], intensity_of(*intensity), pue)
    # THEN the true emissions are inside the stated interval
    truth = true_j * pue / 3.6e6 * true_g
    assert emitted.low_g <= truth <= emitted.high_g


@given(joules, st.floats(min_value=0, max_value=1e3), st.sampled_from(zones()), pues)
def test_emissions_are_linear_in_energy(total_j, factor, intensity, pue):
    once = from_energy(total_j, total_j, total_j, intensity, pue)
    many = total_j * factor
    scaled = from_energy(many, many, many, intensity, pue)
    for name in ("co2e_g", "low_g", "high_g"):
        # The absolute part covers energies so small that they underflow.
        expected = getattr(once, name) * factor
        assert math.isclose(getattr(scaled, name), expected, rel_tol=1e-12, abs_tol=1e-300)


@given(joules, st.sampled_from(zones()), pues, pues)
def test_a_larger_pue_never_emits_less(total_j, intensity, one, other):
    small, large = (from_energy(total_j, total_j, total_j, intensity, pue) for pue in sorted((one, other)))
    assert small.co2e_g <= large.co2e_g
    assert small.low_g <= large.low_g
    assert small.high_g <= large.high_g


def test_pue_is_applied_once():
    plain = from_energy(1e6, 1e6, 1e6, lookup("FRA"))
    cooled = from_energy(1e6, 1e6, 1e6, lookup("FRA"), pue=1.5)
    assert cooled.co2e_g == pytest.approx(1.5 * plain.co2e_g, rel=1e-12)
    assert cooled.high_g == pytest.approx(1.5 * plain.high_g, rel=1e-12)


@pytest.mark.parametrize(
    ("energy", "pue", "message"),
    [
        ((-1.0, -2.0, 0.0), 1.0, "energy"),
        ((math.nan, 0.0, 1.0), 1.0, "energy"),
        ((1.0, math.nan, 1.0), 1.0, "energy"),
        ((1.0, 1.0, math.inf), 1.0, "energy"),
        ((1.0, 2.0, 3.0), 1.0, "energy"),
        ((3.0, 1.0, 2.0), 1.0, "energy"),
        ((1.0, 1.0, 1.0), 0.99, "PUE"),
        ((1.0, 1.0, 1.0), math.nan, "PUE"),
        ((1.0, 1.0, 1.0), math.inf, "PUE"),
    ],
)
def test_bad_input_is_refused(energy, pue, message):
    with pytest.raises(ValueError, match=message):
        from_energy(*energy, lookup("FRA"), pue)


@pytest.mark.parametrize("bad", [(-1.0, 1.0, 2.0), (2.0, 1.0, 3.0), (0.0, math.nan, 1.0), (1.0, 3.0, 2.0)])
def test_a_broken_intensity_is_refused(bad):
    with pytest.raises(ValueError, match="intensity"):
        from_energy(1.0, 1.0, 1.0, intensity_of(*bad))
