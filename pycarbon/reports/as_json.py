"""A run as programs read it: the stable JSON of docs/json.md."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from pycarbon.analysis import Run

SCHEMA = 1


def as_dict(run: Run) -> dict[str, Any]:
    """Give the report as plain values; NaN, which JSON lacks, becomes None."""
    energy = run.energy
    known = not math.isnan(energy.total_j)
    values = {
        "schema": SCHEMA,
        "run": {
            "id": run.id,
            "project": run.project,
            "name": run.name,
            "command": run.command,
            "started_at": run.started_at,
            "duration_s": run.duration_s,
            "complete": run.complete,
            "exit_status": run.exit_status,
            "tags": run.tags,
        },
        "energy": asdict(energy),
        "emissions": asdict(run.emissions) if known else None,
        "regions": [asdict(region) for region in run.regions],
        "outside": None if run.outside is None else asdict(run.outside),
        "notes": run.notes,
    }
    cleaned: dict[str, Any] = without_nan(values)
    return cleaned


def without_nan(value: Any) -> Any:
    """Give a value as JSON can hold it: what is no number becomes None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: without_nan(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(part) for part in value]
    return value


class JsonReport:
    """The report for programs."""

    def render(self, run: Run) -> str:
        """Give the report as indented JSON, in ASCII: any stream can take it, whatever the run's name."""
        return json.dumps(as_dict(run), indent=1, allow_nan=False)
