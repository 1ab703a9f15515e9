"""What a program said of itself while it was recorded: its labels, the tree of its regions, and how long each ran.

Made by the reducer (csrc/reducer.h) from the marks of all threads of the recorded processes, slice by slice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

NODE_DTYPE = np.dtype([("parent", "<i4"), ("label", "<i4")])
"""A place in the tree of regions: the node it was entered in (-1: in none), and the index of its label. A parent
comes before its children. A label that is entered again within itself is the same node."""

SLICE_DTYPE = np.dtype(
    [("start_ns", "<i8"), ("end_ns", "<i8"), ("channel", "<u2"), ("threads", "<u2"), ("zero", "<u4")]
)
"""A span between two borders, CLOCK_MONOTONIC, in order and without overlap. `channel` is whose edge ended it (65535:
nobody's, it was long enough); `threads` is how many threads were in a region at any time in it."""

ROW_DTYPE = np.dtype([("slice", "<u4"), ("node", "<u4"), ("time_ns", "<i8"), ("cpu_ns", "<i8"), ("calls", "<u8")])
"""How long a node ran in a slice, without the nodes within it, summed over threads; how much of that a CPU was spent
on it (where it is known: else the same); and how often it was entered there. In order of slices."""

MARK_DTYPE = np.dtype([("time_ns", "<i8"), ("node", "<u4"), ("thread", "<u2"), ("kind", "<u2")])
"""One mark, CLOCK_MONOTONIC, as the reducer understood it: for each thread these nest. `kind` is a Mark."""

ENTER, LEAVE, RESUME = 0, 1, 2
"""Kinds of marks. A node that is resumed was left for a while (a generator that waited): it is the same call."""


@dataclass(slots=True)
class Ledger:
    """The regions of a run, as recorded. `rows` refer to `slices` and `nodes`, nodes to `labels`.

    `marks` are the first of all marks, as many as were asked for. `counts` says how often something odd was seen
    (csrc/reducer.h), and how many threads and marks there were.
    """

    labels: list[str] = field(default_factory=list)
    nodes: NDArray[np.void] = field(default_factory=lambda: np.empty(0, NODE_DTYPE))
    slices: NDArray[np.void] = field(default_factory=lambda: np.empty(0, SLICE_DTYPE))
    rows: NDArray[np.void] = field(default_factory=lambda: np.empty(0, ROW_DTYPE))
    marks: NDArray[np.void] = field(default_factory=lambda: np.empty(0, MARK_DTYPE))
    counts: dict[str, int] = field(default_factory=dict)
