"""What a region costs: beside reading the clock, beside other tools, and how many marks a recording takes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import marks_rate
import pytest
import surroundings
from powercap_emulator import PowercapEmulator, can_unshare, in_mount_namespace
from ratios import Line, Report, compare, ratio, table

import pycarbon
from pycarbon.recording import Recording, Request

ROUNDS = 60
LOOPS = 20_000
"""About two milliseconds: short enough that both of a pair meet the machine in the same mood."""

C_TURNS = 400
"""The first quarter warms up: the thread's ring of marks grows until it suits the thread."""

SUSTAINED_S = 10.0
"""`python bench/marks_rate.py --seconds 60` goes on for longer."""

TOOLS = {"pycarbon": 20_000, "pyRAPL": 500, "pyJoules": 200, "Zeus": 100, "CodeCarbon": 30}
"""How many empty regions of each make one turn: a few milliseconds."""

TURNS = 60
ERROR_TURNS = 4
LENGTHS = {"10 ms": (0.010, 200), "1 ms": (0.001, 400)}
"""Mean length in s, and how many."""

POWER_W = 50


def _with(region: pycarbon.Region, count: int) -> None:
    for _ in range(count):
        with region:
            pass


def _marks(region: pycarbon.Region, count: int) -> None:
    mark = region.mark
    for _ in range(count):
        mark()


def _clocks(count: int) -> None:
    clock = time.perf_counter_ns
    for _ in range(count):
        clock()
        clock()


def _nothing(count: int) -> None:
    for _ in range(count):
        pass


def _cost_s(loop: Callable[[int], None]) -> float:
    """What one round of a loop costs beyond that of an empty one."""
    start_s = time.perf_counter()
    loop(LOOPS)
    between_s = time.perf_counter()
    _nothing(LOOPS)
    return (2 * between_s - start_s - time.perf_counter()) / LOOPS


@contextmanager
def _recording(tree: PowercapEmulator, folder: Path) -> Iterator[None]:
    """Record this process, on emulated counters; no mark may be lost."""
    with Recording(Request("bench", [], path=folder / "run.pcr", root=tree.root)) as run:
        yield
    ledger = run.data.ledger
    if ledger is None or ledger.counts["dropped"]:
        raise RuntimeError("marks were lost: their cost is not that of marks that are kept")


def _beside_the_clock(
    benchmark, report: Report, name: str, loop: Callable[[int], None], target: float | None
) -> None:
    with surroundings.pinned({min(os.sched_getaffinity(0))}):
        compare(
            benchmark,
            report,
            name,
            partial(_cost_s, loop),
            "two perf_counter_ns()",
            partial(_cost_s, _clocks),
            rounds=ROUNDS,
            target=target,
            scale=1e9,
            unit="ns",
        )


def test_a_region_while_nothing_records(benchmark, report: Report):
    loop = partial(_with, pycarbon.region("step"))
    _beside_the_clock(benchmark, report, "`with region: pass`, nothing records", loop, 0.5)


@pytest.mark.parametrize(
    ("name", "loop", "target"), [("with region: pass", _with, 1.0), ("region.mark()", _marks, None)]
)
def test_a_region_while_recording(benchmark, report: Report, tmp_path: Path, name, loop, target):
    with surroundings.live_tree(zones=()) as tree, _recording(tree, tmp_path):
        loop = partial(loop, pycarbon.region("step"))
        _beside_the_clock(benchmark, report, f"`{name}`, recording", loop, target)


@pytest.mark.parametrize("recording", [False, True], ids=["nothing records", "recording"])
def test_a_region_in_c(benchmark, report: Report, tmp_path: Path, recording: bool):
    command: list[str | Path] = [surroundings.region_loop(), "cost", str(C_TURNS), str(LOOPS)]
    with surroundings.live_tree(zones=()) as tree:
        if recording:
            program = Path(sys.executable).with_name("pycarbon")
            command = [program, "run", "--root", tree.root, "-o", tmp_path / "run.pcr", "--", *command]
        done = benchmark.pedantic(
            lambda: subprocess.run(command, capture_output=True, text=True, check=True), rounds=1
        )
    found = [[float(word) for word in line.split()] for line in done.stdout.splitlines()[C_TURNS // 4 :]]
    ours = [region_ns - nothing_ns for region_ns, _, nothing_ns in found]
    clocks = [clock_ns - nothing_ns for _, clock_ns, nothing_ns in found]
    line = Line(
        f"enter and leave in C, {'recording' if recording else 'nothing records'}",
        f"{statistics.median(ours):.3g} ns",
        "two clock_gettime()",
        f"{statistics.median(clocks):.3g} ns",
        ratio(ours, clocks),
    )
    report.add(benchmark, line)


def test_marks_without_end(benchmark, report: Report, tmp_path: Path):
    loops = {
        "C, 0.001 M/s": marks_rate.c_loop(SUSTAINED_S, marks_rate.FEW),
        "C, 20 M/s": marks_rate.c_loop(SUSTAINED_S, marks_rate.C_RATE),
        "Python, 8 M/s": marks_rate.python_loop(SUSTAINED_S, marks_rate.PYTHON_RATE),
        "C, as fast as it goes": marks_rate.c_loop(SUSTAINED_S, 0),
        "Python, as fast as it goes": marks_rate.python_loop(SUSTAINED_S, 0),
    }
    with surroundings.live_tree(zones=()) as tree:
        found = benchmark.pedantic(
            lambda: {name: marks_rate.sustained(command, tree, tmp_path) for name, command in loops.items()}, rounds=1
        )
    report.remarks += ["", *table(marks_rate.HEAD, [[name, *each.cells()] for name, each in found.items()])]
    for name, each in found.items():
        benchmark.extra_info[name] = {
            "marks_per_s": each.marks_per_s, "dropped": each.dropped, "whole": each.is_whole, "share": each.share,
        }  # fmt: skip


def test_the_fit_of_an_hour(benchmark, report: Report):
    """100 labels over an hour of intervals of 1 ms; target 2 s."""
    argv = [sys.executable, surroundings.BENCH / "region_trials.py", "--speed"]
    said = benchmark.pedantic(lambda: subprocess.run(argv, capture_output=True, text=True, check=True), rounds=1)
    report.remarks += ["", f"fit of {said.stdout.strip()}; target 2 s"]


class Tool:
    """A process that does regions with one tool, and answers."""

    def __init__(self, name: str, argv: list[str | Path], environ: dict[str, str], folder: Path) -> None:
        words = [str(word) for word in argv]
        pipe = subprocess.PIPE
        self.complaints = (folder / f"{name}.txt").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            words, env=environ, cwd=folder, stdin=pipe, stdout=pipe, stderr=self.complaints, text=True
        )
        self._line()

    def ask(self, question: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.complaints.seek(0)
            raise RuntimeError(f"{self.process.args} ended: {self.complaints.read()}")
        return line

    def end(self) -> None:
        self.process.communicate()
        self.complaints.close()
        if self.process.returncode != 0:
            raise RuntimeError(f"{self.process.args} failed")


def _tools(tree: PowercapEmulator, folder: Path, report: Report) -> dict[str, Callable[[], Tool]]:
    """How each tool is started that there is here, all on the same counters."""
    program = surroundings.PEERS / "region_cost.py"
    own = Path(sys.executable).parent
    ours = [own / "pycarbon", "run", "--root", tree.root, "-o", folder / "ours.pcr", "--", sys.executable]
    found = {"pycarbon": partial(Tool, "pycarbon", [*ours, program, "pycarbon", folder], dict(os.environ), folder)}
    for requirements, names in (
        ("requirements-regions.txt", ["pyRAPL", "pyJoules", "Zeus"]),
        ("requirements.txt", ["CodeCarbon"]),
    ):
        programs, why_not = surroundings.peers_environment(requirements)
        if programs is None or not can_unshare():
            report.remarks.append(f"no {', '.join(names)} here: {why_not or 'no mount namespace can be made'}")
            continue
        environ = surroundings.environ_for(programs, folder)
        for name in names:
            argv = in_mount_namespace(tree.root, [str(programs / "python"), str(program), name, str(folder)])
            found[name] = partial(Tool, name, argv, environ, folder)
    return found


def test_regions_beside_other_tools(benchmark, report: Report, tmp_path: Path):
    with surroundings.live_tree(zones=(), power_w={"package": POWER_W}) as tree:
        costs: dict[str, list[float]] = {}
        with ExitStack() as stack:
            tools = {}
            for name, start in _tools(tree, tmp_path, report).items():
                tools[name] = start()
                stack.callback(tools[name].end)

            def ask() -> None:
                for name, tool in tools.items():
                    costs.setdefault(name, []).append(float(tool.ask(f"cost {TOOLS[name]}")))

            benchmark.pedantic(ask, rounds=TURNS, warmup_rounds=1)
        for name in list(tools)[1:]:
            report.add(
                benchmark,
                Line(
                    "begin and end of an empty region, recording",
                    f"{1e9 * statistics.median(costs['pycarbon'][1:]):.3g} ns",
                    name,
                    f"{1e6 * statistics.median(costs[name][1:]):.3g} us",
                    ratio(costs["pycarbon"][1:], costs[name][1:]),
                ),
            )


def _ask_for_blocks(name: str, tool: Tool, ours: Path) -> dict[str, list[tuple[int, int, float]]]:
    """Give when each region began and ended, and what the tool said of it, by length."""
    if name == "pycarbon":
        time.sleep(marks_rate.SETTLED_S)  # a run looks at counters more closely in its first seconds
    found = {
        length: json.loads(tool.ask(f"blocks {length_s} {count // ERROR_TURNS}"))
        for length, (length_s, count) in LENGTHS.items()
    }
    tool.end()
    if name == "pycarbon":
        said_j = iter(pycarbon.load(ours).calls("block")["energy_j"])
        found = {length: [(*times, next(said_j)) for *times, _ in blocks] for length, blocks in found.items()}
        ours.unlink()
    return found


def test_errors_of_regions_beside_other_tools(benchmark, report: Report, tmp_path: Path):
    errors: dict[tuple[str, str], list[float]] = {}
    with surroundings.live_tree(zones=(), power_w={"package": POWER_W}) as tree:
        tools = _tools(tree, tmp_path, report)

        def measure() -> None:
            for name, start in tools.items():
                for length, blocks in _ask_for_blocks(name, start(), tmp_path / "ours.pcr").items():
                    errors.setdefault((length, name), []).extend(
                        said_j / tree.true_energy_j("package-0", start_ns, end_ns) - 1
                        for start_ns, end_ns, said_j in blocks
                    )

        benchmark.pedantic(measure, rounds=ERROR_TURNS)
    rows = []
    for (length, name), found in sorted(errors.items(), key=lambda item: list(LENGTHS).index(item[0][0])):
        sizes = [abs(error) for error in found]
        middle, p95 = statistics.median(sizes), statistics.quantiles(sizes, n=20)[-1]
        rows.append([length, name, str(len(found)), f"{middle:.2%}", f"{p95:.2%}", f"{statistics.fmean(found):+.2%}"])
        benchmark.extra_info[f"{length}, {name}"] = {"median": middle, "p95": p95, "bias": statistics.fmean(found)}
    report.remarks += ["", *table(["region", "tool", "regions", "median error", "p95", "mean"], rows)]
    report.remarks.append(
        f"{POWER_W} W; lengths drawn within 30 % of that named; emulator late by "
        f"{tree.report['lateness_p99_us']:g} us in 99 % of its updates, at most {tree.report['lateness_max_us']:g} us"
    )
