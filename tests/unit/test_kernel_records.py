"""CUPTI's records become spans on CLOCK_MONOTONIC, whatever is wrong with some of them."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import kernel_records
from pycarbon.kernel_records import ClockMap, Moment, Records, moment
from pycarbon.kernel_timeline import COPY, KERNEL, SET, Device

SAME = ClockMap(Moment(0, 0, 1), Moment(10**6, 10**6, 1))


def record(kind=10, start=10, end=20, name="k", **members):
    members = {
        "device_id": 0,
        "stream_id": 7,
        "copy_kind": 1,
        "src_kind": 1,
        "dst_kind": 3,
        "memory_kind": 3,
    } | members
    return SimpleNamespace(kind=kind, start=start, end=end, name=name, **members)


def timeline(*buffers, clock=SAME):
    records = Records()
    for buffer in buffers:
        records.take(buffer)
    assert records.failed is None
    return records.timeline(clock, "a test", "here")


def test_records_of_all_kinds_in_order_of_time():
    # GIVEN two buffers, the second with what ran first
    found = timeline(
        [
            record(name="b", start=50, end=60, device_id=1),
            record(kind=3, name="a", start=30, end=90, stream_id=2**32 - 1),
        ],
        [record(kind=1, start=5, end=6), record(kind=2, start=7, end=8), record(kind=22, start=9, end=9, src_kind=3)],
    )
    # THEN there is one span for each, and names as torch.profiler has them
    told = [(found.names[span["name"]], *span.tolist()[:2], span["device"], span["kind"]) for span in found.spans]
    assert told == [
        ("Memcpy HtoD (Pageable -> Device)", 5, 6, 0, COPY),
        ("Memset (Device)", 7, 8, 0, SET),
        ("Memcpy PtoP (Device -> Device)", 9, 9, 0, COPY),
        ("a", 30, 90, 0, KERNEL),
        ("b", 50, 60, 1, KERNEL),
    ]
    assert found.spans["stream"].tolist() == [7, 7, 7, 2**32 - 1, 7]
    assert (found.clock, found.hostname, found.origin) == ("monotonic", "here", "a test")


def test_what_has_no_time_or_is_too_much_is_counted(monkeypatch):
    monkeypatch.setattr(kernel_records, "MOST_SPANS", 2)
    found = timeline([record(start=0, end=0), record(), record(start=20, end=10), record(), record(), record()])
    assert len(found.spans) == 2
    assert found.origin == "a test, without 2 launches without times, without 2 later launches"


def test_records_of_other_kinds_are_left_out_and_unknown_words_are_unknown():
    found = timeline(
        [SimpleNamespace(kind=5), record(kind=1, copy_kind=99, src_kind=0, dst_kind=77), record(name=None)]
    )
    assert found.names == ["Memcpy Unknown (Unknown -> Unknown)", "unnamed kernel"]


def test_a_broken_record_raises_nothing_into_the_caller():
    records = Records()
    records.take([SimpleNamespace(kind=10)])
    records.take([SimpleNamespace()])
    assert isinstance(records.failed, AttributeError)


def test_devices_are_called_as_the_driver_calls_them():
    uuid, mig = SimpleNamespace(bytes=bytes(range(16))), SimpleNamespace(bytes=bytes([255] * 16))
    found = timeline(
        [
            SimpleNamespace(kind=8, id=0, name="A", uuid=uuid, is_mig_enabled=0),
            SimpleNamespace(kind=8, id=2, name="A MIG", uuid=uuid, mig_uuid=mig, is_mig_enabled=1),
            SimpleNamespace(kind=8, id=3, name="", uuid=SimpleNamespace(bytes=bytes(16))),
        ]
    )
    assert found.devices == {
        0: Device("A", "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f"),
        2: Device("A MIG", "MIG-ffffffff-ffff-ffff-ffff-ffffffffffff"),
        3: Device(),
    }


def test_the_bindings_own_records():
    # GIVEN records as cupti-python makes them
    cupti = pytest.importorskip("cupti.cupti")
    kernel, copy, fill, device = (
        cupti.ActivityKernel9(),
        cupti.ActivityMemcpy5(),
        cupti.ActivityMemset4(),
        cupti.ActivityDevice5(),
    )
    for made, kind in (
        (kernel, "CONCURRENT_KERNEL"),
        (copy, "MEMCPY"),
        (fill, "MEMSET"),
    ):
        made.kind, made.start, made.end, made.device_id, made.stream_id = int(cupti.ActivityKind[kind]), 10, 20, 1, 7
    kernel.name, copy.copy_kind, copy.src_kind, copy.dst_kind, fill.memory_kind = "_Z3addPf", 2, 3, 2, 5
    device.kind, device.id, device.name = int(cupti.ActivityKind.DEVICE), 1, "A"
    # THEN they have what is asked of them
    found = timeline([device, kernel, copy, fill])
    assert found.names == ["_Z3addPf", "Memcpy DtoH (Device -> Pinned)", "Memset (Managed)"]
    assert found.devices == {1: Device("A")}
    # AND the numbers here are those of its ABI
    for number, kind in (("COPY", "MEMCPY"), ("SET", "MEMSET"), ("KERNEL", "KERNEL"), ("DEVICE", "DEVICE")):
        assert getattr(kernel_records, f"{number}_RECORD") == cupti.ActivityKind[kind]
    assert cupti.ActivityKind.CONCURRENT_KERNEL == kernel_records.CONCURRENT_KERNEL_RECORD
    assert cupti.ActivityKind.MEMCPY2 == kernel_records.PEER_COPY_RECORD
    words = [name for name in cupti.ActivityMemcpyKind.__members__ if name != "FORCE_INT"]
    assert [word.upper() for word in kernel_records._WAYS] == words
    words = [name for name in cupti.ActivityMemoryKind.__members__ if name != "FORCE_INT"]
    assert [word.upper().replace(" ", "_") for word in kernel_records._MEMORIES] == words


times = st.integers(1, 2**61)


@given(times, times, st.integers(1, 10**15), st.integers(-(10**9), 10**9), st.floats(0, 1), st.floats(0, 1))
def test_a_time_is_within_its_error_wherever_the_clocks_parted(tracer_ns, true_ns, span_ns, drift_ns, when, where):
    # GIVEN a clock that is set once, somewhere between the two looks at it
    drift_ns = max(drift_ns, 1 - span_ns)
    step_ns = round(when * span_ns)
    first = Moment(tracer_ns, true_ns, 3)
    last = Moment(tracer_ns + span_ns, true_ns + span_ns + drift_ns, 2)
    clock = ClockMap(first, last)
    # WHEN a time is mapped that it told before or after
    since_ns = round(where * span_ns)
    truth_ns = true_ns + since_ns + (drift_ns if since_ns >= step_ns else 0)
    [found_ns] = clock.on_monotonic(np.array([tracer_ns + since_ns]))
    # THEN it is no further off than is said; where nobody set the clock it is exact
    assert abs(found_ns - truth_ns) <= clock.error_ns == 3 + abs(drift_ns)


def test_a_clock_that_was_set_back_before_its_beginning():
    clock = ClockMap(Moment(1000, 5000, 1), Moment(500, 6000, 1))
    assert clock.on_monotonic(np.array([1000, 1010, 400])).tolist() == [5000, 5010, 4400]
    assert clock.error_ns == 1501


def test_order_and_lengths_survive_the_mapping():
    clock = ClockMap(Moment(10**18, 10**12, 5), Moment(10**18 + 10**10, 10**12 + 10**10 + 4000, 5))
    found = timeline([record(start=10**18 + i * 10**9, end=10**18 + i * 10**9 + 500) for i in range(10)], clock=clock)
    assert (np.diff(found.spans["start_ns"]) > 10**9).all()
    assert set((found.spans["end_ns"] - found.spans["start_ns"]).tolist()) <= {500, 501}
    assert found.error_ns == 4005


def test_a_moment_lies_between_two_looks():
    before_ns = time.monotonic_ns()
    found = moment(time.monotonic_ns)
    assert before_ns <= found.monotonic_ns <= time.monotonic_ns()
    assert abs(found.tracer_ns - found.monotonic_ns) <= found.uncertainty_ns
