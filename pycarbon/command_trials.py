"""Trials of commands: each runs again and again without a terminal, and its output goes nowhere but for its end."""

from __future__ import annotations

import errno
import os
import resource
import select
import shlex
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pycarbon.errors import PyCarbonError
from pycarbon.experiment import Trial
from pycarbon.interrupts import Interrupts
from pycarbon.metering import Metering

LEAST_BLOCK_S, BLOCK_PERIODS = 0.2, 50
"""A trial lasts at least so long, and so many of the times between updates that are seen: shorter commands are run
several times in a row.
"""

KEPT_OUTPUT, MOST_READS = 4096, 16
PIPE_S_PER_BYTE, MOST_ADDED = 1e-9, 0.01
"""What a pipe costs who writes to it, as measured beside /dev/null: from such a part of a run on it is said."""

GRACE_S = 2.0
"""How long a command that is asked to end has for it."""

_NEEDS_A_SHELL = frozenset("|&;<>()$`*?[]~#!{}\n\\")
_SHELLS_OWN = frozenset(
    (".", ":", "cd", "command", "eval", "exec", "exit", "export", "set", "trap", "ulimit", "umask")
)
_SET_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)  # ignored by the interpreter, by nobody's wish


class CommandFailed(PyCarbonError):
    """A command did not do what it should; `output` is the end of what it printed."""

    def __init__(self, why: str, output: str = "") -> None:
        """Say why in one line."""
        super().__init__(why)
        self.output = output


class TimeIsUp(Exception):
    """The time for measuring was over before a command had ended."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is run: words, or one string of which a shell makes words where it must. `prepare` runs before it."""

    words: tuple[str, ...]
    prepare: str | None = None

    @property
    def text(self) -> str:
        """The command as somebody would type it."""
        return self.words[0] if len(self.words) == 1 else shlex.join(self.words)

    @property
    def argv(self) -> list[str]:
        """What is executed: a shell only where the string needs one."""
        return as_argv(self.words[0]) if len(self.words) == 1 else list(self.words)


def as_argv(text: str) -> list[str]:
    """Split a command, or leave that to a shell where the text has what only a shell understands."""
    if not _NEEDS_A_SHELL & set(text):
        with suppress(ValueError):
            words = shlex.split(text)
            if words and "=" not in words[0] and words[0] not in _SHELLS_OWN:
                return words
    return ["/bin/sh", "-c", text]


@dataclass(frozen=True, slots=True)
class Ended:
    """One run: when it began and ended (CLOCK_MONOTONIC), its CPU time, and its exit status, negative: the signal.

    `printed_bytes` went through our pipe meanwhile; `left_some` says whether processes that it started still run.
    """

    start_ns: int
    end_ns: int
    cpu_s: float
    status: int
    printed_bytes: int
    left_some: bool


class Runner:
    """Runs commands, one at a time, in sessions of their own, and keeps the end of what they print.

    The pipe outlives each command: what one left running may still write to it.
    """

    def __init__(
        self, environ: Mapping[str, str], show_output: bool, deadline_s: float, interrupts: Interrupts
    ) -> None:
        """Make the pipe; `deadline_s` is on time.monotonic(). What interrupts also ends the command that runs."""
        self._environ = dict(environ)
        self._interrupts = interrupts
        self.deadline_s = deadline_s
        self._read, self._write = -1, -1
        if not show_output:
            self._read, self._write = os.pipe()
            os.set_blocking(self._read, False)
        self._tail, self._printed = b"", 0

    def close(self) -> None:
        """Close the pipe."""
        for descriptor in (self._read, self._write):
            if descriptor >= 0:
                os.close(descriptor)

    @property
    def output(self) -> str:
        """The end of what the last command printed."""
        self._drain()
        return self._tail.decode(errors="replace")

    def run(self, argv: Sequence[str]) -> Ended:
        """Run a command to its end; CommandFailed where it cannot be started, TimeIsUp where it does not end,
        KeyboardInterrupt where somebody interrupts it: it has then been ended.
        """
        if self._interrupts.came():
            raise KeyboardInterrupt
        self._drain()
        self._tail = b""
        self._printed = 0
        start_ns, process = self._start(argv)
        try:
            end_ns, status, used = self._wait(process)
        except BaseException:
            self._end(process)
            raise
        cpu_s = used.ru_utime + used.ru_stime
        return Ended(start_ns, end_ns, cpu_s, os.waitstatus_to_exitcode(status), self._printed, _has_group(process))

    def _start(self, argv: Sequence[str]) -> tuple[int, int]:
        """Give when it was started, and its process id, which is that of its group and session, too."""
        actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        ]
        if self._write >= 0:
            actions += [(os.POSIX_SPAWN_DUP2, self._write, 1), (os.POSIX_SPAWN_DUP2, self._write, 2)]
        start_ns = time.monotonic_ns()
        try:
            process = os.posix_spawnp(
                argv[0],
                list(argv),
                self._environ,
                file_actions=actions,
                setsid=True,  # no terminal: who needs one says so at once and does not wait for it
                setsigmask=(),
                setsigdef=_SET_BY_PYTHON,
            )
        except OSError as error:
            script = shutil.which(argv[0]) if error.errno == errno.ENOEXEC else None
            if script is not None:  # without a line that names its interpreter: every shell gives it to sh
                return self._start(["/bin/sh", script, *argv[1:]])
            what = "there is no such command" if error.errno == errno.ENOENT else error.strerror
            raise CommandFailed(f"{argv[0]}: {what}") from None
        return start_ns, process

    def _wait(self, process: int) -> tuple[int, int, resource.struct_rusage]:
        watched = select.poll()
        watched.register(self._interrupts.descriptor, select.POLLIN)
        if self._read >= 0:
            watched.register(self._read, select.POLLIN)
        try:
            ended = os.pidfd_open(process)
        except (AttributeError, OSError):  # before Linux 5.3: look every millisecond
            ended = -1
        else:
            watched.register(ended, select.POLLIN)
        try:
            while True:
                left_s = self.deadline_s - time.monotonic()
                if left_s <= 0:
                    raise TimeIsUp
                ready = {number for number, _ in watched.poll(min(left_s * 1000 + 1, 3600e3) if ended >= 0 else 1.0)}
                if ended < 0 or ended in ready:
                    end_ns = time.monotonic_ns()
                    found, status, used = os.wait4(process, os.WNOHANG)
                    if found:
                        return end_ns, status, used
                if self._interrupts.descriptor in ready and self._interrupts.came():
                    raise KeyboardInterrupt
                self._drain()
        finally:
            if ended >= 0:
                os.close(ended)

    def _end(self, process: int) -> None:
        """End a command and what it started, and wait for it: not patiently where somebody interrupts that, too."""
        for number, patience_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, 60.0)):
            with suppress(OSError):
                os.killpg(process, number)
            until_s = time.monotonic() + patience_s
            while os.waitpid(process, os.WNOHANG)[0] == 0:
                if time.monotonic() > until_s or (self._interrupts.came(0.005) and number == signal.SIGTERM):
                    break
            else:
                with suppress(OSError):  # what it left of its group
                    os.killpg(process, signal.SIGKILL)
                return

    def _drain(self) -> None:
        for _ in range(MOST_READS if self._read >= 0 else 0):
            try:
                some = os.read(self._read, 1 << 16)
            except BlockingIOError:
                return
            self._printed += len(some)
            self._tail = (self._tail + some)[-KEPT_OUTPUT:]
            if len(some) < 1 << 16:
                return


def _has_group(process: int) -> bool:
    """Tell whether anybody is left of the group of a process that has ended."""
    try:
        os.killpg(process, 0)
    except OSError as error:
        return error.errno == errno.EPERM
    return True


class CommandTrials:
    """Measures one trial after the other; `clock_hz` is asked for the CPUs' clock rate after each."""

    def __init__(
        self,
        commands: Sequence[Command],
        runner: Runner,
        metering: Metering,
        clock_hz: Callable[[], float | None],
        ignore_failure: bool,
    ) -> None:
        """Run nothing yet."""
        self._commands = commands
        self._runner = runner
        self._metering = metering
        self._clock_hz = clock_hz
        self._ignore_failure = ignore_failure
        self.counts = [1] * len(commands)
        self._begun: set[int] = set()
        self._leaving: set[int] = set()
        self._printing: dict[int, int] = {}

    def notes(self, names: Sequence[str]) -> list[str]:
        """Say what in the commands themselves blurs their figures, a line each."""
        lines = [
            f"{names[variant]} prints {printed / 1e6:.3g} MB a run, and to take that costs it time and energy: "
            "with > /dev/null in it, it is measured alone"
            for variant, printed in self._printing.items()
        ]
        return lines + [
            f"{names[variant]} leaves processes running: what they use is in the trials after it"
            for variant in sorted(self._leaving)
        ]

    def warm_up(self, variant: int, times: int) -> None:
        """Run it some times; how long it takes then says how often in a row it is run in a trial."""
        for _ in range(times):
            warm = self._once(variant)
        if times:
            self._count(variant, warm.start_ns, warm.end_ns)

    def measure(self, variant: int) -> Trial:
        """Run it as often as a trial needs, and say what the machine used.

        Where the first of its trials is too short, as after a warm-up that filled a cache, another takes its place.
        """
        trial = self._trial(variant)
        if variant not in self._begun:
            self._begun.add(variant)
            if self._count(variant, trial.start_ns, trial.end_ns) > trial.count:
                trial = self._trial(variant)
        return trial

    def _count(self, variant: int, start_ns: int, end_ns: int) -> int:
        """Raise how often it is run in a trial where a span of so many runs was less than half of one."""
        if self._commands[variant].prepare is None:
            used = self._metering.used(start_ns, end_ns)
            block_s = max(LEAST_BLOCK_S, BLOCK_PERIODS * used.period_s if used else 0.0)
            times = block_s / max((end_ns - start_ns) / 1e9, 1e-4)
            if times >= 2:
                self.counts[variant] = round(self.counts[variant] * times)
        return self.counts[variant]

    def _trial(self, variant: int) -> Trial:
        count = self.counts[variant]
        runs = [self._once(variant) for _ in range(count)]
        start_ns, end_ns = runs[0].start_ns, runs[-1].end_ns
        used = self._metering.used(start_ns, end_ns)
        self._metering.forget(start_ns)
        return Trial(
            variant,
            start_ns,
            end_ns,
            count,
            sum(run.end_ns - run.start_ns for run in runs) / 1e9 / count,
            sum(run.cpu_s for run in runs) / count,
            None if used is None else used.energy_j.times(1 / count),
            0.0 if used is None else used.period_s,
            self._clock_hz(),
        )

    def aside(self, text: str, what: str) -> None:
        """Run a command that is not measured; CommandFailed where it fails, or takes too long."""
        which = f"the {what} command "
        self._check(self._run(as_argv(text), f"{which}{text!r}"), text, which)

    def _once(self, variant: int) -> Ended:
        command = self._commands[variant]
        if command.prepare is not None:
            self.aside(command.prepare, "--prepare")
        ended = self._run(command.argv, repr(command.text))
        if not self._ignore_failure:
            self._check(ended, command.text, "", "; --ignore-failure measures it all the same")
        if ended.left_some:
            self._leaving.add(variant)
        if ended.printed_bytes * PIPE_S_PER_BYTE > MOST_ADDED * (ended.end_ns - ended.start_ns) / 1e9:
            self._printing[variant] = ended.printed_bytes
        return ended

    def _run(self, argv: Sequence[str], what: str) -> Ended:
        try:
            return self._runner.run(argv)
        except TimeIsUp:
            raise TimeIsUp(what) from None

    def _check(self, ended: Ended, text: str, which: str, remedy: str = "") -> None:
        if ended.status == 0:
            return
        how = f"exit status {ended.status}" if ended.status > 0 else f"signal {-ended.status}"
        raise CommandFailed(f"{which}{text!r} failed with {how}{remedy}", self._runner.output)
