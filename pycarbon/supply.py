"""What fed a run, channel by channel, as the figures of its regions need it: measured, or by a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycarbon.energy import ChannelEnergy, Timeline
from pycarbon.interval import Range
from pycarbon.run import Channel

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """A channel with a counter."""

    used: ChannelEnergy
    channel: Channel
    timeline: Timeline

    def level_j(self, time_ns: Array) -> Array:
        """Give the energy used up to each time."""
        return self.timeline.best_j(time_ns)

    def between(self, start_ns: Array, end_ns: Array) -> tuple[Array, Array, Array]:
        """Say how much was used from each start to its end: low, best, high, as Timeline.between does for one."""
        line = self.timeline
        best = np.maximum(line.best_j(end_ns) - line.best_j(start_ns), 0.0)
        low = np.clip(line.low_j(end_ns) - line.high_j(start_ns), 0.0, best)
        high = np.maximum(line.high_j(end_ns) - line.low_j(start_ns) + line.hidden_j(start_ns, end_ns), best)
        off = self.channel.accuracy
        return low / (1 + off), best, high / (1 - off)


@dataclass(frozen=True, slots=True)
class Modelled:
    """A channel without one: constant power within each window of the model. `used_j` has shape (n,), `border_ns`
    (n + 1,).
    """

    used: ChannelEnergy
    border_ns: Array
    used_j: Array

    def level_j(self, time_ns: Array) -> Array:
        """Give the energy used up to each time."""
        level: Array = np.interp(time_ns, self.border_ns, np.concatenate([[0.0], np.cumsum(self.used_j)]))
        return level

    def between(self, start_ns: Array, end_ns: Array) -> tuple[Array, Array, Array]:
        """Say how much was used from each start to its end: low, best, high."""
        best = np.maximum(self.level_j(end_ns) - self.level_j(start_ns), 0.0)
        low, high = self.factors
        return best * low, best, best * high

    @property
    def factors(self) -> tuple[float, float]:
        """Give the ends of the channel's interval as parts of its figure: a part of it is no better known."""
        if self.used.energy_j <= 0:
            return 0.0, 1.0
        return self.used.low_j / self.used.energy_j, self.used.high_j / self.used.energy_j


Supply = Measured | Modelled


def total(supplies: list[Supply]) -> Range:
    """Add what the channels used over the run."""
    return Range(
        sum(supply.used.low_j for supply in supplies),
        sum(supply.used.energy_j for supply in supplies),
        sum(supply.used.high_j for supply in supplies),
    )
