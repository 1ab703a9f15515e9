"""A user's own factors: read as they are, and refused by name where their unit or form is another."""

import os

import pytest

from pycarbon import factors, intensity
from pycarbon.errors import IntensityError

HEADER = "zone,year,intensity_g_per_kwh,low_g_per_kwh,high_g_per_kwh,source\n"


@pytest.fixture
def write(tmp_path):
    def write(text, encoding="utf-8"):
        file = tmp_path / "own.csv"
        file.write_bytes(text.encode(encoding))
        return file

    return write


def test_a_contract_with_its_range_goes_before_the_grid(write):
    # GIVEN what a supplier wrote for its customers in France, and for a place of our own
    own = factors.read(write(HEADER + "FRA,2025,12,10,15,our contract\noffice,2025,30,,,meter reading\n"))
    # WHEN both are looked up
    here, office = intensity.choose("FRA", own=own).taken, intensity.choose("Office", own=own).taken
    # THEN they are the user's, with the user's range and source, and the grid's figure is among those not taken
    assert (here.intensity_g_per_kwh, here.low_g_per_kwh, here.high_g_per_kwh, here.source) == (
        12,
        10,
        15,
        "our contract",
    )
    assert (office.zone, office.intensity_g_per_kwh, office.low_g_per_kwh) == ("office", 30, 30)
    assert intensity.choose("DEU", own=own) == intensity.choose("DEU")


def test_a_source_that_is_not_named_is_the_file(write):
    own = factors.read(write("zone,year,intensity_g_per_kwh\nFRA,2025,12\n"))
    assert own["FRA"][0].source == "own factors, own.csv"


def test_a_spreadsheets_mark_and_spaces_do_no_harm(write):
    own = factors.read(write("zone, year, intensity_g_per_kwh\r\nFRA, 2025, 12\r\n", "utf-8-sig"))
    assert own["FRA"][0].value == 12


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("zone,year,intensity_kg_per_kwh\nFRA,2025,0.04\n", "'intensity_kg_per_kwh' is not intensity_g_per_kwh"),
        ("zone,year,lb_per_mwh\nFRA,2025,90\n", "1 lb/MWh is 0.45359"),
        (HEADER + "FRA,2025,0.041,0.03,0.05,x\n", "line 2: 0.041 g/kWh is no grid's; is it in kg/kWh or t/MWh"),
        (HEADER + "FRA,2025,41000,40000,42000,x\n", "line 2: 41000 g/kWh is no grid's; is it in g/MWh"),
        (HEADER + "FRA,2025,41,42,43,x\n", "line 2: it must be 0 <= low <= 41 <= high"),
        (HEADER + "FRA,2025,41,30,nan,x\n", "line 2: high_g_per_kwh is 'nan'"),
        (HEADER + "FRA,2025,forty,30,50,x\n", "line 2: intensity_g_per_kwh is 'forty'"),
        (HEADER + "FRA,25,41,30,50,x\n", "line 2: '25' is no year"),
        (HEADER + ",2025,41,30,50,x\n", "line 2: the zone must be a name"),
        (HEADER + "\nFRA,2025,41,30,50,x\n\n\n,2025,41,30,50,x\n", "line 6: the zone must be a name"),
        (HEADER + 'FRA,2025,41,30,50,"x\ny"\n,2025,41,30,50,x\n', "line 4: the zone must be a name"),
        (HEADER + "unknown,2025,41,30,50,x\n", "line 2: the zone must be a name"),
        (HEADER + "FRA,2025\n", "line 2: it has not as many cells"),
        (HEADER + "FRA,2025,41,30,50,x,y\n", "line 2: it has not as many cells"),
        (HEADER + "FRA,2025,41,30,50,x\nfra,2025,42,30,50,x\n", "line 3: a second figure for FRA 2025"),
        (
            "zone,year,intensity_g_per_kwh,scope\nFRA,2025,41,stack\n",
            "line 2: 'stack' must be one of lifecycle, direct",
        ),
        ("zone,year,intensity_g_per_kwh,scope\nFRA,2025,0.4,direct\n", "line 2: 0.4 g/kWh is no grid's"),
        ("zone,year,intensity_g_per_kwh,note\nFRA,2025,41,x\n", "nobody knows the column 'note'"),
        ("year,intensity_g_per_kwh\n2025,41\n", "the header lacks zone"),
        (HEADER, "there is no factor in it"),
        ("", "the header lacks zone"),
        ("\1\2", "the header lacks zone"),
        ("zone,Zone,year,intensity_g_per_kwh\nFRA,DEU,2025,41\n", "the column 'zone' is there twice"),
    ],
)
def test_what_is_no_factor_is_refused_by_file_and_line(write, text, named):
    file = write(text)
    with pytest.raises(IntensityError) as caught:
        factors.read(file)
    assert named in str(caught.value) and str(file) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_other_encodings_folders_and_nothing_are_refused(write, tmp_path):
    for path in (write("zone,année", "latin-1"), tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(IntensityError, match=str(path)):
            factors.read(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(IntensityError, match="it is no file"):
        factors.read(tmp_path / "pipe")


def test_nothing_at_the_stack_is_a_factor(write):
    own = factors.read(write("zone,year,intensity_g_per_kwh,scope\nroof,2025,0,direct\n"))
    assert own["roof"][0].value == 0


@pytest.mark.parametrize("spelled", ["fra", "FR", "France", " france "])
def test_a_zone_may_be_spelled_as_people_do(write, spelled):
    # GIVEN a country by another of its names: it must never be passed over in silence
    own = factors.read(write(f"zone,year,intensity_g_per_kwh\n{spelled},2025,12\n"))
    assert intensity.choose("FRA", own=own).taken.intensity_g_per_kwh == 12


def test_two_spellings_of_a_zone_are_one(write):
    with pytest.raises(IntensityError, match="line 3: a second figure for FRA 2025"):
        factors.read(write("zone,year,intensity_g_per_kwh\nFRA,2025,12\nFrance,2025,13\n"))
    own = factors.read(write("zone,year,intensity_g_per_kwh\nOffice,2025,12\noffice,2026,13\n"))
    assert intensity.choose("OFFICE", own=own).taken.year == 2026


def test_a_name_that_two_places_have_must_be_told_apart(write):
    with pytest.raises(IntensityError, match=r"line 2: zone .Georgia. is ambiguous.*US-GA"):
        factors.read(write("zone,year,intensity_g_per_kwh\nGeorgia,2025,12\n"))
