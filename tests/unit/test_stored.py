"""A whole file that is decoded when it is asked: nothing is missing, and the index is not believed blindly."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from test_runfile import BEGINNING, CHANNEL, edges_frame, some_edges

from pycarbon import fold, runfile
from pycarbon.edge_writer import edges_frames, raw_frames
from pycarbon.errors import RunFileError
from pycarbon.frame import EDGES, FILE_HEADER_BYTES, FOOTER, META, file_header, json_frame
from pycarbon.index import NO_CHANNEL, index_frame, read_index, trailer

TABLE = [dataclasses.replace(CHANNEL, id=number).to_dict() for number in (0, 1)]
META_OF_TWO = json_frame(META, BEGINNING | {"channels": TABLE, "rings": {"a": [0, 1]}})


def test_a_channel_that_was_lost_takes_nothing_from_those_read_beside_it(tmp_path):
    # GIVEN a long run with a channel that was lost soon, so that only its first frame has both
    few, many = some_edges(3, 0), some_edges(fold.JOINED_EDGES + 3, 1)
    fold.write([META_OF_TWO, *edges_frames(np.concatenate([few, many]), tick_ns=1)], tmp_path / "a.pcr")
    run = runfile.read(tmp_path / "a.pcr")
    # WHEN the lost one is asked for first THEN nothing of the other is missing
    assert run.edges[0].tobytes() == few.tobytes()
    assert run.edges[1].tobytes() == many.tobytes()


def whole(frames, changed_index=lambda index: index):
    """A whole file of frames, each of one row of the index, whose index was changed."""
    data, rows, number = file_header(), [], 0
    for number, frame in enumerate(frames):
        first_ns, last_ns = frame.t_first_ns, frame.t_last_ns
        channel = frame.channel if frame.type == EDGES else NO_CHANNEL
        rows.append((len(data), frame.type, channel, frame.count, first_ns, last_ns))
        data += frame.encode(number)
    index_offset = len(data)
    data += changed_index(index_frame(rows)).encode(number + 1)
    return data + json_frame(FOOTER, {}).encode(number + 2) + trailer(index_offset, len(data))


def test_an_index_in_a_codec_to_come_is_done_without():
    data = whole([META_OF_TWO, edges_frame(0, some_edges())], lambda index: dataclasses.replace(index, codec=9))
    run = runfile.parse(data, "here")
    assert run.complete and run.edges[0].tobytes() == some_edges().tobytes()


@pytest.mark.parametrize("make", [edges_frame, lambda channel, edges: raw_frames(channel, edges)[0]])
def test_frames_that_are_not_those_of_the_index_are_refused(make):
    # GIVEN a whole file one of whose frames gave way to one of another file, as long as it was
    early, late = make(0, some_edges(7)[:4]), make(0, some_edges(7)[4:])
    data = whole([META_OF_TWO, early, late])
    other, later = some_edges(7, 1)[4:], some_edges(7)[4:]
    later["t_seen_ns"] += 1
    for strange in (make(1, other), make(0, later)):
        spliced = data.replace(late.encode(2), strange.encode(2))
        assert spliced != data and len(spliced) == len(data)
        # WHEN its edges are asked for THEN they are refused
        run = runfile.parse(spliced, "here")
        with pytest.raises(RunFileError, match="wrong about its frames"):
            run.edges[0]


def test_an_index_that_lacks_the_last_frame_is_refused():
    def shorter(index):
        rows = read_index(index, FILE_HEADER_BYTES, 1 << 20)
        return index_frame([tuple(row) for row in rows[:-1].tolist()])

    run = runfile.parse(
        whole([META_OF_TWO, edges_frame(0, some_edges(3)), edges_frame(1, some_edges(3, 1))], shorter), "here"
    )
    with pytest.raises(RunFileError, match="lacks frames"):
        run.edges[0]
