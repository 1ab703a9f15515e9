"""Start a command and wait for it as if nobody were in between: streams, signals, terminal, exit status.

The parent keeps its job-control signals at their defaults, so Ctrl-Z stops both and `fg` wakes both. A signal that
comes from the terminal reaches the command by itself, since the kernel sends it to the whole foreground group: it
must not be sent twice. One that somebody sent to pycarbon alone is passed on.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE = 127, 126

_PASSED_ON = {
    getattr(signal, name)
    for name in ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGWINCH", "SIGCONT")
    if hasattr(signal, name)
}
_CAN_WAIT = hasattr(signal, "sigwaitinfo")  # Linux and some of the BSDs
_FROM_THE_KERNEL = 0x80  # SI_KERNEL: what a terminal driver's signals carry
_SET_BY_PYTHON = ("SIGPIPE", "SIGXFSZ")  # ignored by the interpreter, by nobody's wish


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit status, negative for the signal that killed it."""

    status: int
    start_ns: int
    end_ns: int
    cpu_s: float


@contextmanager
def signals_held() -> Iterator[set[signal.Signals]]:
    """Hold the signals that belong to the command, in this thread and every thread it starts; gives the old mask.

    Entered before any other thread exists: one that does not hold them would be killed in the command's stead.
    """
    if not _CAN_WAIT:
        yield set()
        return
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, the kernel would not let us wait
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON | {signal.SIGCHLD})
    try:
        yield {signal.Signals(number) for number in mask}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def launch(
    argv: list[str],
    environ: Mapping[str, str],
    mask: set[signal.Signals],
    started: Callable[[int], None],
) -> Ended:
    """Run `argv` to its end, within signals_held(), whose mask it gets back.

    `started` gets its process id as soon as there is one. OSError where it cannot be started.
    """
    if _CAN_WAIT:
        return _launch_waiting(argv, environ, mask, started)
    return _launch_anywhere(argv, environ, started)


def _launch_waiting(
    argv: list[str],
    environ: Mapping[str, str],
    mask: set[signal.Signals],
    started: Callable[[int], None],
) -> Ended:
    waited_for = _PASSED_ON | {signal.SIGCHLD}
    start_ns = time.monotonic_ns()
    process = _spawn(argv, environ, mask)
    started(process)
    while True:
        caught = signal.sigwaitinfo(waited_for)
        if caught.si_signo != signal.SIGCHLD:
            if caught.si_code != _FROM_THE_KERNEL:
                os.kill(process, caught.si_signo)
            continue
        ended, status, used = os.wait4(process, os.WNOHANG)
        if ended:
            break
    end_ns = time.monotonic_ns()
    return Ended(os.waitstatus_to_exitcode(status), start_ns, end_ns, used.ru_utime + used.ru_stime)


def _spawn(argv: list[str], environ: Mapping[str, str], mask: set[signal.Signals]) -> int:
    defaults = [getattr(signal, name) for name in _SET_BY_PYTHON]
    try:
        return os.posix_spawnp(argv[0], argv, environ, setsigmask=mask, setsigdef=defaults)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
    # A script without a first line that names its interpreter: execvp(3) and every shell give it to sh.
    return os.posix_spawn("/bin/sh", ["/bin/sh", *argv], environ, setsigmask=mask, setsigdef=defaults)


def _launch_anywhere(argv: list[str], environ: Mapping[str, str], started: Callable[[int], None]) -> Ended:
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
    sys.stdout.flush()
    sys.stderr.flush()
    number = -status
    try:
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        import resource

        resource.setrlimit(
            resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1])
        )  # one core is enough
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
        time.sleep(1)
    except (OSError, ValueError, ImportError):
        pass
    return 128 + number
