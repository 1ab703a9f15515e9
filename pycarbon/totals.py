"""A run's figures as its file keeps them: computed once, when it ended, so that nobody needs its edges for them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from pycarbon.energy import ChannelEnergy
from pycarbon.hours import EnergyByHour
from pycarbon.run import Kind

ARITHMETIC = 1
"""Raise it whenever figures are computed in another way: those in older files are then computed anew."""

MOST_REGIONS = 1000


@dataclass(frozen=True, slots=True)
class Energy:
    """What a run used, in joules; every figure lies between its low and its high, which are NaN where nobody knows
    them, as of figures that another tool told.

    The total adds the channels whose `in_total` is true, and its kind is that of its least certain part.
    `process_j` is the recorded process tree's share of the total, `attributed` by CPU time, and of GPUs by theirs;
    None where the CPU time is not known.
    """

    total_j: float
    low_j: float
    high_j: float
    kind: Kind
    process_j: float | None
    process_low_j: float | None
    process_high_j: float | None
    channels: tuple[ChannelEnergy, ...]

    @property
    def shared_by(self) -> str:
        """By what the total is divided among processes."""
        gpus = any(one.in_total and one.domain.startswith("gpu-") for one in self.channels)
        return "CPU and GPU time" if gpus else "CPU time"


@dataclass(frozen=True, slots=True)
class Region:
    """One label with all that is nested in it, or one place of it in the tree.

    `time_s` is summed over threads. `energy_j` is None where the run does not tell it: `resolved` is False then,
    `remedy` says what would help, and the bounds hold all the same. `self_...` is without what is nested in it,
    `share` its part of the run's total. `kind` is "attributed" where threads ran at once and share by CPU time.
    """

    label: str
    calls: int
    time_s: float
    energy_j: float | None
    low_j: float
    high_j: float
    energy_per_call_j: float | None
    low_per_call_j: float | None
    high_per_call_j: float | None
    co2e_g: float | None
    kind: Kind
    method: str
    resolved: bool
    remedy: str
    self_time_s: float
    self_energy_j: float | None
    share: float | None


@dataclass(frozen=True, slots=True)
class Totals:
    """The figures that reports begin with. `regions` is None where they were too many, or took too long; `by_hour`
    where the run does not say when it was, or an older version wrote it.
    """

    energy: Energy
    remarks: tuple[str, ...]
    regions: tuple[Region, ...] | None
    outside: Region | None
    by_hour: EnergyByHour | None = None


def to_dict(totals: Totals) -> dict[str, Any]:
    """Give totals as JSON can hold them, an end of an interval that nobody knows as None; empty where any other of
    them is no number.
    """
    energy = asdict(totals.energy)
    values: dict[str, Any] = {
        "arithmetic": ARITHMETIC,
        "energy": _with_ends(energy, None) | {"channels": [_with_ends(one, None) for one in energy["channels"]]},
        "remarks": list(totals.remarks),
    }
    if totals.regions is not None and len(totals.regions) <= MOST_REGIONS:
        values["regions"] = [asdict(region) for region in totals.regions]
        values["outside"] = None if totals.outside is None else asdict(totals.outside)
    if totals.by_hour is not None:
        values["by_hour"] = asdict(totals.by_hour)
    return values if _is_finite(values) else {}


def from_dict(values: dict[str, Any]) -> Totals | None:
    """Read what to_dict wrote and metadata.TOTALS checked; None where other arithmetic made it."""
    if values.get("arithmetic") != ARITHMETIC:
        return None
    stored = values["energy"]
    channels = tuple(
        ChannelEnergy(**_with_ends(_members(ChannelEnergy, channel), math.nan)) for channel in stored["channels"]
    )
    energy = Energy(**_with_ends(_members(Energy, stored), math.nan) | {"channels": channels})
    remarks, by_hour, regions, outside = tuple(values["remarks"]), None, None, None
    if "by_hour" in values:
        by_hour = EnergyByHour(values["by_hour"]["first_hour"], tuple(values["by_hour"]["energy_j"]))
    if "regions" in values:
        regions = tuple(Region(**_members(Region, region)) for region in values["regions"])
        outside = None if values["outside"] is None else Region(**_members(Region, values["outside"]))
    return Totals(energy, remarks, regions, outside, by_hour)


def _with_ends(values: dict[str, Any], unknown: float | None) -> dict[str, Any]:
    """Write the ends of an interval that nobody knows in another way: NaN in memory, None in a file."""
    told = values["low_j"], values["high_j"]
    is_known = all(end is not None and end == end for end in told)
    return values if is_known else values | {"low_j": unknown, "high_j": unknown}


def _members(kind: Any, values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in kind.__slots__}


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return all(map(_is_finite, value)) if isinstance(value, list | tuple) else True
