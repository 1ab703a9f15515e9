"""Live figures as lines: nothing wider or higher than the screen, every figure with its kind and interval."""

from __future__ import annotations

import re

import numpy as np
import pytest
from counter_simulator import PACKAGE
from hypothesis import given
from hypothesis import strategies as st
from test_live import gauges
from test_meter import steady

from pycarbon.counters import Obstacle
from pycarbon.intensity import lookup
from pycarbon.interval import Range
from pycarbon.reports import screen

AROUND = screen.Surroundings(screen.place(lookup("FRA")), "no counters; to measure: run on bare metal")


@pytest.fixture(scope="module")
def snapshot():
    world, edges = steady(2.5)
    live = gauges([PACKAGE], start_ns=world.origin_ns)
    for part in np.array_split(edges, 25):
        live.add(part)
        told = live.snapshot(int(part["t_seen_ns"][-1]))
    return told


@pytest.mark.parametrize("width", [20, 40, 60, 77, 78, 80, 100, 117, 118, 200])
@pytest.mark.parametrize("height", [1, 2, 5, 9, 24, None])
def test_it_fits(snapshot, width, height):
    lines = screen.lines(snapshot, AROUND, width, height)
    assert all(len(line.text) <= width for line in lines)
    assert height is None or len(lines) <= height
    if height == 2:
        assert "more" in lines[-1].text


@pytest.mark.parametrize("width", [60, 80, 118, 200])
@pytest.mark.parametrize("height", [8, 24])
def test_every_figure_has_its_kind_and_its_interval(snapshot, width, height):
    text = "\n".join(line.text for line in screen.lines(snapshot, AROUND, width, height))
    assert re.search(r"package-0 +[\d.]+ W +[\d.]+ to [\d.]+", text)
    assert re.search(r"CO2e +[\d.]+ g/h +[\d.]+ to [\d.]+", text)
    assert "measured" in text and "modelled" in text
    if height == 24:
        assert "run on bare" in text and "peak" in text and "mean" in text and "so far" in text


def test_what_is_not_known_is_a_dash():
    text = "\n".join(line.text for line in screen.lines(gauges([PACKAGE]).snapshot(10**12 + 10**8), AROUND, 80))
    assert re.search(r"package-0 +- +- +- +-", text) and " 0 W" not in text and "starting" in text


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_written_interval_holds_the_interval(one, two, three):
    low, best, high = sorted((one, two, three))
    figure, ends = screen.amount(Range(low, best, high), "W")
    prefixes = {"n": 1e-9, "µ": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6}
    factor = prefixes[figure.split()[1][:-1]]
    first, last = (float(end) * factor for end in ends.split(" to "))
    assert first <= low * (1 + 1e-9) + 1e-12 and last >= high * (1 - 1e-9) - 1e-12


def test_advice_is_the_first_remedy():
    nothing, something = Obstacle("perf", "one"), Obstacle("powercap", "two", "type this")
    assert screen.advice([nothing, something]) == "two; to measure: type this"
    assert screen.advice([nothing]) == "one" and screen.advice([]) == ""
