"""Lists of runs in a terminal: every line fits, each figure has its interval and kind, what is not known is said."""

from __future__ import annotations

import unicodedata

import pytest
from listed_runs import ALL, KINDS, RUNS

from pycarbon.reports.runs_text import RunsText
from pycarbon.reports.text import Style
from pycarbon.store.rollup import Group, RollUp

GOLDEN = """
 run       UTC         project   name              time    energy  between        kind          CO2e
 0300aabb  2026-11-27  acme?[2J… 训练 of a… 12 min 05 s  209.2 kJ  207 to 212     measured    2.92 g
 0200aabb  2026-11-27  digits    train 2        1.20 ms   4.20 mJ  1.30 to 12.1   modelled    500 ng
 0100aabb  2026-11-27  digits    train 1    12 min 05 s    105 kJ  not known      measured not known
 0000aabb  not known   digits    train 0       3 d 11 h not known
 … 4 of 7: --limit shows more

 All of them            runs        time    energy  between        measured      CO2e  between
 measured                  5  1 h 00 min  366.1 kJ  363 to 370        100 %    5.11 g  3.50 to 10.5
 modelled                  1     1.00 ms   4.20 mJ  1.30 to 12.1        0 %   1.00 µg  0.0 to 2.00
 not known                 1    3 d 11 h not known                          not known
 in all                    7    3 d 12 h  366.1 kJ  363 to 370        100 %    5.11 g  3.50 to 10.5

 of 1 run nobody knows the energy, and it adds nothing to the sums
 of 1 run nobody knows an interval, and it adds the figure itself to both ends
 2 runs (105 kJ) had the machine together with another run of these or others: each has all of the
   machine's energy, so the sums have that of shared time more than once
 2 files hold no run that can be used: pycarbon index --verbose
"""
NARROW = """
 run       UTC               project name
        time    energy  between        kind          CO2e
 0200aabb  2026-11-27 11:33  digits  train 2
     1.20 ms   4.20 mJ  1.30 to 12.1   modelled    500 ng
 … 1 of 5: --limit shows more

 All of them                                                        runs
      time    energy  between        measured
                CO2e  between       CO2e
 measured                                                              5
1 h 00 min  366.1 kJ  363 to 370        100 %
              5.11 g  3.50 to 10.5  CO2e

 of 1 run nobody knows an interval, and it adds the figure itself to
   both ends
 2 runs (105 kJ) had the machine together with another run of these or
   others: each has all of the machine's energy, so the sums have that
   of shared time more than once
"""


def test_a_list_and_its_sums():
    text = RunsText().render(RUNS, KINDS, ALL, 2)
    assert text == GOLDEN


def test_where_there_is_little_room_figures_go_below_names():
    assert RunsText(Style(72)).render(RUNS[1:2], KINDS[:1], KINDS[0].sums, 0) == NARROW


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


@pytest.mark.parametrize("width", [60, 72, 80, 89, 90, 91, 95, 100, 111, 112, 140, 250])
@pytest.mark.parametrize("unicode", [True, False])
def test_lines_fit_the_terminal(width, unicode):
    report = RunsText(Style(width, False, unicode))
    groups = [Group("a name that is long, and then some more of it", KINDS[0].sums), *KINDS]
    for text in (report.render(RUNS, KINDS, ALL, 2), report.render_sums("project", groups, ALL, 1)):
        assert unicode or text.isascii()
        for line in text.splitlines():
            assert columns(line) <= width and line == line.rstrip() and line.isprintable()


def test_nothing_is_said_to_be_nothing():
    assert RunsText().render([], [], RollUp(), 0) == "\n No run fits.\n\n"
    assert " There are no more runs." in RunsText().render([], KINDS, ALL, 0)
