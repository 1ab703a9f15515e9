"""Columns of whole numbers, mostly small: a byte each, and what does not fit goes behind; docs/run-file.md."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycarbon.errors import RunFileError

Unsigned = NDArray[np.uint64]
Signed = NDArray[np.int64]

ESCAPE = 255
WIDEST = 8


def zigzag(values: NDArray[Any]) -> Unsigned:
    """Fold signed numbers, shape (n,), into unsigned ones so that those near 0 stay small: 0, -1, 1, -2, 2, ..."""
    signed = values.view(np.int64)
    return ((signed << 1) ^ (signed >> 63)).view(np.uint64)


def unzigzag(values: Unsigned) -> Signed:
    """Undo zigzag."""
    return ((values >> np.uint64(1)) ^ -(values & np.uint64(1))).view(np.int64)


def encode(values: Unsigned) -> tuple[list[bytes], int]:
    """Code a column: its bytes in pieces that are each of one kind, and its width."""
    if len(values) and int(values.max()) < ESCAPE:
        return [values.astype(np.uint8).tobytes()], 0
    wide = values[values >= ESCAPE] - np.uint64(ESCAPE)
    narrow = np.minimum(values, np.uint64(ESCAPE)).astype(np.uint8).tobytes()
    width = (int(wide.max(initial=0)).bit_length() + 7) // 8
    planes = np.ascontiguousarray(wide.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :width].T)
    return [narrow, *(plane.tobytes() for plane in planes)], width


def decode(data: bytes, offset: int, count: int, width: int) -> tuple[Signed, int]:
    """Decode the column of `count` values at `offset`: its values modulo 2^64, and where it ends.

    RunFileError where the data ends before it does.
    """
    if width > WIDEST or offset + count > len(data):
        raise RunFileError("edges of other columns than were announced")
    narrow = np.frombuffer(data, np.uint8, count, offset)
    offset += count
    values = narrow.astype(np.int64)
    if width == 0:
        return values, offset
    places = np.flatnonzero(narrow == ESCAPE)
    if offset + len(places) * width > len(data):
        raise RunFileError("edges of other columns than were announced")
    wide = np.zeros((len(places), 8), np.uint8)
    planes = np.frombuffer(data, np.uint8, len(places) * width, offset)
    wide[:, :width] = planes.reshape(width, -1).T
    values[places] += wide.reshape(-1).view("<i8")
    return values, offset + len(places) * width
