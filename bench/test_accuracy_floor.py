"""How exact a block of 1 ms to 1 s is, beside two plain reads of the counter subtracted."""

from __future__ import annotations

import itertools
import os
import random
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator
from ratios import Report, table
from surroundings import live_tree

from pycarbon.energy import Timeline
from pycarbon.recording import Recording, Request

TURNS = 3
RECORDED_S = 8.0
BLOCK_S = 0.001
LENGTHS = {"1 s": 1000, "100 ms": 100, "10 ms": 10, "3 ms": 3, "1 ms": 1}
"""How many of the shortest blocks make one."""

MOST_BLOCKS = 1000
"""Of one length in one recording: more say little more, and take long to compute."""

WAVES = {"50 W": "constant", "25 and 75 W every 3.5 ms": "square:0.5:1.5:7"}

WAYS: dict[str, dict[str, float]] = {
    "edges, 3 %": {"cpu_budget_percent": 3.0},
    "edges, no budget": {"cpu_budget_percent": 0.0},
    "fixed 1 kHz": {"rate_hz": 1000.0},
}


@dataclass(frozen=True)
class Stamp:
    """A border between two blocks: when, and what a plain read showed right after."""

    time_ns: int
    raw_uj: int


@dataclass
class Blocks:
    """Relative errors of blocks of one length, ours and those of two reads, and what our intervals said of them."""

    ours: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    held: int = 0

    @property
    def held_share(self) -> float:
        return self.held / len(self.ours)

    @property
    def sd_ratio(self) -> float:
        return statistics.stdev(self.ours) / statistics.stdev(self.floor)

    def cells(self) -> list[str]:
        return [
            str(len(self.ours)),
            _percent(statistics.stdev(self.ours)),
            f"{100 * statistics.fmean(self.ours):+.2g} %",
            _percent(statistics.stdev(self.floor)),
            f"{self.sd_ratio:.2g}",
            f"{100 * self.held_share:.4g} %",
            _percent(statistics.median(self.widths)),
        ]


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _stamps(counter: os.PathLike[str], for_s: float, chance: random.Random) -> list[Stamp]:
    """Stamp borders that do not keep step with the counter."""
    descriptor = os.open(counter, os.O_RDONLY)
    stamps = []
    next_s = time.monotonic()
    end_s = next_s + for_s
    while next_s < end_s:
        stamps.append(Stamp(time.monotonic_ns(), int(os.pread(descriptor, 32, 0))))
        next_s += BLOCK_S * chance.uniform(0.7, 1.3)
        time.sleep(max(next_s - time.monotonic(), 0))
    os.close(descriptor)
    return stamps


def _add_blocks(found: dict[str, Blocks], run: Recording, stamps: list[Stamp], tree: PowercapEmulator) -> None:
    channel = run.data.channel("package-0")
    assert channel is not None
    timeline = Timeline(run.data, channel)
    for length, step in LENGTHS.items():
        pairs = list(itertools.pairwise(stamps[::step]))
        for first, last in pairs[:: len(pairs) // MOST_BLOCKS + 1]:
            true_j = tree.true_energy_j("package-0", first.time_ns, last.time_ns)
            ours = timeline.between(first.time_ns, last.time_ns)
            blocks = found[length]
            blocks.ours.append(ours.best / true_j - 1)
            blocks.floor.append((last.raw_uj - first.raw_uj) / 1e6 / true_j - 1)
            blocks.held += ours.low <= true_j <= ours.high
            blocks.widths.append((ours.high - ours.low) / true_j)


def _measure(tree: PowercapEmulator, folder: Path) -> dict[str, dict[str, Blocks]]:
    """Record in each way in its turn."""
    counter = tree.class_dir / "intel-rapl:0" / "energy_uj"
    chance = random.Random(1)
    found = {way: {length: Blocks() for length in LENGTHS} for way in WAYS}
    for _ in range(TURNS):
        for way, asked in WAYS.items():
            with Recording(Request("bench", [], path=folder / "run.pcr", root=tree.root, **asked)) as run:
                stamps = _stamps(counter, RECORDED_S, chance)
            _add_blocks(found[way], run, stamps, tree)
    return found


@pytest.mark.parametrize("power", WAVES)
def test_blocks_beside_two_reads(benchmark, report: Report, tmp_path, power):
    with live_tree(wave=WAVES[power]) as tree:
        found = benchmark.pedantic(_measure, args=(tree, tmp_path), rounds=1)
    rows = []
    for length in LENGTHS:
        for way in WAYS:
            blocks = found[way][length]
            rows.append([power, length, way, *blocks.cells()])
            benchmark.extra_info[f"{length}, {way}"] = {
                "sd": statistics.stdev(blocks.ours),
                "floor_sd": statistics.stdev(blocks.floor),
                "held": blocks.held_share,
                "width": statistics.median(blocks.widths),
            }
    report.remarks += [
        "",
        *table(HEAD, rows),
        f"emulator late by {tree.report['lateness_p99_us']:g} us in 99 % of its updates, at most "
        f"{tree.report['lateness_max_us']:g} us",
    ]


HEAD = ["power", "block", "way", "blocks", "SD", "bias", "SD, two reads", "ratio of SD", "in interval", "its width"]
