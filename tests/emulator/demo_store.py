"""Run files with figures that are known: of any length, power, place and time, in a store."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pycarbon import fold
from pycarbon.edge_writer import edges_frames
from pycarbon.frame import FOOTER, META, json_frame
from pycarbon.run import EDGE_DTYPE, Channel, Flag

START_NS, SECOND = 5 * 10**12, 10**9
EDGES = 120

_PACKAGE = Channel(0, "package-0", "powercap", "measured", "energy", Fraction(1, 1_000_000), 0, True)
_MODEL = Channel(0, "package-0", "model", "modelled", "energy", Fraction(1, 100), 0, True)
_CPU_TIME = [
    Channel(1, "machine-cpu", "proc", "measured", "cpu_time", Fraction(1, 100), 0, False),
    Channel(2, "process-cpu", "proc", "measured", "cpu_time", Fraction(1, 100), 0, False),
]
FACTORS = {
    "FRA": ("France", 44.0, 30.0, 60.0),
    "DEU": ("Germany", 340.0, 290.0, 400.0),
    "US-CISO": ("California ISO", 240.0, 190.0, 300.0),
    "SWE": ("Sweden", 36.0, 25.0, 50.0),
    "IND": ("India", 710.0, 620.0, 810.0),
    "aws:us-east-1": ("Northern Virginia (aws us-east-1)", 390.0, 310.0, 470.0),
    "WORLD": ("World", 473.0, 20.0, 900.0),
}
"""Of zones: the name, and g CO2e per kWh with the interval."""


def write_run(
    store: Path,
    id: str,
    *,
    power_w: float = 100.0,
    duration_s: float = 3600.0,
    modelled: bool = False,
    zone: str = "FRA",
    organisation: str = "acme",
    project: str = "digits",
    started: str = "2026-10-05T08:00:00+00:00",
    file: str = "",
    exit_status: int = 0,
    machine: dict[str, Any] | None = None,
    **meta: Any,
) -> Path:
    """Write a run at a power that swings about its mean, and give its file; `meta` are members of its metadata."""
    name, best, low, high = FACTORS[zone]
    channels = [_MODEL if modelled else _PACKAGE, *_CPU_TIME]
    end_ns = START_NS + round(duration_s * SECOND)
    whole: dict[str, Any] = {
        "id": id,
        "organisation": organisation,
        "project": project,
        "name": "train",
        "command": ["python", "train.py"],
        "started_at": started,
        "tags": {},
        "intensity": {
            "zone": zone,
            "name": name,
            "intensity_g_per_kwh": best,
            "low_g_per_kwh": low,
            "high_g_per_kwh": high,
            "year": 2025,
            "method": "average lifecycle production",
            "source": "factors of a demo",
            "place_known": zone != "WORLD",
        },
        "pue": 1.1,
        "notes": [],
        "start_ns": START_NS,
        "channels": [channel.to_dict() for channel in channels],
        "machine": {"arch": "x86_64", "brand": "AMD EPYC 9V74", "hostname": "node-1", "n_threads": 4}
        | {"hypervisor": False}
        | (machine or {}),
        "curves": [_curve(power_w)] if modelled else [],
        "obstacles": [],
    } | meta
    footer = {"start_ns": START_NS, "end_ns": end_ns, "exit_status": exit_status, "process_cpu_s": duration_s}
    counted = [(0, power_w * 1e6), (1, 200.0), (2, 150.0)]
    edges = np.concatenate([_swinging(id, rate, duration_s) for id, rate in counted[modelled:]])
    frames = [
        json_frame(META, whole),
        *edges_frames(edges),
        json_frame(FOOTER, footer | {"notes": []}),
    ]
    path = store / (file or f"{organisation}/{project}/{id}.pcr")
    path.parent.mkdir(parents=True, exist_ok=True)
    fold.write(frames, path)
    return path


def _swinging(channel: int, per_second: float, duration_s: float) -> np.ndarray[Any, Any]:
    """A counter that gains so much a second in the mean, a bit faster and slower in turn."""
    step_s = duration_s / (EDGES - 3)
    edges = np.zeros(EDGES, EDGE_DTYPE)
    number = np.arange(EDGES)
    at_s = (number - 1) * step_s
    edges["t_seen_ns"] = START_NS + (at_s * SECOND).astype(np.int64)
    edges["t_before_ns"] = edges["t_seen_ns"] - 1_000_000
    turns = 2 * math.pi * 6 / duration_s
    edges["raw"] = (per_second * (at_s + step_s + 0.35 / turns * np.sin(turns * at_s))).astype(np.uint64)
    edges["channel"], edges["flags"][0] = channel, Flag.FIRST
    return edges


def _curve(power_w: float) -> dict[str, Any]:
    full_w = power_w * 1.6
    return {
        "domain": "package-0",
        "basis": "a curve of a demo",
        "idle_w": {"low": power_w * 0.2, "best": power_w * 0.4, "high": power_w * 0.6},
        "full_w": {"low": full_w * 0.7, "best": full_w, "high": full_w * 1.3},
        "exponent": {"low": 1.0, "best": 1.0, "high": 1.0},
    }


PROJECTS = (
    ("speech", 0.9, ("baseline", "wider", "distilled")),
    ("digits", 0.35, ("baseline", "augmented")),
    ("protein-folding", 1.6, ("warm-up", "full")),
    ("recommender", 0.7, ("nightly", "ablation")),
    ("CI", 0.08, ("",)),
)
MACHINES = (
    ("node-1", "AMD EPYC 9V74", "FRA", False, 180.0),
    ("node-2", "AMD EPYC 9V74", "SWE", False, 210.0),
    ("gpu-7", "Intel Xeon 8481C", "US-CISO", False, 640.0),
    ("cloud-3", "Intel Xeon Platinum 8488C", "aws:us-east-1", True, 260.0),
    ("lab-pc", "AMD Ryzen 9 7950X", "DEU", False, 130.0),
    ("pune-2", "Ampere Altra", "IND", True, 220.0),
)


def demo(store: Path, runs: int, first: datetime, days: int) -> None:
    """Fill a store with an organisation's work of some days: the same one for the same arguments."""
    draw = np.random.default_rng(9)
    for number in range(runs):
        part = number / runs
        project, size, experiments = PROJECTS[draw.choice(len(PROJECTS), p=[0.25, 0.2, 0.15, 0.25, 0.15])]
        machine, brand, zone, modelled, power_w = MACHINES[
            draw.choice(len(MACHINES), p=[0.25, 0.2, 0.15 + 0.1 * part, 0.2 - 0.1 * part, 0.1, 0.1])
        ]
        season = 1 + 0.5 * math.sin(part * 7) + part
        started = first + timedelta(days=part * days, minutes=float(draw.integers(0, 600)))
        tags = {"user": ("ada", "grace", "alan")[draw.integers(0, 3)]}
        write_run(
            store,
            f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}",
            power_w=power_w * float(draw.uniform(0.7, 1.2)),
            duration_s=float(draw.gamma(2.0, 5400 * size * season)) + 20,
            modelled=modelled,
            zone=zone if number % 31 else "WORLD",
            project=project,
            experiment=experiments[draw.integers(0, len(experiments))],
            started=started.isoformat(),
            name=f"{project}-{number:04d}",
            machine={"hostname": machine, "brand": brand},
            exit_status=1 if number % 37 == 5 else 0,
            tags=tags | ({"batch": str(2 ** draw.integers(5, 10))} if number % 3 else {}),
        )


def damaged(store: Path, names: Iterable[str]) -> None:
    """Put files into a store that hold no run."""
    for name in names:
        path = store / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x89PCR\r\n\x1a\nthat is all")
