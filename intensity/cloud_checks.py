"""Reads the lists of cloud regions and their grids, and names the rows that are broken.

The lists say in which country and NERC area a region lies; their factors are old and not shipped.
A broken row must be listed with a reason in sources.toml, and a listed one must be broken.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from intensity import registry
from intensity.figures import HIGHEST_G_PER_KWH
from intensity.registry import BuildError

PATHS = tuple(f"cloud/ccf_grid_emissions_factors_{name}.csv" for name in ("aws", "azure", "gcp"))
FACTOR = "CO2e (metric ton/kWh)"
GRAMS_PER_TONNE = 1e6
LOWEST_G_PER_KWH = 5.0


def notes(sources: Path, known: dict[str, Any]) -> list[str]:
    """One line for every broken row that sources.toml knows; raises BuildError for any other."""
    listed = {(item["path"], item["row"]): item["reason"] for item in known["cloud"]["broken"]}
    found = {(path, row): fault for path in PATHS for row, fault in faults(sources, known, path)}
    for (path, row), fault in found.items():
        if (path, row) not in listed:
            raise BuildError(f"{path}: {row}: {fault}; list it under cloud.broken in sources.toml or mend it")
    for path, row in listed:
        if (path, row) not in found:
            raise BuildError(f"{path}: {row}: listed as broken in sources.toml, but the row is sound or gone")
    return [
        f"{path}: {row}: broken and not used: {fault} ({listed[path, row]})" for (path, row), fault in found.items()
    ]


def faults(sources: Path, known: dict[str, Any], path: str) -> list[tuple[str, str]]:
    """(name of the row, what is wrong with it) of every broken row of one list."""
    registry.entry(known, path)
    with (sources / path).open(encoding="utf-8-sig", newline="") as file:
        header, *rows = [row for row in csv.reader(file) if row]
    if FACTOR not in header:
        raise BuildError(f"{path}: the header lacks {FACTOR!r}")
    broken, seen = [], set()
    for row in rows:
        fault = _fault(header, row)
        if row[0] in seen:
            fault = "the region is there twice"
        seen.add(row[0])
        if fault:
            broken.append((row[0], fault))
    return broken


def _fault(header: list[str], row: list[str]) -> str | None:
    # Named by what stands in the row, since a shifted row has its factor under another header.
    if len(row) != len(header):
        return f"{len(row)} columns instead of {len(header)}"
    cells = dict(zip(header, row, strict=True))
    try:
        factor = float(cells[FACTOR]) * GRAMS_PER_TONNE
    except ValueError:
        return f"{cells[FACTOR]!r} stands where the factor belongs"
    if not LOWEST_G_PER_KWH <= factor <= HIGHEST_G_PER_KWH:
        return f"{cells[FACTOR]} t/kWh is {factor:g} g/kWh"
    return None if cells["Source"] else "no source"
