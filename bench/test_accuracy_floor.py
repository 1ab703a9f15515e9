"""How exact a block of 1 s, 100 ms or 10 ms is, beside two plain reads of the counter subtracted."""

from __future__ import annotations

import itertools
import os
import random
import statistics
import time
from dataclasses import dataclass

import pytest
from ratios import Report, table
from surroundings import live_tree

from pycarbon.energy import Timeline
from pycarbon.recording import Recording, Request

RECORDED_S = 22.0
BLOCK_S = 0.01
LENGTHS = {"1 s": 100, "100 ms": 10, "10 ms": 1}
"""How many of the shortest blocks make one."""

WAVES = {"50 W": "constant", "25 and 75 W every 3.5 ms": "square:0.5:1.5:7"}


@dataclass(frozen=True)
class Stamp:
    """A border between two blocks: when, and what a plain read showed right after."""

    time_ns: int
    raw_uj: int


def _stamps(counter: os.PathLike[str]) -> list[Stamp]:
    chance = random.Random(1)  # borders must not keep step with the counter
    descriptor = os.open(counter, os.O_RDONLY)
    stamps = []
    end_ns = time.monotonic_ns() + int(RECORDED_S * 1e9)
    while (now_ns := time.monotonic_ns()) < end_ns:
        stamps.append(Stamp(now_ns, int(os.pread(descriptor, 32, 0))))
        time.sleep(BLOCK_S + chance.uniform(-0.0005, 0.0005))
    os.close(descriptor)
    return stamps


def _spread(errors: list[float]) -> str:
    return f"{100 * statistics.stdev(errors):.2g} %"


@pytest.mark.parametrize("power", WAVES)
def test_blocks_beside_two_reads(benchmark, report: Report, tmp_path, power):
    with live_tree(wave=WAVES[power]) as tree:
        counter = tree.class_dir / "intel-rapl:0" / "energy_uj"

        def record() -> tuple[Recording, list[Stamp]]:
            with Recording(Request("bench", [], path=tmp_path / "run.pcr", root=tree.root)) as run:
                return run, _stamps(counter)

        run, stamps = benchmark.pedantic(record, rounds=1)
        channel = run.data.channel("package-0")
        timeline = Timeline(run.data, channel)
        rows = []
        for length, step in LENGTHS.items():
            borders = stamps[::step]
            ours, floor, held, widths = [], [], 0, []
            for first, last in itertools.pairwise(borders):
                true_j = tree.true_energy_j(counter, first.time_ns, last.time_ns)
                found = timeline.between(first.time_ns, last.time_ns)
                ours.append(found.best / true_j - 1)
                floor.append((last.raw_uj - first.raw_uj) / 1e6 / true_j - 1)
                held += found.low <= true_j <= found.high
                widths.append((found.high - found.low) / true_j)
            rows.append(
                [
                    power,
                    length,
                    str(len(ours)),
                    _spread(ours),
                    f"{100 * statistics.fmean(ours):+.2g} %",
                    _spread(floor),
                    f"{100 * statistics.fmean(floor):+.2g} %",
                    f"{statistics.stdev(ours) / statistics.stdev(floor):.2g}",
                    f"{100 * held / len(ours):.4g} %",
                    f"{100 * statistics.median(widths):.2g} %",
                ]
            )
            benchmark.extra_info[length] = {"sd": statistics.stdev(ours), "floor_sd": statistics.stdev(floor),
                                            "held": held / len(ours)}  # fmt: skip
    report.remarks += ["", *table(HEAD, rows), "", f"emulator late by at most {tree.report['lateness_max_us']:g} us"]


HEAD = ["power", "block", "blocks", "SD", "bias", "SD, two reads", "bias", "ratio of SD", "in interval", "its width"]
