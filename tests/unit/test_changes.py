"""Changes as people read them: percentages no finer than their interval, multiples, and differences."""

from __future__ import annotations

import math

import pytest

from pycarbon.change import Bounds, Change, Value, appeared, change_of, exactly, vanished
from pycarbon.reports import changes


@pytest.mark.parametrize(
    ("low", "best", "high", "said"),
    [
        (0.691, 0.697, 0.702, ("-30.3 %", "-30.9 to -29.8 %")),
        (0.97, 1.002, 1.03, ("+0.2 %", "-3.0 to +3.0 %")),
        (0.99995, 1.00001, 1.0001, ("0.00 %", "0.00 to +0.01 %")),
        (1.5, 2.0, math.inf, ("+100 %", "+50 % or more")),
        (0.0, 0.0, 0.0, ("-100 %", "")),
        (1.0, 1.0, 1.0, ("0 %", "")),
        (1.0002, 1.0002, 1.0002, ("+0.020 %", "")),
        (2.0, None, 3.0, ("?", "+100 to +200 %")),
        (11.9, 12.34, 12.8, ("x12.3", "x11.9 to x12.8")),
        (12.0, 12.0, 12.0, ("x12.0", "")),
        (12.0, None, math.inf, ("?", "x12.0 or more")),
    ],
)
def test_ratios(low, best, high, said):
    assert changes.change(Change("more", None, Bounds(best, low, high)), "J") == said


def test_without_a_ratio_the_difference_is_shown():
    assert changes.change(appeared(Value(0.0123, 0.012, 0.013)), "J") == ("+12.3 mJ", "+12.0 mJ to +13.0 mJ")
    assert changes.change(vanished(exactly(200.0)), "s") == ("-3 min 20 s", "")
    assert changes.change(vanished(Value(None, 0.0, 2.0)), "g") == ("?", "-2.00 g to 0 g")
    assert changes.change(change_of(exactly(0), exactly(7)), "") == ("+7", "")
    assert changes.change(Change("not known"), "J") == ("", "")


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (None, "J", "-"),
        (Value(None, 0.0, 1.0), "J", "?"),
        (Value(412.34, 412.1, 412.6), "J", "412.34 J"),
        (Value(58.794123, 58.794121, 58.794125), "J", "58.8 J"),
        (Value(1e-12, 1e-12, 1e-12), "J", "<0.1 nJ"),
        (Value(1e-12, 1e-12, 1e-12), "g", "<0.1 ng"),
        (Value(0.00417, 0.003, 0.005), "g", "4.17 mg"),
        (Value(2.5e6, 1e6, 3e6), "g", "2.50 t"),
        (exactly(200.0), "s", "3 min 20 s"),
        (exactly(120), "", "120"),
        (exactly(1_234_567), "", "1.23 M"),
        (exactly(1 << 62), "", "5e+18"),
    ],
)
def test_amounts_fit_their_column(value, unit, said):
    assert changes.amount(value, unit) == said


def test_intervals_have_the_unit_of_their_figure():
    assert changes.between(Value(0.412, 0.4116, 0.4126), "J") == "411.6 to 412.6 mJ"
    assert changes.between(Value(None, 0.0, 2.0), "J") == "0.0 to 2.00 J"
    assert changes.between(exactly(2.0), "J") == ""


def test_what_has_no_interval_has_no_verdict():
    assert changes.verdict(change_of(exactly(1.0), exactly(2.0))) == ""
    assert changes.verdict(change_of(exactly(1.0), Value(3.0, 2.0, 4.0))) == "more"
    assert changes.verdict(appeared(exactly(1.0))) == "new"
    assert changes.verdict(Change("not compared")) == "not compared"
