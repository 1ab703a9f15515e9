"""Frames: what a run file is made of. Each stands alone, with its own checksums, and is written in one piece."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from pycarbon.errors import RunFileError

Data = bytes | memoryview


class Bytes(Protocol):
    """A file's bytes, in memory or elsewhere: what reads a run takes slices of them."""

    def __len__(self) -> int:
        """Count them."""

    def __getitem__(self, span: slice, /) -> Data:
        """Give some of them, of a slice without a step."""


MAGIC = b"\x89PCR\r\n\x1a\n"
VERSION = 1

META, EDGES, FOOTER, EVENT, LEDGER_NAMES, SLICES, ROWS, MARKS, INDEX, KERNELS, LAUNCHES = range(1, 12)
RAW, SHUFFLED_ZSTD, TURNS_ZSTD = 0, 1, 2
IGNORABLE = 1
MUST_KNOW = 0xFF
"""Of a file's flags, those that a reader may not ignore."""

_FILE_HEADER = struct.Struct("<8sHHI")
_FRAME_HEADER = struct.Struct("<IBBHIIHHqqI")
_CRC = struct.Struct("<I")
FILE_HEADER_BYTES = _FILE_HEADER.size
FRAME_HEADER_BYTES = _FRAME_HEADER.size + _CRC.size

LATEST_NS = 1 << 62
MAX_PAYLOAD_BYTES, MAX_JSON_BYTES = 1 << 26, 1 << 24
"""Of any frame, and of JSON other than names of regions."""

MAX_PER_FRAME = 1 << 20
"""So many rows a frame of columns holds at most."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame without its sequence number, which it gets when it is written."""

    type: int
    payload: Data
    codec: int = RAW
    flags: int = 0
    count: int = 0
    channel: int = 0
    t_first_ns: int = 0
    t_last_ns: int = 0
    tick_ns: int = 0

    def encode(self, sequence: int) -> bytes:
        """Give the frame's bytes: header, header checksum, payload."""
        header = _FRAME_HEADER.pack(
            len(self.payload),
            self.type,
            self.codec,
            self.flags,
            sequence,
            self.count,
            self.channel,
            self.tick_ns,
            self.t_first_ns,
            self.t_last_ns,
            zlib.crc32(self.payload),
        )
        return b"".join([header, _CRC.pack(zlib.crc32(header)), self.payload])


def file_header() -> bytes:
    """Give the bytes every run file begins with."""
    head = MAGIC + struct.pack("<HH", VERSION, 0)
    return head + _CRC.pack(zlib.crc32(head))


def json_frame(frame_type: int, values: dict[str, Any]) -> Frame:
    """Make a frame of metadata; as ASCII, which also holds what is no text (an argument of any bytes)."""
    payload = json.dumps(values, separators=(",", ":")).encode("ascii")
    return Frame(frame_type, payload, flags=IGNORABLE if frame_type in (EVENT, LEDGER_NAMES, KERNELS) else 0)


def check_header(data: Bytes, where: str) -> bool:
    """Check a file's first bytes; False where the file was cut within them.

    RunFileError, with `where` in it, for what is no run file or of an unknown version.
    """
    if not len(data):
        raise RunFileError(f"{where} is empty: nothing was recorded into it")
    head = bytes(data[:FILE_HEADER_BYTES])
    if not head.startswith(MAGIC[: len(head)]):
        raise RunFileError(f"{where} is not a pycarbon run file; `pycarbon run -o FILE -- CMD` writes one")
    if len(head) < FILE_HEADER_BYTES:
        return False
    _, version, flags, crc = _FILE_HEADER.unpack(head)
    if crc != zlib.crc32(head[:-4]):
        raise RunFileError(f"{where} has a damaged header: its checksum does not match")
    if version != VERSION:
        raise RunFileError(
            f"{where} is a run file of version {version}, and this pycarbon reads version {VERSION}; update pycarbon"
        )
    if flags & MUST_KNOW:
        raise RunFileError(
            f"{where} has flags {flags & MUST_KNOW:#x} that this pycarbon does not know; update pycarbon"
        )
    return True


class FrameHeader(NamedTuple):
    """What a frame's header says; `length` is that of the payload in bytes."""

    length: int
    type: int
    codec: int
    flags: int
    sequence: int
    rows: int
    channel: int
    tick_ns: int
    t_first_ns: int
    t_last_ns: int
    checksum: int


def read_header(data: Bytes, offset: int) -> FrameHeader | None:
    """Give the header of the frame at an offset; None where it is cut or damaged."""
    head = bytes(data[offset : offset + FRAME_HEADER_BYTES])
    if len(head) < FRAME_HEADER_BYTES or _CRC.unpack_from(head, _FRAME_HEADER.size)[0] != zlib.crc32(head[:-4]):
        return None
    header = FrameHeader(*_FRAME_HEADER.unpack_from(head))
    return header if header.length <= MAX_PAYLOAD_BYTES else None


def read_frame(data: Bytes, offset: int, sequence: int | None = None) -> tuple[Frame, int] | None:
    """Give the frame at an offset, and where it ends; None where it is cut or damaged, or has another number.

    The payload is not copied out of `data`.
    """
    header = read_header(data, offset)
    if header is None or sequence not in (None, header.sequence):
        return None
    start = offset + FRAME_HEADER_BYTES
    end = start + header.length
    payload = data[start:end]
    if end > len(data) or header.checksum != zlib.crc32(payload):
        return None
    frame = Frame(
        header.type,
        payload,
        header.codec,
        header.flags,
        header.rows,
        header.channel,
        header.t_first_ns,
        header.t_last_ns,
        header.tick_ns,
    )
    return frame, end


def sequence_at(data: Bytes, offset: int) -> int:
    """Give the sequence number of the whole frame at an offset."""
    return int(_CRC.unpack(data[offset + 8 : offset + 8 + _CRC.size])[0])


def frames(data: Bytes, where: str) -> Iterator[tuple[int, Frame]]:
    """Give the whole frames of a file's bytes with their offsets, up to the first that is cut or damaged.

    RunFileError, with `where` in it, for what is no run file or of an unknown version.
    """
    if not check_header(data, where):
        return
    offset, sequence = FILE_HEADER_BYTES, 0
    while (found := read_frame(data, offset, sequence)) is not None:
        yield offset, found[0]
        offset, sequence = found[1], sequence + 1
