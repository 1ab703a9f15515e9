"""A span of work in this process: from when to when, with its CPU time, and how busy the machine was meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_BUSY = (1, 2, 3, 6, 7)
"""Of the first line of /proc/stat: user, nice, system, irq, softirq. Guest time is inside user."""


@dataclass(frozen=True, slots=True)
class Span:
    """Times are CLOCK_MONOTONIC, so they mean the same in all processes of a machine.

    `busy_s` is the CPU time of all that ran meanwhile; None where nobody else was at work by intention.
    """

    start_ns: int
    end_ns: int
    cpu_s: float
    busy_s: float | None = None

    @property
    def time_s(self) -> float:
        """How long it lasted."""
        return (self.end_ns - self.start_ns) / 1e9


class Stopwatch:
    """Runs from when it is made; `shared` says that others work on this machine at the same time."""

    def __init__(self, shared: bool = False, proc: Path = PROC) -> None:
        """Start it."""
        self._proc = proc if shared else None
        self._busy_s = None if self._proc is None else busy_s(self._proc)
        self._cpu_s = own_cpu_s()
        self._start_ns = time.monotonic_ns()

    def span(self) -> Span:
        """Give the span up to now."""
        end_ns = time.monotonic_ns()
        cpu_s = max(own_cpu_s() - self._cpu_s, 0.0)
        after_s = None if self._proc is None else busy_s(self._proc)
        busy = None
        if self._proc is not None:  # not known: as much as the span's own at least, and all of it may be others'
            busy = cpu_s if after_s is None or self._busy_s is None else max(after_s - self._busy_s, 0.0)
        return Span(self._start_ns, end_ns, cpu_s, busy)


def own_cpu_s() -> float:
    """Give the CPU time of this process and of the children it has waited for."""
    try:
        import resource
    except ImportError:
        return time.process_time()
    waited = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + waited.ru_utime + waited.ru_stime


def busy_s(proc: Path = PROC) -> float | None:
    """Give the CPU time that the machine spent at work since it was started; None where it does not tell."""
    import os

    try:
        with (proc / "stat").open(encoding="ascii") as file:
            words = file.readline().split()
        return sum(int(words[number]) for number in _BUSY) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
