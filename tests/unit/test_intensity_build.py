"""The tables are rebuilt from raw data byte for byte, and broken raw data is refused."""

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT.parent / "shared" / "intensity-sources"
# intensity/ is not installed for users: it is found in the checkout only.
sys.path.insert(0, str(ROOT))

from intensity import equivalents, grid, registry  # noqa: E402

needs_sources = pytest.mark.skipif(
    not SOURCES.is_dir(), reason="the raw data ../shared/intensity-sources is not here"
)

OWID_2026 = "owid/owid_carbon_intensity_electricity_2026.csv"
OWID_2025 = "owid/owid_carbon_intensity_electricity_2025.csv"
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
    """A writable copy of the raw files that the registry lists."""
    copy = tmp_path / "raw"
    for source in registry.load()["source"]:
        target = copy / source["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SOURCES / source["path"], target)
    return copy


def alter(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} must be in {file.name} once"
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def altered_registry(tmp_path):
    """Writes a copy of sources.toml with one text replaced, and gives its path."""

    def write(old, new):
        copy = tmp_path / "sources.toml"
        shutil.copyfile(registry.REGISTRY, copy)
        text = copy.read_text(encoding="utf-8")
        assert old in text
        copy.write_text(text.replace(old, new, 1), encoding="utf-8")
        return copy

    return write


@needs_sources
def test_the_committed_tables_are_what_the_raw_data_gives(tmp_path):
    # WHEN every table is built anew into an empty folder
    done = run_build("--tables", tmp_path)
    assert done.returncode == 0, done.stderr
    # THEN each is the committed one, byte for byte
    built = sorted(path.name for path in tmp_path.iterdir())
    assert {"grid.csv", "equivalents.csv"} <= set(built)
    for name in built:
        committed = ROOT / "pycarbon" / "tables" / name
        assert (tmp_path / name).read_bytes() == committed.read_bytes(), name


@needs_sources
def test_check_says_in_one_line_which_table_differs(tmp_path):
    # GIVEN tables of which one was edited by hand
    shutil.copytree(ROOT / "pycarbon" / "tables", tmp_path, dirs_exist_ok=True)
    alter(tmp_path / "grid.csv", "France,2025,", "France,2024,")
    # WHEN they are checked
    done = run_build("--tables", tmp_path, "--check")
    # THEN the exit status is 1 and one line names the table
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "grid.csv: differs at line" in done.stderr


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


FRANCE = "France,FRA,2025,41.79"


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
    # WHEN the country table is built
    with pytest.raises(registry.BuildError) as caught:
        grid.build(raw)
    # THEN the message is one line that names the file and the row
    assert named in str(caught.value)
    assert Path(file).name in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@needs_sources
def test_a_whole_file_in_pounds_per_megawatt_hour_is_refused(raw):
    # GIVEN a release whose every value slipped by the same factor, so that no year jumps
    path = raw / OWID_2026
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    slipped = [header]
    for line in lines:
        start, value = line.rsplit(",", 1)
        slipped.append(f"{start},{float(value) / 0.45359237:.2f}")
    path.write_text("\n".join(slipped) + "\n", encoding="utf-8")
    # WHEN the table is built THEN the other releases, or the range, give it away
    with pytest.raises(registry.BuildError, match=r"another release has|is outside"):
        grid.build(raw)


@needs_sources
def test_a_jump_that_is_explained_needs_its_explanation(altered_registry):
    without = altered_registry('zone = "CRI"\nyear = 2024', 'zone = "CRI"\nyear = 1999')
    with pytest.raises(registry.BuildError, match=r"CRI 2024: 63\.01 g/kWh after 24\.77"):
        grid.build(SOURCES, without)


@needs_sources
def test_a_source_with_another_method_does_not_mix_in(altered_registry):
    mixed = altered_registry("average lifecycle production", "average direct production")
    with pytest.raises(registry.BuildError, match="average direct production"):
        grid.build(SOURCES, mixed)


def test_a_share_alike_source_is_refused(altered_registry):
    with pytest.raises(registry.BuildError, match="licence class B"):
        registry.load(altered_registry('licence_class = "A"', 'licence_class = "B"'))


@pytest.mark.parametrize("key", ["origin", "licence", "attribution", "method"])
def test_a_source_without_provenance_is_refused(altered_registry, key):
    with pytest.raises(registry.BuildError, match=f"missing {key}"):
        registry.load(altered_registry(f'\n{key} = "', f'\nformer_{key} = "'))


@needs_sources
def test_an_older_release_fills_in_where_the_newer_has_nothing(raw):
    # GIVEN a newest release that knows nothing of Japan
    path = raw / OWID_2026
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if ",JPN," not in line]
    assert len(kept) < len(lines)
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    # WHEN the table is built
    rows = csv.DictReader(grid.build(raw)["grid.csv"].decode().splitlines())
    # THEN Japan comes from the release before, and says so
    japan = next(row for row in rows if row["zone"] == "JPN")
    assert (japan["source"], japan["year"]) == ("Ember (2025) via Our World in Data", "2024")


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


def test_no_committed_file_names_a_folder_of_this_machine():
    files = [*(ROOT / "intensity").glob("*.*"), *(ROOT / "pycarbon" / "tables").glob("*.csv")]
    assert files
    for file in files:
        assert str(ROOT) not in file.read_text(encoding="utf-8"), file


def test_the_readme_states_the_rows_of_the_table():
    # GIVEN the rows of the table, and the README's example rows
    with (ROOT / "pycarbon" / "tables" / "grid.csv").open(encoding="utf-8", newline="") as file:
        table = {row["zone"]: row for row in csv.DictReader(file)}
    readme = (ROOT / "intensity" / "README.md").read_text(encoding="utf-8")
    # THEN they are the same numbers
    for zone in ("FRA", "DEU", "USA", "WORLD", "UNKNOWN"):
        row = table[zone]
        name = zone if zone != "UNKNOWN" else row["name"]
        cells = [name, row["year"], *(row[f"{n}_g_per_kwh"] for n in ("intensity", "low", "high"))]
        assert f"| {' | '.join(cells)} |" in readme
