"""Frames: what a run file is made of. Each stands alone, with its own checksums, and is written in one piece."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pycarbon.errors import RunFileError

MAGIC = b"\x89PCR\r\n\x1a\n"
VERSION = 1

META, EDGES, FOOTER, EVENT, LEDGER_NAMES, SLICES, ROWS, MARKS = range(1, 9)
RAW, SHUFFLED_ZSTD = 0, 1
IGNORABLE = 1

_FILE_HEADER = struct.Struct("<8sHHI")
_FRAME_HEADER = struct.Struct("<IBBHIIHHqqI")
_CRC = struct.Struct("<I")
FRAME_HEADER_BYTES = _FRAME_HEADER.size + _CRC.size

LATEST_NS = 1 << 62
MAX_PAYLOAD_BYTES = 1 << 26
MAX_PER_FRAME = 1 << 20
"""So many rows a frame of columns holds at most."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame without its sequence number, which it gets when it is written."""

    type: int
    payload: bytes
    codec: int = RAW
    flags: int = 0
    count: int = 0
    channel: int = 0
    t_first_ns: int = 0
    t_last_ns: int = 0

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
            0,
            self.t_first_ns,
            self.t_last_ns,
            zlib.crc32(self.payload),
        )
        return header + _CRC.pack(zlib.crc32(header)) + self.payload


def file_header() -> bytes:
    """Give the bytes every run file begins with."""
    head = MAGIC + struct.pack("<HH", VERSION, 0)
    return head + _CRC.pack(zlib.crc32(head))


def json_frame(frame_type: int, values: dict[str, Any]) -> Frame:
    """Make a frame of metadata; as ASCII, which also holds what is no text (an argument of any bytes)."""
    payload = json.dumps(values, separators=(",", ":")).encode("ascii")
    return Frame(frame_type, payload, flags=IGNORABLE if frame_type in (EVENT, LEDGER_NAMES) else 0)


def frames(data: bytes, where: str) -> Iterator[Frame]:
    """Give the whole frames of a file's bytes, up to the first that is cut or damaged.

    RunFileError, with `where` in it, for what is no run file or of an unknown version.
    """
    if not data:
        raise RunFileError(f"{where} is empty: nothing was recorded into it")
    head = data[: _FILE_HEADER.size]
    if not head.startswith(MAGIC[: len(head)]):
        raise RunFileError(f"{where} is not a pycarbon run file; `pycarbon run -o FILE -- CMD` writes one")
    if len(head) < _FILE_HEADER.size:
        return
    _, version, _, crc = _FILE_HEADER.unpack(head)
    if crc != zlib.crc32(head[:-4]):
        raise RunFileError(f"{where} has a damaged header: its checksum does not match")
    if version != VERSION:
        raise RunFileError(
            f"{where} is a run file of version {version}, and this pycarbon reads version {VERSION}; update pycarbon"
        )
    offset = _FILE_HEADER.size
    expected = 0
    while offset + FRAME_HEADER_BYTES <= len(data):
        header = data[offset : offset + _FRAME_HEADER.size]
        (crc,) = _CRC.unpack_from(data, offset + _FRAME_HEADER.size)
        length, kind, codec, flags, sequence, count, channel, _, t_first, t_last, payload_crc = _FRAME_HEADER.unpack(
            header
        )
        offset += FRAME_HEADER_BYTES
        if crc != zlib.crc32(header) or sequence != expected or length > MAX_PAYLOAD_BYTES:
            return
        payload = data[offset : offset + length]
        if len(payload) < length or payload_crc != zlib.crc32(payload):
            return
        offset += length
        expected += 1
        yield Frame(kind, payload, codec, flags, count, channel, t_first, t_last)
