"""Files as versions of CodeCarbon write them; the columns are theirs, the figures are not."""

from __future__ import annotations

import csv
import io
from pathlib import Path

V1 = [
    "timestamp",
    "experiment_id",
    "project_name",
    "duration",
    "emissions",
    "energy_consumed",
    "country_name",
    "country_iso_code",
    "region",
    "on_cloud",
    "cloud_provider",
    "cloud_region",
]
V2 = [
    "timestamp",
    "project_name",
    "run_id",
    "duration",
    "emissions",
    "emissions_rate",
    "cpu_power",
    "gpu_power",
    "ram_power",
    "cpu_energy",
    "gpu_energy",
    "ram_energy",
    "energy_consumed",
    "country_name",
    "country_iso_code",
    "region",
    "cloud_provider",
    "cloud_region",
    "os",
    "python_version",
    "codecarbon_version",
    "cpu_count",
    "cpu_model",
    "gpu_count",
    "gpu_model",
    "longitude",
    "latitude",
    "ram_total_size",
    "tracking_mode",
    "on_cloud",
]
V28 = [*V2[:3], "experiment_id", *V2[3:], "pue"]
V31 = [*V28[:14], "water_consumed", *V28[14:], "wue"]

VERSIONS = {"1.2.0": V1, "2.2.1": V2, "2.8.4": V28, "3.1.0": V31}


def cells(version: str, **changes: object) -> dict[str, str]:
    """One run of an hour: 0.1 kWh at 56 g/kWh."""
    told = {
        "timestamp": "2025-11-03T10:00:00",
        "project_name": "vision",
        "run_id": "0c4e6c3c-6f0a-4ad4-8f39-6bb3d0b6a9f1",
        "experiment_id": "5b0fa12a-3dd7-45bb-9766-cc326314d9f1",
        "duration": "3600.0",
        "emissions": "0.0056",
        "emissions_rate": "1.5e-06",
        "cpu_power": "40.0",
        "gpu_power": "50.0",
        "ram_power": "10.0",
        "cpu_energy": "0.04",
        "gpu_energy": "0.05",
        "ram_energy": "0.01",
        "energy_consumed": "0.1",
        "water_consumed": "0.0",
        "country_name": "France",
        "country_iso_code": "FRA",
        "os": "Linux-6.1.0-x86_64-with-glibc2.36",
        "python_version": "3.11.2",
        "codecarbon_version": version,
        "cpu_count": "64",
        "cpu_model": "AMD EPYC 7513 32-Core Processor",
        "gpu_count": "2",
        "gpu_model": "2 x NVIDIA A100-SXM4-40GB",
        "longitude": "2.3488",
        "latitude": "48.8534",
        "ram_total_size": "503.5",
        "tracking_mode": "machine",
        "on_cloud": "N",
        "pue": "1.0",
        "wue": "0.0",
    } | {name: str(value) for name, value in changes.items()}
    return {column: told.get(column, "") for column in VERSIONS[version]}


def text(*rows: dict[str, str], delimiter: str = ",") -> str:
    """Write rows, the first one's columns above them."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return out.getvalue()


def write(path: Path, *rows: dict[str, str]) -> Path:
    """Write them into a file."""
    path.write_text(text(*rows), encoding="utf-8")
    return path
