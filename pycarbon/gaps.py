"""When nobody looked at the counters, and why."""

from __future__ import annotations

from dataclasses import dataclass

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
    found: dict[tuple[int, int], tuple[GapCause, int]] = {}
    for channel in run.channels:
        edges = run.edges_of(channel)
        if channel.quantity != "energy":
            continue
        for edge in edges[(edges["flags"] & Flag.GAP) != 0]:
            error = int(edge["error"])
            cause = GapCause(error) if error in list(GapCause) else GapCause.UNKNOWN
            found[int(edge["t_before_ns"]), int(edge["t_seen_ns"])] = (cause, int(edge["raw"]))
    sorted_out = []
    for cause in GapCause:
        spans = [(span, asleep_ns) for span, (why, asleep_ns) in found.items() if why == cause]
        if spans:
            total_s = sum(last - first for (first, last), _ in spans) / 1e9
            sorted_out.append(Gaps(cause, len(spans), total_s, sum(asleep for _, asleep in spans) / 1e9))
    return sorted_out
