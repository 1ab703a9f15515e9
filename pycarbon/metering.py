"""What the machine used in spans that have just passed, while its counters go on being watched.

    samplers (C) --rings--> edges in memory --used(span)--> Used

Roles: any thread may ask; the metering's own thread drains the rings where nobody asks for long. One lock guards the
edges. Nothing is written anywhere: who asks says with forget() what no later question will be about.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from pycarbon.energy import Timeline
from pycarbon.feeds import Sampling
from pycarbon.interval import Range
from pycarbon.model import curves, energy_j
from pycarbon.quiet import signals_elsewhere
from pycarbon.run import EDGE_DTYPE, Channel, RunData, group_by_channel, joined
from pycarbon.samplers import Samplers
from pycarbon.sources import Discovery
from pycarbon.updates import CLOSE

DRAIN_EVERY_S = 10.0
"""The rings hold a minute."""

KEPT_EDGES = 600
"""Of each channel so many are kept from before what may still be asked for: they tell its period and its power."""

LONGEST_WAIT_S = 0.5
"""A counter that was not seen to change for so long after a span's end is not waited for."""

STEADY_UPDATES, STEADY_SHARE = 8, 0.5
"""A steady power is told by so many updates seen closely that span so much of the time."""

_NO_EDGES = np.empty(0, EDGE_DTYPE)


@dataclass(frozen=True, slots=True)
class Used:
    """What the machine used in a span, of the domains its total adds.

    `low <= best <= high` of `energy_j` hold whatever power did, or for a steady power. `period_s` is the longest of
    the channels' usual times between updates that were seen.
    """

    energy_j: Range
    period_s: float


class Metering:
    """This machine's counters, watched within a `with` block."""

    def __init__(self, discovery: Discovery, sampling: Sampling, partly: bool = False) -> None:
        """Plan it; nothing runs yet. `partly`: whatever its counters tell is asked for, be it all or not."""
        self._discovery = discovery
        self._partly = partly
        self._samplers = Samplers(discovery, sampling)
        self._edges: dict[int, NDArray[np.void]] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._channels: list[Channel] = []
        self._adding: set[int] | None = None
        self._silent: set[str] = set()

    def __enter__(self) -> Metering:
        """Start the samplers. Where this raises no thread is left."""
        self._samplers.start(cpu_time=False)
        self._channels = [channel for channel in self._samplers.channels if channel.in_total]
        if self.measured:
            self._thread = threading.Thread(target=self._drain_for_ever, name="pycarbon-metering", daemon=True)
            with signals_elsewhere():
                self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the samplers and wait for all threads."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._samplers.stop()

    @property
    def measured(self) -> bool:
        """Whether counters tell all that is asked for; else energy is the model's, of CPU time."""
        told = self._partly or self._discovery.measured
        return told and not any(channel.source == "model" for channel in self._channels)

    @property
    def domains(self) -> list[str]:
        """Name what the total adds: what told at the first question, as figures of other sums cannot be compared."""
        adding = self._adding
        return [channel.domain for channel in self._channels if adding is None or channel.id in adding]

    @property
    def notes(self) -> list[str]:
        """What went wrong, a line each."""
        silent = [
            f"the counter of {domain} told nothing for a while, or not enough" for domain in sorted(self._silent)
        ]
        return self._samplers.notes + silent

    @property
    def cpu_s(self) -> float:
        """CPU time that the samplers used so far."""
        return self._samplers.cpu_s

    def used(self, start_ns: int, end_ns: int, steady: bool = False) -> Used | None:
        """Say what was used between two times (CLOCK_MONOTONIC), the second just passed; None where no counter tells,
        or not all of those that told when this was asked first.

        `steady`: the same was done again and again all through the span, so the power between the first and the last
        update within it is that of the whole. Nothing is then blurred at its ends, where power changes.
        """
        if not self.measured:
            return None
        with self._lock:
            self._await(end_ns)
            timelines = [self._timeline(channel, start_ns, end_ns) for channel in self._channels]
        telling = {
            channel.id: line
            for channel, line in zip(self._channels, timelines, strict=True)
            if len(line.level_j) and not line.is_ambiguous and not line.is_silent(end_ns)
        }
        self._silent.update(channel.domain for channel in self._channels if channel.id not in telling)
        if self._adding is None and telling:
            self._adding = set(telling)
        if not telling or not self._adding or not self._adding <= set(telling):
            return None
        told = [telling[channel] for channel in sorted(self._adding)]
        energies = [
            (steady_energy(line, start_ns, end_ns) if steady else None) or line.between(start_ns, end_ns)
            for line in told
        ]
        return Used(
            Range(sum(e.low for e in energies), sum(e.best for e in energies), sum(e.high for e in energies)),
            max(line.period_s or 0.0 for line in told),
        )

    def modelled_j(self, cpu_s: float, time_s: float) -> Range:
        """Give the model's energy of a machine that was busy with nothing but so many CPU seconds in that time.

        Also of domains that have counters: they may have stopped telling.
        """
        found = self._discovery
        known = curves(found.machine) if found.counters else found.curves
        parts = [energy_j(curve, cpu_s, time_s, found.machine.n_threads or 1) for curve in known]
        return Range(sum(p.low for p in parts), sum(p.best for p in parts), sum(p.high for p in parts))

    def forget(self, before_ns: int) -> None:
        """Free what only questions about times before that would need."""
        with self._lock:
            for channel, edges in self._edges.items():
                first = int(np.searchsorted(edges["t_seen_ns"], before_ns)) - KEPT_EDGES
                if first > KEPT_EDGES:
                    self._edges[channel] = edges[first:].copy()

    def _drain_for_ever(self) -> None:
        while not self._ended.wait(DRAIN_EVERY_S):
            with self._lock:
                self._drain()

    def _drain(self) -> None:
        for taken in self._samplers.take():
            for channel, some in group_by_channel(taken).items():
                self._edges[channel] = joined(self._edges.get(channel, _NO_EDGES), some)

    def _await(self, end_ns: int) -> None:
        """Wait until each counter that told so far was seen to change after the end: that bounds what was used."""
        deadline_ns = end_ns + round(LONGEST_WAIT_S * 1e9)
        while True:
            self._drain()
            after = [
                self._edges[c.id]["t_before_ns"][-1] >= end_ns if c.id in self._edges else False
                for c in self._channels
                if c.domain not in self._silent
            ]
            if all(after) or time.monotonic_ns() > deadline_ns:
                return
            time.sleep(0.0005)

    def _timeline(self, channel: Channel, start_ns: int, end_ns: int) -> Timeline:
        edges = self._edges.get(channel.id, _NO_EDGES)
        first_ns = int(edges["t_seen_ns"][0]) if len(edges) else start_ns
        run = RunData({"start_ns": min(first_ns, start_ns)}, [channel], {channel.id: edges}, {"end_ns": end_ns})
        return Timeline(run, channel)


def steady_energy(timeline: Timeline, start_ns: int, end_ns: int) -> Range | None:
    """Give the energy of a span of steady power from two updates within it, far apart and seen closely, to the
    counter's grain; None where there are too few of them.
    """
    before_ns, seen_ns = (times[timeline.is_update] for times in (timeline.before_ns, timeline.seen_ns))
    width_ns = seen_ns - before_ns
    within = (before_ns >= start_ns) & (seen_ns <= end_ns)
    inside = np.flatnonzero(within & (width_ns < CLOSE * timeline.counter_period_ns))
    if len(inside) >= STEADY_UPDATES:
        first, last = int(inside[0]), int(inside[-1])
    else:  # those of a slow counter are few, and not all are seen closely: one of the early, one of the late ones
        inside = np.flatnonzero(within)
        if len(inside) < STEADY_UPDATES:
            return None
        early, late = inside[: len(inside) // 4], inside[-(len(inside) // 4) :]
        first, last = int(early[width_ns[early].argmin()]), int(late[width_ns[late].argmin()])
    least_ns, most_ns = float(before_ns[last] - seen_ns[first]), float(seen_ns[last] - before_ns[first])
    apart_ns = min(max(float(timeline.update_ns[last] - timeline.update_ns[first]), least_ns), most_ns)
    span_ns = end_ns - start_ns
    if least_ns < STEADY_SHARE * span_ns or timeline.hidden_j(*_one(before_ns[first], seen_ns[last]))[0] > 0:
        return None
    risen_j = float(timeline.update_j[last] - timeline.update_j[first])
    grain_j = timeline.grain_j
    return timeline.doubted(
        max(risen_j - grain_j, 0.0) / most_ns * span_ns,
        risen_j / apart_ns * span_ns,
        (risen_j + grain_j) / least_ns * span_ns,
    )


def _one(start_ns: float, end_ns: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array([start_ns], dtype=np.float64), np.array([end_ns], dtype=np.float64)
