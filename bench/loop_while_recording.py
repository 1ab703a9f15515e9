"""Times a pure-Python loop on CPU 0 with and without samplers beside it, block by block, and prints JSON.

    python bench/loop_while_recording.py ROOT FOLDER PAIRS

Samplers go where the kernel puts them; only the loop's own thread is pinned. Blocks are short and their order is
drawn by lot, so that both of a pair meet the machine in the same mood. That is too short for the recorder, which
wakes once a second: what it needs of the GIL is measured on its own, as the CPU time of its thread in a recording.
The loop cannot wait longer for it than that.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from pathlib import Path

from pycarbon._native import Ring, Sampler, Source
from pycarbon.recording import Recording, Request

BLOCK_S = 0.012
LONG_S = 5.3
"""Five times the recorder drains its rings."""


def samplers(root: Path, folder: Path) -> list[Sampler]:
    """The two samplers of a recording at 1 kHz: energy counters, and CPU time ten times a second.

    One that looks at edges would spend its loan in each of these short blocks: as much as a run's in 0.3 s.
    """
    files = sorted((root / "sys/class/powercap").glob("*/energy_uj"))
    sources = [Source.powercap([path]) for path in files]
    counters = [(source, 0, i, 262_143_328_850, 20_000 * 10**6, 0, False) for i, source in enumerate(sources)]
    proc = Source.proc("/proc")
    proc.follow(os.getpid())
    cpu_time = [(proc, i, i, 0, 0, 0, False) for i in range(2)]
    return [
        Sampler(Ring.create(folder / "counters", 2**20), counters, period_ns=10**6, gap_ns=10**7),
        Sampler(Ring.create(folder / "cpu", 2**17), cpu_time, period_ns=10**8, gap_ns=10**9, max_duty_ppm=10_000),
    ]


def loop(count: int) -> int:
    total = 0
    for i in range(count):
        total += i & 7
    return total


def timed(count: int) -> float:
    """Wall time of the loop, pinned, once the caches have it."""
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(everywhere)})
    try:
        loop(count // 8)
        start = time.perf_counter()
        loop(count)
        return time.perf_counter() - start
    finally:
        os.sched_setaffinity(0, everywhere)


def sampled(count: int, beside: list[Sampler]) -> float:
    for sampler in beside:
        sampler.start()
    took = timed(count)
    for sampler in beside:
        sampler.stop()
    return took


def unsampled(count: int, beside: list[Sampler]) -> float:
    """The same after they ran: what their start leaves behind in the caches must not count for one side."""
    for sampler in beside:
        sampler.start()
    for sampler in beside:
        sampler.stop()
    return timed(count)


def recorder_share(count: int, root: Path, folder: Path) -> float:
    """The share of the time that the recorder's thread runs while the loop does, its imports done."""
    with Recording(Request("loop", [], path=folder / "loop.pcr", root=root, rate_hz=1000)):
        pass
    with Recording(Request("loop", [], path=folder / "loop.pcr", root=root, rate_hz=1000)):
        thread = next(thread for thread in threading.enumerate() if thread.name == "pycarbon-recorder")
        figures = Path(f"/proc/self/task/{thread.native_id}/schedstat")
        start, used_ns = time.perf_counter(), int(figures.read_text().split()[0])
        while time.perf_counter() < start + LONG_S:
            timed(count)
        return (int(figures.read_text().split()[0]) - used_ns) / 1e9 / (time.perf_counter() - start)


def main() -> None:
    root, folder, pairs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    beside = samplers(root, folder)
    count = round(100_000 * BLOCK_S / min(timed(100_000) for _ in range(20)))
    lot = random.Random(1)
    on, off = [], []
    for _ in range(pairs):
        if lot.random() < 0.5:
            on.append(sampled(count, beside))
            off.append(unsampled(count, beside))
        else:
            off.append(unsampled(count, beside))
            on.append(sampled(count, beside))
    print(json.dumps({"on_s": on, "off_s": off, "recorder_share": recorder_share(count, root, folder)}))


if __name__ == "__main__":
    main()
