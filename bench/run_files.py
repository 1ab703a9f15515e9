"""What run files are measured with: five channels recorded on live emulated counters, and how others store them."""

from __future__ import annotations

import csv
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from powercap_emulator import PowercapEmulator

from pycarbon import fold, load
from pycarbon.edge_writer import edges_frames
from pycarbon.frame import FOOTER, META, json_frame
from pycarbon.run import EDGE_DTYPE, RunData

ZONES = ("core", "uncore", "dram", "psys")
SECONDS = 20
HOUR_S = 3600

WAYS = {
    "read 1000 times a second": ("--rate", "1000"),
    "at every edge": ("--cpu-budget", "0"),
    "at edges, within 3 % of a core": (),
}
POWERS: dict[str, dict[str, str]] = {"constant power": {}, "a wave of 20 ms": {"wave": "square:0.5:1.5:20"}}


def recorded(path: Path, options: tuple[str, ...], power: dict[str, str]) -> RunData:
    """Record a package's five channels for some seconds, and give the run."""
    with PowercapEmulator(zones=ZONES, jitter_us=20, seed=1, **power) as emulator:
        command = [sys.executable, "-m", "pycarbon", "run", "--root", str(emulator.root), "-o", str(path), *options]
        subprocess.run([*command, "--", "sleep", str(SECONDS)], check=True, capture_output=True)
    return load(path).data


def in_turns(run: RunData) -> NDArray[np.void]:
    """Give the edges of the five channels in the order in which they were seen."""
    parts = [run.edges_of(channel) for channel in run.channels if channel.quantity == "energy"]
    edges = np.concatenate([part for part in parts if len(part)])
    return edges[np.argsort(edges["t_seen_ns"], kind="stable")]


def of_an_hour(run: RunData) -> RunData:
    """Give a run of an hour that is the same seconds over and over."""
    edges: dict[int, NDArray[np.void]] = {}
    turns = HOUR_S // SECONDS
    for channel in run.channels:
        own = run.edges_of(channel)
        own = own[(own["flags"] == 0)]
        if not len(own):
            continue
        step_ns = int(own["t_seen_ns"][-1] - own["t_seen_ns"][0]) // 100 * 100 + 1_000_000
        # the kernel's unit of 61.035 uJ gives whole uJ every 200 units: shifted by that the values look the same
        rise = (own["raw"][-1] - own["raw"][0]) // np.uint64(12_207) * np.uint64(12_207) + np.uint64(12_207 * 4)
        number = np.repeat(np.arange(turns), len(own))
        all_of_it = np.tile(own, turns)
        all_of_it["t_seen_ns"] += number * step_ns
        all_of_it["t_before_ns"] += number * step_ns
        all_of_it["raw"] += number.astype(np.uint64) * rise
        edges[channel.id] = all_of_it
    end_ns = max(int(own["t_seen_ns"][-1]) for own in edges.values())
    return RunData(run.meta, run.channels, edges, {"start_ns": run.start_ns, "end_ns": end_ns}, True)


def as_live(run: RunData, chunk_s: float = 1.0) -> Iterator[object]:
    """Give a run's frames as its recorder would have written them, all channels of a second in one."""
    yield json_frame(META, run.meta)
    edges = np.concatenate(list(run.edges.values()))
    edges = edges[np.argsort(edges["t_seen_ns"], kind="stable")]
    seen_ns = edges["t_seen_ns"]
    borders = np.searchsorted(seen_ns, np.arange(seen_ns[0], seen_ns[-1], chunk_s * 1e9))
    for start, end in zip(borders, [*borders[1:], len(edges)], strict=True):
        if end > start:
            yield from edges_frames(edges[start:end])
    yield json_frame(FOOTER, run.footer)


def bytes_as_run_file(edges: NDArray[np.void], path: Path, run: RunData) -> int:
    """Give what the edges take in a run file: the file less one without them."""
    sizes = []
    for some in (edges, edges[:0]):
        path.unlink(missing_ok=True)
        rings = {"ring": sorted({int(channel) for channel in edges["channel"]})}
        frames = [
            json_frame(META, run.meta | {"rings": rings}),
            *edges_frames(some),
            json_frame(FOOTER, {"end_ns": 2**61}),
        ]
        fold.write(frames, path)
        sizes.append(path.stat().st_size)
    return sizes[0] - sizes[1]


def bytes_as_live_frames(edges: NDArray[np.void]) -> int:
    """Give what the edges take while a run goes on: frames of a second, compressed lightly."""
    seen_ns = edges["t_seen_ns"]
    borders = np.searchsorted(seen_ns, np.arange(seen_ns[0], seen_ns[-1], 10**9))
    parts = np.split(edges, borders[1:])
    return sum(len(frame.encode(0)) for part in parts if len(part) for frame in edges_frames(part))


def columns(edges: NDArray[np.void]) -> dict[str, NDArray[np.int64]]:
    """Give the same columns in the same ticks, channel by channel: that suits the others best."""
    edges = edges[np.argsort(edges["channel"], kind="stable")]
    return {
        "channel": edges["channel"].astype(np.int64),
        "before": edges["t_before_ns"] // 100,
        "seen": -(-edges["t_seen_ns"] // 100),
        "raw": edges["raw"].astype(np.int64),
        "flags": edges["flags"].astype(np.int64),
        "error": edges["error"].astype(np.int64),
    }


def bytes_as_parquet(edges: NDArray[np.void], path: Path) -> int:
    """Give what Parquet takes, each column as DELTA_BINARY_PACKED and zstd."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table(columns(edges))
    names = table.column_names
    encoding = dict.fromkeys(names, "DELTA_BINARY_PACKED")
    pyarrow.parquet.write_table(
        table, path, compression="zstd", compression_level=3, use_dictionary=False, column_encoding=encoding
    )
    return path.stat().st_size


def bytes_as_csv(edges: NDArray[np.void], path: Path) -> int:
    """Give what a CSV takes."""
    found = columns(edges)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(found)
        writer.writerows(zip(*(column.tolist() for column in found.values()), strict=True))
    return path.stat().st_size


def bytes_as_sqlite(edges: NDArray[np.void], path: Path) -> int:
    """Give what a table in SQLite takes."""
    path.unlink(missing_ok=True)
    found = columns(edges)
    base = sqlite3.connect(path)
    base.execute(f"create table edges ({', '.join(f'{name} integer' for name in found)})")
    marks = ", ".join("?" * len(found))
    base.executemany(f"insert into edges values ({marks})", zip(*(c.tolist() for c in found.values()), strict=True))
    base.commit()
    base.close()
    return path.stat().st_size


def raw_bytes(edges: NDArray[np.void]) -> int:
    """Give what the edges take in memory."""
    return len(edges) * EDGE_DTYPE.itemsize
