"""A run as it was recorded: metadata, channels and their edges. Below it hardware, above it pure functions.

Everything that reads hardware ends here, everything that computes figures begins here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pycarbon.kernel_timeline import KernelTimeline
from pycarbon.ledger import Ledger

Kind = Literal["measured", "attributed", "modelled"]
KINDS: tuple[Kind, ...] = get_args(Kind)

EDGE_DTYPE = np.dtype(
    [
        ("t_before_ns", "<i8"),
        ("t_seen_ns", "<i8"),
        ("raw", "<u8"),
        ("channel", "<u2"),
        ("flags", "<u2"),
        ("error", "<i4"),
    ]
)
"""One edge as the sampler writes it (`struct pc_edge` of csrc/edge.h); times are CLOCK_MONOTONIC."""


MAX_CHANNELS = 2**16 - 1
"""Ids lie below; the sampler writes this one into an edge that is about all of them."""

MAX_RAW = 2**62
"""No counter with a range shows more, so that differences fit 64 bits: a range above is taken for none."""

Quantity = Literal["energy", "cpu_time", "gpu_time", "power", "utilisation", "frequency", "temperature", "throttle"]
"""What a channel tells. The first three are counters, the others levels: each edge has the value from then on."""
QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)

COUNTED: tuple[Quantity, ...] = ("energy", "cpu_time", "gpu_time")

_MAY_LACK = ("accuracy", "averaged_s")
LONGEST_MEAN_S = 60.0
"""No sensor averages over longer."""

_UNIT = re.compile(r"([1-9][0-9]{0,11})(?:/([0-9]{1,15}))?")


class Flag(IntFlag):
    """What an edge says beside "the counter changed to raw"; the meaning of each is in csrc/edge.h."""

    FIRST = 1
    WRAPPED = 2
    RESET = 4
    GAP = 8
    LOST = 16
    FOUND = 32
    LAST = 64


class GapCause(IntEnum):
    """Why nobody looked, in the `error` of an edge with Flag.GAP; csrc/watch.h."""

    UNKNOWN = 0
    STARVED = 1
    STALLED = 2
    SUSPENDED = 3


@lru_cache(maxsize=256)
def _exact(unit: str) -> Fraction:
    match = _UNIT.fullmatch(unit)
    if match is None or int(match[2] or 1) == 0:
        raise ValueError(f"a unit of {unit[:40]!r}")
    return Fraction(match[0])


@dataclass(frozen=True, slots=True)
class Channel:
    """One domain read through one source.

    `unit` is what one raw count is worth, exactly: joules, seconds of CPU or GPU time, W, Hz, degrees Celsius, or
    parts of 1 (of what throttles a GPU each bit is a reason). `range_raw` is the largest raw value before the counter
    goes on at 0; 0 where it has none. A channel of the source "model" has no edges: its figures follow from the run's
    CPU time.

    `accuracy` is by which part of a figure the sensor itself may be off, 0 where that is not part of the interval.
    What the channel shows may be a mean over `averaged_s` before: it then lags by up to so much.
    """

    id: int
    domain: str
    source: str
    kind: Kind
    quantity: Quantity
    unit: Fraction
    range_raw: int
    in_total: bool
    accuracy: float = 0.0
    averaged_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Give the channel as JSON can hold it; the unit as "numerator/denominator"."""
        values = {name: getattr(self, name) for name in self.__slots__} | {"unit": str(self.unit)}
        return {name: value for name, value in values.items() if value or name not in _MAY_LACK}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Channel:
        """Read what to_dict wrote; ValueError, KeyError or TypeError where it is something else."""
        told = {name: values[name] for name in cls.__slots__ if name in values or name not in _MAY_LACK}
        found = cls(**told | {"unit": _exact(values["unit"])})
        if (
            type(found.id) is not int
            or type(found.domain) is not str
            or type(found.source) is not str
            or type(found.range_raw) is not int
            or type(found.in_total) is not bool
            or found.kind not in KINDS
            or found.quantity not in QUANTITIES
            or any(type(getattr(found, name)) not in (int, float) for name in _MAY_LACK)
            or not 0 <= found.accuracy < 1
            or not 0 <= found.averaged_s <= LONGEST_MEAN_S
            or not 0 <= found.id < MAX_CHANNELS
            or not 0 <= found.range_raw < MAX_RAW
        ):
            raise ValueError(f"no channel: {str(values)[:200]}")
        return found


MACHINE_CPU = "machine-cpu"
"""Domain of the channel that holds the machine's busy CPU time."""

PROCESS_CPU = "process-cpu"
"""Domain of the channel that holds the CPU time of the recorded process tree."""


@dataclass
class RunData:
    """Everything recorded once.

    `meta` is written when the run begins and `footer` when it ends (empty where it never did); `complete` is False
    where the recording was cut off. `edges` has an array of EDGE_DTYPE for each channel id, ordered by t_seen_ns.
    `events` are what happened to the run as a whole, each with its `monotonic_ns`. `ledger` is what the program said
    of its regions, None where nobody listened; `kernels` when which kernel ran on its GPUs, None where nobody traced
    them. `start_ns` and `end_ns` bound the run on CLOCK_MONOTONIC.
    """

    meta: dict[str, Any]
    channels: list[Channel]
    edges: Mapping[int, NDArray[np.void]]
    footer: dict[str, Any] = field(default_factory=dict)
    complete: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    ledger: Ledger | None = None
    kernels: KernelTimeline | None = None

    @property
    def start_ns(self) -> int:
        """When the run began."""
        return int(self.footer.get("start_ns", self.meta["start_ns"]))

    @property
    def end_ns(self) -> int:
        """When the run ended; of a run that was cut off, the last moment anything was seen."""
        if "end_ns" in self.footer:
            return int(self.footer["end_ns"])
        seen = [int(edges["t_seen_ns"][-1]) for edges in self.edges.values() if len(edges)]
        return max([self.start_ns, *seen])

    @property
    def asleep_s(self) -> float | None:
        """How long the machine was suspended from the first anchor to the last; None where these do not tell."""
        try:
            first, last = self.meta["anchor"], self.footer["anchor"]
            since_boot_ns, awake_ns = (last[name] - first[name] for name in ("boottime_ns", "monotonic_ns"))
            return float(max(since_boot_ns - awake_ns, 0)) / 1e9
        except (KeyError, TypeError, OverflowError):
            return None

    def channel(self, domain: str, source: str | None = None) -> Channel | None:
        """Find the first channel of a domain, or None."""
        for channel in self.channels:
            if channel.domain == domain and source in (None, channel.source):
                return channel
        return None

    def edges_of(self, channel: Channel) -> NDArray[np.void]:
        """Give the channel's edges; an empty array where it has none."""
        return self.edges.get(channel.id, np.empty(0, EDGE_DTYPE))

    def between(self, start_ns: int, end_ns: int) -> RunData:
        """Give the run as it would be had only that time of it been recorded; its regions are the whole's."""
        of_the_whole = ("totals", "process_cpu_s")
        footer = {name: value for name, value in self.footer.items() if name not in of_the_whole}
        footer |= {"start_ns": start_ns, "end_ns": end_ns}
        return RunData(self.meta, self.channels, self.edges, footer, self.complete, self.events, self.ledger)

    def part(self, channel: Channel, first_ns: int, last_ns: int) -> RunData:
        """Give the run with at least those edges of one channel that were seen in a span, and no other channel's."""
        return RunData(self.meta, self.channels, {channel.id: self.edges_of(channel)}, self.footer, self.complete)


LISTED = ("id", "organisation", "project", "experiment", "name", "started_at", "tags")


def listed(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a list of runs shows of one beside its totals: footers repeat it, so that they alone need be read."""
    return {name: meta[name] for name in LISTED if name in meta}


def group_by_channel(edges: NDArray[np.void]) -> dict[int, NDArray[np.void]]:
    """Split edges of several channels into one array for each, keeping their order."""
    # not np.unique, which would import numpy.ma, an eighth of our start
    return {int(i): edges[edges["channel"] == i] for i in np.flatnonzero(np.bincount(edges["channel"]))}


def joined(first: NDArray[np.void], second: NDArray[np.void]) -> NDArray[np.void]:
    """Join two arrays of edges; np.concatenate would first promote their types, field by field."""
    both = np.empty(len(first) + len(second), EDGE_DTYPE)
    both[: len(first)] = first
    both[len(first) :] = second
    return both


def gaps_by_channel(edges: NDArray[np.void], channels: Sequence[int]) -> NDArray[np.void]:
    """Give each of a ring's channels its own copy of the gaps its sampler reported for all of them."""
    gaps = (edges["flags"] & Flag.GAP) != 0
    if not gaps.any():
        return edges
    copies = np.repeat(edges, np.where(gaps, len(channels), 1))
    copies["channel"][(copies["flags"] & Flag.GAP) != 0] = np.tile(channels, int(gaps.sum()))
    return copies
