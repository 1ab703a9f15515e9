"""The filter as pages show it, and addresses that keep it."""

from __future__ import annotations

from datetime import date
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from pycarbon.dashboard.filtering import given, number, parts, spans
from pycarbon.dashboard.links import address, part
from pycarbon.errors import PyCarbonError
from pycarbon.store.filters import Filter, from_query

texts = st.text(min_size=1, max_size=8)
filters = st.builds(
    Filter,
    organisation=st.none() | texts,
    experiment=st.none() | st.just("") | texts,
    since=st.none() | st.dates(date(1990, 1, 1), date(2100, 1, 1)),
    machine=st.none() | texts,
    kind=st.none() | st.just("measured"),
    tags=st.dictionaries(texts.filter(lambda key: "=" not in key), st.none() | texts, max_size=2),
)


def read(where: str) -> Filter:
    return from_query(parse_qsl(urlsplit(where).query, keep_blank_values=True))


@examples(filters)
def test_an_address_is_read_as_it_was_meant(chosen):
    assert read(address("/runs", chosen.to_query())) == chosen


@examples(filters)
def test_each_part_can_be_taken_away(chosen):
    shown = parts("/", chosen, ("organisation",))

    assert len(shown) == len(chosen.to_query()) - (chosen.organisation is not None)
    for each in shown:
        assert len(read(each["without"]).to_query()) == len(chosen.to_query()) - 1


def test_a_link_changes_what_it_names():
    pairs = [("machine", "a"), ("zone", "FRA")]
    assert address("/", pairs, machine="b/&", page=2) == "/?zone=FRA&machine=b%2F%26&page=2"
    assert address("/", pairs, machine=None, zone=None) == "/"
    assert part("../a b?") == "..%2Fa%20b%3F"


def test_spans_begin_where_they_say():
    chosen = Filter(since=date(2026, 11, 1), until=None, machine="a")
    found = {each["label"]: each for each in spans("/", chosen, date(2026, 11, 27))}

    assert [label for label, each in found.items() if each["current"]] == ["This month"]
    assert read(found["Last 30 days"]["address"]) == chosen.but(since=date(2026, 10, 29))
    assert read(found["This year"]["address"]) == chosen.but(since=date(2026, 1, 1))
    assert read(found["All time"]["address"]) == chosen.but(since=None)


def test_a_filter_is_plain_in_json():
    found = given(Filter(since=date(2026, 1, 2), tags={"b": "1", "a": None}))
    assert found["since"] == "2026-01-02" and found["until"] is None and found["tags"] == {"a": None, "b": "1"}


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", "²", "9" * 30, "101"])
def test_what_does_not_count_is_refused(text):
    with pytest.raises(PyCarbonError, match="must be a whole number from 1 to 100"):
        number([("page", text)], "page", 1, 100)


def test_the_last_of_two_numbers_counts():
    assert number([("page", "2"), ("page", "3")], "page", 1, 100) == 3
    assert number([], "page", 7, 100) == 7
