"""What somebody types to choose runs becomes the filter that pages have in their address."""

from __future__ import annotations

import argparse
from datetime import date

import pytest

from pycarbon.errors import PyCarbonError
from pycarbon.store import options
from pycarbon.store.filters import Filter


def chosen(*words: str) -> Filter:
    parser = argparse.ArgumentParser()
    options.add_options(parser)
    return options.chosen(parser.parse_args(words))


def test_what_is_typed_is_asked_for():
    assert chosen() == Filter()
    words = "--organisation o --project p --since 2026-01-02 --until 2026-02-03 --machine m --device d --zone FRA"
    found = chosen(*words.split(), "--kind", "measured", "--experiment", "", "--tag", "a", "--tag", "b=1=2")
    assert found == Filter(
        "o", "p", "", date(2026, 1, 2), date(2026, 2, 3), "m", "d", "FRA", "measured", {"a": None, "b": "1=2"}
    )


def test_a_day_that_is_none_is_one_line():
    with pytest.raises(PyCarbonError, match="'yesterday' is no day; write one as 2026-11-27"):
        chosen("--since", "yesterday")
