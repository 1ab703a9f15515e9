"""Tests for pycarbon.traces.written: a trace with more in it, and nothing less."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from test_traces_kineto import LAUNCHES
from trace_processor import opened as in_perfetto
from trace_writer import BASE_NS, kineto, nsight

from pycarbon import traces
from pycarbon.errors import TraceError
from pycarbon.traces.collected import Launch
from pycarbon.traces.written import Figures, PowerTrack, annotate

GOLDEN = Path(__file__).parents[1] / "golden" / "traces"
ADDED = {"energy_j", "low_j", "high_j", "power_w", "resolved", "kind"}


def figures(count):
    energy_j = np.arange(count) + 0.5
    resolved = np.arange(count) % 2 == 0
    return Figures(
        energy_j,
        energy_j - 0.25,
        energy_j + 0.25,
        np.where(resolved, 300.0, np.nan),
        resolved,
        np.full(count, "attributed", object),
    )


def written(source, timeline, tracks=()):
    sink = io.BytesIO()
    annotate(source, sink, timeline, figures(len(timeline.spans)), tracks)
    return sink.getvalue()


def without_figures(event):
    if event.get("cat") in traces.kineto.KINDS:
        return event | {"args": {key: value for key, value in event["args"].items() if key not in ADDED}}
    return event


@settings(max_examples=30)
@given(launches=LAUNCHES)
def test_every_event_is_kept_and_each_launch_told(launches, tmp_path_factory):
    # GIVEN a trace, some of whose launches may start together
    source = tmp_path_factory.mktemp("w") / "trace.json"
    source.write_text(kineto(launches))
    timeline = traces.read(source)
    # WHEN it is written with a track of power
    track = PowerTrack("gpu-0 power", timeline.spans["start_ns"] - 1000, np.linspace(1, 2, len(launches)))
    told = json.loads(written(source, timeline, [track]))
    # THEN everything is there that was, in order, after what is new
    before = json.loads(source.read_text())
    events = told["traceEvents"]
    assert list(told) == list(before)
    assert [without_figures(event) for event in events[2 + len(launches) :]] == before["traceEvents"]
    # THEN each launch has the figures of its span
    source.write_bytes(json.dumps(told).encode())
    for event in events:
        if event.get("cat") in traces.kineto.KINDS:
            launched = traces.kineto.launch(event, BASE_NS)
            span = timeline.spans[int(event["args"]["energy_j"])].tolist()
            assert (*span[:2], timeline.names[span[2]]) == launched[:3]
    assert sorted(e["args"]["energy_j"] for e in events if "energy_j" in e.get("args", {})) == [
        number + 0.5 for number in range(len(launches))
    ]
    # THEN what is unknown is not there
    assert all(e["args"]["resolved"] == ("power_w" in e["args"]) for e in events if "energy_j" in e.get("args", {}))


def test_other_text_is_copied_as_it_is(tmp_path):
    event = '{"ph":"X","cat":"kernel","name":"k\\u00e9","pid":0,"tid":1,"ts":1.5,"dur":2,"args":5}'
    launched = '{"ph":"X","cat":"kernel","name":"\udcff","pid":0,"tid":1,"ts":1.5,"dur":2}'
    text = f'{{ "a" : 1.00, "traceEvents":[{event} ,{launched}],"baseTimeNanoseconds": {BASE_NS},\n"b":-1E2}}'
    source = tmp_path / "trace.json"
    source.write_bytes(text.encode("utf-8", "surrogateescape"))
    got = written(source, traces.read(source)).decode("utf-8", "surrogateescape")
    assert event in got and '"a": 1.00' in got and '"b": -1E2' in got
    assert '"name": "\udcff"' in got and json.loads(got)["traceEvents"][1]["args"]["energy_j"] == 1.5


@settings(max_examples=20)
@given(launches=LAUNCHES)
def test_of_an_export_a_new_trace_is_made(launches, tmp_path_factory):
    # GIVEN an export, WHEN it is written as a trace, THEN reading that gives the same launches
    folder = tmp_path_factory.mktemp("w")
    nsight(folder / "x.sqlite", launches)
    timeline = traces.read(folder / "x.sqlite")
    (folder / "x.json").write_bytes(written(folder / "x.sqlite", timeline))
    again = traces.read(folder / "x.json")
    for column in ("start_ns", "end_ns", "device", "kind", "stream"):
        assert np.array_equal(again.spans[column], timeline.spans[column])
    assert [again.names[n] for n in again.spans["name"]] == [timeline.names[n] for n in timeline.spans["name"]]


def test_a_trace_that_changed_meanwhile_is_refused(tmp_path):
    source = tmp_path / "trace.json"
    source.write_text(kineto([Launch(BASE_NS + 5, BASE_NS + 9, "a", 0, 0, 7)]))
    timeline = traces.read(source)
    for other in (
        [Launch(BASE_NS + 5, BASE_NS + 9, "b", 0, 0, 7)],
        [Launch(BASE_NS + 6, BASE_NS + 9, "a", 0, 0, 7)],
        [Launch(BASE_NS + 5, BASE_NS + 9, "a", 0, 0, 7)] * 2,
    ):
        source.write_text(kineto(other))
        with pytest.raises(TraceError, match="it changed meanwhile"):
            written(source, timeline)


@pytest.mark.parametrize("name", ["torch-2.8.json", "nsight-2025.sqlite"])
def test_perfetto_shows_joules_and_power(name, tmp_path):
    # GIVEN a golden trace with figures and power
    timeline = traces.read(GOLDEN / name)
    times_ns = timeline.spans["start_ns"][[0, -1]] - 500
    tracks = [PowerTrack("gpu-0 power", times_ns, np.array([70.0, 650.5]))]
    path = tmp_path / "out.json"
    path.write_bytes(written(GOLDEN / name, timeline, tracks))
    # WHEN Perfetto's trace processor reads it
    with in_perfetto(path) as ask:
        slices = ask(
            "select s.ts, s.dur, s.name, a.display_value as energy from slice s join args a using (arg_set_id) "
            "where a.key = 'args.energy_j' order by s.ts"
        )
        counts = ask(
            "select c.ts, c.value, t.name, p.name as process from counter c join process_counter_track t "
            "on c.track_id = t.id join process p using (upid) order by c.ts"
        )
        lost = ask("select * from stats where severity = 'error' and value > 0")
    # THEN the launches have their joules, and the power is on the same clock
    base_ns = timeline.spans["start_ns"][0] - slices[0]["ts"]
    spans = timeline.spans
    assert [row["ts"] for row in slices] == (spans["start_ns"] - base_ns).tolist()
    assert [row["dur"] for row in slices] == (spans["end_ns"] - spans["start_ns"]).tolist()
    assert [row["name"] for row in slices] == [timeline.names[number] for number in spans["name"]]
    assert [float(row["energy"]) for row in slices] == (np.arange(len(spans)) + 0.5).tolist()
    assert [(row["ts"], row["value"]) for row in counts] == [
        (times_ns[0] - base_ns, 70.0),
        (times_ns[1] - base_ns, 650.5),
    ]
    assert counts[0]["process"] == "pycarbon: power" and "gpu-0 power" in counts[0]["name"]
    assert not lost
