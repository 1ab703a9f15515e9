"""Figures as people read them: rounded but true, narrow, and never in powers of ten."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycarbon.reports import figures

PREFIX = {"T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "": 1.0, "m": 1e-3, "µ": 1e-6, "n": 1e-9}
amounts = (
    st.floats(1e-9, 1e12) | st.integers(0, 999).map(float) | st.sampled_from([9.995, 99.95, 999.5, 0.9995, 9.9949])
)


@settings(deadline=None)
@given(amounts)
def test_three_digits_parse_back(value):
    text = figures.digits(value)
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", text)
    # Half a unit of the third digit, and what the float itself cannot hold.
    assert float(text) == pytest.approx(value, rel=0.00501)
    if value >= 0.1:
        assert len(text.replace(".", "").lstrip("0")) >= min(3, len(text)) or value == int(value)


@pytest.mark.parametrize(
    "value, text",
    [
        (0, "0"),
        (1, "1.00"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (99.96, "100"),
        (123456, "123456"),
        (0.00456, "0.00456"),
        (-1.5, "-1.50"),
        (math.nan, "?"),
        (math.inf, "?"),
    ],
)
def test_digits(value, text):
    assert figures.digits(value) == text


@settings(deadline=None)
@given(amounts, st.sampled_from(["J", "W", "s"]))
def test_a_quantity_parses_back_and_is_narrow(value, unit):
    text = figures.quantity(value, unit)
    number, prefix = re.fullmatch(rf"([0-9.]+) ([TGMkmµn]?){unit}", text).groups()
    assert float(number) * PREFIX[prefix] == pytest.approx(value, rel=0.00501)
    assert 0.99 <= float(number) < 1000 or value == 0
    assert len(number) <= 4


@settings(deadline=None)
@given(st.floats(allow_nan=True, allow_infinity=True))
def test_no_power_of_ten_ever(value):
    for text in (
        figures.digits(value),
        figures.quantity(value, "J"),
        figures.with_interval(value, value, value, 1.0)[0],
    ):
        assert "e" not in text.lower().replace("inf", "") or not math.isfinite(value)


@settings(deadline=None)
@given(st.floats(0, 1e-6))
def test_what_is_almost_nothing_stays_narrow(value):
    assert len(figures.digits(value)) <= 14 and len(figures.quantity(value, "J")) <= 17
    assert float(figures.digits(value)) == pytest.approx(value, rel=0.00501, abs=1e-12)


@settings(deadline=None)
@given(st.floats(0, 1e15), st.floats(0, 1e15), st.floats(0, 1e15))
def test_an_interval_keeps_its_order_and_its_ends_apart(one, two, three):
    # GIVEN a figure within an interval
    low, value, high = sorted((one, two, three))
    factor, _ = figures.prefix_for(value)
    # WHEN it is written
    figure, bounds = figures.with_interval(value, low, high, factor)
    below, above = bounds.split(" to ")
    # THEN the order stays, the numbers parse back, and the ends differ if they do by a ten-millionth
    assert float(below) <= float(figure) <= float(above)
    for text, number in ((figure, value), (below, low), (above, high)):
        assert float(text) == pytest.approx(number / factor, rel=0.00501, abs=0.005 if number != value else 1e-12)
    if high - low > 1e-5 * factor:
        assert below != above


@pytest.mark.parametrize(
    "value, low, high, factor, shown",
    [
        (250.0, 249.75, 250.25, 1.0, ("250.00", "249.75 to 250.25")),
        (12.84, 12.6, 13.1, 1.0, ("12.84", "12.60 to 13.10")),
        (3210.0, 3000.0, 9000.0, 1e3, ("3.21", "3.00 to 9.00")),
        (5.0, 5.0, 5.0, 1.0, ("5.00", "5.00 to 5.00")),
    ],
)
def test_intervals(value, low, high, factor, shown):
    assert figures.with_interval(value, low, high, factor) == shown


@settings(deadline=None)
@given(st.floats(0, 1e12))
def test_masses_parse_back(grams):
    factor, unit = figures.mass_prefix_for(grams)
    expected = 1e6 if unit == "t" else PREFIX[unit[:-1]]
    assert factor == expected and unit not in ("Mg", "Gg")
    assert grams / factor < 1000 or unit == "t"


@settings(deadline=None)
@given(st.floats(0, 1e10))
def test_durations_parse_back(seconds):
    text = figures.duration(seconds)
    units = {"s": 1, "min": 60, "h": 3600, "d": 86400, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
    parts = re.findall(r"([0-9.]+) ([a-zµ]+)", text)
    smallest = units[parts[-1][1]]
    assert sum(float(number) * units[unit] for number, unit in parts) == pytest.approx(
        seconds, rel=0.00501, abs=0.51 * smallest
    )
    assert not re.search(r"(?<![0-9.])(60 s|60 min|24 h)", text)
    assert len(parts) <= 2


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0 s"),
        (0.0123, "12.3 ms"),
        (4.2, "4.20 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (86370, "1 d 00 h"),
        (274000, "3 d 04 h"),
    ],
)
def test_durations(seconds, text):
    assert figures.duration(seconds) == text


@settings(deadline=None)
@given(st.floats(0, 1))
def test_percents_parse_back(share):
    text = figures.percent(share)
    if 0 < share < 1e-5:
        assert text == "less than 0.001 %"
        return
    number = float(re.fullmatch(r"([0-9.]+) %", text)[1])
    assert number == pytest.approx(share * 100, rel=0.053)
    assert len(text) <= 8


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e9), max_size=200), st.integers(-3, 80))
def test_a_sparkline_has_its_width_and_its_highest_bar_at_the_top(values, width):
    bars = figures.sparkline(values, width)
    if len(values) < 2 or width < 1:
        assert bars == ""
        return
    assert len(bars) == min(width, len(values))
    assert set(bars) <= set("▁▂▃▄▅▆▇█")
    assert ("█" in bars) == (max(values) > 0 and width > 0)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e9), min_size=2, max_size=30))
def test_a_higher_value_never_has_a_lower_bar(values):
    bars = figures.sparkline(values, len(values))
    ordered = [bar for _, bar in sorted(zip(values, bars, strict=True))]
    assert ordered == sorted(ordered)


@settings(deadline=None)
@given(st.text(st.characters(codec=None)))
def test_any_text_is_one_printable_line(text):
    shown = figures.printable(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable() or text != " ".join(text.split())
