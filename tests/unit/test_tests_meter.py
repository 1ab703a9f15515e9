"""A test's part of the machine's energy: the rule of shares, and what is sure of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.integrations.meter import is_resolved, share
from pycarbon.integrations.span import Span
from pycarbon.interval import Range

ENERGY_J = Range(9.0, 10.0, 12.0)


def span(cpu_s: float, busy_s: float | None, time_s: float = 1.0) -> Span:
    return Span(0, round(time_s * 1e9), cpu_s, busy_s)


@given(st.lists(st.floats(0, 4), min_size=1, max_size=8), st.floats(0, 4), st.floats(0, 0.1))
def test_shares_never_add_to_more_than_all(cpu_s, others_s, grain_s):
    busy_s = sum(cpu_s) + others_s
    found = [share(ENERGY_J, span(own_s, busy_s), grain_s) for own_s in cpu_s]
    assert sum(one.best for one in found) <= ENERGY_J.best * (1 + 1e-9)
    assert all(one.low <= one.best and one.high == ENERGY_J.high for one in found)


@pytest.mark.parametrize(
    ("cpu_s", "busy_s", "best"),
    [(1.0, 1.0, 10.0), (1.0, 4.0, 2.5), (0.0, 4.0, 0.0), (0.5, 0.5, 5.0), (2.0, 0.0, 10.0), (1.0, None, 10.0)],
)
def test_who_runs_alone_answers_for_everything_and_who_sleeps_for_nothing(cpu_s, busy_s, best):
    assert share(ENERGY_J, span(cpu_s, busy_s), 0.0).best == pytest.approx(best)


def test_the_grain_of_busy_time_lowers_the_low_end():
    found = share(ENERGY_J, span(1.0, 2.0), 0.02)
    assert found.low == pytest.approx(9.0 / 2.02) and found.best == 5.0
    assert share(ENERGY_J, span(0.0, 0.0, time_s=0.0), 0.0) == Range(0.0, 0.0, 12.0)


def test_an_interval_as_wide_as_its_figure_tells_it_just_so():
    assert is_resolved(Range(5.0, 10.0, 15.0)) and not is_resolved(Range(4.9, 10.0, 15.0))
    assert not is_resolved(Range(0.0, 0.0, 0.0))
