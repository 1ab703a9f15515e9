"""What a trace shows of a domain over time: mean power in windows that its counter resolves, and energy so far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycarbon.energy import UPDATES_PER_WINDOW
from pycarbon.exports.recorded import Recorded
from pycarbon.exports.tables import domains
from pycarbon.exports.text import clean
from pycarbon.run import Kind
from pycarbon.updates import median

SHORTEST_S = 0.01
MOST_WINDOWS = 50_000
"""Of a domain, unless somebody asks for shorter ones: a viewer draws them at once, and an hour has one in 72 ms."""


@dataclass(frozen=True, slots=True)
class Track:
    """A domain's power and energy at `time_ns`: a power holds up to the next time, and the last time only ends it."""

    domain: str
    source: str
    kind: Kind
    time_ns: NDArray[np.int64]
    power_w: NDArray[np.float64]
    energy_j: NDArray[np.float64]

    @property
    def name(self) -> str:
        """The domain, and its kind unless it was measured: a viewer shows nothing else."""
        return clean(self.domain if self.kind == "measured" else f"{self.domain} ({self.kind})")


def tracks(run: Recorded, every: str | float | None) -> Iterator[Track]:
    """Give the tracks of all domains; one whose counter is too coarse to tell a power has no times."""
    for domain in domains(run):
        channel = next(one for one in run.data.channels if one.domain == domain and one.quantity == "energy")
        series = run.power(domain, _window_s(run, domain) if every is None else every)
        time_ns = np.append(series["time_ns"], run.data.end_ns)[: len(series) + 1 if len(series) else 0]
        power_w = series["power_w"]
        used_j = np.concatenate([[0.0], np.cumsum(power_w * np.diff(time_ns) / 1e9)]) if len(series) else power_w
        yield Track(domain, channel.source, channel.kind, time_ns, np.append(power_w, power_w[-1:]), used_j)


def _window_s(run: Recorded, domain: str) -> float | None:
    """Give the shortest windows that the counter resolves, as run.power does, but more of them in a long run."""
    time_ns = run.edges(domain)["time_ns"]
    if len(time_ns) < 3 or next(one for one in run.data.channels if one.domain == domain).source == "model":
        return None
    return max(UPDATES_PER_WINDOW * median(np.diff(time_ns)) / 1e9, SHORTEST_S, run.duration_s / MOST_WINDOWS)
