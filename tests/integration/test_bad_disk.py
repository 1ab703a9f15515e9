"""A disk that is full, a folder that takes no file, two recordings into one file: nothing is lost unsaid."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator
from processes import (
    PYCARBON,
    PYTHON,
    WAITING,
    homes,
    in_tmpfs,
    pycarbon_run,
    run,
    started,
    without_privileges,
)

import pycarbon
from pycarbon import load
from pycarbon.home import home_of
from pycarbon.recording import Recording, Request

FILL = "cat /dev/zero > full/filler 2>/dev/null"


@pytest.mark.parametrize("when", ["from the start", "during the run"])
def test_full_disk_sends_the_whole_run_elsewhere(when: str, namespaces: None, tmp_path: Path) -> None:
    # GIVEN a file system that is full, or gets full during the run
    (tmp_path / "full").mkdir()
    early, late = (f"{FILL};", "true") if when == "from the start" else ("", FILL)
    with PowercapEmulator() as emulator:
        command = ["sh", "-c", f"{late}; sleep 1.5; exit 4"]
        options = ["--root", str(emulator.root)]
        argv = pycarbon_run(*command, output=tmp_path / "full" / "a.pcr", options=options)
        # WHEN a run is recorded into it
        finished = run(in_tmpfs(tmp_path / "full", "16m", f'shift; {early} "$@"', *argv))
    # THEN the command ends as ever, a line says what happened, and the whole run is in the temporary folder
    assert finished.returncode == 4, finished.stderr
    assert "No space left on device" in finished.stderr
    [file] = (tmp_path / "tmp").glob("pycarbon-*.pcr")
    recorded = load(file)
    assert recorded.complete
    assert any("No space left" in note for note in recorded.notes)
    package = recorded.energy.channels[0]
    assert package.edges > 0.05 * recorded.duration_s / 976e-6  # the disk was full for more than half of the time
    truth_j = emulator.true_energy_j("package-0", recorded.data.start_ns, recorded.data.end_ns)
    assert package.energy_j == pytest.approx(truth_j, rel=0.02)


def test_disk_that_gets_room_again_keeps_the_run(namespaces: None, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    command = ["sh", "-c", f"{FILL}; sleep 1.5; rm full/filler"]
    script = f'shift; "$@" && {PYCARBON} report full/a.pcr --json && ls -A full'
    with PowercapEmulator() as emulator:
        argv = pycarbon_run(*command, output=tmp_path / "full" / "a.pcr", options=["--root", str(emulator.root)])
        finished = run(in_tmpfs(tmp_path / "full", "32m", script, *argv))
    assert finished.returncode == 0, finished.stderr
    assert '"complete": true' in finished.stdout
    assert "could not grow for a while" in finished.stdout
    assert finished.stdout.splitlines()[-1] == "a.pcr"


def test_no_room_anywhere_still_gives_the_summary(tmp_path: Path) -> None:
    # GIVEN a process no file of which may grow, so that every folder seems full
    argv = pycarbon_run("sh", "-c", "echo mine; exit 4", output=tmp_path / "a.pcr")
    # WHEN something is recorded
    finished = run(["bash", "-c", 'ulimit -f 0; exec "$@"', "sh", *argv])
    # THEN the command ends as ever, and the summary is what there is
    assert (finished.returncode, finished.stdout) == (4, "mine\n"), finished.stderr
    assert "File too large" in finished.stderr
    assert "Energy" in finished.stderr and "Run file" not in finished.stderr


@pytest.mark.parametrize("door", ["run", "record"])
def test_folder_that_takes_no_file(door: str, tmp_path: Path) -> None:
    # GIVEN a folder that we may not write to
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0o555)
    # WHEN a run should go there
    if door == "run":
        argv = pycarbon_run("echo", "mine", output=tmp_path / "closed" / "a.pcr")
    else:
        program = "import pycarbon\nwith pycarbon.record('x', path='closed/a.pcr'):\n    print('mine')"
        argv = [sys.executable, "-c", program]
    finished = run(without_privileges(argv))
    # THEN it goes to the temporary folder, and a line says where
    assert (finished.returncode, finished.stdout) == (0, "mine\n")
    [file] = (tmp_path / "tmp").glob("pycarbon-*.pcr")
    assert "Permission denied" in finished.stderr and str(file) in finished.stderr
    assert load(file).complete


def test_record_into_a_folder_leaves_the_folder_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "folder").mkdir()
    with pycarbon.record("x", path=tmp_path / "folder") as live:
        pass
    assert (tmp_path / "folder").is_dir() and list((tmp_path / "folder").iterdir()) == []
    assert "it is a folder" in caplog.text
    assert live.path is not None and live.path.parent == tmp_path / "tmp"


def test_home_removed_in_mid_run(tmp_path: Path) -> None:
    argv = pycarbon_run("rm", "-r", str(home_of(tmp_path / "a.pcr")), output=tmp_path / "a.pcr")
    finished = run(argv)
    assert finished.returncode == 0
    [file] = (tmp_path / "tmp").glob("pycarbon-*.pcr")
    assert load(file).complete and str(file) in finished.stderr


def test_two_processes_into_one_file(tmp_path: Path) -> None:
    # GIVEN a recording into a file
    output = tmp_path / "a.pcr"
    with started(pycarbon_run(*PYTHON, "-c", WAITING, output=output)) as first:
        assert first.line() == "ready"
        # WHEN another one is to go into the same
        second = run(pycarbon_run("sh", "-c", "exit 3", output=output))
        first.end()
    # THEN each has a file of its own, and the second says where
    assert second.returncode == 3
    assert "is being recorded by another pycarbon" in second.stderr
    [elsewhere] = (tmp_path / "tmp").glob("pycarbon-*.pcr")
    assert load(elsewhere).exit_status == 3
    assert load(output).exit_status == first.returncode == 0
    assert homes(tmp_path) == []


def test_many_processes_begin_at_once_into_one_file(tmp_path: Path) -> None:
    # GIVEN what a killed recording left, and eight that want its name at the same time
    output = tmp_path / "a.pcr"
    with started(pycarbon_run(*PYTHON, "-c", WAITING, output=output)) as killed:
        killed.line()
        killed.kill()
    argv = pycarbon_run("sh", "-c", "echo ready; cat; exit 3", output=output)
    with ExitStack() as stack:
        crowd = [stack.enter_context(started(argv)) for _ in range(8)]
        assert [one.line() for one in crowd] == ["ready"] * 8
        # WHEN all of them have recorded side by side
        for one in crowd:
            one.end()
        assert [one.returncode for one in crowd] == [3] * 8
    # THEN there are nine runs, eight of them whole, and one file for what was cut off
    runs = [load(file) for file in tmp_path.rglob("*.pcr*")]
    assert sorted(one.complete for one in runs) == [False] + [True] * 8
    assert len({one.id for one in runs}) == 9
    assert homes(tmp_path) == []


def test_two_threads_record_at_once(tmp_path: Path) -> None:
    # GIVEN two threads that record at the same time, one of them into the other's file
    barrier = threading.Barrier(2, timeout=20)
    runs: list[Recording] = []

    def work(emulator: PowercapEmulator) -> None:
        with Recording(Request("thread", [], path=tmp_path / "a.pcr", root=emulator.root)) as live:
            barrier.wait()
            sum(range(2_000_000))
            barrier.wait()
        runs.append(live)

    with PowercapEmulator() as emulator:
        threads = [threading.Thread(target=work, args=[emulator]) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    # THEN both are whole and true, and neither counts as being inside the other
    assert len({live.path for live in runs}) == 2
    for live in runs:
        assert live.complete and live.path is not None and load(live.path).energy == live.energy
        assert live.data.meta["inside"] is None
        truth_j = emulator.true_energy_j("package-0", live.data.start_ns, live.data.end_ns)
        assert live.energy.channels[0].low_j <= truth_j + 0.1 and truth_j - 0.1 <= live.energy.channels[0].high_j
    assert homes(tmp_path) == []
