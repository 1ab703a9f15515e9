"""Builds pycarbon/tables/embodied.csv: what making the server under a cloud instance emitted.

The raw data gives the whole server, the same for every size of an instance family: what share of it an
instance takes is not in the data and is left to the reader.
"""

from __future__ import annotations

import math
from pathlib import Path

from intensity import registry
from intensity.registry import BuildError

PATHS = {provider: f"hardware/ccf_coefficients_{provider}-embodied.csv" for provider in ("aws", "azure", "gcp")}
HEADER = ("provider", "instance_type", "total_kg", "low_kg", "high_kg")

BASE_KG = 1000.0  # a server of one processor without memory, in this method
GREATEST_KG = 100_000.0  # 24 TB of memory come to 50 t
PARTS = ("additional_memory", "additional_storage", "additional_cpus", "additional_gpus")


def build(sources: Path, registry_path: Path = registry.REGISTRY) -> dict[str, bytes]:
    """The table of whole servers in kg CO2e by instance type: {"embodied.csv": content}.

    A type that runs on several processors has a row with the mean of them, and the least and greatest as range.
    Raises BuildError for a total that is not the sum of its parts, or out of range.
    """
    known = registry.load(registry_path)
    rows: list[tuple[str, str, str, str, str]] = []
    for provider, path in PATHS.items():
        servers: dict[str, list[float]] = {}
        for row in registry.read_csv(sources / registry.entry(known, path)["path"], ("type", "total", *PARTS)):
            servers.setdefault(row["type"], []).append(total_kg(f"{path}: {row['type']}", row))
        for name, kg in sorted(servers.items()):
            rows.append((provider, name, f"{sum(kg) / len(kg):.0f}", f"{min(kg):.0f}", f"{max(kg):.0f}"))
    return {"embodied.csv": registry.csv_bytes(HEADER, rows)}


def total_kg(where: str, row: dict[str, str]) -> float:
    """The server's total, if it is that of a bare server and its parts."""
    try:
        total, parts = float(row["total"]), sum(float(row[part]) for part in PARTS)
    except ValueError as error:
        raise BuildError(f"{where}: {error}") from error
    if not BASE_KG <= total <= GREATEST_KG or not math.isclose(total, BASE_KG + parts, abs_tol=0.05):
        raise BuildError(f"{where}: {total} kg is out of range, or not {BASE_KG:g} and its parts")
    return total
