"""Live figures: what a machine draws now, in the mean and at its peak, and what it used since the start.

    samplers (C) --rings--> Live.update(), ten times a second --> Gauges --> Snapshot

Roles: start(), update() and stop() are called from one thread, which alone drains the rings. Nothing is written
anywhere, and memory stays constant: see meter.py.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from pycarbon.emissions import Emissions, from_energy
from pycarbon.energy import SILENT_PERIODS
from pycarbon.feeds import Sampling
from pycarbon.hours import HOUR_S, EnergyByHour, hour_of
from pycarbon.interval import Range
from pycarbon.meter import Meter
from pycarbon.model import PowerCurve
from pycarbon.rating import Rating
from pycarbon.run import MACHINE_CPU, Channel, Kind, group_by_channel
from pycarbon.samplers import Samplers
from pycarbon.sources import Discovery
from pycarbon.utilisation import Utilisation

HISTORY = 30
"""Seconds of power that are remembered, each as one mean."""

MODEL_WINDOW_S = 1.0
"""CPU time comes in ticks of 10 ms for each CPU: over a second they are a percent."""

SILENT_S = 0.5
"""A counter that moved and then stood still for so long is shown as silent; energy.py calls it so much earlier."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One domain, or the total (whose domain is "total"). None: not known, or not resolved.

    `state` is "ok", "starting" (no whole window yet), "unresolved" (the latest window is too coarse, or nobody
    looked), "silent" (the counter has not moved for `silent_s`), "lost" (it cannot be read: `why`) or "ambiguous" (it
    goes through its range too often). `history` is the mean power of each of the last seconds, the oldest first.
    """

    domain: str
    source: str
    kind: Kind
    in_total: bool
    state: str
    silent_s: float | None
    why: str
    window_s: float | None
    power_w: Range | None
    mean_w: float | None
    peak_w: float | None
    energy_j: Range | None
    history: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All figures of one moment. `per_hour` is what an hour at the present power emits, `so_far` since the start."""

    elapsed_s: float
    domains: tuple[Figures, ...]
    total: Figures
    per_hour: Emissions | None
    so_far: Emissions | None
    notes: tuple[str, ...] = ()

    @property
    def added(self) -> list[str]:
        """Name the domains that the total adds."""
        return [figures.domain for figures in self.domains if figures.in_total]


@dataclass(slots=True)
class _Memory:
    """What is remembered of one domain's power."""

    peak_w: float | None = None
    second: int = 0
    powers_w: list[float] = field(default_factory=list)
    history: deque[float | None] = field(default_factory=lambda: deque(maxlen=HISTORY))

    def take(self, power: Range | None, second: int) -> None:
        for passed in range(min(second - self.second, HISTORY)):
            mean_w = sum(self.powers_w) / len(self.powers_w) if self.powers_w and not passed else None
            self.history.append(mean_w)
            self.powers_w = []
        self.second = second
        if power is not None:
            self.powers_w.append(power.best)
            self.peak_w = power.best if self.peak_w is None else max(self.peak_w, power.best)


class Gauges:
    """The figures of all domains, from edges alone."""

    def __init__(
        self,
        channels: Sequence[Channel],
        curves: Sequence[PowerCurve],
        n_threads: int,
        start_ns: int,
        interval_s: float,
        rating: Rating,
    ) -> None:
        """Begin at `start_ns` (CLOCK_MONOTONIC); windows of power are `interval_s` long or more."""
        self._channels = [channel for channel in channels if channel.quantity == "energy"]
        self._meters = {c.id: Meter(c, start_ns, interval_s) for c in channels if c.source != "model"}
        self._curves = {curve.domain: number for number, curve in enumerate(curves)}
        cpu = next((channel for channel in channels if channel.domain == MACHINE_CPU), None)
        self._utilisation = Utilisation(None if cpu is None else self._meters[cpu.id], curves, n_threads, start_ns)
        self._memories = {channel.id: _Memory() for channel in self._channels}
        self._total = _Memory()
        self._start_ns = start_ns
        self._model_window_s = max(MODEL_WINDOW_S, interval_s)
        self._rating = rating
        self._first_hour = hour_of(datetime.now(timezone.utc))

    def add(self, edges: NDArray[np.void]) -> None:
        """Take what a ring held, each gap copied for each of its channels."""
        for channel, some in group_by_channel(edges).items():
            if channel in self._meters:
                self._meters[channel].add(some)

    @property
    def held(self) -> int:
        """Count the edges in memory."""
        return sum(meter.held for meter in self._meters.values())

    def snapshot(self, now_ns: int, notes: Sequence[str] = ()) -> Snapshot:
        """Say how things stand."""
        elapsed_s = (now_ns - self._start_ns) / 1e9
        second = int(elapsed_s)
        this_hour = self._first_hour + int(elapsed_s // HOUR_S)
        if self._curves:
            self._utilisation.update(now_ns, self._model_window_s)
        domains = [
            self._modelled(channel, elapsed_s) if channel.source == "model" else self._measured(channel, now_ns)
            for channel in self._channels
        ]
        domains.sort(key=lambda figures: not figures.in_total)
        total = _sum([figures for figures in domains if figures.in_total], elapsed_s)
        self._total.take(total.power_w, second)
        total = _with_memory(total, self._total)
        return Snapshot(
            elapsed_s,
            tuple(domains),
            total,
            None if total.power_w is None else self._emissions(total.power_w.times(3600.0), this_hour, this_hour),
            None if total.energy_j is None else self._emissions(total.energy_j, self._first_hour, this_hour),
            tuple(notes),
        )

    def _emissions(self, energy: Range, since_hour: int, this_hour: int) -> Emissions:
        """Count grams; the hours since then count alike, which is near enough for a screen."""
        by_hour = EnergyByHour(since_hour, (1.0,) * (this_hour - since_hour + 1))
        return from_energy(energy.best, energy.low, energy.high, self._rating.intensity, self._rating.pue, by_hour)

    def _measured(self, channel: Channel, now_ns: int) -> Figures:
        meter = self._meters[channel.id]
        timeline = meter.timeline(now_ns)
        silent_s = meter.silent_s(timeline, now_ns)
        window = None
        if timeline.ends_lost:
            state = "lost"
        elif silent_s > max(SILENT_S, SILENT_PERIODS * timeline.counter_period_ns / 1e9):
            state = "silent"
        elif timeline.is_ambiguous:
            state = "ambiguous"
        else:
            window = meter.window(timeline)
            young = now_ns - self._start_ns < 3 * meter.window_s * 1e9
            state = "ok" if window else "starting" if young else "unresolved"
        return self._figures(
            channel,
            state,
            now_ns,
            None if window is None else window.length_s,
            None if window is None else window.power_w,
            meter.energy(timeline, now_ns),
            silent_s if state in ("silent", "lost") else None,
            os.strerror(meter.error) if state == "lost" else "",
            channel.in_total and not timeline.is_ambiguous,
        )

    def _modelled(self, channel: Channel, elapsed_s: float) -> Figures:
        number, found = self._curves[channel.domain], self._utilisation
        known = found.state == "ok"
        return self._figures(
            channel,
            found.state,
            self._start_ns + round(elapsed_s * 1e9),
            self._model_window_s if known else None,
            found.power_w(number) if known else None,
            found.energy_j(number),
            None,
            found.why,
            channel.in_total,
        )

    def _figures(
        self,
        channel: Channel,
        state: str,
        now_ns: int,
        window_s: float | None,
        power_w: Range | None,
        energy_j: Range | None,
        silent_s: float | None,
        why: str,
        in_total: bool,
    ) -> Figures:
        elapsed_s = (now_ns - self._start_ns) / 1e9
        memory = self._memories[channel.id]
        memory.take(power_w, int(elapsed_s))
        never_moved = energy_j is None or (silent_s is not None and silent_s >= elapsed_s)
        mean_w = energy_j.best / elapsed_s if energy_j is not None and not never_moved and elapsed_s > 0 else None
        return _with_memory(
            Figures(
                channel.domain,
                channel.source,
                channel.kind,
                in_total,
                state,
                silent_s,
                why,
                window_s,
                power_w,
                mean_w,
                None,
                energy_j,
            ),
            memory,
        )


def _with_memory(figures: Figures, memory: _Memory) -> Figures:
    return replace(figures, peak_w=memory.peak_w, history=tuple(memory.history))


def _sum(parts: Sequence[Figures], elapsed_s: float) -> Figures:
    """Add domains up; where one is not known, neither is the sum."""
    kind: Kind = "measured" if parts and all(part.kind == "measured" for part in parts) else "modelled"
    power = _added([part.power_w for part in parts])
    energy = _added([part.energy_j for part in parts])
    states = [part.state for part in parts if part.state != "ok"]
    return Figures(
        "total",
        "",
        kind,
        True,
        states[0] if states else "ok" if parts else "unresolved",
        None,
        "",
        None if power is None else max(part.window_s or 0.0 for part in parts),
        power,
        None if energy is None or elapsed_s <= 0 else energy.best / elapsed_s,
        None,
        energy,
    )


def _added(ranges: Sequence[Range | None]) -> Range | None:
    known = [one for one in ranges if one is not None]
    if not known or len(known) < len(ranges):
        return None
    return Range(sum(one.low for one in known), sum(one.best for one in known), sum(one.high for one in known))


class Live:
    """The samplers of this machine, and their gauges, from start() to stop()."""

    def __init__(self, discovery: Discovery, sampling: Sampling, rating: Rating, interval_s: float) -> None:
        """Plan it; nothing runs yet."""
        self._discovery = discovery
        self._samplers = Samplers(discovery, sampling)
        self._rating = rating
        self._interval_s = interval_s
        self._gauges: Gauges | None = None

    @property
    def notes(self) -> list[str]:
        """What went wrong, a line each."""
        return self._samplers.notes

    def start(self) -> None:
        """Start the samplers, return once each counter was read. Where this raises no thread is left."""
        found = self._discovery
        self._samplers.start(cpu_time=bool(found.curves))
        start_ns = time.monotonic_ns()
        self._gauges = Gauges(
            self._samplers.channels,
            found.curves,
            found.machine.n_threads or 1,
            start_ns,
            self._interval_s,
            self._rating,
        )

    def update(self) -> Snapshot:
        """Drain the rings and say how things stand now."""
        assert self._gauges is not None
        now_ns = time.monotonic_ns()
        for edges in self._samplers.take():
            self._gauges.add(edges)
        return self._gauges.snapshot(now_ns, self.notes)

    def stop(self) -> None:
        """Stop the samplers and wait for their threads."""
        self._samplers.stop()

    @property
    def sampler_cpu_s(self) -> float:
        """CPU time that the samplers' threads used."""
        return self._samplers.cpu_s
