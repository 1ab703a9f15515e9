"""On a machine with an NVIDIA GPU: our figures are those of its driver. Elsewhere it says why it was skipped."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

import pycarbon
from pycarbon.counters import NVML_LIBRARY, Metric, NvmlReading
from pycarbon.sources import discover

FOR_S = 5.0
WITHIN = 0.02
"""Five seconds are fifty refreshes or more of the counter, and each end may be off by one."""


DRIVER = Path("/dev/nvidiactl")
"""Without it a library of that name, where one was loaded, is a test's own."""


@pytest.fixture(scope="module")
def gpus():
    if not DRIVER.exists():
        pytest.skip(f"no NVIDIA driver here: {DRIVER} is missing")
    found = discover()
    counters = [counter for counter in found.counters if counter.source == "nvml"]
    if not counters:
        pytest.skip("no NVIDIA GPU that can be read here")
    return counters


def test_a_recording_agrees_with_the_drivers_own_difference(gpus, tmp_path):
    counters = [counter for counter in gpus if counter.address.metric == Metric.ENERGY]
    if not counters:
        pytest.skip("no GPU here has an energy counter")
    own = {counter.domain: counter.address.open() for counter in counters}
    with pycarbon.record("hardware", path=tmp_path / "run.pcr") as run:
        before = {domain: source.read(0) for domain, source in own.items()}
        time.sleep(FOR_S)
        after = {domain: source.read(0) for domain, source in own.items()}
    for channel in run.energy.channels:
        if channel.domain in own:
            told_j = (after[channel.domain] - before[channel.domain]) / 1000
            assert channel.energy_j == pytest.approx(told_j, rel=WITHIN)


def test_the_counters_period_is_one_that_a_gpu_has(gpus, tmp_path):
    with pycarbon.record("hardware", path=tmp_path / "run.pcr") as run:
        time.sleep(FOR_S)
    periods_s = {looks["channel"]: looks["period_ns"] / 1e9 for looks in run.data.footer["looks"]}
    for counter in gpus:
        if counter.closely:
            assert 0.001 < periods_s[run.data.channel(counter.domain).id] < 0.5


def test_integrated_power_agrees_with_the_counter(gpus, tmp_path):
    for counter in gpus:
        power = NvmlReading(NVML_LIBRARY, counter.address.uuid, Metric.ENERGY_FROM_POWER)
        try:
            integrated = power.open()
            integrated.read(0)
        except OSError:
            continue
        counted = counter.address.open()
        start = counted.read(0), integrated.read(0)
        until_s = time.monotonic() + FOR_S
        while time.monotonic() < until_s:
            end = counted.read(0), integrated.read(0)
        told_j = np.subtract(end, start) * [float(counter.unit), 1e-6]
        assert told_j[1] == pytest.approx(told_j[0], rel=0.05)
