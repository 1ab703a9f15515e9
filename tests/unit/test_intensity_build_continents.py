"""The table of continents: what the build takes, and what it refuses."""

import sys
from pathlib import Path

import pytest

# intensity/ is not installed for users: it is found in the checkout only.
sys.path.insert(0, str(Path(__file__).parents[2]))

from intensity import continents
from intensity.registry import BuildError


def built(folder, *lines):
    raw = folder / continents.RAW
    raw.parent.mkdir()
    raw.write_text("\n".join(["country_or_region,country_code,continent", *lines]) + "\n", encoding="utf-8")
    return continents.build(folder)["continents.csv"].decode().splitlines()


def test_countries_are_told_once_and_regions_not(tmp_path):
    lines = built(tmp_path, "France,FRA,Europe", "France,FRA,Europe", "Asia,,", "Chad,TCD,Africa")
    assert {"FRA,Europe", "TCD,Africa", "VAT,Europe"} < set(lines)
    assert lines[0] == "country,continent" and lines[1:] == sorted(set(lines[1:]))


@pytest.mark.parametrize(
    "lines",
    [["France,FRA,Gaul"], ["France,FRA,"], ["France,FRA,Europe", "France,FRA,Asia"], ["Holy See,VAT,Asia"]],
)
def test_a_country_lies_in_one_continent(tmp_path, lines):
    with pytest.raises(BuildError, match=r"FRA|VAT"):
        built(tmp_path, *lines)
