"""Run files (.pcr): a header, then frames that each stand alone; docs/run-file.md is the format's description."""

from __future__ import annotations

import json
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycarbon.errors import RunFileError
from pycarbon.run import EDGE_DTYPE, Channel, RunData

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SUFFIX = ".pcr"
MAGIC = b"\x89PCR\r\n\x1a\n"
VERSION = 1

META, EDGES, FOOTER = 1, 2, 3
RAW, SHUFFLED_ZSTD = 0, 1
IGNORABLE = 1

_FILE_HEADER = struct.Struct("<8sHHI")
_FRAME_HEADER = struct.Struct("<IBBHIIHHqqI")
_CRC = struct.Struct("<I")
FRAME_HEADER_BYTES = _FRAME_HEADER.size + _CRC.size

MAX_PAYLOAD_BYTES = 1 << 26
MAX_EDGES_PER_FRAME = 1 << 20
_COLUMNS = (("t_seen_ns", "<i8"), ("width_ns", "<i8"), ("raw", "<u8"), ("flags", "<u2"), ("error", "<i4"))
_EDGE_BYTES = sum(np.dtype(kind).itemsize for _, kind in _COLUMNS)


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
    """Make a frame of metadata."""
    return Frame(frame_type, json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode())


def edges_frame(channel: int, edges: NDArray[np.void]) -> Frame:
    """Make a frame of one channel's edges: columns, delta-coded where they grow, bytes shuffled, zstd."""
    columns = {
        "t_seen_ns": np.diff(edges["t_seen_ns"], prepend=edges["t_seen_ns"][:1]),
        "width_ns": edges["t_seen_ns"] - edges["t_before_ns"],
        "raw": np.diff(edges["raw"], prepend=np.uint64(0)),
        "flags": edges["flags"],
        "error": edges["error"],
    }
    shuffled = b"".join(
        np.ascontiguousarray(columns[name].astype(kind)).view(np.uint8).reshape(len(edges), -1).T.tobytes()
        for name, kind in _COLUMNS
    )
    return Frame(
        EDGES,
        zstd.compress(shuffled, level=1),
        codec=SHUFFLED_ZSTD,
        count=len(edges),
        channel=channel,
        t_first_ns=int(edges["t_seen_ns"][0]),
        t_last_ns=int(edges["t_seen_ns"][-1]),
    )


def decode_edges(frame: Frame) -> NDArray[np.void]:
    """Undo edges_frame; RunFileError where the payload is not what its header says."""
    if frame.codec != SHUFFLED_ZSTD or not 0 < frame.count <= MAX_EDGES_PER_FRAME:
        raise RunFileError(f"edges with codec {frame.codec} and count {frame.count} cannot be read")
    size = frame.count * _EDGE_BYTES
    try:
        shuffled = zstd.ZstdDecompressor().decompress(frame.payload, max_length=size + 1)
    except zstd.ZstdError as error:
        raise RunFileError(f"edges that do not decompress: {error}") from None
    if len(shuffled) != size:
        raise RunFileError(f"edges of {len(shuffled)} bytes where {size} were announced")
    columns: dict[str, NDArray[Any]] = {}
    offset = 0
    for name, kind in _COLUMNS:
        length = frame.count * np.dtype(kind).itemsize
        column = np.frombuffer(shuffled, np.uint8, length, offset).reshape(-1, frame.count)
        columns[name] = np.ascontiguousarray(column.T).view(kind).reshape(-1)
        offset += length
    edges = np.zeros(frame.count, EDGE_DTYPE)
    edges["t_seen_ns"] = np.cumsum(columns["t_seen_ns"]) + frame.t_first_ns
    edges["t_before_ns"] = edges["t_seen_ns"] - columns["width_ns"]
    edges["raw"] = np.cumsum(columns["raw"], dtype=np.uint64)
    edges["flags"] = columns["flags"]
    edges["error"] = columns["error"]
    edges["channel"] = frame.channel
    return edges


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


def parse(data: bytes, where: str) -> RunData:
    """Read a whole file's bytes; what follows the first damaged frame is left out and `complete` is False.

    RunFileError where nothing can be read, or a frame is of a kind this version must know and does not.
    """
    run: RunData | None = None
    parts: dict[int, list[NDArray[np.void]]] = {}
    for frame in frames(data, where):
        try:
            if frame.type == META:
                meta = json.loads(frame.payload)
                run = RunData(meta, [Channel.from_dict(channel) for channel in meta["channels"]], {})
                int(meta["start_ns"])
            elif frame.type == EDGES:
                parts.setdefault(frame.channel, []).append(decode_edges(frame))
            elif frame.type == FOOTER and run is not None:
                run.footer = json.loads(frame.payload)
                run.complete = True
            elif not frame.flags & IGNORABLE:
                raise RunFileError(f"a frame of unknown type {frame.type}")
        except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
            raise RunFileError(f"{where} holds metadata that cannot be read: {error!r}") from None
        except RunFileError as error:
            raise RunFileError(f"{where} holds {error}") from None
    if run is None:
        raise RunFileError(f"{where} was cut before its metadata: nothing in it can be read")
    run.edges = {channel: np.concatenate(part) for channel, part in parts.items()}
    return run


def read(path: Path) -> RunData:
    """Read a run file; RunFileError in one line where that cannot be done."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise RunFileError(f"there is no file {path}") from None
    except IsADirectoryError:
        raise RunFileError(f"{path} is a folder, not a run file") from None
    except OSError as error:
        raise RunFileError(f"{path} cannot be read: {error.strerror}") from None
    return parse(data, str(path))
