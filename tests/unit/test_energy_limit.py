"""Limits of tests: what a marker may say, and which figures keep or exceed it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.integrations.energy_limit import EXCEEDED, KEPT, OPEN, judge, parse
from pycarbon.integrations.figure import ATTRIBUTED, MEASURED, MODELLED, Figure, unknown


def figure(low_j: float, best_j: float, high_j: float, kind: str = MEASURED, note: str = "") -> Figure:
    return Figure(best_j, low_j, high_j, kind, 0.0, 0.0, 0.0, 1.0, True, note)


@pytest.mark.parametrize(
    ("text", "joules"),
    [("5 J", 5), ("200 mJ", 0.2), ("1.5 kJ", 1500), ("3 Wh", 10800), ("2kWh", 7.2e6), (" .5 µJ ", 5e-7)],
)
def test_a_limit_is_a_number_and_a_unit(text, joules):
    assert parse(text) == pytest.approx(joules, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["5", "J", "5 W", "-1 J", "0 J", "5 j", "1e3 J", "nan J", "", 5, None, "5 J 3", "9" * 400 + " J"]
)
def test_anything_else_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match="energy limit") as error:
        parse(text)
    assert "\n" not in str(error.value)


@given(st.lists(st.floats(0, 1e6), min_size=3, max_size=3).map(sorted), st.floats(1e-6, 1e6))
def test_only_a_whole_interval_decides(ends, limit_j):
    verdict = judge(figure(*ends), limit_j)
    low, _, high = ends
    assert verdict.outcome == (KEPT if high <= limit_j else EXCEEDED if low > limit_j else OPEN)


@given(st.lists(st.floats(0, 1e6), min_size=3, max_size=3).map(sorted), st.floats(1e-6, 1e6))
def test_what_is_not_measured_decides_nothing(ends, limit_j):
    assert judge(figure(*ends, kind=MODELLED), limit_j).outcome == OPEN
    assert judge(unknown(1.0, "no counter"), limit_j).outcome == OPEN


def test_verdicts_are_readable():
    assert judge(figure(6.1, 6.2, 6.3), 5.0).text == "used 6.20 J (6.10 to 6.30), its limit is 5 J"
    shared = judge(figure(6.1, 6.2, 9.9, ATTRIBUTED), 5.0)
    assert shared.text == "used 6.20 J (6.10 to 9.90) as its share by CPU time, its limit is 5 J"
    near = judge(figure(4.9, 5.0, 5.1, note="why"), 5.0)
    assert near.text == "used 5.00 J (4.90 to 5.10), which cannot be told from its limit of 5 J; why"
