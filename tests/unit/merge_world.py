"""Machines of constant power that several runs recorded: what they used together is known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from pycarbon.analysis import Run
from pycarbon.ledger import NODE_DTYPE, ROW_DTYPE, SLICE_DTYPE, Ledger
from pycarbon.run import EDGE_DTYPE, Channel, Flag, RunData

SECOND, MS = 10**9, 10**6
EPOCH_NS = 1_767_323_045 * SECOND
"""2026-01-02 03:04:05, true time 0 of this world."""

UPDATE_NS = 10 * MS
UNIT = Fraction(1, 1_000_000)
TICK = Fraction(1, 100)
FRANCE = {"zone": "FRA", "name": "France", "intensity_g_per_kwh": 50.0, "low_g_per_kwh": 40.0, "high_g_per_kwh": 60.0}
POLAND = {
    "zone": "POL",
    "name": "Poland",
    "intensity_g_per_kwh": 600.0,
    "low_g_per_kwh": 500.0,
    "high_g_per_kwh": 700.0,
}
HOW = {"year": 2024, "method": "average lifecycle production", "source": "a table of 2025", "place_known": True}


@dataclass(frozen=True)
class Node:
    """A machine: its CLOCK_MONOTONIC begins at `booted_s` of true time, and its wall clock is `ahead_s` of it."""

    name: str
    watts: float = 20.0
    booted_s: float = -1000.0
    ahead_s: float = 0.0
    wall_error_ns: int | None = 2 * MS
    boot: str | None = "by name"

    def monotonic_ns(self, at_s: float) -> int:
        return round((at_s - self.booted_s) * 1e9)

    def anchor(self, at_s: float) -> dict[str, int | None]:
        return {
            "monotonic_ns": self.monotonic_ns(at_s),
            "realtime_ns": EPOCH_NS + round((at_s + self.ahead_s) * 1e9),
            "boottime_ns": self.monotonic_ns(at_s),
            "uncertainty_ns": 100,
            "wall_error_ns": self.wall_error_ns,
        }

    def run(
        self,
        run_id: str,
        start_s: float,
        end_s: float,
        *,
        grid: dict[str, object] = FRANCE,
        pue: float = 1.0,
        inside: str | None = None,
        modelled: bool = False,
        regions: dict[str, tuple[float, float]] | None = None,
        complete: bool = True,
        notes: tuple[str, ...] = (),
    ) -> Run:
        """One recording of this machine; `regions` are labels, each with its share of each second, in turn."""
        start_ns, end_ns = self.monotonic_ns(start_s), self.monotonic_ns(end_s)
        source = "model" if modelled else "powercap"
        kind = "modelled" if modelled else "measured"
        channels = [
            Channel(0, "package-0", source, kind, "energy", UNIT, 0, True),
            Channel(1, "core", source, kind, "energy", UNIT, 0, False),
            Channel(2, "machine-cpu", "proc", "measured", "cpu_time", TICK, 0, False),
            Channel(3, "process-cpu", "proc", "measured", "cpu_time", TICK, 0, False),
        ]
        if modelled:
            del channels[1]
        rates = (self.watts / float(UNIT), self.watts / 2 / float(UNIT), 2 / float(TICK), 0.5 / float(TICK))
        edges = {i: _edges(i, start_ns, end_ns, rate) for i, rate in enumerate(rates) if not (modelled and i < 2)}
        meta = {
            "id": run_id,
            "project": "job",
            "name": "train",
            "command": ["train"],
            "started_at": "2026-01-02T03:04:05.000+00:00",
            "tags": {},
            "intensity": {**grid, **HOW},
            "pue": pue,
            "notes": list(notes),
            "inside": inside,
            "start_ns": start_ns,
            "anchor": self.anchor(start_s),
            "machine": {
                "n_threads": 4,
                "hostname": self.name,
                "boot": f"boot of {self.name}" if self.boot == "by name" else self.boot,
            },
            "curves": [_curve(self.watts)] if modelled else [],
        }
        footer = {"start_ns": start_ns, "end_ns": end_ns, "exit_status": 0, "anchor": self.anchor(end_s)}
        ledger = None if regions is None else _ledger(start_ns, end_ns, regions)
        data = RunData(meta, channels, edges, footer if complete else {}, complete, [], ledger)
        return Run(data, Path(f"{run_id}.pcr"))


def _edges(channel: int, start_ns: int, end_ns: int, per_s: float) -> np.ndarray:
    """A counter that is updated on a grid of its machine, seen within a microsecond, a little beyond the run."""
    number = np.arange(start_ns // UPDATE_NS - 2, end_ns // UPDATE_NS + 4)
    edges = np.zeros(len(number), EDGE_DTYPE)
    edges["t_seen_ns"] = number * UPDATE_NS
    edges["t_before_ns"] = edges["t_seen_ns"] - 1000
    edges["raw"] = np.rint(number * (UPDATE_NS / 1e9 * per_s))
    edges["channel"] = channel
    edges["flags"][0] = Flag.FIRST
    return edges


def _curve(watts: float) -> dict[str, object]:
    return {
        "domain": "package-0",
        "basis": "made by hand",
        "idle_w": {"low": watts / 2, "best": watts, "high": watts * 2},
        "full_w": {"low": watts / 2, "best": watts, "high": watts * 2},
        "exponent": {"low": 1.0, "best": 1.0, "high": 1.0},
    }


def _ledger(start_ns: int, end_ns: int, regions: dict[str, tuple[float, float]]) -> Ledger:
    """Each region runs between its two shares of the run, and is called once."""
    borders = np.arange(start_ns // UPDATE_NS + 1, end_ns // UPDATE_NS) * UPDATE_NS
    borders_ns = np.concatenate([[start_ns], borders, [end_ns]])
    slices = np.zeros(len(borders_ns) - 1, SLICE_DTYPE)
    slices["start_ns"], slices["end_ns"] = borders_ns[:-1], borders_ns[1:]
    slices["channel"], slices["threads"] = 65535, 1
    rows = []
    for node, (first, last) in enumerate(regions.values()):
        low_ns, high_ns = (start_ns + share * (end_ns - start_ns) for share in (first, last))
        inside = np.flatnonzero((slices["start_ns"] >= low_ns) & (slices["end_ns"] <= high_ns))
        for number in inside:
            length_ns = int(slices["end_ns"][number] - slices["start_ns"][number])
            rows.append((number, node, length_ns, length_ns, int(number == inside[0])))
    nodes = np.array([(-1, i) for i in range(len(regions))], NODE_DTYPE)
    return Ledger(list(regions), nodes, slices, np.array(sorted(rows), ROW_DTYPE))
