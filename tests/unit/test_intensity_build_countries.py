"""Countries: the newest release of each year, direct from generation by fuel, and the row for no place at all."""

import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_data import SOURCES, TABLES, alter, link_raw, needs_sources, rewrite, scale_column

from intensity import countries, figures, registry, zones

OWID_2026 = "owid/owid_carbon_intensity_electricity_2026.csv"
OWID_2025 = "owid/owid_carbon_intensity_electricity_2025.csv"
FRANCE = "France,FRA,2025,41.79"


def build(raw, known=None):
    """The checked figures of countries, as the door would put them into the table."""
    known = known or registry.load()
    reasons = figures.Reasons(known)
    names = {place.zone for place in zones.places()} | {countries.UNKNOWN}
    return figures.check(countries.collect(raw, known, reasons), known, reasons, names)


@pytest.fixture
def raw(tmp_path):
    return link_raw(tmp_path / "raw")


@pytest.fixture(scope="module")
def found():
    return build(SOURCES)


def newest(found, zone, scope="lifecycle"):
    return max((one for one in found if one.zone == zone and one.scope == scope), key=lambda one: one.year)


@needs_sources
@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        (OWID_2026, FRANCE, "France,FRA,2025,0.04179", "FRA 2025: 0.04179 g/kWh is outside"),
        (OWID_2026, FRANCE, "France,FRA,2025,41790", "FRA 2025: 41790 g/kWh is outside"),
        (OWID_2026, FRANCE, "France,FRA,2025,92.13", "FRA 2025: 92.13 g/kWh after 40.83"),
        (OWID_2026, FRANCE, "France,FRA,2025,11.6", "FRA 2025: 11.6 g/kWh after 40.83"),
        (OWID_2026, FRANCE, f"{FRANCE}\n{FRANCE}", "FRA 2025: duplicate"),
        (OWID_2026, FRANCE, "Frankreich,FRA,2025,41.79", "FRA 2025: duplicate"),
        (OWID_2026, FRANCE, "France,FRX,2025,41.79", "FRX 2025: FRX is no ISO 3166-1 code"),
        (OWID_2026, FRANCE, "France,FRA,2025,forty", "FRA 2025: 'forty' in '2025' is no"),
        (OWID_2026, FRANCE, "France,FRA,2025,nan", "FRA 2025: nan g/kWh is outside"),
        (OWID_2026, "France,FRA,2024,40.83", "France,FRA,2024,34", "another release has 44.1"),
        (OWID_2026, "Year,carbon_intensity", "Year,kg_per_kwh", "the header lacks"),
        (OWID_2025, "gCO2/kWh", "kgCO2/kWh", "the header lacks"),
    ],
)
def test_a_broken_row_is_refused_by_name(raw, file, old, new, named):
    # GIVEN raw data in which one row went wrong
    alter(raw / file, old, new)
    # WHEN the countries are built
    with pytest.raises(registry.BuildError) as caught:
        build(raw)
    # THEN the message is one line that names the file and the row
    assert named in str(caught.value)
    assert file in str(caught.value) or file.split("/")[1] in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@needs_sources
def test_a_whole_file_in_pounds_per_megawatt_hour_is_refused(raw):
    # GIVEN a release whose every value slipped by the same factor, so that no year jumps
    scale_column(raw / OWID_2026, "carbon_intensity", 1 / 0.45359237)
    # WHEN the countries are built THEN the other releases give it away
    with pytest.raises(registry.BuildError, match="another release has"):
        build(raw)


@needs_sources
def test_a_jump_needs_its_reason_and_a_reason_its_jump():
    # GIVEN a registry that explains Costa Rica's wrong year
    known = registry.load()
    reason = next(item for item in known["grid"]["explained"] if item["zone"] == "CRI")
    reason["year"] = 1999
    # THEN the jump is refused
    with pytest.raises(registry.BuildError, match=r"CRI 2024: 63\.01 g/kWh after 24\.77"):
        build(SOURCES, known)
    # AND the reason for nothing too
    reasons = figures.Reasons(known)
    with pytest.raises(registry.BuildError, match="explained, but there is no step"):
        reasons.check_needed()


@needs_sources
def test_a_source_with_another_method_does_not_mix_in():
    known = registry.load()
    registry.series(known, "owid-2026")["scope"] = "direct"
    with pytest.raises(registry.BuildError, match=r"but sources\.toml says that owid-2026 is direct production CO2e"):
        build(SOURCES, known)


@needs_sources
def test_an_older_release_fills_in_where_the_newer_has_nothing(raw):
    # GIVEN a newest release that knows nothing of Japan since 2022
    rewrite(raw / OWID_2026, lambda text: "".join(line for line in text.splitlines(True) if ",JPN,202" not in line))
    # WHEN the countries are built
    japan = {one.year: one.source for one in build(raw) if one.zone == "JPN" and one.scope == "lifecycle"}
    # THEN those years come from the release before, and say so
    assert japan[2019] == "owid-2026"
    assert japan[2024] == "owid-2025"


@needs_sources
def test_direct_leaves_out_what_is_not_burnt_and_grows_with_coal(raw):
    # GIVEN France, whose reactors and dams burn nothing, and a mix with ten times the coal
    before = newest(build(raw), "FRA", "direct")
    path = raw / countries.MIX_PATH

    def more_coal(text):
        mixes = json.loads(text)
        mixes["FRA"]["coal_TWh"] *= 10
        return json.dumps(mixes)

    rewrite(path, more_coal)
    after = newest(build(raw), "FRA", "direct")
    # THEN direct is below lifecycle, is CO2 alone, and rises with the coal
    lifecycle = [one for one in build(SOURCES) if one.zone == "FRA" and one.year == before.year]
    assert before.value < max(one.value for one in lifecycle if one.scope == "lifecycle")
    assert (before.gas, before.source) == ("CO2", "mix-direct")
    assert after.value > before.value


@needs_sources
def test_negative_generation_is_refused(raw):
    path = raw / countries.MIX_PATH
    rewrite(path, lambda text: json.dumps(json.loads(text) | {"FRA": json.loads(text)["FRA"] | {"coal_TWh": -1.0}}))
    with pytest.raises(registry.BuildError, match="FRA: generation by fuel is negative"):
        build(raw)


@needs_sources
def test_the_unknown_place_is_the_world_with_the_width_of_its_countries(found):
    for scope in ("lifecycle", "direct"):
        world, unknown = newest(found, "WORLD", scope), newest(found, "UNKNOWN", scope)
        assert (unknown.value, unknown.year) == (world.value, world.year)
        assert unknown.low < world.low < world.high < unknown.high


@needs_sources
def test_the_interval_of_a_direct_figure_reaches_its_lifecycle_interval(found):
    # Stack emissions are part of the lifecycle: no direct interval may lie above it as a whole.
    lifecycle = {(one.zone, one.year): one for one in found if one.scope == "lifecycle"}
    direct = [one for one in found if one.scope == "direct" and (one.zone, one.year) in lifecycle]
    assert len(direct) > 180
    for one in direct:
        assert one.low <= lifecycle[one.zone, one.year].high, one


@needs_sources
def test_every_country_of_the_world_has_more_than_one_year(found):
    germany = {one.year for one in found if one.zone == "DEU" and one.scope == "lifecycle"}
    assert germany == set(range(2015, 2026))
    assert [one.year for one in found if one.zone == "DEU" and one.scope == "direct"] == [2023]


@given(st.floats(5, 1400), st.floats(-50, 50), st.integers(2, 12))
def test_a_steady_trend_is_its_own_yearly_change(start, step, years):
    series = {2000 + i: start + step * i for i in range(years)}
    assert figures.yearly_change(series, 2000 + years - 1) == pytest.approx(abs(step), abs=1e-6)


def test_one_year_says_nothing_about_the_next():
    assert figures.yearly_change({2023: 100.0}, 2023) is None
    alone = figures.figure("", ("lifecycle", "production", "CO2e"), "", "FRA", 2023, 100.0, 1.0, 1.0)
    assert alone.yearly_change == 100.0 * figures.DEFAULT_YEARLY_SHARE


def test_every_row_of_the_table_is_a_known_place_inside_its_interval():
    with (TABLES / "zones.csv").open(encoding="utf-8", newline="") as file:
        names = {row["zone"] for row in csv.DictReader(file)} | {countries.UNKNOWN}
    with (TABLES / "grid.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert row["zone"] in names or row["zone"].startswith("gcp:")
        value, low, high, change = (float(text) for text in list(row.values())[6:])
        assert 0 <= low <= value <= high
        assert change > 0
