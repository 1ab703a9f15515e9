"""Times a pure-Python loop on CPU 0 with and without a recording, block by block, and prints the times as JSON.

    python bench/loop_while_recording.py ROOT FOLDER PAIRS

Samplers and recorder go where the kernel puts them; only the loop's own thread is pinned. Blocks are short, so that
both of a pair meet the machine in the same mood; then the recorder, which wakes once a second, is seldom in one.
So what it needs of the GIL is measured on its own, as the CPU time of its thread in a longer recording: the loop
cannot wait longer for it than that.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

from pycarbon.recording import Recording, Request

BLOCK_S = 0.05
LONG_S = 5.3
"""Five times the recorder drains its rings."""


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
        loop(count // 5)
        start = time.perf_counter()
        loop(count)
        return time.perf_counter() - start
    finally:
        os.sched_setaffinity(0, everywhere)


def recorded(count: int, root: Path, folder: Path) -> float:
    with Recording(Request("loop", [], path=folder / "loop.pcr", root=root)):
        return timed(count)


def unrecorded(count: int, root: Path, folder: Path) -> float:
    """The same after an empty recording: what its making leaves behind in the caches must not count for one side."""
    with Recording(Request("loop", [], path=folder / "loop.pcr", root=root)):
        pass
    return timed(count)


def recorder_share(count: int, root: Path, folder: Path) -> float:
    """The share of the time that the recorder's thread runs while the loop does."""
    with Recording(Request("loop", [], path=folder / "loop.pcr", root=root)):
        thread = next(thread for thread in threading.enumerate() if thread.name == "pycarbon-recorder")
        figures = Path(f"/proc/self/task/{thread.native_id}/schedstat")
        start, used_ns = time.perf_counter(), int(figures.read_text().split()[0])
        while time.perf_counter() < start + LONG_S:
            timed(count)
        return (int(figures.read_text().split()[0]) - used_ns) / 1e9 / (time.perf_counter() - start)


def main() -> None:
    root, folder, pairs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    recorded(1000, root, folder)
    count = round(1_000_000 * BLOCK_S / min(timed(1_000_000) for _ in range(5)))
    on, off = [], []
    for pair in range(pairs):
        if pair % 2:  # each goes first half of the time, so that a drift favours neither
            on.append(recorded(count, root, folder))
        off.append(unrecorded(count, root, folder))
        if not pair % 2:
            on.append(recorded(count, root, folder))
    print(json.dumps({"on_s": on, "off_s": off, "recorder_share": recorder_share(count, root, folder)}))


if __name__ == "__main__":
    main()
