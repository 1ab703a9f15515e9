"""Closed streams, no home, no working directory, no room for files or memory: the command runs all the same."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator
from processes import PYCARBON, is_root, pycarbon_run, run

from pycarbon import load


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-", "2>/dev/full"])
@pytest.mark.parametrize("ending", ["exit 3", "kill -9 $$"])
def test_closed_streams(closed: str, ending: str, tmp_path: Path) -> None:
    argv = pycarbon_run("sh", "-c", f"echo mine; {ending}", output=tmp_path / "a.pcr")
    finished = run(["sh", "-c", f'exec "$@" {closed}', "sh", *argv])
    status = 3 if ending == "exit 3" else -9
    assert (finished.returncode, finished.stdout) == (status, "mine\n")
    assert load(tmp_path / "a.pcr").exit_status == status


@pytest.mark.parametrize("ending", ["exit 3", "kill -9 $$"])
def test_closed_standard_output(ending: str, tmp_path: Path) -> None:
    argv = pycarbon_run("sh", "-c", ending, output=tmp_path / "a.pcr")
    finished = run(["sh", "-c", 'exec "$@" >&-', "sh", *argv])
    assert finished.returncode == (3 if ending == "exit 3" else -9)
    assert "Energy" in finished.stderr and "Traceback" not in finished.stderr
    assert load(tmp_path / "a.pcr").complete


def test_closed_streams_are_closed_for_the_command(tmp_path: Path) -> None:
    shell = ["sh", "-c", 'exec "$@" <&- 2>&-', "sh"]
    command = ["sh", "-c", "for i in 0 1 2 3 4 5; do [ -e /proc/$$/fd/$i ] && echo $i; done"]
    assert run([*shell, *pycarbon_run(*command)]).stdout == run([*shell, *command]).stdout == "1\n"


def test_reader_of_standard_error_that_has_gone(tmp_path: Path) -> None:
    argv = pycarbon_run("sh", "-c", "echo mine; exit 3", output=tmp_path / "a.pcr", options=["--zone", "NOWHERE"])
    finished = run(["bash", "-c", '{ exec 3>&1; "$@" 2>&1 >&3 | true; }; exit "${PIPESTATUS[0]}"', "sh", *argv])
    assert (finished.returncode, finished.stdout) == (3, "mine\n")
    assert load(tmp_path / "a.pcr").complete


def test_library_with_standard_error_closed(tmp_path: Path) -> None:
    program = "import pycarbon\nwith pycarbon.record('x', path='a.pcr', zone='NOWHERE'): print('mine')"
    finished = run(["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-W", "error", "-c", program])
    assert (finished.returncode, finished.stdout) == (0, "mine\n")
    assert load(tmp_path / "a.pcr").complete


@pytest.mark.parametrize("home", ["unset", "nobody's", "unreadable"])
def test_home_that_is_none(home: str, tmp_path: Path) -> None:
    # GIVEN a user without a home: no HOME, no entry in the list of users, or one that may not be entered
    (tmp_path / "home").mkdir(mode=0o000)
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR")}
    environ = kept | ({"HOME": str(tmp_path / "home")} if home == "unreadable" else {})
    argv = pycarbon_run("sh", "-c", "echo mine; exit 3", output=tmp_path / "a.pcr")
    if home == "nobody's":
        argv = [sys.executable, "-c", NO_USER, *argv[1:]]
    # WHEN a run is recorded
    finished = run(argv, env=environ)
    # THEN it is
    assert (finished.returncode, finished.stdout) == (3, "mine\n"), finished.stderr
    assert "Traceback" not in finished.stderr
    assert load(tmp_path / "a.pcr").complete


NO_USER = """
import pwd, sys
def nobody(uid): raise KeyError(uid)
pwd.getpwuid = nobody  # as where a container runs under a number that has no name
from pycarbon.commands import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("door", ["run", "record"])
@pytest.mark.parametrize("path", ["a.pcr", "the store"])
def test_working_directory_that_is_gone(door: str, path: str, tmp_path: Path) -> None:
    # GIVEN a working directory that was deleted
    (tmp_path / "gone").mkdir()
    there = None if path == "the store" else Path(path)
    if door == "run":
        argv = pycarbon_run("sh", "-c", "echo mine; exit 3", output=there)
    else:
        arguments = "'x'" if there is None else f"'x', path='{there}'"
        program = f"import pycarbon\nwith pycarbon.record({arguments}): print('mine')\nraise SystemExit(3)"
        argv = [sys.executable, "-P" if sys.version_info >= (3, 11) else "-s", "-c", program]
    # WHEN something is recorded there
    finished = run(["sh", "-c", 'cd gone && rmdir ../gone && exec "$@"', "sh", *argv])
    # THEN it runs, and its run is in the store or the temporary folder
    assert (finished.returncode, finished.stdout) == (3, "mine\n"), finished.stderr
    assert "Traceback" not in finished.stderr
    [file] = tmp_path.rglob("*.pcr")
    assert load(file).complete


def test_no_shared_memory_folder(namespaces: None, tmp_path: Path) -> None:
    with PowercapEmulator(root=tmp_path / "root") as emulator:
        options = ["--root", str(emulator.root)]
        argv = pycarbon_run("sh", "-c", "test -e /dev/shm || exit 3", output=tmp_path / "a.pcr", options=options)
        hide = 'mount -t tmpfs none /dev && mknod /dev/null c 1 3 2>/dev/null; exec "$@"'
        as_root = [] if is_root() else ["--user", "--map-root-user"]
        finished = run(["unshare", "--mount", *as_root, "--", "sh", "-c", hide, "sh", *argv])
    assert finished.returncode == 3, finished.stderr
    assert load(tmp_path / "a.pcr").complete


@pytest.mark.parametrize("files", [5, 6, 7, 8, 9, 10, 12, 16])
def test_few_file_descriptors(files: int) -> None:
    """With 4 the interpreter itself does not start."""
    with PowercapEmulator() as emulator:
        argv = pycarbon_run("sh", "-c", "echo mine; exit 3", options=["--root", str(emulator.root)])
        finished = run(["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *argv])
    assert (finished.returncode, finished.stdout) == (3, "mine\n"), finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("megabytes", [130, 160, 200, 300])
def test_little_memory(megabytes: int) -> None:
    argv = pycarbon_run("sh", "-c", "echo mine; exit 3", options=["--rate", "20000"])
    finished = run(["sh", "-c", f'ulimit -v {megabytes * 1024}; exec "$@"', "sh", *argv])
    assert (finished.returncode, finished.stdout) == (3, "mine\n"), finished.stderr
    assert "Traceback" not in finished.stderr


def test_warnings_are_errors(tmp_path: Path) -> None:
    with PowercapEmulator() as emulator:
        options = ["--root", str(emulator.root)]
        argv = pycarbon_run("sh", "-c", "exit 3", output=tmp_path / "a.pcr", options=options)
        finished = run([sys.executable, "-W", "error", *argv])
    assert finished.returncode == 3
    assert "Warning" not in finished.stderr
    reported = run([sys.executable, "-W", "error", PYCARBON, "report", "a.pcr"])
    assert (reported.returncode, reported.stderr) == (0, "")


def test_handlers_and_mask_of_a_recorded_program_are_its_own(tmp_path: Path) -> None:
    # GIVEN a program that begins to record, and then holds a signal to wait for it
    program = (
        "import os, signal, pycarbon\n"
        "with pycarbon.record('x', path='a.pcr'):\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})\n"
        "    os.kill(os.getpid(), signal.SIGUSR1)\n"
        "    print(signal.sigwait({signal.SIGUSR1}).name, signal.getsignal(signal.SIGINT).__name__)\n"
    )
    # WHEN the signal comes THEN none of our threads dies of it in the program's stead
    finished = run([sys.executable, "-c", program])
    assert (finished.returncode, finished.stdout) == (0, "SIGUSR1 default_int_handler\n")
    assert load(tmp_path / "a.pcr").complete


def test_tags_and_names_of_any_kind(tmp_path: Path) -> None:
    program = (
        "import pycarbon, pathlib\n"
        "with pycarbon.record('a\\udcff\\ud800', path='a.pcr', tags={1: pathlib.Path('x'), 'n': None}) as run: pass\n"
        "print(run.complete, run.tags)\n"
    )
    finished = run([sys.executable, "-c", program])
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout == "True {'1': 'x', 'n': 'None'}\n"
    assert run([PYCARBON, "report", "a.pcr"]).returncode == 0
