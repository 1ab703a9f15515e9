"""Sums over many runs, measured and modelled always told apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import fsum
from operator import attrgetter
from typing import Any


@dataclass(frozen=True, slots=True)
class RollUp:
    """What some runs used in all. The interval goes from the sum of all lows to the sum of all highs, which holds
    whatever ties their errors together.

    `measured_j` and `measured_g` are the part of runs that are measured; the rest is modelled. `process_j` adds the
    process trees' shares where these are known. `unknown` counts runs without energy, which add nothing;
    `without_interval` those of whose figures nobody knows an interval: they add the figure itself to both ends.
    `beside` counts runs that were recorded while another one was on the same machine, which used `beside_j`: each has
    the whole machine's energy, so that of times they share is in the sum more than once.
    """

    runs: int = 0
    duration_s: float = 0.0
    energy_j: float = 0.0
    low_j: float = 0.0
    high_j: float = 0.0
    measured_j: float = 0.0
    process_j: float = 0.0
    co2e_g: float = 0.0
    low_g: float = 0.0
    high_g: float = 0.0
    measured_g: float = 0.0
    unknown: int = 0
    without_interval: int = 0
    beside: int = 0
    beside_j: float = 0.0

    @property
    def modelled_j(self) -> float:
        """The part of runs that are modelled."""
        return self.energy_j - self.measured_j

    @property
    def modelled_g(self) -> float:
        """What the energy of these runs emitted."""
        return self.co2e_g - self.measured_g

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON can hold it."""
        return asdict(self) | {"modelled_j": self.modelled_j, "modelled_g": self.modelled_g}


_COUNTS = ("runs", "unknown", "without_interval", "beside")
_values = attrgetter(*RollUp.__slots__)


def summed(parts: Iterable[RollUp]) -> RollUp:
    """Add sums up, the same in whatever order they come."""
    columns = zip(*map(_values, parts), strict=True)
    named = zip(RollUp.__slots__, columns, strict=False)
    values: dict[str, Any] = {
        name: sum(column) if name in _COUNTS else round(fsum(column), 9)  # each is a whole number of µJ or ng
        for name, column in named
    }
    return RollUp(**values)


@dataclass(frozen=True, slots=True)
class Group:
    """The runs that have one value of something, and their sums."""

    key: str
    sums: RollUp
