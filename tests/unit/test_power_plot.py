"""The drawing of power: within its frame, with breaks at gaps, and names that do not lie over each other."""

from __future__ import annotations

import itertools
import re

import pytest
from report_world import example
from test_reports import cut_off, measured, modelled, no_energy, zero_energy

from pycarbon.analysis import Run
from pycarbon.reports.power_view import embedded
from pycarbon.web.power_plot import HEIGHT, LABEL_ROOM, WIDTH, power_plot


@pytest.mark.parametrize("make", [measured, modelled, cut_off, example])
def test_all_lies_within_the_frame(make):
    plot = power_plot(embedded(Run(make())))
    for line in plot["lines"]:
        for path in (line["mean"], line["band"]):
            assert all(0 <= float(y) <= HEIGHT for y in re.findall(r"V([-\d.e]+)", path))
            assert all(0 <= float(x) <= WIDTH for x in re.findall(r"H([-\d.e]+)", path))
    names = sorted(line["name_y"] for line in plot["lines"])
    assert all(b - a >= LABEL_ROOM - 0.11 for a, b in itertools.pairwise(names))
    assert all(plot["left"] <= tick["at"] <= plot["right"] for tick in plot["x"])
    assert all(plot["top"] <= tick["at"] <= plot["bottom"] for tick in plot["y"])
    assert 2 <= len(plot["y"]) <= 8 and 2 <= len(plot["x"]) <= 8


def test_a_gap_breaks_the_lines():
    plot = power_plot(embedded(Run(example())))
    assert [line["mean"].count("M") for line in plot["lines"]] == [2, 2] and len(plot["gaps"]) == 1
    assert plot["gaps"][0]["width"] == pytest.approx(2 / 59.36 * 784, rel=0.01)


def test_ticks_are_in_one_unit():
    plot = power_plot(embedded(Run(example())))
    assert [tick["text"] for tick in plot["x"]] == ["0 s", "10 s", "20 s", "30 s", "40 s", "50 s"]
    assert plot["y"][1]["text"] == "20 W"


@pytest.mark.parametrize("make", [no_energy, zero_energy])
def test_without_power_nothing_is_drawn(make):
    assert power_plot(embedded(Run(make()))) is None
