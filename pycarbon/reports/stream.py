"""Live figures as programs read them: a JSON object on a line for each update."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from pycarbon.emissions import Emissions
from pycarbon.intensity import Intensity
from pycarbon.interval import Range
from pycarbon.live import Figures, Snapshot


def line(snapshot: Snapshot, factor: Intensity, at: datetime) -> str:
    """Write an update of the time `at`; docs/json.md says what each key means."""
    return json.dumps(_update(snapshot, factor, at), allow_nan=False)


def _update(snapshot: Snapshot, factor: Intensity, at: datetime) -> dict[str, Any]:
    rate, so_far = snapshot.per_hour, snapshot.so_far
    return {
        "schema": 1,
        "time": at.isoformat(timespec="milliseconds"),
        "elapsed_s": round(snapshot.elapsed_s, 6),
        "window_s": snapshot.total.window_s,
        "domains": [{"domain": one.domain, "source": one.source, **_figures(one)} for one in snapshot.domains],
        "total": {
            "domains": snapshot.added,
            **_figures(snapshot.total),
            **_grams(rate, "_g_per_h"),
            **_grams(so_far, "_g"),
            "co2e_kind": "modelled",
            "zone": factor.zone,
            "place_known": factor.place_known,
            "intensity_g_per_kwh": factor.intensity_g_per_kwh,
            "pue": None if so_far is None else so_far.pue,
        },
        "notes": list(snapshot.notes),
    }


def _figures(one: Figures) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "in_total": one.in_total,
        "state": one.state,
        "silent_s": one.silent_s,
        "window_s": one.window_s,
        **_ends(one.power_w, "power_w", "low_w", "high_w"),
        "mean_w": one.mean_w,
        "peak_w": one.peak_w,
        **_ends(one.energy_j, "energy_j", "low_j", "high_j"),
    }


def _grams(found: Emissions | None, unit: str) -> dict[str, float | None]:
    names = (f"co2e{unit}", f"low{unit}", f"high{unit}")
    values = (None, None, None) if found is None else (found.co2e_g, found.low_g, found.high_g)
    return dict(zip(names, values, strict=True))


def _ends(value: Range | None, best: str, low: str, high: str) -> dict[str, float | None]:
    if value is None:
        return {best: None, low: None, high: None}
    return {best: value.best, low: value.low, high: value.high}
