"""The cloud tables: typed facts are joined as they stand, and slips in them are refused in one line."""

import csv
import io
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT.parent / "shared" / "intensity-sources"
# intensity/ is not installed for users: it is found in the checkout only.
sys.path.insert(0, str(ROOT))

from intensity import cloud, embodied, registry  # noqa: E402

pytestmark = pytest.mark.skipif(not SOURCES.is_dir(), reason="the raw data ../shared/intensity-sources is not here")

TYPED = ("cloud_regions.csv", "pue.csv", "wue.csv")
OREGON = "aws,us-west-2,US West (Oregon)"
UPTIME = "*,*,1.56,1.10,2.00,2024,default,"


@pytest.fixture
def folder(tmp_path):
    """A writable copy of the typed files and of the codes they are checked with."""
    for name in (*TYPED, cloud.COUNTRIES, cloud.PLACES):
        shutil.copyfile(registry.HERE / name, tmp_path / name)
    return tmp_path


def alter(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} must be in {file.name} once"
    file.write_text(text.replace(old, new), encoding="utf-8")


def table(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_the_committed_tables_are_what_the_facts_give():
    built = cloud.build(SOURCES) | embodied.build(SOURCES)
    assert built == cloud.build(SOURCES) | embodied.build(SOURCES)
    for name, content in built.items():
        assert (ROOT / "pycarbon" / "tables" / name).read_bytes() == content, name


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("cloud_regions.csv", OREGON, "aws,us-west-1,US West (Oregon)", "aws:us-west-1: listed twice"),
        ("cloud_regions.csv", OREGON, "aws,us-west-2,", "aws:us-west-2: no name"),
        ("cloud_regions.csv", OREGON, "awz,us-west-2,US West (Oregon)", "unknown provider"),
        ("cloud_regions.csv", f"{OREGON},", f"{OREGON}, ", "blanks around"),
        ("cloud_regions.csv", "EMEA,FIN,60.57", "EMEA,FIX,60.57", "FIX is no ISO 3166-1 code"),
        ("cloud_regions.csv", "60.57,27.20,FIN", "90.57,27.20,FIN", "latitude 90.57 is off the globe"),
        ("cloud_regions.csv", "60.57,27.20,FIN", "60.57,27.2,FIN", "longitude 27.2 is off the globe, or not in"),
        ("cloud_regions.csv", "60.57,27.20,FIN", "60.57,x,FIN", "'x' is no number"),
        ("cloud_regions.csv", "60.57,27.20,FIN", "60.57,27.20,SE-SE3|FIN", "grid zone SE-SE3 is not in FIN"),
        ("cloud_regions.csv", "60.57,27.20,FIN", "60.57,27.20,Hamina|FIN", "unknown grid zone Hamina"),
        ("cloud_regions.csv", "60.57,27.20,FIN", "60.57,27.20,SWE", "grid_zones SWE must end with FIN"),
        ("cloud_regions.csv", "53.44,6.83,NLD", "3.44,6.83,NLD", "both in"),
        ("cloud_regions.csv", "gcp,europe-north1,", "gcp,europe-north9,", "gcp:europe-north1 of "),
        ("cloud_regions.csv", "azure,japaneast,", "azure,japanmiddle,", "azure:japaneast of "),
        ("cloud_regions.csv", "moved: the longitude", "the longitude", "azure:spaincentral is 603 km from"),
        ("pue.csv", UPTIME, "*,*,0.56,0.10,2.00,2024,default,", "*:*: needs 1 <= low"),
        ("pue.csv", UPTIME, "*,*,1.56,1.60,2.00,2024,default,", "*:*: needs 1 <= low"),
        ("pue.csv", UPTIME, "*,*,1.56,1.56,1.56,2024,default,", "and a range"),
        ("pue.csv", UPTIME, "*,*,1.56,1.10,2.00,1924,default,", "year '1924' is not in"),
        ("pue.csv", UPTIME, "*,*,1.56,1.10,2.00,2024,region,", "names no region"),
        ("pue.csv", UPTIME, "*,*,1.56,1.10,2.00,2024,guess,", "kind 'guess' is unknown"),
        ("pue.csv", "gcp,europe-north1,", "gcp,europe-north9,", "gcp:europe-north9: no such region"),
        ("pue.csv", "gcp,europe-north1,", "gcp,europe-west1,", "gcp:europe-west1: listed twice"),
        ("wue.csv", "aws,ap-southeast-3,2.85", "aws,ap-southeast-3,-2.85", "-2.85 l/kWh is out of range"),
        ("wue.csv", "aws,ap-southeast-3,2.85,2025", "aws,*,2.85,2025", "names no region"),
        ("wue.csv", "provider,region,", "region,provider,", "wue.csv: the header is not"),
    ],
)
def test_a_slip_in_a_typed_file_is_refused(folder, file, old, new, named):
    alter(folder / file, old, new)
    with pytest.raises(registry.BuildError) as caught:
        cloud.build(SOURCES, folder)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_figure_without_source_is_refused(folder):
    lines = (folder / "pue.csv").read_text(encoding="utf-8").splitlines()
    (folder / "pue.csv").write_text("\n".join([lines[0], UPTIME, *lines[2:]]) + "\n", encoding="utf-8")
    with pytest.raises(registry.BuildError, match=r"\*:\*: no source"):
        cloud.build(SOURCES, folder)


def test_the_nearest_figure_is_taken(folder):
    # GIVEN figures for Finland's region, for Google in EMEA, for Google, and for everybody
    steps = [
        ("gcp,europe-north1,", "region"),
        ("gcp,*EMEA,", "provider"),
        ("gcp,*,", "provider"),
        ("*,*,", "default"),
    ]
    path = folder / "pue.csv"
    for start, kind in steps:
        # WHEN the nearest of them is taken THEN it is its kind; and without it, the next one is
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        nearest = next(csv.reader(line for line in lines if line.startswith(start)))
        built = {row["zone"]: row for row in table(cloud.build(SOURCES, folder)["cloud.csv"])}
        finland = built["gcp:europe-north1"]
        assert [finland[f"pue{end}"] for end in ("", "_low", "_high", "_year", "_kind", "_source")] == nearest[2:]
        assert finland["pue_kind"] == kind
        path.write_text("".join(line for line in lines if not line.startswith(start)), encoding="utf-8")
    with pytest.raises(registry.BuildError, match="no default"):
        cloud.build(SOURCES, folder)


def test_what_is_left_out_is_left_out_on_purpose():
    typed = {row["zone"] for row in table(cloud.build(SOURCES)["cloud.csv"])}
    assert all(cloud.LEFT_OUT.values())
    assert not typed & {f"azure:{name}" for name in cloud.LEFT_OUT}


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("a1.medium,22.21,0.0,0.0,0.0,1022.21", "a1.medium,22.21,0.0,0.0,0.0,1.02", "a1.medium: 1.02 kg is out of"),
        ("a1.medium,22.21,0.0,0.0,0.0,1022.21", "a1.medium,22.21,0.0,0.0,0.0,1122.21", "or not 1000 and its parts"),
        ("a1.medium,22.21,0.0,0.0,0.0,1022.21", "a1.medium,22.21,0.0,0.0,0.0,many", "a1.medium: could not convert"),
        ("additional_gpus,total", "additional_gpus,sum", "lacks 'total'"),
    ],
)
def test_a_server_that_does_not_add_up_is_refused(tmp_path, old, new, named):
    for path in embodied.PATHS.values():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copyfile(SOURCES / path, tmp_path / path)
    alter(tmp_path / embodied.PATHS["aws"], old, new)
    with pytest.raises(registry.BuildError) as caught:
        embodied.build(tmp_path)
    assert named in str(caught.value)


def test_the_mean_of_several_processors_is_the_one_the_carrier_gives():
    # GIVEN the carrier's own file of means, which no table is built from
    with (SOURCES / "hardware" / "ccf_coefficients_gcp-embodied-mean.csv").open(encoding="utf-8", newline="") as file:
        means = {row["type"]: float(row["total_mean"]) for row in csv.DictReader(file)}
    # THEN every type has that mean here too
    rows = table(embodied.build(SOURCES)["embodied.csv"])
    built = {row["instance_type"]: float(row["total_kg"]) for row in rows if row["provider"] == "gcp"}
    assert built == pytest.approx(means, abs=0.51)
