"""A mix of fuels: a convex combination of their factors, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.errors import IntensityError
from pycarbon.fuels import Fuel, fuels, mix

ENERGY = st.just(0.0) | st.floats(min_value=1e-9, max_value=1e12)
MIXES = st.dictionaries(st.sampled_from(sorted(fuels())), ENERGY, min_size=1).filter(lambda m: any(m.values()))
SCOPES = st.sampled_from(["lifecycle", "direct"])


def factor(fuel: Fuel, scope: str) -> float:
    return fuel.direct_g_per_kwh if scope == "direct" else fuel.lifecycle_g_per_kwh


def test_the_table_has_every_fuel_once_and_its_ranges_hold_the_factor():
    assert set(fuels()) == {
        *("coal", "gas", "oil", "biomass", "geothermal"),
        *("hydro", "nuclear", "solar", "wind", "other"),
    }
    for fuel in fuels().values():
        assert 0 <= fuel.lifecycle_low_g_per_kwh <= fuel.lifecycle_g_per_kwh <= fuel.lifecycle_high_g_per_kwh
        assert 0 <= fuel.direct_g_per_kwh <= fuel.lifecycle_high_g_per_kwh and fuel.source


@given(MIXES, SCOPES)
def test_a_mix_is_never_outside_its_smallest_and_largest_factor(energy, scope):
    used = [factor(fuels()[fuel], scope) for fuel, mwh in energy.items() if mwh]
    assert min(used) <= mix(energy, scope).g_per_kwh <= max(used)


@given(MIXES)
def test_a_lifecycle_mix_lies_within_its_range(energy):
    mixed = mix(energy)
    assert mixed.low_g_per_kwh <= mixed.g_per_kwh <= mixed.high_g_per_kwh


@given(MIXES, SCOPES, st.randoms(use_true_random=False))
def test_the_order_of_fuels_does_not_matter(energy, scope, random):
    shuffled = list(energy.items())
    random.shuffle(shuffled)
    assert mix(dict(shuffled), scope) == mix(energy, scope)


@given(MIXES, SCOPES, st.sampled_from([0.5, 3.0, 1e6]))
def test_only_shares_matter(energy, scope, scale):
    scaled = {fuel: mwh * scale for fuel, mwh in energy.items()}
    assert mix(scaled, scope).g_per_kwh == pytest.approx(mix(energy, scope).g_per_kwh, rel=1e-9)


@given(st.sampled_from(sorted(fuels())), SCOPES)
def test_a_fuel_alone_is_its_factor(fuel, scope):
    assert mix({fuel: 17.3}, scope).g_per_kwh == factor(fuels()[fuel], scope)


def test_more_of_a_dirtier_fuel_makes_a_dirtier_mix():
    shares = [mix({"coal": coal, "wind": 10.0}).g_per_kwh for coal in (0.0, 1.0, 2.0, 50.0)]
    assert shares == sorted(shares) and len(set(shares)) == 4


def test_a_known_mix():
    assert mix({"coal": 1.0, "gas": 1.0, "wind": 2.0}).g_per_kwh == pytest.approx((820 + 490 + 2 * 11) / 4)
    assert mix({"coal": 1.0, "gas": 1.0, "wind": 2.0}, "direct").low_g_per_kwh is None


@pytest.mark.parametrize(
    ("energy", "scope", "words"),
    [
        ({}, "lifecycle", "mix of nothing"),
        ({"coal": 0.0, "wind": 0.0}, "lifecycle", "mix of nothing"),
        ({"coal": -1.0, "wind": 2.0}, "lifecycle", "-1.0 MWh from coal"),
        ({"coal": float("nan")}, "direct", "nan MWh from coal"),
        ({"coal": float("inf")}, "direct", "inf MWh from coal"),
        ({"peat": 1.0}, "lifecycle", "unknown fuel 'peat': a mix is made of biomass coal"),
        ({"coal": 1.0}, "marginal", "unknown scope 'marginal'"),
    ],
)
def test_what_is_no_mix_is_refused_in_one_line(energy, scope, words):
    with pytest.raises(IntensityError, match=words) as error:
        mix(energy, scope)
    assert "\n" not in str(error.value)
