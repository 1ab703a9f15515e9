"""Frames of kernels: any timeline comes back, what was cut keeps its part, what cannot be is refused by name."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_runfile import encoded

from pycarbon import columns, fold, home, kernel_files, kernel_frames, runfile
from pycarbon.analysis import Run
from pycarbon.errors import RunFileError
from pycarbon.frame import (
    FOOTER,
    IGNORABLE,
    KERNELS,
    LATEST_NS,
    LAUNCHES,
    MAX_PER_FRAME,
    META,
    Frame,
    frames,
    json_frame,
)
from pycarbon.kernel_frames import KernelReader, merged
from pycarbon.kernel_timeline import SPAN_DTYPE, Device, KernelTimeline
from pycarbon.repair import repair
from pycarbon.salvage import Salvage, salvage

BEGINNING = json_frame(META, {"start_ns": 0, "channels": []})
END = json_frame(FOOTER, {"end_ns": 9})

texts = st.none() | st.text(st.characters(codec=None), max_size=6)
times = st.integers(0, 10**6) | st.sampled_from([0, LATEST_NS // 64])


@st.composite
def timelines(draw):
    """Any timeline on CLOCK_MONOTONIC that can be."""
    names = draw(st.lists(st.text(st.characters(codec=None), max_size=8), max_size=4, unique=True))
    numbers = st.sampled_from([0, 1, 7, 2**16 - 1])
    start_ns, spans = draw(times), []
    for _ in range(draw(st.integers(0, 12)) if names else 0):
        start_ns += draw(times)
        name, stream = draw(st.integers(0, len(names) - 1)), draw(st.sampled_from([0, 7, 2**32 - 1]))
        spans.append((start_ns, start_ns + draw(times), name, draw(numbers), draw(st.integers(0, 2)), stream, 0))
    devices = draw(st.dictionaries(numbers, st.builds(Device, texts, texts, texts), max_size=3))
    origin, hostname = draw(st.text(max_size=6)), draw(texts)
    return KernelTimeline(names, np.array(spans, SPAN_DTYPE), "monotonic", draw(times), origin, devices, hostname)


def same(found, wanted):
    return found is not None and all(
        getattr(found, member.name).tobytes() == getattr(wanted, member.name).tobytes()
        if member.name == "spans"
        else getattr(found, member.name) == getattr(wanted, member.name)
        for member in dataclasses.fields(KernelTimeline)
    )


def made(*spans, names=("a", "b"), **members):
    spans = np.array([(*span, 0) for span in spans], SPAN_DTYPE)
    return KernelTimeline(list(names), spans, "monotonic", **{"error_ns": 5, "origin": "a test"} | members)


TWO = made((10, 90, 0, 0, 0, 3), (10, 20, 1, 1, 1, 3), devices={0: Device("A", "GPU-0"), 1: Device("B", "GPU-1")})


def parsed(*more):
    return runfile.parse(encoded([BEGINNING, *more]), "here").kernels


@given(timelines())
def test_what_goes_in_comes_out(timeline):
    assert same(parsed(*kernel_frames.kernel_frames(timeline), END), timeline)


def test_many_launches_and_long_names_fit_their_frames():
    # GIVEN more launches than a frame holds and names that JSON writes as six bytes a letter
    spans = np.zeros(MAX_PER_FRAME + 3, SPAN_DTYPE)
    spans["start_ns"] = np.arange(len(spans)) * 2
    spans["end_ns"] = spans["start_ns"] + 1
    names = [f"{i}" + "\x01" * 60_000 for i in range(80)]
    timeline = KernelTimeline(names, spans, "monotonic", 1, "a test")
    # WHEN they are written THEN they come back
    written = kernel_frames.kernel_frames(timeline, level=1)
    assert [frame.type for frame in written] == [KERNELS] * 3 + [LAUNCHES] * 2
    assert same(parsed(*written), timeline)


def test_an_old_file_has_no_kernels_and_an_old_reader_may_skip_them():
    assert parsed() is None and parsed(END) is None
    assert all(frame.flags & IGNORABLE for frame in kernel_frames.kernel_frames(TWO))
    assert same(parsed(*kernel_frames.kernel_frames(made(names=())), END), made(names=()))


@settings(max_examples=10)
@given(st.lists(timelines(), min_size=1, max_size=2))
def test_a_file_cut_anywhere_is_readable_up_to_there(traces):
    data = encoded([BEGINNING, *[frame for trace in traces for frame in kernel_frames.kernel_frames(trace)]])
    begins = data.index(BEGINNING.payload) + len(BEGINNING.payload)
    ends = [offset for offset, _ in frames(data, "here")] + [len(data)]
    for length in range(begins, len(data)):
        # WHEN it is cut
        run = runfile.parse(data[:length], "here")
        # THEN it holds what lies in whole frames before
        reader = KernelReader()
        for (_, frame), end in zip(frames(data, "here"), ends[1:], strict=True):
            if frame.type != META and end <= length:
                reader.add(frame)
        wanted = reader.timeline()
        assert (run.kernels is None and wanted is None) or same(run.kernels, wanted)


def test_traces_of_several_programs_become_one():
    # GIVEN two programs that have one name and one device in common, under other numbers, and a third that tells less
    first = made(
        (10, 20, 0, 0, 0, 1), (40, 50, 1, 1, 0, 1), devices={0: Device("A", "GPU-0"), 1: Device("B", "GPU-1")}
    )
    second = made((30, 60, 0, 0, 0, 2), names=["b"], devices={0: Device("B", "GPU-1")}, error_ns=9, origin="another")
    third = made((5, 6, 0, 1, 2, 0), names=["c"])
    # WHEN they are read from one file
    found = parsed(*[frame for trace in (first, second, third) for frame in kernel_frames.kernel_frames(trace)])
    # THEN each launch has its own name and device
    told = [
        (span["start_ns"], found.names[span["name"]], found.devices.get(int(span["device"]))) for span in found.spans
    ]
    assert told == [
        (5, "c", None),
        (10, "a", Device("A", "GPU-0")),
        (30, "b", Device("B", "GPU-1")),
        (40, "b", Device("B", "GPU-1")),
    ]
    assert found.names == ["a", "b", "c"] and sorted(found.devices) == [0, 1]
    assert (found.error_ns, found.origin, found.clock) == (9, "a test; another", "monotonic")


def test_a_number_that_two_devices_have():
    one, other = Device("A", "GPU-0"), Device("B", "GPU-1")
    found = merged([made((1, 2, 0, 0, 0, 0), devices={0: one}), made((3, 4, 0, 0, 0, 0), devices={0: other, 1: one})])
    assert found.devices == {0: one, 1: other} and found.spans["device"].tolist() == [0, 1]


def test_many_origins_are_named_in_part():
    found = merged([made(origin=f"{i}") for i in range(5)])
    assert found.origin == "0; 1; 2; and 2 more" and found.hostname is None


NAMES = json_frame(KERNELS, {"first_name": 0, "names": ["a"]})


def launch(*values, kinds=("<i8", "<i8", "<u4", "<u2", "<u2", "<u4"), **more):
    """Launches as columns of (start since the one before, length, name, device, kind, stream)."""
    payload = columns.pack([np.array(column, np.int64) for column in zip(*values, strict=True)], kinds)
    header = {"count": len(values), "t_first_ns": 5, "t_last_ns": 7}
    return Frame(LAUNCHES, payload, 1, IGNORABLE, **header | more)


def said(**members):
    return json_frame(KERNELS, {"first_name": 0, "names": ["a"]} | members)


HOSTILE = {
    "launches before any trace": ([launch((0, 2, 0, 0, 0, 0))], "that were not announced"),
    "a name that is not there": ([NAMES, launch((0, 2, 1, 0, 0, 0))], "of a kernel that was not announced"),
    "a name of the trace before": ([said(names=["a", "b"]), NAMES, launch((0, 2, 1, 0, 0, 0))], "was not announced"),
    "another kind": ([NAMES, launch((0, 2, 0, 0, 3, 0))], "an unknown kind 3"),
    "starts that go back": ([NAMES, launch((0, 2, 0, 0, 0, 0), (-1, 1, 0, 0, 0, 0))], "do not go forward"),
    "frames that go back": ([NAMES, launch((0, 2, 0, 0, 0, 0)), launch((0, 4, 0, 0, 0, 0), t_first_ns=3)], "forward"),
    "starts that turn over": ([NAMES, launch(*[(LATEST_NS, 0, 0, 0, 0, 0)] * 5)], "do not go forward"),
    "a time below 0": ([NAMES, launch((0, 12, 0, 0, 0, 0), t_first_ns=-5)], "do not go forward"),
    "a length below 0": ([NAMES, launch((0, -1, 0, 0, 0, 0))], "whose times cannot be"),
    "a length that turns over": ([NAMES, launch((0, 2**63 - 1, 0, 0, 0, 0))], "whose times cannot be"),
    "an end beyond all times": ([NAMES, launch((0, LATEST_NS, 0, 0, 0, 0))], "whose times cannot be"),
    "another end": ([NAMES, launch((0, 3, 0, 0, 0, 0))], "at another time than was announced"),
    "another start": ([NAMES, launch((1, 1, 0, 0, 0, 0))], "at another time than was announced"),
    "no launch": ([NAMES, Frame(LAUNCHES, b"", 1, IGNORABLE)], "cannot be read"),
    "a huge count": ([NAMES, Frame(LAUNCHES, b"", 1, IGNORABLE, 2**32 - 1)], "more than there is memory for"),
    "launches in no bytes": ([NAMES, Frame(LAUNCHES, b"", 1, IGNORABLE, MAX_PER_FRAME)], "launches of kernels"),
    "names with a hole": ([NAMES, said(first_name=2)], "names of kernels that do not go on"),
    "names without a trace": ([said(first_name=1)], "names of kernels that do not go on"),
    "no names": ([json_frame(KERNELS, {"first_name": 0})], "'names' is missing"),
    "a name that is no text": ([said(names=[1])], "names cannot be"),
    "a name without end": ([said(names=["a" * 70_000])], "names cannot be"),
    "devices with one number": ([said(devices=[{"number": 0}, {"number": 0}])], "devices cannot be"),
    "a device beyond": ([said(devices=[{"number": 65536}])], "devices cannot be"),
    "a device that is a list": ([said(devices=[[]])], "devices cannot be"),
    "an error below 0": ([said(error_ns=-1)], "error_ns cannot be"),
    "no text": ([Frame(KERNELS, b"\xff", flags=IGNORABLE)], "cannot be read"),
    "more text than may be": ([Frame(KERNELS, b" " * (1 << 24) + b"{}", flags=IGNORABLE)], "it has 16777218 bytes"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_cannot_be_is_refused_in_one_line(what, tmp_path):
    hostile, why = HOSTILE[what]
    with pytest.raises(RunFileError, match=why) as caught:
        parsed(*hostile)
    assert str(caught.value).startswith("here") and "\n" not in str(caught.value)
    # AND in a whole file that is said when somebody asks for kernels, and not before
    fold.write([BEGINNING, *hostile, END], tmp_path / "a.pcr")
    run = Run(runfile.read(tmp_path / "a.pcr"))
    assert run.complete
    with pytest.raises(RunFileError, match=why):
        run.kernel_timeline  # noqa: B018


def test_more_names_and_traces_than_any_run_has(monkeypatch):
    monkeypatch.setattr(kernel_frames, "MOST_NAMES", 2)
    with pytest.raises(RunFileError, match="more names or traces"):
        parsed(NAMES, NAMES, NAMES)
    monkeypatch.setattr(kernel_frames, "MOST_TRACES", 1)
    with pytest.raises(RunFileError, match="more names or traces"):
        parsed(NAMES, NAMES)


def test_folding_and_a_run_in_memory_keep_them(tmp_path):
    # GIVEN a live file with kernels
    fold.write([BEGINNING, *kernel_frames.kernel_frames(TWO), END], tmp_path / "a.pcr")
    # WHEN it is folded, and written anew from memory THEN they are as before
    run = runfile.read(tmp_path / "a.pcr")
    assert run.complete and same(run.kernels, TWO)
    fold.write(fold.frames_of(run), tmp_path / "b.pcr")
    assert same(Run(runfile.read(tmp_path / "b.pcr")).kernel_timeline, TWO)


def broken(data, number):
    """A file of which the payload of one frame is damaged."""
    offset = [offset for offset, _ in frames(data, "here")][number]
    return data[: offset + 50] + bytes([data[offset + 50] ^ 1]) + data[offset + 51 :]


def test_a_damaged_frame_costs_its_trace_at_most(tmp_path):
    # GIVEN two traces, the names of the first in two frames
    first, second = made((10, 20, 0, 0, 0, 0)), made((30, 40, 0, 0, 0, 0), names=["c"])
    [names, launches] = kernel_frames.kernel_frames(first)
    more = json_frame(KERNELS, {"first_name": 2, "names": ["more"]})
    data = encoded([BEGINNING, names, more, launches, *kernel_frames.kernel_frames(second), END])
    wanted = {
        1: ["c"],
        2: ["a", "b", "c"],
        3: ["a", "b", "more", "c"],
        4: ["a", "b", "more"],
        5: ["a", "b", "more", "c"],
    }
    for number, left in wanted.items():
        # WHEN one of the frames is damaged and the file repaired
        source = tmp_path / f"{number}.pcr"
        source.write_bytes(broken(data, number))
        done = repair(source)
        # THEN what does not refer to it is kept, and the loss is named
        kept = Run(runfile.read(done.path))
        assert kept.kernel_timeline.names == left
        assert done.lost == (done.lost[0],) and done.lost[0].startswith("kernels were lost, damaged at byte")
        assert done.lost[0] in kept.notes
        assert len(kept.kernel_timeline.spans) == 1


def test_salvage_finds_traces_after_a_hole():
    data = encoded([BEGINNING, *kernel_frames.kernel_frames(TWO), *kernel_frames.kernel_frames(TWO), END])
    offsets = [offset for offset, _ in frames(data, "here")]
    cut = data[: offsets[1] + 3] + bytes(20) + data[offsets[2] :]
    found = Salvage()
    kinds = [frame.type for frame in salvage(cut, "here", found)]
    assert kinds == [META, KERNELS, LAUNCHES] and len(found.lost) == 1


def test_what_a_program_left_in_the_home_of_a_killed_recorder(tmp_path):
    # GIVEN the home of a recorder that was killed, two files of traced programs, and one that is none
    live = home.home_of(tmp_path / "run.pcr")
    live.mkdir()
    (live / home.RUN_FILE).write_bytes(encoded([BEGINNING]))
    for trace in (made((10, 20, 0, 0, 0, 0)), made((30, 40, 0, 0, 0, 0), names=["c"])):
        kernel_files.write(trace, live)
    (live / "kernels-1-0").write_bytes(b"nothing that anybody knows")
    assert len(kernel_files.found(live)) == 3 and not list(live.glob(".*"))
    # WHEN it is read and folded THEN both hold what they told
    found = home.load(tmp_path / "run.pcr")[0].kernels
    assert sorted(found.names) == ["a", "b", "c"] and len(found.spans) == 2
    home.rescue(live, tmp_path / "kept.pcr")
    assert same(home.load(tmp_path / "kept.pcr")[0].kernels, found)
    # AND a recorder that had come to write them there counts them once
    taken = list(kernel_files.all_frames(live, notes := []))
    (live / home.RUN_FILE).write_bytes(encoded([BEGINNING, *taken]))
    assert len(home.load(tmp_path / "run.pcr")[0].kernels.spans) == 2
    assert len(notes) == 1 and "kernels-1-0 is not a pycarbon run file" in notes[0]


def test_a_file_of_a_program_with_other_frames_is_refused(tmp_path):
    (tmp_path / "kernels-1-0").write_bytes(encoded([*kernel_frames.kernel_frames(TWO), END]))
    with pytest.raises(RunFileError, match="a frame of type 3 that no tracer writes"):
        kernel_files.read(tmp_path / "kernels-1-0")


def test_a_folder_that_takes_no_file_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        kernel_files.write(TWO, tmp_path / "gone")
