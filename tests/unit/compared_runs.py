"""Runs to be compared: programs whose change from one to the other is known."""

from __future__ import annotations

from pathlib import Path

from counter_simulator import MILLISECOND
from region_world import Program, as_run

from pycarbon.analysis import Run
from pycarbon.run import RunData

FRANCE = {
    "zone": "FRA",
    "name": "France",
    "intensity_g_per_kwh": 50.0,
    "low_g_per_kwh": 40.0,
    "high_g_per_kwh": 60.0,
    "year": 2024,
    "method": "average lifecycle production",
    "source": "a table of 2025",
    "place_known": True,
}


def program(steps: int, loading_w: float, last: str) -> Program:
    """Loads at a power, steps at 60 W some times, and ends with 100 ms of something."""
    made = Program()
    made.work(20 * MILLISECOND, 15.0)
    made.call("load", 200 * MILLISECOND, loading_w)
    for number in range(steps):
        made.enter("step")
        made.call("forward", (7 + number % 4) * MILLISECOND, 60.0)
        made.work((3 + number % 2) * MILLISECOND, 60.0)
        made.leave()
        made.work((5 + number % 4) * MILLISECOND, 15.0)
    made.call(last, 100 * MILLISECOND, 40.0)
    made.work(20 * MILLISECOND, 15.0)
    return made


def data(made: Program, run_id: str, **meta: object) -> RunData:
    found = as_run(made, {"package-0": made.world(), "dram-0": made.world(4.0, seed=9)})
    found.meta |= {"id": run_id, "name": "train", "intensity": FRANCE, "machine": {"brand": "CPU", "n_threads": 4}}
    found.meta |= {"started_at": "2026-01-02T03:04:05.000+00:00", "command": ["train", run_id], **meta}
    return found


def before() -> Run:
    return Run(data(program(40, 50.0, "save"), "before"), Path("before.pcr"))


def after() -> Run:
    """Twice the steps at the same energy for each, loading at half the power, and another end."""
    return Run(data(program(80, 25.0, "save fast"), "after"), Path("after.pcr"))


def again() -> Run:
    """The first once more, elsewhere, cut off."""
    made = data(program(40, 50.0, "save"), "again", intensity=FRANCE | {"zone": "POL", "intensity_g_per_kwh": 60.0})
    made.complete = False
    return Run(made, Path("again.pcr"))
