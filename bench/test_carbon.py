"""How fast a factor is found and runs are counted again: beside plain dictionaries, plain CSV, and plain reading."""

from __future__ import annotations

import csv
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import run_files
from ratios import Line, Report, compare

from pycarbon import clouds, hours, intensity, load, shipped, siting, zones

ASKED = ("FRA", "DEU", "US-WY", "US-CISO", "aws:us-east-1", "gcp:europe-north1", "NO-NO1", "CN-SC")
LOOKUPS = 20_000
RUNS = 10_000
COLD = """
import time
from pycarbon import intensity, zones
began = time.perf_counter()
intensity.choose("FRA")
loaded = time.perf_counter()
for zone in ("DEU", "US-WY", "NO-NO1", "CN-SC", "ZAF", "CA-QC", "IN-MH", "US-CAMX"):
    intensity.choose(zone, intensity.Method("direct" if zone == "US-CAMX" else "lifecycle"))
print(loaded - began, (time.perf_counter() - loaded) / 8)
"""


def median_of(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(7))


def test_lookup(benchmark: Any, report: Report) -> None:
    """A zone asked for again, which is what loops and lists do; and one asked for the first time."""
    table = {zone: intensity.choose(zone) for zone in ASKED}

    def ours() -> float:
        began = time.perf_counter()
        for number in range(LOOKUPS):
            intensity.choose(ASKED[number % len(ASKED)])
        return time.perf_counter() - began

    def floor() -> float:
        began = time.perf_counter()
        for number in range(LOOKUPS):
            table[ASKED[number % len(ASKED)]]
        return time.perf_counter() - began

    scale, bound = 1e6 / LOOKUPS, 50e-6 * LOOKUPS
    name = "look-up of a zone"
    compare(benchmark, report, name, ours, "bound", lambda: bound, rounds=10, target=1, scale=scale, unit="µs")
    fresh = [
        [
            float(word)
            for word in subprocess.run([sys.executable, "-c", COLD], capture_output=True, check=True).stdout.split()
        ]
        for _ in range(15)
    ]
    first, others = (statistics.median(column) for column in zip(*fresh, strict=True))
    report.remarks.append(
        f"in a fresh process: the first look-up, with loading, {first * 1e3:.3g} ms; another zone for the first time "
        f"{others * 1e6:.3g} µs; a dict gives it again in {median_of(floor) * scale:.3g} µs"
    )


def test_loading(benchmark: Any, report: Report) -> None:
    """Every zone with all of its rows, and the hours: more than any program needs at once."""

    def forget() -> None:
        for cached in (
            shipped.text,
            intensity.rows,
            intensity._of_table,
            zones._by_code,
            zones._grid,
            zones._spelled,
        ):
            cached.cache_clear()
        for cached in (intensity._citations, hours.typical, clouds.regions, clouds._spelled, zones._clouds):
            cached.cache_clear()

    def ours() -> float:
        forget()
        began = time.perf_counter()
        intensity.choose("France")
        return time.perf_counter() - began

    def plain() -> float:
        began = time.perf_counter()
        with (shipped.TABLES / "grid.csv").open(encoding="utf-8", newline="") as file:
            list(csv.DictReader(file))
        return time.perf_counter() - began

    name = "loading, and a zone by its name"
    report.remarks.append(f"csv.DictReader reads grid.csv alone in {median_of(plain) * 1e3:.3g} ms")
    compare(benchmark, report, name, ours, "bound", lambda: 10e-3, rounds=15, target=1, scale=1e3, unit="ms")


def test_size(benchmark: Any, report: Report) -> None:
    carbon = ("grid", "zones", "sources", "hours", "fuels", "cloud", "embodied", "equivalents", "continents")
    size = sum((shipped.TABLES / f"{name}.csv").stat().st_size for name in carbon)
    report.add(benchmark, Line("carbon tables", f"{size / 1e3:.4g} kB", "1 MB", "", None))
    benchmark.pedantic(lambda: None, rounds=1)


def test_counting_again(benchmark: Any, report: Report, tmp_path: Path) -> None:
    """Ten thousand run files, each opened and counted by another factor; half of them where hours count."""
    first = tmp_path / "first.pcr"
    with run_files.PowercapEmulator(zones=run_files.ZONES) as emulator:
        command = ["-m", "pycarbon", "run", "--root", str(emulator.root), "-o", str(first), "--", "sleep", "2"]
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
    files = [tmp_path / f"{number}.pcr" for number in range(RUNS)]
    for file in files:
        shutil.copyfile(first, file)

    def ours() -> float:
        began = time.perf_counter()
        grams = 0.0
        for number, file in enumerate(files):
            run = load(file)
            again = siting.rated_again(run.rating, zone="US-CISO" if number % 2 else "DEU", at=run.started)
            grams += run.rated(again).emissions.co2e_g
        assert grams > 0
        return time.perf_counter() - began

    def floor() -> float:
        began = time.perf_counter()
        assert all(json.dumps(len(file.read_bytes())) for file in files)
        return time.perf_counter() - began

    name = f"{RUNS} runs of {first.stat().st_size} bytes counted again"
    report.remarks.append(f"only reading those files takes {median_of(floor):.3g} s")
    compare(benchmark, report, name, ours, "bound", lambda: 5.0, rounds=6, target=1, scale=1, unit="s")
