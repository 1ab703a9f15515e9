"""Regions of several runs, added by label.

Runs of different machines, or of one machine one after the other, add up. Runs of one machine at the same time do
not: each says what the whole machine used while it was in a region, so that their sum counts it more than once. What
they used together lies between the largest of them and the sum of all, and what it was is not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pycarbon.analysis import Run
from pycarbon.coverage import Timed, at_once
from pycarbon.regions import NOTHING_KNOWN, OUTSIDE, rank
from pycarbon.run import Kind
from pycarbon.totals import Energy, Region

KINDS: tuple[Kind, ...] = ("measured", "attributed", "modelled")
SEVERAL = "several"
AT_ONCE = (
    "several runs of one machine at the same time each have all of its energy; one `pycarbon run` around all of them "
    "would tell"
)


@dataclass(frozen=True, slots=True)
class OfMachine:
    """The runs of one machine whose regions are not within those of another, and what the machine used."""

    runs: tuple[Timed, ...]
    energy: Energy


def least_certain(kinds: Iterable[Kind]) -> Kind:
    """Give the kind of a sum: that of its least certain part."""
    return max(kinds, key=KINDS.index, default="modelled")


def by_label(machines: Sequence[OfMachine], total_j: float) -> list[Region]:
    """Add the regions of all runs, in order of energy; `total_j` is what the shares are of."""
    found: dict[str, list[Region]] = {}
    for machine in machines:
        of_machine: dict[str, list[tuple[Timed, Region]]] = {}
        for timed in machine.runs:
            for region in timed.run.regions:
                of_machine.setdefault(region.label, []).append((timed, region))
        for label, some in of_machine.items():
            regions = [region for _, region in some]
            shared = at_once([timed for timed, _ in some])
            found.setdefault(label, []).append(_together(regions, machine.energy) if shared else _added(regions))
    return sorted((_shared(_added(regions), total_j) for regions in found.values()), key=rank)


def outside(machines: Sequence[OfMachine], total_j: float) -> Region | None:
    """Add what no region covers; None where no run has regions."""
    if all(timed.run.outside is None for machine in machines for timed in machine.runs):
        return None
    found = []
    for machine in machines:
        regions = [_outside(timed.run) for timed in machine.runs]
        shared = at_once(machine.runs)
        found.append(replace(_together(regions, machine.energy), low_j=0.0) if shared else _added(regions))
    return _shared(_added(found), total_j)


def _outside(run: Run) -> Region:
    """Give what no region of a run covers: without regions that is all of it."""
    if run.outside is not None:
        return run.outside
    energy = run.energy
    known = not math.isnan(energy.total_j)
    return Region(
        label=OUTSIDE,
        calls=0,
        time_s=run.duration_s,
        energy_j=energy.total_j if known else None,
        low_j=energy.low_j,
        high_j=energy.high_j,
        energy_per_call_j=None,
        low_per_call_j=None,
        high_per_call_j=None,
        co2e_g=run.emissions.co2e_g if known else None,
        kind=energy.kind,
        method="model" if energy.kind == "modelled" else "interpolation",
        resolved=known,
        remedy="" if known else NOTHING_KNOWN,
        self_time_s=run.duration_s,
        self_energy_j=energy.total_j if known else None,
        share=None,
    )


def _added(regions: Sequence[Region]) -> Region:
    """Add regions of one label that have no joule in common; the ends of their intervals add too."""
    if len(regions) == 1:
        return regions[0]
    calls = sum(region.calls for region in regions)
    energy_j = _sum([region.energy_j for region in regions])
    low_j, high_j = sum(region.low_j for region in regions), sum(region.high_j for region in regions)
    methods = {region.method for region in regions}
    return Region(
        label=regions[0].label,
        calls=calls,
        time_s=sum(region.time_s for region in regions),
        energy_j=energy_j,
        low_j=low_j,
        high_j=high_j,
        energy_per_call_j=None if energy_j is None or not calls else energy_j / calls,
        low_per_call_j=low_j / calls if calls else None,
        high_per_call_j=high_j / calls if calls else None,
        co2e_g=_sum([region.co2e_g for region in regions]),
        kind=least_certain(region.kind for region in regions),
        method=methods.pop() if len(methods) == 1 else SEVERAL,
        resolved=energy_j is not None,
        remedy=next((region.remedy for region in regions if region.remedy), ""),
        self_time_s=sum(region.self_time_s for region in regions),
        self_energy_j=_sum([region.self_energy_j for region in regions]),
        share=None,
    )


def _together(regions: Sequence[Region], machine: Energy) -> Region:
    """Bound what regions of one label used together on one machine, where its energy may be in several of them."""
    added = _added(regions)
    low_j, high_j = max(region.low_j for region in regions), min(added.high_j, machine.high_j)
    return replace(
        added,
        energy_j=None,
        low_j=min(low_j, high_j),
        high_j=high_j,
        energy_per_call_j=None,
        low_per_call_j=min(low_j, high_j) / added.calls if added.calls else None,
        high_per_call_j=high_j / added.calls if added.calls else None,
        co2e_g=None,
        resolved=False,
        remedy=AT_ONCE,
        self_energy_j=None,
    )


def _shared(region: Region, total_j: float) -> Region:
    energy_j = region.energy_j
    return replace(region, share=energy_j / total_j if energy_j is not None and total_j > 0 else None)


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
