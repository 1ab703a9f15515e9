"""What the index keeps of a run: its figures as the run has them, and nothing where nothing is known."""

from __future__ import annotations

import math

import pytest
from exported_runs import RUNS

from pycarbon.analysis import Run
from pycarbon.gpu import Gpu
from pycarbon.machine import Machine
from pycarbon.settings import DEFAULT
from pycarbon.store.summary import RunSummary, day_of, device_of, summary

KEPT = {
    "energy_j": lambda run: run.energy.total_j,
    "low_j": lambda run: run.energy.low_j,
    "high_j": lambda run: run.energy.high_j,
    "process_j": lambda run: run.energy.process_j,
    "co2e_g": lambda run: run.emissions.co2e_g,
    "low_g": lambda run: run.emissions.low_g,
    "high_g": lambda run: run.emissions.high_g,
    "intensity_g_per_kwh": lambda run: run.emissions.intensity_g_per_kwh,
}


@pytest.mark.parametrize("name", RUNS)
def test_figures_are_the_runs(name):
    run = Run(RUNS[name]())
    found = summary(run)
    for member, true in KEPT.items():
        value = true(run)
        assert getattr(found, member) == (None if value is None or math.isnan(value) else value)
    assert found.kind == ("" if found.energy_j is None else run.energy.kind)
    assert (found.organisation, found.project) == (run.organisation or DEFAULT, run.project or DEFAULT)
    assert found.tags == run.tags and found.complete == run.complete and found.exit_status == run.exit_status


@pytest.mark.parametrize(
    ("started_at", "day"),
    [
        ("2026-03-01T00:30:00+01:00", "2026-02-28"),
        ("1970-01-01T00:00:00+00:00", "1970-01-01"),
        ("1960-05-06T00:00:00+00:00", "1960-05-06"),
        ("yesterday", ""),
        ("9999-12-31T23:59:58+00:00", ""),
        ("0001-01-01T00:00:00+23:59", ""),
    ],
)
def test_the_day_is_that_of_utc(started_at, day):
    data = RUNS["measured"]()
    data.meta["started_at"] = started_at
    found = summary(Run(data))
    assert found.day == day
    assert (found.started_s is None) == (found.ended_s is None) == (day == "")


def test_days():
    assert day_of(-0.5) == "1969-12-31" and day_of(86399.9) == "1970-01-01" and day_of(951_782_400.0) == "2000-02-29"
    assert RunSummary(id="a").day == ""


@pytest.mark.parametrize(
    ("machine", "gpus", "device"),
    [
        (Machine(brand="AMD EPYC 9V74"), [], "AMD EPYC 9V74"),
        (Machine(arch="aarch64"), ["NVIDIA H100"] * 4, "aarch64, 4 x NVIDIA H100"),
        (Machine(), ["A", "", "A"], "2 x A, GPU"),
        (Machine(), [], ""),
    ],
)
def test_devices_in_words(machine, gpus, device):
    assert device_of(machine, [Gpu.from_dict({"domain": "gpu-0", "name": name}) for name in gpus]) == device
