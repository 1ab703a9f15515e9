"""Rows of the tables that pages show: one run, or the sums of many, as plain values with their units in the names."""

from __future__ import annotations

from typing import Any

from pycarbon.dashboard.page import Columns
from pycarbon.store.queries import Listed
from pycarbon.store.rollup import RollUp

RUN: Columns = {
    "id": "text",
    "organisation": "text",
    "project": "text",
    "experiment": "text",
    "name": "text",
    "started_at": "text",
    "duration_s": "float",
    "energy_j": "float",
    "low_j": "float",
    "high_j": "float",
    "process_j": "float",
    "co2e_g": "float",
    "low_g": "float",
    "high_g": "float",
    "kind": "text",
    "intensity_g_per_kwh": "float",
    "pue": "float",
    "device": "text",
    "machine": "text",
    "zone": "text",
    "place_known": "bool",
    "complete": "bool",
    "exit_status": "int",
    "tags": "text",
    "beside": "int",
    "origin": "text",
}
"""Of one run, as `store.summary.RunSummary` has them; `beside` counts runs at the same time on the same machine."""

SUMS: Columns = {
    "runs": "int",
    "duration_s": "float",
    "energy_j": "float",
    "low_j": "float",
    "high_j": "float",
    "measured_j": "float",
    "modelled_j": "float",
    "process_j": "float",
    "co2e_g": "float",
    "low_g": "float",
    "high_g": "float",
    "measured_g": "float",
    "modelled_g": "float",
    "unknown": "int",
    "without_interval": "int",
    "beside": "int",
    "beside_j": "float",
}
"""Of many, as `store.rollup.RollUp` has them."""


def of_run(listed: Listed) -> dict[str, Any]:
    """Give a run's row; what is not known is None, or an empty text."""
    return {name: getattr(listed.summary, name) for name in RUN if name != "beside"} | {"beside": listed.beside}


def of_sums(sums: RollUp, **keys: Any) -> dict[str, Any]:
    """Give a row of sums, after what they are of."""
    return keys | sums.to_dict()
