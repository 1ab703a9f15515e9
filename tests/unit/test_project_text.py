"""A project in a terminal: its sums by kind, its trend, what it is made up of, and what a reader must know."""

from __future__ import annotations

import pytest
from listed_runs import ALL, KINDS, MONTHS, UNKNOWN

from pycarbon.reports.project_text import MOST_GROUPS, ProjectText
from pycarbon.reports.text import Style
from pycarbon.store.overview import Overview
from pycarbon.store.rollup import Group

SEEN = Overview(
    [("organisation", "acme"), ("project", "digits\x1b")],
    ALL,
    KINDS,
    MONTHS,
    {"experiment": [Group("", ALL)], "device": KINDS[:2], "zone": [Group(f"Z{n}", ALL) for n in range(14)]},
)
GOLDEN = """
 organisation acme · project digits? · 7 runs · 3 d 12 h

 Energy              366.1 kJ  362.6 to 370.3     modelled
   measured          366.1 kJ  362.6 to 370.3     measured   of 5 runs
   modelled           4.20 mJ  1.30 to 12.1       modelled   of 1 run
   not known       of 1 run
 CO2e                  5.11 g  3.50 to 10.5       modelled
 That is           like driving 21 m in a US passenger car, or a television of 100 W on for 1 hour
 CO2e by month     ▁▁█ 2026-09 to 2026-11, most in 2026-11: 5.11 g

 By device              runs        time    energy  between        measured      CO2e  between
 measured                  5  1 h 00 min  366.1 kJ  363 to 370        100 %    5.11 g  3.50 to 10.5
 modelled                  1     1.00 ms   4.20 mJ  1.30 to 12.1        0 %   1.00 µg  0.0 to 2.00

 By zone                runs        time    energy  between        measured      CO2e  between
 Z0                        7    3 d 12 h  366.1 kJ  363 to 370        100 %    5.11 g  3.50 to 10.5
 Z1                        7    3 d 12 h  366.1 kJ  363 to 370        100 %    5.11 g  3.50 to 10.5
 Z2                        7    3 d 12 h  366.1 kJ  363 to 370        100 %    5.11 g  3.50 to 10.5
 Z3                        7    3 d 12 h  366.1 kJ  363 to 370        100 %    5.11 g  3.50 to 10.5
 Z4                        7    3 d 12 h  366.1 kJ  363 to 370        100 %    5.11 g  3.50 to 10.5
 Z5                        7    3 d 12 h  366.1 kJ  363 to 370        100 %    5.11 g  3.50 to 10.5
 Z6                        7    3 d 12 h  366.1 kJ  363 to 370        100 %    5.11 g  3.50 to 10.5
 Z7                        7    3 d 12 h  366.1 kJ  363 to 370        100 %    5.11 g  3.50 to 10.5
 Z8                        7    3 d 12 h  366.1 kJ  363 to 370        100 %    5.11 g  3.50 to 10.5
 Z9                        7    3 d 12 h  366.1 kJ  363 to 370        100 %    5.11 g  3.50 to 10.5
 Z10                       7    3 d 12 h  366.1 kJ  363 to 370        100 %    5.11 g  3.50 to 10.5
 Z11                       7    3 d 12 h  366.1 kJ  363 to 370        100 %    5.11 g  3.50 to 10.5
 … and 2 more: pycarbon ls --by zone

 of 1 run nobody knows the energy, and it adds nothing to the sums
 of 1 run nobody knows an interval, and it adds the figure itself to both ends
 2 runs (105 kJ) had the machine together with another run of these or others: each has all of the
   machine's energy, so the sums have that of shared time more than once
 1 file holds no run that can be used: pycarbon index --verbose
"""


def test_a_project():
    assert ProjectText().render(SEEN, 1) == GOLDEN


@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize("unicode", [True, False])
def test_lines_fit_the_terminal(width, unicode):
    text = ProjectText(Style(width, False, unicode)).render(SEEN, 1)
    assert unicode or text.isascii()
    for line in text.splitlines():
        assert len(line) <= width and line == line.rstrip() and line.isprintable()


def test_what_nobody_knows_is_not_zero():
    seen = Overview([("project", "p")], UNKNOWN, KINDS[2:], [], {})
    text = ProjectText().render(seen, 0)
    assert " Energy            not known\n" in text and "CO2e" not in text and seen.equivalents() == []


def test_many_parts_are_counted():
    assert ProjectText().render(SEEN, 0).count("\n Z") == MOST_GROUPS
