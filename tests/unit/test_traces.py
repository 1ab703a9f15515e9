"""Tests for pycarbon.traces: what a file is, is seen from its content."""

import gzip
import os
import sys
from pathlib import Path

import pytest

from pycarbon import traces
from pycarbon.errors import PyCarbonError, TraceError
from pycarbon.traces.collected import Launch

GOLDEN = Path(__file__).parents[1] / "golden" / "traces"
sys.path.insert(0, str(GOLDEN))

from make_traces import WANTED  # noqa: E402


def launches(timeline):
    return [Launch(s, e, timeline.names[n], d, k, t) for s, e, n, d, k, t, _ in timeline.spans.tolist()]


@pytest.mark.parametrize("name", ["torch-2.8.json", "nsight-2025.sqlite"])
def test_golden_traces_are_read(name):
    timeline = traces.read(GOLDEN / name)
    assert launches(timeline) == WANTED
    assert timeline.devices[0].name == "NVIDIA H100 80GB HBM3"
    assert timeline.origin.endswith(name)


def test_an_old_golden_trace_is_read_to_the_microsecond():
    timeline = traces.read(str(GOLDEN / "torch-1.10.json"))
    for got, wanted in zip(launches(timeline), WANTED, strict=True):
        assert 0 <= wanted.start_ns - got.start_ns < 1000 and got[2:] == wanted[2:]


def test_names_of_files_say_nothing(tmp_path):
    for name, content in (
        ("a.sqlite", gzip.compress(b"\n " + (GOLDEN / "torch-2.8.json").read_bytes())),
        ("b.json", (GOLDEN / "nsight-2025.sqlite").read_bytes()),
    ):
        (tmp_path / name).write_bytes(content)
        assert launches(traces.read(tmp_path / name)) == WANTED


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.json", b"", "is empty"),
        ("x.json", b" \n", "is empty"),
        ("x.json", b"[{}]", "a list of events"),
        ("x.json", b"hello", "no trace: neither JSON of torch.profiler nor an SQLite export"),
        ("x.json", b"\0" * 99, "no trace"),
        ("x.nsys-rep", b"\1\2\3", "export it first: nsys export --type sqlite .*x.nsys-rep"),
        ("x.qdrep", b"\1\2\3", "export it first"),
        ("x.json", b"{", "cut short"),
        ("x.gz", gzip.compress(b"{}", mtime=0)[:-1], "cut short"),
        ("x.gz", b"\x1f\x8b", "cut short"),
        ("x.gz", b"\x1f\x8bhello, world", "damaged"),
        ("x.gz", gzip.compress(b"SQLite format 3\0", mtime=0), "gunzip"),
        ("x.sqlite", b"SQLite format 3\0", "cut short"),
        ("x.sqlite", b"SQLite format 3\0" + b"\0" * 4096, "cannot be read as an export"),
    ],
)
def test_what_is_no_trace_is_one_line(name, content, said, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TraceError, match=said) as caught:
        traces.read(tmp_path / name)
    assert "\n" not in str(caught.value) and isinstance(caught.value, PyCarbonError)


def test_what_is_no_file_is_one_line(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path, "is a directory"),
        (tmp_path / "none", "does not exist"),
        (tmp_path / "pipe", "regular"),
    ):
        with pytest.raises(TraceError, match=said):
            traces.read(path)
    with pytest.raises(TraceError):
        traces.read("a\0b")
