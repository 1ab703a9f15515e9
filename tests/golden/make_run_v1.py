"""Writes run-v1.pcr, the golden file of format version 1: `python tests/golden/make_run_v1.py`.

The file is never written anew once released: whatever reads it must go on reading it. Its content follows from
the arithmetic below alone: 10 s, one package at 20 W that wraps once, memory at 5 W, both updated every 10 ms, one of
four CPUs busy with the recorded process and one with others, and a frame no reader knows but may skip.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from pycarbon import frame
from pycarbon.columns import pack
from pycarbon.run import EDGE_DTYPE, Channel, Flag

START_NS, SECOND = 5 * 10**12, 10**9
MICROJOULE, TICK = Fraction(1, 1_000_000), Fraction(1, 100)
RANGE = 262_143_328_850

CHANNELS = [
    Channel(0, "package-0", "powercap", "measured", "energy", MICROJOULE, RANGE, True),
    Channel(1, "dram-0", "powercap", "measured", "energy", MICROJOULE, RANGE, True),
    Channel(2, "core", "powercap", "measured", "energy", MICROJOULE, RANGE, False),
    Channel(3, "machine-cpu", "proc", "measured", "cpu_time", TICK, 0, False),
    Channel(4, "process-cpu", "proc", "measured", "cpu_time", TICK, 0, False),
]

META = {
    "id": "00112233aabbccdd",
    "project": "golden",
    "name": "träin",
    "command": ["python", "train.py", "--label", "a b"],
    "started_at": "2026-01-02T03:04:05.678+01:00",
    "tags": {"commit": "c0ffee"},
    "intensity": {
        "zone": "FRA",
        "name": "France",
        "intensity_g_per_kwh": 50.0,
        "low_g_per_kwh": 40.0,
        "high_g_per_kwh": 60.0,
        "year": 2024,
        "method": "average lifecycle production",
        "source": "a table of 2025",
        "place_known": True,
    },
    "pue": 1.2,
    "notes": [],
    "start_ns": START_NS - 1_000_000,
    "channels": [channel.to_dict() for channel in CHANNELS],
    "machine": {"arch": "x86_64", "brand": "Golden CPU", "n_threads": 4, "hypervisor": False},
    "curves": [],
    "obstacles": [],
    "rings": {"counters.ring": [0, 1, 2], "cpu-time.ring": [3, 4]},
}
FOOTER = {
    "start_ns": START_NS,
    "end_ns": START_NS + 10 * SECOND,
    "exit_status": 0,
    "process_cpu_s": 10.0,
    "notes": ["made by hand"],
}


def edges_of(channel: int, period_ns: int, per_update: int, first_raw: int, range_raw: int = 0) -> np.ndarray:
    """A counter that gains `per_update` every period from one period before the run to one after it."""
    count = 10 * SECOND // period_ns + 3
    edges = np.zeros(count, EDGE_DTYPE)
    number = np.arange(count)
    edges["t_seen_ns"] = START_NS + (number - 1) * period_ns
    edges["t_before_ns"] = edges["t_seen_ns"] - min(period_ns, 1_000_000)
    raw = first_raw + number * per_update
    edges["raw"] = raw % (range_raw + 1) if range_raw else raw
    edges["channel"] = channel
    edges["flags"][0] = Flag.FIRST
    if range_raw:
        edges["flags"][1:][np.diff(edges["raw"].astype(np.int64)) < 0] = Flag.WRAPPED
    return edges


def edges_frame(channel: int, edges: np.ndarray) -> frame.Frame:
    """A frame as it was written at first, one channel in five columns; nothing writes codec 1 of edges any more."""
    seen_ns = edges["t_seen_ns"]
    columns = [
        np.diff(seen_ns, prepend=seen_ns[:1]),
        seen_ns - edges["t_before_ns"],
        np.diff(edges["raw"], prepend=np.uint64(0)),
        edges["flags"],
        edges["error"],
    ]
    payload = pack(columns, ("<i8", "<i8", "<u8", "<u2", "<i4"))
    first_ns, last_ns = int(seen_ns[0]), int(seen_ns[-1])
    return frame.Frame(frame.EDGES, payload, frame.SHUFFLED_ZSTD, 0, len(edges), channel, first_ns, last_ns)


def frames() -> list[frame.Frame]:
    """The frames of the file, in order."""
    package = edges_of(0, 10_000_000, 200_000, RANGE - 100_000_000, RANGE)
    return [
        frame.json_frame(frame.META, META),
        edges_frame(0, package[:600]),
        edges_frame(1, edges_of(1, 10_000_000, 50_000, 7, RANGE)),
        frame.Frame(200, b"for readers to come", flags=frame.IGNORABLE),
        edges_frame(0, package[600:]),
        edges_frame(2, edges_of(2, 10_000_000, 150_000, 0, RANGE)),
        edges_frame(3, edges_of(3, SECOND // 10, 20, 1000)),
        edges_frame(4, edges_of(4, SECOND // 10, 10, 0)),
        frame.json_frame(frame.FOOTER, FOOTER),
    ]


def encoded(parts: list[frame.Frame]) -> bytes:
    """A whole file of these frames."""
    return frame.file_header() + b"".join(part.encode(number) for number, part in enumerate(parts))


if __name__ == "__main__":
    (Path(__file__).parent / "run-v1.pcr").write_bytes(encoded(frames()))
