"""The samplers of a machine's counters, for figures that nobody stores: started, drained and stopped together.

Roles: start(), take() and stop() are called by one thread at a time, which alone drains the rings. Nothing is written
anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pycarbon.feeds import Feed, Sampling, await_first_readings, counter_feeds, cpu_time_feed
from pycarbon.run import MACHINE_CPU, Channel
from pycarbon.sources import Discovery

if TYPE_CHECKING:
    from pycarbon import _native


class Samplers:
    """What reads this machine's counters, from start() to stop().

    `channels` are those that could be opened and those of the model, `notes` what went wrong, a line each.
    """

    def __init__(self, discovery: Discovery, sampling: Sampling) -> None:
        """Plan it; nothing runs yet."""
        self._discovery = discovery
        self._sampling = sampling
        self._feeds: list[Feed] = []
        self._started: list[Feed] = []
        self.channels: list[Channel] = []
        self.notes: list[str] = []

    def start(self, cpu_time: bool) -> None:
        """Start them, return once each counter was read; with `cpu_time` the machine's is read, too.

        Where this raises no thread is left.
        """
        found = self._discovery
        channels = found.channels()
        self._feeds, obstacles = counter_feeds(found, channels, self._sampling, _ring)
        self.notes += [obstacle.what for obstacle in obstacles]
        if cpu_time:
            self._open_cpu_time([channel for channel in channels if channel.domain == MACHINE_CPU])
        opened = {channel for feed in self._feeds for channel in feed.channels}
        self.channels = [channel for channel in channels if channel.source == "model" or channel.id in opened]
        try:
            for feed in self._feeds:
                feed.start()
                self._started.append(feed)
            await_first_readings(self._feeds)
        except BaseException:
            self.stop()
            raise

    def take(self) -> Iterator[NDArray[np.void]]:
        """Drain the rings: each one's edges, every gap copied for each of its channels."""
        for feed in self._feeds:
            yield feed.take()
            missing = feed.newly_dropped()
            if missing:
                self.notes.append(missing)

    def stop(self) -> None:
        """Stop them and wait for their threads."""
        while self._started:
            self.notes += filter(None, [self._started.pop().stop()])

    @property
    def cpu_s(self) -> float:
        """CPU time that the samplers' threads used."""
        return sum(feed.sampler.cpu_ns for feed in self._feeds) / 1e9

    def _open_cpu_time(self, channels: Sequence[Channel]) -> None:
        if not channels:
            return
        from pycarbon import _native

        proc = self._discovery.roots.proc
        try:
            self._feeds.append(cpu_time_feed(_native.Source.proc(proc), channels, _ring))
        except OSError as error:
            self.notes.append(f"no CPU time from {proc}: {error.strerror}")


def _ring(name: str, slots: int) -> _native.Ring:
    from pycarbon import _native

    return _native.Ring.create(None, slots)
