"""Recorded runs side by side: every figure in each of them, and what became of those of the first in the others.

A pure function of the runs. Every interval is that of a measurement: one run each says nothing of how far another run
of the same code would differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pycarbon import comparability
from pycarbon.analysis import Run
from pycarbon.change import (
    CHANGED,
    Bounds,
    Change,
    Value,
    appeared,
    change_of,
    exactly,
    known,
    times,
    unjudged,
    vanished,
)
from pycarbon.emissions import JOULES_PER_KWH, Emissions
from pycarbon.errors import PyCarbonError
from pycarbon.interval import Range
from pycarbon.merge_notes import named
from pycarbon.regions import OUTSIDE
from pycarbon.totals import Region


@dataclass(frozen=True, slots=True)
class Row:
    """A figure: its value in each run, None where that is not known, and what became of the first in each other.

    `unit` is J, s or g, or empty where something is counted.
    """

    unit: str
    values: tuple[Value | None, ...]
    changes: tuple[Change, ...]

    def of(self, numbers: Sequence[int]) -> Row:
        """Give the figure of some runs only, the first among them."""
        return Row(
            self.unit,
            tuple(self.values[number] for number in numbers),
            tuple(self.changes[number - 1] for number in numbers[1:]),
        )


@dataclass(frozen=True, slots=True)
class DomainRow:
    """The energy of one domain; `in_total` says whether the first run's total adds it."""

    domain: str
    in_total: bool
    energy: Row


@dataclass(frozen=True, slots=True)
class RegionRow:
    """The figures of one label with all that is nested in it; `remedy` says what would tell one that is not told."""

    label: str
    energy: Row
    energy_per_call: Row
    calls: Row
    time: Row
    time_per_call: Row
    remedy: str


@dataclass(frozen=True, slots=True)
class RunDifferences:
    """The runs, what they are called here (A, B, ...), and their figures.

    `regions` are in order of how much they changed: in energy, or in time where `by_time`, since no energy of these
    runs tells more than CPU time does. `notes` are what a reader must know, a line each.
    """

    runs: tuple[Run, ...]
    letters: tuple[str, ...]
    energy: Row
    domains: tuple[DomainRow, ...]
    process: Row
    emissions: Row
    duration: Row
    process_cpu: Row
    regions: tuple[RegionRow, ...]
    outside: RegionRow | None
    by_time: bool
    notes: tuple[str, ...]

    def deciding(self, region: RegionRow) -> Row:
        """Give the figure that says whether a region changed."""
        return region.time if self.by_time else region.energy

    def is_changed(self, region: RegionRow) -> bool:
        """Say whether a region changed in any of the runs."""
        return any(found.verdict in CHANGED for found in self.deciding(region).changes)


def differences(runs: Sequence[Run]) -> RunDifferences:
    """Compare runs with the first of them; PyCarbonError for fewer than two, and for one that is there twice."""
    _check(runs)
    letters = tuple(letter_of(number) for number in range(len(runs)))
    by_time = all(comparability.both_modelled(runs[0], run) for run in runs[1:])
    missing = comparability.regions_missing(runs, letters)
    regions = _Regions(runs)
    return RunDifferences(
        runs=tuple(runs),
        letters=letters,
        energy=_energy_row(runs, _total),
        domains=_domains(runs),
        process=_energy_row(runs, _process),
        emissions=_emissions(runs),
        duration=_row("s", [exactly(run.duration_s) for run in runs]),
        process_cpu=_row("s", [_process_cpu(run) for run in runs]),
        regions=tuple(regions.rows(by_time)),
        outside=regions.outside(),
        by_time=by_time,
        notes=(*([] if missing is None else [missing]), *comparability.notes(runs, letters)),
    )


def letter_of(number: int) -> str:
    """Give what a run is called in a comparison: A, B, ... Z, R27, R28, ..."""
    return chr(ord("A") + number) if number < 26 else f"R{number + 1}"


def _check(runs: Sequence[Run]) -> None:
    if len(runs) < 2:
        raise PyCarbonError("a comparison is of two runs or more")
    seen: dict[str, Run] = {}
    for run in runs:
        if run.id and run.id in seen:
            raise PyCarbonError(
                f"{named(run)} is the same run as {named(seen[run.id])}: there is nothing to compare; give another"
            )
        seen[run.id] = run


def _row(unit: str, values: Sequence[Value | None]) -> Row:
    return Row(unit, tuple(values), tuple(change_of(values[0], value) for value in values[1:]))


def _energy_row(runs: Sequence[Run], of: Callable[[Run], Value | None]) -> Row:
    """Compare energies, without a verdict where they are not of the same things or both only a model's."""
    row = _row("J", [of(run) for run in runs])
    return Row(
        row.unit,
        row.values,
        tuple(
            found if comparability.energies_compare(runs[0], run) else unjudged(found)
            for found, run in zip(row.changes, runs[1:], strict=True)
        ),
    )


def _total(run: Run) -> Value | None:
    energy = run.energy
    return known(energy.total_j, energy.low_j, energy.high_j, energy.kind)


def _process(run: Run) -> Value | None:
    energy = run.energy
    if energy.process_j is None:
        return None
    return known(energy.process_j, energy.process_low_j, energy.process_high_j, "attributed")


def _process_cpu(run: Run) -> Value | None:
    """Give the CPU time of the recorded processes, where the system told it when they ended."""
    seconds = run.data.footer.get("process_cpu_s")
    return None if seconds is None else exactly(float(seconds))


def _domains(runs: Sequence[Run]) -> tuple[DomainRow, ...]:
    """Compare the domains that the first run shares with another, those of its total first."""
    by_domain = [{one.domain: one for one in reversed(run.energy.channels)} for run in runs]
    found = []
    for domain, channel in sorted(by_domain[0].items(), key=lambda item: not item[1].in_total):
        if not any(domain in others for others in by_domain[1:]):
            continue
        used = [others.get(domain) for others in by_domain]
        row = _row(
            "J",
            [
                None if one is None or one.is_ambiguous else known(one.energy_j, one.low_j, one.high_j, one.kind)
                for one in used
            ],
        )
        judged = tuple(
            unjudged(it) if one is not None and channel.kind == one.kind == "modelled" else it
            for it, one in zip(row.changes, used[1:], strict=True)
        )
        found.append(DomainRow(domain, channel.in_total, Row(row.unit, row.values, judged)))
    return tuple(found)


def _emissions(runs: Sequence[Run]) -> Row:
    """Compare grams; where all were counted with one factor, its error is the same in both and is no difference."""
    told = [run.emissions for run in runs]
    energy = _energy_row(runs, _total)
    row = _energy_row(runs, _grams)
    return Row(
        "g",
        row.values,
        tuple(
            times(joules, _grams_per_j(other), other.co2e_g - told[0].co2e_g)
            if comparability.same_factor(told[0], other)
            else grams
            for joules, grams, other in zip(energy.changes, row.changes, told[1:], strict=True)
        ),
    )


def _grams(run: Run) -> Value | None:
    emissions = run.emissions
    return known(emissions.co2e_g, emissions.low_g, emissions.high_g, "modelled")


def _grams_per_j(emissions: Emissions) -> Range:
    ends = (
        (emissions.low_g_per_kwh, emissions.low_pue),
        (emissions.intensity_g_per_kwh, emissions.pue),
        (emissions.high_g_per_kwh, emissions.high_pue),
    )
    return Range(*(intensity * pue / JOULES_PER_KWH for intensity, pue in ends))


class _Regions:
    """The regions of all runs, by their label."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self._listens = [run.outside is not None for run in runs]
        self._judged = [comparability.energies_compare(runs[0], run) for run in runs[1:]]
        self._by_label = [{region.label: region for region in run.regions} for run in runs]

    def rows(self, by_time: bool) -> list[RegionRow]:
        """Compare each label, what changed the most first."""
        labels = dict.fromkeys(label for of_run in self._by_label for label in of_run)
        rows = [self._compared(label, [of_run.get(label) for of_run in self._by_label]) for label in labels]
        return sorted(rows, key=lambda row: (-_moved(row.time if by_time else row.energy), row.label))

    def outside(self) -> RegionRow | None:
        """Compare what no region covers; None where no two runs can be."""
        if not self._listens[0] or not any(self._listens[1:]):
            return None
        return self._compared(OUTSIDE, [run.outside for run in self._runs])

    def _compared(self, label: str, found: Sequence[Region | None]) -> RegionRow:
        energy = self._row(
            "J", found, lambda region: known(region.energy_j, region.low_j, region.high_j, region.kind)
        )
        per_call = self._row(
            "J",
            found,
            lambda region: known(
                region.energy_per_call_j, region.low_per_call_j, region.high_per_call_j, region.kind
            ),
        )
        return RegionRow(
            label,
            self._with_verdicts(energy),
            self._with_verdicts(per_call),
            self._row("", found, lambda region: exactly(region.calls)),
            self._row("s", found, lambda region: exactly(region.time_s)),
            self._row("s", found, lambda region: exactly(region.time_s / region.calls) if region.calls else None),
            next((region.remedy for region in found if region is not None and region.remedy), ""),
        )

    def _row(self, unit: str, found: Sequence[Region | None], of: Callable[[Region], Value | None]) -> Row:
        values = [None if region is None else of(region) for region in found]
        return Row(
            unit,
            tuple(values),
            tuple(self._change(number, found, values) for number in range(1, len(found))),
        )

    def _change(self, number: int, found: Sequence[Region | None], values: Sequence[Value | None]) -> Change:
        """Compare with run `number`: a run that listened to regions and has none of that label never came by."""
        here, there = found[0] is not None, found[number] is not None
        if here == there or not (self._listens[0] and self._listens[number]):
            return change_of(values[0], values[number])
        return appeared(values[number]) if there else vanished(values[0])

    def _with_verdicts(self, row: Row) -> Row:
        return Row(
            row.unit,
            row.values,
            tuple(
                found if judged or found.verdict in ("new", "gone") else unjudged(found)
                for found, judged in zip(row.changes, self._judged, strict=True)
            ),
        )


def _moved(row: Row) -> float:
    """Say by how much a figure changed at most; where that is not told, the middle of its bounds."""
    found = [_middle(one.difference) for one in row.changes if one.difference is not None]
    return max((abs(moved) for moved in found if math.isfinite(moved)), default=0.0)


def _middle(moved: Bounds) -> float:
    return (moved.low + moved.high) / 2 if moved.best is None else moved.best
