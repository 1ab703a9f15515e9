"""`pycarbon.kernel_energy()` end to end, beside live counters of constant power."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nvml_emulator import Gpu, NvmlEmulator, Refresh, Square
from powercap_emulator import PowercapEmulator

import pycarbon

POWER_W = 58


@pytest.fixture(scope="module")
def machine() -> Iterator[PowercapEmulator]:
    with PowercapEmulator(power_w={"package": 50, "dram": 8}) as emulator:
        yield emulator


def working(length_s: float) -> Callable[[], None]:
    return lambda: time.sleep(length_s)


def test_a_call_has_the_machines_energy_in_its_time(machine: PowercapEmulator) -> None:
    found = pycarbon.kernel_energy(working(0.0005), precision=0.5, root=machine.root, seed=1)
    assert found.resolved and found.remedy is None and found.kind == "measured"
    assert found.domains == ("package-0", "dram-0") and found.seed == 1
    time_s = found.time_per_call_s
    assert time_s.low <= time_s.best and time_s.best >= 0.0005
    assert found.low_j <= found.energy_per_call_j <= found.high_j
    assert found.energy_per_call_j == pytest.approx(POWER_W * time_s.best, rel=0.05)
    for power in (found.power_w, found.idle_power_w):
        assert power.low <= POWER_W <= power.high and power.best == pytest.approx(POWER_W, rel=0.05)
    # AND as the machine uses as much while it waits, nothing is above that
    above = found.above_idle_per_call_j
    assert above.low <= 0 <= above.high and abs(above.best) < 0.1 * found.energy_per_call_j
    assert found.blocks >= 10 and found.calls > found.blocks
    first, second = str(found).splitlines()
    assert "J (" in first and " per call: " in first and "package-0 + dram-0" in second and len(second) < 140
    assert repr(found).startswith("<KernelEnergy: ") and "measured" in repr(found)


def test_gpus_are_measured_alone_where_there_are_some(tmp_path: Path) -> None:
    # GIVEN a GPU whose power goes up and down many times in a block, in a machine that can be measured, too
    with PowercapEmulator(tmp_path / "root", power_w={"package": 50}) as emulator:
        power = Square(300, 100, period_s=0.003)
        NvmlEmulator(emulator.root / "lib", [Gpu(power, energy_refresh=Refresh(5))])
        found = pycarbon.kernel_energy(working(0.001), precision=0.5, root=emulator.root)
    # THEN it is measured, and nothing else
    assert found.resolved and found.domains == ("gpu-0",)
    assert found.power_w.low <= 200 <= found.power_w.high
    assert found.energy_per_call_j == pytest.approx(200 * found.time_per_call_s.best, rel=0.05)


def test_what_is_not_resolved_says_so(machine: PowercapEmulator) -> None:
    found = pycarbon.kernel_energy(working(0.001), precision=1e-4, max_s=4, root=machine.root)
    assert not found.resolved and found.remedy
    assert f"not within 0.01 %: {found.remedy}" in str(found) and "not resolved" in repr(found)


@pytest.mark.parametrize("calls", [0, 1, 1000])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_what_the_function_raises_reaches_the_caller_and_no_thread_is_left(
    machine: PowercapEmulator, calls: int, error: type[BaseException]
) -> None:
    threads, left = threading.active_count(), iter(range(calls))

    def fails() -> None:
        if next(left, None) is None:
            if error is KeyboardInterrupt:
                signal.raise_signal(signal.SIGINT)
            raise error

    with pytest.raises(error):
        pycarbon.kernel_energy(fails, root=machine.root)
    assert threading.active_count() == threads


def test_without_counters_it_says_that_none_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    with pytest.raises(pycarbon.PyCarbonError, match=r"no energy counter can be read here .*pycarbon doctor") as told:
        pycarbon.kernel_energy(working(0.001), root=tmp_path)
    assert "\n" not in str(told.value)


async def asynchronous() -> None: ...


@pytest.mark.parametrize(
    ("function", "options", "why"),
    [
        (1, {}, "needs a function"),
        (asynchronous, {}, "returns before it has run"),
        (working(1), {"precision": 0}, "precision"),
        (working(1), {"max_s": float("nan")}, "time"),
        (working(1), {"sync": "hip"}, "sync"),
        (working(0.001), {"max_s": 0.1}, "two rounds of blocks take"),
    ],
)
def test_what_cannot_be_measured_is_said(
    machine: PowercapEmulator, function: Any, options: dict[str, Any], why: str
) -> None:
    with pytest.raises(pycarbon.PyCarbonError, match=why):
        pycarbon.kernel_energy(function, root=machine.root, **options)
