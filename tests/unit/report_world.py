"""A run to look at: a training of a minute with regions in regions, on counters that nobody saw for two seconds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from counter_simulator import MICROJOULE, MILLISECOND, World
from region_world import START_NS, Program, as_run

from pycarbon import intensity
from pycarbon.rating import Rating
from pycarbon.run import EDGE_DTYPE, MACHINE_CPU, PROCESS_CPU, Channel, Flag, RunData

SECOND = 1000 * MILLISECOND
TICK = Fraction(1, 100)


def training(epochs: int = 4, steps: int = 12) -> Program:
    """Give a program that loads, trains and evaluates, for about a minute."""
    program, chance = Program(), np.random.default_rng(5)

    def some(seconds: float) -> int:
        return int(seconds * SECOND * chance.uniform(0.7, 1.3))

    program.call("load data", some(3), 24.0)
    for _ in range(epochs):
        program.enter("epoch")
        for _ in range(steps):
            program.enter("step")
            program.call("next batch", some(0.12), 31.0)
            program.call("forward", some(0.28), 68.0)
            program.call("backward", some(0.48), 92.0)
            program.call("optimise", some(0.09), 55.0)
            program.leave()
        program.call("evaluate", some(1.6), 61.0)
        program.call("save", some(0.5), 22.0)
        program.leave()
    program.work(some(1.2), 17.0)
    return program


def example() -> RunData:
    """Give the run of it on two counters, of which nobody looked at for a while in the second half."""
    program = training()
    worlds: dict[str, World] = {
        "package-0": program.world(period_ns=2 * MILLISECOND),
        "ram": program.world(period_ns=4 * MILLISECOND, seed=2),
    }
    worlds["ram"].pieces = [(length, 4 + 0.11 * watts) for length, watts in worlds["ram"].pieces]
    run = as_run(program, worlds)
    first = START_NS + int(0.61 * (program.now_ns - START_NS))
    last = first + 2 * SECOND
    for number, edges in dict(run.edges).items():
        kept = edges[(edges["t_seen_ns"] < first) | (edges["t_seen_ns"] > last)]
        gap = kept[:1].copy()
        gap["t_before_ns"], gap["t_seen_ns"], gap["flags"], gap["error"] = first, last, Flag.GAP, 2
        at = int((kept["t_seen_ns"] < first).sum())
        run.edges[number] = np.concatenate([kept[:at], gap, kept[at:]])  # type: ignore[index]
    run.channels = [
        Channel(one.id, one.domain, "perf", "measured", "energy", one.unit, 0, True) for one in run.channels
    ]
    for name, busy in ((MACHINE_CPU, 0.62), (PROCESS_CPU, 0.55)):
        number = len(run.channels)
        run.channels.append(Channel(number, name, "proc", "measured", "cpu_time", TICK, 0, False))
        run.edges[number] = _busy(program.now_ns, number, busy)  # type: ignore[index]
    choice = intensity.choose("FRA")
    run.meta |= {
        "channels": [one.to_dict() for one in run.channels],
        "id": "3f9ac1d27b5e4a10",
        "organisation": "meadow",
        "project": "vision",
        "experiment": "augmentation",
        "name": "train digits",
        "command": ["python", "train.py", "--epochs", "4"],
        "started_at": "2026-11-26T09:12:44+00:00",
        "tags": {"model": "small", "seed": "5"},
        "pycarbon": "0.1.0",
        "python": "3.12.4",
        "machine": {
            "brand": "AMD EPYC 9354P 32-Core Processor",
            "microarchitecture": "Zen 4",
            "n_threads": 64,
            "n_cores": 32,
            "n_packages": 1,
            "memory_bytes": 128 << 30,
            "os": "Linux",
            "kernel": "6.8.0",
            "arch": "x86_64",
            "hostname": "meadow-7",
            "hypervisor": False,
        },
        "sampling": {"rate_hz": None, "cpu_budget_percent": 3.0},
        "settings_from": {"zone": "argument"},
        **Rating(choice.taken, choice.others).to_meta(),
    }
    run.footer["exit_status"] = 0
    return run


def _busy(end_ns: int, channel: int, part: float) -> np.ndarray:
    """Give the edges of a counter of CPU time, of which `part` of a machine's 64 threads is busy."""
    seen_ns = np.arange(START_NS, end_ns, SECOND // 10)
    edges = np.zeros(len(seen_ns), EDGE_DTYPE)
    edges["t_seen_ns"], edges["t_before_ns"], edges["channel"] = seen_ns, seen_ns - 1000, channel
    edges["raw"] = (seen_ns - START_NS) / 1e9 * 64 * part / float(TICK)
    edges["flags"][0] = Flag.FIRST
    return edges


def long_run(updates: int) -> RunData:
    """Give a run with so many updates of one counter, one a millisecond, and one short peak."""
    number = np.arange(updates, dtype=np.int64)
    watts = 50 + 30 * np.sin(number / 2e5) + 10 * (number // 20_000 % 2)
    watts += np.random.default_rng(1).normal(0, 4, updates)
    peak = updates * 7 // 10
    watts[peak : peak + 200] = 240
    edges = np.zeros(updates, EDGE_DTYPE)
    edges["t_seen_ns"] = START_NS + number * MILLISECOND
    edges["t_before_ns"] = edges["t_seen_ns"] - 1000
    edges["raw"] = np.cumsum(np.maximum(watts, 1) * 1e3)
    edges["flags"][0] = Flag.FIRST
    channel = Channel(0, "package-0", "powercap", "measured", "energy", MICROJOULE, 0, True)
    meta = {"start_ns": START_NS, "channels": [channel.to_dict()], "name": "long", "id": "b7c0de"}
    footer = {"start_ns": START_NS, "end_ns": START_NS + updates * MILLISECOND}
    return RunData(meta, [channel], {0: edges}, footer, True)
