"""Places below the country and cloud regions: one slip in any of their files is refused by name."""

import json

import pytest
from raw_data import SOURCES, alter, link_raw, needs_sources, rewrite, scale_column, scale_json

from intensity import countries, figures, google, grid, hourly, provinces, registry, states, zones
from intensity.zones import Place

LB = 1 / 0.45359237
EMBER_US = "ember/ember_us_state_overview_yearly_2025-06.csv"
EMBER_INDIA = "ember/ember_india_state_overview_yearly_2025-06.csv"
EMBER_VALUE = "emissions_intensity_gco2_per_kwh"
GOOGLE_2024 = google.path_of(2024)


@pytest.fixture
def raw(tmp_path):
    return link_raw(tmp_path / "raw")


@pytest.fixture(scope="module")
def rest():
    """What the sound raw files give for countries and hours, and the reasons they needed."""
    known = registry.load()
    reasons = figures.Reasons(known)
    return countries.collect(SOURCES, known, reasons) + hourly.collect(SOURCES, known), reasons


def collect(raw, rest):
    """All figures, those of places and cloud regions from `raw`, checked as the door does."""
    known = registry.load()
    found = [one for builder in (states, provinces, google) for one in builder.collect(raw, known)]
    return grid.checked(rest[0] + found, known, rest[1])


@pytest.fixture(scope="module")
def found(rest):
    return collect(SOURCES, rest)


def refusal(raw, rest):
    """The one line with which the grid table of these raw files is refused."""
    with pytest.raises(registry.BuildError) as caught:
        collect(raw, rest)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@needs_sources
@pytest.mark.parametrize(
    ("file", "column", "factor", "named"),
    [
        (EMBER_US, EMBER_VALUE, LB, "and all of ember-us-states|outside"),
        (EMBER_US, EMBER_VALUE, 1 / LB, "all of ember-us-states|contradict|outside|lifecycle figure of"),
        (EMBER_INDIA, EMBER_VALUE, 1 / LB, "and all of ember-india-states"),
        (states.SUBREGIONS_PATH, "co2e_total_output_lb_per_mwh", LB, "US 2023: 770.885 g/kWh, the mean in"),
        (provinces.AUSTRALIA_PATH, "scope2_kg_co2e_per_kwh", LB, "outside|nga-2024|lifecycle figure of AUS"),
        (provinces.AUSTRALIA_PATH, "scope2_kg_co2e_per_kwh", 1 / LB, "nga-2024|lifecycle figure of AUS"),
        (GOOGLE_2024, google.VALUE, 1 / 3.6, "a slipped unit"),
        (GOOGLE_2024, google.VALUE, 0.001, "a slipped unit"),
    ],
)
def test_a_whole_file_in_another_unit_is_refused(raw, rest, file, column, factor, named):
    scale_column(raw / file, column, factor)
    message = refusal(raw, rest)
    assert any(words in message for words in named.split("|")), message


@needs_sources
@pytest.mark.parametrize(
    ("file", "key", "factor"),
    [
        (states.STATES_PATH, "emissions", LB),
        (states.STATES_PATH, "emissions", 1 / LB),
        (provinces.CHINA_PATH, "emission_factor", LB),
        (provinces.CHINA_PATH, "emission_factor", 1 / LB),
        (provinces.NORDIC_PATH, "emission_factor", LB),
        (provinces.NORDIC_PATH, "emission_factor", 1 / LB),
    ],
)
def test_a_whole_json_file_in_another_unit_is_refused(raw, rest, file, key, factor):
    scale_json(raw / file, key, factor)
    message = refusal(raw, rest)
    assert message.startswith((file, states.SUBREGIONS_PATH)), message


@needs_sources
@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        (EMBER_US, "United States,Wyoming,2024,", "United States,Wyomingen,2024,", "'Wyomingen' is no state of USA"),
        (EMBER_US, "United States,Wyoming,2024,", "United States,Wyoming,2023,", "Wyoming 2023: duplicate"),
        (EMBER_US, EMBER_VALUE, "kg_per_kwh", "the header lacks"),
        (states.STATES_PATH, '"emissions": 1833.263', '"emissions": 4041.65', "wyoming 2023: 1833.26 g/kWh is"),
        (states.STATES_PATH, '"emissions": 1833.263', '"emissions": 831.55', "lifecycle figure of US-WY"),
        (states.STATES_PATH, '"lbs/MWh"', '"kg/MWh"', "expected lbs/MWh"),
        (states.STATES_PATH, '"STC2ERTA"', '"STCO2RTA"', "expected lbs/MWh of STC2ERTA"),
        (states.SUBREGIONS_PATH, "US,US average,770.884", "US,US average,349.67", "US 2023: 158.608 g/kWh, the mean"),
        (states.SUBREGIONS_PATH, "HIOA,HICC Oahu", "HIOB,HICC Oahu", "US-HIOB is no zone of zones.csv"),
        (provinces.CANADA_PATH, '"naturalGas": 50.7', '"naturalGas": 5.07', "saskatchewan: the shares sum to 54.37"),
        (provinces.CANADA_PATH, '"hydro": 99.0', '"peat": 99.0', "unknown fuel 'peat'"),
        (provinces.AUSTRALIA_PATH, "Tasmania,", "Lord Howe,", "Lord Howe: unknown region"),
        (google.path_of(2024), google.VALUE, "Lifecycle grid carbon intensity (gCO2eq / kWh)", "the header lacks"),
        (google.path_of(2024), "us-east1,South Carolina", "us-east9,South", "us-east9: google.py does not say"),
        (google.path_of(2024), "us-east1,South Carolina", "us-east4,South Carolina", "us-east4: duplicate"),
        (google.path_of(2024), "0.31,575.77", "0.31,", "us-east1: '' is no number"),
        (google.path_of(2024), "0.31,575.77", "0.31,1269.35", "us-east1: 1269.35 g/kWh"),
    ],
)  # fmt: skip
def test_a_broken_row_is_refused_by_name(raw, rest, file, old, new, named):
    alter(raw / file, old, new)
    message = refusal(raw, rest)
    assert any(words in message for words in named.split("|")), message
    assert file.rsplit("/", 1)[1] in message or "zones.csv" in message


@needs_sources
@pytest.mark.parametrize("file", [provinces.CHINA_PATH, provinces.NORDIC_PATH])
def test_a_row_in_another_unit_is_refused(raw, rest, file):
    rewrite(raw / file, lambda text: text.replace('"gCO2', '"kgCO2', 1))
    assert "unit is 'kgCO2" in refusal(raw, rest)


@needs_sources
def test_contracts_for_clean_power_never_enter(raw):
    # GIVEN regions that bought clean power for every hour
    scale_column(raw / GOOGLE_2024, "Google CFE", 0.0)
    # THEN no figure moves
    assert google.collect(raw, registry.load()) == google.collect(SOURCES, registry.load())


@needs_sources
def test_the_country_a_state_and_the_stack_agree_with_the_catalogue(found):
    # The catalogue's README: Wyoming 2023 is 620 by Ember and 832 in eGRID, Vermont 58 and 24.
    values = {(one.zone, one.scope): one.value for one in found if one.year == 2023 and one.zone.startswith("US-")}
    assert values["US-WY", "lifecycle"] == pytest.approx(620, abs=1)
    assert values["US-WY", "direct"] == pytest.approx(832, abs=1)
    assert values["US-VT", "lifecycle"] == pytest.approx(58, abs=1)
    assert values["US-VT", "direct"] == pytest.approx(24, abs=1)


@needs_sources
def test_every_source_has_one_method_and_states_lie_around_their_country(found):
    methods = {one.source: set() for one in found}
    for one in found:
        methods[one.source].add((one.scope, one.flow, one.gas))
    assert all(len(several) == 1 for several in methods.values())
    american = [one.value for one in found if one.source == "ember-us-states" and one.year == 2024]
    country = next(one.value for one in found if (one.zone, one.year, one.source) == ("USA", 2024, "owid-2026"))
    assert min(american) < country < max(american)
    assert len(american) == 52


@needs_sources
def test_a_bidding_zone_is_wide_upwards_by_what_the_file_counts_as_nothing(found):
    # SE4 has 15 % of uncovered generation, SE1 less than half a percent.
    width = {one.zone: one.high - one.value for one in found if one.source == "nordic-2025"}
    assert width["SE-SE4"] - width["SE-SE1"] > 50
    assert "FI" not in json.dumps(list(width))


def place(zone, kind="state", within=("USA",), name="", spellings=(), latitude="1.00", longitude="2.00"):
    return Place(zone, kind, within, name or zone, spellings, latitude, longitude)


USA, GEO = place("USA", "country", ()), place("GEO", "country", (), "Georgia")


@pytest.mark.parametrize(
    ("places", "named"),
    [
        ([place("US-WY", spellings=("cowboys",)), place("US-TX", spellings=("Cowboys",))], "'cowboys' is"),
        ([place("US-WY", name="Twin"), place("US-TX", name="Twin")], "the name 'twin' is"),
        ([place("US-WY", within=("CAN",))], "lies within CAN"),
        ([place("US-WY", within=())], "lies within nothing"),
        ([place("US-WY", latitude="91")], "'91' is no coordinate"),
        ([place("US-WY", latitude="1.234")], "no coordinate with two decimals"),
        ([place("US-WY", latitude="")], "one coordinate of two"),
        ([place("wyoming")], "no state is spelled so"),
    ],
)
def test_a_place_that_cannot_be_told_from_another_is_refused(places, named):
    with pytest.raises(registry.BuildError, match=named):
        zones.check([USA, *places])


def test_a_bare_name_belongs_to_the_country():
    zones.check([USA, GEO, place("US-GA", name="Georgia", spellings=("Georgia, USA",))])
    with pytest.raises(registry.BuildError, match="'ge' is GEO too"):
        zones.check([USA, place("GEO", "country", (), "Georgia", ("GE",)), place("US-GA", spellings=("GE",))])


def test_the_places_are_complete():
    kinds = {}
    for one in zones.places():
        kinds.setdefault((one.kind, one.within[-1] if one.within else ""), []).append(one.zone)
    assert len(kinds["country", ""]) == 250
    assert len(kinds["state", "USA"]) == 52
    assert len(kinds["state", "CAN"]) == 13
    assert len(kinds["state", "CHN"]) == 31
    assert len(kinds["state", "IND"]) == 36
    assert len(kinds["state", "AUS"]) == 8
    assert len(kinds["egrid", "USA"]) == 27
    assert len(kinds["balancing-area", "USA"]) == 8
    assert [zone for (kind, _), names in kinds.items() if kind == "bidding-zone" for zone in names] == [
        "DK-DK1", "DK-DK2", "NO-NO1", "NO-NO2", "NO-NO3", "NO-NO4", "NO-NO5", "SE-SE1", "SE-SE2", "SE-SE3", "SE-SE4",
    ]  # fmt: skip
