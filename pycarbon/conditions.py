"""What else went on in the machine while variants were compared: other programs, the host, clock rates, heat."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pycarbon.counters import Roots
from pycarbon.machine import clock_ticks_per_s

MOST_CPUS = 8
"""Of so many CPUs the clock rate is read: some kernels ask each of them by an interrupt."""

OTHERS_BUSY, STOLEN = 0.05, 0.02
"""Of a CPU in the mean: below it a machine is called quiet."""

_BUSY = (0, 1, 2, 5, 6)  # user, nice, system, irq and softirq of /proc/stat; guests are in user
_STOLEN = 7


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the kernel said at one moment, each None where it does not: CPU seconds since boot, all CPUs together, and
    how often a CPU was slowed down for its heat.
    """

    at_s: float
    busy_cpu_s: float | None
    stolen_cpu_s: float | None
    throttled: int | None


def read(roots: Roots) -> Conditions:
    """Look now."""
    ticks: list[int] = []
    with suppress(OSError, ValueError):
        ticks = [int(word) for word in (roots.proc / "stat").read_text().split("\n", 1)[0].split()[1:]]
    known, per_s = len(ticks) > _STOLEN, clock_ticks_per_s()
    return Conditions(
        time.monotonic(),
        sum(ticks[i] for i in _BUSY) / per_s if known else None,
        ticks[_STOLEN] / per_s if known else None,
        _throttled(roots),
    )


def clock_hz(roots: Roots) -> float | None:
    """Give the mean clock rate of some CPUs; None where the kernel shows none."""
    rates = [hz for path in _of_cpus(roots, "cpufreq/scaling_cur_freq") if (hz := _number(path)) is not None]
    return sum(rates) / len(rates) * 1000 if rates else None  # it is in kHz


def _throttled(roots: Roots) -> int | None:
    names = ("package_throttle_count", "core_throttle_count")
    paths = [path for name in names for path in _of_cpus(roots, f"thermal_throttle/{name}")]
    counts = [count for path in paths if (count := _number(path)) is not None]
    return sum(counts) if counts else None


def _of_cpus(roots: Roots, name: str) -> list[Path]:
    return [roots.sys / f"devices/system/cpu/cpu{number}" / name for number in range(MOST_CPUS)]


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def disturbances(before: Conditions, after: Conditions, own_cpu_s: float) -> list[str]:
    """Say, a line each, what went on between two moments beside this process and its children, with `own_cpu_s`."""
    lines = []
    elapsed_s = max(after.at_s - before.at_s, 1e-9)
    if before.busy_cpu_s is not None and after.busy_cpu_s is not None:
        others = (after.busy_cpu_s - before.busy_cpu_s - own_cpu_s) / elapsed_s
        if others > OTHERS_BUSY:
            lines.append(
                f"other programs kept {others:.2g} CPUs busy meanwhile: their energy is in every figure, and their "
                "ups and downs are in the intervals"
            )
    if before.stolen_cpu_s is not None and after.stolen_cpu_s is not None:
        stolen = (after.stolen_cpu_s - before.stolen_cpu_s) / elapsed_s
        if stolen > STOLEN:
            lines.append(f"the host took {stolen:.2g} CPUs from this virtual machine meanwhile")
    if before.throttled is not None and after.throttled is not None and after.throttled > before.throttled:
        lines.append("CPUs were slowed down for their heat meanwhile: better cooling or a lower clock rate helps")
    return lines
