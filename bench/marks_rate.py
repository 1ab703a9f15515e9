"""How many marks a second a recording takes for as long as they come: python bench/marks_rate.py --seconds 60

A loop in C, then one in Python, enters and leaves a region at a steady pace, and as fast as it goes. No mark of the
paced ones may be lost, every call must be counted, and the recorder may not grow once it has settled: its own memory,
and the rings in the home, which are memory of files. What does grow there is the run file, by what counters and
ledger say of each millisecond. What marks cost the recorder is its CPU time beside that with few of them, the first
line.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "emulator"))

import surroundings
from powercap_emulator import PowercapEmulator
from ratios import table

import pycarbon

SETTLED_S = 4.0
LOOK_EVERY_S = 0.25
UNPACED_S = 10.0
C_RATE, PYTHON_RATE, FEW = 20e6, 8e6, 1e3

PYTHON_LOOP = """
import sys, time, pycarbon
def loop(step, seconds, marks_per_s, batch=500, clock=time.perf_counter):
    batch_s = 2 * batch / marks_per_s if marks_per_s else 0
    start_s = time_s = clock()
    batches = behind_s = 0
    while time_s < start_s + seconds:
        for _ in range(batch):
            with step: pass
        batches += 1
        due_s = start_s + batches * batch_s
        time_s = clock()
        if batch_s and time_s - due_s > behind_s: behind_s = time_s - due_s
        while time_s < due_s: time_s = clock()
    print(batches * batch, time_s - start_s, behind_s)
loop(pycarbon.region("step"), *map(float, sys.argv[1:]))
"""


@dataclass(frozen=True)
class Look:
    """The recorder at a moment: bytes of its own memory, of the rings in its home, of its run file; its CPU time."""

    time_s: float
    memory: int
    rings: int
    run_file: int
    cpu_s: float


@dataclass(frozen=True)
class Sustained:
    """One recording. `behind_s` is how late the loop was at most, `first` the first look once it had settled."""

    regions: int
    seconds: float
    behind_s: float
    counted: int
    dropped: int
    first: Look
    last: Look

    @property
    def marks_per_s(self) -> float:
        return 2 * self.regions / self.seconds

    @property
    def is_whole(self) -> bool:
        return self.dropped == 0 and self.counted == self.regions

    @property
    def share(self) -> float:
        """Of a core, by all threads of the recorder."""
        return (self.last.cpu_s - self.first.cpu_s) / (self.last.time_s - self.first.time_s)

    def cells(self) -> list[str]:
        mb = [(look.memory / 1e6, look.rings / 1e6) for look in (self.first, self.last)]
        passed_s = self.last.time_s - self.first.time_s
        growth = (self.last.run_file - self.first.run_file) / passed_s
        return [
            f"{self.seconds:.0f} s",
            f"{self.marks_per_s / 1e6:.3g} M/s",
            f"{1e3 * self.behind_s:.2g} ms",
            str(self.dropped),
            "all" if self.counted == self.regions else f"{self.counted - self.regions:+d} of {self.regions}",
            f"{mb[0][0]:.1f} -> {mb[1][0]:.1f} MB",
            f"{mb[0][1]:.1f} -> {mb[1][1]:.1f} MB",
            f"{growth / 1e3:.3g} kB/s",
            f"{100 * self.share:.2g} %",
        ]


HEAD = [
    "loop", "for", "marks", "late at most", "dropped", "calls counted", "recorder's own memory", "rings in the home",
    "run file grows by", "recorder, of a core",
]  # fmt: skip


def c_loop(seconds: float, marks_per_s: float) -> list[str]:
    return [str(surroundings.region_loop()), str(seconds), str(marks_per_s)]


def python_loop(seconds: float, marks_per_s: float) -> list[str]:
    return [sys.executable, "-c", PYTHON_LOOP, str(seconds), str(marks_per_s)]


def _look(pid: int, home: Path) -> Look:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").split()
    ran = [file.read_text(encoding="utf-8").split()[0] for file in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    sizes = {}
    for file in home.rglob("*"):
        with contextlib.suppress(OSError):
            sizes[file.name] = 512 * file.lstat().st_blocks
    run_file = sizes.pop("run.pcr")
    memory = 1024 * int(status[status.index("RssAnon:") + 1])
    return Look(time.monotonic(), memory, sum(sizes.values()), run_file, sum(map(int, ran)) / 1e9)


def _is_recording(pid: int) -> bool:
    """Whether the recorder has its command as a child."""
    return any(file.read_text(encoding="utf-8").strip() for file in Path(f"/proc/{pid}/task").glob("*/children"))


def sustained(command: list[str], tree: PowercapEmulator, folder: Path) -> Sustained:
    """Record a loop to its end, and look at the recorder meanwhile."""
    file = folder / "rate.pcr"
    file.unlink(missing_ok=True)
    argv = [str(Path(sys.executable).with_name("pycarbon")), "run", "--root", str(tree.root), "-o", str(file), "--"]
    looks: list[Look] = []
    with subprocess.Popen([*argv, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as recorder:
        start_s = time.monotonic()
        while recorder.poll() is None:
            time.sleep(LOOK_EVERY_S)
            with contextlib.suppress(OSError):  # it may just end
                if time.monotonic() > start_s + SETTLED_S and _is_recording(recorder.pid):
                    looks.append(_look(recorder.pid, file.with_name("rate.pcr.live")))
        said, complaints = recorder.communicate()
    if recorder.returncode != 0:
        raise RuntimeError(f"{command} failed: {complaints}")
    if len(looks) < 2:
        raise RuntimeError(f"{command} ended before its recorder had settled: take more than {SETTLED_S:g} s")
    regions, seconds, behind_s = (float(word) for word in said.split())
    ledger = pycarbon.load(file).data.ledger
    if ledger is None:
        raise RuntimeError(f"no region of {command} was recorded")
    counted, dropped = int(ledger.rows["calls"].sum()), ledger.counts["dropped"]
    return Sustained(int(regions), seconds, behind_s, counted, dropped, looks[0], looks[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="how long each paced loop runs (10)")
    parser.add_argument("--rate", type=float, default=C_RATE, help="marks a second of the loop in C (20e6)")
    parser.add_argument("--python-rate", type=float, default=PYTHON_RATE, help="and of the one in Python (8e6)")
    options = parser.parse_args()
    loops = {
        "C, at 0.001 M/s": c_loop(options.seconds, FEW),
        f"C, at {options.rate / 1e6:g} M/s": c_loop(options.seconds, options.rate),
        f"Python, at {options.python_rate / 1e6:g} M/s": python_loop(options.seconds, options.python_rate),
        "C, as fast as it goes": c_loop(min(options.seconds, UNPACED_S), 0),
        "Python, as fast as it goes": python_loop(min(options.seconds, UNPACED_S), 0),
    }
    rows, is_whole = [], True
    with surroundings.live_tree(zones=()) as tree, tempfile.TemporaryDirectory() as folder:
        print(surroundings.conditions(), flush=True)
        for name, command in loops.items():
            found = sustained(command, tree, Path(folder))
            rows.append([name, *found.cells()])
            is_whole &= found.is_whole or "as fast" in name
    print(*table(HEAD, rows), sep="\n")
    if not is_whole:
        sys.exit("marks were lost")


if __name__ == "__main__":
    main()
