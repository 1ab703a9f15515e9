"""`pycarbon run` in a terminal: isatty, Ctrl-C, Ctrl-Z and fg, as without it."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator
from processes import PYTHON, TIMEOUT_S, children, pycarbon_run, state, wait_until

from pycarbon import load

# It looks for signals by itself now and then: one that comes just before a read begins is told only after it.
TELLING = """
import os, select, signal, sys
signal.signal(signal.SIGINT, lambda *_: os.write(1, b"<INT>"))
signal.signal(signal.SIGCONT, lambda *_: os.write(1, b"<CONT>"))
os.write(1, b"<ready>")
while not select.select([0], [], [], 0.01)[0]: pass
os.read(0, 100)
os.write(1, b"<end>")
sys.exit(7)
"""


class Terminal:
    """The far end of a pseudo terminal, and the process that leads its session."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self.descriptor, self.process = descriptor, process
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def read(self) -> None:
        if select.select([self.descriptor], [], [], 0.01)[0]:
            with suppress(OSError):  # EIO: nobody has it open any more
                self.shown += os.read(self.descriptor, 65536).decode()

    def shows(self, text: str) -> bool:
        self.read()
        return text in self.shown

    def wait_for(self, text: str) -> None:
        wait_until(lambda: self.shows(text))

    def wait(self) -> int:
        wait_until(lambda: (self.read(), self.process.poll() is not None)[1], TIMEOUT_S)
        self.read()
        return int(self.process.returncode)


@contextmanager
def terminal(argv: Sequence[str]) -> Iterator[Terminal]:
    """Run `argv` as the leader of a session whose controlling terminal we hold the other end of."""
    master, slave = os.openpty()
    with subprocess.Popen(["setsid", "--ctty", *argv], stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        try:
            yield Terminal(master, process)
        finally:
            if process.poll() is None:
                process.kill()
            os.close(master)


ASKING = "import os; print([os.isatty(i) for i in range(3)], os.tcgetpgrp(0) == os.getpgrp(), os.get_terminal_size())"


def test_command_sees_the_same_terminal() -> None:
    seen = []
    for argv in ([*PYTHON, "-c", ASKING], pycarbon_run(*PYTHON, "-c", ASKING)):
        with terminal(argv) as screen:
            assert screen.wait() == 0
            seen.append(screen.shown.splitlines()[0])
    assert seen[0] == seen[1]
    assert seen[0].startswith("[True, True, True] True")


def test_ctrl_c_reaches_the_command_once(tmp_path: Path) -> None:
    # GIVEN a command in a terminal that tells of each SIGINT
    (tmp_path / "telling.py").write_text(TELLING)
    with terminal(pycarbon_run(*PYTHON, "telling.py", output=tmp_path / "a.pcr")) as screen:
        screen.wait_for("<ready>")
        # WHEN Ctrl-C is typed, and then the line it waits for
        screen.type("\x03")
        screen.wait_for("<INT>")
        screen.type("\n")
        # THEN it got one, ended as it liked, and the summary came
        assert screen.wait() == 7
    assert screen.shown.count("<INT>") == 1
    assert "Energy" in screen.shown
    assert load(tmp_path / "a.pcr").complete


HOLDING = """
import os, signal, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
os.write(1, b"<holding>")
while signal.SIGINT not in signal.sigpending(): time.sleep(0.001)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def test_ctrl_c_before_the_command_started_reaches_it() -> None:
    # GIVEN a Ctrl-C that was typed when there was only pycarbon, here: what becomes pycarbon
    wait = "import signal; print(signal.sigwait({signal.SIGINT}).name)"
    with terminal([*PYTHON, "-c", HOLDING, *pycarbon_run(*PYTHON, "-c", wait)]) as screen:
        screen.wait_for("<holding>")
        screen.type("\x03")
        # WHEN the command has started THEN it gets it
        screen.wait_for("SIGINT")
        assert screen.wait() == 0


def test_ctrl_c_ends_both(tmp_path: Path) -> None:
    with terminal(pycarbon_run("sh", "-c", "echo '<ready>'; exec sleep 60", output=tmp_path / "a.pcr")) as screen:
        screen.wait_for("<ready>")
        screen.type("\x03")
        assert screen.wait() == -2
    assert "signal 2" in screen.shown
    assert load(tmp_path / "a.pcr").exit_status == -2


def test_ctrl_z_and_fg_stop_and_continue_both_and_the_gap_is_flagged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a recorded command in an interactive shell
    output = tmp_path / "a.pcr"
    monkeypatch.setenv("PS1", "<prompt>")
    monkeypatch.setenv("TERM", "dumb")
    (tmp_path / "telling.py").write_text(TELLING)
    with PowercapEmulator() as emulator, terminal(["bash", "--norc", "--noprofile", "-i"]) as screen:
        screen.wait_for("<prompt>")
        command = pycarbon_run(*PYTHON, "telling.py", output=output, options=["--root", str(emulator.root)])
        screen.type(" ".join(command) + "\n")
        screen.wait_for("<ready>")
        [pycarbon] = children(screen.process.pid)
        [telling] = children(pycarbon)
        # WHEN it is stopped for a while, and continued
        screen.type("\x1a")
        screen.wait_for("Stopped")
        assert state(pycarbon) == state(telling) == "T"
        continue_at_s = time.monotonic() + 0.2
        wait_until(lambda: time.monotonic() > continue_at_s)
        screen.type("fg\n")
        screen.wait_for("<CONT>")
        screen.type("\n")
        screen.wait_for("Energy")
        screen.type("exit\n")
        # THEN the command went on to its own end, continued once, and the run says when nobody looked
        assert screen.wait() == 7
    assert screen.shown.count("<CONT>") == 1
    recorded = load(output)
    assert recorded.complete and recorded.exit_status == 7
    package = recorded.energy.channels[0]
    assert 0.2 < package.gap_s <= recorded.duration_s
    assert any("gave no news for" in note for note in recorded.notes)
    truth_j = emulator.true_energy_j("package-0", recorded.data.start_ns, recorded.data.end_ns)
    assert package.low_j <= truth_j <= package.high_j
