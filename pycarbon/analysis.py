"""A run as its users see it: what was recorded, and the figures that follow from it."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pycarbon import home, series, totals
from pycarbon.attribution import CpuTime, cpu_time, gpu_shares, shares
from pycarbon.by_hour import energy_by_hour
from pycarbon.energy import LINE_DTYPE, MOST_SHOWN, ChannelEnergy, Timeline, channel_energy, power, told_energy
from pycarbon.errors import PyCarbonError, RunFileError
from pycarbon.frame import LATEST_NS
from pycarbon.gaps import Gaps, gaps
from pycarbon.gpu import Gpu
from pycarbon.hours import EnergyByHour
from pycarbon.interval import Range
from pycarbon.model import PowerCurve, energy_j
from pycarbon.rated import Rated
from pycarbon.remarks import remarks
from pycarbon.run import COUNTED, Channel, Flag, Kind, RunData
from pycarbon.series import Powers, per_s, seconds
from pycarbon.totals import Energy, Region, Totals

if TYPE_CHECKING:
    import pandas

    from pycarbon.kernel_timeline import KernelTimeline
    from pycarbon.regions import Figures, TreeNode
    from pycarbon.supply import Supply

LEVEL_DTYPE = np.dtype([("time_ns", "<i8"), ("value", "<f8")])

MOST_NAMED, BESIDE_NS = 20, 2_000_000_000
MOST_NODES, MOST_ROWS = 1000, 1 << 22
"""Of regions: figures of more are computed when they are asked for."""


class Run(Rated):
    """One recorded run. All figures are computed from what was recorded, when first asked for."""

    def __init__(self, data: RunData, path: Path | None = None) -> None:
        """Wrap what was recorded; `path` is where it lies."""
        self._data = data
        self.path = path

    @property
    def data(self) -> RunData:
        """What was recorded: metadata, channels, edges."""
        return self._data

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures must know, a line each: what failed, is missing, or was assumed."""
        notes = list(dict.fromkeys([*self._meta("notes", []), *self.data.footer.get("notes", [])]))
        if not self.complete:
            notes.append("the recording was cut off: the figures reach up to the last moment seen")
        return notes + self._remarks + list(filter(None, [self.intensity.note, self._left_behind[1]]))

    @cached_property
    def _remarks(self) -> list[str]:
        if self._totals is not None:
            return list(self._totals.remarks)
        return remarks(self.data, self._energy_channels, self.energy.channels, self.gaps)

    @cached_property
    def _totals(self) -> Totals | None:
        """The figures as the run's file has them, if it has."""
        kept = self.data.footer.get("totals")
        return totals.from_dict(kept) if kept else None

    @property
    def gpus(self) -> list[Gpu]:
        """The GPUs that the recorded program saw."""
        return [Gpu.from_dict(values) for values in self._meta("gpus", [])]

    def level(self, domain: str) -> NDArray[np.void]:
        """Give what was read beside the energy, such as "gpu-0-power": an array of `time_ns` and the `value` since.

        W, Hz, degrees Celsius, parts of 1, or for "gpu-0-throttle" NVML's bits. PyCarbonError where it was not read.
        """
        channel = self.data.channel(domain)
        if channel is None or channel.quantity in COUNTED:
            names = ", ".join(c.domain for c in self.data.channels if c.quantity not in COUNTED)
            raise PyCarbonError(f"this run has no level {domain!r}; it has {names or 'none'}")
        edges = self.data.edges_of(channel)
        edges = edges[(edges["flags"] & (Flag.GAP | Flag.LOST)) == 0]
        found = np.zeros(len(edges), LEVEL_DTYPE)
        found["time_ns"], found["value"] = edges["t_seen_ns"], edges["raw"] * float(channel.unit)
        return found

    @cached_property
    def gaps(self) -> list[Gaps]:
        """The times in which nobody looked at the counters, by their cause."""
        return gaps(self.data)

    @property
    def regions(self) -> list[Region]:
        """The regions of the code, one for each label with all that is nested in it, in order of energy."""
        kept = self._totals
        if kept is not None and kept.regions is not None:
            return list(map(self._with_grams, kept.regions))
        return [] if self._figures is None else list(self._figures.labels)

    def tree(self) -> list[TreeNode]:
        """Give the regions as they are nested: those that are in no other, each with its children."""
        return [] if self._figures is None else list(self._figures.roots)

    @property
    def outside(self) -> Region | None:
        """What no region covers, so that it and the regions' own energies make up the total; None without regions."""
        kept = self._totals
        if kept is not None and kept.regions is not None:
            return None if kept.outside is None else self._with_grams(kept.outside)
        return None if self._figures is None else self._figures.outside

    def calls(self, label: str) -> NDArray[np.void]:
        """Give the single calls of a region: a structured array of `start_ns`, `end_ns`, `thread`, and of what the
        machine used meanwhile `energy_j`, `low_j`, `high_j`. Those of the marks that were kept; see `notes`.

        PyCarbonError where there is no such label.
        """
        from pycarbon.calls import calls

        ledger = self.data.ledger
        used = set() if ledger is None else set(ledger.nodes["label"].tolist())
        labels = {} if ledger is None else {name: i for i, name in enumerate(ledger.labels) if i in used}
        if ledger is None or label not in labels:
            names = [repr(name) for name in labels]
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            raise PyCarbonError(
                f"this run has no region {label!r}; it has {', '.join(names[:MOST_NAMED]) or 'none'}{more}"
            )
        return calls(ledger, labels[label], self.supplies)

    @property
    def kernel_timeline(self) -> KernelTimeline | None:
        """When which kernel ran on its GPUs, as `pycarbon.kernels` saw it; None where nobody traced them."""
        return self.data.kernels

    @cached_property
    def _figures(self) -> Figures | None:
        ledger = self.data.ledger
        if ledger is None or not len(ledger.rows):
            return None
        from pycarbon.regions import figures

        return figures(ledger, self.supplies, self.data.start_ns, self.data.end_ns, self._grams_per_j)

    @cached_property
    def supplies(self) -> list[Supply]:
        """What fed it: the channels that its total adds, moment by moment."""
        from pycarbon.supply import Measured, Modelled

        return [
            Modelled(used, self._cpu.border_ns, self._window_j(channel))
            if channel.source == "model"
            else Measured(used, channel, self.timeline(channel))
            for channel, used in zip(self._energy_channels, self.energy.channels, strict=True)
            if used.in_total
        ]

    def timeline(self, channel: Channel) -> Timeline:
        """Give the energy of a counter between any two moments of the run; made once."""
        if channel.id not in self._timelines:
            self._timelines[channel.id] = Timeline(self.data, channel)
        return self._timelines[channel.id]

    @cached_property
    def energy(self) -> Energy:
        """What it used."""
        if self._totals is not None:
            return self._totals.energy
        energies = [self._channel_energy(channel) for channel in self._energy_channels]
        counted = [energy for energy in energies if energy.in_total]
        if not counted:
            nothing = math.nan
            return Energy(nothing, nothing, nothing, "modelled", None, None, None, tuple(energies))
        total = Range(
            sum(energy.low_j for energy in counted),
            sum(energy.energy_j for energy in counted),
            sum(energy.high_j for energy in counted),
        )
        kind: Kind = "measured" if all(energy.kind == "measured" for energy in counted) else "modelled"
        own = self._process_energy(total)
        return Energy(
            total.best,
            total.low,
            total.high,
            kind,
            None if own is None else own.best,
            None if own is None else own.low,
            None if own is None else own.high,
            tuple(energies),
        )

    @cached_property
    def energy_by_hour(self) -> EnergyByHour | None:
        """What it used in each UTC hour; None where it does not say when it was."""
        if self._totals is not None and self._totals.by_hour is not None:
            return self._totals.by_hour
        if math.isnan(self.energy.total_j):
            return None
        return energy_by_hour(self.data, self.supplies, self.energy.total_j)

    def edges(
        self, domain: str, start: str | float | None = None, stop: str | float | None = None
    ) -> NDArray[np.void]:
        """Give every update of a domain: a structured array with `time_ns`, `energy_j` and the bracketing looks.

        `start` and `stop` ("10ms", "2min" or seconds after the run began) choose a part, and only that is decoded.
        `time_ns` is CLOCK_MONOTONIC, `energy_j` counts from the run's first reading, or of a part from its first
        update. A modelled domain has one row for each window of the model instead.
        """
        channel = self._find(domain)
        if start is None and stop is None:
            return self._line(channel, self.data)
        first_ns = self.data.start_ns + round((0.0 if start is None else seconds(start, False)) * 1e9)
        last_ns = LATEST_NS if stop is None else self.data.start_ns + round(seconds(stop, False) * 1e9)
        line = self._line(channel, self.data.part(channel, first_ns, last_ns))
        line = line[(line["time_ns"] >= first_ns) & (line["time_ns"] < last_ns)]
        line["energy_j"] -= line["energy_j"][:1]
        return line

    def _line(self, channel: Channel, data: RunData) -> NDArray[np.void]:
        if channel.source != "model":
            return Timeline(data, channel).line()
        line = np.zeros(len(self._cpu.border_ns), LINE_DTYPE)
        line["time_ns"] = line["t_before_ns"] = line["t_seen_ns"] = self._cpu.border_ns
        line["energy_j"][1:] = np.cumsum(self._window_j(channel))
        return line

    def power(
        self,
        domain: str,
        every: str | float | None = None,
        start: str | float | None = None,
        stop: str | float | None = None,
        most: int = MOST_SHOWN,
    ) -> NDArray[np.void]:
        """Give mean power over windows of `every` ("10ms", "0.5s" or seconds), for plots and tables.

        An array of `time_ns`, where a window begins (the last may be shorter), `power_w`, and `min_w` and `max_w`:
        the extremes of means over the shortest windows that the counter resolves; empty where it resolves nothing.
        Without `every` there are at most `most`, none shorter than those. `start` and `stop` choose a part.
        """
        channel, data, whole = self._find(domain), self.data, start is None and stop is None
        every_s = None if every is None else seconds(every)
        start_ns, end_ns = (data.start_ns, data.end_ns) if whole else self._span(start, stop)
        if channel.source == "model":
            own = self._powers.setdefault(domain, Powers(self._cpu.border_ns, self._window_w(channel)))
            if every_s is None and whole and len(own.power_w) <= most:
                return own.series(own.border_ns, own.power_w)
            every_s = every_s or max((end_ns - start_ns) / 1e9 / most, own.shortest_s)
            asked = series.modelled(self._cpu.border_ns, self._window_j(channel), start_ns, end_ns, every_s)
            return own.series(*asked)
        if not whole:
            beside_ns = max(end_ns - start_ns, BESIDE_NS)  # whose edges tell the power at the part's own rims
            data = data.part(channel, start_ns - beside_ns, end_ns + beside_ns)
        timeline = self.timeline(channel) if whole else Timeline(data, channel)
        powers = (whole and self._powers.get(domain)) or series.measured(timeline, start_ns, end_ns)
        if whole:
            self._powers[domain] = powers
        return powers.series(*power(timeline, start_ns, end_ns, every_s, most))

    def _span(self, start: str | float | None, stop: str | float | None) -> tuple[int, int]:
        """Give a part of the run in ns of its clock."""
        origin_ns, end_ns = self.data.start_ns, self.data.end_ns
        first_ns = origin_ns if start is None else min(origin_ns + round(seconds(start, False) * 1e9), end_ns)
        return first_ns, end_ns if stop is None else min(origin_ns + round(seconds(stop, False) * 1e9), end_ns)

    @cached_property
    def _powers(self) -> dict[str, Powers]:
        return {}

    @cached_property
    def _timelines(self) -> dict[int, Timeline]:
        return {}

    def _window_w(self, channel: Channel) -> NDArray[np.float64]:
        return per_s(self._window_j(channel), self._cpu.window_s)

    def to_pandas(self, table: str = "edges", *, every: str | float | None = None) -> pandas.DataFrame:
        """Give a table of the run (edges, power, channels, regions, calls) as a DataFrame, see docs/export.md.

        `every` is the length of the windows of `power`. PyCarbonError where pandas is missing.
        """
        from pycarbon.exports.as_pandas import to_pandas

        return to_pandas(self, table, every)

    @cached_property
    def _energy_channels(self) -> list[Channel]:
        return [channel for channel in self.data.channels if channel.quantity == "energy"]

    @cached_property
    def _domains(self) -> dict[str, Channel]:
        return {channel.domain: channel for channel in reversed(self._energy_channels)}

    def _find(self, domain: str) -> Channel:
        if domain in self._domains:
            return self._domains[domain]
        names = ", ".join(channel.domain for channel in self._energy_channels)
        raise PyCarbonError(f"this run has no domain {domain!r}; it has {names or 'none'}")

    @cached_property
    def _threads(self) -> int:
        return self.machine.n_threads or 1

    @cached_property
    def _cpu(self) -> CpuTime:
        return cpu_time(self.data, self._threads)

    @cached_property
    def _curves(self) -> dict[str, PowerCurve]:
        return {curve["domain"]: PowerCurve.from_dict(curve) for curve in self._meta("curves", [])}

    def _window_j(self, channel: Channel) -> NDArray[np.float64]:
        """Give the best estimate of a channel's energy in each window of the CPU time."""
        if channel.source != "model":
            return np.diff(self.timeline(channel).best_j(self._cpu.border_ns))
        window_s = self._cpu.window_s
        utilisation = np.divide(
            self._cpu.busy_s, window_s * self._threads, out=np.zeros_like(window_s), where=window_s > 0
        )
        best: NDArray[np.float64] = self._curves[channel.domain].power_w(utilisation)[:, 1] * window_s
        return best

    def _channel_energy(self, channel: Channel) -> ChannelEnergy:
        told = self._meta("told", {})
        if channel.domain in told:
            return told_energy(channel, float(told[channel.domain]), self.duration_s)
        if channel.source != "model":
            return channel_energy(self.data, channel, self.timeline(channel))
        curve, cpu = self._curves[channel.domain], self._cpu
        best = self._window_j(channel)
        best_j, duration_s = float(best.sum()), self.duration_s
        low_j = energy_j(curve, cpu.busy_low_s, cpu.window_s, self._threads).low
        high_j = energy_j(curve, cpu.busy_high_s, cpu.window_s, self._threads).high
        return ChannelEnergy(
            channel.domain,
            channel.source,
            channel.kind,
            best_j,
            min(low_j, best_j),
            max(high_j, best_j),
            best_j / duration_s if duration_s > 0 else 0.0,
            float(self._window_w(channel).max()) if duration_s > 0 else None,
            0,
            0.0,
            channel.in_total,
        )

    def _process_energy(self, total: Range) -> Range | None:
        if not self._cpu.process_known:
            return None
        of_cpu = shares(self._cpu)
        slices = {gpu.domain: gpu.slice_share for gpu in self.gpus}
        sums = np.zeros(3)
        for channel in [one for one in self._energy_channels if one.in_total]:
            window_j, domain, share = self._window_j(channel), channel.domain, of_cpu
            if domain.startswith("gpu-"):
                share = gpu_shares(self.data, domain, self._cpu.border_ns, slices.get(domain))
            sums += [float((part * window_j).sum()) for part in share]
        low, best, high = sums.tolist()
        if total.best <= 0:
            return Range(0.0, best, max(best, total.high))
        return Range(
            min(low * total.low / total.best, best),
            best,
            max(min(high * total.high / total.best, total.high), best),
        )


def figures(run: Run) -> dict[str, Any]:
    """Give what a run's footer keeps of its figures, as `totals`; the regions where that takes little time."""
    ledger = run.data.ledger
    few = ledger is None or (len(ledger.nodes) <= MOST_NODES and len(ledger.rows) <= MOST_ROWS)
    regions = tuple(run.regions) if few else None
    outside = run.outside if regions else None
    return {"totals": totals.to_dict(Totals(run.energy, tuple(run._remarks), regions, outside, run.energy_by_hour))}


def load(path: str | Path) -> Run:
    """Open a run file (`.pcr`), or the folder of a run that is live or was cut off.

    RunFileError, in one line, where it cannot be read.
    """
    try:
        return Run(*home.load(Path(path)))
    except (OSError, ValueError) as error:  # a name no file can have, a folder that lets nobody in
        why = getattr(error, "strerror", None) or error
        raise RunFileError(f"{str(path)[:200]!r} cannot be opened: {why}") from None
