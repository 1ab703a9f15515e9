"""What a run file takes, and how fast it is opened, decoded and written: beside Parquet, CSV, SQLite and numpy."""

from __future__ import annotations

import shutil
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import run_files
from ratios import Line, Report, compare, ratio, table

from pycarbon import columns, fold, load
from pycarbon.analysis import Run, figures
from pycarbon.edge_writer import edges_frames
from pycarbon.growing import GrowingFile
from pycarbon.run import EDGE_DTYPE, RunData
from pycarbon.runfile import read_footer

MOST_BYTES_PER_EDGE = 2.2
FOOTERS = 10_000
ROUNDS = 12


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], RunData]:
    folder = tmp_path_factory.mktemp("recorded")
    return {
        (way, power): run_files.recorded(folder / f"{number}-{other}.pcr", options, made)
        for number, (way, options) in enumerate(run_files.WAYS.items())
        for other, (power, made) in enumerate(run_files.POWERS.items())
    }


@pytest.fixture(scope="module")
def hour(runs: dict[tuple[str, str], RunData], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of an hour, five channels at 1 ms, in its file."""
    path = tmp_path_factory.mktemp("hour") / "hour.pcr"
    run = run_files.of_an_hour(next(iter(runs.values())))
    fold.write(list(run_files.as_live(run)), path, figures=lambda data: figures(Run(data)))
    return path


def test_size(benchmark: Any, report: Report, runs: dict[tuple[str, str], RunData], tmp_path: Path) -> None:
    rows = []
    for (way, power), run in runs.items():
        edges = run_files.in_turns(run)
        count = len(edges)
        ours = run_files.bytes_as_run_file(edges, tmp_path / "a.pcr", run) / count
        sizes = {
            "live": run_files.bytes_as_live_frames(edges) / count,
            "Parquet": run_files.bytes_as_parquet(edges, tmp_path / "a.parquet") / count,
            "CSV": run_files.bytes_as_csv(edges, tmp_path / "a.csv") / count,
            "SQLite": run_files.bytes_as_sqlite(edges, tmp_path / "a.sqlite") / count,
        }
        per_s = count / 5 / run_files.SECONDS
        shown = [f"{size:.3g}" for size in (ours, *sizes.values())]
        verdict = "met" if ours <= MOST_BYTES_PER_EDGE and ours < sizes["Parquet"] else "missed"
        rows.append([f"{way}, {power}", f"{per_s:.0f}", *shown, verdict])
        benchmark.extra_info[f"{way}, {power}"] = {"ours": ours, **sizes}
    head = ["bytes per channel-edge, five channels", "edges/s each", "ours", "ours, live", "Parquet", "CSV", "SQLite"]
    report.remarks += ["", *table([*head, f"<= {MOST_BYTES_PER_EDGE}, < Parquet"], rows), ""]
    benchmark.pedantic(lambda: None, rounds=1)


def test_open(benchmark: Any, report: Report, hour: Path) -> None:
    def ours() -> float:
        began = time.perf_counter()
        run = load(hour)
        assert run.duration_s > 3500 and run.energy.total_j > 0 and len(run.energy.channels) == 5
        return time.perf_counter() - began

    compare(
        benchmark, report, "open an hour: header and totals", ours, "the bound", lambda: 0.005, rounds=60, target=1
    )


def test_decode(benchmark: Any, report: Report, hour: Path, tmp_path: Path) -> None:
    whole = load(hour).data
    stored = []
    for channel in whole.channels:
        edges = whole.edges_of(channel)
        if len(edges):
            stored.append(tmp_path / f"{channel.id}.npy")
            np.save(stored[-1], edges)
    count = sum(len(whole.edges[channel]) for channel in whole.edges)
    del whole, edges

    def ours() -> float:
        began = time.perf_counter()
        data = load(hour).data
        found = [data.edges[channel] for channel in data.edges]
        took = time.perf_counter() - began
        assert sum(map(len, found)) == count
        return took

    def peer() -> float:
        began = time.perf_counter()
        found = [np.load(file) for file in stored]
        took = time.perf_counter() - began
        assert sum(map(len, found)) == count
        return took

    name = f"decode an hour, {count / 1e6:.3g} M edges"
    compare(benchmark, report, name, ours, "numpy.load of them", peer, rounds=ROUNDS, target=3)
    report.remarks.append(
        f"the hour takes {hour.stat().st_size / 1e6:.3g} MB, in memory {count * EDGE_DTYPE.itemsize / 1e6:.3g}"
    )


def test_footers(benchmark: Any, report: Report, tmp_path: Path) -> None:
    # a run as most are: seconds of a machine without counters, in a file of its own each
    first = tmp_path / "first.pcr"
    with run_files.PowercapEmulator(zones=run_files.ZONES) as emulator:
        command = ["-m", "pycarbon", "run", "--root", str(emulator.root), "-o", str(first), "--", "sleep", "2"]
        run_files.subprocess.run([run_files.sys.executable, *command], check=True, capture_output=True)
    files = [tmp_path / f"{number}.pcr" for number in range(FOOTERS)]
    for file in files:
        shutil.copyfile(first, file)

    def footers() -> float:
        began = time.perf_counter()
        found = [read_footer(file) for file in files]
        took = time.perf_counter() - began
        assert all(footer["totals"]["energy"]["total_j"] > 0 and footer["run"]["id"] for footer in found)
        return took

    def whole() -> float:
        began = time.perf_counter()
        assert sum(load(file).energy.total_j > 0 for file in files) == FOOTERS
        return time.perf_counter() - began

    name = f"footers of {FOOTERS} runs of {first.stat().st_size} bytes"
    compare(benchmark, report, name, footers, "the bound", lambda: 2.0, rounds=8, target=1, scale=1, unit="s")
    took = statistics.median(whole() for _ in range(5))
    report.remarks.append(f"{FOOTERS} times load(FILE).energy, metadata checked, too: {took:.3g} s")


def test_encoding_leaves_the_gil(
    benchmark: Any, report: Report, runs: dict[tuple[str, str], RunData], tmp_path: Path
) -> None:
    """What is not spent compressing and writing, which let go of the lock, bounds the time for which it is held."""
    edges = run_files.in_turns(runs["read 1000 times a second", "constant power"])
    for channels in (1, 5):
        second = of_ten_kilohertz(edges, channels)
        shares = [bound_of_hold(second, tmp_path / f"{channels}-{turn}") for turn in range(30)]
        name = f"encoding 10 kHz, {channels} channel{'s' * (channels > 1)}: holds the GIL for less than"
        shown = f"{100 * statistics.median(shares):.3g} % of the time"
        report.add(benchmark, Line(name, shown, "0.1 %", "", ratio(shares, [0.001] * len(shares)), 1))
    benchmark.pedantic(lambda: None, rounds=1)


def of_ten_kilohertz(edges: Any, channels: int) -> Any:
    """Give a second of edges of so many channels, each read ten thousand times."""
    part = edges[edges["channel"] < 1] if channels == 1 else edges
    second = np.tile(part, 60_000 * channels // len(part) + 1)[: 10_000 * channels].copy()
    number = np.arange(len(second)) // channels
    second["t_seen_ns"] = 10**12 + number * 100_000 + np.arange(len(second)) % channels * 700
    second["t_before_ns"] = second["t_seen_ns"] - 100_000
    return second


def bound_of_hold(second: Any, path: Path) -> float:
    """Give what part of a second it takes to encode and write what is sampled in one, without zstd and the disk."""
    file = GrowingFile(path)
    began = time.perf_counter()
    frames = edges_frames(second)
    file.append(frames)
    took = time.perf_counter() - began
    file.close()
    data = path.read_bytes()
    path.unlink()
    pieces = [columns.decompress(frame.payload, 1 << 26, "edges") for frame in frames]
    began = time.perf_counter()
    for piece in pieces:
        columns.compress([piece], 1)
    path.write_bytes(data)
    elsewhere = time.perf_counter() - began
    path.unlink()
    return took - elsewhere
