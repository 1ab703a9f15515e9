"""Whatever happens to a file's bytes, what is still read of it is true, or it says that it is not whole."""

from __future__ import annotations

import zlib
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from region_world import as_run, training
from run_file_views import REFUSED, regions, tuples, view
from test_ledger_frames import in_pieces
from test_run_file_both import beginning, encoded, folded
from test_runfile import some_edges

from pycarbon import runfile
from pycarbon.edge_writer import edges_frames
from pycarbon.errors import RunFileError
from pycarbon.frame import EDGES, EVENT, FILE_HEADER_BYTES, FOOTER, MARKS, SLICES, json_frame, read_frame


def frames(run: int):
    """The frames of a small run: edges of two rings, in parts, an event and regions; runs differ in everything."""
    world = training(1, 1)
    ledger = as_run(world, {"package-0": world.world()}).ledger
    ledger.slices["start_ns"] += run
    ledger.slices["end_ns"] += run
    ledger.marks["time_ns"] += run
    yield beginning(rings={"a": [0, 1], "b": [2]}, name=f"run {run}")
    for part in range(3):
        for channels in ([0, 1], [2]):
            edges = np.concatenate([some_edges(6, channel)[2 * part : 2 * part + 2] for channel in channels])
            edges["t_seen_ns"] += 10_000 * run
            edges["raw"] += run
            yield from edges_frames(edges)
        yield json_frame(EVENT, {"monotonic_ns": run + part, "clock_step_ns": 5})
    yield from in_pieces(ledger, 2, 3, 20)
    yield json_frame(FOOTER, {"end_ns": 9 + run, "notes": ["n"]})


LIVE, WHOLE, OTHER = encoded(list(frames(0))[:-1]), folded(frames(0)), folded(frames(1))
TRUTH = view(runfile.parse(WHOLE, "here"))
FILES = pytest.mark.parametrize("data", [LIVE, WHOLE], ids=["live", "whole"])


def parts(data: bytes) -> dict[str, Any]:
    """Each part of a run that can be asked for; REFUSED where it is refused."""
    run = runfile.parse(data, "here")
    found: dict[str, Any] = {"metadata": run.meta, "footer": run.footer or None, "complete": run.complete}

    def ask(name, get):
        try:
            found[name] = get()
        except RunFileError as error:
            assert "here holds" in str(error) and "\n" not in str(error)
            found[name] = REFUSED

    ask("events", lambda: run.events)
    first = zlib.crc32(data)  # what was asked for before changes nothing: begin anywhere
    for channel in sorted(range(3), key=lambda channel: (channel + first) % 3):
        ask(channel, lambda channel=channel: tuples(run.edges[channel]) if channel in run.edges else [])
    ask("regions", lambda: regions(run))
    return found


def is_true(data: bytes) -> bool:
    """Tell whether something is read of the bytes; AssertionError where it is not the truth."""
    try:
        found = parts(data)
    except RunFileError as error:
        assert "here" in str(error) and "\n" not in str(error)
        return False
    assert found["metadata"] == TRUTH["metadata"]
    wanted = {"events": TRUTH["events"], **{channel: TRUTH["edges"][channel] for channel in range(3)}}
    got = {name: found[name] for name in wanted if found[name] != REFUSED}
    if found["regions"] != REFUSED:
        got |= found["regions"]
        wanted |= {name: TRUTH[name] for name in found["regions"]}
    for name, values in got.items():
        assert values == (wanted[name] if found["complete"] else wanted[name][: len(values)]), name
    assert found["footer"] in ((TRUTH["footer"],) if found["complete"] else (TRUTH["footer"], None))
    return True


@FILES
def test_every_cut_leaves_what_came_before(data):
    ends, offset = [], FILE_HEADER_BYTES
    while (found := read_frame(data, offset)) is not None:
        frame, offset = found
        ends.append((offset, frame.count if frame.type == EDGES else 0))
    for length in range(len(data)):
        # WHEN a file is cut anywhere THEN what is read is true, and is all that lies before
        assert is_true(data[:length]) == (length >= ends[0][0])
        if length >= ends[0][0]:
            edges = runfile.parse(data[:length], "here").edges
            assert sum(map(len, edges.values())) == sum(count for end, count in ends if end <= length)


@FILES
def test_every_flipped_bit_is_noticed(data):
    for place in range(len(data)):
        is_true(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])


@st.composite
def damaged(draw, data):
    """Bytes with several bits flipped, a part zeroed, repeated or torn out, or noise behind them."""
    found = bytearray(data)
    place = st.integers(0, len(data) - 1)
    kind = draw(st.sampled_from(["bits", "zeros", "moved", "torn", "noise"]))
    if kind == "bits":
        for at, bit in draw(st.lists(st.tuples(place, st.integers(0, 7)), min_size=1, max_size=8)):
            found[at] ^= 1 << bit
    start, end = sorted((draw(place), draw(place)))
    if kind == "zeros":
        found[start:end] = bytes(end - start)
    elif kind == "moved":
        to = draw(place)
        found[to : to + end - start] = data[start:end]
    elif kind == "torn":
        del found[start:end]
    elif kind == "noise":
        found += draw(st.binary(max_size=100))
    return bytes(found)


@FILES
@settings(max_examples=200)
@given(data_of=st.data())
def test_bytes_that_were_changed_at_random(data, data_of):
    is_true(data_of.draw(damaged(data)))


def cut_up(data):
    """The bytes of each frame of a file, and what follows the last."""
    borders = [FILE_HEADER_BYTES]
    while (found := read_frame(data, borders[-1])) is not None:
        borders.append(found[1])
    return [data[start:end] for start, end in pairwise(borders)], data[borders[-1] :]


@FILES
@settings(max_examples=300, suppress_health_check=[HealthCheck.filter_too_much])  # now and then, of the whole file
@given(st.data())
def test_frames_that_changed_places(data, data_of):
    # GIVEN a file whose frames were swapped, repeated, left out or mixed with those of another run
    own, tail = cut_up(data)
    others = cut_up(OTHER)[0]
    for _ in range(data_of.draw(st.integers(1, 3))):
        at, to = (data_of.draw(st.integers(0, len(own) - 1)) for _ in range(2))
        kind = data_of.draw(st.sampled_from(["swap", "repeat", "leave out", "insert", "replace"]))
        if kind == "swap":
            own[at], own[to] = own[to], own[at]
        elif kind == "repeat":
            own.insert(to, own[at])
        elif kind == "leave out" and len(own) > 1:
            del own[at]
        elif kind in ("insert", "replace"):
            strange = data_of.draw(st.integers(0, len(others) - 1))
            # A frame does not say of which file it is: one that has the right number for its place is not noticed.
            assume(strange != at)
            own[at : at + (kind == "replace")] = [others[strange]]
    numbers = [int.from_bytes(frame[8:12], "little") for frame in own]
    strangers = [place for place, frame in enumerate(own) if frame in others]
    assume(not any(numbers[place] == place for place in strangers))
    # THEN what is read is true
    is_true(data[:FILE_HEADER_BYTES] + b"".join(own) + tail)


def test_a_frame_of_another_run_with_the_same_number_is_not_what_the_index_told():
    # GIVEN two whole files of the same shape
    own, tail = cut_up(WHOLE)
    others, _ = cut_up(OTHER)
    told = 0
    for place, (frame, strange) in enumerate(zip(own, others, strict=True)):
        if frame[4] in (EDGES, SLICES, MARKS) and len(frame) == len(strange):
            # WHEN a frame of one takes the place of that of the other THEN it is refused
            spliced = WHOLE[:FILE_HEADER_BYTES] + b"".join([*own[:place], strange, *own[place + 1 :]]) + tail
            assert REFUSED in parts(spliced).values()
            assert is_true(spliced)
            told += 1
    assert told >= 3
