"""What bad files are made of: frames whose content is wrong and whose checksums are right."""

from __future__ import annotations

import json
import struct
import zlib
from fractions import Fraction
from typing import Any

import numpy as np

from pycarbon.columns import pack, zstd
from pycarbon.frame import (
    EDGES,
    FOOTER,
    IGNORABLE,
    INDEX,
    KERNELS,
    LAUNCHES,
    META,
    SHUFFLED_ZSTD,
    TURNS_ZSTD,
    Frame,
    file_header,
    json_frame,
)
from pycarbon.index import trailer
from pycarbon.ledger import MARK_DTYPE, NODE_DTYPE, ROW_DTYPE, SLICE_DTYPE
from pycarbon.ledger_frames import marks_frame, names_frame, rows_frame, slices_frame
from pycarbon.run import Channel

MEGA = 1 << 20
CHANNEL = Channel(0, "package-0", "powercap", "measured", "energy", Fraction(1, 1_000_000), 0, True).to_dict()
BEGINNING: dict[str, Any] = {"start_ns": 0, "channels": [CHANNEL]}
META_FRAME = json_frame(META, BEGINNING)
END_FRAME = json_frame(FOOTER, {"end_ns": 10_000})
COLUMNS = 7


def meta(**members: Any) -> Frame:
    """Metadata that says this beside what it must."""
    return json_frame(META, BEGINNING | members)


def text_frame(kind: int, text: str | bytes) -> Frame:
    """A frame of JSON as it stands."""
    return Frame(kind, text.encode() if isinstance(text, str) else text)


def cut_off(*frames: Frame) -> bytes:
    """A file of frames, without index and trailer."""
    return file_header() + b"".join(frame.encode(number) for number, frame in enumerate(frames))


def run_of(*frames: Frame) -> bytes:
    """Metadata, these frames, and a footer."""
    return cut_off(META_FRAME, *frames, END_FRAME)


def zeros(count: int, byte: int = 0) -> bytes:
    """A zstd frame that decompresses to `count` times a byte: 4 bytes for each 128 KiB."""
    blocks, most = [], 1 << 17
    while True:
        size = min(count, most)
        count -= size
        blocks.append(((count == 0) | 1 << 1 | size << 3).to_bytes(3, "little") + bytes([byte]))
        if count == 0:
            return struct.pack("<IBB", 0xFD2FB528, 0, (17 - 10) << 3) + b"".join(blocks)


def turns(
    table: list[tuple[int, int, int, int, int, int]],
    columns: list[bytes],
    widths: tuple[int, ...] = (0,) * COLUMNS,
    **header: Any,
) -> Frame:
    """Edges of codec 2: (id, reserved, count, numerator, denominator, base) for each channel, and coded columns."""
    head = b"".join(struct.pack("<HHIIIQ", *row) for row in table) + bytes(widths) + bytes(8 - len(widths))
    payload = zstd.compress(head + b"".join(columns), 3)
    said = {"count": sum(row[2] for row in table) & 0xFFFFFFFF, "channel": len(table), "tick_ns": 100}
    return Frame(EDGES, payload, TURNS_ZSTD, **said | header)


def still(count: int, flags: int = 0, channel: int = 0, **header: Any) -> Frame:
    """So many edges of a channel at one time, each with these flags."""
    columns = [bytes([value]) * count for value in (0, 0, 5, 0, 0, flags, 0)]
    return turns([(channel, 0, count, 1, 1, 0)], columns, **header)


def edges(count: int = 3, channel: int = 0, first_tick: int = 1, step: int = 1, **header: Any) -> Frame:
    """Edges of a channel, one every tick."""
    later = bytes([0] + [step] * (count - 1))
    columns = [later, bytes(count), bytes([5] * count), bytes([6] * count), *[bytes(count)] * 3]
    said = {"t_first_ns": first_tick * 100, "t_last_ns": (first_tick + step * (count - 1)) * 100}
    return turns([(channel, 0, count, 1, 1, 0)], columns, **said | header)


def old_edges(count: int, payload: bytes, **header: Any) -> Frame:
    """Edges of codec 1."""
    return Frame(EDGES, payload, SHUFFLED_ZSTD, 0, count, **header)


def ledger(*frames: Frame) -> bytes:
    """A run of one region in two slices, with these frames behind."""
    return run_of(NAMES, TWO_SLICES, *frames)


def names(labels: list[str], *pairs: tuple[int, int], first_label: int = 0, first_node: int = 0) -> Frame:
    """Labels and nodes."""
    return names_frame(labels, first_label, np.array(list(pairs), NODE_DTYPE), first_node)


def slices(*rows: tuple[int, int]) -> Frame:
    """Slices from and to these times."""
    return slices_frame(np.array([(*row, 0, 1, 0) for row in rows], SLICE_DTYPE))


def rows(*values: tuple[int, int, int, int, int]) -> Frame:
    """Rows of (slice, node, time, CPU time, calls)."""
    return rows_frame(np.array(list(values), ROW_DTYPE))


def marks(*values: tuple[int, int, int, int]) -> Frame:
    """Marks of (time, node, thread, kind)."""
    return marks_frame(np.array(list(values), MARK_DTYPE))


def kernels(*names: str, first_name: int = 0, **members: Any) -> Frame:
    """Names of kernels, and what else is said of their trace."""
    return json_frame(KERNELS, {"names": list(names), "first_name": first_name, **members})


def launches(*rows: tuple[int, int, int, int, int, int], **header: Any) -> Frame:
    """Launches of (start since the one before, length, name, device, kind, stream), the first at 100."""
    columns = list(np.array(list(rows), np.int64).T)
    payload = pack(columns, ("<i8", "<i8", "<u4", "<u2", "<u2", "<u4"))
    said = {"count": len(rows), "t_first_ns": 100, "t_last_ns": 100 + max(row[1] for row in rows)}
    return Frame(LAUNCHES, payload, SHUFFLED_ZSTD, IGNORABLE, **said | header)


NAMES = names(["a", "b"], (-1, 0), (0, 1))
TWO_SLICES = slices((0, 100), (100, 300))

Row = tuple[int, int, int, int, int, int]


def index_of(*rows: Row) -> Frame:
    """An index of (step, type, channel, count, first, length)."""
    columns = list(np.array(list(rows), np.int64).T)
    payload = pack(columns, ("<i8", "<u2", "<u2", "<u4", "<i8", "<i8"))
    return Frame(INDEX, payload, SHUFFLED_ZSTD, IGNORABLE, len(rows))


def honest(frames: list[Frame], channels: dict[int, int] | None = None) -> list[Row]:
    """The rows of the index of a file's frames; `channels` has the channel of edges, by the frame's number."""
    found, before, offset = [], 0, 16
    for number, frame in enumerate(frames):
        channel = (channels or {}).get(number, 0 if frame.type == EDGES else 65535)
        length_ns = frame.t_last_ns - frame.t_first_ns
        found.append((offset - before, frame.type, channel, frame.count, frame.t_first_ns, length_ns))
        before, offset = offset, offset + 44 + len(frame.payload)
    return found


def closed(frames: list[Frame], index: Frame | None = None, footer: Frame = END_FRAME, **ends: int) -> bytes:
    """A file with an index, a footer and a trailer; `index` and the trailer's offsets may be any others."""
    data = cut_off(*frames)
    index = index_of(*honest(frames)) if index is None else index
    index_offset = len(data)
    data += index.encode(len(frames))
    found = {"index_offset": index_offset, "footer_offset": len(data)} | ends
    return data + footer.encode(len(frames) + 1) + trailer(**found)


def header(version: int = 1, flags: int = 0) -> bytes:
    """The beginning of a file of any version."""
    head = file_header()[:8] + struct.pack("<HH", version, flags)
    return head + struct.pack("<I", zlib.crc32(head))


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def as_json(values: Any) -> bytes:
    """JSON with whatever Python can write."""
    return json.dumps(values).encode()
