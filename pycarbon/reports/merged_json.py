"""Several runs as programs read them: the stable JSON of docs/json.md."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from pycarbon.job import MergedMachine, MergedRun, SummedEmissions
from pycarbon.merging import Merged
from pycarbon.reports.as_json import SCHEMA, as_dict, compared, without_nan


def merged_as_dict(merged: Merged) -> dict[str, Any]:
    """Give the report as plain values; NaN, which JSON lacks, becomes None."""
    span = merged.span
    values = {
        "schema": SCHEMA,
        "span": {
            "started_at": span.started_at,
            "ended_at": span.ended_at,
            "uncertainty_s": span.uncertainty_s,
            "duration_s": span.duration_s,
            "low_s": span.low_s,
            "high_s": span.high_s,
            "any_s": span.any_s,
            "all_s": span.all_s,
        },
        "energy": asdict(merged.energy),
        "emissions": _emissions(merged.emissions),
        "equivalents": compared(merged.energy, merged.emissions),
        "regions": [asdict(region) for region in merged.regions],
        "outside": None if merged.outside is None else asdict(merged.outside),
        "machines": [_machine(machine) for machine in merged.machines],
        "runs": [_run(run) for run in merged.runs],
        "notes": merged.notes,
    }
    cleaned: dict[str, Any] = without_nan(values)
    return cleaned


def _emissions(emissions: SummedEmissions) -> dict[str, Any] | None:
    return None if math.isnan(emissions.co2e_g) else asdict(emissions)


def _machine(machine: MergedMachine) -> dict[str, Any]:
    return {
        "label": machine.label,
        "machine": machine.machine.to_dict(),
        "runs": list(machine.runs),
        "duration_s": machine.duration_s,
        "energy": asdict(machine.energy),
        "emissions": _emissions(machine.emissions),
    }


def _run(run: MergedRun) -> dict[str, Any]:
    """Give a run's own report, without its regions, and its place among the others."""
    own = as_dict(run.run)
    return {
        "label": run.label,
        "inside": run.inside,
        "counted_s": run.counted_s,
        "clock": {
            "start_at": run.start_at,
            "end_at": run.end_at,
            "start_uncertainty_s": run.start_uncertainty_s,
            "end_uncertainty_s": run.end_uncertainty_s,
            "basis": run.clock.basis,
        },
        **{name: own[name] for name in ("run", "energy", "emissions", "notes")},
    }


class MergedJson:
    """The report for programs."""

    def render(self, merged: Merged) -> str:
        """Give the report as indented JSON, in ASCII: any stream can take it, whatever the runs' names."""
        return json.dumps(merged_as_dict(merged), indent=1, allow_nan=False)
