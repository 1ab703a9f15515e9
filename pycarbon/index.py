"""The index of a run file, and the trailer that leads to it: so a reader decodes only what it is asked for."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from pycarbon.columns import pack, unpack
from pycarbon.errors import RunFileError
from pycarbon.frame import (
    EDGES,
    FRAME_HEADER_BYTES,
    IGNORABLE,
    INDEX,
    LATEST_NS,
    MAX_PER_FRAME,
    SHUFFLED_ZSTD,
    Frame,
)
from pycarbon.run import MAX_CHANNELS

INDEX_DTYPE = np.dtype(
    [
        ("offset", "<i8"),
        ("type", "<u2"),
        ("channel", "<u2"),
        ("count", "<u4"),
        ("first_ns", "<i8"),
        ("last_ns", "<i8"),
    ]
)
"""One row for each frame, and of edges for each channel in it: where the frame is, and of the channel how many edges
it has there and the times seen of the first and the last; `channel` is NO_CHANNEL for other frames."""

NO_CHANNEL = MAX_CHANNELS

TRAILER_BYTES = 32
_TRAILER = struct.Struct("<QQII8s")
_MAGIC = b"\x89PCREND\n"
_COLUMNS = ("<i8", "<u2", "<u2", "<u4", "<i8", "<i8")

Row = tuple[int, int, int, int, int, int]


def index_frame(rows: list[Row]) -> Frame | None:
    """Make the index of rows as INDEX_DTYPE has them; None where a frame cannot hold so many."""
    if not 0 < len(rows) <= MAX_PER_FRAME:
        return None
    table = np.array(rows, INDEX_DTYPE)
    columns = [
        np.diff(table["offset"], prepend=0),
        table["type"],
        table["channel"],
        table["count"],
        table["first_ns"],
        table["last_ns"] - table["first_ns"],
    ]
    return Frame(INDEX, pack(columns, _COLUMNS, 3), SHUFFLED_ZSTD, IGNORABLE, len(rows))


def read_index(frame: Frame, start: int, end: int) -> NDArray[np.void]:
    """Undo index_frame: rows of INDEX_DTYPE of frames between two offsets; RunFileError where they cannot be."""
    steps, kinds, channels, counts, first_ns, length_ns = unpack(frame, _COLUMNS, "an index")
    rows = np.zeros(frame.count, INDEX_DTYPE)
    rows["offset"] = np.cumsum(steps)
    rows["type"], rows["channel"], rows["count"] = kinds, channels, counts
    rows["first_ns"], rows["last_ns"] = first_ns, first_ns + length_ns
    forward = (steps == 0) | (steps >= FRAME_HEADER_BYTES)
    forward[0] = steps[0] == start
    edges = kinds == EDGES
    if (
        not forward.all()
        or (steps > end).any()
        or float(steps.sum(dtype=np.float64)) > end - FRAME_HEADER_BYTES
        or ((counts == 0) | (counts > MAX_PER_FRAME))[edges].any()
        or ((first_ns < 0) | (first_ns > LATEST_NS))[edges].any()
        or ((length_ns < 0) | (length_ns > LATEST_NS))[edges].any()
        or (steps[~edges] == 0).any()
        or (kinds[1:] != kinds[:-1])[steps[1:] == 0].any()
    ):
        raise RunFileError("an index of frames that cannot be")
    return rows


def trailer(index_offset: int, footer_offset: int) -> bytes:
    """Give the last bytes of a file."""
    head = struct.pack("<QQI", index_offset, footer_offset, 0)
    return _TRAILER.pack(index_offset, footer_offset, 0, zlib.crc32(head), _MAGIC)


def read_trailer(tail: bytes) -> tuple[int, int] | None:
    """Give the offsets of the index and of the footer that a file's last bytes tell; None where they are none."""
    if len(tail) != TRAILER_BYTES:
        return None
    index_offset, footer_offset, _, checksum, magic = _TRAILER.unpack(tail)
    return (index_offset, footer_offset) if magic == _MAGIC and checksum == zlib.crc32(tail[:20]) else None
