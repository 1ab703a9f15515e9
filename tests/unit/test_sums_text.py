"""Sums in a terminal: what their reader must know is said in words, once and only where it is so."""

from __future__ import annotations

from dataclasses import replace

from listed_runs import ALL, MEASURED, MODELLED

from pycarbon.reports.sums_text import SumsText, in_words, refused_in_words
from pycarbon.reports.text import Style
from pycarbon.store.rollup import Group, RollUp


def test_what_a_reader_must_know_is_said_where_it_is_so():
    assert list(in_words(MODELLED)) == [] and list(refused_in_words(0)) == []
    unknown, unsure, beside = in_words(ALL)
    assert unknown == "of 1 run nobody knows the energy, and it adds nothing to the sums"
    assert unsure == "of 1 run nobody knows an interval, and it adds the figure itself to both ends"
    assert beside.startswith("2 runs (105 kJ) had the machine together with another run")
    assert "of 3 runs nobody knows the energy, and they add nothing" in next(in_words(replace(ALL, unknown=3)))
    assert list(refused_in_words(3)) == ["3 files hold no run that can be used: pycarbon index --verbose"]


def test_one_group_is_not_summed_up_again():
    table = SumsText(Style())
    assert len(list(table.lines("By zone", [Group("FRA", MEASURED)], MEASURED))) == 2
    assert len(list(table.lines("By zone", [Group("FRA", MEASURED), Group("", MODELLED)], ALL))) == 4


def test_what_is_in_no_group_and_what_used_nothing_have_words():
    _, unnamed, nothing = SumsText(Style()).lines(
        "By machine", [Group("", RollUp(2, 5.0)), Group("m", RollUp(1, unknown=1))]
    )
    assert unnamed.startswith(" (none) ") and " 0 J " in unnamed and " 0 % " in unnamed
    assert nothing.count("not known") == 2 and "0 J" not in nothing
