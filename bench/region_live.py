"""How exact the energies of regions are on live emulated counters of known power: python bench/region_live.py

Single calls of 10 ms and 1 ms are interpolated between edges, the totals of labels fitted; each at the default budget
and without one. The program that is recorded runs beside the emulator on the machine's other CPU.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "emulator"))
import surroundings
from powercap_emulator import PowercapEmulator
from ratios import table

import pycarbon

SQUARE = "square:0.2857142857142857:1.7142857142857142:7.3"
"""Of 70 W: 20 and 120 W, 3.65 ms each."""

BLOCK_MS = 5.0
BLOCKS = f"square:0.6666666666666666:1.3333333333333333:{2 * BLOCK_MS:g}"
"""Of 90 W: 60 and 120 W in turn."""

CALLS = """
import random, sys, time, pycarbon
step, clock, chance = pycarbon.region("step"), time.perf_counter_ns, random.Random(int(sys.argv[3]))
for _ in range(int(sys.argv[2])):
    begin = clock() + int(chance.uniform(0.2, 4) * 1e6)
    while clock() < begin: pass
    with step:
        end = clock() + int(float(sys.argv[1]) * 1e6)
        while clock() < end: pass
"""

SHORT = """
import sys, time, pycarbon
hot, cool, clock = pycarbon.region("hot"), pycarbon.region("cool"), time.monotonic_ns
t0, block_ns, end = int(sys.argv[1]), int(float(sys.argv[2]) * 1e6), clock() + int(float(sys.argv[3]) * 1e9)
while (now := clock()) < end:
    if (now - t0) % block_ns > block_ns - 30_000: continue  # no call has both powers
    with (hot if (now - t0) // block_ns % 2 else cool):
        until = now + 20_000
        while clock() < until: pass
"""


@dataclass(frozen=True)
class Case:
    name: str
    wave: str
    power_w: float
    length_ms: float
    single_target: float


CASES = [
    Case("50 W, 10 ms", "constant", 50, 10, 0.3),
    Case("50 W, 1 ms", "constant", 50, 1, 2),
    Case("120/20 W every 7.3 ms, 10 ms", SQUARE, 70, 10, 0.6),
]


def recorded(program: str, words: list[str], tree: PowercapEmulator, budget: float, folder: Path) -> pycarbon.Run:
    file = folder / "run.pcr"
    file.unlink(missing_ok=True)
    options = ["--root", str(tree.root), "--cpu-budget", str(budget), "-o", str(file)]
    command = [str(Path(sys.executable).with_name("pycarbon")), "run", *options, "--", sys.executable, "-c", program]
    subprocess.run([*command, *words], check=True, capture_output=True)
    return pycarbon.load(file)


def percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def calls_of(case: Case, budget: float, turns: int, calls: int, folder: Path) -> list[list[str]]:
    """Errors of single calls, and of the total of each turn's calls."""
    single, held, totals, covered = [], [], [], []
    for turn in range(turns):
        with surroundings.live_tree(zones=(), wave=case.wave, power_w={"package": case.power_w}) as tree:
            run = recorded(CALLS, [str(case.length_ms), str(calls), str(turn)], tree, budget, folder)
            truths = []
            for call in run.calls("step"):
                true_j = tree.true_energy_j("package-0", int(call["start_ns"]), int(call["end_ns"]))
                truths.append(true_j)
                single.append(abs(call["energy_j"] / true_j - 1))
                held.append(call["low_j"] <= true_j <= call["high_j"])
        [region] = run.regions
        if region.energy_j is not None:
            totals.append(abs(region.energy_j / sum(truths) - 1))
            covered.append(region.low_j <= sum(truths) <= region.high_j)
    way = f"{budget:g} %" if budget else "none"
    p95 = statistics.quantiles(single, n=20)[-1]
    return [
        [case.name, way, "single calls", str(len(single)), percent(statistics.median(single)), percent(p95),
         f"<= {case.single_target:g} %", percent(statistics.fmean(held))],
        [case.name, way, f"total of {calls} calls", str(len(totals)),
         percent(statistics.median(totals)) if totals else "not resolved", percent(max(totals)) if totals else "",
         "<= 0.5 %", percent(statistics.fmean(covered)) if totals else ""],
    ]  # fmt: skip


def short_regions(budget: float, turns: int, folder: Path) -> list[list[str]]:
    """Regions of 20 us, whose label follows the power from block to block."""
    errors, covered = [], []
    for _ in range(turns):
        with surroundings.live_tree(zones=(), wave=BLOCKS, power_w={"package": 90}) as tree:
            t0 = str(tree.live["t0_ns"])
            run = recorded(SHORT, [t0, str(BLOCK_MS), "4"], tree, budget, folder)
            for region in run.regions:
                truth_j = sum(
                    tree.true_energy_j("package-0", int(call["start_ns"]), int(call["end_ns"]))
                    for call in run.calls(region.label)
                )
                if region.energy_j is not None:
                    errors.append(abs(region.energy_j / truth_j - 1))
                    covered.append(region.low_j <= truth_j <= region.high_j)
    way = f"{budget:g} %" if budget else "none"
    return [
        ["120 and 60 W in blocks of 5 ms, 20 us", way, "J per call of 2 labels", str(len(errors)),
         percent(statistics.median(errors)) if errors else "not resolved", percent(max(errors)) if errors else "",
         "<= 0.5 %", percent(statistics.fmean(covered)) if errors else ""],
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5, help="recordings of each case (5)")
    parser.add_argument("--calls", type=int, default=300, help="calls in each (300)")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for budget in (3.0, 0.0):
            for case in CASES:
                rows += calls_of(case, budget, options.turns, options.calls, Path(folder))
            rows += short_regions(budget, options.turns, Path(folder))
    print(surroundings.conditions())
    head = ["power, length", "budget", "what", "number", "median error", "p95 or largest", "target", "in interval"]
    print(*table(head, rows), sep="\n")


if __name__ == "__main__":
    main()
