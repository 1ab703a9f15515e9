"""Feeds: the samplers of a recording, what each reads, where it runs, and the ring that it fills.

The counters of one package are read by one thread, from a CPU on which that interrupts no other. GPUs have a thread
of their own: a call to their driver may block for milliseconds.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pycarbon.counters import NvmlReading
from pycarbon.run import COUNTED, EDGE_DTYPE, Channel, gaps_by_channel
from pycarbon.settings import PRIORITIES
from pycarbon.sources import (
    MAX_PLAUSIBLE_POWER_W,
    Beside,
    Counter,
    Discovery,
    Obstacle,
    open_counters,
)

if TYPE_CHECKING:
    from pycarbon import _native

RING_HOLDS_S = 60
FIRST_READINGS_S = 0.1
MOST_EDGES_PER_S = 1200
"""A counter of 1 ms makes so many at most: two for each look, and with the default budget a third of that."""

MOST_GPU_EDGES_PER_S = 64
GPU_LATE_LOOK_IS_A_GAP_NS = 250_000_000
GPU_POWER_EVERY_NS = 50_000_000
"""What is integrated from power is read so often: twice in the shortest time in which power is refreshed, or more."""

CPU_TIME_RATE_HZ = 10
CPU_TIME_MAX_DUTY_PPM = 10_000
LATE_PERIODS_ARE_A_GAP = 10
LATE_LOOK_IS_A_GAP_NS = 10_000_000
NOT_CLOSELY_EVERY_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class Sampling:
    """How counters are read: at `rate_hz`, or where that is None at their edges.

    Edges are looked at as closely as `cpu_budget_percent` of one core allows; 0 is no bound. The first `keep_marks`
    marks of regions are kept. What was recorded is brought to the disk every `sync_s` seconds; 0: never.
    """

    rate_hz: float | None = None
    cpu_budget_percent: float = 3.0
    priority: str = "normal"
    keep_marks: int = 1_000_000
    sync_s: float = 1.0


@dataclass(slots=True)
class Feed:
    """A sampler, its ring, and the channels it feeds. `place` is what start() found out about where it runs."""

    name: str
    ring: _native.Ring
    sampler: _native.Sampler
    channels: list[int]
    cpus: tuple[int, ...] = ()
    priority: str = "normal"
    place: dict[str, Any] = field(default_factory=dict)
    dropped: int = 0
    hangs: bool = False
    following: _native.Source | None = None
    """Its source, where that must be told which process tree is recorded."""

    def start(self) -> None:
        """Start the thread; what it was refused is said in `place`."""
        refused_cpus, refused_priority = self.sampler.start()
        self.place = {"feed": self.name, "channels": self.channels}
        if self.cpus:
            self.place["cpus"] = [] if refused_cpus else list(self.cpus)
        if self.priority != "normal":
            self.place["priority"] = "normal" if refused_priority else self.priority
            if refused_priority:
                self.place["refused"] = f"priority {self.priority}: {os.strerror(refused_priority)}"

    def peek(self) -> tuple[NDArray[np.void], int]:
        """Give the edges that wait, each gap copied for each channel, and how many the ring counts them for."""
        edges: NDArray[np.void] = np.frombuffer(self.ring.peek(), EDGE_DTYPE)
        return gaps_by_channel(edges, self.channels), len(edges)

    def take(self) -> NDArray[np.void]:
        """Give the edges that wait, and free their room."""
        edges, count = self.peek()
        self.ring.consume(count)
        return edges

    def newly_dropped(self) -> str:
        """Say which edges did not fit since this was last asked; empty where all did."""
        new, self.dropped = self.ring.dropped - self.dropped, self.ring.dropped
        return f"{new} edges did not fit {self.name} and are missing" if new else ""

    def stop(self) -> str:
        """Stop the thread; say what is wrong where it does not end, empty where it does."""
        try:
            self.sampler.stop()
        except OSError:
            self.hangs = True
            return f"a read of the hardware does not come back: {self.name} is left behind, without its last readings"
        return ""

    def looks(self) -> list[dict[str, Any]]:
        """After its sampler was stopped: for each channel what was learned about its edges."""
        if self.hangs:
            return []
        return [
            {
                "channel": channel,
                **{name: round(value) for name, value in looks.items()},
            }
            for channel, looks in zip(self.channels, self.sampler.looks(), strict=True)
            if looks["met"] + looks["late"] + looks["empty"]
        ]


Row = tuple["_native.Source", int, int, int, int, int, bool]
"""Of a sampler: source, index in it, channel, range, most per second, how often (0: at edges), whether a level."""

MakeRing = Callable[[str, int], "_native.Ring"]
"""Gives a ring of a name with room for so many edges."""


def counter_feeds(
    discovery: Discovery,
    channels: Sequence[Channel],
    sampling: Sampling,
    make_ring: MakeRing,
    beside: bool = False,
) -> tuple[list[Feed], list[Obstacle]]:
    """Open what reads a machine's counters, ready to start; what can no longer be opened is an obstacle.

    With `beside` also what of GPUs is no energy.
    """
    opened, obstacles = open_counters([counter for counter in discovery.counters if counter.source != "nvml"])
    identity = {(channel.domain, channel.source): channel.id for channel in channels}
    groups = list(_by_package(opened))
    feeds = []
    for number, group in enumerate(groups):
        rows = [
            (
                source,
                0,
                identity[counter.domain, counter.source],
                counter.range_raw,
                int(MAX_PLAUSIBLE_POWER_W / counter.unit),
                0 if counter.closely else NOT_CLOSELY_EVERY_NS,
                False,
            )
            for counter, source in group
        ]
        name = "counters.ring" if len(groups) == 1 else f"counters-{number}.ring"
        budget_ppm = 0 if sampling.rate_hz else round(sampling.cpu_budget_percent * 10_000 / len(groups))
        cpus = _near([counter for counter, _ in group])
        feeds.append(_feed(name, rows, sampling.rate_hz, budget_ppm, make_ring, cpus, sampling.priority))
    # Opened one by one first: one that is lost since must not take the others with it.
    there, more = open_counters([counter for counter in discovery.counters if counter.source == "nvml"])
    obstacles += more
    graphics = [counter for counter, _ in there]
    if graphics:
        domains = tuple(f"{counter.domain}-" for counter in graphics)
        others = [one for one in discovery.beside if beside and one.domain.startswith(domains)]
        try:
            feeds.append(_gpu_feed(graphics, others, identity, sampling, make_ring))
        except OSError as error:
            obstacles.append(Obstacle("nvml", f"the GPUs can no longer be opened: {error.strerror}"))
    return feeds, obstacles


def _gpu_feed(
    counters: Sequence[Counter],
    beside: Sequence[Beside],
    identity: dict[tuple[str, str], int],
    sampling: Sampling,
    make_ring: MakeRing,
) -> Feed:
    """Make the feed of all GPUs, through one source, so that a call serves all readings that it can.

    Their counters are read at edges, whatever the rate: they are slow.
    """
    from pycarbon import _native

    addresses = [*(counter.address for counter in counters), *(one.address for one in beside)]
    of_nvml = [address for address in addresses if isinstance(address, NvmlReading)]
    source = _native.Source.nvml(of_nvml[0].library, [(one.uuid, int(one.metric)) for one in of_nvml])
    rows: list[Row] = []
    for counter in counters:
        most_per_s = int(MAX_PLAUSIBLE_POWER_W / counter.unit)
        every_ns = 0 if counter.closely else GPU_POWER_EVERY_NS
        rows.append((source, len(rows), identity[counter.domain, counter.source], 0, most_per_s, every_ns, False))
    for one in beside:
        every_ns, is_level = round(one.every_s * 1e9), one.quantity not in COUNTED
        rows.append((source, len(rows), identity[one.domain, "nvml"], 0, 0, every_ns, is_level))
    feed = _feed(
        "gpus.ring",
        rows,
        None,
        round(sampling.cpu_budget_percent * 10_000),
        make_ring,
        priority=sampling.priority,
        gap_ns=GPU_LATE_LOOK_IS_A_GAP_NS,
        most_per_s=MOST_GPU_EDGES_PER_S,
    )
    feed.following = source
    return feed


def await_first_readings(feeds: Sequence[Feed]) -> None:
    """Return once each channel was read, or after a tenth of a second."""
    deadline_s = time.monotonic() + FIRST_READINGS_S
    while time.monotonic() < deadline_s:
        if all(feed.ring.waiting >= len(feed.channels) for feed in feeds):
            return
        time.sleep(0.0001)


def cpu_time_feed(source: _native.Source, channels: Sequence[Channel], make_ring: MakeRing) -> Feed:
    """Make the feed of the machine's and the process tree's CPU time, ready to start."""
    ids = [channel.id for channel in channels if channel.source == "proc"]
    rows: list[Row] = [(source, index, identity, 0, 0, 0, False) for index, identity in enumerate(ids)]
    return _feed("cpu-time.ring", rows, CPU_TIME_RATE_HZ, CPU_TIME_MAX_DUTY_PPM, make_ring)


def _by_package(opened: list[tuple[Counter, Any]]) -> Iterator[list[tuple[Counter, Any]]]:
    """Group counters by the package they belong to; what belongs to none goes with the first."""
    packages: list[int | None] = [*sorted({c.package for c, _ in opened if c.package is not None})] or [None]
    for package in packages:
        group = [
            (counter, source)
            for counter, source in opened
            if counter.package == package or (counter.package is None and package == packages[0])
        ]
        if group:
            yield group


def _near(counters: list[Counter]) -> tuple[int, ...]:
    """Give the CPUs from which all of them, or as many as can be, are read without an interrupt to another."""
    common: frozenset[int] = frozenset()
    for counter in counters:
        if counter.near and counter.closely:
            common = (common & counter.near or common) if common else counter.near
    return tuple(sorted(common))


def _feed(
    name: str,
    rows: list[Row],
    rate_hz: float | None,
    max_duty_ppm: int,
    make_ring: MakeRing,
    cpus: tuple[int, ...] = (),
    priority: str = "normal",
    gap_ns: int = LATE_LOOK_IS_A_GAP_NS,
    most_per_s: float = MOST_EDGES_PER_S,
) -> Feed:
    from pycarbon import _native

    if rate_hz is not None:
        most_per_s = rate_hz * 1.1
    ring = make_ring(name, 2 ** math.ceil(math.log2(max(RING_HOLDS_S * most_per_s * len(rows), 1024))))
    period_ns = 0 if rate_hz is None else round(1e9 / rate_hz)
    sampler = _native.Sampler(
        ring,
        rows,
        period_ns=period_ns,
        gap_ns=LATE_PERIODS_ARE_A_GAP * period_ns or gap_ns,
        max_duty_ppm=max_duty_ppm,
        cpus=cpus,
        priority=PRIORITIES.index(priority),  # numbered as in csrc/place.h
    )
    return Feed(name, ring, sampler, [row[2] for row in rows], cpus, priority)
