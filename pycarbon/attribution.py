"""How much of the machine's energy a process tree answers for, by CPU time, window by window.

In each window the machine's energy is divided among those who kept its CPUs busy, in proportion to their CPU
time, idle power included. The time in which no CPU was busy belongs to nobody: in a window of w seconds with b
busy CPU seconds that is at least w - b, so a tree with p of them answers for p / max(b, w) of the energy.

A GPU's energy is divided likewise, by the time for which its driver says each process kept it busy. Where it does
not say, nobody knows the share: the tree may have used all of it, or nothing.

What this assumes, that a CPU second costs the same whoever uses it, is wrong by up to a factor: vector units,
clock rate and memory traffic differ. The interval weighs the tree's CPU seconds from half to double.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycarbon.energy import Timeline, windows
from pycarbon.run import MACHINE_CPU, PROCESS_CPU, RunData

WINDOW_S = 0.2
"""Shortest window: CPU time comes in ticks of 10 ms, read ten times a second."""

WEIGHT = 2.0
"""A CPU second of one program may draw so many times as much, or as little, as another's."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CpuTime:
    """CPU seconds in each of n windows. `border_ns` has shape (n + 1,), the others (n,).

    `busy_s` is the machine's, between `busy_low_s` and `busy_high_s`; `process_s` the recorded tree's, at most
    `process_high_s` (zeros where it is not known, and then `process_known` is False).
    """

    border_ns: Array
    busy_s: Array
    busy_low_s: Array
    busy_high_s: Array
    process_s: Array
    process_high_s: Array
    process_known: bool

    @property
    def window_s(self) -> Array:
        """Give the length of each window in s."""
        length_s: Array = np.diff(self.border_ns) / 1e9
        return length_s


def cpu_time(run: RunData, n_threads: int) -> CpuTime:
    """Read the run's CPU time; `n_threads` is the machine's number of logical CPUs.

    Where the machine's busy time was not recorded, it lies anywhere between the tree's and all of it.
    """
    border_ns = windows(run.start_ns, run.end_ns, WINDOW_S)
    window_s = np.diff(border_ns) / 1e9
    duration_s = float(window_s.sum())
    part = window_s / duration_s if duration_s > 0 else np.zeros_like(window_s)
    process_s, process_high_s, process_known = _process_s(run, border_ns, part)
    capacity_s = window_s * n_threads
    process_s, process_high_s = np.minimum(process_s, capacity_s), np.minimum(process_high_s, capacity_s)

    machine = run.channel(MACHINE_CPU)
    if machine is None or len(run.edges_of(machine)) == 0:
        return CpuTime(border_ns, process_s, process_s, capacity_s, process_s, process_high_s, process_known)
    busy_s = np.diff(Timeline(run, machine).best_j(border_ns))
    grain_s = float(machine.unit) * n_threads * part  # each CPU's time may be off by one tick over the run
    low, best, high = (
        np.clip(amount, process_s, np.maximum(capacity_s, process_s))
        for amount in (busy_s - grain_s, busy_s, busy_s + grain_s)
    )
    return CpuTime(border_ns, best, low, high, process_s, process_high_s, process_known)


def _process_s(run: RunData, border_ns: Array, part: Array) -> tuple[Array, Array, bool]:
    """Give the tree's CPU time, its high end, and whether it is known.

    Ticks lose what is shorter: the time is raised to what the system told at the end. Where it told nothing, the
    recording being cut off, one tick more may have been used.
    """
    channel = run.channel(PROCESS_CPU)
    exact_s = run.footer.get("process_cpu_s")
    seen_s = np.zeros(len(border_ns) - 1)
    if channel is not None and len(run.edges_of(channel)):
        seen_s = np.maximum(np.diff(Timeline(run, channel).best_j(border_ns)), 0.0)
    missing_s = max((exact_s or 0.0) - float(seen_s.sum()), 0.0)
    spread = seen_s / seen_s.sum() if seen_s.sum() > 0 else part
    process_s = seen_s + missing_s * spread
    unseen_s = float(channel.unit) if channel is not None and exact_s is None else 0.0
    return process_s, process_s + unseen_s * part, channel is not None or exact_s is not None


def gpu_shares(
    run: RunData, domain: str, border_ns: Array, slice_share: float | None = None
) -> tuple[Array, Array, Array]:
    """Give the tree's share of a GPU's energy in each window, as shares() does.

    Where its driver does not tell, that is `slice_share`, the part that the tree's slices are, or nobody knows it.
    A tree that had the GPU for itself may answer for all of it: without it the GPU would sleep. Where kernels of
    several processes run at once, their times add up to more than the window.
    """
    used_s = []
    for name in (f"{domain}-process", f"{domain}-processes"):
        channel = run.channel(name)
        if channel is None or not len(run.edges_of(channel)):
            none = np.zeros(len(border_ns) - 1)
            return none, none + (slice_share or 0.0), none + 1
        used_s.append(np.maximum(np.diff(Timeline(run, channel).best_j(border_ns)), 0.0))
    window_s = np.diff(border_ns) / 1e9
    own_s, others_s = used_s[0], used_s[1] - used_s[0]
    return (
        _share(own_s / WEIGHT, others_s, window_s),
        _share(own_s, others_s, window_s),
        _share(own_s * WEIGHT, others_s, own_s),
    )


def shares(cpu: CpuTime) -> tuple[Array, Array, Array]:
    """Give the tree's share of each window's energy, shape (n,) each: low, best, high, in 0..1."""
    own, window = cpu.process_s, cpu.window_s
    return (
        _share(own / WEIGHT, cpu.busy_high_s - own, window),
        _share(own, cpu.busy_s - own, window),
        _share(cpu.process_high_s * WEIGHT, cpu.busy_low_s - own, window),
    )


def _share(own_s: Array, others_s: Array, window_s: Array) -> Array:
    all_s = np.maximum(own_s + np.maximum(others_s, 0.0), window_s)
    share: Array = np.divide(own_s, all_s, out=np.zeros_like(own_s), where=all_s > 0)
    return share
