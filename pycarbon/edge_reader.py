"""Edges out of frames, in each way in which they may be coded; docs/run-file.md.

The compiled core decodes what channels read in turns have written; where there is none, or it finds something wrong,
numpy does, and says what.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pycarbon import narrow
from pycarbon.columns import decompress, unpack
from pycarbon.errors import RunFileError
from pycarbon.frame import LATEST_NS, MAX_PER_FRAME, SHUFFLED_ZSTD, TURNS_ZSTD, Frame
from pycarbon.narrow import Signed, Unsigned, unzigzag
from pycarbon.run import EDGE_DTYPE, MAX_CHANNELS

TABLE_DTYPE = np.dtype(
    [("id", "<u2"), ("zero", "<u2"), ("count", "<u4"), ("numerator", "<u4"), ("denominator", "<u4"), ("base", "<u8")]
)
COLUMNS = 7
NEAR = 2
"""A time so few ticks from where the turn before began is told by that."""

MOST_BYTES_PER_EDGE = COLUMNS * (1 + narrow.WIDEST)

Place = Callable[[int, int], "NDArray[np.void] | None"]

_OLD_COLUMNS = ("<i8", "<i8", "<u8", "<u2", "<i4")


def new_place(channel: int, count: int) -> NDArray[np.void]:
    """Give room for edges of any channel."""
    return np.empty(count, EDGE_DTYPE)


def decode(frame: Frame, place: Place = new_place) -> list[tuple[int, NDArray[np.void]]]:
    """Give the edges of a frame for each of its channels that is wanted.

    `place` is asked for an array of EDGE_DTYPE for so many edges of a channel; it gives None where they are not
    wanted. RunFileError where the payload is not what it must be.
    """
    if not 0 < frame.count <= MAX_PER_FRAME:
        raise RunFileError(f"a frame of {frame.count} edges")
    if frame.codec == TURNS_ZSTD:
        return _decode_turns(frame, place)
    if frame.channel == MAX_CHANNELS:
        raise RunFileError("edges of no channel")
    into = place(frame.channel, frame.count)
    if into is None:
        return []
    into[:] = _decode_columns(frame) if frame.codec == SHUFFLED_ZSTD else view_raw(frame)
    return [(frame.channel, into)]


def view_raw(frame: Frame) -> NDArray[np.void]:
    """Give the edges of a frame of codec 0, which are not copied; RunFileError as decode."""
    if len(frame.payload) != frame.count * EDGE_DTYPE.itemsize:
        raise RunFileError(f"{frame.count} raw edges in {len(frame.payload)} bytes")
    edges: NDArray[np.void] = np.frombuffer(frame.payload, EDGE_DTYPE)
    if (edges["channel"] != frame.channel).any():
        raise RunFileError("edges of another channel than was announced")
    _check_times(edges["t_before_ns"], edges["t_seen_ns"], frame)
    return edges


def _decode_columns(frame: Frame) -> NDArray[np.void]:
    later_ns, width_ns, rises, flags, errors = unpack(frame, _OLD_COLUMNS, "edges")
    edges = np.zeros(frame.count, EDGE_DTYPE)
    edges["t_seen_ns"] = np.cumsum(later_ns) + frame.t_first_ns
    edges["t_before_ns"] = edges["t_seen_ns"] - width_ns
    edges["raw"] = np.cumsum(rises, dtype=np.uint64)
    edges["flags"] = flags
    edges["error"] = errors
    edges["channel"] = frame.channel
    if (later_ns < 0).any() or (width_ns < 0).any():
        raise RunFileError("edges whose times do not go forward")
    _check_times(edges["t_before_ns"], edges["t_seen_ns"], frame)
    return edges


def _check_times(before_ns: NDArray[np.int64], seen_ns: NDArray[np.int64], frame: Frame) -> None:
    if (
        int(before_ns.min()) < 0
        or int(seen_ns[-1]) > LATEST_NS
        or int(seen_ns[0]) != frame.t_first_ns
        or int(seen_ns[-1]) != frame.t_last_ns
        or bool((before_ns > seen_ns).any())
        or bool((seen_ns[1:] < seen_ns[:-1]).any())
    ):
        raise RunFileError("edges whose times do not go forward")


def _decode_turns(frame: Frame, place: Place) -> list[tuple[int, NDArray[np.void]]]:
    data, table = _unpacked(frame)
    places = [place(int(entry["id"]), int(entry["count"])) for entry in table]
    if not _decode_fast(frame, data, places):
        for into, part in zip(places, _decode_slowly(frame, data, table), strict=True):
            if into is not None:
                into[:] = part
    return [(int(entry["id"]), into) for entry, into in zip(table, places, strict=True) if into is not None]


def _unpacked(frame: Frame) -> tuple[bytes, NDArray[np.void]]:
    count, channels, tick_ns = frame.count, frame.channel, frame.tick_ns
    head = channels * TABLE_DTYPE.itemsize + 8
    if not 0 < channels <= count or tick_ns == 0 or frame.t_first_ns % tick_ns:
        raise RunFileError(f"a frame of {count} edges of {channels} channels in ticks of {tick_ns} ns")
    data = decompress(frame.payload, head + MOST_BYTES_PER_EDGE * count, "edges")
    if len(data) < head:
        raise RunFileError("edges without their channels")
    table = np.frombuffer(data, TABLE_DTYPE, channels)
    if (
        int(table["count"].sum(dtype=np.uint64)) != count
        or not table["count"].all()
        or not (table["numerator"].all() and table["denominator"].all())
        or len(set(table["id"].tolist()) - {MAX_CHANNELS}) < channels
    ):
        raise RunFileError("edges of other channels than were announced")
    return data, table


def _decode_fast(frame: Frame, data: bytes, places: list[NDArray[np.void] | None]) -> bool:
    """Decode with the compiled core; False where there is none, or the bytes are not what they must be."""
    try:
        from pycarbon import _edges
    except ImportError:
        return False
    room = [None if into is None else into.view(np.uint8) for into in places]
    return _edges.decode(data, frame.count, frame.tick_ns, frame.t_first_ns, frame.t_last_ns, room)


def _decode_slowly(frame: Frame, data: bytes, table: NDArray[np.void]) -> list[NDArray[np.void]]:
    """Decode with numpy, and say what is wrong."""
    count, channels, tick_ns = frame.count, len(table), frame.tick_ns
    columns, offset = [], channels * TABLE_DTYPE.itemsize + 8
    for width in data[offset - 8 : offset - 1]:
        column, offset = narrow.decode(data, offset, count, width)
        columns.append(column)
    if offset != len(data):
        raise RunFileError("edges of other columns than were announced")
    later, turn, before_code, step, rest, flags, error = columns
    errors = unzigzag(error.view(np.uint64))
    if int(flags.min()) < 0 or int(flags.max()) >= 1 << 16 or not (errors == errors.astype(np.int32)).all():
        raise RunFileError("edges with flags or errors that cannot be")
    row = _rows_of(turn, channels, table)
    order, latest = by_channel(row, channels)
    seen = _seen(later, frame)
    before = _befores(before_code, seen, latest)
    edges = np.empty(count, EDGE_DTYPE)
    edges["t_seen_ns"], edges["t_before_ns"] = seen[order] * tick_ns, before[order] * tick_ns
    edges["flags"], edges["error"] = flags[order], errors[order]
    parts, start = [], 0
    for entry in table:
        part = edges[start : start + int(entry["count"])]
        start += len(part)
        part["channel"] = entry["id"]
        own = slice(start - len(part), start)
        part["raw"] = _raw(step[own].view(np.uint64), rest[own].view(np.uint64), entry)
        parts.append(part)
    return parts


def _rows_of(turn: Signed, channels: int, table: NDArray[np.void]) -> Signed:
    if int(turn.min()) < 0 or int(turn.max()) >= channels:
        raise RunFileError("edges of a channel that was not announced")
    row: Signed = np.cumsum(turn + 1) + (channels - 1)
    row %= channels
    if (np.bincount(row, minlength=channels) != table["count"]).any():
        raise RunFileError("more or fewer edges of a channel than were announced")
    return row


def _seen(later: Signed, frame: Frame) -> Signed:
    if later[0] != 0 or int(later.min()) < 0 or float(later.sum(dtype=np.float64)) > LATEST_NS:
        raise RunFileError("edges whose times do not go forward")
    seen = np.cumsum(later) + frame.t_first_ns // frame.tick_ns
    if not 0 <= frame.t_first_ns <= frame.t_last_ns <= LATEST_NS or int(seen[-1]) * frame.tick_ns != frame.t_last_ns:
        raise RunFileError("edges of another time than was announced")
    return seen


def _befores(code: Signed, seen: Signed, latest: Signed) -> Signed:
    near = code.view(np.uint64) <= np.uint64(2 * NEAR)
    turn = latest - 1
    if bool((turn[near] < 0).any()):
        raise RunFileError("an edge that refers to one before the first")
    before = seen[np.maximum(turn, 0)] + unzigzag(code.view(np.uint64))
    others = np.flatnonzero(~near)
    changes = unzigzag(code[others].view(np.uint64) - np.uint64(2 * NEAR + 1))
    widths = np.cumsum(changes)
    beyond = (changes > LATEST_NS) | (changes < -LATEST_NS) | (widths < 0) | (widths > seen[others])
    if beyond.any():
        raise RunFileError("an edge that was seen before it came")
    before[others] = seen[others] - widths
    if int(before.min()) < 0 or bool((before > seen).any()):
        raise RunFileError("an edge that was seen before it came")
    return before


def _raw(step: Unsigned, rest: Unsigned, entry: np.void) -> Unsigned:
    counted = np.cumsum(unzigzag(step).view(np.uint64) + entry["base"], dtype=np.uint64)
    numerator, denominator = np.uint64(entry["numerator"]), np.uint64(entry["denominator"])
    if denominator == 1:
        raw: Unsigned = counted * numerator - rest
        return raw
    whole = counted // denominator
    return whole * numerator + (counted - whole * denominator) * numerator // denominator - rest


def by_channel(row: Signed, channels: int) -> tuple[Signed, Signed]:
    """Give the order of the edges by channel, and for each edge the latest one before it of its channel, or -1."""
    if channels == 1:
        order = np.arange(len(row))
        return order, order - 1
    order = np.argsort(row.astype(np.uint16), kind="stable")
    latest = np.empty(len(row), np.int64)
    sorted_row = row[order]
    latest[order[0]] = -1
    latest[order[1:]] = np.where(sorted_row[1:] == sorted_row[:-1], order[:-1], -1)
    return order, latest
