"""Runs of several machines as one: a job, on a common wall clock.

Everything here is a pure function of the runs, whatever their order. Energies, emissions and the ends of their
intervals add up: the sum of all lows is the low, that of all highs the high. Errors of machines may have a common
cause, so that nothing narrower is safe. What several runs recorded of one machine at one time counts once
(coverage.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pycarbon import merge_notes, region_sums
from pycarbon.analysis import Run
from pycarbon.coverage import Part, Timed, grouped, length_ns, parts, within
from pycarbon.emissions import Emissions
from pycarbon.energy import ChannelEnergy, windows
from pycarbon.errors import PyCarbonError
from pycarbon.job import JobSpan, MergedMachine, MergedRun, SummedEmissions
from pycarbon.region_sums import OfMachine, least_certain
from pycarbon.totals import Energy, Region
from pycarbon.wall_clock import WallClock

POWER_WINDOWS = 1000
"""Of each run its power is known in so many windows, which are then laid over those that were asked for."""


class Merged:
    """Several runs as one; figures are computed when first asked for."""

    def __init__(self, runs: Sequence[Timed]) -> None:
        """Put runs on one clock; merge() checks them first."""
        start_ns = {id(timed): int(timed.clock.wall_ns(_times(timed.span[0]))[0]) for timed in runs}
        self._timed = sorted(runs, key=lambda timed: (start_ns[id(timed)], timed.run.id))
        self._groups = grouped(self._timed)
        self._labels = dict(zip(map(id, self._timed), merge_notes.labels(self._timed), strict=True))

    @cached_property
    def runs(self) -> tuple[MergedRun, ...]:
        """The runs, by their start."""
        return tuple(map(self._placed, self._timed))

    @cached_property
    def machines(self) -> tuple[MergedMachine, ...]:
        """What each machine used, in the order in which they began."""
        names = merge_notes.machine_labels([group[0] for group in self._groups], self._label)
        return tuple(
            MergedMachine(
                name,
                group[0].run.machine,
                tuple(map(self._label, group)),
                length_ns([timed.span for timed in group]) / 1e9,
                self._energy_of(told, group),
                _emissions([part.told for part in told]),
            )
            for name, group, told in zip(names, self._groups, self._parts, strict=True)
        )

    @cached_property
    def span(self) -> JobSpan:
        """When the job was, and how sure that is."""
        runs = self.runs
        start_ns, end_ns = min(run.start_ns for run in runs), max(run.end_ns for run in runs)
        starts = [(run.start_ns - start_ns, run.start_uncertainty_s) for run in runs]
        ends = [(run.end_ns - start_ns, run.end_uncertainty_s) for run in runs]
        known = [doubt_s for _, doubt_s in [*starts, *ends] if doubt_s is not None]
        low_s = high_s = None
        if len(known) == 2 * len(runs):
            first = [min(at_ns / 1e9 + sign * (doubt_s or 0.0) for at_ns, doubt_s in starts) for sign in (-1, 1)]
            last = [max(at_ns / 1e9 + sign * (doubt_s or 0.0) for at_ns, doubt_s in ends) for sign in (-1, 1)]
            low_s, high_s = max(last[0] - first[1], 0.0), last[1] - first[0]
        whole = [(run.start_ns, run.end_ns) for run in runs if run.inside is None]
        all_ns = min(end for _, end in whole) - max(start for start, _ in whole)
        return JobSpan(
            start_ns,
            end_ns,
            None if low_s is None else max(known),
            (end_ns - start_ns) / 1e9,
            low_s,
            high_s,
            length_ns(whole) / 1e9,
            max(all_ns, 0) / 1e9,
        )

    @cached_property
    def energy(self) -> Energy:
        """What all machines used; `channels` has each domain, added over them, without a peak: peaks do not add."""
        known = [machine.energy for machine in self.machines if not math.isnan(machine.energy.total_j)]
        processes = [(energy.process_low_j, energy.process_j, energy.process_high_j) for energy in known]
        channels = _channels([energy.channels for energy in known], lambda channels: None, _add_means)
        return _energy(
            [(energy.low_j, energy.total_j, energy.high_j) for energy in known], known, processes, channels
        )

    @cached_property
    def emissions(self) -> SummedEmissions:
        """What all machines emitted, each run with its own intensity and PUE."""
        return _emissions([part.told for told in self._parts for part in told])

    @cached_property
    def regions(self) -> list[Region]:
        """The regions of all runs, added by label; region_sums.py says what becomes of runs of one machine."""
        return region_sums.by_label(self._of_machines, self.energy.total_j)

    @cached_property
    def outside(self) -> Region | None:
        """What no region covers, None where no run has regions."""
        return region_sums.outside(self._of_machines, self.energy.total_j)

    @cached_property
    def notes(self) -> list[str]:
        """What a reader must know, a line each: first of the runs together, then what each says of itself."""
        return merge_notes.notes(self._groups, self.runs, self._label)

    def power(self, count: int = POWER_WINDOWS) -> NDArray[np.void]:
        """Give the mean power of all machines in `count` windows of the span: `time_ns` since 1970, `power_w`.

        Where a machine was not recorded it counts as drawing nothing.
        """
        start_ns, end_ns = self.span.start_ns, self.span.end_ns
        border_ns = np.unique(np.rint(windows(0, end_ns - start_ns, 0.0, count)).astype(np.int64))
        used_j = np.zeros(max(len(border_ns) - 1, 0))
        for group, told in zip(self._groups, self._parts, strict=True):
            clocks = {id(timed.run): timed.clock for timed in group}
            for part in told:
                used_j += np.diff(_level_j(part, clocks[id(part.run)], border_ns + start_ns))
        series = np.zeros(len(used_j), [("time_ns", "<i8"), ("power_w", "<f8")])
        series["time_ns"] = border_ns[:-1] + start_ns
        series["power_w"] = used_j / np.diff(border_ns) * 1e9
        return series

    def _label(self, timed: Timed) -> str:
        return self._labels[id(timed)]

    @cached_property
    def _parts(self) -> list[list[Part]]:
        return [parts(group) for group in self._groups]

    @cached_property
    def _of_machines(self) -> list[OfMachine]:
        return [
            OfMachine(tuple(timed for timed in group if self._outer(timed) is None), machine.energy)
            for group, machine in zip(self._groups, self.machines, strict=True)
        ]

    def _outer(self, timed: Timed) -> Timed | None:
        """Find the run that one is part of: it recorded the same machine, processes and regions, and more."""
        group = next(group for group in self._groups if any(timed is other for other in group))
        return next((other for other in group if within(timed, other)), None)

    def _placed(self, timed: Timed) -> MergedRun:
        clock, outer = timed.clock, self._outer(timed)
        start_ns, end_ns = clock.wall_ns(_times(*timed.span)).tolist()
        doubts_s = [None if doubt_ns is None else doubt_ns / 1e9 for doubt_ns in map(clock.doubt_ns, timed.span)]
        counted_ns = sum(end - start for part in self._told(timed) for start, end in [part.span])
        return MergedRun(
            self._label(timed),
            timed.run,
            clock,
            start_ns,
            end_ns,
            doubts_s[0],
            doubts_s[1],
            counted_ns / 1e9,
            None if outer is None else self._label(outer),
        )

    def _told(self, timed: Timed) -> list[Part]:
        return [part for told in self._parts for part in told if part.run is timed.run]

    def _energy_of(self, told: Sequence[Part], group: Sequence[Timed]) -> Energy:
        """Add what the parts of one machine used, and the shares of the processes of its runs."""
        energies = [part.told.energy for part in told]
        outermost = [timed.run.energy for timed in group if self._outer(timed) is None]
        processes = [(energy.process_low_j, energy.process_j, energy.process_high_j) for energy in outermost]
        if merge_notes.nested_in_others(group):
            processes.append((None, None, None))
        duration_s = length_ns([part.span for part in told]) / 1e9
        channels = _channels(
            [energy.channels for energy in energies],
            lambda channels: max((c.peak_power_w for c in channels if c.peak_power_w is not None), default=None),
            lambda channels: sum(c.energy_j for c in channels) / duration_s if duration_s > 0 else 0.0,
        )
        return _energy([(e.low_j, e.total_j, e.high_j) for e in energies], energies, processes, channels)


def merge(runs: Iterable[Run]) -> Merged:
    """Put runs of several machines together as one job.

        merged = pycarbon.merge(map(pycarbon.load, ["node1.pcr", "node2.pcr"]))
        print(merged.energy.total_j, merged.span.duration_s)

    PyCarbonError for no run at all, for a run that is there twice, and for one that does not say when it was.
    """
    timed = []
    for run in runs:
        try:
            timed.append(Timed(run, WallClock(run.data)))
        except ValueError as error:
            raise PyCarbonError(f"{merge_notes.named(run)} cannot be merged: {error}") from None
    if not timed:
        raise PyCarbonError("there is no run to merge")
    seen: dict[str, Run] = {}
    for one in timed:
        if one.run.id in seen:
            first, again = merge_notes.named(seen[one.run.id]), merge_notes.named(one.run)
            raise PyCarbonError(f"{again} is the same run as {first}: its energy would be counted twice")
        seen[one.run.id] = one.run
    return Merged(timed)


def _times(*time_ns: int) -> NDArray[np.int64]:
    return np.array(time_ns, dtype=np.int64)


def _energy(
    bounds: Sequence[tuple[float, float, float]],
    energies: Sequence[Energy],
    processes: Sequence[tuple[float | None, float | None, float | None]],
    channels: tuple[ChannelEnergy, ...],
) -> Energy:
    """Add totals and shares of processes (low, best, high each); a share that is not known makes the sum so."""
    if not bounds:
        return Energy(math.nan, math.nan, math.nan, "modelled", None, None, None, channels)
    low_j, best_j, high_j = (sum(column) for column in zip(*bounds, strict=True))
    own: list[float | None] = [None, None, None]
    if processes and not any(end is None for process in processes for end in process):
        low, best, high = (sum(end or 0.0 for end in column) for column in zip(*processes, strict=True))
        best = min(best, best_j)  # shares of windows that differ a little may add up to a little more than all
        own = [min(low, best), best, max(min(high, high_j), best)]
    kind = least_certain(energy.kind for energy in energies)
    return Energy(best_j, low_j, high_j, kind, own[1], own[0], own[2], channels)


def _channels(
    found: Sequence[Sequence[ChannelEnergy]],
    peak_power_w: Callable[[Sequence[ChannelEnergy]], float | None],
    mean_power_w: Callable[[Sequence[ChannelEnergy]], float],
) -> tuple[ChannelEnergy, ...]:
    """Add channels of one domain, those in the total and those that are not apart, in the order they first come."""
    by_domain: dict[tuple[str, bool], list[ChannelEnergy]] = {}
    for channels in found:
        for channel in channels:
            by_domain.setdefault((channel.domain, channel.in_total), []).append(channel)
    return tuple(
        some[0]
        if len(some) == 1 and len(found) == 1
        else ChannelEnergy(
            domain,
            ", ".join(dict.fromkeys(channel.source for channel in some)),
            least_certain(channel.kind for channel in some),
            sum(channel.energy_j for channel in some),
            sum(channel.low_j for channel in some),
            sum(channel.high_j for channel in some),
            mean_power_w(some),
            peak_power_w(some),
            sum(channel.edges for channel in some),
            sum(channel.gap_s for channel in some),
            in_total,
            any(channel.is_ambiguous for channel in some),
        )
        for (domain, in_total), some in by_domain.items()
    )


def _add_means(channels: Sequence[ChannelEnergy]) -> float:
    return sum(channel.mean_power_w for channel in channels)


def _emissions(told: Sequence[Run]) -> SummedEmissions:
    """Add what runs emitted, by the factors they used."""
    by_factor: dict[Emissions, list[Emissions]] = {}
    for run in told:
        by_factor.setdefault(replace(run.emissions, co2e_g=0, low_g=0, high_g=0), []).append(run.emissions)
    factors = tuple(
        replace(
            factor,
            co2e_g=sum(emissions.co2e_g for emissions in some),
            low_g=sum(emissions.low_g for emissions in some),
            high_g=sum(emissions.high_g for emissions in some),
        )
        for factor, some in by_factor.items()
    )
    nothing = math.nan if not factors else 0.0
    return SummedEmissions(
        sum((factor.co2e_g for factor in factors), nothing),
        sum((factor.low_g for factor in factors), nothing),
        sum((factor.high_g for factor in factors), nothing),
        all(factor.place_known for factor in factors),
        "modelled",
        factors,
    )


def _level_j(part: Part, clock: WallClock, wall_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give what a part had used by times of the common clock."""
    start_ns, end_ns = part.span
    zero_ns = int(wall_ns[0])  # as floats, times since 1970 would step by hundreds of ns
    level_j = np.zeros(len(wall_ns))
    for channel in part.told.energy.channels:
        if not channel.in_total or end_ns <= start_ns:
            continue
        series = part.told.power(channel.domain, part.told.duration_s / POWER_WINDOWS)
        border_ns = np.append(series["time_ns"], end_ns) if len(series) else _times(start_ns, end_ns)
        power_w = series["power_w"] if len(series) else np.array([channel.mean_power_w])
        upto_j = np.concatenate([[0.0], np.cumsum(power_w * np.diff(border_ns) / 1e9)])
        level_j += np.interp(wall_ns - zero_ns, clock.wall_ns(border_ns) - zero_ns, upto_j)
    return level_j
