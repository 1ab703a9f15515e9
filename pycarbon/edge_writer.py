"""Edges into frames. Channels read in turns share a frame, so that their times cost little; docs/run-file.md.

What is coded: times as differences in ticks, most of which fit a byte; raw values as steps of the unit that the
hardware itself counts in, less their usual size.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pycarbon import narrow
from pycarbon.columns import compress
from pycarbon.edge_reader import NEAR, TABLE_DTYPE, by_channel
from pycarbon.frame import EDGES, LATEST_NS, MAX_PER_FRAME, RAW, TURNS_ZSTD, Frame
from pycarbon.narrow import Signed, Unsigned, zigzag

TICK_NS = 100
"""Reading a counter takes ten times as long: finer times would store noise."""

Grain = tuple[int, int]
WHOLE: Grain = (1, 1)
MICROJOULE_GRAINS: list[Grain] = [(10**9 // 2**power, 1000) for power in (14, 16, 15, 17, 13, 18, 12, 10)]
"""What the kernel makes of hardware units of 2^-k J when it shows them in whole µJ: it keeps the unit in whole nJ
(drivers/powercap/intel_rapl_common.c)."""

SAMPLED = 64


def edges_frames(edges: NDArray[np.void], level: int = 1, tick_ns: int = TICK_NS) -> list[Frame]:
    """Make the frames of edges, EDGE_DTYPE, of one ring, in the order in which they were written there."""
    seen_ns = edges["t_seen_ns"]
    if len(edges) > 1 and bool((seen_ns[1:] < seen_ns[:-1]).any()):
        edges = edges[np.argsort(seen_ns, kind="stable")]
    if len(edges) and int(edges["t_seen_ns"][-1]) > LATEST_NS - tick_ns:  # it could not be rounded up
        tick_ns = 1
    return [_frame(edges[i : i + MAX_PER_FRAME], level, tick_ns) for i in range(0, len(edges), MAX_PER_FRAME)]


def tick_of(edges: NDArray[np.void]) -> int:
    """Give the usual tick where times are whole ticks already, and else such that nothing is rounded."""
    whole = not (edges["t_seen_ns"] % TICK_NS).any() and not (edges["t_before_ns"] % TICK_NS).any()
    return TICK_NS if whole else 1


def ids(edges: NDArray[np.void]) -> list[int]:
    """Give the channels of edges in the order in which a frame's table has them."""
    found: list[int] = np.flatnonzero(np.bincount(edges["channel"])).tolist()
    return found


def raw_frames(channel: int, edges: NDArray[np.void]) -> list[Frame]:
    """Make the frames of one channel's edges as they are: large, and read without a copy."""
    frames = []
    for i in range(0, len(edges), MAX_PER_FRAME):
        part = edges[i : i + MAX_PER_FRAME]
        first_ns, last_ns = int(part["t_seen_ns"][0]), int(part["t_seen_ns"][-1])
        frames.append(Frame(EDGES, part.tobytes(), RAW, 0, len(part), channel, first_ns, last_ns))
    return frames


def _frame(edges: NDArray[np.void], level: int, tick_ns: int) -> Frame:
    tick = np.uint64(tick_ns)
    seen = (edges["t_seen_ns"].view(np.uint64) + (tick - np.uint64(1))) // tick
    before = edges["t_before_ns"].view(np.uint64) // tick
    counts = np.bincount(edges["channel"])
    channels = np.flatnonzero(counts)
    table = np.zeros(len(channels), TABLE_DTYPE)
    table["id"], table["count"] = channels, counts[channels]
    number = np.zeros(len(counts), np.int64)
    number[channels] = np.arange(len(channels))
    row = number[edges["channel"]]
    order, latest = by_channel(row, len(channels))
    steps, rests = _raw_columns(edges["raw"][order], table)
    columns = [
        [np.diff(seen, prepend=seen[:1])],
        [((np.diff(row, prepend=len(channels) - 1) - 1) % len(channels)).view(np.uint64)],
        [_before_column(before.view(np.int64), seen.view(np.int64), latest)],
        steps,
        rests,
        [edges["flags"].astype(np.uint64)],
        [zigzag(edges["error"].astype(np.int64))],
    ]
    coded = [narrow.encode(column[0] if len(column) == 1 else np.concatenate(column)) for column in columns]
    widths = bytes(width for _, width in coded) + bytes(1)
    pieces = [table.tobytes() + widths, *_pieces(coded, steps)]
    first_ns, last_ns = int(seen[0]) * tick_ns, int(seen[-1]) * tick_ns
    payload = compress(pieces, level)
    return Frame(EDGES, payload, TURNS_ZSTD, 0, len(edges), len(channels), first_ns, last_ns, tick_ns)


def _pieces(coded: list[tuple[list[bytes], int]], steps: list[Unsigned]) -> Iterator[bytes]:
    """Give the columns' bytes in pieces that are alike within: zstd makes a code of its own for each."""
    for place, (parts, _) in enumerate(coded):
        if place == 3:
            offset = 0
            for step in steps:
                yield parts[0][offset : offset + len(step)]
                offset += len(step)
            yield from parts[1:]
        else:
            yield from parts


def _before_column(before: Signed, seen: Signed, latest: Signed) -> Unsigned:
    turn = latest - 1
    distance = before - seen[np.maximum(turn, 0)]
    near = (turn >= 0) & (np.abs(distance) <= NEAR)
    column = zigzag(distance)
    others = np.flatnonzero(~near)
    column[others] = zigzag(np.diff((seen - before)[others], prepend=0)) + np.uint64(2 * NEAR + 1)
    return column


def _raw_columns(raw: Unsigned, table: NDArray[np.void]) -> tuple[list[Unsigned], list[Unsigned]]:
    steps, rests, start = [], [], 0
    for entry in table:
        part = raw[start : start + int(entry["count"])]
        start += len(part)
        grain = _grain(part)
        counted, rest = _counted(part, grain)
        step = np.diff(counted, prepend=np.uint64(0))
        base = _usual(step[1:]) if len(step) > 1 else np.uint64(0)
        entry["numerator"], entry["denominator"], entry["base"] = *grain, base
        steps.append(zigzag(step - base))
        rests.append(rest)
    return steps, rests


def _counted(raw: Unsigned, grain: Grain) -> tuple[Unsigned, Unsigned]:
    numerator, denominator = np.uint64(grain[0]), np.uint64(grain[1])
    if grain == WHOLE:
        return raw, np.zeros(len(raw), np.uint64)
    counted = (raw * denominator + (numerator - np.uint64(1))) // numerator
    return counted, counted * numerator // denominator - raw


def _sample(values: Unsigned) -> Unsigned:
    return values[:: max(len(values) // SAMPLED, 1)][:SAMPLED]


def _usual(values: Unsigned) -> np.uint64:
    """Give about the median: of some, of those that are sorted as signed numbers."""
    some = np.sort(_sample(values).view(np.int64)).view(np.uint64)
    return np.uint64(some[len(some) // 2])


def _grain(raw: Unsigned) -> Grain:
    """Guess the unit in which the hardware counts: one of which nearly all of some raw values are multiples."""
    some = _sample(raw[raw != 0])
    if not len(some):
        return WHOLE
    zeros = int(np.bitwise_or.reduce(some))
    shift = (zeros & -zeros).bit_length() - 1
    if shift > 0:
        grain = (1 << min(shift, 31), 1)
        return grain if not (raw & np.uint64(grain[0] - 1)).any() else WHOLE
    if int(raw.max()) >= 1 << 53:
        return WHOLE
    for grain in MICROJOULE_GRAINS:
        _, rest = _counted(some, grain)
        if (rest <= 1).mean() >= 0.9:  # one less than a multiple: rounded twice
            return grain
    return WHOLE
