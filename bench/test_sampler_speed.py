"""What sampling costs: CPU time beside a bare C loop at 1 kHz, and what a Python loop on another core feels of it."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator
from ratios import Estimate, Line, Report, compare, ratio
from surroundings import BENCH, ROOT, bare_loop

from pycarbon._native import Ring, Sampler, Source
from pycarbon.recording import Recording, Request

PERIOD_NS = 1_000_000
BLOCK_S = 0.25
BLOCKS = 40
RING_SLOTS = 2**19  # what a recording of five counters takes

RECORDED_S = 2.05
"""Long enough for the recorder to drain the rings twice."""
RECORDINGS = 7

PAIRS = 900


def _files(emulator: PowercapEmulator) -> list[Path]:
    return sorted(emulator.class_dir.glob("*/energy_uj"))


def _bare_share(program: Path, emulator: PowercapEmulator, for_s: float) -> float:
    """The share of a core that the bare loop takes."""
    argv = [program, str(PERIOD_NS), str(for_s), *_files(emulator)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    cpu_ns, looks = map(int, done.stdout.split())
    if looks < 0.9 * for_s * 1e9 / PERIOD_NS:
        raise RuntimeError(f"the bare loop looked {looks} times in {for_s} s: the machine is too busy to compare")
    return cpu_ns / 1e9 / for_s


def _sampler_share(emulator: PowercapEmulator, ring_file: Path) -> float:
    """The share of a core that the sampler's thread takes."""
    ring = Ring.create(ring_file, RING_SLOTS)
    channels = [(Source.powercap([path]), 0, i, 262_143_328_850, 20_000 * 10**6, 0, False) for i, path in
                enumerate(_files(emulator))]  # fmt: skip
    sampler = Sampler(ring, channels, period_ns=PERIOD_NS, gap_ns=10 * PERIOD_NS)
    start = time.perf_counter()
    sampler.start()
    time.sleep(BLOCK_S)
    sampler.stop()
    share = sampler.cpu_ns / 1e9 / (time.perf_counter() - start)
    ring_file.unlink()
    return share


def test_sampler_beside_a_bare_loop(benchmark, report: Report, emulator: PowercapEmulator, tmp_path):
    program = bare_loop()
    compare(
        benchmark,
        report,
        "sampler at 1 kHz, five counters: CPU time",
        lambda: _sampler_share(emulator, tmp_path / "ring"),
        "bare C loop at 1 kHz",
        lambda: _bare_share(program, emulator, BLOCK_S),
        rounds=BLOCKS,
        target=1.3,
        scale=100,
        unit="% of a core",
    )


@pytest.mark.parametrize(("how", "rate_hz"), [("at edges", None), ("at 1 kHz", 1000.0)])
def test_whole_recording_beside_a_bare_loop(
    benchmark, report: Report, emulator: PowercapEmulator, tmp_path, how, rate_hz
):
    program = bare_loop()

    def record() -> float:
        """All that a process pays while it records: samplers and recorder."""
        with Recording(Request("bench", [], path=tmp_path / "run.pcr", root=emulator.root, rate_hz=rate_hz)):
            start, used = time.perf_counter(), time.process_time()
            time.sleep(RECORDED_S)
            return (time.process_time() - used) / (time.perf_counter() - start)

    compare(
        benchmark,
        report,
        f"record() {how}: samplers and recorder together, CPU time",
        record,
        "bare C loop at 1 kHz",
        lambda: _bare_share(program, emulator, RECORDED_S / 4),
        rounds=RECORDINGS,
        scale=100,
        unit="% of a core",
    )


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU only: the loop and the sampler need two")
def test_a_loop_on_another_core(benchmark, report: Report, emulator: PowercapEmulator, tmp_path):
    argv = [sys.executable, BENCH / "loop_while_recording.py", emulator.root, tmp_path, str(PAIRS)]
    done = benchmark.pedantic(
        lambda: subprocess.run(argv, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=True),
        rounds=1,
    )
    found = json.loads(done.stdout)
    on, off, share = found["on_s"], found["off_s"], found["recorder_share"]
    felt = ratio(on, off)
    whole = Estimate(felt.value + share, felt.low + share, felt.high + share)
    for name, estimate, target in (("samplers", felt, None), ("samplers and recorder", whole, 1.01)):
        report.add(
            benchmark,
            Line(
                f"Python loop on another core: {name}",
                f"{1e3 * statistics.median(on):.4g} ms",
                "without",
                f"{1e3 * statistics.median(off):.4g} ms",
                estimate,
                target,
                digits=4,
            ),
        )
    noise = ratio(off[::2], off[1::2])
    report.remarks.append(
        f"\nThe recorder's thread ran {100 * share:.2g} % of the time; the loop beside itself, neither block "
        f"sampled: {noise.show(digits=4)}"
    )
