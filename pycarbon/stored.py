"""A whole run file as its reader sees it: metadata and footer at once, everything else when it is asked for.

    trailer --> footer (figures)          read when the file is opened
       |------> index --> frames          decoded when asked for, and only those asked for

Hazard: a large file is mapped, so its pages come from the disk as they are used; who truncates it meanwhile ends its
readers by SIGBUS. Run files are replaced by rename, never changed.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycarbon import edge_reader, metadata
from pycarbon.columns import check_room, is_small
from pycarbon.errors import RunFileError
from pycarbon.frame import (
    EDGES,
    EVENT,
    FILE_HEADER_BYTES,
    FOOTER,
    INDEX,
    META,
    RAW,
    Bytes,
    Frame,
    read_frame,
    sequence_at,
)
from pycarbon.index import NO_CHANNEL, TRAILER_BYTES, read_index, read_trailer
from pycarbon.kernel_frames import KernelReader
from pycarbon.kernel_timeline import KernelTimeline
from pycarbon.ledger import Ledger
from pycarbon.ledger_frames import LedgerReader
from pycarbon.run import EDGE_DTYPE, Channel, RunData
from pycarbon.scanning import LEDGER, TRACED, begin, end, is_known, json_of, telling

REPAIR = "`pycarbon repair` keeps what is whole"
WORTH_THREADS, MOST_THREADS = 16, 4
"""So many frames are decoded by several threads; more threads than that wait for memory."""

WRONG_INDEX = "an index that is wrong about its frames"


def open_whole(data: Bytes, where: str) -> RunData | None:
    """Open a file that was closed in order; None where it was not, or its trailer leads nowhere.

    RunFileError where its metadata or footer make no sense.
    """
    found = read_trailer(bytes(data[-TRAILER_BYTES:]))
    if found is None:
        return None
    index, meta = read_frame(data, found[0]), read_frame(data, FILE_HEADER_BYTES, 0)
    if index is None or meta is None:
        return None
    footer = read_frame(data, found[1], sequence_at(data, found[0]) + 1)
    if footer is None:
        return None
    if (index[0].type, footer[0].type, meta[0].type) != (INDEX, FOOTER, META):
        return None
    if (index[1], footer[1]) != (found[1], len(data) - TRAILER_BYTES):
        return None
    with telling(where):
        if not all(is_known(frame) for frame in (meta[0], footer[0], index[0])):
            return None  # who reads frame after frame may skip them
        run = begin(meta[0])
        end(run, footer[0])
        return StoredRun(run, Stored(data, where, index[0], found[0]))


def footer_of(data: Bytes, where: str) -> dict[str, Any] | None:
    """Give the footer of a file that was closed in order, and read nothing else of it; None where it was not."""
    found = read_trailer(bytes(data[-TRAILER_BYTES:]))
    footer = None if found is None else read_frame(data, found[1])
    if (
        footer is None
        or footer[0].type != FOOTER
        or footer[1] != len(data) - TRAILER_BYTES
        or not is_known(footer[0])
    ):
        return None
    with telling(where):
        return json_of(footer[0], metadata.FOOTER_MEMBERS)


def _is_about(rows: NDArray[np.void], frame: Frame) -> bool:
    """Say whether rows of the index tell what a frame's header does; edges are looked at more closely later."""
    if frame.type == EDGES:
        return bool(frame.count == rows["count"].sum(dtype=np.int64))
    told = [NO_CHANNEL, frame.count, frame.t_first_ns, frame.t_last_ns]
    return [int(rows[0][name]) for name in ("channel", "count", "first_ns", "last_ns")] == told


class Stored:
    """The frames of a whole file, found by its index."""

    def __init__(self, data: Bytes, where: str, index: Frame, index_offset: int) -> None:
        """Take a file's bytes; the index is read when it is first needed."""
        self._data, self._where, self._index, self._index_offset = data, where, index, index_offset

    @cached_property
    def rows(self) -> NDArray[np.void]:
        """The index, INDEX_DTYPE."""
        with telling(self._where):
            return read_index(self._index, FILE_HEADER_BYTES, self._index_offset)

    @cached_property
    def number(self) -> NDArray[np.int64]:
        """The number of the frame that each row of the index is about."""
        number: NDArray[np.int64] = np.cumsum(np.diff(self.rows["offset"], prepend=FILE_HEADER_BYTES) != 0)
        if sequence_at(self._data, self._index_offset) != number[-1] + 1:
            raise RunFileError(f"{self._where} holds an index that lacks frames; {REPAIR}")
        return number

    def frames(self, rows: NDArray[np.bool_]) -> Iterator[tuple[Frame, NDArray[np.void]]]:
        """Give the frames of some rows of the index, each with all its rows; those that are unknown, too.

        RunFileError where one is damaged, or the index is wrong about it.
        """
        wanted = np.zeros(int(self.number[-1]) + 1, np.bool_)
        wanted[self.number[rows]] = True
        starts = np.searchsorted(self.number, np.arange(len(wanted) + 1))
        for number in np.flatnonzero(wanted).tolist():
            own = self.rows[starts[number] : starts[number + 1]]
            offset = int(own["offset"][0])
            found = read_frame(self._data, offset, number)
            if found is None:
                raise RunFileError(f"a damaged frame at byte {offset}; {REPAIR}")
            frame, after = found
            behind = starts[number + 1]
            if (
                frame.type != own["type"][0]
                or (is_known(frame) and not _is_about(own, frame))
                or after != (self.rows["offset"][behind] if behind < len(self.rows) else self._index_offset)
            ):
                raise RunFileError(WRONG_INDEX)
            yield frame, own

    @property
    def where(self) -> str:
        """What the file is called in errors."""
        return self._where


class StoredEdges(Mapping[int, NDArray[np.void]]):
    """The edges of each channel, decoded when asked for and then kept, if they are few enough."""

    def __init__(self, stored: Stored) -> None:
        """Take a file's frames."""
        self._stored = stored
        self._kept: dict[int, NDArray[np.void]] = {}

    @cached_property
    def _channel(self) -> NDArray[np.int64]:
        """The channel of each row of the index; -1 for other frames than edges."""
        rows = self._stored.rows
        return np.where(rows["type"] == EDGES, rows["channel"].astype(np.int64), -1)

    def _count(self, rows: NDArray[np.bool_]) -> NDArray[Any]:
        """Count each channel's edges in some rows of the index."""
        weights = self._stored.rows["count"][rows]
        return np.bincount(self._channel[rows] + 1, weights=weights, minlength=NO_CHANNEL + 2)[1:]

    @cached_property
    def _counts(self) -> dict[int, int]:
        counts = self._count(np.ones(len(self._channel), np.bool_))
        return {int(channel): int(counts[channel]) for channel in np.flatnonzero(counts)}

    def __iter__(self) -> Iterator[int]:
        """Give the ids of the channels that have edges."""
        return iter(self._counts)

    def __len__(self) -> int:
        """Count the channels that have edges."""
        return len(self._counts)

    def __getitem__(self, channel: int) -> NDArray[np.void]:
        """Decode a channel's edges, and those of the channels that share its frames."""
        if channel not in self._counts:
            raise KeyError(channel)
        if channel not in self._kept:
            own = self._channel == channel
            number = self._stored.number
            shared = np.zeros(int(number[-1]) + 1, np.bool_)
            shared[number[own]] = True
            here, everywhere = self._count(shared[number]), self._count(np.ones(len(number), np.bool_))
            # Of others only those all of whose edges lie in these frames.
            wanted = set(np.flatnonzero((here == everywhere) & (here > 0)).tolist())
            if not is_small(sum(self._counts[other] for other in wanted)):
                self._kept, wanted = {}, {channel}
            self._kept |= self._decode(shared[number], wanted)
        return self._kept[channel]

    def within(self, channel: int, first_ns: int, last_ns: int) -> NDArray[np.void]:
        """Decode the frames that hold a channel's edges seen in a span, and some around it."""
        if channel in self._kept:
            return self._kept[channel]
        rows = self._stored.rows
        own = np.flatnonzero(self._channel == channel)
        near = np.flatnonzero((rows["last_ns"][own] >= first_ns) & (rows["first_ns"][own] <= last_ns))
        if not len(near):
            return np.empty(0, EDGE_DTYPE)
        chosen = np.zeros(len(rows), np.bool_)
        chosen[own[max(near[0] - 1, 0) : near[-1] + 2]] = True  # an edge is judged by its neighbours
        return self._decode(chosen, {channel})[channel]

    def _decode(self, rows: NDArray[np.bool_], wanted: set[int]) -> dict[int, NDArray[np.void]]:
        count = self._stored.rows["count"]
        counts = {channel: int(count[rows & (self._channel == channel)].sum(dtype=np.int64)) for channel in wanted}
        with telling(self._stored.where):
            check_room(sum(counts.values()))
            filling = _Filling(counts)
            _at_once([job for frame, own in self._stored.frames(rows) for job in filling.jobs(frame, own)])
            return filling.full()


def _at_once(jobs: list[Callable[[], None]]) -> None:
    """Do jobs that let go of Python's lock, many of them on several CPUs."""
    if len(jobs) < WORTH_THREADS:
        for job in jobs:
            job()
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS)) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()


class _Filling:
    """Arrays that grow full as frames are decoded right into them."""

    def __init__(self, counts: dict[int, int]) -> None:
        """Make room for so many edges of each channel, once the first come."""
        self._counts = counts
        self._borders: dict[int, list[int]] = {channel: [] for channel in counts}
        self.edges: dict[int, NDArray[np.void]] = {}

    def jobs(self, frame: Frame, rows: NDArray[np.void]) -> list[Callable[[], None]]:
        """Make room for a frame's edges, in order of frames, and give what is to be done to fill it, in any order."""
        if not is_known(frame):  # do without its edges
            for channel, count in zip(rows["channel"].tolist(), rows["count"].tolist(), strict=True):
                if channel in self._counts:
                    self._counts[channel] -= count
            return []
        if frame.codec == RAW and self._counts.get(frame.channel) == frame.count and not self._borders[frame.channel]:
            self.edges[frame.channel] = edge_reader.view_raw(frame)
            self._borders[frame.channel].append(frame.count)
            _check(rows, [(frame.channel, self.edges[frame.channel])])
            return []
        room = {
            channel: self._room(channel, count)
            for channel, count in zip(rows["channel"].tolist(), rows["count"].tolist(), strict=True)
        }
        return [partial(_fill, frame, rows, room)]

    def _room(self, channel: int, count: int) -> NDArray[np.void] | None:
        """Give room for a channel's next edges; None where they are not wanted."""
        if channel not in self._counts:
            return None
        if channel not in self.edges:
            self.edges[channel] = np.empty(self._counts[channel], EDGE_DTYPE)
        borders = self._borders[channel]
        start = borders[-1] if borders else 0
        if start + count > self._counts[channel]:
            raise RunFileError(WRONG_INDEX)
        borders.append(start + count)
        return self.edges[channel][start : start + count]

    def full(self) -> dict[int, NDArray[np.void]]:
        """Give the arrays; RunFileError where the index told of edges that are not there, or where time goes back."""
        for channel, borders in self._borders.items():
            if (borders[-1] if borders else 0) != self._counts[channel]:
                raise RunFileError(WRONG_INDEX)
            if borders:
                seen_ns, first = self.edges[channel]["t_seen_ns"], np.array(borders[:-1], dtype=np.int64)
                if (seen_ns[first] < seen_ns[first - 1]).any():
                    raise RunFileError("edges whose times do not go forward")
        none = np.empty(0, EDGE_DTYPE)
        return {channel: self.edges.get(channel, none)[:count] for channel, count in self._counts.items()}


def _fill(frame: Frame, rows: NDArray[np.void], room: dict[int, NDArray[np.void] | None]) -> None:
    """Decode a frame's edges into their room; RunFileError where they are not what the index tells."""
    told = dict(zip(rows["channel"].tolist(), rows["count"].tolist(), strict=True))

    def place(channel: int, count: int) -> NDArray[np.void] | None:
        if told.get(channel) != count:
            raise RunFileError(WRONG_INDEX)
        return room[channel]

    _check(rows, edge_reader.decode(frame, place))


def _check(rows: NDArray[np.void], found: list[tuple[int, NDArray[np.void]]]) -> None:
    """Compare what was decoded with the index; RunFileError where they differ."""
    told = {int(row["channel"]): row for row in rows}
    for channel, edges in found:
        row = told.get(channel)
        if row is None or [len(edges), edges["t_seen_ns"][0], edges["t_seen_ns"][-1]] != [
            row["count"],
            row["first_ns"],
            row["last_ns"],
        ]:
            raise RunFileError(WRONG_INDEX)


class StoredRun(RunData):
    """A run in a whole file."""

    def __init__(self, run: RunData, stored: Stored) -> None:
        """Take what was read already."""
        self.meta, self.channels, self.footer, self.complete = run.meta, run.channels, run.footer, run.complete
        self.edges = self._edges = StoredEdges(stored)
        self._stored = stored

    @cached_property
    def events(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """What happened to the run as a whole."""
        return [self._event(frame) for frame in self._frames((EVENT,)) if is_known(frame)]

    @cached_property
    def ledger(self) -> Ledger | None:  # type: ignore[override]
        """What the program said of its regions."""
        reader = LedgerReader()
        for frame in itertools.takewhile(is_known, self._frames(LEDGER)):  # those behind may refer to one skipped
            with telling(self._stored.where):
                reader.add(frame)
        counts = self.footer.get("regions")
        return reader.ledger(counts or {}) if reader.seen or counts else None

    @cached_property
    def kernels(self) -> KernelTimeline | None:  # type: ignore[override]
        """When which kernel ran on its GPUs."""
        reader = KernelReader()
        with telling(self._stored.where):
            for frame in itertools.takewhile(is_known, self._frames(TRACED)):
                reader.add(frame)
            return reader.timeline()

    def _event(self, frame: Frame) -> dict[str, Any]:
        with telling(self._stored.where):
            return json_of(frame, metadata.EVENT_MEMBERS)

    def _frames(self, kinds: tuple[int, ...]) -> Iterator[Frame]:
        with telling(self._stored.where):
            type_of = self._stored.rows["type"]
            rows = np.zeros(len(type_of), np.bool_)
            for kind in kinds:
                rows |= type_of == kind
            yield from [frame for frame, _ in self._stored.frames(rows)]

    def part(self, channel: Channel, first_ns: int, last_ns: int) -> RunData:
        """Give the run with a channel's edges that were seen in a span, and some around; only those are decoded."""
        edges = self._edges.within(channel.id, first_ns, last_ns)
        return RunData(self.meta, self.channels, {channel.id: edges}, self.footer, self.complete)
