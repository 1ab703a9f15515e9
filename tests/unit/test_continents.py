"""Every country lies in one continent."""

from __future__ import annotations

import pytest

from pycarbon import zones
from pycarbon.continents import continent_of


def test_every_country_has_one():
    assert {continent_of(zone.zone) for zone in zones.known() if zone.kind == "country"} == {
        "Africa",
        "Antarctica",
        "Asia",
        "Europe",
        "North America",
        "Oceania",
        "South America",
    }


@pytest.mark.parametrize(
    ("country", "continent"),
    [("FRA", "Europe"), ("CRI", "North America"), ("GUF", "South America"), ("TLS", "Asia"), ("FJI", "Oceania")],
)
def test_it_is_the_one_on_the_map(country, continent):
    assert continent_of(country) == continent


@pytest.mark.parametrize("text", ["", "fra", "WORLD", "US-WY", "country", "continent"])
def test_what_is_no_country_has_none(text):
    assert continent_of(text) is None
