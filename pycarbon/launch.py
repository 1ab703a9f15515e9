"""Start a command and wait for it as if nobody were in between: streams, signals, terminal, exit status.

The parent keeps its job-control signals at their defaults, so Ctrl-Z stops both and `fg` wakes both. A signal that
comes from the terminal reaches the command by itself, since the kernel sends it to the whole foreground group: it
must not be sent twice. One that somebody sent to pycarbon is passed on; whether it was sent to the whole group, and
so reaches the command twice, nobody can tell. Orphans of the command become our children, and are waited for.

The command gets the signal mask and the ignored signals that pycarbon was started with, but for SIGPIPE and SIGXFSZ:
the interpreter ignores those before any of our code runs, so whether somebody else did is lost; they are at default.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE = 127, 126

_PASSED_ON = {
    getattr(signal, name)
    for name in ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGWINCH")
    if hasattr(signal, name)
}
_CAN_WAIT = hasattr(signal, "sigtimedwait")  # Linux and some of the BSDs
_FROM_THE_KERNEL = 0x80  # SI_KERNEL: what a terminal driver's signals carry
_SET_BY_PYTHON = ("SIGPIPE", "SIGXFSZ")  # ignored by the interpreter, by nobody's wish


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit status, negative for the signal that killed it.

    `cpu_s` is its CPU time, with all children that were waited for.
    """

    status: int
    start_ns: int
    end_ns: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Inherited:
    """What the command gets as it was before signals_held() touched it."""

    mask: frozenset[int] = frozenset()
    ignores_children: bool = False


@contextmanager
def signals_held() -> Iterator[Inherited]:
    """Hold the signals that belong to the command, in this thread and every thread it starts.

    Entered before any other thread exists: one that does not hold them would be killed in the command's stead.
    """
    if not _CAN_WAIT:
        yield Inherited()
        return
    import resource  # noqa: F401  # os.wait4 imports it: now, while there is a free file descriptor

    waited_for = _PASSED_ON | {signal.SIGCHLD}
    handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, the kernel would not let us wait
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    try:
        yield Inherited(frozenset(mask), handler == signal.SIG_IGN)
    finally:
        _pending(waited_for)  # they were for a command that has ended
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _pending(numbers: set[int]) -> list[int]:
    """Take the signals that wait to be delivered."""
    found = []
    while (caught := signal.sigtimedwait(numbers, 0)) is not None:
        found.append(caught.si_signo)
    return found


def environment() -> dict[str, str]:
    """Give the environment the command would have without us: in the C locale Python sets LC_CTYPE (PEP 538)."""
    environ = dict(os.environ)
    if "LC_CTYPE" in environ:
        with suppress(OSError):
            entries = Path("/proc/self/environ").read_bytes().split(b"\0")
            variables = dict(entry.partition(b"=")[::2] for entry in entries)
            del environ["LC_CTYPE"]
            if b"LC_CTYPE" in variables:
                environ["LC_CTYPE"] = os.fsdecode(variables[b"LC_CTYPE"])
    return environ


def launch(
    argv: list[str],
    environ: Mapping[str, str],
    inherited: Inherited,
    started: Callable[[int], None],
) -> Ended:
    """Run `argv` to its end, within signals_held(), which gave `inherited`.

    `started` gets its process id as soon as there is one. OSError where it cannot be started. Every child of this
    process is waited for: orphans of the command may have become some.
    """
    if _CAN_WAIT:
        return _launch_waiting(argv, environ, inherited, started)
    return _launch_anywhere(argv, environ, started)


def _launch_waiting(
    argv: list[str],
    environ: Mapping[str, str],
    inherited: Inherited,
    started: Callable[[int], None],
) -> Ended:
    waited_for = _PASSED_ON | {signal.SIGCHLD}
    early = _pending(waited_for)
    cpu_s = 0.0
    start_ns = time.monotonic_ns()
    process = _spawn(argv, environ, inherited)
    started(process)
    for number in early:  # those of a terminal too: the command was not there to get them
        _send(process, number)
    while True:
        # A thread older than signals_held() may have taken the SIGCHLD: look by ourselves now and then.
        caught = signal.sigtimedwait(waited_for, 1.0)
        if caught is not None and caught.si_signo != signal.SIGCHLD:
            if caught.si_code != _FROM_THE_KERNEL:
                _send(process, caught.si_signo)
            continue
        while (ended := os.wait4(-1, os.WNOHANG))[0]:
            used = ended[2]
            cpu_s += used.ru_utime + used.ru_stime
            if ended[0] == process:
                return Ended(os.waitstatus_to_exitcode(ended[1]), start_ns, time.monotonic_ns(), cpu_s)


def _send(process: int, number: int) -> None:
    with suppress(OSError):  # a command that became another user takes no signals from us
        os.kill(process, number)


def _spawn(argv: list[str], environ: Mapping[str, str], inherited: Inherited) -> int:
    start = _fork if inherited.ignores_children else _posix_spawn
    try:
        return start(argv, environ, inherited)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
    # A script without a first line that names its interpreter: execvp(3) and every shell give it to sh.
    import shutil

    script = shutil.which(argv[0], path=environ.get("PATH")) or argv[0]
    return start(["/bin/sh", script, *argv[1:]], environ, inherited)


def _posix_spawn(argv: list[str], environ: Mapping[str, str], inherited: Inherited) -> int:
    defaults = [getattr(signal, name) for name in _SET_BY_PYTHON]
    return os.posix_spawnp(argv[0], argv, environ, setsigmask=inherited.mask, setsigdef=defaults)


def _fork(argv: list[str], environ: Mapping[str, str], inherited: Inherited) -> int:
    """Start a command that ignores SIGCHLD, as pycarbon's caller does: posix_spawn can not ignore a signal."""

    def restore() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, inherited.mask)

    import subprocess
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads: the child only executes
        process = subprocess.Popen(argv, env=environ, close_fds=False, preexec_fn=restore)
    process.returncode = 0  # we wait for it ourselves
    return process.pid


def _launch_anywhere(argv: list[str], environ: Mapping[str, str], started: Callable[[int], None]) -> Ended:
    import subprocess

    before = os.times()
    start_ns = time.monotonic_ns()
    # Handlers before the command exists: a signal in between would end us and leave it without its parent.
    early: list[int] = []
    children: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _: object) -> None:
        if children:
            children[0].send_signal(number)
        else:
            early.append(number)

    previous = {number: signal.signal(number, pass_on) for number in _passed_on_without_terminal()}
    previous[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)  # the terminal sends it to both
    try:
        children.append(subprocess.Popen(argv, env=environ))
        for number in early:
            children[0].send_signal(number)
        started(children[0].pid)
        status = children[0].wait()
        end_ns = time.monotonic_ns()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Ended(status, start_ns, end_ns, cpu_s)


def _passed_on_without_terminal() -> list[int]:
    return [getattr(signal, name) for name in ("SIGHUP", "SIGTERM", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)]


def end_like(status: int) -> int:
    """Give the exit status that says how the command ended; of one killed by a signal, die of the same."""
    if status >= 0:
        return status
    number = -status
    with suppress(OSError, ValueError, ImportError):
        import resource

        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        unlimited = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (0, unlimited))  # one core is enough
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
        time.sleep(1)
    return 128 + number
