"""Signals sent to `pycarbon run` reach the command once, and the run is written whatever they do to it."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from processes import PYTHON, WAITING, children, homes, pycarbon_run, run, started, state, wait_until

from pycarbon import load

TELLING = """
import os, signal, sys
for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGALRM"):
    signal.signal(getattr(signal, name), lambda number, _: os.write(1, f"{signal.Signals(number).name}\\n".encode()))
os.write(1, b"ready\\n")
sys.stdin.read()
sys.exit(7)
"""


def test_signals_to_pycarbon_alone_reach_the_command_once(tmp_path: Path) -> None:
    # GIVEN a command that tells of each signal it gets
    names = ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGALRM"]
    with started(pycarbon_run(*PYTHON, "-c", TELLING, output=tmp_path / "a.pcr")) as process:
        assert process.line() == "ready"
        # WHEN pycarbon gets one after the other
        for name in names:
            process.send_signal(getattr(signal, name))
            assert process.line() == name
        rest, summary = process.end()
    # THEN the command got each once, ended as it liked, and the run is whole
    assert rest == ""
    assert process.returncode == 7
    assert "Energy" in summary
    assert load(tmp_path / "a.pcr").complete
    assert homes(tmp_path) == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"])
def test_a_signal_that_ends_the_command_ends_pycarbon_alike(name: str, tmp_path: Path) -> None:
    with started(pycarbon_run("sh", "-c", "echo ready; exec sleep 60", output=tmp_path / "a.pcr")) as process:
        assert process.line() == "ready"
        process.send_signal(getattr(signal, name))
        _, summary = process.end()
    number = int(getattr(signal, name))
    assert process.returncode == -number
    assert f"signal {number}" in summary
    assert load(tmp_path / "a.pcr").exit_status == -number


def test_a_signal_sent_before_the_command_started_reaches_it() -> None:
    # GIVEN pycarbon that was sent a signal, which its caller holds, before it could start anything
    hold = "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1}); "
    hold += "os.kill(os.getpid(), signal.SIGUSR1); os.execvp(sys.argv[1], sys.argv[1:])"
    # WHEN it runs a command that waits for that signal
    wait = "import signal; print(signal.sigwait({signal.SIGUSR1}).name)"
    finished = run([*PYTHON, "-c", hold, *pycarbon_run(*PYTHON, "-c", wait)])
    # THEN the signal is not lost
    assert (finished.returncode, finished.stdout) == (0, "SIGUSR1\n")


def test_sigkill_leaves_the_command_alone_and_the_run_readable(tmp_path: Path) -> None:
    output = tmp_path / "a.pcr"
    with started(pycarbon_run(*PYTHON, "-c", WAITING, output=output)) as process:
        assert process.line() == "ready"
        [command] = children(process.pid)
        process.kill()
        process.wait(20)
        assert state(command) in ("S", "R")
        assert not load(output).complete
        assert process.stdin is not None
        process.stdin.close()  # the end of its input, which it inherited, is what it waits for
        wait_until(lambda: state(command) in ("", "Z"))


def test_stop_and_continue_of_the_group_is_a_gap(tmp_path: Path) -> None:
    # GIVEN a recording in a process group of its own
    output = tmp_path / "a.pcr"
    alone = "import os, sys; os.setpgid(0, 0); os.execvp(sys.argv[1], sys.argv[1:])"
    with started([*PYTHON, "-c", alone, *pycarbon_run(*PYTHON, "-c", WAITING, output=output)]) as process:
        assert process.line() == "ready"
        [command] = children(process.pid)
        # WHEN the group is stopped, as Ctrl-Z does, and continued as fg does
        os.killpg(process.pid, signal.SIGTSTP)
        wait_until(lambda: state(process.pid) == state(command) == "T")
        os.killpg(process.pid, signal.SIGCONT)
        wait_until(lambda: state(process.pid) != "T" != state(command))
        _, summary = process.end()
    # THEN both go on to their ends
    assert process.returncode == 0
    assert re.search(r"exit 0", summary)
    assert load(output).complete


def test_a_command_that_signals_its_own_group(tmp_path: Path) -> None:
    script = "trap 'echo caught; exit 9' TERM; kill -TERM 0; sleep 20 & wait"
    with started(pycarbon_run("sh", "-c", script, output=tmp_path / "a.pcr"), start_new_session=True) as process:
        assert process.line() == "caught"
        process.end()
    assert process.returncode == 9
    assert load(tmp_path / "a.pcr").exit_status == 9
