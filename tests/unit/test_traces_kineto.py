"""Tests for pycarbon.traces.kineto: launches as torch.profiler wrote them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_writer import BASE_NS, kineto

from pycarbon.errors import TraceError
from pycarbon.kernel_timeline import Device
from pycarbon.traces.collected import Launch
from pycarbon.traces.kineto import read

LAUNCHES = st.lists(
    st.builds(
        lambda start, length, *rest: Launch(BASE_NS + start, BASE_NS + start + length, *rest),
        st.integers(0, 90 * 86_400 * 10**9),
        st.integers(0, 10**12),
        st.text(max_size=9),
        st.integers(0, 7),
        st.integers(0, 2),
        st.integers(0, 200),
    ),
    min_size=1,
    max_size=8,
)


def launches(timeline):
    return [Launch(s, e, timeline.names[n], d, k, t) for s, e, n, d, k, t, _ in timeline.spans.tolist()]


def written(folder: Path, text: str) -> Path:
    path = folder / "trace.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def event(**members):
    return {"ph": "X", "cat": "kernel", "name": "k", "pid": 0, "tid": 7, "ts": 1.5, "dur": 2.25} | members


def trace(*events, **members):
    return json.dumps({"baseTimeNanoseconds": BASE_NS, "traceEvents": list(events)} | members)


@given(wanted=LAUNCHES)
def test_launches_come_back_to_the_nanosecond(wanted, tmp_path_factory):
    got = read(written(tmp_path_factory.mktemp("t"), kineto(wanted)))
    in_order = sorted(wanted, key=lambda launch: launch.start_ns)
    assert [launch[2:] for launch in launches(got)] == [launch[2:] for launch in in_order]
    for one, other in zip(launches(got), in_order, strict=True):
        assert abs(one.start_ns - other.start_ns) <= 1 and abs(one.end_ns - other.end_ns) <= 1
    assert got.clock == "wall" and got.error_ns == 1000
    assert got.devices == {0: Device(name="NVIDIA H100 80GB HBM3")}


@given(wanted=LAUNCHES)
def test_old_traces_have_whole_microseconds_since_1970(wanted, tmp_path_factory):
    got = read(written(tmp_path_factory.mktemp("t"), kineto(wanted, None)))
    assert sorted(s // 1000 for s in got.spans["start_ns"].tolist()) == sorted(w.start_ns // 1000 for w in wanted)
    assert got.error_ns == 2000


@pytest.mark.parametrize(
    "members",
    [
        {"dur": -1},
        {"dur": None},
        {"ts": float("nan")},
        {"ts": float("inf")},
        {"ts": 1e300},
        {"ts": 10**400},
        {"ts": "12"},
        {"ts": True},
        {"dur": 9e15},
        {"name": ["k"]},
        {"pid": -1},
        {"pid": 1 << 16, "args": {"device": 1e9}},
    ],
)
def test_a_damaged_launch_is_left_out_and_counted(members, tmp_path):
    got = read(written(tmp_path, trace(event(**members), event())))
    assert launches(got) == [Launch(BASE_NS + 1500, BASE_NS + 3750, "k", 0, 0, 7)]
    assert "without 1 launches" in got.origin


@pytest.mark.parametrize(
    "other",
    [{"ph": "i"}, {"cat": "cpu_op"}, {"cat": "gpu_user_annotation"}, {"cat": ["kernel"]}, {"cat": None}, {"ph": 1}],
)
def test_other_events_are_no_launches(other, tmp_path):
    got = read(written(tmp_path, trace(event(**other), 5, None, "x", [], event())))
    assert len(got.spans) == 1 and "without" not in got.origin


def test_arguments_say_more_than_process_and_thread(tmp_path):
    got = read(written(tmp_path, trace(event(args={"device": 3, "stream": 9}), event(args=[], tid="x"))))
    assert [launch[3:] for launch in launches(got)] == [(3, 0, 9), (0, 0, 0)]


def test_what_follows_the_events_is_read_too(tmp_path):
    text = json.dumps(
        {
            "traceEvents": [event()],
            "deviceProperties": [{"id": 0, "name": "T4"}, {"id": "1", "name": "x"}, 5],
            "baseTimeNanoseconds": BASE_NS,
        }
    )
    got = read(written(tmp_path, text))
    assert got.spans["start_ns"].tolist() == [BASE_NS + 1500]
    assert got.devices == {0: Device(name="T4")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (trace(), "no GPU kernels: was it recorded with ProfilerActivity.CUDA"),
        (trace(event(cat="cpu_op")), "no GPU kernels"),
        (trace(event(), baseTimeNanoseconds=None), "does not say when it was recorded"),
        (trace(event(), baseTimeNanoseconds="1"), "does not say when it was recorded"),
        (trace(event(dur="x")), "none of the 1 launches"),
        ('{"a": 1}', "no trace of torch.profiler"),
        ('{"traceEvents": {}}', "no trace of torch.profiler"),
        ('{"traceEvents": null}', "no trace of torch.profiler"),
    ],
)
def test_what_tells_of_no_launches_is_one_line(text, said, tmp_path):
    with pytest.raises(TraceError, match=said) as caught:
        read(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_any_cut_is_one_line(tmp_path):
    whole = kineto([Launch(BASE_NS + 5, BASE_NS + 6, "é", 0, 0, 7)]).encode()
    path = tmp_path / "trace.json"
    for cut in range(3, len(whole), 7):
        path.write_bytes(whole[:cut])
        with pytest.raises(TraceError, match="cut short"):
            read(path)
