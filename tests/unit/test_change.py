"""One figure in two runs: laws of differences and ratios, and what is said where one of them is not known."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.change import (
    Bounds,
    Change,
    Value,
    appeared,
    change_of,
    exactly,
    known,
    times,
    unjudged,
    vanished,
)
from pycarbon.interval import Range

OPPOSITE = {"more": "less", "less": "more"}
amounts = st.floats(1e-6, 1e9)


@st.composite
def values(draw):
    low, best, high = sorted(draw(st.lists(amounts, min_size=3, max_size=3)))
    return Value(draw(st.sampled_from([best, None])), low, high)


def ends(bounds: Bounds) -> tuple:
    return bounds.best, bounds.low, bounds.high


@given(values(), values())
def test_swapped_differences_are_negated_and_ratios_inverted(a, b):
    there, back = change_of(a, b), change_of(b, a)
    best, low, high = ends(there.difference)
    assert ends(back.difference) == (None if best is None else -best, -high, -low)
    best, low, high = ends(there.ratio)
    inverted = (None if best is None else 1 / best, 1 / high, 1 / low)
    assert ends(back.ratio) == tuple(one if one is None else pytest.approx(one) for one in inverted)
    assert back.verdict == OPPOSITE.get(there.verdict, there.verdict)


@given(values())
def test_a_figure_is_no_other_than_itself(a):
    same = change_of(a, a)
    assert same.verdict == ("not resolved" if a.best is None else "same within its interval")
    assert same.difference.low <= 0 <= same.difference.high and same.ratio.low <= 1 <= same.ratio.high


@given(values(), values(), st.floats(1e-3, 1e3))
def test_a_unit_changes_differences_and_no_ratio(a, b, factor):
    scaled = [Value(v.best and v.best * factor, v.low * factor, v.high * factor) for v in (a, b)]
    one, other = change_of(a, b), change_of(*scaled)
    for before, after in zip(ends(one.ratio), ends(other.ratio), strict=True):
        assert after == (before if before is None else pytest.approx(before))
    size = max(a.high, b.high) * factor
    for before, after in zip(ends(one.difference), ends(other.difference), strict=True):
        assert after == (before if before is None else pytest.approx(before * factor, abs=1e-12 * size))


@given(values(), values())
def test_every_pair_of_truths_is_held_and_a_verdict_is_true_of_all(a, b):
    found = change_of(a, b)
    for true_a in (a.low, (a.low + a.high) / 2, a.high):
        for true_b in (b.low, (b.low + b.high) / 2, b.high):
            assert found.difference.low <= true_b - true_a <= found.difference.high
            assert found.ratio.low * (1 - 1e-12) <= true_b / true_a <= found.ratio.high * (1 + 1e-12)
            if found.verdict in OPPOSITE:
                assert (found.verdict == "more") == (true_b > true_a)


@pytest.mark.parametrize(
    ("a", "b", "ratio"),
    [
        (exactly(0.0), exactly(3.0), None),
        (Value(0.0, 0.0, 1.0), exactly(3.0), None),
        (Value(1.0, 0.0, 2.0), exactly(4.0), Bounds(4.0, 2.0, math.inf)),
        (exactly(4.0), exactly(0.0), Bounds(0.0, 0.0, 0.0)),
        (Value(None, 1.0, 2.0), exactly(4.0), Bounds(None, 2.0, 4.0)),
    ],
)
def test_nothing_is_divided_by_zero(a, b, ratio):
    assert change_of(a, b).ratio == ratio


def test_bounds_that_do_not_meet_judge_what_is_not_told():
    assert change_of(Value(None, 0.0, 1.0), exactly(2.0)).verdict == "more"
    assert change_of(Value(None, 0.0, 1.0), exactly(1.0)).verdict == "not resolved"


def test_what_is_not_known_is_not_compared():
    assert change_of(None, exactly(1.0)) == change_of(exactly(1.0), None) == Change("not known")
    assert known(math.nan, math.nan, math.nan, "modelled") is None and known(1.0, None, 2.0, "measured") is None
    assert known(1.0, 0.5, math.inf, "measured") is None and known(math.nan, 0.5, 2.0, "measured") is None
    assert known(None, 0.5, 2.0, "attributed") == Value(None, 0.5, 2.0, "attributed")
    assert unjudged(Change("not known")).verdict == "not known"
    assert unjudged(change_of(exactly(1.0), exactly(2.0))).verdict == "not compared"


def test_what_one_side_lacks():
    value = Value(2.0, 1.0, 3.0)
    assert appeared(value) == Change("new", Bounds(2.0, 1.0, 3.0))
    assert vanished(value) == Change("gone", Bounds(-2.0, -3.0, -1.0))
    assert vanished(Value(None, 1.0, 3.0)) == Change("gone", Bounds(None, -3.0, -1.0))
    assert appeared(None) == Change("new") and vanished(None) == Change("gone")


@given(values(), values(), st.tuples(amounts, amounts, amounts).map(sorted))
def test_one_factor_is_in_the_difference_and_not_in_the_ratio(a, b, factor):
    found = change_of(a, b)
    grams = times(found, Range(*factor), 0.0)
    assert (grams.verdict, grams.ratio) == (found.verdict, found.ratio)
    for each in factor:
        for true_a, true_b in [(a.low, b.high), (a.high, b.low)]:
            moved = each * (true_b - true_a)
            slack = 1e-9 * each * max(true_a, true_b)
            assert grams.difference.low - slack <= moved <= grams.difference.high + slack
    assert times(Change("not known"), Range(*factor), 0.0) == Change("not known")
