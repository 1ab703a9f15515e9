"""Ways to find out when a counter changed: each looks for a while, and says how closely it saw and what that cost."""

from __future__ import annotations

import json
import math
import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from powercap_emulator import PowercapEmulator, in_mount_namespace
from surroundings import PEERS, pinned

from pycarbon._native import Ring, Sampler, Source
from pycarbon.run import EDGE_DTYPE

PERIOD_US = 976
CLOSE_US = PERIOD_US / 8
"""An edge was looked at closely if it is known to this; pycarbon.updates.CLOSE. All others are ignored by p50 and p95
of sampling at edges, and counted as missed if somebody looked for them."""

WITHIN_US = 20

CPU = 0
"""Where everybody looks; the emulator runs elsewhere."""

RANGE_UJ, MOST_UJ_PER_S = 262_143_328_850, 20_000 * 10**6


@dataclass(frozen=True)
class Seen:
    """What one way saw for a while.

    `per_s` are the closely seen edges of each counter, or the looks of a way that knows none; `p50_us` and `p95_us`
    their uncertainty: the time between the look before the change and the look that saw it. `within` is the share of
    all changes that are known within 20 us, `missed` that of looks that came too late or waited in vain, `share` that
    of a core which was used.
    """

    per_s: float
    p50_us: float
    p95_us: float
    within: float
    missed: float
    share: float


def middle(seen: Sequence[Seen]) -> Seen:
    """Give the medians of several turns, figure by figure."""
    return Seen(**{f.name: float(np.median([getattr(each, f.name) for each in seen])) for f in fields(Seen)})


def files_of(tree: PowercapEmulator) -> list[Path]:
    return sorted(tree.class_dir.glob("*/energy_uj"))


@dataclass(frozen=True)
class Stretch:
    """A sampler's edges of each of its counters, from a moment on, and what it used of the CPU since then."""

    edges: list[NDArray[np.void]]
    seconds: float
    cpu_s: float
    looks: list[dict[str, float]]


def stretch(
    groups: Sequence[Sequence[Path]], seconds: float, period_ns: int, duty_ppm: int, settle_s: float = 0.0
) -> Stretch:
    """Sample groups of counters, a thread for each; what happens in the first `settle_s` is left out."""
    samplers = []
    for group in groups:
        ring = Ring.create(None, 2**19)
        channels = [
            (Source.powercap([file]), 0, i, RANGE_UJ, MOST_UJ_PER_S, 0, False) for i, file in enumerate(group)
        ]
        gap_ns = 10 * period_ns or 10_000_000
        samplers.append(
            Sampler(ring, channels, period_ns=period_ns, gap_ns=gap_ns, max_duty_ppm=duty_ppm, cpus=(CPU,))
        )
    for sampler in samplers:
        sampler.start()
    start_ns = time.monotonic_ns()
    used_ns = 0
    if settle_s:
        time.sleep(settle_s)
        used_ns = sum(sampler.cpu_ns for sampler in samplers)
        start_ns = time.monotonic_ns()
    time.sleep(seconds)
    cpu_s = (sum(sampler.cpu_ns for sampler in samplers) - used_ns) / 1e9
    took_s = (time.monotonic_ns() - start_ns) / 1e9
    for sampler in samplers:
        sampler.stop()
    edges = []
    for sampler, group in zip(samplers, groups, strict=True):
        if sampler.ring.dropped:
            raise RuntimeError("the ring was too small for this many edges")
        found = np.frombuffer(sampler.ring.peek(), EDGE_DTYPE)
        found = found[(found["flags"] == 0) & (found["t_before_ns"] >= start_ns)]
        edges += [found[found["channel"] == i] for i in range(len(group))]
    return Stretch(edges, took_s, cpu_s, [looks for sampler in samplers for looks in sampler.looks()])


def _seen(found: Stretch, closely: bool) -> Seen:
    widths_us = [(edges["t_seen_ns"] - edges["t_before_ns"]) / 1e3 for edges in found.edges]
    every_us = np.concatenate(widths_us)
    counters = len(widths_us)
    updates = counters * found.seconds * 1e6 / PERIOD_US
    kept_us = every_us[every_us < CLOSE_US] if closely else every_us
    met, missed = (
        sum(sum(looks[name] for name in names) for looks in found.looks) for names in (["met"], ["late", "empty"])
    )
    return Seen(
        per_s=len(kept_us) / found.seconds / counters,
        p50_us=float(np.percentile(kept_us, 50)) if len(kept_us) else math.nan,
        p95_us=float(np.percentile(kept_us, 95)) if len(kept_us) else math.nan,
        within=float(np.count_nonzero(every_us <= WITHIN_US)) / updates,
        missed=missed / (met + missed) if closely and met + missed else math.nan,
        share=found.cpu_s / found.seconds,
    )


def at_edges(groups: Sequence[Sequence[Path]], seconds: float, budget_percent: float, settle_s: float = 0.0) -> Seen:
    """Our default, with a budget for all threads together; 0 is none."""
    duty_ppm = round(budget_percent * 10_000 / len(groups))
    return _seen(stretch(groups, seconds, 0, duty_ppm, settle_s), closely=True)


def at_rate(files: Sequence[Path], seconds: float, rate_hz: float, settle_s: float = 0.0) -> Seen:
    """Our fixed rate."""
    return _seen(stretch([files], seconds, round(1e9 / rate_hz), 0, settle_s), closely=False)


def _by_interval(stamps_s: NDArray[np.float64], share: float) -> Seen:
    """What a tool knows that has no edges: a change lies somewhere between two looks."""
    intervals_us = np.diff(stamps_s) * 1e6
    return Seen(
        per_s=len(intervals_us) / float(stamps_s[-1] - stamps_s[0]),
        p50_us=float(np.percentile(intervals_us, 50)),
        p95_us=float(np.percentile(intervals_us, 95)),
        within=0.0,
        missed=math.nan,
        share=share,
    )


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def perf_stat(perf: str, seconds: float, folder: Path) -> Seen:
    """`perf stat -I 1` on a software event, since a virtual machine has no energy event; its interval is the same."""
    output = folder / "perf.csv"
    argv = [perf, "stat", "-a", "-e", "cpu-clock", "-I", "1", "-x", ",", "-o", str(output), "sleep", str(seconds)]
    with pinned({CPU}):
        start_s, used_s = time.perf_counter(), _children_s()
        subprocess.run(argv, check=True, capture_output=True)
        share = (_children_s() - used_s) / (time.perf_counter() - start_s)
    rows = [line.split(",")[0] for line in output.read_text(encoding="utf-8").splitlines()]
    return _by_interval(np.array([float(row) for row in rows if row.strip()[:1].isdigit()]), share)


def codecarbon(programs: Path, tree: PowercapEmulator, seconds: float, folder: Path, environ: dict[str, str]) -> Seen:
    """CodeCarbon asked for a measurement every millisecond, in a machine whose counters are the emulator's."""
    program = [str(programs / "python"), str(PEERS / "codecarbon_rate.py"), str(seconds), str(folder)]
    with pinned({CPU}):
        done = subprocess.run(
            in_mount_namespace(tree.root, program),
            env=environ,
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
    said = json.loads(done.stdout.splitlines()[-1])
    if "intel_rapl" not in said["modes"]:
        raise RuntimeError(f"CodeCarbon does not read the counters here, its modes are {said['modes']}")
    return _by_interval(np.array(said["stamps_ns"]) / 1e9, said["cpu_s"] / said["seconds"])


Way = Callable[[], Seen]


def in_turn(ways: dict[str, Way], turns: int) -> dict[str, list[Seen]]:
    """Let each way look in its turn, again and again, so that whatever else the machine does meets them all."""
    seen: dict[str, list[Seen]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            seen[name].append(way())
    return seen
