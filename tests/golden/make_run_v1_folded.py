"""Writes run-v1-folded.pcr, run-v1-raw.pcr and run-v1-live.pcr: `python tests/golden/make_run_v1_folded.py`.

One run in three ways: folded when it ended, the same with raw edges, and as a recorder left it that was killed. Like
run-v1.pcr they are never written anew once released. The content follows from the arithmetic below alone: 3 s of a
package at 20 W that wraps, of memory at 5 W whose counter is reset, of cores at 15 W that could not be read for a
while, half a second in which nobody looked at them, a modelled part, two regions, and a clock that was set.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from pycarbon import analysis, fold, frame
from pycarbon.edge_writer import edges_frames
from pycarbon.ledger import ENTER, LEAVE, MARK_DTYPE, NODE_DTYPE, ROW_DTYPE, SLICE_DTYPE, Ledger
from pycarbon.ledger_frames import ledger_frames
from pycarbon.run import EDGE_DTYPE, Channel, Flag, GapCause, RunData

START_NS, SECOND, PERIOD_NS = 7 * 10**12, 10**9, 10_000_000
END_NS = START_NS + 3 * SECOND
MICROJOULE, TICK = Fraction(1, 1_000_000), Fraction(1, 100)
RANGE = 65_532_610_987
GAP = (START_NS + SECOND, START_NS + SECOND * 3 // 2)
LOST = (START_NS + 2 * SECOND, START_NS + SECOND * 9 // 4)

CHANNELS = [
    Channel(0, "package-0", "powercap", "measured", "energy", MICROJOULE, RANGE, True),
    Channel(1, "dram-0", "powercap", "measured", "energy", MICROJOULE, RANGE, True),
    Channel(2, "core", "powercap", "measured", "energy", MICROJOULE, RANGE, False),
    Channel(3, "machine-cpu", "proc", "measured", "cpu_time", TICK, 0, False),
    Channel(4, "process-cpu", "proc", "measured", "cpu_time", TICK, 0, False),
    Channel(5, "ram", "model", "modelled", "energy", MICROJOULE, 0, True),
]
RINGS = {"counters.ring": [0, 1, 2], "cpu-time.ring": [3, 4]}
CURVE = {
    "domain": "ram",
    "basis": "64 GB",
    "idle_w": {"low": 1.0, "best": 2.0, "high": 3.0},
    "full_w": {"low": 2.0, "best": 4.0, "high": 6.0},
    "exponent": {"low": 1.0, "best": 1.0, "high": 1.0},
}
META = {
    "id": "ffeeddccbbaa9988",
    "project": "golden",
    "name": "gefaltet",
    "command": ["python", "train.py", "\udcff"],
    "started_at": "2026-03-04T05:06:07.890+01:00",
    "tags": {"commit": "c0ffee"},
    "start_ns": START_NS - 1_000_000,
    "channels": [channel.to_dict() for channel in CHANNELS],
    "machine": {"arch": "x86_64", "brand": "Golden CPU", "n_threads": 4, "hypervisor": False},
    "curves": [CURVE],
    "rings": RINGS,
}
FOOTER = {
    "start_ns": START_NS,
    "end_ns": END_NS,
    "exit_status": -15,
    "process_cpu_s": 3.0,
    "notes": ["made by hand"],
    "regions": {"marks": 8, "threads": 1, "processes": 1},
}
EVENT = {"monotonic_ns": START_NS + SECOND, "clock_step_ns": -3 * SECOND}


def counter(channel: int, period_ns: int, per_update: int, first_raw: int) -> np.ndarray:
    """A counter's edges, one a period from the run's beginning to its end, as 100 ns looks bracket them."""
    count = (END_NS - START_NS) // period_ns + 1
    edges = np.zeros(count, EDGE_DTYPE)
    number = np.arange(count)
    edges["t_seen_ns"] = START_NS + number * period_ns + 300 * channel
    edges["t_before_ns"] = edges["t_seen_ns"] - 1100
    edges["raw"] = first_raw + number * per_update
    edges["channel"] = channel
    edges["flags"][0] = Flag.FIRST
    edges["flags"][-1] |= Flag.LAST
    return edges


def in_hardware_units(edges: np.ndarray) -> np.ndarray:
    """Show a counter as Linux does: whole µJ of units of 2^-14 J, which it keeps as 61035 nJ."""
    edges["raw"] = edges["raw"] * np.uint64(1000) // np.uint64(61035) * np.uint64(61035) // np.uint64(1000)
    return edges


def without(edges: np.ndarray, span: tuple[int, int], *instead: tuple[int, int, int, int, int]) -> np.ndarray:
    """Replace what was seen in a span by edges of (before, seen, raw, flags, error)."""
    kept = edges[(edges["t_seen_ns"] <= span[0]) | (edges["t_seen_ns"] > span[1])]
    channel = edges["channel"][0]
    rows = [(before, seen, raw, channel, flags, error) for before, seen, raw, flags, error in instead]
    more = np.array(rows, EDGE_DTYPE)
    joined = np.concatenate([kept, more])
    return joined[np.argsort(joined["t_seen_ns"], kind="stable")]


def edges() -> dict[int, np.ndarray]:
    """All edges of the run, by channel."""
    package = in_hardware_units(counter(0, PERIOD_NS, 200_000, RANGE - 10_000_000))
    package["flags"][1:][np.diff((package["raw"] > RANGE).astype(int)) == 1] |= np.uint16(Flag.WRAPPED)
    package["raw"][package["raw"] > RANGE] -= np.uint64(RANGE + 1)
    memory = counter(1, PERIOD_NS, 50_000, 7)
    memory["flags"][200] |= Flag.RESET
    memory["raw"][200:] -= memory["raw"][200]
    core = counter(2, PERIOD_NS, 150_000, 0)
    found_raw = int(core["raw"][225])
    lost = [(LOST[0], LOST[0] + 1000, 0, Flag.LOST, 5), (LOST[1] - 1000, LOST[1], found_raw, Flag.FOUND, 0)]
    found = {0: package, 1: memory, 2: without(core, LOST, *lost)}
    for channel, some in found.items():
        found[channel] = without(some, GAP, (*GAP, 0, Flag.GAP, GapCause.STALLED))
    return found | {3: counter(3, SECOND // 10, 20, 1000), 4: counter(4, SECOND // 10, 10, 0)}


def ledger() -> Ledger:
    """Two regions, one in the other, in slices of a tenth of a second; the inner one ran for half of each."""
    slices = np.zeros(30, SLICE_DTYPE)
    slices["start_ns"] = START_NS + np.arange(30) * (SECOND // 10)
    slices["end_ns"] = slices["start_ns"] + SECOND // 10
    slices["channel"], slices["threads"] = [0, 1] * 15, 1
    rows = np.zeros(60, ROW_DTYPE)
    rows["slice"], rows["node"] = np.arange(60) // 2, [0, 1] * 30
    rows["time_ns"], rows["cpu_ns"], rows["calls"] = SECOND // 20, SECOND // 25, [0, 1] * 30
    rows["calls"][0] = 1
    marks = np.zeros(8, MARK_DTYPE)
    marks["time_ns"] = START_NS + np.array([0, 50, 100, 150, 200, 250, 300, 3000]) * 1_000_000
    marks["node"], marks["kind"] = [0, 1, 1, 1, 1, 1, 1, 0], [ENTER, *[ENTER, LEAVE] * 3, LEAVE]
    nodes = np.array([(-1, 1), (0, 0)], NODE_DTYPE)
    return Ledger(["schritt", "épöque"], nodes, slices, rows, marks, dict(FOOTER["regions"]))


def live_frames() -> Iterator[frame.Frame]:
    """The frames as they are written while a run goes on: each ring's every second."""
    yield frame.json_frame(frame.META, META)
    yield from ledger_frames(ledger())
    found = edges()
    for second in range(4):
        for channels in RINGS.values():
            ring = np.concatenate([found[channel] for channel in channels])
            ring = ring[(ring["t_seen_ns"] - START_NS) // SECOND == second]
            yield from edges_frames(ring[np.argsort(ring["t_seen_ns"], kind="stable")])
        if second == 1:
            yield frame.json_frame(frame.EVENT, EVENT)


def figures(run: RunData) -> dict[str, object]:
    """What the footer keeps."""
    return analysis.figures(analysis.Run(run))


if __name__ == "__main__":
    folder = Path(__file__).parent
    for name, codec in [("folded", frame.TURNS_ZSTD), ("raw", frame.RAW)]:
        path = folder / f"run-v1-{name}.pcr"
        path.unlink(missing_ok=True)
        fold.write(live_frames(), path, FOOTER, figures, codec)
    live = b"".join(part.encode(number) for number, part in enumerate(live_frames()))
    (folder / "run-v1-live.pcr").write_bytes(frame.file_header() + live)
