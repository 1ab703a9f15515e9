"""Do two sources of one domain agree? Both are recorded over the same span, and their intervals compared."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from pycarbon import _native
from pycarbon.counters import Counter
from pycarbon.energy import Timeline
from pycarbon.interval import Range
from pycarbon.run import EDGE_DTYPE, Channel, RunData, group_by_channel
from pycarbon.sources import MAX_PLAUSIBLE_POWER_W, Discovery, Obstacle, open_counters

PERIOD_NS = 1_000_000
GAP_NS = 10 * PERIOD_NS
LINGER_S = 0.02
"""How long both are read on, so that each is seen to change once more after the end."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one source says a domain used."""

    counter: Counter
    energy_j: Range


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two sources' word on one domain. They agree where their intervals overlap."""

    domain: str
    one: Reading
    other: Reading

    @property
    def agree(self) -> bool:
        """Whether some energy lies within both intervals."""
        one, other = self.one.energy_j, self.other.energy_j
        return one.low <= other.high and other.low <= one.high

    @property
    def moved(self) -> bool:
        """Whether either counted anything."""
        return max(self.one.energy_j.best, self.other.energy_j.best) > 0

    @property
    def factor(self) -> float:
        """By what factor the larger figure exceeds the smaller; infinite where one counted nothing."""
        low, high = sorted((self.one.energy_j.best, self.other.energy_j.best))
        return high / low if low > 0 else (math.inf if high > 0 else 1.0)


def pairs(discovery: Discovery) -> list[tuple[Counter, Counter]]:
    """Give each chosen counter with every other of its domain."""
    return [
        (counter, other)
        for counter in discovery.counters
        for other in discovery.alternatives
        if other.domain == counter.domain
    ]


def compare(discovery: Discovery, for_s: float) -> tuple[list[Agreement], list[Obstacle]]:
    """Record every domain that two sources show, for so many seconds; a counter that fails is an obstacle."""
    both = pairs(discovery)
    wanted = tuple(dict.fromkeys(counter for pair in both for counter in pair))
    opened, obstacles = open_counters(wanted)
    if not opened:
        return [], obstacles
    run = _record(opened, for_s)
    readings = {
        counter: Reading(counter, Timeline(run, channel).between(run.start_ns, run.end_ns))
        for (counter, _), channel in zip(opened, run.channels, strict=True)
    }
    found = [
        Agreement(one.domain, readings[one], readings[other])
        for one, other in both
        if one in readings and other in readings
    ]
    return found, obstacles


def _record(opened: list[tuple[Counter, _native.Source]], for_s: float) -> RunData:
    channels = [
        Channel(i, c.domain, c.source, "measured", "energy", c.unit, c.range_raw, c.in_total)
        for i, (c, _) in enumerate(opened)
    ]
    slots = 2 ** math.ceil(math.log2((for_s + 1) * 1e9 / PERIOD_NS * len(channels) * 1.2))
    ring = _native.Ring.create(None, slots)
    sampler = _native.Sampler(
        ring,
        [
            (source, 0, i, c.range_raw, int(MAX_PLAUSIBLE_POWER_W / c.unit), PERIOD_NS)
            for i, (c, source) in enumerate(opened)
        ],
        period_ns=PERIOD_NS,
        gap_ns=GAP_NS,
    )
    sampler.start()
    try:
        deadline_ns = time.monotonic_ns() + 100_000_000
        while ring.waiting < len(channels) and time.monotonic_ns() < deadline_ns:
            time.sleep(0.001)
        time.sleep(LINGER_S)
        start_ns = time.monotonic_ns()
        time.sleep(for_s)
        end_ns = time.monotonic_ns()
        time.sleep(LINGER_S)
    finally:
        sampler.stop()
    edges = np.frombuffer(ring.peek(), EDGE_DTYPE)
    return RunData({"start_ns": start_ns}, channels, group_by_channel(edges), {"end_ns": end_ns}, complete=True)
