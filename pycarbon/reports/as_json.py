"""A run as programs read it: the stable JSON of docs/json.md."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pycarbon.analysis import Run
from pycarbon.emissions import Emissions
from pycarbon.equivalents import equivalents
from pycarbon.interval import Range
from pycarbon.totals import Energy

if TYPE_CHECKING:
    from pycarbon.footprint import Sci
    from pycarbon.job import SummedEmissions

SCHEMA = 1

_OF_EQUIVALENT = ("id", "value", "low", "high", "unit", "text", "source", "year")


def as_dict(run: Run, score: Sci | None = None, most_regions: int | None = None) -> dict[str, Any]:
    """Give the report as plain values; NaN, which JSON lacks, becomes None. Of regions `most_regions`, or all."""
    energy = run.energy
    known = not math.isnan(energy.total_j)
    values = {
        "schema": SCHEMA,
        "run": described(run),
        "energy": asdict(energy),
        "emissions": _emissions(run) if known else None,
        "marginal_emissions": asdict(run.marginal) if known and run.marginal else None,
        "footprint": _footprint(run) if known else None,
        "sci": None if score is None else asdict(score),
        "equivalents": compared(energy, run.emissions),
        "gpus": [gpu.to_dict() for gpu in run.gpus],
        "regions": [asdict(region) for region in run.regions[:most_regions]],
        "outside": None if run.outside is None else asdict(run.outside),
        "notes": run.notes,
    }
    cleaned: dict[str, Any] = without_nan(values)
    return cleaned


def described(run: Run) -> dict[str, Any]:
    """Give what a run says of itself."""
    return {
        "id": run.id,
        "organisation": run.organisation,
        "project": run.project,
        "experiment": run.experiment,
        "name": run.name,
        "command": run.command,
        "started_at": run.started_at,
        "duration_s": run.duration_s,
        "complete": run.complete,
        "exit_status": run.exit_status,
        "tags": run.tags,
    }


def _emissions(run: Run) -> dict[str, Any]:
    """Give the grams, what they were made with, and the factors that were not taken."""
    grid, rating = run.intensity, run.rating
    return {
        **asdict(run.emissions),
        **{name: getattr(grid, name) for name in ("name", "scope", "flow", "gas", "type", "asked", "note")},
        "pue_source": rating.pue_source,
        "place": dict(rating.place),
        "alternatives": [
            {name: value for name, value in asdict(other).items() if name not in ("hours", "place_known", "note")}
            for other in rating.others
        ],
    }


def compared(energy: Energy, emissions: Emissions | SummedEmissions) -> list[dict[str, Any]]:
    """Say what an energy and its emissions are like, with both intervals; nothing where they are not known."""
    joules = (energy.low_j, energy.total_j, energy.high_j)
    grams = (emissions.low_g, emissions.co2e_g, emissions.high_g)
    if not all(map(math.isfinite, (*joules, *grams))):
        return []
    found = equivalents(Range(*joules), Range(*grams))
    return [{name: getattr(each, name) for name in _OF_EQUIVALENT} for each in found]


def _footprint(run: Run) -> dict[str, Any] | None:
    found, rating = run.footprint, run.rating
    if found is None:
        return None
    return {
        **_ends("total_g", found.total_g),
        **_ends("embodied_g", found.embodied_g),
        **_ends("water_l", found.water_l),
        "device": None if rating.device is None else asdict(rating.device),
        "device_source": rating.device_source,
        "wue_l_per_kwh": None if rating.wue_l_per_kwh is None else rating.wue_l_per_kwh.best,
        "wue_source": rating.wue_source,
    }


def _ends(name: str, value: Range | None) -> dict[str, float | None]:
    ends = (None, None, None) if value is None else (value.best, value.low, value.high)
    return dict(zip((name, f"low_{name}", f"high_{name}"), ends, strict=True))


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

    def render(self, run: Run, score: Sci | None = None) -> str:
        """Give the report as indented JSON, in ASCII: any stream can take it, whatever the run's name."""
        return json.dumps(as_dict(run, score), indent=1, allow_nan=False)
