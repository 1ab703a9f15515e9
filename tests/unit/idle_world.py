"""Machines whose power and CPU time are known second by second: what was idle, and what others had, is known too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from pycarbon.analysis import Run
from pycarbon.run import EDGE_DTYPE, Channel, Flag, RunData

START_NS, SECOND, UPDATE_NS = 10**13, 10**9, 10**7
MICROJOULE, TICK = Fraction(1, 1_000_000), Fraction(1, 100)
N_THREADS = 8
GRID = {
    "zone": "FRA",
    "name": "France",
    "intensity_g_per_kwh": 50.0,
    "low_g_per_kwh": 40.0,
    "high_g_per_kwh": 60.0,
    "year": 2024,
    "method": "average lifecycle production",
    "source": "a table",
}


@dataclass(frozen=True)
class Piece:
    """Some seconds of constant power in each domain, and of CPUs that the machine and the run kept busy."""

    seconds: int
    watts: Mapping[str, float] = field(default_factory=lambda: {"package-0": 20.0})
    busy: float = 1.0
    tree: float = 1.0


def machine(
    pieces: Sequence[Piece], *, tells_machine: bool = True, tells_tree: bool = True, modelled: bool = False
) -> Run:
    """Record them, on counters brought up to date every 10 ms, or by a model of 10 W idle and 50 W full."""
    rates: dict[str, list[float]] = {} if modelled else {name: [] for piece in pieces for name in piece.watts}
    for name in rates:
        rates[name] = [piece.watts.get(name, 0.0) / float(MICROJOULE) for piece in pieces]
    energies = [*rates, *(["package-0"] if modelled else [])]
    if tells_machine:
        rates["machine-cpu"] = [piece.busy / float(TICK) for piece in pieces]
    if tells_tree:
        rates["process-cpu"] = [piece.tree / float(TICK) for piece in pieces]
    channels, edges = [], {}
    for name in dict.fromkeys([*energies, *rates]):
        number, is_energy = len(channels), name in energies
        source = "model" if modelled and is_energy else "powercap" if is_energy else "proc"
        kind = "modelled" if source == "model" else "measured"
        quantity, unit = ("energy", MICROJOULE) if is_energy else ("cpu_time", TICK)
        channels.append(Channel(number, name, source, kind, quantity, unit, 0, is_energy))
        if name in rates:
            edges[number] = _edges(number, [piece.seconds for piece in pieces], rates[name])
    end_ns = START_NS + sum(piece.seconds for piece in pieces) * SECOND
    meta = {
        "id": "0123456789abcdef",
        "name": "train",
        "started_at": "2026-01-02T03:04:05+00:00",
        "start_ns": START_NS,
        "intensity": GRID,
        "machine": {"n_threads": N_THREADS},
        "curves": [_curve()] if modelled else [],
    }
    return Run(RunData(meta, channels, edges, {"start_ns": START_NS, "end_ns": end_ns}, True))


def _edges(channel: int, seconds: Sequence[int], per_s: Sequence[float]) -> np.ndarray:
    border_s = np.concatenate([[-1.0], np.cumsum(seconds), [sum(seconds) + 1.0]])  # a little beyond either end
    rate = np.array([*per_s, per_s[-1]])
    level = np.concatenate([[0.0], np.cumsum(np.diff(border_s) * rate)])
    time_s = np.arange(-2, sum(seconds) * 100 + 4) * (UPDATE_NS / 1e9)
    edges = np.zeros(len(time_s), EDGE_DTYPE)
    edges["t_seen_ns"] = START_NS + np.rint(time_s * 1e9).astype(np.int64)
    edges["t_before_ns"] = edges["t_seen_ns"] - 1000
    edges["raw"] = np.rint(np.interp(time_s, border_s, level))
    edges["channel"] = channel
    edges["flags"][0] = Flag.FIRST
    return edges[np.append(True, np.diff(edges["raw"].astype(np.int64)) > 0)]


def _curve() -> dict[str, object]:
    return {
        "domain": "package-0",
        "basis": "made by hand",
        "idle_w": {"low": 5.0, "best": 10.0, "high": 30.0},
        "full_w": {"low": 40.0, "best": 50.0, "high": 60.0},
        "exponent": {"low": 1.0, "best": 1.0, "high": 1.0},
    }
