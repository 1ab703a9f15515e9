"""Homes of runs that go on: a counter of 50 W, a frame for every 0.2 s, as a recorder writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from counter_simulator import PACKAGE

from pycarbon import home
from pycarbon.edge_writer import edges_frames
from pycarbon.frame import META, Frame, json_frame
from pycarbon.growing import GrowingFile
from pycarbon.run import EDGE_DTYPE, Flag

START_NS, PERIOD_NS, EACH = 10**12, 1_000_000, 200
POWER_W = 50.0


def edges(first: int, count: int = EACH) -> np.ndarray:
    """Updates number `first` and those after it."""
    found = np.zeros(count, EDGE_DTYPE)
    found["t_seen_ns"] = START_NS + (first + np.arange(count)) * PERIOD_NS
    found["t_before_ns"] = found["t_seen_ns"] - 5_000
    found["raw"] = (first + np.arange(count)) * 50_000
    if first == 0:
        found["flags"][0] = Flag.FIRST
    return found


def begin(run_id: str, **meta: object) -> Frame:
    """What a recorder writes first."""
    said = {"started_at": "2026-11-27T10:00:00.000+00:00", "project": "digits", "name": "train", **meta}
    return json_frame(META, {"id": run_id, "start_ns": START_NS, "channels": [PACKAGE.to_dict()], **said})


def part(number: int) -> Sequence[Frame]:
    """What it appends after every 0.2 s."""
    return edges_frames(edges(number * EACH))


def recording(target: Path, run_id: str, parts: int = 3, **meta: object) -> tuple[Path, GrowingFile]:
    """A home with so many parts, and its file, which must be closed: so long its recorder lives."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder, file = home.make(target)
    file.append([begin(run_id, **meta)])
    for number in range(parts):
        file.append(part(number))
    return folder, file
