"""Runs side by side as programs read them: the stable JSON of docs/json.md."""

from __future__ import annotations

import json
from typing import Any

from pycarbon import comparability
from pycarbon.analysis import Run
from pycarbon.change import Bounds, Change, Value
from pycarbon.reports.as_json import SCHEMA, described, without_nan
from pycarbon.run_differences import RegionRow, Row, RunDifferences


def compared_as_dict(compared: RunDifferences) -> dict[str, Any]:
    """Give the comparison as plain values; NaN and infinity, which JSON lacks, become None."""
    letters = compared.letters
    values = {
        "schema": SCHEMA,
        "runs": [_run(letter, run) for letter, run in zip(letters, compared.runs, strict=True)],
        "energy": _row(compared.energy, letters),
        "domains": [
            {"domain": one.domain, "in_total": one.in_total, **_row(one.energy, letters)} for one in compared.domains
        ],
        "process": _row(compared.process, letters),
        "emissions": _row(compared.emissions, letters),
        "duration": _row(compared.duration, letters),
        "process_cpu": _row(compared.process_cpu, letters),
        "regions": [_region(region, letters) for region in compared.regions],
        "outside": None if compared.outside is None else _region(compared.outside, letters),
        "by_time": compared.by_time,
        "notes": list(compared.notes),
    }
    cleaned: dict[str, Any] = without_nan(values)
    return cleaned


def _run(letter: str, run: Run) -> dict[str, Any]:
    """Give what tells a run from others, and the factors of its grams."""
    emissions, machine = run.emissions, run.machine
    return {
        "run": letter,
        "file": None if run.path is None else str(run.path),
        **described(run),
        "energy_kind": run.energy.kind,
        "total_domains": comparability.domains(run),
        "intensity_g_per_kwh": emissions.intensity_g_per_kwh,
        "zone": emissions.zone,
        "place_known": emissions.place_known,
        "pue": emissions.pue,
        "machine": {name: getattr(machine, name) for name in ("brand", "n_threads", "hostname")},
    }


def _region(region: RegionRow, letters: tuple[str, ...]) -> dict[str, Any]:
    return {
        "label": region.label,
        "energy": _row(region.energy, letters),
        "energy_per_call": _row(region.energy_per_call, letters),
        "calls": _row(region.calls, letters),
        "time": _row(region.time, letters),
        "time_per_call": _row(region.time_per_call, letters),
        "remedy": region.remedy,
    }


def _row(row: Row, letters: tuple[str, ...]) -> dict[str, Any]:
    unit = f"_{row.unit.lower()}" if row.unit else ""
    return {
        "values": [{"run": letter, **_value(value, unit)} for letter, value in zip(letters, row.values, strict=True)],
        "changes": [
            {"run": letter, **_change(found, unit)} for letter, found in zip(letters[1:], row.changes, strict=True)
        ],
    }


def _value(value: Value | None, unit: str) -> dict[str, Any]:
    names = (f"value{unit}", f"low{unit}", f"high{unit}", "kind")
    told = (None,) * 4 if value is None else (value.best, value.low, value.high, value.kind)
    return dict(zip(names, told, strict=True))


def _change(found: Change, unit: str) -> dict[str, Any]:
    return {
        "verdict": found.verdict,
        **_bounds(found.difference, f"difference{unit}"),
        **_bounds(found.ratio, "ratio"),
    }


def _bounds(found: Bounds | None, name: str) -> dict[str, float | None]:
    told = (None, None, None) if found is None else (found.best, found.low, found.high)
    return dict(zip((name, f"low_{name}", f"high_{name}"), told, strict=True))


class ComparedJson:
    """The report for programs."""

    def render(self, compared: RunDifferences) -> str:
        """Give the comparison as indented JSON, in ASCII: any stream can take it, whatever the runs' names."""
        return json.dumps(compared_as_dict(compared), indent=1, allow_nan=False)
