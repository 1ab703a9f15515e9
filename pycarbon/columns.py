"""Columns of numbers in a frame: the bytes of each shuffled, and all of them one zstd frame; docs/run-file.md."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycarbon.errors import RunFileError
from pycarbon.frame import MAX_PER_FRAME, SHUFFLED_ZSTD, Data, Frame

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


ROW_BYTES, FIGURES_BYTES = 32, 200
"""What an edge, a slice, a row or a mark takes in memory, or less; and with what is computed from it."""


def _memory_bytes() -> int:
    """Give the machine's memory, or what the process may have of it."""
    try:
        import resource

        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        allowed = resource.getrlimit(resource.RLIMIT_AS)[0]
        return size if allowed == resource.RLIM_INFINITY else min(size, allowed)
    except (ImportError, AttributeError, ValueError, OSError):  # not on every system
        return 1 << 32


def check_room(rows: int) -> None:
    """Raise RunFileError for more rows than half of the memory is enough for: a small file may claim any."""
    if rows * FIGURES_BYTES > _memory_bytes() // 2:
        raise RunFileError(f"{rows} edges or other rows, more than there is memory for; ask for a part of the time")


def is_small(rows: int) -> bool:
    """Say whether so many rows may be kept beside others."""
    return rows * ROW_BYTES <= _memory_bytes() // 16


LEAST_BLOCK = 200
"""What is shorter is not worth a block of its own."""


def compress(pieces: Iterable[bytes], level: int) -> bytes:
    """Make one zstd frame of pieces, each in a block of its own, so that each is coded as suits it."""
    packer = zstd.ZstdCompressor(level=level)
    made = [
        packer.compress(piece, packer.FLUSH_BLOCK if len(piece) >= LEAST_BLOCK else packer.CONTINUE)
        for piece in pieces
    ]
    return b"".join(made) + packer.flush()


def decompress(payload: Data, most_bytes: int, what: str) -> bytes:
    """Undo compress; RunFileError, which calls it `what`, where that makes more than `most_bytes`, or fails."""
    unpacker = zstd.ZstdDecompressor()
    try:
        data = unpacker.decompress(memoryview(payload), max_length=most_bytes + 1)
    except zstd.ZstdError as error:
        raise RunFileError(f"{what} that do not decompress: {error}") from None
    if len(data) > most_bytes:
        raise RunFileError(f"{what} of more bytes than the {most_bytes} that were announced")
    if not unpacker.eof or unpacker.unused_data:
        raise RunFileError(f"{what} that do not decompress: the data does not end where it should")
    return data


def pack(columns: Sequence[NDArray[Any]], kinds: Sequence[str], level: int = 1) -> bytes:
    """Code columns of one length, each as its kind of number (as numpy names it, "<i8")."""
    shuffled = (
        np.ascontiguousarray(column.astype(kind)).view(np.uint8).reshape(len(column), -1).T.tobytes()
        for column, kind in zip(columns, kinds, strict=True)
    )
    return compress(shuffled, level)


def unpack(frame: Frame, kinds: Sequence[str], what: str) -> list[NDArray[Any]]:
    """Undo pack; RunFileError, which calls them `what`, where the payload is not what its header says."""
    if frame.codec != SHUFFLED_ZSTD or not 0 < frame.count <= MAX_PER_FRAME:
        raise RunFileError(f"{what} with codec {frame.codec} and count {frame.count} cannot be read")
    lengths = [frame.count * np.dtype(kind).itemsize for kind in kinds]
    size = sum(lengths)
    shuffled = decompress(frame.payload, size, what)
    if len(shuffled) != size:
        raise RunFileError(f"{what} of {len(shuffled)} bytes where {size} were announced")
    columns: list[NDArray[Any]] = []
    offset = 0
    for kind, length in zip(kinds, lengths, strict=True):
        column = np.frombuffer(shuffled, np.uint8, length, offset).reshape(-1, frame.count)
        columns.append(np.ascontiguousarray(column.T).view(kind).reshape(-1))
        offset += length
    return columns
