"""A disk that refuses a write, a sync or a rename: the program goes on, the run says so, and nothing is lost.

The calls fail where they leave for the C library (failing_disk.c, preloaded): everything of ours is as it ships.
"""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from powercap_emulator import PowercapEmulator
from processes import homes, pycarbon_run, run, started, wait_until

from pycarbon import Run, load
from pycarbon.home import home_of
from pycarbon.run import Flag

EVER = 10**6
ERRORS = pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC], ids=errno.errorcode.get)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("failing_disk") / "failing_disk.so"
    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread"]
    source = Path(__file__).with_name("failing_disk.c")
    subprocess.run(["gcc", *flags, str(source), "-o", str(built), "-ldl"], check=True)
    return built


Environment = Callable[..., dict[str, str]]


@pytest.fixture
def failing(library: Path, tmp_path: Path) -> Environment:
    """An environment in which calls fail: ("pwrite", "run.pcr", 2, 3, errno.EIO) is the second and third of these."""

    def environment(*words: tuple[str, str, int, int, int]) -> dict[str, str]:
        set_ = " ".join(",".join(map(str, word)) for word in words)
        more = {"LD_PRELOAD": str(library), "FAILING_DISK": set_, "FAILING_DISK_LOG": str(tmp_path / "calls")}
        return os.environ | more

    return environment


def calls(folder: Path) -> Counter[str]:
    """How often each call was made that FAILING_DISK is about."""
    log = folder / "calls"
    return Counter(line.split()[0] for line in log.read_text().splitlines()) if log.exists() else Counter()


def record(folder: Path, environ: dict[str, str], seconds: str = "0.5") -> tuple[str, Run, str]:
    """Record a command while calls fail; what was said, the run wherever it is, and its notes. Nothing is lost.

    What goes wrong after the run's end is said, too, but its file is then written: it has no note of it.
    """
    with PowercapEmulator() as emulator:
        options = ["--root", str(emulator.root)]
        argv = pycarbon_run(
            "sh", "-c", f"echo mine; sleep {seconds}; exit 4", output=folder / "a.pcr", options=options
        )
        finished = run(argv, env=environ)
        assert (finished.returncode, finished.stdout) == (4, "mine\n"), finished.stderr
        [file] = [*folder.glob("a.pcr"), *(folder / "tmp").glob("pycarbon-*.pcr")]
        recorded = load(file)
    check_nothing_lost(recorded, emulator)
    assert homes(folder / "tmp") == []
    notes = "\n".join(recorded.notes)
    assert all(note in finished.stderr for note in recorded.notes)
    return finished.stderr, recorded, notes


def check_nothing_lost(recorded: Run, emulator: PowercapEmulator) -> None:
    """Every counter is known from its first to its last look, without a hole, and its energy is true."""
    assert recorded.complete and recorded.exit_status == 4
    for channel in recorded.data.channels:
        if channel.source == "powercap":
            edges = recorded.data.edges_of(channel)
            assert edges["flags"][0] & Flag.FIRST and edges["flags"][-1] & Flag.LAST
            # The emulator is looked at ten times a second, or more: no second is missing.
            values = edges[(edges["flags"] & Flag.GAP) == 0]
            assert (np.diff(values["t_seen_ns"]) < 900_000_000).all() and len(values) > 4 * recorded.duration_s
    package = next(channel for channel in recorded.energy.channels if channel.domain == "package-0")
    truth_j = emulator.true_energy_j("package-0", recorded.data.start_ns, recorded.data.end_ns)
    off_j = 50 * emulator.oldest_value_ns() / 1e9
    assert package.low_j - off_j <= truth_j <= package.high_j + off_j
    assert package.energy_j == pytest.approx(truth_j, rel=0.05)


@ERRORS
def test_no_home_can_be_made(error: int, failing: Environment, tmp_path: Path) -> None:
    _, recorded, notes = record(tmp_path, failing(("mkdir", "a.pcr.live", 1, EVER, error)))
    assert f"cannot record into {tmp_path / 'a.pcr'}: {os.strerror(error)}" in notes
    assert recorded.path is not None and recorded.path.parent == tmp_path / "tmp"


@ERRORS
def test_no_ring_can_be_made(error: int, failing: Environment, tmp_path: Path) -> None:
    _, recorded, notes = record(tmp_path, failing(("posix_fallocate", "counters.ring", 1, EVER, error)))
    assert "no ring file" in notes and os.strerror(error) in notes
    assert recorded.path == tmp_path / "a.pcr"


@ERRORS
@pytest.mark.parametrize("until", [3, EVER])
def test_the_live_file_does_not_grow(until: int, error: int, failing: Environment, tmp_path: Path) -> None:
    # GIVEN a disk that takes the metadata and then nothing, for a while or for ever
    said, recorded, notes = record(tmp_path, failing(("pwrite", "run.pcr", 2, until, error)), "2.3")
    # THEN the run is whole, where it should be or else in the folder for temporary files
    assert f"could not grow for a while: {os.strerror(error)}" in notes
    assert recorded.path is not None
    assert recorded.path.parent == (tmp_path if until == 3 else tmp_path / "tmp")
    assert (f"the run is in {recorded.path} instead" in said) == (until == EVER)


@ERRORS
def test_it_cannot_be_folded(error: int, failing: Environment, tmp_path: Path) -> None:
    said, recorded, _ = record(tmp_path, failing(("write", "folded.pcr", 1, EVER, error)))
    assert f"larger than it need be: {os.strerror(error)}" in said
    assert recorded.path == tmp_path / "a.pcr"
    assert homes(tmp_path) == []


@ERRORS
@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_it_gets_no_name(call: str, error: int, failing: Environment, tmp_path: Path) -> None:
    said, recorded, _ = record(tmp_path, failing((call, "folded.pcr", 1, EVER, error)))
    assert f"{tmp_path / 'a.pcr'} could not be written: {os.strerror(error)}" in said
    assert f"the run is in {recorded.path} instead" in said
    assert recorded.path is not None and recorded.path.parent == tmp_path / "tmp"
    assert not (tmp_path / "a.pcr").exists()


@ERRORS
def test_nothing_gets_a_name_in_any_folder(error: int, failing: Environment, tmp_path: Path) -> None:
    # GIVEN a folder that gives no name, and a folder for temporary files that takes no file
    words = [("rename", "folded.pcr", 1, EVER, error), ("write", "/tmp/pycarbon-", 1, EVER, error)]
    argv = pycarbon_run("sh", "-c", "exit 4", output=tmp_path / "a.pcr")
    # WHEN something is recorded
    finished = run(argv, env=failing(*words))
    # THEN the command ends as ever, a summary is there, and what was recorded stays where it was written
    assert finished.returncode == 4 and os.strerror(error) in finished.stderr
    left = load(tmp_path / "a.pcr")
    assert left.path is not None and left.complete and left.exit_status == 4


def test_a_sync_that_fails_is_said(failing: Environment, tmp_path: Path) -> None:
    _, recorded, notes = record(tmp_path, failing(("fdatasync", "run.pcr", 1, EVER, errno.EIO)), "1.8")
    assert "Input/output error" in notes and "power failure" in notes
    assert recorded.path == tmp_path / "a.pcr"


@pytest.mark.parametrize("options", [[], ["--sync", "0"]], ids=" ".join)
def test_how_often_the_disk_is_asked(options: list[str], failing: Environment, tmp_path: Path) -> None:
    # GIVEN a recording whose file has grown three times, about once a second
    output = tmp_path / "a.pcr"
    environ = failing(("fdatasync", "run.pcr", 1, 1, 0), ("pwrite", "run.pcr", 1, 1, 0), ("fsync", "folded", 1, 1, 0))
    begun_s = time.monotonic()
    with started(pycarbon_run("sh", "-c", "echo ready; cat", output=output, options=options), env=environ) as process:
        assert process.line() == "ready"
        sizes: set[int] = set()
        written = home_of(output) / "run.pcr"
        wait_until(lambda: sizes.add(written.stat().st_size) or len(sizes) > 3)
        process.end()
    seconds = time.monotonic() - begun_s
    # THEN it was brought to the disk as often, or never, and once at its end
    made = calls(tmp_path)
    assert made["fsync"] == 1
    if options:
        assert made["fdatasync"] == 0
    else:
        assert 2 <= made["fdatasync"] <= seconds + 1
    assert load(output).data.meta["sampling"]["sync_s"] == (0.0 if options else 1.0)
