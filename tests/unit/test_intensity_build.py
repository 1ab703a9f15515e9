"""The tables are rebuilt from raw data byte for byte, and what may not be used is refused."""

import csv
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_data import ROOT, SOURCES, TABLES, alter, link_raw, needs_sources

from intensity import build, equivalents, figures, fuels, registry

OWID_2026 = "owid/owid_carbon_intensity_electricity_2026.csv"
EPA = "equivalences/equivalence_factors.csv"


def run_build(*arguments):
    return subprocess.run(
        [sys.executable, ROOT / "intensity" / "build.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def raw(tmp_path):
    return link_raw(tmp_path / "raw")


@pytest.fixture
def altered_registry(tmp_path):
    """Writes a copy of sources.toml with one text replaced, and gives its path."""

    def write(old, new):
        copy = tmp_path / "sources.toml"
        text = registry.REGISTRY.read_text(encoding="utf-8")
        assert old in text
        copy.write_text(text.replace(old, new, 1), encoding="utf-8")
        return copy

    return write


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of freshly built tables and what the build printed."""
    folder = tmp_path_factory.mktemp("tables")
    done = run_build("--sources", SOURCES, "--tables", folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@needs_sources
def test_the_committed_tables_are_what_the_raw_data_gives(built):
    names = sorted(path.name for path in built[0].iterdir())
    assert {"zones.csv", "grid.csv", "sources.csv", "hours.csv", "fuels.csv", "equivalents.csv"} <= set(names)
    for name in names:
        assert (built[0] / name).read_bytes() == (TABLES / name).read_bytes(), name


@needs_sources
def test_the_build_names_the_broken_azure_rows_and_the_hours_it_left_out(built):
    for row in ("Finland Central", "Germany West Central"):
        assert f"ccf_grid_emissions_factors_azure.csv: {row}: broken and not used" in built[1]
    assert "eia930_PJM_2022_hourly_mix_ci.csv.gz: hours left out: 23 not reported" in built[1]


@needs_sources
def test_the_first_table_that_differs_is_named_with_its_line(built, tmp_path):
    # GIVEN tables of which one was edited by hand, and one was lost
    tables = {path.name: path.read_bytes() for path in built[0].iterdir()}
    shutil.copytree(TABLES, tmp_path, dirs_exist_ok=True)
    assert build.difference(tables, tmp_path) is None
    alter(tmp_path / "grid.csv", "FRA,2025,lifecycle,production,CO2e,owid-2026,41.79", "FRA,2025,lifecycle,,,,41.78")
    # THEN each is named
    assert "grid.csv: differs at line" in build.difference(tables, tmp_path)
    (tmp_path / "grid.csv").unlink()
    assert build.difference(tables, tmp_path) == "grid.csv: missing"


@needs_sources
def test_a_raw_file_with_another_hash_is_refused(raw):
    alter(raw / OWID_2026, "France,FRA,2025,41.79", "France,FRA,2025,41.78")
    done = run_build("--sources", raw, "--check")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert OWID_2026 in done.stderr
    assert "sha256" in done.stderr


@needs_sources
def test_a_missing_raw_file_is_named(raw):
    (raw / EPA).unlink()
    with pytest.raises(registry.BuildError, match=EPA):
        registry.verify(raw)


@needs_sources
def test_recorded_hashes_are_those_of_the_manifest():
    with (SOURCES / "MANIFEST.csv").open(encoding="utf-8", newline="") as file:
        manifest = {row["file"]: row["sha256"] for row in csv.DictReader(file)}
    for source in registry.load()["source"]:
        assert manifest[source["path"]] == source["sha256"]


def test_a_share_alike_source_is_refused(altered_registry):
    with pytest.raises(registry.BuildError, match="licence class B"):
        registry.load(altered_registry('licence_class = "A"', 'licence_class = "B"'))


@pytest.mark.parametrize("key", ["origin", "licence", "attribution", "method"])
def test_a_source_without_provenance_is_refused(altered_registry, key):
    with pytest.raises(registry.BuildError, match=f"missing {key}"):
        registry.load(altered_registry(f'\n{key} = "', f'\nformer_{key} = "'))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('\nflow = "', '\nformer_flow = "', "series owid-2026: missing flow"),
        ('scope = "lifecycle"', 'scope = "marginal"', "'marginal' is not lifecycle or direct"),
        ('id = "owid-2025"', 'id = "owid-2026"', "series owid-2026: listed twice"),
        (f'paths = ["{OWID_2026}"]', 'paths = ["owid/other.csv"]', "owid/other.csv is no listed source"),
    ],
)
def test_a_series_without_one_method_is_refused(altered_registry, old, new, named):
    with pytest.raises(registry.BuildError, match=named):
        registry.load(altered_registry(old, new))


@needs_sources
@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("two independent secondary transcriptions agree", "seen; do not reuse", "do not reuse"),
        ("us_passenger_vehicle_mile,0.393,kg", "us_passenger_vehicle_mile,0.393,t", "unit is"),
        ("us_passenger_vehicle_mile,0.393", "us_passenger_vehicle_mile,-1", "no positive number"),
        ("us_passenger_vehicle_mile,", "car_mile,", "found 0 times"),
    ],
)
def test_a_comparison_that_may_not_be_used_is_refused(raw, old, new, named):
    alter(raw / EPA, old, new)
    with pytest.raises(registry.BuildError, match=named) as caught:
        equivalents.build(raw)
    assert "us_passenger_vehicle_mile" in str(caught.value)


@needs_sources
@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("us_household_year,10791,", "us_household_year,5000,", "us_household: .* is not between"),
        ("us_household_year,10791,kWh", "us_household_year,10791,MWh", "us_household_year: unit is"),
        ("us_household_year,10791,", "us_household_year,nan,", "us_household_year: 'nan' is no positive number"),
        ('year,2022,"US EIA, residential sales per customer 2022"', "year,2022,", "us_household_year: citation"),
        ("before (10715 for 2020) was read", "verify before use", "us_household_year: its confidence"),
    ],
)
def test_a_typed_figure_that_may_not_be_used_is_refused(tmp_path, old, new, named):
    facts = tmp_path / equivalents.FACTS.name
    shutil.copyfile(equivalents.FACTS, facts)
    alter(facts, old, new)
    with pytest.raises(registry.BuildError, match=named) as caught:
        equivalents.build(SOURCES, facts=facts)
    assert "\n" not in str(caught.value)


@needs_sources
@pytest.mark.parametrize("id", ["flight_ny_sf", "tv_hour_codecarbon", "us_home_electricity_year"])
def test_what_its_transcriber_doubts_cannot_become_a_comparison(id):
    # GIVEN raw figures of which nobody knows what they mean, or whether they are right
    figures = equivalents.Figures(SOURCES, registry.load(), equivalents.FACTS)
    rows = registry.read_csv(SOURCES / EPA, ("id", "unit", "confidence"))
    unit = next(row["unit"] for row in rows if row["id"] == id)
    # WHEN a builder asks for one THEN it is refused
    with pytest.raises(registry.BuildError, match="its confidence says"):
        figures.raw(id, unit)


@needs_sources
def test_a_fuel_leaves_the_catalogue_only_with_a_reason(raw):
    alter(raw / fuels.MEDIANS_PATH, "nuclear,12,0", "nuclear,29,0")
    with pytest.raises(registry.BuildError, match=r"nuclear: lifecycle 29 g/kWh, fuel_ranges\.csv has 12"):
        fuels.build(raw)


def test_no_committed_file_names_a_folder_of_this_machine():
    files = [*(ROOT / "intensity").glob("*.*"), *TABLES.glob("*.csv")]
    assert files
    for file in files:
        assert str(ROOT) not in file.read_text(encoding="utf-8"), file


def test_the_tables_stay_small():
    assert (TABLES / "grid.csv").stat().st_size < 350_000
    assert sum(path.stat().st_size for path in TABLES.iterdir()) < 1_000_000


README = (ROOT / "intensity" / "README.md").read_text(encoding="utf-8")


def table_rows(name):
    with (TABLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_readme_states_the_rows_of_the_table():
    # GIVEN the example rows of the README
    stated = re.findall(
        r"^\| (\S+) \| (\d{4}) \| (\w+) \| (\w+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", README, re.M
    )
    assert len(stated) >= 10
    # THEN each is a row of the table
    keys = ("zone", "year", "scope", "flow")
    numbers = [f"{name}_g_per_kwh" for name in ("intensity", "low", "high", "yearly_change")]
    table = {tuple(row[key] for key in (*keys, *numbers)) for row in table_rows("grid.csv")}
    assert set(stated) <= table


def test_the_readme_lists_every_source_of_the_tables():
    for row in table_rows("sources.csv"):
        cells = (row["source"], row["licence_class"], row["release_year"], row["method"])
        assert f"| {' | '.join(cells)} |" in README


def test_a_lifecycle_interval_holds_what_leaves_the_stack():
    # GIVEN the zones and years with a lifecycle and a direct figure
    rows = [
        (row["zone"], row["year"], row["scope"], float(row["intensity_g_per_kwh"]), float(row["high_g_per_kwh"]))
        for row in table_rows("grid.csv")
    ]
    lifecycle = [row for row in rows if row[2] == "lifecycle"]
    both = [
        (whole, stack) for whole in lifecycle for stack in rows if stack[2] == "direct" and stack[:2] == whole[:2]
    ]
    assert len({whole[:2] for whole, _ in both}) > 250
    # THEN none is higher at the stack than its lifecycle may be
    assert [pair for pair in both if pair[0][4] < pair[1][3]] == []
    # AND where the stack is above the lifecycle's value, every other year has room for the same ratio
    ratios = [(whole[0], stack[3] / whole[3]) for whole, stack in both if stack[3] > whole[3]]
    assert {"US-WY", "AUS", "LBN"} <= {zone for zone, _ in ratios}
    for zone, ratio in ratios:
        assert [row for row in lifecycle if row[0] == zone and row[4] < ratio * row[3] - 0.02] == []


def figure_of(year, scope, value):
    return figures.figure("", (scope, "production", "CO2e"), scope, "FRA", year, value, 1.0, 1.0)


@given(st.lists(st.tuples(st.floats(5, 1400), st.none() | st.floats(0, 1400)), min_size=1, max_size=5))
def test_containing_the_stack_moves_high_ends_of_lifecycles_alone_upwards_and_once(years):
    # GIVEN lifecycle figures, some of years with a direct one
    found = [figure_of(2015 + i, "lifecycle", value) for i, (value, _) in enumerate(years)]
    found += [figure_of(2015 + i, "direct", value) for i, (_, value) in enumerate(years) if value is not None]
    contained = figures.contain_direct(found)
    # THEN nothing but high ends moves, and those of a zone whose stack is nowhere above its lifecycle do not
    assert [replace(after, high=before.high) for before, after in zip(found, contained, strict=True)] == found
    assert all(after.high >= before.high for before, after in zip(found, contained, strict=True))
    assert found[len(years) :] == contained[len(years) :]
    if all(stack is None or stack <= value for value, stack in years):
        assert contained == found
    # AND once is enough
    assert figures.contain_direct(contained) == contained
