"""Whether two runs compare: what differs between them beside the code, and what a comparison must not say then."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pycarbon.analysis import Run
from pycarbon.emissions import Emissions
from pycarbon.machine import Machine

ONE_RUN_EACH = (
    "these intervals are of the measurement only, of one run each: how far another run of the same code would differ "
    "is not in them; `pycarbon bench` measures that"
)
CPU_TIME_ONLY = (
    "modelled: compared as CPU time only. The energy here is an estimate from CPU time and duration, which tells "
    "nothing that these do not; of regions the time is compared"
)


def domains(run: Run) -> list[str]:
    """Name what a run's total adds."""
    return [channel.domain for channel in run.energy.channels if channel.in_total]


def both_modelled(a: Run, b: Run) -> bool:
    """Say whether energy is only CPU time and duration in another unit, on both sides."""
    known = not (math.isnan(a.energy.total_j) or math.isnan(b.energy.total_j))
    return known and a.energy.kind == b.energy.kind == "modelled"


def energies_compare(a: Run, b: Run) -> bool:
    """Say whether the totals are of the same things, and not both only a model's.

    Machines of different sorts may have more packages or fewer: their totals compare where the sorts of domains do.
    """
    if both_modelled(a, b):
        return False
    if _sort(a.machine) == _sort(b.machine):
        return set(domains(a)) == set(domains(b))
    return {_sort_of(domain) for domain in domains(a)} == {_sort_of(domain) for domain in domains(b)}


def same_factor(a: Emissions, b: Emissions) -> bool:
    """Say whether a joule counts the same grams in both, so that the error of that is the same too."""
    first, second = (replace(one, co2e_g=0.0, low_g=0.0, high_g=0.0) for one in (a, b))
    return first == second


def notes(runs: Sequence[Run], letters: Sequence[str]) -> list[str]:
    """Say what a reader of the comparison must know, a line each."""
    named = list(zip(letters, runs, strict=True))
    (first, baseline), others = named[0], named[1:]
    found: list[str] = []
    for letter, run in others:
        found += _between(first, baseline, letter, run)
    if any(both_modelled(baseline, run) for _, run in others):
        found.append(CPU_TIME_ONLY)
    alike = [
        letter
        for letter, run in others
        if energies_compare(baseline, run) and same_factor(baseline.emissions, run.emissions)
    ]
    if alike:
        several = f"{', '.join([first, *alike[:-1]])} and {alike[-1]}"
        found.append(
            f"the grams of {several} are counted with one factor, whose error is the same in them: they change as "
            "the energy does"
        )
    for letter, run in named:
        found += _of(letter, run)
    if baseline.energy.total_j == 0:
        found.append(f"{first} used no energy that was seen: no ratio to it is known")
    return [*found, ONE_RUN_EACH]


def _between(first: str, a: Run, other: str, b: Run) -> Iterator[str]:
    yield from _machines(first, a.machine, other, b.machine)
    if math.isnan(a.energy.total_j) or math.isnan(b.energy.total_j):
        return
    if a.energy.kind != b.energy.kind:
        estimate, real = (first, other) if a.energy.kind == "modelled" else (other, first)
        yield (
            f"{real} is measured and {estimate} modelled: that they differ may be the model's error, whose interval "
            "holds on nine machines of ten"
        )
    if set(domains(a)) != set(domains(b)):
        told = "their energies are" + (
            "" if energies_compare(a, b) or both_modelled(a, b) else " not compared, being"
        )
        yield (
            f"{told} of different domains: {first} adds {' + '.join(domains(a)) or 'none'}, {other} "
            f"{' + '.join(domains(b)) or 'none'}"
        )
    if not same_factor(a.emissions, b.emissions):
        yield (
            f"grams are counted with two factors, so that they differ for that reason too: {first} {_factor(a)}, "
            f"{other} {_factor(b)}; `pycarbon report RUN --zone` counts a run again"
        )


def _factor(run: Run) -> str:
    emissions = run.emissions
    place = emissions.zone if emissions.place_known else "unknown place"
    return f"{emissions.intensity_g_per_kwh:.3g} g/kWh ({place}, {emissions.year}, PUE {emissions.pue:g})"


def _machines(first: str, a: Machine, other: str, b: Machine) -> Iterator[str]:
    if _sort(a) != _sort(b):
        yield f"different machines: {first} ran on {_said(a)}, {other} on {_said(b)}"
    elif a.hostname and b.hostname and a.hostname != b.hostname and (not a.boot or a.boot != b.boot):
        yield (
            f"{first} ran on {a.hostname} and {other} on {b.hostname}: two machines of one sort need not draw the "
            "same power"
        )


def _sort(machine: Machine) -> tuple[object, ...]:
    return (machine.arch, machine.vendor, machine.family, machine.model, machine.brand, machine.n_threads)


def _said(machine: Machine) -> str:
    name = machine.brand or machine.microarchitecture or machine.arch or "an unknown CPU"
    return name if machine.n_threads is None else f"{name} ({machine.n_threads} threads)"


def _sort_of(domain: str) -> str:
    return re.sub(r"-[0-9]+$", "", domain)


def _of(letter: str, run: Run) -> Iterator[str]:
    if not run.complete:
        yield f"{letter} was cut off, or is still being recorded: its figures reach up to the last moment seen"
    if run.exit_status:
        how = f"with status {run.exit_status}" if run.exit_status > 0 else f"by signal {-run.exit_status}"
        yield f"{letter} ended {how}: it may not have done the same work"
    if math.isnan(run.energy.total_j):
        yield f"{letter} has no energy: neither a counter nor a model was there"
    silent = [channel for channel in run.energy.channels if channel.in_total and channel.gap_s > 0]
    if silent:
        longest = max(silent, key=lambda channel: channel.gap_s)
        yield f"{letter}: {longest.domain} gave no news for {longest.gap_s:.3g} s, so that its interval is wider"


def regions_missing(runs: Sequence[Run], letters: Sequence[str]) -> str | None:
    """Say which runs have no regions where others have; None where there is nothing to say."""
    without = [letter for letter, run in zip(letters, runs, strict=True) if run.outside is None]
    if not without or len(without) == len(runs):
        return None
    have = "has" if len(without) == 1 else "have"
    return f"{' and '.join(without)} {have} no regions: nothing is said of what became of the others' there"
