"""A whole file that is decoded when it is asked: nothing is missing, and the index is not believed blindly."""

from __future__ import annotations

import dataclasses

import numpy as np
from test_runfile import BEGINNING, CHANNEL, some_edges

from pycarbon import fold, runfile
from pycarbon.edge_writer import edges_frames
from pycarbon.frame import META, json_frame

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
