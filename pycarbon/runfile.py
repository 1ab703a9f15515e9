"""Run files (.pcr): a header, then frames that each stand alone; docs/run-file.md is the format's description."""

from __future__ import annotations

import json
import struct
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycarbon.errors import RunFileError
from pycarbon.run import EDGE_DTYPE, MAX_CHANNELS, Channel, RunData

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SUFFIX = ".pcr"
MAGIC = b"\x89PCR\r\n\x1a\n"
VERSION = 1

META, EDGES, FOOTER, EVENT = 1, 2, 3, 4
RAW, SHUFFLED_ZSTD = 0, 1
IGNORABLE = 1

_FILE_HEADER = struct.Struct("<8sHHI")
_FRAME_HEADER = struct.Struct("<IBBHIIHHqqI")
_CRC = struct.Struct("<I")
FRAME_HEADER_BYTES = _FRAME_HEADER.size + _CRC.size

LATEST_NS = 1 << 62
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
    """Make a frame of metadata; as ASCII, which also holds what is no text (an argument of any bytes)."""
    payload = json.dumps(values, separators=(",", ":")).encode("ascii")
    return Frame(frame_type, payload, flags=IGNORABLE if frame_type == EVENT else 0)


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
    seen_ns = edges["t_seen_ns"]
    if (
        edges["t_before_ns"].min() < 0
        or seen_ns[-1] > LATEST_NS
        or (columns["width_ns"] < 0).any()
        or (seen_ns[1:] < seen_ns[:-1]).any()
    ):
        raise RunFileError("edges whose times do not go forward")
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


Check = Callable[[Any], bool]


def _is(*kinds: type) -> Check:
    return lambda value: type(value) in kinds


def _number(low: float, high: float) -> Check:
    return lambda value: type(value) in (int, float) and low <= value <= high


def _whole(low: int, high: int) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def _maybe(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _each(check: Check) -> Check:
    return lambda value: type(value) is list and all(map(check, value))


def _map_of(check: Check) -> Check:
    return lambda value: type(value) is dict and all(map(check, value.values()))


def _record(**members: Check) -> Check:
    return lambda value: (
        type(value) is dict and all(name in value and check(value[name]) for name, check in members.items())
    )


def _range(largest: float) -> Check:
    number = _number(0, largest)
    return lambda value: (
        type(value) is dict
        and value.keys() == {"low", "best", "high"}
        and all(map(number, value.values()))
        and value["low"] <= value["best"] <= value["high"]
    )


_TEXT, _TEXTS, _TIME = _is(str), _each(_is(str)), _whole(0, LATEST_NS)
_PLAIN = _is(str, int, float, bool, type(None))
_COUNT = _maybe(_whole(0, 1 << 62))
_GRAMS = _number(0, 1e6)
_WATTS = _range(1e7)

_META_MEMBERS: dict[str, Check] = {
    "start_ns": _TIME,
    "id": _PLAIN,
    "project": _PLAIN,
    "name": _PLAIN,
    "command": _each(_PLAIN),
    "started_at": _PLAIN,
    "tags": _map_of(_PLAIN),
    "notes": _TEXTS,
    "pue": _number(1, 1000),
    "rings": _map_of(_each(_whole(0, MAX_CHANNELS - 1))),
    "obstacles": _each(_record(source=_TEXT, what=_TEXT, remedy=_TEXT)),
    "curves": _each(
        lambda value: (
            _record(domain=_TEXT, basis=_TEXT, idle_w=_WATTS, full_w=_WATTS, exponent=_range(100))(value)
            and all(value["idle_w"][end] <= value["full_w"][end] for end in ("low", "best", "high"))
        )
    ),
    "machine": _map_of(_PLAIN),
    "intensity": lambda value: (
        _record(
            **dict.fromkeys(("zone", "name", "method", "source"), _TEXT),
            **dict.fromkeys(("low_g_per_kwh", "intensity_g_per_kwh", "high_g_per_kwh"), _GRAMS),
            year=_is(int),
            place_known=_is(bool),
        )(value)
        and value["low_g_per_kwh"] <= value["intensity_g_per_kwh"] <= value["high_g_per_kwh"]
    ),
}
_FOOTER_MEMBERS: dict[str, Check] = {
    "start_ns": _TIME,
    "end_ns": _TIME,
    "process_cpu_s": _maybe(_number(0, 1e15)),
    "exit_status": _maybe(_whole(-(1 << 31), 1 << 31)),
    "notes": _TEXTS,
}
_EVENT_MEMBERS: dict[str, Check] = {"monotonic_ns": _TIME, "clock_step_ns": _whole(-LATEST_NS, LATEST_NS)}
"""What a reader relies on. A member may be missing; what is not named here is for later versions, or for people."""


def _metadata(payload: bytes, members: Mapping[str, Check]) -> dict[str, Any]:
    """Read a frame of metadata; ValueError where it is not what `members` says."""
    try:
        values = json.loads(payload)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if type(values) is not dict:
        raise ValueError("it is no object")
    for name, check in members.items():
        if name in values and not check(values[name]):
            raise ValueError(f"{name} cannot be {str(values[name])[:80]!r}")
    return values


def _begin(payload: bytes) -> RunData:
    meta = _metadata(payload, _META_MEMBERS)
    channels = [Channel.from_dict(channel) for channel in meta["channels"]]
    if len({channel.id for channel in channels}) < len(channels):
        raise ValueError("two channels have one id")
    if not _COUNT(meta.get("machine", {}).get("n_threads")):
        raise ValueError("the machine's n_threads is no count")
    modelled = {channel.domain for channel in channels if channel.source == "model"}
    if not modelled <= {curve["domain"] for curve in meta.get("curves", [])}:
        raise ValueError("a modelled channel has no curve")
    run = RunData(meta, channels, {})
    run.start_ns  # noqa: B018  a run has a beginning
    return run


def parse(data: bytes, where: str) -> RunData:
    """Read a whole file's bytes; what follows the first damaged frame is left out and `complete` is False.

    RunFileError where nothing can be read, or a frame is of a kind this version must know and does not, or what a
    whole frame holds makes no sense.
    """
    run: RunData | None = None
    parts: dict[int, list[NDArray[np.void]]] = {}
    for frame in frames(data, where):
        try:
            if frame.type == META and run is None:
                run = _begin(frame.payload)
            elif frame.type == EDGES:
                part = parts.setdefault(frame.channel, [])
                part.append(decode_edges(frame))
                if len(part) > 1 and part[-2]["t_seen_ns"][-1] > part[-1]["t_seen_ns"][0]:
                    raise RunFileError("edges whose times do not go forward")
            elif frame.type == FOOTER and run is not None and not run.complete:
                run.footer = _metadata(frame.payload, _FOOTER_MEMBERS)
                run.complete = True
                if run.end_ns < run.start_ns:
                    raise RunFileError("a run that ends before it begins")
            elif frame.type == EVENT and run is not None:
                run.events.append(_metadata(frame.payload, _EVENT_MEMBERS))
            elif frame.type in (META, FOOTER):
                raise RunFileError("metadata where none belongs")
            elif not frame.flags & IGNORABLE:
                raise RunFileError(f"a frame of unknown type {frame.type}; update pycarbon")
        except (ValueError, KeyError, TypeError) as error:
            why = f"{error} is missing" if isinstance(error, KeyError) else error
            raise RunFileError(f"{where} holds metadata that cannot be read: {why}") from None
        except MemoryError:
            raise RunFileError(f"{where} holds more than there is memory for") from None
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
