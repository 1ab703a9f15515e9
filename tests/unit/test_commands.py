"""The command line: what goes where, which status it ends with, and that a failure is one line."""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pycarbon._version import __version__
from pycarbon.commands import COMMANDS, main
from pycarbon.frame import META, file_header, json_frame

GOLDEN = Path(__file__).parents[1] / "golden" / "run-v1.pcr"
spec = importlib.util.spec_from_file_location("make_run_v1", GOLDEN.with_name("make_run_v1.py"))
maker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(maker)


@pytest.fixture
def root(tmp_path):
    """A folder that stands for /: two packages, one of which holds no number."""
    for number, energy in enumerate(("123456", "rubbish")):
        zone = tmp_path / "root/sys/class/powercap" / f"intel-rapl:{number}"
        zone.mkdir(parents=True)
        for name, text in (
            ("name", f"package-{number}"),
            ("energy_uj", energy),
            ("max_energy_range_uj", "262143328850"),
        ):
            (zone / name).write_text(text)
    return tmp_path / "root"


def pycarbon(*arguments, **more):
    """Run it as a user does, with its output as text."""
    command = [sys.executable, "-m", "pycarbon", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def shell(line, **more):
    """Run a line of shell in which "$@" is pycarbon."""
    command = ["sh", "-c", line, "sh", sys.executable, "-m", "pycarbon"]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def test_a_report_goes_to_standard_output(capsys):
    assert main(["report", str(GOLDEN)]) == 0
    out, err = capsys.readouterr()
    assert err == "" and " Energy " in out and "250.00 J" in out and "measured" in out and "\x1b" not in out


@pytest.mark.parametrize("how", [["--json"], ["--format", "json"], ["--format=json"]])
def test_a_report_as_json(capsys, how):
    assert main(["report", *how, str(GOLDEN)]) == 0
    out, err = capsys.readouterr()
    assert err == "" and json.loads(out)["energy"]["total_j"] == pytest.approx(250)


def test_a_doctor_says_what_is_read_and_what_not(capsys, root):
    # GIVEN one package that can be read and one that cannot
    assert main(["doctor", "--root", str(root)]) == 0
    out, err = capsys.readouterr()
    # THEN both are told, with the settings
    assert err == "" and "Energy is measured here:" in out
    assert "package-0    powercap  did not move, a read costs" in out
    assert "intel-rapl:1/energy_uj holds 'rubbish'" in out
    assert "cpu_budget_percent 3.0 (default)" in out


def test_a_doctor_says_what_to_type(capsys, tmp_path):
    # GIVEN a machine that is no guest, without the driver
    (tmp_path / "sys").mkdir()
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(
        "processor: 0\nvendor_id: GenuineIntel\ncpu family: 6\nmodel: 106\nflags: x\n"
    )
    assert main(["doctor", "--root", str(tmp_path)]) == 0
    out, _ = capsys.readouterr()
    assert "Energy is estimated here, not measured:" in out
    assert "type: sudo modprobe intel_rapl_msr" in out


def test_a_doctor_as_json(capsys, root, monkeypatch):
    monkeypatch.setenv("PYCARBON_ZONE", "FRA")
    monkeypatch.setenv("PYCARBON_RATE_HZ", "fast")
    assert main(["doctor", "--json", "--root", str(root)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == 1 and found["measured"] is True
    (counter,) = found["counters"]
    assert (counter["domain"], counter["source"], counter["in_total"]) == ("package-0", "powercap", True)
    assert counter["read_cost_s"] > 0 and counter["period_s"] is None
    assert counter["wraps_at_j"] == pytest.approx(262143.32885)
    assert found["settings"]["zone"] == {"value": "FRA", "from": "environment"}
    assert len(found["complaints"]) == 1 and "PYCARBON" not in found["settings"]["rate_hz"]["from"]
    assert [obstacle["source"] for obstacle in found["obstacles"]] == ["powercap"]


def test_a_doctor_names_a_zone_that_is_not_known(capsys, monkeypatch):
    monkeypatch.setenv("PYCARBON_ZONE", "FRX")
    assert main(["doctor"]) == 0
    assert "not used: unknown zone 'FRX': did you mean FRA" in capsys.readouterr().out


def test_a_doctor_of_this_machine(capsys):
    assert main(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "Energy is" in out and "Settings:" in out


def test_merged_runs_go_to_standard_output_or_a_file(capsys, tmp_path):
    # GIVEN two runs, which need not be of different machines
    again = tmp_path / "again.pcr"
    again.write_bytes(runs_of_another_id())
    for how in ([], ["--json"], ["--format", "json"]):
        # WHEN they are merged on the screen and into a file THEN both say the same
        assert main(["merge", str(GOLDEN), str(again), *how]) == 0
        out, err = capsys.readouterr()
        assert main(["merge", str(GOLDEN), str(again), *how, "-o", str(tmp_path / "job")]) == 0
        assert (err, (tmp_path / "job").read_text(encoding="utf-8")) == ("", out)
        assert capsys.readouterr() == ("", "")
    assert json.loads(out)["energy"]["total_j"] == pytest.approx(500)


def runs_of_another_id() -> bytes:
    """The golden run, as another machine without a name might have recorded it."""
    changed = copy.deepcopy(maker.META) | {"id": "another"}
    return maker.encoded([json_frame(META, changed), *maker.frames()[1:]])


def test_what_cannot_be_merged_is_one_line(capsys, tmp_path):
    (tmp_path / "text.pcr").write_text("hello")
    for words, reason in [
        ([GOLDEN, GOLDEN], "is the same run as"),
        ([GOLDEN, tmp_path / "missing.pcr"], "missing.pcr"),
        ([GOLDEN, tmp_path / "text.pcr"], "text.pcr"),
        ([GOLDEN, "-o", tmp_path], "cannot be written"),
        ([GOLDEN, "-o", tmp_path / "no" / "folder"], "cannot be written"),
    ]:
        assert main(["merge", *map(str, words)]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("pycarbon: ") and err.count("\n") == 1 and reason in err


@pytest.mark.parametrize("how", [[], ["--json"], ["--format", "csv"], ["--format", "markdown", "--all"]])
def test_a_comparison_goes_to_standard_output(capsys, tmp_path, how):
    # GIVEN two runs that differ in nothing but their id
    again = tmp_path / "again.pcr"
    again.write_bytes(runs_of_another_id())
    # THEN nothing changed between them
    assert main(["compare", str(GOLDEN), str(again), *how]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "same" in out and "less" not in out and out.endswith("\n")
    if how == ["--json"]:
        assert json.loads(out)["energy"]["changes"][0]["ratio"] == 1


def test_what_cannot_be_compared_is_one_line(capsys, tmp_path):
    (tmp_path / "text.pcr").write_text("hello")
    for words, reason in [
        ([GOLDEN, GOLDEN], "is the same run as"),
        ([GOLDEN, tmp_path / "missing.pcr"], "missing.pcr"),
        ([tmp_path / "text.pcr", GOLDEN], "text.pcr"),
        ([GOLDEN, tmp_path], "is a folder, not a run file"),
    ]:
        assert main(["compare", *map(str, words)]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("pycarbon: ") and err.count("\n") == 1 and reason in err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command):
    told = pycarbon(command, "--help")
    assert (told.returncode, told.stderr) == (0, "")
    assert "example" in told.stdout and f"pycarbon {command}" in told.stdout.partition("example")[2]


def test_help_lists_the_commands():
    told = pycarbon("--help")
    assert told.returncode == 0 and all(name in told.stdout for name in COMMANDS) and "example" in told.stdout
    assert pycarbon("--version").stdout == f"pycarbon {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["report"],
        ["report", "a.pcr", "b.pcr"],
        ["merge"],
        ["compare", "a.pcr"],
        ["compare", "a.pcr", "b.pcr", "--format", "html"],
        ["report", "a.pcr", "--format", "xml"],
        ["doctor", "--nonsense"],
        ["run"],
        ["run", "--"],
    ],
)
def test_wrong_usage_is_2(words):
    told = pycarbon(*words)
    assert told.returncode == 2 and told.stdout == ""
    assert told.stderr.startswith("usage: pycarbon") and "Traceback" not in told.stderr


def test_a_failure_is_1_and_one_line(tmp_path):
    # GIVEN files that cannot be reported, each in its own way
    (tmp_path / "text.pcr").write_text("hello")
    (tmp_path / "cut.pcr").write_bytes(GOLDEN.read_bytes()[:40])
    meta = json_frame(META, {"start_ns": "soon", "channels": []})
    (tmp_path / "hostile.pcr").write_bytes(file_header() + meta.encode(0))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.live").mkdir()
    names = ["missing.pcr", "text.pcr", "cut.pcr", "hostile.pcr", "folder", "folder.live", "n" * 3000, "\udcff.pcr"]
    for name in names:
        # WHEN one is reported THEN it is one line on standard error
        told = pycarbon("report", tmp_path / name)
        assert (told.returncode, told.stdout) == (1, ""), name
        assert told.stderr.startswith("pycarbon: ") and told.stderr.count("\n") == 1, name
    told = pycarbon("doctor", "--root", tmp_path / "folder")
    assert told.returncode == 1 and told.stderr == (
        f"pycarbon: {tmp_path / 'folder'} has no folder sys in it, so it cannot stand for /\n"
    )


@pytest.mark.parametrize(
    "command",
    [f"report {GOLDEN}", f"report --json {GOLDEN}", f"merge {GOLDEN}", "doctor", "doctor --json", "--help"],
)
def test_a_reader_that_leaves_early_sees_no_traceback(command):
    for reader in ("head -1", "true"):
        told = shell(f'"$@" {command} | {reader}')
        assert told.stderr == ""


@pytest.mark.parametrize("command", [f"report {GOLDEN}", f"report --json {GOLDEN}", "doctor"])
def test_streams_that_are_closed_are_no_reason_to_fail(command):
    assert shell(f'"$@" {command} >&-').stderr == ""
    assert shell(f'"$@" {command} 2>&-').returncode == 0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_unicode(encoding, root, tmp_path):
    environ = os.environ | {"PYTHONIOENCODING": encoding, "PYCARBON_PROJECT": "π"}
    for words in (["report", GOLDEN], ["doctor", "--root", root], ["report", GOLDEN, "--json"]):
        told = pycarbon(*words, env=environ)
        assert (told.returncode, told.stderr) == (0, "")
    told = pycarbon("report", tmp_path / "π.pcr", env=environ)
    assert told.returncode == 1 and told.stderr.count("\n") == 1 and "Traceback" not in told.stderr
