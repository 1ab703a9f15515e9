"""Salvage: what is whole in a damaged run file, made consistent again, with what was lost said and marked.

Where edges are missing the next one of a channel says that nobody looked since the last before: its energy is still
counted, and its interval holds. Regions that may refer to what was lost are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pycarbon import edge_reader
from pycarbon.edge_writer import edges_frames, tick_of
from pycarbon.errors import RunFileError
from pycarbon.frame import (
    EDGES,
    FILE_HEADER_BYTES,
    FOOTER,
    FRAME_HEADER_BYTES,
    INDEX,
    KERNELS,
    LAUNCHES,
    LEDGER_NAMES,
    MAX_PAYLOAD_BYTES,
    META,
    SLICES,
    Data,
    Frame,
    FrameHeader,
    check_header,
    read_frame,
    read_header,
)
from pycarbon.index import TRAILER_BYTES
from pycarbon.kernel_frames import KernelReader
from pycarbon.ledger_frames import LedgerReader
from pycarbon.run import EDGE_DTYPE, Flag, GapCause
from pycarbon.scanning import LEDGER, TRACED, is_known, telling

STEP_BYTES = 1 << 24
KINDS = {META: "metadata was", EDGES: "edges were", FOOTER: "the footer was"}
KINDS |= {**dict.fromkeys(LEDGER, "regions were"), **dict.fromkeys(TRACED, "kernels were")}
NAMED_LOSSES = 20


@dataclass(slots=True)
class Salvage:
    """What was found: `kept` frames, and a line for each that was not. `end_ns` is the last time seen."""

    kept: int = 0
    lost: list[str] = field(default_factory=list)
    footer: Frame | None = None
    end_ns: int = 0

    @property
    def notes(self) -> list[str]:
        """What a reader of the run must know, in a few lines."""
        more = len(self.lost) - NAMED_LOSSES
        return self.lost[:NAMED_LOSSES] + ([f"{more} more frames of the run file were damaged"] if more > 0 else [])


def salvage(data: Data, where: str, found: Salvage) -> Iterator[Frame]:
    """Give all that is whole in a file's bytes as frames, metadata first and no footer; `found` says the rest.

    RunFileError where it is no run file, or its metadata is not whole.
    """
    check_header(data, where)
    mending = _Mending(found)
    for piece in _pieces(data):
        if isinstance(piece, Frame):
            if found.kept == 0 and piece.type != META:
                raise RunFileError(f"{where} has lost its metadata: nothing in it can be read")
            try:
                with telling("it"):
                    frames = mending.take(piece)
            except RunFileError as error:
                mending.lose(None, f"a frame that cannot be: {error}")
                continue
            found.kept += 1
            yield from frames
        else:
            mending.lose(piece.header, f"damaged at byte {piece.offset}")
    if found.kept == 0:
        raise RunFileError(f"{where} has lost its metadata: nothing in it can be read")


@dataclass(frozen=True, slots=True)
class _Hole:
    offset: int
    header: FrameHeader | None


def _pieces(data: Data) -> Iterator[Frame | _Hole]:
    """Give frames and the holes between them, each frame once and up to the footer."""
    offset, expected = FILE_HEADER_BYTES, 0
    while offset < len(data):
        header = read_header(data, offset)
        whole = None if header is None else read_frame(data, offset)
        if header is not None and whole is not None:
            offset = whole[1]
            if header.sequence < expected:  # once more what was there already
                continue
            if header.sequence > expected:
                yield _Hole(offset, None)
            expected = header.sequence + 1
            yield whole[0]
            if whole[0].type == FOOTER:
                return
            continue
        if len(data) - offset == TRAILER_BYTES and expected > 1:
            return
        yield _Hole(offset, header)
        beyond = offset + FRAME_HEADER_BYTES + header.length if header is not None else len(data) + 1
        if header is not None and header.sequence == expected and beyond <= len(data):
            offset, expected = beyond, expected + 1
        else:
            offset = _next_header(data, offset + 1)
            after = read_header(data, offset)
            expected = expected if after is None else max(expected, after.sequence)


def _next_header(data: Data, offset: int) -> int:
    """Find the next bytes that are a frame's header, checksum and all; the end of the data where there are none."""
    while offset + FRAME_HEADER_BYTES <= len(data):
        part = np.frombuffer(data, np.uint8, min(STEP_BYTES, len(data) - offset), offset)
        first = part[: len(part) - FRAME_HEADER_BYTES + 1]
        size = len(first)
        likely = (part[3 : 3 + size] <= MAX_PAYLOAD_BYTES >> 24) & (part[7 : 7 + size] == 0)
        likely &= (part[6 : 6 + size] <= 1) & (part[4 : 4 + size] > 0) & (part[5 : 5 + size] <= 8)
        for place in np.flatnonzero(likely).tolist():
            if read_header(data, offset + place) is not None:
                return offset + int(place)
        offset += size
    return len(data)


class _Mending:
    """Makes frames that follow a loss consistent with those before it."""

    def __init__(self, found: Salvage) -> None:
        """Begin with nothing lost."""
        self._found = found
        self._last_ns: dict[int, int] = {}
        self._lost_ns: list[tuple[int, int | None]] = []
        self._reader: LedgerReader | None = LedgerReader()
        self._kernels: KernelReader | None = KernelReader()

    def lose(self, header: FrameHeader | None, why: str) -> None:
        """Note a loss, of which perhaps the header is known."""
        if header is None:
            self._lost_ns.append((self._found.end_ns, None))
            what = "a part of the run file was"
        else:
            what = KINDS.get(header.type, "a frame was")
            if header.type == EDGES:
                self._lost_ns.append((header.t_first_ns, header.t_last_ns))
        if header is None or header.type in (LEDGER_NAMES, SLICES):  # whatever refers to them
            self._reader = None
        if header is None or header.type == KERNELS:
            self._kernels = None  # up to the next trace
        if header is None or header.type != INDEX:
            self._found.lost.append(f"{what} lost, {why}")

    def take(self, frame: Frame) -> list[Frame]:
        """Give what a whole frame becomes; RunFileError where it cannot be."""
        if not is_known(frame):
            return [frame]
        if frame.type == FOOTER:
            self._found.footer = frame
            return []
        if frame.type == INDEX or (frame.type == META and self._found.kept):
            return []
        if frame.type in LEDGER:
            if self._reader is None:
                return []
            self._reader.add(frame)
            self._reader.take()
            return [frame]
        if frame.type in TRACED:
            return self._traced(frame)
        return self._edges(frame) if frame.type == EDGES else [frame]

    def _traced(self, frame: Frame) -> list[Frame]:
        if self._kernels is None:
            if frame.type == LAUNCHES:
                return []
            reader = KernelReader()
            try:
                reader.add(frame)
            except RunFileError:  # it goes on with what was lost
                return []
            self._kernels = reader
            return [frame]
        self._kernels.add(frame)
        self._kernels.forget()
        return [frame]

    def _edges(self, frame: Frame) -> list[Frame]:
        decoded = edge_reader.decode(frame)
        mended = [(channel, self._mend(channel, edges)) for channel, edges in decoded]
        for channel, edges in decoded:
            self._last_ns[channel] = int(edges["t_seen_ns"][-1])
        self._found.end_ns = max([self._found.end_ns, *self._last_ns.values()])
        if all(len(one) == len(other) for (_, one), (_, other) in zip(mended, decoded, strict=True)):
            return [frame]
        edges = np.concatenate([edges for _, edges in mended])
        return edges_frames(edges, tick_ns=tick_of(edges))

    def _mend(self, channel: int, edges: NDArray[np.void]) -> NDArray[np.void]:
        """Put a gap before edges that follow a loss."""
        last_ns, seen_ns = self._last_ns.get(channel), int(edges["t_seen_ns"][0])
        if last_ns is None:
            return edges
        if seen_ns < last_ns:
            raise RunFileError("edges that go back")
        missing_ns = seen_ns - last_ns
        spans = [(max(first, last_ns), min(seen_ns if end is None else end, seen_ns)) for first, end in self._lost_ns]
        if not any(end > first and end - first >= missing_ns / 2 for first, end in spans):
            return edges
        gap = np.zeros(1, EDGE_DTYPE)
        gap["t_before_ns"], gap["t_seen_ns"], gap["channel"] = last_ns, seen_ns, channel
        gap["flags"], gap["error"] = int(Flag.GAP), int(GapCause.UNKNOWN)
        edges = edges.copy()
        edges["t_before_ns"][0] = min(last_ns, int(edges["t_before_ns"][0]))
        return np.concatenate([gap, edges])
