"""Folding: a run's frames, as they were written while it ran, become one file of few large ones with an index.

    frames --> joined by ring, compressed closely --> index --> footer with the run's figures --> trailer

Invariant: memory is bounded by a few frames, however long the run was.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pycarbon import edge_reader, edge_writer
from pycarbon.edge_writer import edges_frames, raw_frames, tick_of
from pycarbon.frame import (
    EDGES,
    EVENT,
    FOOTER,
    INDEX,
    LEDGER_NAMES,
    MAX_PER_FRAME,
    META,
    RAW,
    TURNS_ZSTD,
    Frame,
    file_header,
    json_frame,
)
from pycarbon.index import NO_CHANNEL, Row, index_frame, trailer
from pycarbon.kernel_frames import kernel_frames
from pycarbon.ledger_frames import LedgerReader, ledger_frames
from pycarbon.run import EDGE_DTYPE, RunData
from pycarbon.scanning import LEDGER, TRACED, begin, end, is_known
from pycarbon.stored import Stored, StoredRun

JOINED_EDGES, JOINED_ROWS = 1 << 15, 1 << 16
"""Larger frames save little, and take longer where a part of one is asked for."""

LEVEL = 3
PATIENCE_S = 10.0
"""Who waits for a run to end does not wait longer for smaller frames: the rest is copied as it is."""

MOST_EDGES = 1 << 23
"""Of one channel: figures of longer runs take memory that the measured program may need."""

Figures = Callable[[RunData], dict[str, Any]]


def no_figures(run: RunData) -> dict[str, Any]:
    """Leave the figures to whoever reads the file."""
    return {}


def write(
    frames: Iterable[Frame],
    path: Path,
    footer: Callable[[], dict[str, Any]] | None = None,
    figures: Figures = no_figures,
    codec: int = TURNS_ZSTD,
) -> None:
    """Write frames, metadata first, as one whole file that must not exist; `footer`, asked last, replaces theirs.

    `figures` gives what the footer is to have beside. OSError where the file cannot be written, and then there is
    none; RunFileError where the frames make no sense.
    """
    with path.open("x+b") as file:
        try:
            folding = _Folding(file, codec)
            for frame in frames:
                folding.add(frame)
            folding.finish(folding.footer if footer is None else footer(), figures)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


class _Folding:
    """One file in the making."""

    def __init__(self, file: BinaryIO, codec: int) -> None:
        """Begin a file."""
        self.footer: dict[str, Any] = {}
        self._file, self._codec = file, codec
        self._offset = file.write(file_header())
        self._sequence = 0
        self._index: list[Row] = []
        self._run: RunData | None = None
        self._edges: dict[str, list[NDArray[np.void]]] = {}
        self._reader = LedgerReader()
        self._skipping = False
        self._deadline_s = time.monotonic() + PATIENCE_S

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        known = is_known(frame)
        if frame.type in LEDGER and (self._skipping or not known):
            self._skipping = True  # what follows may refer to it: copied as it is
            self._put_ledger()
            self._put(frame)
        elif not known or frame.type == EVENT or frame.type in TRACED:  # a tracer compresses closely
            self._put(frame)
        elif frame.type == META:
            self._run = begin(frame)
            self._put(frame)
        elif frame.type == FOOTER:
            if self._run is not None:
                end(self._run, frame)
                self.footer = self._run.footer
        elif frame.type == EDGES:
            self._add_edges(frame)
        elif frame.type in LEDGER:
            self._reader.add(frame)
            if frame.type == LEDGER_NAMES:
                self._put(frame)
            elif self._reader.waiting >= JOINED_ROWS:
                self._put_ledger()
        elif frame.type != INDEX:
            raise AssertionError(f"a known frame of type {frame.type} that nobody folds")

    @property
    def _meta(self) -> dict[str, Any]:
        return {"start_ns": 0} if self._run is None else self._run.meta

    def _ring_of(self, channel: int) -> str:
        """Say with which channels a channel was read in turns: they share frames."""
        if self._codec == TURNS_ZSTD:
            for ring, channels in self._meta.get("rings", {}).items():
                if channel in channels:
                    return str(ring)
        return str(channel)

    def _add_edges(self, frame: Frame) -> None:
        found = edge_reader.decode(frame)
        late = time.monotonic() > self._deadline_s
        rings = dict.fromkeys(self._ring_of(channel) for channel, _ in found)
        if late:
            for ring in rings:
                self._put_edges(ring)
            self._put(frame, [_row(channel, edges) for channel, edges in found])
            return
        for channel, edges in found:
            self._edges.setdefault(self._ring_of(channel), []).append(edges)
        most = JOINED_EDGES if self._codec == TURNS_ZSTD else MAX_PER_FRAME
        for ring in rings:
            while sum(map(len, self._edges[ring])) >= most:
                self._put_edges(ring, most)

    def _put_edges(self, ring: str, most: int | None = None) -> None:
        parts = self._edges.pop(ring, [])
        if not parts:
            return
        edges = np.concatenate(parts)
        if len(parts) > 1:
            edges = edges[np.argsort(edges["t_seen_ns"], kind="stable")]
        if most is not None:
            edges, rest = edges[:most], edges[most:]
            self._edges[ring] = [rest] if len(rest) else []
        if self._codec == RAW:
            for frame in raw_frames(int(edges["channel"][0]), edges):
                self._put(frame, [_row(frame.channel, edges)])
            return
        for number, frame in enumerate(edges_frames(edges, LEVEL, tick_of(edges))):
            own = edges[number * MAX_PER_FRAME : (number + 1) * MAX_PER_FRAME]
            self._put(frame, [_row(channel, own[own["channel"] == channel]) for channel in edge_writer.ids(own)])

    def _put_ledger(self) -> None:
        for frame in ledger_frames(self._reader.take(), level=LEVEL):
            self._put(frame)

    def _put(self, frame: Frame, rows: list[tuple[int, int, int, int]] | None = None) -> None:
        if rows is None:
            rows = [(NO_CHANNEL, frame.count, frame.t_first_ns, frame.t_last_ns)]
        self._index += [(self._offset, frame.type, *row) for row in rows]
        self._offset += self._file.write(frame.encode(self._sequence))
        self._sequence += 1

    def finish(self, footer: dict[str, Any], figures: Figures) -> None:
        """Write what waits, the index, the footer and the trailer."""
        for ring in list(self._edges):
            self._put_edges(ring)
        self._put_ledger()
        index = index_frame(self._index)
        if index is None or self._run is None:
            self._put(json_frame(FOOTER, footer))
            return
        index_offset = self._offset
        self._put(index)
        self._file.flush()
        if max(self._counts().values(), default=0) <= MOST_EDGES:
            footer = footer | figures(self._look_back(footer, index, index_offset))
        footer_offset = self._offset
        self._put(json_frame(FOOTER, footer))
        self._file.write(trailer(index_offset, footer_offset))

    def _counts(self) -> Counter[int]:
        counts: Counter[int] = Counter()
        for _, kind, channel, count, _, _ in self._index:
            if kind == EDGES:
                counts[channel] += count
        return counts

    def _look_back(self, footer: dict[str, Any], index: Frame, index_offset: int) -> RunData:
        import mmap

        assert self._run is not None
        run = RunData(self._run.meta, self._run.channels, {}, footer, bool(footer.get("complete", True)))
        data = memoryview(mmap.mmap(self._file.fileno(), self._offset, access=mmap.ACCESS_READ))
        return StoredRun(run, Stored(data, "this run", index, index_offset))


def _row(channel: int, edges: NDArray[np.void]) -> tuple[int, int, int, int]:
    return channel, len(edges), int(edges["t_seen_ns"][0]), int(edges["t_seen_ns"][-1])


def frames_of(run: RunData) -> Iterator[Frame]:
    """Give a run that is in memory as frames."""
    yield json_frame(META, run.meta)
    for edges in run.edges.values():
        for i in range(0, len(edges), JOINED_EDGES):
            part = edges[i : i + JOINED_EDGES].astype(EDGE_DTYPE, copy=False)
            yield from edges_frames(part, tick_ns=tick_of(part))
    yield from (json_frame(EVENT, event) for event in run.events)
    if run.ledger is not None:
        yield from ledger_frames(run.ledger)
    if run.kernels is not None:
        yield from kernel_frames(run.kernels)
    if run.footer:
        yield json_frame(FOOTER, run.footer)
