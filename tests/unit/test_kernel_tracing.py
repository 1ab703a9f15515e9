"""kernels(): what ran within the block is collected, and nothing that goes wrong reaches the program."""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import sys

import pytest
from cupti_emulator import ActivityKind, CuptiEmulator

import pycarbon
from pycarbon import kernel_records, kernel_tracing
from pycarbon.kernel_timeline import COPY, KERNEL, SET, Device
from pycarbon.kernel_tracing import Kernels

OUTSIDE = "pycarbon: kernels are collected outside a recording and not kept: use kernels() within record() or a run"


@pytest.fixture(autouse=True)
def outside_a_recording(monkeypatch):
    monkeypatch.delenv("PYCARBON_LIVE", raising=False)
    monkeypatch.setattr(kernel_tracing, "_said", set())


def collected(emulator):
    return Kernels(lambda: emulator)


def seen(timeline):
    return [(int(span["start_ns"]), int(span["end_ns"]), timeline.names[span["name"]]) for span in timeline.spans]


def has_driver():
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def test_what_ran_in_the_block_is_collected(caplog):
    # GIVEN a GPU of which the truth is known
    emulator = CuptiEmulator()
    emulator.launch("before")
    # WHEN it works within the block, in more buffers than one
    with collected(emulator) as traced:
        assert traced.timeline is None
        for number in range(7):
            emulator.launch(f"k{number % 2}", length_ns=100 * number)
        emulator.launch(kind=ActivityKind.MEMCPY)
        emulator.launch(kind=ActivityKind.MEMSET, timed=False)
    emulator.launch("after")
    # THEN that is there, to within the error
    found, truth = traced.timeline, emulator.truth
    assert len(truth) == 9 and found.error_ns < 1_000_000
    for (start_ns, end_ns, name), (true_start_ns, true_end_ns, true_name) in zip(
        seen(found), truth[:-1], strict=True
    ):
        assert abs(start_ns - true_start_ns) <= found.error_ns and abs(end_ns - true_end_ns) <= found.error_ns
        assert name in (true_name, "Memcpy HtoD (Pageable -> Device)")
    assert found.spans["kind"].tolist() == [KERNEL] * 7 + [COPY] and SET not in found.spans["kind"]
    assert found.devices == {0: Device("Emulated GPU", "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f")}
    assert found.origin == f"CUPTI in process {os.getpid()}, without 1 launches without times"
    # AND CUPTI is left to others, in the order in which it wants that
    assert emulator.calls[0] == "subscribe" and emulator.calls[-1] == "unsubscribe"
    assert emulator.calls.count("activity_disable") == 5
    # AND one line says that nothing is kept
    assert caplog.messages == [OUTSIDE]


def test_a_clock_that_drifts_is_followed():
    emulator = CuptiEmulator(drift_ns=50_000)
    with collected(emulator) as traced:
        emulator.launch()
    [(start_ns, _, _)] = seen(traced.timeline)
    assert traced.timeline.error_ns >= 50_000
    assert abs(start_ns - emulator.truth[0][0]) <= traced.timeline.error_ns


def test_blocks_one_after_the_other():
    emulator = CuptiEmulator()
    block = collected(emulator)
    for name in ("a", "b"):
        with block:
            emulator.launch(name)
        assert [told for _, _, told in seen(block.timeline)] == [name]


def test_a_block_within_another_goes_on(caplog):
    emulator = CuptiEmulator()
    outer = collected(emulator)
    with outer, collected(emulator) as inner, outer:
        emulator.launch()
    assert len(outer.timeline.spans) == 1 and inner.timeline is None
    assert caplog.messages == [
        OUTSIDE,
        "pycarbon: kernels are being collected already: the block around this one, or beside it, gets them all",
    ]
    assert emulator.calls.count("subscribe") == emulator.calls.count("unsubscribe") == 1


def test_functions_generators_and_coroutines():
    # GIVEN a function of each sort that uses the GPU before and after somebody else does
    emulator = CuptiEmulator()

    @collected(emulator)
    def plain(value):
        emulator.launch("plain")
        return value

    @collected(emulator)
    def generator():
        emulator.launch("generator")
        got = yield 1
        emulator.launch("generator")
        return got

    @collected(emulator)
    async def coroutine():
        emulator.launch("coroutine")
        await asyncio.sleep(0)
        emulator.launch("coroutine")
        return 3

    assert plain(2) == 2 and plain.__name__ == "plain"
    steps = generator()
    assert next(steps) == 1
    with pytest.raises(StopIteration) as ended:
        steps.send(5)
    assert ended.value.value == 5
    assert asyncio.run(coroutine()) == 3
    assert [name for _, _, name in emulator.truth] == ["plain"] + ["generator"] * 2 + ["coroutine"] * 2
    assert emulator.calls.count("subscribe") == emulator.calls.count("unsubscribe") == 3


def test_an_exception_passes_through_and_what_ran_is_there():
    emulator = CuptiEmulator()
    with pytest.raises(KeyError), collected(emulator) as traced:
        emulator.launch()
        raise KeyError
    assert len(traced.timeline.spans) == 1


FAILURES = {
    "another tracer": ({"subscribe": 39}, "kernels are not collected: torch.profiler, Nsight or another tracer"),
    "no permission": (
        {"activity_enable": 35},
        "kernels are not collected: the driver lets only administrators trace",
    ),
    "another driver": ({"activity_register_callbacks": 15}, "kernels are not collected: this CUPTI does not go with"),
    "a virtual GPU": ({"activity_enable": 40}, "kernels are not collected: the hypervisor"),
    "an error nobody knows": ({"get_timestamp": 7}, "kernels are not collected: ERROR (7)"),
    "an end that fails": ({"activity_flush_all": 999}, "the kernels of a block are lost: ERROR (999)"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_what_fails_is_one_line_and_the_program_goes_on(what, caplog):
    fails, why = FAILURES[what]
    emulator = CuptiEmulator(fails=fails)
    for _ in range(2):
        with collected(emulator) as traced:
            emulator.launch()
            ran = True
        assert ran and traced.timeline is None
    # THEN there is one line, whatever is repeated, and CUPTI was let go
    [line] = [line for line in caplog.messages if line != OUTSIDE]
    assert line.startswith(f"pycarbon: {why}") and "\n" not in line
    assert emulator._subscriber is None and not emulator._enabled


def test_letting_go_that_fails_and_devices_that_are_not_told_harm_nothing(caplog):
    emulator = CuptiEmulator(fails={"activity_disable": 1, "activity_enable_and_dump": 1})
    with collected(emulator) as traced:
        emulator.launch()
    assert len(traced.timeline.spans) == 1 and traced.timeline.devices == {}
    assert caplog.messages == [OUTSIDE]


def test_records_that_cannot_be_read(caplog):
    emulator = CuptiEmulator()
    with collected(emulator) as traced:
        emulator.launch(device_id="none")
    assert traced.timeline is None and caplog.messages[-1].startswith("pycarbon: the kernels of a block are lost")


def test_a_block_in_which_nothing_ran(caplog):
    with collected(CuptiEmulator()) as traced:
        pass
    assert len(traced.timeline.spans) == 0
    assert caplog.messages[-1] == "pycarbon: kernels() saw nothing run on a GPU"


def test_a_block_that_is_too_long_says_what_it_lacks(monkeypatch):
    monkeypatch.setattr(kernel_records, "MOST_SPANS", 1)
    emulator = CuptiEmulator()
    with collected(emulator) as traced:
        emulator.launch()
        emulator.launch()
    assert len(traced.timeline.spans) == 1 and traced.timeline.origin.endswith("without 1 later launches")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_leaves_its_parents_block_alone():
    emulator = CuptiEmulator()
    with collected(emulator) as traced:
        emulator.launch()
        child = os.fork()
        if child == 0:
            before = len(emulator.calls)
            traced.__exit__(None, None, None)
            os._exit(len(emulator.calls) - before)
        assert os.waitpid(child, 0)[1] == 0
    assert len(traced.timeline.spans) == 1


def test_without_the_package(caplog):
    def load():
        raise ModuleNotFoundError("No module named 'cupti'", name="cupti")

    with Kernels(load) as traced:
        pass
    assert traced.timeline is None
    [line] = caplog.messages
    assert line.endswith("cupti-python is missing; type: pip install 'pycarbon-energy[cupti]'")


def test_with_a_package_that_does_not_work(caplog):
    def load():
        raise ImportError("libstdc++.so.6: version not found")

    with Kernels(load):
        pass
    assert "cupti-python does not work here (libstdc++" in caplog.messages[0]


@pytest.mark.skipif(has_driver(), reason="there is an NVIDIA driver here")
def test_the_real_package_without_a_driver(caplog):
    pytest.importorskip("cupti.cupti")
    with pycarbon.kernels() as traced:
        pass
    assert traced.timeline is None
    assert caplog.messages == [
        "pycarbon: kernels are not collected: there is no NVIDIA driver (libcuda.so.1) here; type: pycarbon doctor"
    ]


def test_nothing_is_imported_before_it_is_used():
    code = (
        "import sys, pycarbon; pycarbon.kernels; print(*(m for m in sys.modules if m.startswith(('cupti', 'cuda'))))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "" and told.stderr == ""
