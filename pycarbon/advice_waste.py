"""What in a run itself was waste: energy that was used while nearly nothing ran, or by others, or in one region.

These are parts of the run's own energy and meet its own intensity and PUE. Idle CPUs and what others had are told
window by window and never hold the same joules twice. None of them says that the energy is easily saved: a machine
that is left on goes on drawing its idle power when the run has ended.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pycarbon.advice import Advice, Kind, Used, advice, of_energy
from pycarbon.analysis import Run
from pycarbon.attribution import CpuTime, cpu_time, shares
from pycarbon.interval import Range
from pycarbon.model import PowerCurve, energy_j
from pycarbon.supply import Supply

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

IDLE_MACHINE = 0.05
"""Of all CPUs' time: a machine less busy than that is idle ..."""

IDLE_TREE = 0.1
"""... where of one CPU's time the run had less than that: a single busy thread is no idleness, on any machine."""

FLOOR = Range(1.1, 1.25, 1.5)
"""A GPU whose power is within so many times its least is taken to be idle, surely, probably, possibly ..."""

RISE = 2.0
"""... if at its most it drew so many times its least: else the least may be work as well."""

DOMINANT = 0.5
HALVED = 0.5
LONGEST_LABEL = 30


def waste(run: Run, used: Used) -> list[Advice]:
    """Everything in the run that was waste; empty where the run does not tell."""
    return [*_cpus(run, used), *_gpus(run, used), *_region(run, used)]


def _is_gpu(supply: Supply) -> bool:
    return supply.used.domain.startswith("gpu")


def _cpus(run: Run, used: Used) -> list[Advice]:
    supplies = [supply for supply in run.supplies if not _is_gpu(supply)]
    if not supplies or run.duration_s <= 0:
        return []
    n_threads = run.machine.n_threads or 1
    cpu = cpu_time(run.data, n_threads)
    masks = _idle(cpu, n_threads)
    idle = _sum([_idle_j(run, supply, cpu, n_threads, masks) for supply in supplies])
    found = []
    if idle.best > 0:
        time_s = float(cpu.window_s[masks[1]].sum())
        share = time_s / run.duration_s
        found.append(_advice("idle-cpu", "the CPUs were idle", used, idle, time_s=time_s, time_share=share))
    others = _others(cpu, supplies, ~masks[1])
    if others is not None and others.best > 0:
        found.append(_advice("shared", "other programs, or no CPU busy", used, others))
    return found


def _idle_j(run: Run, supply: Supply, cpu: CpuTime, n_threads: int, masks: tuple[Mask, Mask, Mask]) -> Range:
    """What a channel used in idle windows. A model is worse known there than over a run: its curve's ends hold."""
    surely, probably, possibly = (_within(supply, cpu.border_ns, mask) for mask in masks)
    low_j, best_j, high_j = surely.low, probably.best, possibly.high
    curves = run.data.meta.get("curves", ()) if supply.used.source == "model" else ()
    for values in curves:
        if values["domain"] == supply.used.domain:
            curve, (some, _, most) = PowerCurve.from_dict(values), masks
            low_j = energy_j(curve, cpu.busy_low_s[some], cpu.window_s[some], n_threads).low
            high_j = energy_j(curve, cpu.busy_high_s[most], cpu.window_s[most], n_threads).high
    return Range(min(low_j, best_j), best_j, max(min(high_j, supply.used.high_j), best_j))


def _sum(some: Sequence[Range]) -> Range:
    return Range(sum(one.low for one in some), sum(one.best for one in some), sum(one.high for one in some))


def _idle(cpu: CpuTime, n_threads: int) -> tuple[Mask, Mask, Mask]:
    """In which windows nearly nothing ran: surely, probably, possibly, by how well the CPU time is known."""
    tree_s, tree_high_s = cpu.process_s, cpu.process_high_s
    if not cpu.process_known:  # then all of the machine's may be the run's
        tree_s, tree_high_s = cpu.busy_s, cpu.busy_high_s
    few, one = IDLE_MACHINE * n_threads * cpu.window_s, IDLE_TREE * cpu.window_s
    probably = (cpu.busy_s < few) & (tree_s < one)
    return (
        probably & (cpu.busy_high_s < few) & (tree_high_s < one),
        probably,
        probably | ((cpu.busy_low_s < few) & (np.minimum(tree_s, cpu.busy_low_s) < one)),
    )


def _within(supply: Supply, border_ns: Array, chosen: Mask) -> Range:
    """What was used in the chosen windows: those side by side are one span, whose two ends alone are uncertain."""
    steps = np.diff(np.concatenate([[0], chosen.astype(np.int8), [0]]))
    first, last = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    low, best, high = (float(part.sum()) for part in supply.between(border_ns[first], border_ns[last]))
    return Range(min(low, supply.used.low_j, best), best, max(min(high, supply.used.high_j), best))


def _others(cpu: CpuTime, supplies: list[Supply], chosen: Mask) -> Range | None:
    """What others had of the chosen windows, or nobody; None where the CPU time of the run is not known."""
    if not cpu.process_known:
        return None
    least, share, most = shares(cpu)
    low = best = high = 0.0
    for supply in supplies:
        window_j = np.maximum(np.diff(supply.level_j(cpu.border_ns)), 0.0) * chosen
        total_j = supply.used.energy_j
        below, above = (supply.used.low_j / total_j, supply.used.high_j / total_j) if total_j > 0 else (0.0, 1.0)
        low += float(((1 - most) * window_j).sum()) * below
        best += float(((1 - share) * window_j).sum())
        high += float(((1 - least) * window_j).sum()) * above
    return Range(max(min(low, best), 0.0), max(best, 0.0), max(high, best))


def _gpus(run: Run, used: Used) -> list[Advice]:
    found = []
    for supply in filter(_is_gpu, run.supplies):
        domain, whole = supply.used.domain, Range(supply.used.low_j, supply.used.energy_j, supply.used.high_j)
        if whole.best <= 0:
            continue
        power = run.power(domain)
        power_w = power["power_w"].astype(np.float64)
        floor_w = float(power_w.min()) if len(power_w) else 0.0
        if not len(power_w) or power_w.max() < RISE * floor_w:
            mean = f"{supply.used.mean_power_w:.3g} W"
            what = f"{domain} drew {mean} all along, idle or evenly busy"
            found.append(_advice("idle-gpu", what, used, Range(0.0, whole.best, whole.high), domain=domain))
            continue
        border_ns = np.append(power["time_ns"].astype(np.float64), float(run.data.end_ns))
        surely, probably, possibly = (
            _within(supply, border_ns, power_w <= times * floor_w) for times in (FLOOR.low, FLOOR.best, FLOOR.high)
        )
        idle = Range(min(surely.low, probably.best), probably.best, max(possibly.high, probably.best))
        time_s = float(np.diff(border_ns)[power_w <= FLOOR.best * floor_w].sum()) / 1e9
        facts = {"domain": domain, "floor_w": floor_w, "time_s": time_s, "time_share": time_s / run.duration_s}
        found.append(_advice("idle-gpu", f"{domain} was idle", used, idle, **facts))
    return found


def _region(run: Run, used: Used) -> list[Advice]:
    """The innermost region with most of the energy: of nested ones each has what is inside it."""
    total_j = used.energy.best
    found = [
        (region.energy_j, region)
        for region in run.regions
        if region.resolved and region.energy_j is not None and region.energy_j > DOMINANT * total_j
    ]
    if not found:
        return []
    energy_j, region = min(found, key=lambda pair: (pair[0], pair[1].label))
    high_j = min(region.high_j, used.energy.high)
    half = Range(max(min(region.low_j, energy_j), 0.0), energy_j, max(high_j, energy_j)).times(HALVED)
    if not math.isfinite(half.high):
        return []
    label = region.label if len(region.label) <= LONGEST_LABEL else f"{region.label[:LONGEST_LABEL]} ..."
    what = f"half of {label!r}"
    return [_advice("region", what, used, half, label=region.label, region_share=energy_j / total_j)]


def _advice(kind: Kind, what: str, used: Used, energy: Range, **facts: object) -> Advice:
    told = {"energy_j": energy.best, "energy_low_j": energy.low, "energy_high_j": energy.high, **facts}
    return advice(kind, what, None, of_energy(energy, used.emissions), used.emissions, **told)
