"""A store of a few runs whose figures are known, for tests of pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compared_runs import data, program

from pycarbon import fold
from pycarbon.intensity import lookup
from pycarbon.store.index import Store

HOSTILE = '<script>alert("=1+1")</script>'

RUNS: tuple[Mapping[str, Any], ...] = (
    {"id": "aaaa0000", "zone": "FRA", "steps": 20, "name": "train"},
    {"id": "aaaa1111", "zone": "POL", "steps": 30, "name": HOSTILE},
    {"id": "bbbb2222", "zone": None, "steps": 40, "name": "train"},
    {"id": "cccc3333", "zone": "FRA", "steps": 20, "name": "train", "project": HOSTILE, "tags": {"seed": "=7"}},
)


def make(folder: Path) -> Store:
    """Fill a folder with RUNS, each a day after the one before, and open it."""
    for day, run in enumerate(RUNS, 1):
        made = data(
            program(run["steps"], 50.0, "save"),
            run["id"],
            name=run["name"],
            organisation="lab",
            project=run.get("project", "digits"),
            experiment="base",
            tags=run.get("tags", {}),
            started_at=f"2026-01-{day:02d}T03:04:05.000+00:00",
            intensity=asdict(lookup(run["zone"])),
            machine={"brand": "AMD EPYC 9V74", "n_threads": 4, "hostname": "node1", "boot": "b"},
        )
        path = folder / "lab" / f"{day}.pcr"
        path.parent.mkdir(parents=True, exist_ok=True)
        fold.write(fold.frames_of(made), path)
    return Store(folder)
