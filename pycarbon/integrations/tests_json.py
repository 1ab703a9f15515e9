"""The figures of a session's tests as JSON: docs/json.md says what each key means."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pycarbon.integrations.figure import Figure
from pycarbon.integrations.row import PHASES, Row

if TYPE_CHECKING:
    from pycarbon.integrations.meter import Meter

SCHEMA = 1


def render(rows: Sequence[Row], session: Figure | None, meter: Meter, notes: Sequence[str]) -> str:
    """Write the object, with a line break at its end."""
    factor, pue = meter.rating.intensity, meter.rating.pue
    content = {
        "schema": SCHEMA,
        "domains": meter.metering.domains,
        "session": None if session is None else session.to_json(),
        "emissions": {
            "intensity_g_per_kwh": factor.intensity_g_per_kwh,
            "low_g_per_kwh": factor.low_g_per_kwh,
            "high_g_per_kwh": factor.high_g_per_kwh,
            "zone": factor.zone,
            "place_known": factor.place_known,
            "year": factor.year,
            "method": factor.method,
            "source": factor.source,
            "pue": pue.best,
            "low_pue": pue.low,
            "high_pue": pue.high,
        },
        "tests": [_test(row) for row in rows],
        "notes": list(notes),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _test(row: Row) -> dict[str, Any]:
    phases: dict[str, Any] = {
        phase: row.figures[phase].to_json() if phase in row.figures else None for phase in PHASES
    }
    return {"test": row.test, "outcome": row.outcome, "times_s": dict(row.times_s), **phases, "limit": row.limit}
