"""Frames of the ledger: what goes in comes out, whatever is cut off, and what cannot be is refused by name."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from region_world import as_run, training
from report_checks import check_reports
from test_runfile import CHANNEL, edge_arrays, edges_frame

from pycarbon import columns, home, runfile
from pycarbon.analysis import Run
from pycarbon.errors import RunFileError
from pycarbon.frame import FOOTER, IGNORABLE, LATEST_NS, MAX_PER_FRAME, META, SLICES, Frame, file_header, json_frame
from pycarbon.ledger import MARK_DTYPE, NODE_DTYPE, ROW_DTYPE, SLICE_DTYPE, Ledger
from pycarbon.ledger_frames import (
    MOST_DEEP,
    MOST_NODES,
    ledger_frames,
    marks_frame,
    names_frame,
    rows_frame,
    slices_frame,
)

BEGINNING = json_frame(META, {"start_ns": 0, "channels": []})
END = json_frame(FOOTER, {"end_ns": 9, "regions": {"marks": 7, "clock_error_ns": -3}})
NO_NODES = np.empty(0, NODE_DTYPE)


def encoded(frames):
    return file_header() + b"".join(frame.encode(number) for number, frame in enumerate(frames))


def parsed(*frames) -> Ledger:
    return runfile.parse(encoded([BEGINNING, *frames]), "here").ledger


def array(dtype, *rows):
    return np.array(list(rows), dtype)


def same(found: Ledger, wanted: Ledger) -> bool:
    return (
        found.labels == wanted.labels
        and found.counts == wanted.counts
        and all(
            getattr(found, name).tobytes() == getattr(wanted, name).tobytes()
            for name in ("nodes", "slices", "rows", "marks")
        )
    )


words = st.text(st.characters(codec=None), max_size=8)
times = st.integers(0, 10**6) | st.sampled_from([0, 1, LATEST_NS // 64])


@st.composite
def ledgers(draw):
    """Any ledger that can be."""
    labels = draw(st.lists(words, min_size=1, max_size=5))
    index = st.integers(0, len(labels) - 1)
    nodes = [(draw(st.integers(-1, i - 1)), draw(index)) for i in range(draw(st.integers(1, 6)))]
    node = st.integers(0, len(nodes) - 1)
    small, number = st.integers(0, 2**16 - 1), st.integers(0, 2**53)
    now, slices = draw(times), []
    for _ in range(draw(st.integers(0, 6))):
        start = now + draw(times)
        now = start + draw(times)
        slices.append((start, now, draw(small), draw(small), 0))
    rows = []
    for place in sorted(draw(st.lists(st.integers(0, len(slices) - 1), max_size=8))) if slices else []:
        rows.append((place, draw(node), draw(times), draw(times), draw(number)))
    marks = [(draw(times), draw(node), draw(small), draw(st.integers(0, 2))) for _ in range(draw(st.integers(0, 6)))]
    counts = draw(st.dictionaries(words, st.integers(-(2**63), 2**64 - 1), min_size=1, max_size=3))
    return Ledger(
        labels,
        array(NODE_DTYPE, *nodes),
        array(SLICE_DTYPE, *slices),
        array(ROW_DTYPE, *rows),
        array(MARK_DTYPE, *marks),
        counts,
    )


def in_pieces(ledger: Ledger, labels: int, nodes: int, step: int):
    """The ledger's frames as a recorder would write them that drained it some rows at a time."""
    labels, nodes = min(labels, len(ledger.labels)), min(nodes, len(ledger.nodes))
    yield names_frame(ledger.labels[:labels], 0, NO_NODES, 0)
    yield names_frame(ledger.labels[labels:], labels, ledger.nodes[:nodes], 0)
    yield names_frame([], len(ledger.labels), ledger.nodes[nodes:], nodes)
    for make, values in [
        (slices_frame, ledger.slices),
        (rows_frame, ledger.rows),
        (marks_frame, ledger.marks),
    ]:
        for i in range(0, len(values), step):
            yield make(values[i : i + step])


@given(ledgers(), st.integers(0, 5), st.integers(0, 6), st.integers(1, 4))
def test_what_goes_in_comes_out(ledger, labels, nodes, step):
    footer = json_frame(FOOTER, {"end_ns": 1, "regions": ledger.counts})
    for frames in (ledger_frames(ledger), in_pieces(ledger, labels, nodes, step)):
        assert same(parsed(*frames, footer), ledger)


def test_many_names_fit_their_frames():
    # GIVEN more labels of 10 kB than a payload holds, each byte of which JSON writes as six
    labels = [f"{i}" + "\x01" * 10_000 for i in range(1_500)]
    ledger = Ledger(labels, array(NODE_DTYPE, *((-1, i) for i in range(len(labels)))), counts={"marks": 1})
    # WHEN they are written THEN they come back
    found = parsed(*ledger_frames(ledger), json_frame(FOOTER, {"regions": {"marks": 1}}))
    assert same(found, ledger)


def test_what_is_new_goes_on_where_the_rest_ended():
    data = as_run(training(1, 2), {"package-0": training(1, 2).world()})
    whole = data.ledger
    first = Ledger(whole.labels[:2], whole.nodes[:1], whole.slices[:5])
    rest = Ledger(whole.labels[2:], whole.nodes[1:], whole.slices[5:], whole.rows, whole.marks)
    footer = json_frame(FOOTER, {"end_ns": data.end_ns, "regions": whole.counts})
    found = parsed(*ledger_frames(first), *ledger_frames(rest, 2, 1), footer)
    assert same(found, whole)


def test_an_old_file_has_no_ledger_and_an_old_reader_may_skip_one():
    assert parsed() is None and parsed(json_frame(FOOTER, {"end_ns": 9})) is None
    assert parsed(END).counts == {"marks": 7, "clock_error_ns": -3}
    ledger = as_run(training(1, 1), {"package-0": training(1, 1).world()}).ledger
    frames = ledger_frames(ledger)
    assert {frame.type for frame in frames} == {5, 6, 7, 8} and all(frame.flags & IGNORABLE for frame in frames)


def test_a_file_with_a_ledger_survives_any_cut():
    # GIVEN a file whose ledger came in pieces
    program = training(1, 1)
    ledger = as_run(program, {"package-0": program.world()}).ledger
    data = encoded([BEGINNING, *in_pieces(ledger, 2, 3, 9), END])
    begins = data.index(BEGINNING.payload) + len(BEGINNING.payload)
    # WHEN it is cut anywhere after its metadata
    for length in range(begins, len(data)):
        run = runfile.parse(data[:length], "here")
        # THEN what came before is there, and nothing else
        assert not run.complete
        if run.ledger is not None:
            assert run.ledger.labels == ledger.labels[: len(run.ledger.labels)]
            for name in ("nodes", "slices", "rows", "marks"):
                found = getattr(run.ledger, name)
                assert found.tobytes() == getattr(ledger, name)[: len(found)].tobytes()
    assert same(
        runfile.parse(data, "here").ledger, dataclasses.replace(ledger, counts={"marks": 7, "clock_error_ns": -3})
    )


def test_a_home_of_a_killed_recorder_keeps_its_ledger(tmp_path):
    # GIVEN what a killed recorder left: frames without a footer
    program = training(1, 2)
    run = as_run(program, {"package-0": program.world()})
    live = home.home_of(tmp_path / "run.pcr")
    live.mkdir()
    frames = [json_frame(META, run.meta), *ledger_frames(run.ledger)]
    (live / home.RUN_FILE).write_bytes(encoded(frames))
    run.ledger.counts = {}
    # WHEN it is read, and folded into a file THEN both hold the ledger
    found = home.load(tmp_path / "run.pcr")[0]
    assert same(found.ledger, run.ledger) and not found.complete
    home.rescue(live, tmp_path / "kept.pcr")
    assert same(home.load(tmp_path / "kept.pcr")[0].ledger, run.ledger)


NAMES = names_frame(["a", "b"], 0, array(NODE_DTYPE, (-1, 0), (0, 1)), 0)
TWO_SLICES = slices_frame(array(SLICE_DTYPE, (5, 10, 0, 1, 0), (10, 20, 1, 1, 0)))


def row(*values):
    return rows_frame(array(ROW_DTYPE, *values))


def mark(*values):
    return marks_frame(array(MARK_DTYPE, *values))


def tree(*pairs, first_label=2, first_node=2, labels=()):
    return names_frame(labels, first_label, array(NODE_DTYPE, *pairs), first_node)


def turned_over():
    """Five slices, each as long as any can be."""
    none, longest = np.zeros(5, np.int64), np.full(5, LATEST_NS)
    payload = columns.pack([none, longest, none, none], ("<i8", "<i8", "<u2", "<u2"))
    return Frame(SLICES, payload, 1, IGNORABLE, 5, 0, 20, 0)


HOSTILE = {
    "labels from the wrong index": ([tree(first_label=3)], "do not go on"),
    "nodes from the wrong index": ([tree(first_node=0)], "do not go on"),
    "a parent to come": ([tree((2, 0))], "not announced"),
    "a parent far below none": (
        [json_frame(5, {"first_label": 2, "labels": [], "first_node": 2, "nodes": [[-2, 0]]})],
        "nodes cannot be",
    ),
    "a label to come": ([tree((0, 2))], "not announced"),
    "a label that is no text": (
        [json_frame(5, {"first_label": 2, "labels": [1], "first_node": 2, "nodes": []})],
        "labels cannot be",
    ),
    "names without labels": ([json_frame(5, {"first_label": 2})], "is missing"),
    "names that are no JSON": ([Frame(5, b"?", flags=IGNORABLE)], "metadata that cannot be read"),
    "a chain too deep": (
        [tree(*((i + 1, 0) for i in range(MOST_DEEP)))],
        "deeper than any",
    ),
    "too many nodes": ([tree(*([(-1, 0)] * MOST_NODES))], "larger or deeper"),
    "slices that overlap": (
        [slices_frame(array(SLICE_DTYPE, (20, 30, 0, 0, 0), (29, 40, 0, 0, 0)))],
        "do not go forward",
    ),
    "a slice that ends before it begins": (
        [slices_frame(array(SLICE_DTYPE, (20, 19, 0, 0, 0)))],
        "do not go forward",
    ),
    "slices before those before": ([TWO_SLICES], "do not go forward"),
    "a slice beyond time": (
        [slices_frame(array(SLICE_DTYPE, (20, LATEST_NS + 1, 0, 0, 0)))],
        "do not go forward",
    ),
    "slices whose lengths turn over": ([turned_over()], "do not go forward"),
    "a slice to come": ([row((2, 0, 1, 1, 1))], "not announced"),
    "rows out of order": ([row((1, 0, 1, 1, 1), (0, 0, 1, 1, 1))], "out of order"),
    "rows before those before": ([row((1, 0, 1, 1, 1)), row((0, 0, 1, 1, 1))], "out of order"),
    "a row of no node": ([row((0, 2, 1, 1, 1))], "not announced"),
    "a row of less than no time": ([row((0, 0, -1, 1, 1))], "cannot be"),
    "a row of less than no CPU time": ([row((0, 0, 1, -1, 1))], "cannot be"),
    "a row of all time and more": ([row((0, 0, LATEST_NS + 1, 1, 1))], "cannot be"),
    "more calls than can be": ([row((0, 0, 1, 1, 2**64 - 1))], "more calls"),
    "a mark of no node": ([mark((1, 2, 0, 0))], "not announced"),
    "a mark of no kind": ([mark((1, 0, 0, 3))], "unknown kind 3"),
    "a mark before time": ([mark((1, 0, 0, 0), (-1, 0, 0, 0))], "cannot be"),
    "a mark beyond time": ([mark((LATEST_NS, 0, 0, 0), (LATEST_NS + 1, 0, 0, 0))], "cannot be"),
    "counts that are none": (
        [json_frame(FOOTER, {"end_ns": 9, "regions": {"marks": 1.5}})],
        "regions",
    ),
    "counts too large": ([json_frame(FOOTER, {"end_ns": 9, "regions": {"marks": 2**64}})], "regions"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_is_refused(name):
    frames, why = HOSTILE[name]
    assert len(parsed(NAMES, TWO_SLICES).slices) == 2
    with pytest.raises(RunFileError, match=f"here holds .*{why}") as caught:
        parsed(NAMES, TWO_SLICES, *frames)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "make", [TWO_SLICES, row((0, 0, 1, 1, 1), (1, 1, 1, 1, 1)), mark((1, 0, 0, 0), (2, 0, 0, 1))]
)
@pytest.mark.parametrize(
    "change", [{"count": 0}, {"count": 1}, {"count": 3}, {"codec": 0, "flags": 0}, {"count": MAX_PER_FRAME + 1}]
)
def test_columns_that_are_not_what_they_announce(make, change):
    with pytest.raises(RunFileError, match="here holds"):
        parsed(NAMES, *([] if make is TWO_SLICES else [TWO_SLICES]), dataclasses.replace(make, **change))


def test_what_follows_a_frame_that_is_skipped_is_skipped_too():
    # GIVEN names in a codec to come, which may be skipped, and what refers to them
    names = dataclasses.replace(NAMES, codec=9)
    # WHEN they are read THEN there are no regions, and nothing else is lost
    assert parsed(names, TWO_SLICES, row((0, 0, 1, 1, 1))) is None


@given(ledgers(), st.integers(0, 2**40), st.integers(0, 2), st.data())
def test_hostile_ledgers_are_reported(ledger, length_ns, channels, data):
    # GIVEN any ledger beside any edges that can be
    frames = [edges_frame(number, data.draw(edge_arrays(number))) for number in range(channels)]
    table = [dataclasses.replace(CHANNEL, id=number).to_dict() for number in range(channels)]
    meta = json_frame(META, {"start_ns": 0, "channels": table})
    counts = {"not_kept": 5, "clock_error_ns": 2**63}
    footer = json_frame(FOOTER, {"end_ns": length_ns, "regions": counts})
    file = encoded([meta, *frames, *ledger_frames(ledger), footer])
    # WHEN every report is made THEN nothing is raised, and figures lie within their bounds
    check_reports(file)
    run = Run(runfile.parse(file, "here"))
    for region in [*run.regions, *([run.outside] if run.outside else [])]:
        assert not region.low_j > region.high_j
        assert region.energy_j is None or region.low_j <= region.energy_j <= region.high_j
    for label in set(ledger.nodes["label"].tolist()):
        assert run.calls(ledger.labels[label]) is not None


@given(st.sampled_from([5, 6, 7, 8]), st.integers(1, 40), st.integers(-(2**63), 2**63 - 1), st.data())
@example(8, 2, 0, None)
def test_columns_of_anything_are_refused_or_hold(kind, count, first_ns, data):
    # GIVEN columns of any bytes, well packed
    width = {5: 20, 6: 20, 7: 32, 8: 16}[kind]
    noise = data.draw(st.binary(min_size=count * width, max_size=count * width)) if data else bytes(count * width)
    frame = Frame(kind, columns.zstd.compress(noise, level=1), 1, IGNORABLE, count, 0, first_ns, 0)
    # WHEN they are read THEN they are refused in one line, or make a ledger that can be
    try:
        ledger = parsed(NAMES, TWO_SLICES, frame)
    except RunFileError as error:
        assert str(error).startswith("here holds") and "\n" not in str(error)
        return
    assert (np.diff(ledger.slices["start_ns"]) >= 0).all() and (ledger.slices["end_ns"] <= LATEST_NS).all()
    assert (ledger.rows["slice"] < len(ledger.slices)).all() and (ledger.rows["node"] < 2).all()
    assert (ledger.marks["node"] < 2).all() and (ledger.marks["kind"] <= 2).all()
