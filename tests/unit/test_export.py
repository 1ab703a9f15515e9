"""pycarbon export: where the result goes, what is refused, and with which status it ends."""

from __future__ import annotations

import io
import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pandas
import pyarrow.parquet
import pytest
from exported_runs import regions
from test_commands import GOLDEN, pycarbon, shell

from pycarbon import exports
from pycarbon.analysis import Run, load
from pycarbon.commands import main
from pycarbon.exports import FORMATS, named
from pycarbon.exports.output import to_file

NAMES = {"parquet": "a.parquet", "csv": "a.csv", "json": "a.json", "perfetto": "a.pftrace",
         "chrome-trace": "a.trace.json"}  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


PYCARBON = [sys.executable, "-m", "pycarbon"]


def expected(name: str, table: str = "edges") -> bytes:
    sink = io.BytesIO()
    exports.write(load(GOLDEN), sink, name, table, None)
    return sink.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_and_a_pipe_get_the_same(name, tmp_path):
    # WHEN a run is written to a file whose name says the format, and to a pipe
    told = pycarbon("export", GOLDEN, "-o", NAMES[name])
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    piped = subprocess.run(
        [sys.executable, "-m", "pycarbon", "export", GOLDEN, "--format", name], capture_output=True, check=True
    )
    # THEN both have it, nothing else is there, and the file is an ordinary one
    assert (tmp_path / NAMES[name]).read_bytes() == piped.stdout == expected(name)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [NAMES[name]]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / NAMES[name]).stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize(
    ("path", "name"),
    [("a.csv", "csv"), ("a.trace.json", "chrome-trace"), ("x/trace.json", "json"), ("a.pq", "parquet"), ("a", None),
     ("a.perfetto-trace", "perfetto"), ("csv", None), ("a.csv.gz", None)],
)  # fmt: skip
def test_a_file_s_name_tells_the_format(path, name):
    assert named(Path(path)) == name


def test_a_table_is_chosen():
    told = pycarbon("export", GOLDEN, "--format=csv", "--table=power", "--every", "500ms")
    frame = pandas.read_csv(io.StringIO(told.stdout))
    assert len(frame) == sum(len(load(GOLDEN).power(domain, 0.5)) for domain in ("package-0", "dram-0", "core"))
    told = pycarbon("export", GOLDEN, "--table=channels", "-o", "a.parquet")
    assert pyarrow.parquet.read_table("a.parquet").column("energy_j").to_pylist() == [
        channel.energy_j for channel in load(GOLDEN).energy.channels
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--format says what to write: parquet, csv, json, perfetto, chrome-trace"),
        (["-o", "a.txt"], "--format says what to write"),
        (["--format", "xml"], "invalid choice: 'xml'"),
        (["--format", "csv", "--table", "joules"], "invalid choice: 'joules'"),
        (["--format", "perfetto", "--table", "edges"], "perfetto holds the whole run"),
        (["--format", "csv", "--every", "10ms"], "--every is for traces and for --table power"),
        (["--format", "perfetto", "--every", "soon"], "'soon' is no length of time; write for example 10ms or 0.5s"),
        (["--format", "perfetto", "--every", "0"], "'0' is no length of time"),
    ],
)
def test_wrong_usage_is_2(words, said):
    told = pycarbon("export", GOLDEN, *words)
    assert (told.returncode, told.stdout) == (2, "")
    assert said in told.stderr and told.stderr.startswith("usage: pycarbon") and "Traceback" not in told.stderr


def failed(*words: object) -> str:
    """The one line that a command fails with."""
    told = pycarbon("export", *words)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("pycarbon: ") and told.stderr.count("\n") == 1
    return told.stderr.removeprefix("pycarbon: ").strip()


def test_nothing_is_replaced_unasked(tmp_path):
    # GIVEN a file under the name
    there = tmp_path / "a.csv"
    there.write_text("mine")
    there.chmod(0o600)
    # WHEN a run is exported THEN it stays, until --force is said
    assert failed(GOLDEN, "-o", "a.csv") == "'a.csv' exists: --force replaces it"
    assert there.read_text() == "mine"
    assert pycarbon("export", GOLDEN, "-o", "a.csv", "--force").returncode == 0
    assert there.read_bytes() == expected("csv") and stat.S_IMODE(there.stat().st_mode) == 0o600


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    run = Run(regions())
    with (
        pytest.raises(Exception, match="exists: --force replaces it"),
        to_file(tmp_path / "a", False, GOLDEN) as sink,
    ):
        exports.write(run, sink, "csv", "edges", None)
        (tmp_path / "a").write_text("mine")
    assert (tmp_path / "a").read_text() == "mine" and len([p for p in tmp_path.iterdir() if p.is_file()]) == 1


def test_the_run_itself_is_never_replaced(tmp_path):
    copy = tmp_path / "a.pcr"
    copy.write_bytes(GOLDEN.read_bytes())
    (tmp_path / "link.pcr").symlink_to(copy)
    for name in ("a.pcr", "link.pcr"):
        assert "is the run itself" in failed(copy, "--format", "csv", "--force", "-o", name)
    assert copy.read_bytes() == GOLDEN.read_bytes()


def test_a_link_goes_on_to_point_where_it_did(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "a.csv").symlink_to("real/b.csv")
    assert pycarbon("export", GOLDEN, "-o", "a.csv").returncode == 0
    assert (tmp_path / "a.csv").is_symlink() and (tmp_path / "real/b.csv").read_bytes() == expected("csv")


def test_devices_and_pipes_are_written_into(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    told = shell(f'"$@" export {GOLDEN} -o pipe.csv & cat pipe.csv; wait')
    assert (told.stdout.encode(), told.stderr) == (expected("csv"), "")
    assert stat.S_ISFIFO((tmp_path / "pipe.csv").stat().st_mode)
    assert pycarbon("export", GOLDEN, "--format", "csv", "-o", os.devnull).returncode == 0
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize("name", ["no/such/folder/a.csv", "n" * 300 + ".csv", "a.csv/b.csv", "/proc/a.csv"])
def test_a_place_that_cannot_be_is_one_line(name, tmp_path):
    (tmp_path / "a.csv").write_text("mine")
    assert "cannot be written: " in failed(GOLDEN, "-o", name)


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_disk_is_one_line_and_leaves_nothing(name, tmp_path):
    if Path("/dev/full").exists():
        assert "No space left on device" in failed(GOLDEN, "--format", name, "-o", "/dev/full")
        told = shell(f'"$@" export {GOLDEN} --format {name} > /dev/full')
        assert told.returncode == 1 and told.stderr.count("\n") == 1 and "No space left on device" in told.stderr
    told = subprocess.run(
        ["bash", "-c", 'ulimit -f 0; exec "$@"', "sh", *PYCARBON, "export", GOLDEN, "-o", NAMES[name]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (
        told.returncode == 1 and "cannot be written: File too large" in told.stderr and told.stderr.count("\n") == 1
    )
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


@pytest.mark.parametrize("name", FORMATS)
def test_a_terminal_gets_text_only(name):
    # GIVEN a terminal as standard output
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pycarbon", "export", GOLDEN, "--format", name]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, text=True) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        _, said = process.communicate()
    os.close(ours)
    # THEN what it could not show is refused
    if FORMATS[name].is_text:
        assert (process.returncode, said) == (0, "") and shown.replace(b"\r", b"") == expected(name).replace(
            b"\r", b""
        )
    else:
        assert process.returncode == 1 and shown == b""
        assert said == "pycarbon: this format is not for a terminal: -o FILE writes a file\n"


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize("name", FORMATS)
def test_readers_that_leave_and_streams_that_are_closed(name):
    told = shell(f'"$@" export {GOLDEN} --format {name} | true')
    assert told.stderr == ""
    told = shell(f'"$@" export {GOLDEN} --format {name} >&-')
    assert told.stderr == "pycarbon: standard output is closed: -o FILE writes a file\n" and told.returncode == 1


def test_a_run_that_cannot_be_read_leaves_no_file(tmp_path):
    (tmp_path / "bad.pcr").write_text("hello")
    failed("bad.pcr", "-o", "a.csv")
    assert not (tmp_path / "a.csv").exists()


def test_what_is_missing_is_said(capsys, monkeypatch, tmp_path):
    # GIVEN a run whose marks were not all kept
    data = regions()
    data.ledger.counts = {"not_kept": 7}
    monkeypatch.setattr("pycarbon.analysis.load", lambda path: Run(data))
    for words in (["--format", "chrome-trace"], ["--format", "csv", "--table", "calls"]):
        assert main(["export", "a.pcr", *words]) == 0
        _, err = capsys.readouterr()
        assert err == "pycarbon: 7 marks of regions were not kept one by one: their calls are not in it\n"
    assert main(["export", "a.pcr", "--format", "csv"]) == 0
    assert capsys.readouterr().err == ""


PACKAGES = {"parquet": "pyarrow", "perfetto": "perfetto", "pandas": "pandas"}


@pytest.mark.parametrize(("extra", "package"), PACKAGES.items())
@pytest.mark.parametrize("how", ["absent", "broken"])
def test_a_package_that_is_missing_is_one_line(extra, package, how, tmp_path):
    # GIVEN a package that is not there, or cannot be loaded
    if how == "broken":
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise ImportError('libfoo.so:\\nno such file')")
        before = "import sys; sys.path.insert(0, '.');"
    else:
        before = f"import sys; sys.modules[{package!r}] = None;"
    door = (
        f"from pycarbon.commands import main; sys.exit(main(['export', {str(GOLDEN)!r}, '-o', {NAMES.get(extra)!r}]))"
    )
    frame = f"import pycarbon; pycarbon.load({str(GOLDEN)!r}).to_pandas()"
    told = subprocess.run(
        [sys.executable, "-c", before + (frame if extra == "pandas" else door)],
        capture_output=True,
        text=True,
        check=False,
    )
    # THEN a line says what to type
    last = told.stderr.splitlines()[-1]
    assert told.returncode == 1 and last.endswith(f"; type: pip install 'pycarbon-energy[{extra}]'")
    assert f"this needs {package}" in last and ("libfoo.so: no such file" in last) == (how == "broken")
    assert extra == "pandas" or told.stderr.count("\n") == 1
    assert not Path(NAMES.get(extra, "none")).exists()


def test_optional_packages_are_loaded_by_none_but_their_formats():
    code = (
        "import sys, io, pycarbon; from pycarbon import exports\n"
        f"run = pycarbon.load({str(GOLDEN)!r}); run.energy; run.regions; sink = io.BytesIO()\n"
        "for name in ('csv', 'json', 'chrome-trace'): exports.write(run, sink, name, 'edges', None)\n"
        "print([m for m in sys.modules if m.partition('.')[0] in ('pandas', 'pyarrow', 'perfetto', 'google')])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_a_run_that_is_live_or_was_killed_can_be_exported(tmp_path):
    # GIVEN a file that was cut off
    (tmp_path / "cut.pcr").write_bytes(GOLDEN.read_bytes()[:-200])
    told = pycarbon("export", "cut.pcr", "--format", "json", "--table", "channels")
    found = json.loads(told.stdout)
    assert found["run"]["complete"] is False and any("cut off" in note for note in found["notes"])
