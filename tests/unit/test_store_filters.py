"""Filters: what stands in an address is what was meant."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.errors import PyCarbonError
from pycarbon.store.filters import FIRST_YEAR, KINDS, LAST_YEAR, Filter, from_query

TEXT = st.none() | st.text(st.characters(codec=None), min_size=1, max_size=8)
DAYS = st.dates(date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31))
KEY = st.text(st.characters(codec=None, exclude_characters="="), min_size=1, max_size=4)


@given(
    st.builds(
        Filter,
        organisation=TEXT,
        project=TEXT,
        experiment=TEXT | st.just(""),
        since=st.none() | DAYS,
        until=st.none() | DAYS,
        machine=TEXT,
        device=TEXT,
        zone=TEXT,
        kind=st.none() | st.sampled_from(KINDS),
        tags=st.dictionaries(KEY, TEXT | st.just(""), max_size=3),
    )
)
def test_an_address_keeps_it(chosen):
    assert from_query(chosen.to_query()) == chosen


def test_what_is_empty_or_of_other_names_is_no_filter():
    pairs = [("project", ""), ("since", ""), ("tag", ""), ("kind", ""), ("sort", "energy"), ("tags", "a"), ("", "x")]
    assert from_query(pairs) == Filter()
    assert from_query([("experiment", "")]) == Filter(experiment="")


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        (("since", "yesterday"), "write one as 2026-11-27"),
        (("until", "2026-02-30\n"), "write one as 2026-11-27"),
        (("until", "9999-12-31"), "write one as 2026-11-27"),
        (("since", "0300-01-01"), "write one as 2026-11-27"),
        (("kind", "attributed"), "measured and modelled"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line(pair, why):
    with pytest.raises(PyCarbonError, match=why) as raised:
        from_query([pair])
    assert "\n" not in str(raised.value)


@given(DAYS)
def test_a_span_of_days_includes_both(day):
    chosen = Filter(since=day, until=day)
    assert chosen.until_s - chosen.since_s == timedelta(days=1).total_seconds()
    assert chosen.but(since=None).since_s is None
