"""Do two sources of one domain agree? Both are recorded over the same span, and their intervals compared."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pycarbon._native import Ring
from pycarbon.counters import Counter
from pycarbon.energy import Timeline
from pycarbon.feeds import Feed, Sampling, await_first_readings, counter_feeds
from pycarbon.interval import Range
from pycarbon.run import Channel, RunData, group_by_channel
from pycarbon.sources import Discovery, Obstacle

DRAIN_EVERY_S = 1.0
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
    both_sources = replace(discovery, counters=wanted, curves=(), cpu_time=False)
    channels = both_sources.channels()
    feeds, obstacles = counter_feeds(both_sources, channels, Sampling(), lambda _, slots: Ring.create(None, slots))
    if not feeds:
        return [], obstacles
    run = _record(feeds, channels, for_s)
    readings = {
        counter: Reading(counter, Timeline(run, channel).between(run.start_ns, run.end_ns))
        for counter, channel in zip(wanted, channels, strict=True)
        if channel.id in run.edges
    }
    found = [
        Agreement(one.domain, readings[one], readings[other])
        for one, other in both
        if one in readings and other in readings
    ]
    return found, obstacles


def _record(feeds: list[Feed], channels: list[Channel], for_s: float) -> RunData:
    parts: list[NDArray[np.void]] = []
    try:
        for feed in feeds:
            feed.start()
        await_first_readings(feeds)
        time.sleep(LINGER_S)
        start_ns = time.monotonic_ns()
        end_ns = start_ns + round(for_s * 1e9)
        while (left_s := (end_ns - time.monotonic_ns()) / 1e9 + LINGER_S) > 0:
            time.sleep(min(left_s, DRAIN_EVERY_S))
            parts += [feed.take() for feed in feeds]
    finally:
        for feed in feeds:
            feed.sampler.stop()
    edges = np.concatenate([*parts, *(feed.take() for feed in feeds)])
    return RunData({"start_ns": start_ns}, channels, group_by_channel(edges), {"end_ns": end_ns}, complete=True)
