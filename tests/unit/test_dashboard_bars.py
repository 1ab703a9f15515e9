"""Bars by month: every figure has its place in the picture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.dashboard.bars import HEIGHT, LEAST_MONTHS, MOST_MONTHS, months


def row(month: str, grams: float, measured: float = 1.0, spread: float = 0.2) -> dict:
    return {
        "month": month,
        "co2e_g": grams,
        "low_g": grams * (1 - spread),
        "high_g": grams * (1 + spread),
        "measured_g": grams * measured,
        "modelled_g": grams * (1 - measured),
    }


numbers = st.dictionaries(
    st.integers(2020 * 12, 2027 * 12),
    st.tuples(st.floats(1e-6, 1e9), st.floats(0, 1), st.floats(0, 1)),
    min_size=1,
    max_size=30,
)


@given(numbers)
def test_heights_are_as_the_grams_and_nothing_leaves_the_picture(found):
    rows = [row(f"{at // 12:04d}-{at % 12 + 1:02d}", *values) for at, values in sorted(found.items())]

    chart = months(rows)

    assert chart is not None
    drawn = [bar for bar in chart["bars"] if "says" in bar]
    assert LEAST_MONTHS <= len(chart["bars"]) <= MOST_MONTHS
    assert len(drawn) + chart["left_out"] == len(rows)
    assert chart["ticks"][0]["y"] == HEIGHT and chart["ticks"][-1]["y"] == 0 and 3 <= len(chart["ticks"]) <= 6
    top = max(each["high_g"] for each in rows)
    for bar, each in zip(drawn, rows[chart["left_out"] :], strict=True):
        assert bar["x"] >= 0 and bar["x"] + bar["width"] <= 100
        assert 0 <= bar["high"] <= bar["low"] <= HEIGHT
        assert bar["measured"]["height"] + bar["modelled"]["height"] == pytest.approx(
            HEIGHT - bar["modelled"]["y"], abs=0.05
        )
        assert (HEIGHT - bar["modelled"]["y"]) / HEIGHT <= each["co2e_g"] / top + 0.01


def test_months_without_runs_have_their_place():
    chart = months([row("2026-01", 5.0), row("2026-03", 10.0)])

    assert chart is not None
    assert [bar["label"] for bar in chart["bars"]][-3:] == ["Jan", "Feb", "Mar"]
    assert ["says" in bar for bar in chart["bars"]][-3:] == [True, False, True]
    assert chart["bars"][0]["year"] == "2025" and chart["bars"][-3]["year"] == "2026"


def test_nothing_is_drawn_of_nothing():
    assert months([]) is None
    assert months([row("", 5.0)]) is None
    assert months([row("2026-01", 0.0)]) is None
