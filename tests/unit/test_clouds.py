"""Cloud regions: each is found by the names people know it by, and by no guess."""

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import clouds, shipped
from pycarbon.errors import IntensityError

ROOT = Path(__file__).parents[2]
REGIONS = clouds.regions()


def test_the_three_providers_are_there_in_order():
    zones = [region.zone for region in REGIONS]
    assert zones == sorted(set(zones))
    counts = {name: sum(region.provider == name for region in REGIONS) for name in ("aws", "azure", "gcp")}
    assert counts["aws"] >= 38
    assert counts["azure"] >= 60
    assert counts["gcp"] >= 42


@given(st.sampled_from(REGIONS))
def test_what_a_region_says_of_itself_hangs_together(region):
    assert region.zone == f"{region.provider}:{region.region}" == region.zone.lower()
    assert -90 <= region.latitude <= 90 and -180 <= region.longitude <= 180
    assert region.grid_zones[-1] == region.country
    assert 1 <= region.pue_low <= region.pue <= region.pue_high <= 2
    assert region.pue_low < region.pue_high
    assert region.pue_source and region.name and region.place
    assert (region.wue_l_per_kwh is None) == (region.wue_year is None) == (region.wue_source == "")
    assert region.wue_l_per_kwh is None or 0 <= region.wue_l_per_kwh < 10


@given(st.sampled_from(REGIONS), st.sampled_from([str.lower, str.upper, str.title]))
def test_a_region_is_found_by_its_zone_and_by_its_name_in_any_case(region, case):
    assert clouds.region(case(region.zone)) == region
    assert clouds.region(case(f" {region.provider}:{region.name} ")) == region


@given(st.sampled_from(REGIONS), st.sampled_from([str.lower, str.upper]))
def test_a_bare_name_means_a_region_if_one_provider_has_it(region, case):
    same = [other for other in REGIONS if other.region == region.region]
    assert clouds.region(case(region.region)) == (region if len(same) == 1 else None)


@pytest.mark.parametrize(
    ("spelled", "zone"),
    [
        ("us-east-1", "aws:us-east-1"),
        ("US East (N. Virginia)", "aws:us-east-1"),
        ("us-east1", "gcp:us-east1"),
        ("westeurope", "azure:westeurope"),
        ("West Europe", "azure:westeurope"),
        ("azure:West  Europe", "azure:westeurope"),
        ("europe-west4", "gcp:europe-west4"),
    ],
)
def test_spellings_that_people_use(spelled, zone):
    assert clouds.region(spelled).zone == zone


@pytest.mark.parametrize(
    "asked", ["", ":", "aws:", "aws:us-east1", "gcp:us-east-1", "aws:us-east-9", "Iowa", "Tokyo"]
)
def test_a_place_or_a_slip_is_no_region(asked):
    assert clouds.region(asked) is None


@given(st.text())
def test_any_text_is_a_region_or_none(text):
    found = clouds.region(text)
    assert found is None or found in REGIONS


def test_a_name_that_two_regions_share_is_no_answer():
    # GIVEN two providers that have a region of one name
    region = clouds.region("gcp:us-east1")
    twin = dataclasses.replace(region, zone="aws:us-east1", provider="aws")
    spelled = clouds._spellings([region, twin])
    # THEN the bare name means neither, and the provider decides
    assert "us-east1" not in spelled
    assert spelled["gcp:us-east1"] == region
    assert spelled["aws:us-east1"] == twin


@pytest.mark.parametrize("content", [None, "", "zone,provider\naws:x,aws\n", "zone\n" + ",".join("x" * 18) + "\n"])
def test_a_broken_table_is_one_clear_line(tmp_path, monkeypatch, content):
    monkeypatch.setattr(shipped, "TABLES", tmp_path)
    table = f"{tmp_path.name}.csv"  # none that was read before: tables are read once
    if content is not None:
        (tmp_path / table).write_text(content, encoding="utf-8")
    with pytest.raises(IntensityError, match=rf"{table}.*reinstall pycarbon") as caught:
        clouds._read(table, clouds._region)
    assert "\n" not in str(caught.value)


def test_balancing_areas_are_where_the_sites_are():
    # Facts of the grid that a table made by hand gets wrong: Chicago is PJM, The Dalles BPA, Quincy neither.
    on = {zone: clouds.region(zone).grid_zones[0] for zone in EXPECTED}
    assert on == EXPECTED


EXPECTED = {
    "aws:us-east-1": "US-PJM",
    "aws:us-west-1": "US-CISO",
    "azure:northcentralus": "US-PJM",
    "azure:centralus": "US-MISO",
    "azure:southcentralus": "US-ERCO",
    "azure:westus2": "US-WA",
    "gcp:us-west1": "US-BPAT",
    "gcp:us-central1": "US-MISO",
    "aws:eu-north-1": "SE-SE3",
    "azure:norwaywest": "NO-NO2",
    "aws:eu-west-3": "FRA",
}


def test_grid_zones_are_zones_of_the_grid():
    zones = ROOT / "pycarbon" / "tables" / "zones.csv"
    if not zones.is_file():
        pytest.skip("there is no table of zones yet")
    known = {line.partition(",")[0] for line in zones.read_text(encoding="utf-8").splitlines()[1:]}
    assert {zone for region in REGIONS for zone in region.grid_zones} <= known


@pytest.mark.parametrize(
    ("provider", "spelled", "name"),
    [
        ("aws", "m5.large", "m5.large"),
        ("AWS", "M5.LARGE", "m5.large"),
        ("gcp", "n2-standard-4", "n2-standard-4"),
        ("azure", "D4s v3", "D4s v3"),
        ("azure", "Standard_D4s_v3", "D4s v3"),
    ],
)
def test_a_server_is_found_by_its_instance_type(provider, spelled, name):
    found = clouds.embodied(provider, spelled)
    assert (found.provider, found.instance_type) == (provider.lower(), name)
    assert 1000 <= found.low_kg <= found.total_kg <= found.high_kg


def test_a_type_on_several_processors_has_a_range():
    found = clouds.embodied("gcp", "e2-standard-2")
    assert found.low_kg < found.total_kg < found.high_kg


@pytest.mark.parametrize(
    ("provider", "name"), [("aws", "n2-standard-4"), ("aws", ""), ("", "m5.large"), ("oci", "x")]
)
def test_an_unknown_server_is_none(provider, name):
    assert clouds.embodied(provider, name) is None


def test_the_tables_are_small():
    assert (shipped.TABLES / "embodied.csv").stat().st_size < 100_000
    assert (shipped.TABLES / "cloud.csv").stat().st_size < 100_000


def test_the_documentation_counts_the_regions():
    told = (ROOT / "intensity" / "CLOUDS.md").read_text(encoding="utf-8")
    counts = [int(number) for number in re.findall(r"(\d+) regions", told)]
    assert len(REGIONS) in counts
