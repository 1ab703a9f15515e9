"""The table of tests by energy: as wide as the terminal, the most first, every figure with its interval and kind."""

from __future__ import annotations

import pytest

from pycarbon.integrations.energy_limit import OPEN
from pycarbon.integrations.figure import ATTRIBUTED, MEASURED, MODELLED, Figure, unknown
from pycarbon.integrations.row import Row
from pycarbon.integrations.tests_text import open_limits, table

PLACE = "France, 41.4 g/kWh in 2024"


def figure(energy_j: float, kind: str = MEASURED, resolved: bool = True) -> Figure:
    low_j, high_j = (0.95 * energy_j, 1.05 * energy_j) if resolved else (0.0, 3 * energy_j)
    grams = [joules * 1e-4 for joules in (energy_j, low_j, high_j)]
    return Figure(energy_j, low_j, high_j, kind, *grams, 0.1, resolved)


def row(test: str, figures: dict[str, Figure], limit: dict[str, object] | None = None) -> Row:
    return Row(test, "passed", {"call": 0.1}, figures, limit)


ROWS = [
    row("tests/test_a.py::test_light", {"call": figure(0.25), "setup": figure(3.0)}),
    row("tests/test_a.py::test_heavy[with-a-very-long-parameter-and-one-more]", {"call": figure(12.0)}),
    row("tests/test_a.py::test_short", {"call": figure(0.01, resolved=False)}),
    row("tests/test_a.py::test_nothing", {"call": unknown(0.1, "why")}),
]


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_table_is_as_wide_as_the_terminal(width):
    lines = [line.text for line in table(ROWS, None, PLACE, 0, width)]
    assert all(len(line) <= width for line in lines)
    names = [line.split("  ")[-1].strip() for line in lines[2:-1]]
    assert names[0].endswith("one-more]") and names[1:] == [
        "tests/test_a.py::test_light (setup)",
        "tests/test_a.py::test_light",
        "tests/test_a.py::test_short",
    ]
    assert lines[2].strip().startswith("12.0 J  11.4 to 12.6")
    assert lines[5].startswith("~10.0 mJ  0 to 30.0") and lines[-1].startswith("~")
    assert ("CO2e" in lines[1]) == (width > 80)


def test_what_is_left_out_is_said_and_kinds_stand_where_they_differ():
    some = [
        row("a", {"call": figure(2.0)}),
        row("b", {"call": figure(1.0, ATTRIBUTED)}),
        row("c", {"call": figure(0.5)}),
    ]
    lines = [line.text for line in table(some, None, PLACE, 2, 100)]
    assert lines[0] == "joules of tests, the most first; 1 more: --energy-top 0"
    assert "measured" in lines[2] and "attributed" in lines[3] and len(lines) == 4
    (title, *_) = table(some[:1], None, PLACE, 2, 100)
    assert title.text == "joules of tests, measured, the most first"


def test_the_session_has_its_figure_and_its_grams():
    *_, energy, grams = table(ROWS, figure(40.0), PLACE, 10, 100)
    assert energy.text == "session of 4 tests: 40.0 J (38.0 to 42.0), measured, in 100 ms"
    assert grams.text == "4.00 mg CO2e (3.80 to 4.20), France, 41.4 g/kWh in 2024"


def test_open_limits_are_told_one_by_one_but_what_is_not_measured_once():
    limit = {"limit_j": 1.0, "outcome": OPEN, "note": "used 1 J"}
    some = [
        row("a", {"call": figure(1.0, MODELLED)}, limit),
        row("b", {"call": figure(1.0)}, limit),
        row("c", {"call": figure(1.0, MODELLED)}, limit),
        row("d", {"call": unknown(1.0, "nobody answers")}, limit),
        row("e", {"call": figure(1.0)}, {"limit_j": 2.0, "outcome": "kept"}),
    ]
    assert open_limits(some) == [
        "the energy limits of 2 tests are not checked: no counter can be read; pycarbon doctor says why",
        "the energy limit of 1 test is not checked: nobody answers",
        "b: used 1 J",
    ]
