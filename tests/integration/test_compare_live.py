"""`pycarbon.compare()` end to end, beside live counters of constant power."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from powercap_emulator import PowercapEmulator

import pycarbon

POWER_W = 58


@pytest.fixture(scope="module")
def machine() -> Iterator[PowercapEmulator]:
    with PowercapEmulator(power_w={"package": 50, "dram": 8}) as emulator:
        yield emulator


def spinning(turns: int) -> Callable[[], int]:
    return lambda: sum(range(turns))


@pytest.fixture(scope="module")
def found(machine: PowercapEmulator) -> Any:
    """A function, one that does twice as much, and a lambda that does next to nothing."""
    functions = {"once": spinning(20_000), "<b>twice & more</b>": spinning(40_000), "nothing": lambda: None}
    return pycarbon.compare(functions, precision=0.2, max_time_s=60, root=machine.root, seed=1)


def test_twice_the_work_is_about_twice_the_energy(found: Any) -> None:
    assert found.basis == "energy_j" and found.reached and found.domains == ("package-0", "dram-0")
    twice, nothing = found.contrast
    assert twice.verdict == "more" and nothing.verdict == "less"
    assert 1.5 < twice.ratio.low < 2.3 and 1.7 < twice.ratio.high < 2.6
    assert nothing.ratio.high < 0.1


def test_a_call_has_the_machines_energy_in_its_time_down_to_nanoseconds(
    found: Any, machine: PowercapEmulator
) -> None:
    for variant in found.variants:
        assert variant.kind == "measured"
        energy, time_s = variant.energy_per_call_j, variant.time_per_call_s.best
        assert energy.low <= energy.best <= energy.high
        assert energy.best == pytest.approx(POWER_W * time_s, rel=0.05)
    assert found.variants[2].time_per_call_s.best < 10e-6
    # AND each block of calls lasts longer than the counter needs, and its energy is the truth within its bounds
    for trial in found.trials:
        assert trial.end_ns - trial.start_ns > 10e6
        true_j = sum(machine.true_energy_j(zone, trial.start_ns, trial.end_ns) for zone in ("package-0", "dram"))
        assert trial.energy_j.low * trial.count <= true_j * 1.001
        assert trial.energy_j.high * trial.count >= true_j * 0.999


def test_it_prints_well_in_a_terminal(found: Any) -> None:
    text = str(found)
    assert max(map(len, text.splitlines())) <= 100
    assert re.search(r"(times as much|% more) energy", text) and "energy/call" in text and "<b>twice" in text


def test_it_prints_well_in_a_notebook(found: Any) -> None:
    html = found._repr_html_()
    page = ElementTree.fromstring(f"<div>{html}</div>")
    assert "<b>twice" not in html
    names = [row[0].text for row in page.iter("tr") if row[0].tag == "td"]
    assert names == ["once", "<b>twice & more</b>", "nothing"]
    assert any(re.search(r"(times as much|% more) energy", text.text or "") for text in page.iter("b"))


def test_one_function_alone_has_its_figures(machine: PowercapEmulator) -> None:
    alone = pycarbon.compare({"f": spinning(1000)}, precision=0.5, max_time_s=60, root=machine.root)
    assert alone.contrast == [] and alone.control is not None
    assert "f against itself" in str(alone) and alone.variants[0].energy_per_call_j.best > 0


@pytest.mark.parametrize("calls", [0, 1, 200])
def test_what_a_function_raises_reaches_the_caller_and_no_thread_is_left(
    machine: PowercapEmulator, calls: int
) -> None:
    threads = threading.active_count()
    left = iter(range(calls))

    def fails() -> None:
        if next(left, None) is None:
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        pycarbon.compare({"good": spinning(1000), "fails": fails}, root=machine.root)
    assert threading.active_count() == threads
    # AND the next comparison works
    assert not [thread for thread in threading.enumerate() if "pycarbon" in thread.name]


def test_without_counters_cpu_time_is_compared_and_it_says_so(tmp_path) -> None:
    (tmp_path / "sys").mkdir()
    functions = {"once": spinning(20_000), "four times": spinning(80_000)}
    found = pycarbon.compare(functions, precision=0.2, max_time_s=30, root=tmp_path)
    assert found.basis == "cpu_s" and found.contrast[0].verdict == "more"
    for variant in found.variants:
        assert variant.kind == "modelled"
        assert 0 < variant.energy_per_call_j.low < variant.energy_per_call_j.best < variant.energy_per_call_j.high
    for text in (str(found), found._repr_html_()):
        assert "no counter tells energy here" in " ".join(text.split()) and "modelled" in text


async def asynchronous() -> None: ...


def generating() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("functions", "options", "why"),
    [
        ({}, {}, "needs functions"),
        ({"f": 1}, {}, "needs functions"),
        ({1: spinning(1)}, {}, "needs functions by their names"),
        ({"f": asynchronous}, {}, "f returns before it has run"),
        ({"f": generating}, {}, "f returns before it has run"),
        ({"f": spinning(1)}, {"precision": 0}, "precision"),
        ({"f": spinning(1)}, {"precision": 1.5}, "precision"),
        ({"f": spinning(1)}, {"max_time_s": 0}, "time"),
        ({"f": spinning(1)}, {"max_time_s": float("nan")}, "time"),
        ({"f": spinning(1)}, {"zone": "no such zone"}, "unknown zone"),
    ],
)
def test_what_cannot_be_compared_is_said(functions: Any, options: dict[str, Any], why: str) -> None:
    with pytest.raises(pycarbon.PyCarbonError, match=why):
        pycarbon.compare(functions, **{"max_time_s": 1, **options})
