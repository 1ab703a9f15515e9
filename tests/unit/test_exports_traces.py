"""Traces: what the trace processor, which Perfetto's own viewer runs, finds in them is what the run says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from counter_simulator import MILLISECOND
from exported_runs import RUNS, TEXTS, regions, texts
from hypothesis import given, settings
from hypothesis import strategies as st
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace
from region_world import Program, as_run
from test_calls import ledger_of, nested_marks
from trace_processor import Ask, opened

from pycarbon import exports
from pycarbon.analysis import Run
from pycarbon.exports import spans
from pycarbon.exports.text import clean
from pycarbon.exports.tracks import tracks
from pycarbon.ledger import ENTER, LEAVE, MARK_DTYPE, RESUME
from pycarbon.run import RunData

FORMATS = ["perfetto", "chrome-trace"]
THREADS = {
    "perfetto": "select id as track, name as thread from track",
    "chrome-trace": "select t.id as track, thread.name as thread from thread_track t join thread using (utid)",
}
SPANS = (
    "select s.id, s.parent_id, s.ts, s.dur, s.name, s.depth, t.thread "
    "from slice s join ({}) t on t.track = s.track_id order by s.id"
)


def written(run: Run, name: str, folder: Path, every: str | None = None) -> Path:
    path = folder / f"trace.{name}"
    with path.open("wb") as sink:
        exports.write(run, sink, name, "edges", every)
    return path


def slices(ask: Ask, name: str) -> list[dict]:
    """The spans of the regions as they nest."""
    rows = ask(SPANS.format(THREADS[name]))
    return [row for row in rows if (row["thread"] or "").startswith("thread ")]


def args(ask: Ask, slice_id: int) -> dict[str, object]:
    """A span's arguments by the last part of their keys."""
    sql = "select key, int_value, string_value, real_value from args join slice using (arg_set_id) where slice.id = "
    found = {}
    for row in ask(f"{sql} {slice_id}"):
        values = [row[kind] for kind in ("real_value", "int_value", "string_value") if row[kind] is not None]
        found[row["key"].partition(".")[2]] = values[0] if values else None
    return found


def no_complaints(ask: Ask) -> None:
    assert ask("select name, value from stats where value > 0 and severity in ('error', 'data_loss')") == []


def with_threads() -> RunData:
    """Two threads at once, a generator that gave way, a label within itself, and one never left; cut off."""
    run = regions()
    start_ns = run.start_ns
    rows = [
        (0, 0, 0, ENTER), (1, 0, 1, ENTER), (2, 1, 0, ENTER), (3, 0, 0, ENTER), (4, 0, 0, LEAVE), (5, 1, 0, LEAVE),
        (6, 2, 1, ENTER), (7, 2, 1, LEAVE), (8, 0, 1, LEAVE), (9, 0, 0, LEAVE), (10, 2, 1, RESUME), (11, 2, 1, LEAVE),
        (12, 0, 0, ENTER), (13, 1, 0, ENTER),
    ]  # fmt: skip
    marks = np.array(rows, MARK_DTYPE)
    marks["time_ns"] = start_ns + marks["time_ns"] * 3 * MILLISECOND
    run.ledger = ledger_of(marks)
    run.ledger.labels = ["outer", "inner", "generator"]
    return run


@pytest.fixture(params=FORMATS)
def name(request) -> Iterator[str]:
    yield request.param


@pytest.mark.parametrize("make", [*RUNS, "with_threads"])
def test_a_trace_processor_takes_every_run(make, name, tmp_path):
    # GIVEN a trace of any run
    run = Run((RUNS | {"with_threads": with_threads})[make]())
    with opened(written(run, name, tmp_path)) as ask:
        # THEN nothing in it is refused, and it spans the run, on the clock of the run
        no_complaints(ask)
        (whole,) = ask("select ts, dur from slice order by id limit 1")
        assert whole == {"ts": run.data.start_ns, "dur": run.data.end_ns - run.data.start_ns}
        # AND each counter's power, held until the next, makes up the energy of its domain, which the other ends at
        counted = 0
        for channel in run.energy.channels:
            title = channel.domain if channel.kind == "measured" else f"{channel.domain} ({channel.kind})"
            unit = {"perfetto": ("", ""), "chrome-trace": (" W", " J")}[name]
            power, energy = (
                counter(ask, f"{title} {what}{u}") for what, u in zip(("power", "energy"), unit, strict=True)
            )
            if not len(run.power(channel.domain)):
                assert power == energy == []
                continue
            held = sum(a["value"] * (b["ts"] - a["ts"]) / 1e9 for a, b in pairwise(power))
            assert held == pytest.approx(channel.energy_j, rel=1e-6, abs=1e-9)
            assert energy[-1]["value"] == pytest.approx(channel.energy_j, rel=1e-6, abs=1e-9)
            assert (energy[0]["ts"], energy[-1]["ts"]) == (run.data.start_ns, run.data.end_ns)
            counted += len(power) + len(energy)
        assert ask("select count(*) as n from counter") == [{"n": counted}]


def counter(ask: Ask, title: str) -> list[dict]:
    return ask(
        f"select ts, value from counter join counter_track t on t.id = track_id where t.name = '{title}' order by ts"
    )


def test_slices_are_the_calls(name, tmp_path):
    # GIVEN a training of nested regions
    run = Run(regions())
    with opened(written(run, name, tmp_path)) as ask:
        found = slices(ask, name)
        # THEN its slices are the calls, to the nanosecond
        for label in ("epoch", "load", "step", "forward", "backward"):
            calls = run.calls(label)
            of_it = sorted((row["ts"], row["dur"]) for row in found if row["name"] == label)
            assert of_it == list(
                zip(calls["start_ns"].tolist(), (calls["end_ns"] - calls["start_ns"]).tolist(), strict=True)
            )
        # AND each lies within its parent, whose name is that of the region around
        by_id = {row["id"]: row for row in found}
        for row in found:
            above = by_id.get(row["parent_id"])
            around = {"epoch": None, "load": "epoch", "step": "epoch", "forward": "step", "backward": "step"}[
                row["name"]
            ]
            assert (above and above["name"]) == around
            if above is not None:
                assert above["ts"] <= row["ts"] and row["ts"] + row["dur"] <= above["ts"] + above["dur"]
        # AND each carries what was used in it
        for row in found[::7]:
            calls = run.calls(row["name"])
            call = calls[calls["start_ns"] == row["ts"]][0]
            assert args(ask, row["id"]) == {
                key: pytest.approx(float(call[key])) for key in ("energy_j", "low_j", "high_j")
            }


def test_threads_generators_and_what_was_never_left(name, tmp_path):
    run = Run(with_threads())
    ns, start_ns = 3 * MILLISECOND, run.data.start_ns
    with opened(written(run, name, tmp_path)) as ask:
        found = [
            (
                row["thread"],
                row["name"],
                (row["ts"] - start_ns) // ns,
                row["dur"] // ns if row["dur"] >= 0 else None,
                row["depth"],
            )
            for row in slices(ask, name)
        ]
        assert sorted(found, key=lambda row: (row[0], row[2])) == [
            ("thread 0", "outer", 0, 9, 0),
            ("thread 0", "inner", 2, 3, 1),
            ("thread 0", "outer", 3, 1, 2),
            ("thread 0", "outer", 12, None, 0),
            ("thread 0", "inner", 13, None, 1),
            ("thread 1", "outer", 1, 7, 0),
            ("thread 1", "generator", 6, 1, 1),
            ("thread 1", "generator", 10, 1, 0),
        ]
        # AND the call that waited has its energy once
        first, second = (args(ask, row["id"]) for row in slices(ask, name) if row["name"] == "generator")
        assert first["energy_j"] == pytest.approx(float(run.calls("generator")["energy_j"][0]))
        assert second == {"resumed": 1} or second == {"resumed": "true"}
        # AND those of equal label are told apart
        used = [args(ask, row["id"]).get("energy_j") for row in slices(ask, name) if row["name"] == "outer"]
        assert sorted(value for value in used if value is not None) == pytest.approx(
            sorted(run.calls("outer")["energy_j"])
        )


def test_names_are_as_they_were(name, tmp_path):
    run = Run(texts())
    with opened(written(run, name, tmp_path)) as ask:
        found = [row["name"] or "" for row in slices(ask, name)]
        expected = [clean(text) for text in TEXTS]
        plain = {i for i, text in enumerate(expected) if text == json.dumps(text, ensure_ascii=False)[1:-1]}
        assert len(found) == len(expected)
        for i, text in enumerate(expected):  # the reader of JSON leaves some escapes, and has a word for no name
            assert found[i] == text or (name == "chrome-trace" and (i not in plain or not text))
    if name == "chrome-trace":
        trace = json.loads(written(run, name, tmp_path).read_bytes(), parse_constant=pytest.fail)
        assert [
            event["name"] for event in trace["traceEvents"] if event.get("cat") == "region" and event["ph"] == "B"
        ] == expected
        assert trace["otherData"]["run"]["command"] == expected


def test_what_was_not_kept_is_in_no_slice(name, tmp_path):
    # GIVEN a run of whose marks only the first 31 were kept, three regions within the last of them
    data = regions()
    assert data.ledger is not None
    kept = data.ledger.marks[:31]
    not_kept = len(data.ledger.marks) - 31
    data.ledger.marks, data.ledger.counts = kept, {"not_kept": not_kept}
    run = Run(data)
    with opened(written(run, name, tmp_path)) as ask:
        found = slices(ask, name)
        # THEN nothing goes on after them, and those that were cut say so
        assert max(row["ts"] + row["dur"] for row in found) == int(kept["time_ns"].max())
        assert min(row["dur"] for row in found) >= 0
        entered = int((kept["kind"] == ENTER).sum())
        assert len(found) == entered
        cut = [row for row in found if "cut" in args(ask, row["id"])]
        assert len(cut) == entered - int((kept["kind"] == LEAVE).sum()) > 0
        # AND so does the whole
        notes = ask("select string_value as s from args where key like '%notes[%'")
        assert f"{not_kept} marks of regions were not kept one by one: their calls are not in it" in [
            row["s"] for row in notes
        ]


def test_the_clocks_are_told(tmp_path):
    run = Run(regions())
    run.data.footer["anchor"] = {
        "monotonic_ns": run.data.end_ns, "realtime_ns": 1_767_225_700 * 10**9, "boottime_ns": 10**13 + 10**12,
        "uncertainty_ns": 100,
    }  # fmt: skip
    with opened(written(run, "perfetto", tmp_path)) as ask:
        found = ask("select ts, clock_name, clock_value from clock_snapshot order by ts, clock_name")
        first, last = run.data.meta["anchor"], run.data.footer["anchor"]
        assert found == [
            {"ts": anchor["monotonic_ns"], "clock_name": clock.upper(), "clock_value": anchor[f"{clock}_ns"]}
            for anchor in (first, last)
            for clock in ("boottime", "monotonic", "realtime")
        ]


def test_windows_are_as_long_as_asked(name, tmp_path):
    run = Run(regions())
    with opened(written(run, name, tmp_path, every="20ms")) as ask:
        found = counter(ask, "package-0 power" + ("" if name == "perfetto" else " W"))
    series = run.power("package-0", "20ms")
    assert [row["ts"] for row in found] == [*series["time_ns"].tolist(), run.data.end_ns]
    assert [row["value"] for row in found] == pytest.approx([*series["power_w"], series["power_w"][-1]])


def test_a_counter_too_coarse_for_a_power_has_a_track_of_none():
    run = Run(regions())
    run.data.edges = {number: edges[:2] for number, edges in run.data.edges.items()}
    for track in tracks(run, None):
        assert len(track.time_ns) == len(track.power_w) == len(track.energy_j) == 0


def test_two_runs_share_no_track(tmp_path):
    # GIVEN the traces of two runs in one file
    numbers = []
    for number in ("1", "2"):
        data = regions()
        data.meta["id"] = number
        trace = Trace.FromString(written(Run(data), "perfetto", tmp_path).read_bytes())
        numbers.append(
            {packet.track_descriptor.uuid for packet in trace.packet if packet.HasField("track_descriptor")}
        )
        assert 0 not in numbers[-1]
    # THEN no track has the number of another
    assert len(numbers[0]) == len(numbers[1]) == 6 and not numbers[0] & numbers[1]


def test_a_name_is_written_once(tmp_path):
    program = Program()
    for _ in range(300):
        program.call("x" * 10_000, MILLISECOND, 30.0)
    run = Run(as_run(program, {"package-0": program.world()}))
    assert written(run, "perfetto", tmp_path).stat().st_size < 100_000


@settings(max_examples=200)
@given(nested_marks())
def test_events_nest_whatever_was_marked(marks):
    data = regions()
    data.ledger = ledger_of([(data.start_ns + row[0] * 1000, *row[1:]) for row in marks])
    stacks: dict[int, list[int]] = {}
    reached: dict[int, int] = {}
    found = list(spans.events(Run(data)))
    for event in found:
        stack = stacks.setdefault(event.thread, [])
        assert event.time_ns >= reached.get(event.thread, 0)
        reached[event.thread] = event.time_ns
        if event.label == spans.END:
            stack.pop()
        else:
            stack.append(event.label)
    assert len(found) == len(marks)
    # THEN each call that was left has its energy, at its beginning
    run = Run(data)
    for number in range(3):
        begun = [event for event in found if event.label == number and event.energy_j is not None]
        calls = run.calls(str(number))
        assert sorted(event.energy_j for event in begun) == sorted(calls["energy_j"].tolist())
        assert sorted((e.thread, e.time_ns) for e in begun) == sorted(
            zip(calls["thread"], calls["start_ns"], strict=True)
        )


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 2), st.sampled_from([0, 1, 65535]), st.integers(0, 2)),
        max_size=30,
    )
)
def test_marks_of_any_order_make_events_that_nest(marks):
    data = regions()
    data.ledger = ledger_of(marks)
    depth: dict[int, int] = {}
    for event in spans.events(Run(data)):
        depth[event.thread] = depth.get(event.thread, 0) + (-1 if event.label == spans.END else 1)
        assert depth[event.thread] >= 0 and event.thread != 65535
