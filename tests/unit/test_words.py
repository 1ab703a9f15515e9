"""What pages write: figures in the unit of their interval, and texts that are bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pycarbon.reports.words import LONGEST_TEXT, text, told_figure


def test_a_figure_and_its_ends_are_in_one_unit():
    row = told_figure("Energy", "J", "measured", (4606.4, 4500.0, 4700.0))
    assert (row["text"], row["between"]) == ("4.61 kJ", "4.50 to 4.70 kJ")
    row = told_figure("CO2e", "g", "modelled", (1.5e6, 1e6, 2e6))
    assert (row["text"], row["between"]) == ("1.50 t", "1.00 to 2.00 t")


def test_what_nobody_knows_has_no_kind():
    row = told_figure("This process", "J", "attributed", (None, None, None))
    assert (row["value"], row["text"], row["between"], row["kind"]) == (None, "not known", "", "")
    assert told_figure("Energy", "J", "measured", (1.0, None, None))["between"] == "interval not known"


@given(st.text())
def test_any_text_is_one_printable_line(value):
    assert text(value).isprintable() or text(value) == ""
    assert len(text(value * 20)) <= LONGEST_TEXT
