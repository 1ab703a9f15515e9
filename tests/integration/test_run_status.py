"""`pycarbon run` ends exactly as the command does."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from processes import PYCARBON, homes, pycarbon_run, run

from pycarbon import load


@pytest.mark.parametrize("status", [0, 3, 255])
def test_exit_status_is_the_commands(status: int, tmp_path: Path) -> None:
    output = tmp_path / "a.pcr"
    assert run(pycarbon_run("sh", "-c", f"exit {status}", output=output)).returncode == status
    assert load(output).exit_status == status


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGSEGV", "SIGPIPE", "SIGRTMIN"])
def test_dies_of_the_signal_that_killed_the_command(name: str, tmp_path: Path) -> None:
    number = getattr(signal, name)
    finished = run(pycarbon_run("sh", "-c", f"kill -{int(number)} $$", output=tmp_path / "a.pcr"))
    assert finished.returncode == -number
    recorded = load(tmp_path / "a.pcr")
    assert recorded.complete and recorded.exit_status == -number


def test_an_ended_reader_kills_the_command_as_ever() -> None:
    script = f'{PYCARBON} run -- yes 2>/dev/null | head -1; echo "${{PIPESTATUS[0]}}"'
    assert run(["bash", "-c", script]).stdout.split() == ["y", str(128 + signal.SIGPIPE)]


def test_missing_command_is_127_one_line_and_no_file(tmp_path: Path) -> None:
    finished = run(pycarbon_run("no-such-command", output=tmp_path / "a.pcr"))
    assert finished.returncode == 127
    assert finished.stderr.splitlines() == ["pycarbon: no-such-command: there is no such command"]
    assert finished.stdout == ""
    assert list(tmp_path.rglob("*.pcr*")) == []


def test_missing_command_leaves_an_earlier_run_as_it_was(tmp_path: Path) -> None:
    output = tmp_path / "a.pcr"
    run(pycarbon_run("true", output=output))
    before = output.read_bytes()
    assert run(pycarbon_run("no-such-command", output=output)).returncode == 127
    assert output.read_bytes() == before
    assert sorted(tmp_path.rglob("*.pcr*")) == [output]


def test_not_executable_is_126(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("no program")
    finished = run(pycarbon_run("./data.txt"))
    assert finished.returncode == 126
    assert finished.stderr.splitlines() == ["pycarbon: ./data.txt: Permission denied"]
    assert homes(tmp_path) == []


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["true"], "true"),
        (["/bin/sh", "-c", "exit # a.b"], "sh"),
        (["sh", "-e", "./script.sh", "x.y"], "sh"),
        (["sh", "./script.sh", "x.y"], "script"),
        (["python3", "-I", "-m", "json.tool", "--help"], "json.tool"),
    ],
)
def test_a_run_is_called_after_what_it_runs(command: list[str], name: str, tmp_path: Path) -> None:
    (tmp_path / "script.sh").write_text("")
    run(pycarbon_run(*command, output=tmp_path / "a.pcr"))
    assert load(tmp_path / "a.pcr").name == name


@pytest.mark.parametrize("found_by", ["./script", "script"])
def test_script_without_a_first_line_runs(found_by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "script").write_text('echo "ran with $1"; exit 5\n')
    (folder / "script").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    finished = run(pycarbon_run(found_by, "a b"), cwd=folder if found_by.startswith(".") else tmp_path)
    assert (finished.returncode, finished.stdout) == (5, "ran with a b\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--"],
        ["--rate", "0", "--", "true"],
        ["--rate", "much", "--", "true"],
        ["--tag", "novalue", "--", "true"],
        ["--root", "/no/such/root", "--", "true"],
        ["-o", ".", "--", "true"],
        ["--no-such-option", "--", "true"],
    ],
)
def test_wrong_usage_is_2_and_starts_nothing(arguments: list[str], tmp_path: Path) -> None:
    finished = run([PYCARBON, "run", *arguments])
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert "usage: pycarbon" in finished.stderr
    assert list(tmp_path.rglob("*.pcr*")) == []


def test_an_earlier_run_of_the_same_name_is_kept(tmp_path: Path) -> None:
    for status in (1, 2):
        run(pycarbon_run("sh", "-c", f"exit {status}", output=tmp_path / "a.pcr"))
    assert load(tmp_path / "a.pcr").exit_status == 2
    assert load(tmp_path / "a.pcr.old").exit_status == 1


def test_what_is_no_plain_file_is_never_replaced(tmp_path: Path) -> None:
    # GIVEN a named pipe where the run should go
    os.mkfifo(tmp_path / "pipe")
    # WHEN something is recorded into it
    finished = run(pycarbon_run("true", output=tmp_path / "pipe"))
    # THEN it is still there, a line says so, and the run is elsewhere
    assert finished.returncode == 0
    assert (tmp_path / "pipe").is_fifo()
    assert "pipe: it is no plain file" in finished.stderr
    assert len(list((tmp_path / "tmp").glob("pycarbon-*"))) == 1
