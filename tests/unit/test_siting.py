"""Where a run is counted: as the user set it, else as the machine says, else nowhere known, and never by an error."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_firmware import CLOUDS, NO_CLOUDS, write_dmi

from pycarbon import clouds, siting
from pycarbon.emissions import EXACT_PUE
from pycarbon.errors import IntensityError
from pycarbon.footprint import hardware
from pycarbon.hours import Hours
from pycarbon.intensity import Method, choose, lookup
from pycarbon.interval import Range
from pycarbon.place import Place
from pycarbon.rating import MACHINE_ALONE, Rating
from pycarbon.settings import resolve

OWN = "zone,year,intensity_g_per_kwh,low_g_per_kwh,high_g_per_kwh,source\nFRA,2025,12,10,15,our contract\n"
VIRGINIA = clouds.region("aws:us-east-1")
ELSEWHERE = [name for name, (_, provider) in CLOUDS.items() if provider not in ("aws", "azure", "gcp")]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A folder for what is remembered, so that the user's is not touched."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pycarbon"


@pytest.fixture
def site(tmp_path, cache):
    """Site a machine with these settings; without firmware unless a tree is given."""

    def site(root: Path = tmp_path / "no-firmware", boot: str | None = None, **arguments):
        chosen, complaints = resolve(arguments, environ={"HOME": "/nowhere"}, folder=Path("/nowhere"))
        assert not complaints
        rating, lines = siting.site(chosen, root=root, boot=boot)
        assert all(line.isprintable() for line in lines)
        return rating, lines

    return site


def where(rating: Rating) -> tuple[str, str | None, bool]:
    return rating.intensity.zone, rating.asked, rating.intensity.place_known


def test_without_a_word_it_is_nowhere_known_and_wide(site):
    rating, lines = site()
    assert (where(rating), lines) == (("WORLD", None, False), [])
    assert (rating.pue, rating.pue_source, dict(rating.place)) == (EXACT_PUE, MACHINE_ALONE, {})
    assert (rating.device, rating.wue_l_per_kwh) == (None, None)


@pytest.mark.parametrize("scope", ["lifecycle", "direct"])
def test_a_zone_that_was_set_is_taken_by_the_scope_that_was_set(site, scope):
    rating, lines = site(zone="france", scope=scope)
    choice = choose("FRA", Method(scope))
    assert (rating.intensity, rating.others, lines) == (choice.taken, choice.others, [])


@pytest.mark.parametrize("zone", ["FRX", "Georgia", "VAT"])
def test_a_zone_that_cannot_be_used_is_an_unknown_place_and_said(site, zone):
    # GIVEN a zone that is not known, means two, or has no figure
    rating, [line] = site(zone=zone)
    # THEN the run is counted wide, and one line says why: recording it never fails
    assert where(rating) == ("WORLD", None, False)
    assert zone in line and line.endswith("the run counts as being at an unknown place")


def test_ones_own_factors_go_first(site, tmp_path):
    file = tmp_path / "own.csv"
    file.write_text(OWN)
    rating, lines = site(zone="FRA", factors=str(file))
    assert (rating.intensity.intensity_g_per_kwh, rating.intensity.source, lines) == (12, "our contract", [])


@pytest.mark.parametrize(
    "text", [None, "", "zone,year,kg\nFRA,2025,0.04\n", OWN.replace(",12,", ",0.012,"), "\udcff"], ids=str
)
def test_a_broken_file_of_factors_is_said_and_the_shipped_ones_are_taken(site, tmp_path, text):
    file = tmp_path / "own.csv"
    if text is not None:
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
    rating, [line] = site(zone="FRA", factors=str(file))
    assert rating.intensity.zone == "FRA" and rating.intensity.source != "our contract"
    assert str(file) in line and line.endswith("the shipped factors are used instead")


def test_a_number_is_a_pue_without_doubt(site):
    rating, _ = site(zone="aws:us-east-1", pue=1.37)
    assert (rating.pue, rating.pue_source) == (Range(1.37, 1.37, 1.37), "as set")


def test_an_unknown_data_centre_has_the_industrys_pue_with_its_range(site):
    rating, _ = site(zone="FRA", pue="data-centre")
    assert rating.pue == siting.UNKNOWN_PUE and "Uptime" in rating.pue_source
    assert 1 < rating.pue.low < rating.pue.best < rating.pue.high


@given(st.sampled_from(clouds.regions()))
def test_a_cloud_region_has_its_own_pue_with_its_source(region):
    pue, source = siting.pue_of(None, region.zone)
    assert pue == Range(region.pue_low, region.pue, region.pue_high)
    assert region.pue_source in source and str(region.pue_year) in source


@given(st.sampled_from([*(region.zone for region in clouds.regions()), "FRA", "US-CISO", None]), st.floats(1, 10))
def test_what_was_set_goes_before_everything(zone, pue):
    assert siting.pue_of(pue, zone, in_data_centre=True) == (Range(pue, pue, pue), "as set")
    assert siting.pue_of("data-centre", zone)[0] == siting.UNKNOWN_PUE


def test_a_machine_by_itself_has_no_building():
    assert siting.pue_of(None, "FRA") == siting.pue_of(None, None) == (EXACT_PUE, MACHINE_ALONE)
    assert siting.pue_of(None, "FRA", in_data_centre=True)[0] == siting.UNKNOWN_PUE


@pytest.mark.parametrize("name", ELSEWHERE)
def test_firmware_of_a_cloud_without_a_way_to_ask_it_is_a_data_centre_somewhere(site, tmp_path, name):
    # GIVEN a machine whose firmware names a provider of which only that is known
    strings, provider = CLOUDS[name]
    rating, [line] = site(write_dmi(tmp_path / "machine", strings))
    # THEN it is nowhere known, in some data centre, and a line says what to type
    assert where(rating) == ("WORLD", None, False)
    assert rating.pue == siting.UNKNOWN_PUE
    assert dict(rating.place) == {"how": "firmware", "provider": provider}
    assert provider in line and "--zone" in line


@pytest.mark.parametrize("name", NO_CLOUDS)
def test_firmware_of_no_cloud_is_no_place(site, tmp_path, name):
    rating, lines = site(write_dmi(tmp_path / "machine", NO_CLOUDS[name]))
    assert (where(rating), rating.pue, lines) == (("WORLD", None, False), EXACT_PUE, [])


def test_where_nobody_is_asked_nothing_is_remembered(site, cache, tmp_path):
    site(write_dmi(tmp_path / "machine", NO_CLOUDS["kvm"]), "a boot")
    site(write_dmi(tmp_path / "machine", CLOUDS["hetzner"][0]), "a boot", zone="FIN")
    assert not cache.exists()


def test_a_zone_that_was_set_is_not_second_guessed(site, tmp_path):
    rating, lines = site(write_dmi(tmp_path / "machine", CLOUDS["hetzner"][0]), zone="FIN")
    assert (where(rating), lines, dict(rating.place)) == (("FIN", "FIN", True), [], {})


def test_nothing_is_looked_for_where_that_is_off(site, tmp_path):
    rating, lines = site(write_dmi(tmp_path / "machine", CLOUDS["hetzner"][0]), locate="off")
    assert (where(rating), rating.pue, lines, dict(rating.place)) == (("WORLD", None, False), EXACT_PUE, [], {})


def remember(cache: Path, place: Place | None, how: str = "firmware") -> None:
    """What an earlier run of the same start of the machine found out."""
    cache.mkdir(parents=True)
    kept = {"boot": "a boot", "asked": how, "at_s": 1e9, "place": None if place is None else asdict(place)}
    (cache / "place.json").write_text(json.dumps(kept | {"remarks": []}))


@pytest.fixture
def amazons(tmp_path):
    """A machine whose firmware names its cloud: that one would be asked where nobody remembers what it said."""
    return write_dmi(tmp_path / "machine", CLOUDS["ec2 on nitro"][0])


def test_a_region_that_the_cloud_told_is_where_the_run_is(site, cache, amazons):
    # GIVEN that this machine's cloud named its region before
    place = Place("aws:us-east-1", "cloud metadata", "aws", "m5.large", "us-east-1b")
    remember(cache, place)
    rating, lines = site(amazons, "a boot")
    # THEN it counts in that region's grid, with that region's PUE, and the run keeps what said so
    assert (rating.asked, rating.intensity.zone, lines) == ("aws:us-east-1", VIRGINIA.grid_zones[0], [])
    assert rating.pue == Range(VIRGINIA.pue_low, VIRGINIA.pue, VIRGINIA.pue_high)
    assert dict(rating.place) == asdict(place)


def test_a_region_that_no_table_knows_is_an_unknown_place_in_a_data_centre(site, cache, amazons):
    remember(cache, Place("aws:moon-east-1", "cloud metadata", "aws"))
    rating, [line] = site(amazons, "a boot")
    assert where(rating) == ("WORLD", None, False) and "aws:moon-east-1" in line
    assert rating.pue == siting.UNKNOWN_PUE


def test_what_the_work_leaves_beside_is_as_set(site):
    # GIVEN a server of 1500 kg, of which the work has a quarter, and water
    rating, lines = site(zone="FRA", embodied=1500, embodied_share=0.25, lifetime_years=5, wue_l_per_kwh=1.8)
    assert (rating.device, lines) == (hardware(1500, 5, 0.25), [])
    assert (rating.wue_l_per_kwh, rating.wue_source) == (Range(1.8, 1.8, 1.8), "as set")


def test_a_cloud_has_its_servers_and_its_water(site):
    rating, lines = site(zone="azure:westeurope", embodied="aws:m5.large")
    server, region = clouds.embodied("aws", "m5.large"), clouds.region("azure:westeurope")
    made_kg = Range(server.low_kg / 2, server.total_kg, server.high_kg * 2)
    assert rating.device.embodied_kg == made_kg and not lines
    assert rating.device_source.startswith("the whole server of aws:m5.large, ")
    water = None if rating.wue_l_per_kwh is None else rating.wue_l_per_kwh.best
    assert water == region.wue_l_per_kwh


def test_a_server_that_nobody_knows_is_said_and_left_out(site):
    rating, [line] = site(zone="FRA", embodied="aws:m99.huge")
    assert rating.device is None and "'aws:m99.huge' is not known" in line


BEFORE = Rating(
    *(lambda choice: (choice.taken, choice.others))(choose("FRA", Method("direct"))),
    Range(1.1, 1.2, 1.3), "a survey", hardware(1500), Range(1, 1, 1), "as set", {"how": "firmware"},
)  # fmt: skip


def test_counted_again_without_a_word_it_is_the_same():
    assert siting.rated_again(BEFORE) == BEFORE


def test_another_zone_is_counted_by_the_method_of_before():
    again = siting.rated_again(BEFORE, zone="DEU", year=2023)
    before = BEFORE.intensity
    assert (again.intensity.zone, again.intensity.year) == ("DEU", 2023)
    assert (again.intensity.scope, again.intensity.flow, again.intensity.gas) == (
        before.scope,
        before.flow,
        before.gas,
    )
    # THEN the building stays behind, and what somebody set comes along
    assert (again.pue, dict(again.place)) == (EXACT_PUE, {})
    assert (again.device, again.wue_l_per_kwh, again.wue_source) == (BEFORE.device, Range(1, 1, 1), "as set")


def test_a_pue_that_was_set_comes_along_and_a_clouds_does_not():
    # GIVEN a run with a PUE of its owner's, and one in a cloud region that has its own, and its water
    own = Rating(choose("FRA").taken, pue=Range(1.4, 1.4, 1.4), pue_source="as set")
    region = clouds.region("aws:ap-northeast-1")
    water = Range(region.wue_l_per_kwh, region.wue_l_per_kwh, region.wue_l_per_kwh)
    cloud = Rating(choose(region.zone).taken, (), Range(1.2, 1.25, 1.3), "published", None, water, "published")
    # WHEN both are counted elsewhere
    assert siting.rated_again(own, zone="DEU").pue == own.pue
    somewhere = replace(own, **dict(zip(("pue", "pue_source"), siting.pue_of("data-centre", "FRA"), strict=True)))
    assert siting.rated_again(somewhere, zone="aws:us-east-1").pue == siting.UNKNOWN_PUE
    moved = siting.rated_again(cloud, zone="DEU")
    assert (moved.pue, moved.wue_l_per_kwh) == (EXACT_PUE, None)


def test_another_method_or_year_leaves_the_place_and_its_building():
    # WHEN only the method, or only the year is another
    again = siting.rated_again(BEFORE, method=Method("lifecycle"))
    # THEN zone, PUE and all the rest stay
    assert (again.intensity.zone, again.intensity.scope) == ("FRA", "lifecycle")
    assert (again.pue, again.pue_source, again.place) == (BEFORE.pue, BEFORE.pue_source, BEFORE.place)
    assert (again.device, again.wue_l_per_kwh) == (BEFORE.device, BEFORE.wue_l_per_kwh)


def test_another_pue_leaves_the_factor():
    again = siting.rated_again(BEFORE, pue=2.0)
    assert again.intensity == BEFORE.intensity and again.pue == Range(2, 2, 2)
    assert siting.rated_again(BEFORE, pue="data-centre").pue == siting.UNKNOWN_PUE


TOLD = replace(
    lookup("FRA"), flow="consumption", method="average lifecycle consumption", source="a service",
    hours=Hours("actual", 490000, [10.0], [5.0], [20.0]),
)  # fmt: skip


@pytest.mark.parametrize("pue", [None, 1.5, "data-centre"])
def test_what_a_service_told_stays_where_only_the_building_is_another(pue):
    # GIVEN a run counted by what a service told of its hours, by a method that the table does not have
    rating = Rating(TOLD, (replace(TOLD, type="marginal"), lookup("FRA")))
    again = siting.rated_again(rating, pue=pue)
    assert (again.intensity, again.others) == (rating.intensity, rating.others)


def test_what_a_service_told_of_more_or_less_goes_with_the_place():
    marginal = replace(TOLD, type="marginal")
    rating = Rating(lookup("FRA"), (marginal, replace(lookup("FRA"), year=2020)))
    # WHEN another method or year is taken THEN a kilowatt-hour more still emits as much, elsewhere not
    assert siting.rated_again(rating, method=Method("direct")).others[0] == marginal
    assert siting.rated_again(rating, year=2020).others[0] == marginal
    assert all(other.type == "average" for other in siting.rated_again(rating, zone="DEU").others)


def test_an_empty_zone_is_not_the_zone_of_before():
    with pytest.raises(IntensityError, match="unknown zone ''"):
        siting.rated_again(BEFORE, zone="")


def test_a_cloud_region_brings_its_building():
    again = siting.rated_again(BEFORE, zone="aws:us-east-1", method=Method())
    assert again.pue == Range(VIRGINIA.pue_low, VIRGINIA.pue, VIRGINIA.pue_high)
    assert siting.rated_again(BEFORE, zone="aws:us-east-1", method=Method(), pue=1.5).pue == Range(1.5, 1.5, 1.5)


def test_a_run_at_an_unknown_place_stays_there_until_somebody_says_where_it_was():
    nowhere = Rating(lookup(None))
    assert siting.rated_again(nowhere, method=Method("direct")).intensity.place_known is False
    assert siting.rated_again(nowhere, zone="FRA").intensity == lookup("FRA")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"zone": "FRX"}, "unknown zone"),
        ({"year": 1999}, "of 1999"),
        ({"method": Method("lifecycle", "consumption")}, "no lifecycle consumption figure"),
        ({"own": Path("/nowhere/own.csv")}, "/nowhere/own.csv"),
    ],
)
def test_what_is_no_good_is_refused_in_one_line(changes, says):
    with pytest.raises(IntensityError, match=says) as caught:
        siting.rated_again(BEFORE, **changes)
    assert str(caught.value).isprintable()
