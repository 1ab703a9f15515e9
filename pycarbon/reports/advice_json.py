"""Advice as programs read it: the stable JSON of docs/json.md."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from pycarbon.advice import Advice
from pycarbon.advising import Advised
from pycarbon.reports.as_json import without_nan

SCHEMA = 1


def as_dict(advised: Advised) -> dict[str, Any]:
    """Give all advice as plain values; what is no number becomes None."""
    run, intensity = advised.run, advised.run.intensity
    values = {
        "schema": SCHEMA,
        "run": {
            "id": run.id,
            "project": run.project,
            "name": run.name,
            "started_at": run.started_at,
            "duration_s": run.duration_s,
        },
        "emissions": {**asdict(advised.emissions), "name": intensity.name, "asked": intensity.asked},
        "verdict": advised.verdict or None,
        "advice": [_told(one) for one in advised.advice],
        "nothing": advised.nothing,
        "assumptions": list(advised.assumptions),
    }
    cleaned: dict[str, Any] = without_nan(values)
    return cleaned


def _told(one: Advice) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "what": one.what,
        "zone": one.zone,
        "saved_g": one.saved_g,
        "low_g": one.low_g,
        "high_g": one.high_g,
        "share": one.share,
        "resolved": one.resolved,
        **one.facts,
    }


def render(advised: Advised) -> str:
    """Give it as indented JSON, in ASCII."""
    return json.dumps(as_dict(advised), indent=1, allow_nan=False)
