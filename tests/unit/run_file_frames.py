"""The frames of a run file as docs/run-file.md tells them: what run_file_oracle.py is made with."""

import json
import struct
import zlib
from collections import namedtuple

try:
    from compression import zstd
except ImportError:  # before Python 3.14
    from backports import zstd

MAGIC, END_MAGIC = b"\x89PCR\r\n\x1a\n", b"\x89PCREND\n"
FRAME_STRUCT, TRAILER_STRUCT = struct.Struct("<IBBHIIHHqqII"), struct.Struct("<QQII8s")
METADATA, EDGES, FOOTER, EVENT, NAMES, SLICES, ROWS, MARKS, INDEX, KERNELS, LAUNCHES = range(1, 12)
COUNTING, REGIONS = {EDGES, SLICES, ROWS, MARKS, INDEX, LAUNCHES}, {NAMES, SLICES, ROWS, MARKS}
TRACED = {KERNELS, LAUNCHES}
CODECS = {type_: (1,) if type_ in COUNTING else (0,) for type_ in range(1, 12)} | {EDGES: (0, 1, 2)}
MAX_TIME_NS, U64 = 2**62, 2**64 - 1


class BadFile(ValueError):
    """Say why a file must be refused, in one line."""


def need(is_right, why):
    """Refuse the file unless something is right."""
    if not is_right:
        raise BadFile(why)


HEAD_FIELDS = "length type codec flags sequence count channel tick_ns first_ns last_ns payload_crc crc"
Frame = namedtuple("Frame", HEAD_FIELDS + " payload")  # channel: which one, or how many


def is_known(frame):
    """Tell whether this reader knows a frame's type, its codec and all its flags."""
    return frame.codec in CODECS.get(frame.type, ()) and frame.flags in (0, 1)


def frame_at(data, offset, sequence=None):
    """Return the frame at an offset, or None where it is cut, damaged or does not have this sequence number."""
    header = data[offset : offset + 44]
    if len(header) < 44:
        return None
    frame = Frame(*FRAME_STRUCT.unpack(header), b"")
    if frame.crc != zlib.crc32(header[:40]) or sequence not in (None, frame.sequence):
        return None
    payload = data[offset + 44 : offset + 44 + frame.length]
    is_right = len(payload) == frame.length <= 2**26 and zlib.crc32(payload) == frame.payload_crc
    return frame._replace(payload=payload) if is_right else None


def check_count(frame):
    """Refuse a frame that counts nothing, or more than may be."""
    need(1 <= frame.count <= 2**20, f"a frame of type {frame.type} with a count of {frame.count}")


def json_object(frame):
    """Return the JSON object of a payload."""
    need(frame.type == NAMES or frame.length <= 2**24, f"{frame.length} bytes of JSON, which is too long")
    try:
        value = json.loads(frame.payload.decode("utf-8"), parse_constant=int)  # int("NaN") fails, as it should
    except (ValueError, RecursionError) as error:
        raise BadFile(f"a frame of type {frame.type} is no JSON: {str(error).splitlines()[0]}") from None
    need(isinstance(value, dict), f"a frame of type {frame.type} is no JSON object")
    return value


def is_int(value, low, high):
    """Tell whether a JSON value is a whole number from low to high."""
    return type(value) is int and low <= value <= high


def decompress(payload, limit):
    """Return what one zstd frame decompresses to, at most limit bytes."""
    decompressor = zstd.ZstdDecompressor()
    try:
        plain = decompressor.decompress(payload, limit + 1)
    except zstd.ZstdError as error:
        raise BadFile(f"a payload does not decompress: {str(error).splitlines()[0]}") from None
    need(len(plain) <= limit, "a payload decompresses to more than its count announces")
    need(decompressor.eof and not decompressor.unused_data, "a payload is not one zstd frame")
    return plain


def unshuffled(frame, types):
    """Return the columns, of these types by the letters of struct, of a payload of codec 1."""
    check_count(frame)
    size = frame.count * struct.calcsize("<" + types)
    plain = decompress(frame.payload, size)
    need(len(plain) == size, "a payload decompresses to less than its count announces")
    columns, at = [], 0
    for letter in types:
        width = struct.calcsize("<" + letter)
        values = bytearray(frame.count * width)
        for byte in range(width):
            values[byte::width] = plain[at : at + frame.count]
            at += frame.count
        columns.append(struct.unpack(f"<{frame.count}{letter}", values))
    return columns
