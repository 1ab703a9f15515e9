"""The ledger as frames, and back: names and the tree as JSON, slices, rows and marks as columns.

The ledger grows while the run does, so each kind of frame goes on where the one before it ended. Whatever refers to
something comes after it: rows after their slices, rows and marks after their nodes, nodes after their labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pycarbon import metadata
from pycarbon.columns import check_room, pack, unpack
from pycarbon.errors import RunFileError
from pycarbon.frame import (
    IGNORABLE,
    LATEST_NS,
    LEDGER_NAMES,
    MARKS,
    MAX_PER_FRAME,
    ROWS,
    SHUFFLED_ZSTD,
    SLICES,
    Frame,
    json_frame,
)
from pycarbon.ledger import (
    MARK_DTYPE,
    NODE_DTYPE,
    RESUME,
    ROW_DTYPE,
    SLICE_DTYPE,
    Ledger,
)

LABELS_PER_FRAME, NODES_PER_FRAME = 1000, 100_000
"""Labels of 10 kB of what JSON must escape stay below a frame's largest payload so."""

MOST_NODES, MOST_DEEP = 1 << 16, 1 << 10
"""What the reducer makes at most (csrc/reducer.h): a file that claims more is damaged."""

MOST_CALLS = 1 << 53

_SLICES = ("<i8", "<i8", "<u2", "<u2")
_ROWS = ("<u4", "<u4", "<i8", "<i8", "<u8")
_MARKS = ("<i8", "<u4", "<u2", "<u2")


def names_frame(labels: Sequence[str], first_label: int, nodes: NDArray[np.void], first_node: int) -> Frame:
    """Make a frame of new labels and nodes, NODE_DTYPE; `first_...` is the index of the first of each in the run."""
    pairs = np.stack([nodes["parent"], nodes["label"]], axis=1).tolist()
    values = {"first_label": first_label, "labels": list(labels), "first_node": first_node, "nodes": pairs}
    return json_frame(LEDGER_NAMES, values)


def slices_frame(slices: NDArray[np.void], level: int = 1) -> Frame:
    """Make a frame of slices, SLICE_DTYPE: a slice mostly begins where the one before it ended."""
    start_ns, end_ns = slices["start_ns"], slices["end_ns"]
    first_ns = int(start_ns[0])
    after_ns = start_ns - np.concatenate([[first_ns], end_ns[:-1]])
    payload = pack([after_ns, end_ns - start_ns, slices["channel"], slices["threads"]], _SLICES, level)
    return Frame(SLICES, payload, SHUFFLED_ZSTD, IGNORABLE, len(slices), 0, first_ns, int(end_ns[-1]))


def rows_frame(rows: NDArray[np.void], level: int = 1) -> Frame:
    """Make a frame of rows, ROW_DTYPE; the first names its slice, the others how many slices they go on by."""
    further = np.diff(rows["slice"].astype(np.int64), prepend=0)
    idle_ns = rows["time_ns"] - rows["cpu_ns"]
    payload = pack([further, rows["node"], rows["time_ns"], idle_ns, rows["calls"]], _ROWS, level)
    return Frame(ROWS, payload, SHUFFLED_ZSTD, IGNORABLE, len(rows))


def marks_frame(marks: NDArray[np.void], level: int = 1) -> Frame:
    """Make a frame of marks, MARK_DTYPE; threads are mixed, so times may also go back."""
    time_ns = marks["time_ns"]
    later_ns = np.diff(time_ns, prepend=time_ns[:1])
    payload = pack([later_ns, marks["node"], marks["thread"], marks["kind"]], _MARKS, level)
    return Frame(MARKS, payload, SHUFFLED_ZSTD, IGNORABLE, len(marks), 0, int(time_ns[0]), int(time_ns[-1]))


def ledger_frames(part: Ledger, first_label: int = 0, first_node: int = 0, level: int = 1) -> list[Frame]:
    """Make the frames of a ledger, or of what is new in it, in the order a reader needs.

    `first_label` and `first_node` say how many there were before. Its counts go into the footer, as "regions".
    """
    made = []
    none = np.empty(0, NODE_DTYPE)
    for i in range(0, len(part.labels), LABELS_PER_FRAME):
        made.append(names_frame(part.labels[i : i + LABELS_PER_FRAME], first_label + i, none, first_node))
    known = first_label + len(part.labels)
    for i in range(0, len(part.nodes), NODES_PER_FRAME):
        made.append(names_frame([], known, part.nodes[i : i + NODES_PER_FRAME], first_node + i))
    made += [slices_frame(some, level) for some in _parts(part.slices)]
    made += [rows_frame(some, level) for some in _parts(part.rows)]
    made += [marks_frame(some, level) for some in _parts(part.marks)]
    return made


def _parts(values: NDArray[np.void]) -> Iterator[NDArray[np.void]]:
    for i in range(0, len(values), MAX_PER_FRAME):
        yield values[i : i + MAX_PER_FRAME]


class LedgerReader:
    """Puts a ledger together from its frames, and refuses what cannot be one."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.seen = False
        self._labels: list[str] = []
        self._nodes: list[tuple[int, int]] = []
        self._depths: list[int] = []
        self._slices: list[NDArray[np.void]] = []
        self._rows: list[NDArray[np.void]] = []
        self._marks: list[NDArray[np.void]] = []
        self._slice_count = 0
        self._ended_ns = 0
        self._row_slice = 0
        self._read = 0

    def add(self, frame: Frame) -> None:
        """Read the next frame of the types 5 to 8; RunFileError, or ValueError and KeyError for bad JSON."""
        self.seen = True
        self._read += frame.count if frame.type != LEDGER_NAMES else 0
        check_room(self._read)
        {LEDGER_NAMES: self._names, SLICES: self._add_slices, ROWS: self._add_rows, MARKS: self._add_marks}[
            frame.type
        ](frame)

    def ledger(self, counts: dict[str, int]) -> Ledger:
        """Give what was read."""
        return Ledger(
            self._labels,
            np.array(self._nodes, NODE_DTYPE),
            _joined(self._slices, SLICE_DTYPE),
            _joined(self._rows, ROW_DTYPE),
            _joined(self._marks, MARK_DTYPE),
            counts,
        )

    @property
    def waiting(self) -> int:
        """How many slices, rows and marks were read and not yet taken."""
        return sum(len(part) for parts in (self._slices, self._rows, self._marks) for part in parts)

    def take(self) -> Ledger:
        """Give the slices, rows and marks that were read since the last time, without labels and nodes."""
        part = Ledger(
            slices=_joined(self._slices, SLICE_DTYPE),
            rows=_joined(self._rows, ROW_DTYPE),
            marks=_joined(self._marks, MARK_DTYPE),
        )
        self._slices, self._rows, self._marks = [], [], []
        return part

    def _names(self, frame: Frame) -> None:
        values = metadata.read(bytes(frame.payload), metadata.NAMES_MEMBERS)
        if values["first_label"] != len(self._labels) or values["first_node"] != len(self._nodes):
            raise RunFileError("names of regions that do not go on where the ones before them ended")
        self._labels += values["labels"]
        for parent, label in values["nodes"]:
            depth = 1 + (self._depths[parent] if 0 <= parent < len(self._nodes) else 0)
            if parent >= len(self._nodes) or label >= len(self._labels):
                raise RunFileError("a region within one, or with a label, that was not announced")
            if len(self._nodes) >= MOST_NODES or depth > MOST_DEEP:
                raise RunFileError("a tree of regions larger or deeper than any that is recorded")
            self._nodes.append((parent, label))
            self._depths.append(depth)

    def _add_slices(self, frame: Frame) -> None:
        after_ns, length_ns, channel, threads = unpack(frame, _SLICES, "slices of time")
        slices = np.zeros(frame.count, SLICE_DTYPE)
        if not _within(after_ns) or not _within(length_ns):
            raise RunFileError("slices of time that do not go forward")
        steps_ns = np.stack([after_ns, length_ns], axis=1).reshape(-1)
        borders_ns = frame.t_first_ns + np.cumsum(steps_ns)
        slices["start_ns"], slices["end_ns"] = borders_ns[::2], borders_ns[1::2]
        if (
            not self._ended_ns <= frame.t_first_ns
            or float(steps_ns.sum(dtype=np.float64)) > LATEST_NS - frame.t_first_ns
            or frame.t_last_ns > LATEST_NS
        ):
            raise RunFileError("slices of time that do not go forward")
        slices["channel"], slices["threads"] = channel, threads
        if after_ns[0] != 0 or int(slices["end_ns"][-1]) != frame.t_last_ns:
            raise RunFileError("slices of another time than was announced")
        self._slices.append(slices)
        self._ended_ns = frame.t_last_ns
        self._slice_count += frame.count

    def _add_rows(self, frame: Frame) -> None:
        further, node, time_ns, idle_ns, calls = unpack(frame, _ROWS, "rows of regions")
        number = np.cumsum(further, dtype=np.uint64)
        if int(number[0]) < self._row_slice or int(number[-1]) >= self._slice_count:
            raise RunFileError("rows of regions out of order, or of a slice of time that was not announced")
        self._check_nodes(node, "rows of regions")
        if not _within(time_ns) or int(idle_ns.min()) < -LATEST_NS or not _within(time_ns - idle_ns):
            raise RunFileError("rows of regions whose times cannot be")
        if int(calls.max()) > MOST_CALLS:
            raise RunFileError("rows of regions with more calls than can be")
        rows = np.zeros(frame.count, ROW_DTYPE)
        rows["slice"], rows["node"], rows["time_ns"], rows["calls"] = number, node, time_ns, calls
        rows["cpu_ns"] = time_ns - idle_ns
        self._rows.append(rows)
        self._row_slice = int(number[-1])

    def _add_marks(self, frame: Frame) -> None:
        later_ns, node, thread, kind = unpack(frame, _MARKS, "marks")
        reach_ns = np.cumsum(later_ns, dtype=np.float64)
        if not 0 <= frame.t_first_ns <= LATEST_NS or float(np.abs(reach_ns).max()) > LATEST_NS:
            raise RunFileError("marks whose times cannot be")
        marks = np.zeros(frame.count, MARK_DTYPE)
        marks["time_ns"] = frame.t_first_ns + np.cumsum(later_ns)
        if not _within(marks["time_ns"]):
            raise RunFileError("marks whose times cannot be")
        if later_ns[0] != 0 or int(marks["time_ns"][-1]) != frame.t_last_ns:
            raise RunFileError("marks of another time than was announced")
        self._check_nodes(node, "marks")
        if int(kind.max()) > RESUME:
            raise RunFileError(f"marks of an unknown kind {int(kind.max())}")
        marks["node"], marks["thread"], marks["kind"] = node, thread, kind
        self._marks.append(marks)

    def _check_nodes(self, node: NDArray[np.uint32], what: str) -> None:
        if int(node.max()) >= len(self._nodes):
            raise RunFileError(f"{what} of a region that was not announced")


def _within(times_ns: NDArray[np.int64]) -> bool:
    return int(times_ns.min()) >= 0 and int(times_ns.max()) <= LATEST_NS


def _joined(parts: list[NDArray[np.void]], kind: np.dtype[np.void]) -> NDArray[np.void]:
    return np.concatenate(parts) if parts else np.empty(0, kind)
