"""What each kernel cost: a trace's launches joined with the energy of the GPUs that a run recorded meanwhile.

For each GPU the launches become a ledger (kernel_ledger.py) and the GPU's channel is fitted over the intervals of
its counter, as the regions of a program are (regions.py). A counter that lags (counter_lag.py) is moved back. A trace
whose clock is off moves every border between two intervals by as much: the looks at the counter are taken to lie
further apart by that, so that the fit knows.

What was used while nothing ran is the GPU's idle power. It is drawn while kernels run as well: what a kernel used
above it is given beside all that it used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pycarbon import remedies
from pycarbon.alignment import Alignment, align
from pycarbon.analysis import Run
from pycarbon.counter_lag import Lag, counter_lag
from pycarbon.energy import ChannelEnergy, Timeline, channel_energy
from pycarbon.errors import PyCarbonError
from pycarbon.gpu import Gpu
from pycarbon.interval import Range
from pycarbon.kernel_ledger import Launches, ledger_of
from pycarbon.kernel_timeline import KernelTimeline
from pycarbon.regions import Figures, figures
from pycarbon.run import Channel, Kind, RunData
from pycarbon.supply import Measured
from pycarbon.totals import Region
from pycarbon.traced_gpus import gpu_channels, matched

ALONE = "pycarbon.kernel_energy(fn) runs one alone"
_REMEDIES = {
    remedies.ALTERNATING: f"kernels alternate faster than the counter: {ALONE}",
    remedies.TOGETHER: f"it ran beside others, whose power nothing tells from its own: {ALONE}",
    remedies.CROWDED: f"more kernels ran than can have a power of their own: {ALONE}",
    "needs longer calls": f"it hardly shows beside the others: {ALONE}",
}

TOO_SHORT = "pauses between kernels are too short for its counter: let it rest for some seconds while it is traced"

HARDLY_IDLE = 1e-4
"""With less than this part of the time to rest in, nothing tells what a GPU draws at rest."""

NO_IDLE_TIME = "the GPU was never idle in the trace"


@dataclass(frozen=True, slots=True)
class Kernel:
    """What all launches of one name used on one GPU. Joules and watts come as low, best, high.

    `time_s` sums the launches, `own_s` counts of two that ran at once half of each. `energy_j` is None where the run
    does not tell it: `resolved` is False then, `remedy` says what would help, and the bounds hold all the same.
    `above_idle_j` is without what the idle GPU would have used meanwhile; None where one of the two is not known.
    """

    label: str
    device: str
    launches: int
    time_s: float
    own_s: float
    energy_j: float | None
    low_j: float
    high_j: float
    above_idle_j: Range | None
    share: float | None
    kind: Kind
    method: str
    resolved: bool
    remedy: str
    co2e_g: float | None

    def per_launch(self, amount: float | None) -> float | None:
        """Divide among the launches; None without one."""
        return None if amount is None or not self.launches else amount / self.launches

    def power_w(self, energy_j: float | None) -> float | None:
        """Give the mean power while it ran, which is its part where others ran at once."""
        return None if energy_j is None or self.time_s <= 0 else energy_j / self.time_s


@dataclass(frozen=True, slots=True)
class GpuFigures:
    """One GPU: what it used in the time that was traced, in which kernels, and at rest.

    `lag` is by how much its counter was behind, `idle` what was used while nothing ran. `static_w` is the mean power
    of that; None where nothing tells, for the reason `no_static`.
    """

    gpu: Gpu
    number: int
    used: ChannelEnergy
    lag: Lag
    kernels: tuple[Kernel, ...]
    idle: Region
    static_w: Range | None
    no_static: str


@dataclass(frozen=True, slots=True)
class KernelFigures:
    """What a trace's kernels used, on each GPU of a run that was traced."""

    origin: str
    alignment: Alignment
    gpus: tuple[GpuFigures, ...]
    notes: tuple[str, ...]

    @property
    def kernels(self) -> list[Kernel]:
        """All kernels of all GPUs, what used the most first."""
        return sorted((one for gpu in self.gpus for one in gpu.kernels), key=_rank)


def _rank(kernel: Kernel) -> tuple[float, float, str, str]:
    energy_j = (kernel.low_j + kernel.high_j) / 2 if kernel.energy_j is None else kernel.energy_j
    return -energy_j, -kernel.time_s, kernel.label, kernel.device


def own_timeline(run: Run) -> KernelTimeline:
    """Give the timeline that a run holds itself; PyCarbonError where it holds none."""
    held = run.kernel_timeline
    if held is None:
        raise PyCarbonError(
            "this run holds no timeline of kernels: --trace names one of torch.profiler or Nsight Systems, "
            "or record the program with pycarbon.kernels()"
        )
    return held


def kernel_figures(timeline: KernelTimeline, run: Run, domains: Sequence[str] | None = None) -> KernelFigures:
    """Join a trace with a run, of which with `domains` only these GPUs count.

    PyCarbonError, in one line, where the two do not belong together.
    """
    data = run.data
    gpus, notes = matched(timeline, data, domains)
    alignment = align(timeline, data)
    channels = gpu_channels(data)
    found, silent = [], []
    for number, gpu in gpus.items():
        channel, launches = channels[gpu.domain], launches_of(timeline, alignment, number)
        lag = counter_lag(launches, Timeline(data, channel), alignment.start_ns, alignment.end_ns)
        if lag.lag_ns:
            notes.append(_lags(gpu.domain, lag))
        inside = _moved(data, channel, lag, alignment).between(alignment.start_ns, alignment.end_ns)
        supply = Measured(channel_energy(inside, channel), channel, Timeline(inside, channel))
        if len(supply.timeline.update_ns) < 2 or supply.used.is_ambiguous:
            silent.append(f"the counter of {gpu.domain} did not tell its energy: its kernels are left out")
            continue
        told = _told(timeline.names, launches, alignment, supply, run._grams_per_j)
        found.append(GpuFigures(gpu, number, supply.used, lag, *told))
    if not found:
        raise PyCarbonError(silent[0].partition(": its")[0] if silent else "the trace is of no GPU of this run")
    return KernelFigures(timeline.origin, alignment, tuple(found), (*notes, *silent, *alignment.notes))


def _moved(data: RunData, channel: Channel, lag: Lag, alignment: Alignment) -> RunData:
    """Give the run as if a counter had been looked at earlier by its lag, by looks as far apart as all is unsure."""
    edges, error_ns = data.edges_of(channel).copy(), alignment.error_ns + lag.error_ns
    edges["t_before_ns"] -= lag.lag_ns + error_ns
    edges["t_seen_ns"] -= lag.lag_ns - error_ns
    return RunData(data.meta, data.channels, {channel.id: edges}, data.footer, data.complete, data.events)


def _lags(domain: str, lag: Lag) -> str:
    way = "behind" if lag.lag_ns > 0 else "ahead of"
    return (
        f"the counter of {domain} is {abs(lag.lag_ns) / 1e6:.3g} ms (up to {lag.error_ns / 1e6:.2g} ms more or less) "
        f"{way} the trace, as what ran tells: figures take that into account"
    )


def launches_of(timeline: KernelTimeline, alignment: Alignment, number: int) -> Launches:
    """Give what ran on one device in the run, on its clock."""
    spans = timeline.spans
    of_device = spans["device"] == number
    chosen = spans if of_device.all() else spans[of_device]
    start_ns, end_ns = (alignment.here_ns(chosen[name].astype(np.int64)) for name in ("start_ns", "end_ns"))
    return Launches(start_ns, np.maximum(end_ns, start_ns), chosen["name"]).between(
        alignment.start_ns, alignment.end_ns
    )


def _told(
    names: list[str], launches: Launches, alignment: Alignment, supply: Measured, grams_per_j: float
) -> tuple[tuple[Kernel, ...], Region, Range | None, str]:
    """Give the kernels of one GPU, what it used at rest, the power of that, and else why it is not known."""
    start_ns, end_ns = alignment.start_ns, alignment.end_ns
    ledger = ledger_of(launches, names, supply.timeline.update_ns, start_ns, end_ns)
    told = figures(ledger, [supply], start_ns, end_ns, grams_per_j)
    time_s = _by_label(names, np.bincount(launches.name, launches.end_ns - launches.start_ns, len(names)) / 1e9)
    idle, static_w, no_static = _idle(told, (end_ns - start_ns) / 1e9)
    domain = supply.used.domain
    kernels = [_kernel(region, domain, time_s[region.label], static_w) for region in told.labels]
    return tuple(sorted(kernels, key=_rank)), idle, static_w, no_static


def _by_label(names: list[str], values: NDArray[np.float64]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in zip(names, values.tolist(), strict=True):
        found[name] = found.get(name, 0.0) + value
    return found


def _idle(told: Figures, lasted_s: float) -> tuple[Region, Range | None, str]:
    """Give what nothing ran in, the power of that, and else why it is not known."""
    idle = replace(told.outside, remedy=TOO_SHORT if told.outside.remedy in _REMEDIES else told.outside.remedy)
    if idle.time_s <= HARDLY_IDLE * lasted_s:
        return idle, None, NO_IDLE_TIME
    if idle.energy_j is None:
        return idle, None, f"what it draws at rest is not resolved: {idle.remedy}"
    return idle, Range(idle.low_j, idle.energy_j, idle.high_j).times(1 / idle.time_s), ""


def _kernel(region: Region, domain: str, time_s: float, static_w: Range | None) -> Kernel:
    above = None
    if static_w is not None and region.energy_j is not None:
        # What is given to one the other lacks: their errors add up as they are.
        idle = static_w.times(region.self_time_s)
        best = max(region.energy_j - idle.best, 0.0)
        above = Range(max(region.low_j - idle.high, 0.0), best, max(region.high_j - idle.low, best))
    return Kernel(
        label=region.label,
        device=domain,
        launches=region.calls,
        time_s=time_s,
        own_s=region.self_time_s,
        energy_j=region.energy_j,
        low_j=region.low_j,
        high_j=region.high_j,
        above_idle_j=above,
        share=region.share,
        kind=region.kind,
        method=region.method,
        resolved=region.resolved,
        remedy=kernel_remedy(region.remedy),
        co2e_g=region.co2e_g,
    )


def kernel_remedy(remedy: str) -> str:
    """Say for kernels what remedies.py says for regions of a program."""
    if remedy in _REMEDIES:
        return _REMEDIES[remedy]
    return re.sub(r"\bcall\b", "launch", re.sub(r"\bcalls\b", "launches", remedy))
