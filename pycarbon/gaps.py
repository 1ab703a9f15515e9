"""When nobody looked at the counters, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pycarbon.run import Flag, GapCause, RunData

_SAID = {
    GapCause.UNKNOWN: "for a reason that is not known",
    GapCause.STARVED: "the sampler was ready and got no CPU",
    GapCause.STALLED: "the process was stopped, or a read of the hardware blocked",
}


@dataclass(frozen=True, slots=True)
class Gaps:
    """All gaps of one cause: how often, how long in all, and of suspends how long the machine slept."""

    cause: GapCause
    count: int
    total_s: float
    asleep_s: float

    def said(self) -> str:
        """Say it in one line."""
        times = "once" if self.count == 1 else f"{self.count} times"
        if self.cause == GapCause.SUSPENDED:
            return (
                f"the machine was suspended {times}, for {self.asleep_s:.3g} s in all; they are not in the duration, "
                "but what its counters counted meanwhile is in the energy"
            )
        return f"nobody looked at the counters {times}, for {self.total_s:.3g} s in all: {_SAID[self.cause]}"


def gaps(run: RunData) -> list[Gaps]:
    """Collect a run's gaps. A sampler reports one for all its channels: each is counted once."""
    parts = []
    for channel in run.channels:
        edges = run.edges_of(channel)
        if channel.quantity == "energy":
            parts.append(edges[(edges["flags"] & Flag.GAP) != 0])
    if not parts:
        return []
    edges = np.concatenate(parts)
    edges = edges[np.lexsort((edges["t_seen_ns"], edges["t_before_ns"]))]
    last = (np.diff(edges["t_before_ns"], append=-1) != 0) | (np.diff(edges["t_seen_ns"], append=-1) != 0)
    edges = edges[last]
    why = np.where(np.isin(edges["error"], list(GapCause)), edges["error"], GapCause.UNKNOWN)
    sorted_out = []
    for cause in GapCause:
        own = edges[why == cause]
        if len(own):
            length_ns = (own["t_seen_ns"] - own["t_before_ns"]).sum(dtype=np.float64)
            asleep_ns = own["raw"].sum(dtype=np.float64)
            sorted_out.append(Gaps(cause, len(own), float(length_ns) / 1e9, float(asleep_ns) / 1e9))
    return sorted_out
