"""Runs of every sort, to be exported."""

from __future__ import annotations

from counter_simulator import MILLISECOND
from region_world import Program, as_run, training
from test_reports import cut_off, measured, modelled, no_energy, with_regions, zero_energy

from pycarbon.run import RunData

TEXTS = [
    "step",
    "Übung 训练 𝔘",
    "bytes \udcff that are no text",
    "bytes \udcfe that are none either",
    "a\0b",
    'quo"te, comma',
    "two\r\nlines\rand\nmore",
    "a\rb",
    "\x1b[2J\x07\x9b",
    "",
    "NA",
    "nan",
    " =1+1 ",
    "\\udcff",
    "long " * 2000,
]
"""Labels, names: what a program may call things."""


def regions() -> RunData:
    """A training on two counters, with its wall clock."""
    program = training(2, 10)
    run = as_run(program, {"package-0": program.world(), "dram-0": program.world(4.0, seed=9)})
    run.meta |= {"id": "0123456789abcdef", "name": "train", "project": "digits", "started_at": "2026-01-01T00:00:00Z"}
    run.meta["anchor"] = {"monotonic_ns": run.start_ns, "realtime_ns": 1_767_225_600 * 10**9, "boottime_ns": 10**13}
    run.meta["anchor"]["uncertainty_ns"] = 100
    return run


def texts() -> RunData:
    """A run whose every text is a strange one."""
    program = Program()
    for text in TEXTS:
        program.call(text, 5 * MILLISECOND, 50.0)
        program.work(MILLISECOND, 20.0)
    run = as_run(program, {"package-0": program.world()})
    run.meta |= {
        "id": TEXTS[2],
        "name": TEXTS[2],
        "project": TEXTS[7],
        "command": TEXTS,
        "tags": {TEXTS[3]: TEXTS[4]},
    }
    run.meta["anchor"] = {"monotonic_ns": run.start_ns, "realtime_ns": 1_767_225_600 * 10**9, "uncertainty_ns": 100}
    run.footer["notes"] = TEXTS
    return run


RUNS = {
    make.__name__: make
    for make in (measured, modelled, cut_off, zero_energy, no_energy, with_regions, regions, texts)
}
