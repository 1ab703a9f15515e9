"""Columns of numbers in a frame: the bytes of each shuffled, and all of them one zstd frame; docs/run-file.md."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycarbon.errors import RunFileError
from pycarbon.frame import MAX_PER_FRAME, SHUFFLED_ZSTD, Frame

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def pack(columns: Sequence[NDArray[Any]], kinds: Sequence[str]) -> bytes:
    """Code columns of one length, each as its kind of number (as numpy names it, "<i8")."""
    shuffled = b"".join(
        np.ascontiguousarray(column.astype(kind)).view(np.uint8).reshape(len(column), -1).T.tobytes()
        for column, kind in zip(columns, kinds, strict=True)
    )
    return zstd.compress(shuffled, level=1)


def unpack(frame: Frame, kinds: Sequence[str], what: str) -> list[NDArray[Any]]:
    """Undo pack; RunFileError, which calls them `what`, where the payload is not what its header says."""
    if frame.codec != SHUFFLED_ZSTD or not 0 < frame.count <= MAX_PER_FRAME:
        raise RunFileError(f"{what} with codec {frame.codec} and count {frame.count} cannot be read")
    lengths = [frame.count * np.dtype(kind).itemsize for kind in kinds]
    size = sum(lengths)
    try:
        shuffled = zstd.ZstdDecompressor().decompress(frame.payload, max_length=size + 1)
    except zstd.ZstdError as error:
        raise RunFileError(f"{what} that do not decompress: {error}") from None
    if len(shuffled) != size:
        raise RunFileError(f"{what} of {len(shuffled)} bytes where {size} were announced")
    columns: list[NDArray[Any]] = []
    offset = 0
    for kind, length in zip(kinds, lengths, strict=True):
        column = np.frombuffer(shuffled, np.uint8, length, offset).reshape(-1, frame.count)
        columns.append(np.ascontiguousarray(column.T).view(kind).reshape(-1))
        offset += length
    return columns
