"""How fast traces of kernels are read and written back, and what memory that takes.

    python bench/trace_speed.py [--megabytes 300] [--folder /tmp]

Writes a trace as torch.profiler does, a quarter of whose events are kernels; reads it; reads it and writes it back.
Each is a process of its own, with a peak of memory of its own. Beside them stands json.load.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "tests" / "unit"):
    sys.path.insert(0, str(folder))

from trace_writer import BASE_NS, kineto  # noqa: E402

from pycarbon import traces  # noqa: E402
from pycarbon.traces.collected import Launch  # noqa: E402
from pycarbon.traces.written import Figures, PowerTrack, annotate  # noqa: E402

NAMES = [
    f"void at::native::vectorized_elementwise_kernel<4, at::native::Functor<float>>(int, {n})" for n in range(300)
]
AT_ONCE = 10_000


def write(path: Path, megabytes: int) -> None:
    """Write a trace of that size: one block of launches after the other, as one list of events."""
    head, tail = kineto([]).split('  "traceEvents": [')
    with path.open("w") as file:
        file.write(head + '  "traceEvents": [')
        first = 0
        while file.tell() < megabytes * 1_000_000:
            starts_ns = range(BASE_NS + first * 10_000, BASE_NS + (first + AT_ONCE) * 10_000, 10_000)
            launches = [Launch(at, at + 7_123, NAMES[at // 10_000 % 300], 0, 0, 7) for at in starts_ns]
            text = kineto(launches)
            file.write(text[text.index("[", text.index('"traceEvents"')) + 1 : text.rindex("],")].rstrip() + ",")
            first += AT_ONCE
        file.write(tail)


def read(path: Path) -> int:
    return len(traces.read(path).spans)


def read_and_annotate(path: Path) -> int:
    """Both, as the command does; the time of reading is to be taken off."""
    timeline = traces.read(path)
    count = len(timeline.spans)
    ones = np.ones(count)
    figures = Figures(ones, ones, ones, ones, np.ones(count, bool), np.full(count, "attributed", object))
    track = PowerTrack("gpu-0 power", timeline.spans["start_ns"][::100].copy(), np.ones(-(-count // 100)))
    with path.with_suffix(".out").open("wb") as sink:
        annotate(path, sink, timeline, figures, [track])
    return count


def json_load(path: Path) -> int:
    import json

    with path.open("rb") as file:
        return sum(event.get("cat") == "kernel" for event in json.load(file)["traceEvents"])


WAYS = {way.__name__: way for way in (read, read_and_annotate, json_load)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        began = time.perf_counter()
        count = WAYS[args.one[0]](Path(args.one[1]))
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        print(count, time.perf_counter() - began, time.process_time(), peak_mb)
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as made:
        path = Path(made) / "trace.json"
        write(path, args.megabytes)
        size_mb = path.stat().st_size / 1e6
        for way in args.ways:
            command = [sys.executable, __file__, "--one", way, str(path)]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            seconds, of_cpu, peak_mb = (float(word) for word in told[1:])
            print(
                f"{way}: {size_mb:.0f} MB, {told[0]} kernels, {seconds:.1f} s, {of_cpu:.1f} s of CPU time, "
                f"{size_mb / of_cpu:.0f} MB/s of that, peak {peak_mb:.0f} MB of memory",
                flush=True,
            )


if __name__ == "__main__":
    main()
