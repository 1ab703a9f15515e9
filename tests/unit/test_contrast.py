"""Means and ratios of rounds: laws that hold for any numbers, and how often intervals hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import student
from pycarbon.contrast import Contrast, Estimate, contrast, floor, mean, ratio, shared, trend

POSITIVE = st.floats(0.01, 1e4)
ROUNDS = st.lists(st.tuples(POSITIVE, POSITIVE), min_size=2, max_size=30).map(lambda rows: np.array(rows).T)
NO_NOISE = Estimate(1.0, 1.0, 1.0)


@given(ROUNDS)
def test_swapping_two_inverts_their_ratio(rounds: np.ndarray) -> None:
    there, back = ratio(rounds[0], rounds[1]), ratio(rounds[1], rounds[0])
    assert there is not None and back is not None
    assert there.best * back.best == pytest.approx(1)
    if there.high < math.inf:
        assert there.low * back.high == pytest.approx(1) and there.high * back.low == pytest.approx(1)
    assert there.low <= there.best <= there.high


@given(ROUNDS, st.floats(1e-3, 1e3))
def test_the_unit_does_not_matter(rounds: np.ndarray, factor: float) -> None:
    one, other = ratio(rounds[0], rounds[1]), ratio(rounds[0] * factor, rounds[1] * factor)
    assert one is not None and other is not None
    assert other.best == pytest.approx(one.best)
    if one.high < 1e12:
        assert other.high == pytest.approx(one.high, rel=1e-6)


@given(st.lists(POSITIVE, min_size=2, max_size=30), st.floats(0.1, 10))
def test_what_meets_both_alike_leaves_no_doubt(noise: list[float], factor: float) -> None:
    # GIVEN a second variant that is always a factor dearer, however much rounds differ
    base = np.array(noise)
    found = ratio(base * factor, base)
    # THEN the factor is known to rounding
    assert found is not None
    assert found.low == pytest.approx(factor, rel=1e-6) and found.high == pytest.approx(factor, rel=1e-6)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=50))
def test_a_mean_lies_within_its_interval(values: list[float]) -> None:
    found = mean(np.array(values))
    assert 0 <= found.low <= found.best <= found.high


def test_what_uses_nothing_has_no_ratio() -> None:
    nothing, something = np.zeros(3), np.ones(3)
    assert ratio(nothing, something) is None and ratio(something, nothing) is None
    assert contrast(nothing, something, NO_NOISE, 0.95) is None


def test_a_scatter_beyond_numbers_says_that_nothing_is_known() -> None:
    found = ratio(np.array([1e-9, 1e9]), np.array([1e9, 1e-9]), 0.999)
    assert found is not None and found.low == 0 and found.high == math.inf


@pytest.mark.parametrize(
    ("values", "control", "verdict"),
    [
        ([2.0, 2.01, 2.02], NO_NOISE, "more"),
        ([0.5, 0.501, 0.502], NO_NOISE, "less"),
        ([0.99, 1.0, 1.01], NO_NOISE, "none"),
        ([1.02, 1.021, 1.022], Estimate(0.96, 1.0, 1.04), "none"),  # it shows no more than the first against itself
        ([1.02, 1.021, 1.022], Estimate(1.03, 1.04, 1.05), "none"),  # whose two are apart by more than chance
        ([0.2, 1.0, 1.9], NO_NOISE, "unresolved"),
    ],
)
def test_verdicts(values: list[float], control: Estimate, verdict: str) -> None:
    found = contrast(np.array(values), np.ones(3), control, 0.95)
    assert found is not None and found.verdict == verdict


@given(ROUNDS, st.floats(0.9, 1.1), st.floats(0, 0.2))
def test_a_difference_is_outside_of_its_interval_and_of_the_floor(
    rounds: np.ndarray, best: float, off: float
) -> None:
    control = Estimate(best * (1 - off), best, best * (1 + off))
    found = contrast(rounds[0], rounds[1], control, 0.95)
    assert found is not None and found.floor == floor(control) >= abs(best - 1)
    if found.verdict in ("less", "more"):
        assert not found.ratio.low <= 1 <= found.ratio.high
        assert max(found.ratio.best, 1 / found.ratio.best) - 1 > found.floor
        assert (found.ratio.best > 1) == (found.verdict == "more")
    if found.verdict == "none":
        assert found.would_have_shown >= max(abs(end - 1) for end in (found.ratio.low, found.ratio.high)) * (1 - 1e-9)


def test_intervals_of_means_and_ratios_hold_as_often_as_they_say() -> None:
    # GIVEN 2000 experiments of 10 rounds with a known ratio
    chance = np.random.default_rng(7)
    held = [0, 0]
    for _ in range(2000):
        level = 1 + 0.2 * chance.standard_normal(10)  # whatever rounds share
        base, other = (factor * level * (1 + 0.02 * chance.standard_normal(10)) for factor in (3.0, 3.3))
        found = ratio(other, base)
        assert found is not None
        held[0] += found.low <= 1.1 <= found.high
        plain = mean(5 + chance.standard_normal(10))
        held[1] += plain.low <= 5 <= plain.high
    # THEN 95 % of the intervals hold, to three standard errors
    assert all(0.935 < count / 2000 < 0.965 for count in held)


def test_several_intervals_hold_at_once_with_the_confidence_of_one() -> None:
    assert shared(0.95, 1) == pytest.approx(0.95)
    assert shared(0.95, 5) == pytest.approx(0.99)
    assert student.two_sided(shared(0.95, 5), 9) > student.two_sided(0.95, 9)


@given(st.floats(-0.5, 0.5), st.integers(8, 60))
def test_a_line_is_found(rise: float, count: int) -> None:
    time_s = np.linspace(0, 100, count)
    found = trend(1 + rise * (time_s - 50) / 100, time_s)
    assert found is not None
    assert found.best == pytest.approx(rise, abs=1e-9) and found.low <= found.best <= found.high


def test_too_little_makes_no_line() -> None:
    assert trend(np.ones(7), np.arange(7.0)) is None
    assert trend(np.ones(9), np.zeros(9)) is None


def test_an_estimate_of_nothing_has_no_precision() -> None:
    assert Estimate(0, 0, 1).half_width == math.inf
    assert Estimate(1, 2, 3).times(2) == Estimate(2, 4, 6)
    assert Contrast(Estimate(0.9, 1.0, 1.2), 0.3, "none").would_have_shown == pytest.approx(0.5)
