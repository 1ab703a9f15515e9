"""What every export says of the run it is from, beside its figures."""

from __future__ import annotations

import math
from typing import Any

from pycarbon._version import __version__
from pycarbon.exports.recorded import Recorded
from pycarbon.exports.text import clean

SCHEMA = 1


def about(run: Recorded) -> dict[str, Any]:
    """Give what identifies a run and what it used in all, as strict JSON can hold it in any encoding."""
    energy = run.energy
    totals = {name: getattr(energy, name) for name in ("total_j", "low_j", "high_j")}
    values = {
        "schema": SCHEMA,
        "pycarbon": __version__,
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
            "start_ns": run.data.start_ns,
            "end_ns": run.data.end_ns,
        },
        "energy": {name: value if math.isfinite(value) else None for name, value in totals.items()}
        | {"kind": energy.kind},
        "notes": run.notes,
    }
    cleaned: dict[str, Any] = _clean(values)
    return cleaned


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(name): _clean(part) for name, part in value.items()}
    return [_clean(part) for part in value] if isinstance(value, list) else value
