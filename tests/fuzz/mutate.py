"""Makes bad run files of good ones: takes one apart, changes something, and mends whatever would give it away.

Checksums, lengths, sequence numbers and the offsets in the index and the trailer are right again afterwards (mostly:
a reader must also notice where they are not), so that what is wrong is the content.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from pycarbon.columns import zstd
from pycarbon.frame import (
    EVENT,
    FILE_HEADER_BYTES,
    FOOTER,
    INDEX,
    KERNELS,
    LEDGER_NAMES,
    MAX_PER_FRAME,
    META,
    RAW,
    TURNS_ZSTD,
    Frame,
    file_header,
    read_frame,
)
from pycarbon.index import trailer

MOST_BYTES = 1 << 17
MOST_UNPACKED = 1 << 22
SOMETIMES = 0.05

INDEX_KINDS = ("<q", "<H", "<H", "<I", "<q", "<q")
NUMBERS = [0, 1, 2, 5, 255, 256, 2**16 - 1, 2**20, 2**31 - 1, 2**32 - 1, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
VALUES: list[Any] = [
    *[
        None,
        True,
        False,
        [],
        {},
        "",
        "model",
        "energy",
        "cpu_time",
        "measured",
        "1/3",
        "\x1b[2J\n",
        "\ud800",
        "é" * 9,
    ],
    *[float("nan"), float("inf"), -1.0, 1e300, 5e-324, 0.5, -1, 10**400, 10**30, *NUMBERS],
]
"""What stands in for any value of JSON."""


@dataclass
class File:
    """A file in its parts; `ends` says whether it has a trailer."""

    head: bytes = field(default_factory=file_header)
    frames: list[Frame] = field(default_factory=list)
    ends: bool = False
    tail: bytes = b""


def take_apart(data: bytes) -> File:
    """Split a file; what is no frame any more is its tail."""
    found = File(data[:FILE_HEADER_BYTES])
    offset = FILE_HEADER_BYTES
    while (one := read_frame(data, offset)) is not None:
        frame, offset = one
        found.frames.append(replace(frame, payload=bytes(frame.payload)))
    found.tail = data[offset:]
    if len(found.tail) == 32 and found.tail.endswith(b"PCREND\n"):
        found.ends, found.tail = True, b""
    return found


def put_together(file: File, rng: Random) -> bytes:
    """Give the bytes of a file again, with all that follows from its parts."""
    parts, offsets = [file.head], []
    size = len(file.head)
    for number, frame in enumerate(file.frames):
        if frame.type == INDEX and rng.random() > SOMETIMES:
            frame = mended_index(frame, offsets)
        offsets.append(size)
        parts.append(frame.encode(number if rng.random() > SOMETIMES / 10 else rng.randrange(2**32)))
        size += len(parts[-1])
    data = b"".join(parts)
    if file.ends and len(offsets) >= 2:
        ends = offsets[-2:] if rng.random() > SOMETIMES else [rng.choice(offsets), rng.choice([size, *offsets])]
        data += trailer(*ends)
    return data + file.tail


def mended_index(frame: Frame, offsets: list[int]) -> Frame:
    """Lead the rows of an index to where the frames now are."""
    columns = columns_of(frame)
    if columns is None:
        return frame
    number, before = -1, 0
    for row, step in enumerate(columns[0]):
        number += number < 0 or step != 0
        if number < len(offsets):
            columns[0][row] = offsets[number] - before
            before = offsets[number]
    return with_columns(frame, columns)


def columns_of(frame: Frame) -> list[list[int]] | None:
    """Give the columns of an index; None where it has none."""
    data = unpacked(frame)
    if data is None or frame.count > 4096 or len(data) != frame.count * 32:
        return None
    found, offset = [], 0
    for kind in INDEX_KINDS:
        width = struct.calcsize(kind)
        plain = bytes(data[offset + (i % width) * frame.count + i // width] for i in range(width * frame.count))
        found.append([value for (value,) in struct.iter_unpack(kind, plain)])
        offset += width * frame.count
    return found


def with_columns(frame: Frame, columns: list[list[int]]) -> Frame:
    """Give an index other columns."""
    parts = []
    for kind, column in zip(INDEX_KINDS, columns, strict=True):
        width = struct.calcsize(kind)
        plain = b"".join((value % 2 ** (8 * width)).to_bytes(width, "little") for value in column)
        parts += [plain[byte::width] for byte in range(width)]
    return replace(frame, payload=zstd.compress(b"".join(parts), 1), count=len(columns[0]))


def unpacked(frame: Frame) -> bytes | None:
    """Give what a payload decompresses to; None where it does not, or it is a lot."""
    if frame.codec == RAW:
        return bytes(frame.payload)
    try:
        data: bytes = zstd.ZstdDecompressor().decompress(frame.payload, max_length=MOST_UNPACKED + 1)
    except zstd.ZstdError:
        return None
    return data if len(data) <= MOST_UNPACKED else None


def mutate(data: bytes, rng: Random, others: list[bytes]) -> bytes:
    """Change a file in one or a few ways; `others` lend their frames."""
    if len(data) < FILE_HEADER_BYTES or rng.random() < SOMETIMES:
        return changed_bytes(data, rng)[:MOST_BYTES]
    file = take_apart(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        rng.choice(WAYS)(file, rng, others)
    return put_together(file, rng)[:MOST_BYTES]


def changed_bytes(data: bytes, rng: Random) -> bytes:
    """Change some bytes: one, a number, or a stretch that is left out or doubled."""
    found = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        place = rng.randrange(len(found) + 1)
        way = rng.randrange(6)
        if way == 0:
            found[place : place + 1] = bytes([rng.randrange(256)])
        elif way == 1:
            width = rng.choice([1, 2, 4, 8])
            found[place : place + width] = (number(rng) % 2 ** (8 * width)).to_bytes(width, "little")
        elif way == 2:
            del found[place : place + rng.choice([1, 2, 8, 30])]
        elif way == 3:
            found[place:place] = found[place : place + rng.choice([1, 2, 8, 30])]
        elif way == 4 and place < len(found):
            found[place] ^= 1 << rng.randrange(8)
        elif place < len(found):
            found[place] = (found[place] + rng.choice([-1, 1, 2, 250])) % 256
    return bytes(found)


def number(rng: Random) -> int:
    """Give a number at which something might turn over."""
    return rng.choice(NUMBERS) + rng.choice([-1, 0, 0, 0, 1]) if rng.random() < 0.8 else rng.getrandbits(64)


def one_of(file: File, rng: Random, *types: int) -> int | None:
    """Choose a frame, of some types if any are given."""
    places = [place for place, frame in enumerate(file.frames) if not types or frame.type in types]
    return rng.choice(places) if places else None


def change_payload(file: File, rng: Random, others: list[bytes]) -> None:
    """Change what a payload decompresses to; of edges in turns mostly the head, which all else depends on."""
    if (place := one_of(file, rng)) is None:
        return
    frame = file.frames[place]
    data = unpacked(frame)
    if data is None:
        data = bytes(frame.payload)
    if frame.codec == TURNS_ZSTD and rng.random() < 0.5:
        head = 24 * frame.channel + 8
        data = changed_bytes(data[:head], rng)[:head].ljust(head, b"\0") + data[head:]
    else:
        data = changed_bytes(data, rng)
    payload = data if frame.codec == RAW else zstd.compress(data, 1)
    file.frames[place] = replace(frame, payload=payload)


def change_code(file: File, rng: Random, others: list[bytes]) -> None:
    """Change a payload as it is."""
    if (place := one_of(file, rng)) is not None:
        frame = file.frames[place]
        file.frames[place] = replace(frame, payload=changed_bytes(bytes(frame.payload), rng))


def change_header(file: File, rng: Random, others: list[bytes]) -> None:
    """Change a field of a frame's header."""
    if (place := one_of(file, rng)) is None:
        return
    frame = file.frames[place]
    name, bits = rng.choice(FIELDS)
    old = getattr(frame, name)
    value = rng.choice([number(rng), old + rng.choice([-1, 1, 100, -100]), rng.randrange(12)]) % 2**bits
    file.frames[place] = replace(frame, **{name: value})


def change_json(file: File, rng: Random, others: list[bytes]) -> None:
    """Put another value somewhere into JSON, or take one out."""
    if (place := one_of(file, rng, META, FOOTER, EVENT, LEDGER_NAMES, KERNELS)) is None:
        return
    frame = file.frames[place]
    try:
        values = json.loads(frame.payload)
        _change_value(values, rng)
        payload = json.dumps(values, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return
    file.frames[place] = replace(frame, payload=payload)


def _change_value(values: Any, rng: Random) -> None:
    """Go down into JSON, and change something there."""
    while True:
        keys = list(values) if isinstance(values, dict) else range(len(values)) if isinstance(values, list) else []
        if not keys:
            return
        key = rng.choice(list(keys))
        if isinstance(values[key], dict | list) and values[key] and rng.random() < 0.85:
            values = values[key]
            continue
        old = values[key]
        if rng.random() < 0.1:
            del values[key]
        elif isinstance(values, list) and rng.random() < 0.2:
            values.insert(key, rng.choice(values))
        elif type(old) in (int, float) and rng.random() < 0.5:
            values[key] = rng.choice([number(rng), -old, old + 1, old * 2, old / 3 if abs(old) < 1e300 else 0])
        else:
            values[key] = rng.choice(VALUES)
        return


def change_order(file: File, rng: Random, others: list[bytes]) -> None:
    """Move, leave out or double a frame."""
    if (place := one_of(file, rng)) is None:
        return
    frame = file.frames.pop(place)
    for _ in range(rng.choice([0, 1, 1, 2])):
        file.frames.insert(rng.randrange(len(file.frames) + 1), frame)


def change_index(file: File, rng: Random, others: list[bytes]) -> None:
    """Change a row of the index, or leave one out, or double it."""
    place = one_of(file, rng, INDEX)
    columns = None if place is None else columns_of(file.frames[place])
    if place is None or not columns or not columns[0]:
        change_header(file, rng, others)
        return
    row, way = rng.randrange(len(columns[0])), rng.randrange(4)
    if way == 0 and len(columns[0]) > 1:
        for column in columns:
            del column[row]
    elif way == 1:
        for column in columns:
            column.insert(row, column[row])
        columns[0][row + 1] = 0
    else:
        column = rng.choice(columns)
        column[row] = rng.choice([number(rng), column[row] + rng.choice([-1, 1, 44]), rng.choice(column)])
    file.frames[place] = with_columns(file.frames[place], columns)


def borrow(file: File, rng: Random, others: list[bytes]) -> None:
    """Take a frame of another file in."""
    found = take_apart(rng.choice(others)).frames if others else []
    if found:
        file.frames.insert(rng.randrange(len(file.frames) + 1), rng.choice(found))


def change_ends(file: File, rng: Random, others: list[bytes]) -> None:
    """Change the header, the tail, or whether there is a trailer."""
    way = rng.randrange(4)
    if way == 0:
        file.ends = not file.ends
    elif way == 1:
        file.tail = file.tail[:-1] if file.tail else rng.randbytes(rng.choice([1, 32, 44, 60]))
    elif way == 2:
        head = file.head[:8] + struct.pack("<HH", rng.choice([1, 1, 2]), number(rng) % 2**16)
        file.head = head + struct.pack("<I", zlib.crc32(head))
    else:
        file.frames = file.frames[: rng.randrange(len(file.frames) + 1)]


FIELDS = [("type", 8), ("codec", 8), ("flags", 16), ("count", 32), ("channel", 16), ("tick_ns", 16)]
FIELDS += [("t_first_ns", 63), ("t_last_ns", 63)]

Way = Callable[[File, Random, list[bytes]], None]
WAYS: list[Way] = [
    *[change_payload] * 4,
    *[change_json] * 4,
    *[change_header] * 3,
    *[change_index] * 2,
    *[change_order, change_code, borrow, change_ends],
]


def claims(data: bytes) -> int:
    """Say how many rows a file's frames claim in all, as far as a reader may believe them."""
    return sum(frame.count for frame in take_apart(data).frames if frame.count <= MAX_PER_FRAME)
