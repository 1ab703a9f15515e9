"""Read a run file as docs/run-file.md tells it: the tests' oracle, plain, from the page alone."""

import json
import re
import struct
import zlib
from collections import namedtuple
from dataclasses import dataclass, field

try:
    from compression import zstd
except ImportError:  # before Python 3.14
    from backports import zstd

MAGIC, END_MAGIC = b"\x89PCR\r\n\x1a\n", b"\x89PCREND\n"
FRAME_STRUCT, TRAILER_STRUCT = struct.Struct("<IBBHIIHHqqII"), struct.Struct("<QQII8s")
METADATA, EDGES, FOOTER, EVENT, NAMES, SLICES, ROWS, MARKS, INDEX = range(1, 10)
COUNTING, REGIONS = {EDGES, SLICES, ROWS, MARKS, INDEX}, {NAMES, SLICES, ROWS, MARKS}
CODECS = {type_: (1,) if type_ in COUNTING else (0,) for type_ in range(1, 10)} | {EDGES: (0, 1, 2)}
MAX_TIME_NS, U64 = 2**62, 2**64 - 1


class BadFile(ValueError):
    """Say why a file must be refused, in one line."""


def _need(is_right, why):
    """Refuse the file unless something is right."""
    if not is_right:
        raise BadFile(why)


@dataclass
class File:
    """Hold what a run file says."""

    metadata: dict | None = None
    footer: dict | None = None
    complete: bool = False  # the footer was read and does not say that the recording was cut off
    events: list = field(default_factory=list)
    edges: dict = field(default_factory=dict)  # channel: [(before_ns, seen_ns, raw, flags, error)]; no key, no edges
    labels: list = field(default_factory=list)
    nodes: list = field(default_factory=list)  # (parent, label)
    slices: list = field(default_factory=list)  # (start_ns, end_ns, channel, threads)
    rows: list = field(default_factory=list)  # (slice, node, time_ns, cpu_ns, calls)
    marks: list = field(default_factory=list)  # (time_ns, node, thread, kind)
    depths: list = field(default_factory=list, repr=False)  # of each node; a root's is 1
    is_skipping: bool = field(default=False, repr=False)  # a frame of regions was: what follows may refer to it


HEAD_FIELDS = "length type codec flags sequence count channel tick_ns first_ns last_ns payload_crc crc"
Frame = namedtuple("Frame", HEAD_FIELDS + " payload")  # channel: which one, or how many


def _is_known(frame):
    """Tell whether this reader knows a frame's type, its codec and all its flags."""
    return frame.codec in CODECS.get(frame.type, ()) and frame.flags in (0, 1)


def read(data: bytes) -> File:
    """Read a file frame after frame up to its footer, or to the first frame that is cut, damaged or out of turn."""
    _check_header(data)
    file, offset, sequence = File(), 16, 0
    while file.footer is None and (frame := _frame_at(data, offset, sequence)) is not None:
        _take(file, frame)
        offset += 44 + frame.length
        sequence += 1
    _need(file.metadata is not None, "the file does not begin with metadata")
    return file


def read_indexed(data: bytes) -> File:
    """Read a file by its trailer and its index; where these lead nowhere, as read() does."""
    _check_header(data)
    if (ends := _frames_by_trailer(data)) is None:
        return read(data)
    index_offset, index, footer = ends
    file, frame_end, sequence = File(), 16, 0
    for offset, rows in _frames_of_index(index):
        _need(offset == frame_end < index_offset, f"the index has a frame at {offset}, where none is")
        frame = _frame_at(data, offset, sequence)
        _need(frame is not None, f"the frame at {offset} is cut or damaged or not number {sequence}")
        expected = _take(file, frame)
        _need(expected in (None, rows), f"the index is wrong about the frame at {offset}")
        frame_end += 44 + frame.length
        sequence += 1
    _need((frame_end, sequence) == (index_offset, index.sequence), "the index lacks frames that lie before it")
    _take(file, footer)
    return file


def _check_header(data):
    """Refuse what has not the header of a file of version 1."""
    _need(data[:8] == MAGIC and len(data) >= 16, "not a run file")
    version, flags, crc = struct.unpack_from("<HHI", data, 8)
    _need(version == 1, f"a run file of version {version}, which this reader does not know")
    _need(crc == zlib.crc32(data[:12]), "the checksum of the header is wrong")
    _need(flags & 0xFF == 0, f"the file has flags that this reader does not know: {flags:#x}")


def _frame_at(data, offset, sequence=None):
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


def _frames_by_trailer(data):
    """Return the index's offset, the index and the footer, or None where no trailer leads to both, side by side."""
    index_offset, footer_offset, _, crc, magic = TRAILER_STRUCT.unpack(data[-32:].rjust(32))
    if magic != END_MAGIC or crc != zlib.crc32(data[-32:-12]):
        return None
    index, footer = _frame_at(data, index_offset), _frame_at(data, footer_offset)
    for frame, type_ in ((index, INDEX), (footer, FOOTER)):
        if frame is None or not _is_known(frame) or frame.type != type_:
            return None
    ends = (index_offset + 44 + index.length, footer_offset + 44 + footer.length)
    follow = ends == (footer_offset, len(data) - 32) and footer.sequence == index.sequence + 1
    return (index_offset, index, footer) if follow else None


def _frames_of_index(index):
    """Return the offset of each frame in an index, with its rows (type, channel, count, first_ns, last_ns)."""
    frames, offset = [], 0
    for step, type_, channel, count, first_ns, length_ns in zip(*_unshuffled(index, "qHHIqq"), strict=False):
        _need(step >= 0, "the offsets in the index go back")
        offset += step
        if step > 0 or not frames:
            frames.append((offset, []))
        frames[-1][1].append((type_, channel, count, first_ns, first_ns + length_ns))
    return frames


def _check_count(frame):
    """Refuse a frame that counts nothing, or more than may be."""
    _need(1 <= frame.count <= 2**20, f"a frame of type {frame.type} with a count of {frame.count}")


def _take(file, frame):
    """Add what a frame says to a file; return its rows in an index (None: of an unknown frame)."""
    _need(_is_known(frame) or frame.flags & 1, f"a frame of unknown type, codec or flags: {frame[1:4]}")
    rows = [(frame.type, 65535, frame.count, frame.first_ns, frame.last_ns)]
    is_metadata = _is_known(frame) and frame.type == METADATA
    _need(is_metadata or frame.sequence > 0, "the file does not begin with metadata")
    if not _is_known(frame):
        file.is_skipping |= frame.type in REGIONS
        return None
    if frame.type == EDGES:
        return _take_edges(file, frame)
    if is_metadata:
        _need(file.metadata is None, "a second frame of metadata")
        _take_metadata(file, _object(frame))
    elif frame.type == FOOTER:
        _need(file.footer is None, "a second footer")
        file.footer = _object(frame)
        file.complete = file.footer.get("complete", True) is not False
    elif frame.type == EVENT:
        file.events.append(_object(frame))
    elif frame.type in REGIONS and not file.is_skipping:
        {NAMES: _take_names, SLICES: _take_slices, ROWS: _take_rows, MARKS: _take_marks}[frame.type](file, frame)
    return rows


def _object(frame):
    """Return the JSON object of a payload."""
    _need(frame.type == NAMES or frame.length <= 2**24, f"{frame.length} bytes of JSON, which is too long")
    try:
        value = json.loads(frame.payload.decode("utf-8"), parse_constant=int)  # int("NaN") fails, as it should
    except (ValueError, RecursionError) as error:
        raise BadFile(f"a frame of type {frame.type} is no JSON: {str(error).splitlines()[0]}") from None
    _need(isinstance(value, dict), f"a frame of type {frame.type} is no JSON object")
    return value


QUANTITIES = ("energy", "cpu_time", "gpu_time", "power", "utilisation", "frequency", "temperature", "throttle")


def _is_part(value, below):
    """Tell whether a JSON value is a number from 0 to less than `below`, and no infinity."""
    return type(value) in (int, float) and 0 <= value < below


def _is_int(value, low, high):
    """Tell whether a JSON value is a whole number from low to high."""
    return type(value) is int and low <= value <= high


def _take_metadata(file, metadata):
    """Check the metadata and keep them."""
    _need(_is_int(metadata.get("start_ns"), 0, MAX_TIME_NS), "the metadata have no right start_ns")
    channels = metadata.get("channels")
    _need(isinstance(channels, list) and len(channels) <= 65535, "the metadata have no right channels")
    ids = set()
    for channel in channels:
        _need(isinstance(channel, dict), "a channel is no JSON object")
        number, unit = channel.get("id"), channel.get("unit")
        _need(_is_int(number, 0, 65534) and number not in ids, "a channel has no id of its own from 0 to 65534")
        ids.add(number)
        for key, type_ in (("domain", str), ("source", str), ("unit", str), ("in_total", bool)):
            _need(isinstance(channel.get(key), type_), f"channel {number} has no right {key}")
        for key, values in (("kind", ("measured", "attributed", "modelled")), ("quantity", QUANTITIES)):
            _need(channel.get(key) in values, f"channel {number} has no right {key}")
        fraction = re.fullmatch("[1-9][0-9]{0,11}(/([0-9]{1,15}))?", unit)
        _need(fraction and int(fraction[2] or 1) > 0, f"channel {number} has no right unit")
        _need(_is_int(channel.get("range_raw"), 0, 2**62 - 1), f"channel {number} has no right range_raw")
        _need(_is_part(channel.get("accuracy", 0), 1), f"channel {number} has no right accuracy")
        _need(_is_part(channel.get("averaged_s", 0), 60.0000001), f"channel {number} has no right averaged_s")
    file.metadata = metadata


def _take_edges(file, frame):
    """Add the edges of a frame; return its rows in an index."""
    _check_count(frame)
    decode = (_edges_raw, _edges_of_columns, _edges_of_turns)[frame.codec]
    channels, edges = decode(frame)
    for channel in channels:
        _need(channel <= 65534, f"edges of channel {channel}")
    _need((frame.first_ns, frame.last_ns) == (edges[0][2], edges[-1][2]), "a frame's times are not its edges'")
    new = {channel: [] for channel in channels}
    for channel, before_ns, seen_ns, raw, flags, error in edges:
        _need(0 <= before_ns <= seen_ns <= MAX_TIME_NS, f"an edge from {before_ns} to {seen_ns} ns")
        earlier = new[channel] or file.edges.get(channel)
        _need(not earlier or earlier[-1][1] <= seen_ns, f"edges of channel {channel} go back in time")
        new[channel].append((before_ns, seen_ns, raw, flags, error))
    for channel, some in new.items():
        file.edges.setdefault(channel, []).extend(some)
    return [(EDGES, channel, len(some), some[0][1], some[-1][1]) for channel, some in new.items()]


def _edges_raw(frame):
    """Return the channels and the edges (channel, before_ns, seen_ns, raw, flags, error) of codec 0."""
    _need(frame.length == 32 * frame.count, "raw edges do not have 32 bytes each")
    edges = [(edge[3], *edge[:3], *edge[4:]) for edge in struct.iter_unpack("<qqQHHi", frame.payload)]
    _need(all(edge[0] == frame.channel for edge in edges), f"a frame of channel {frame.channel} has others, too")
    return [frame.channel], edges


def _edges_of_columns(frame):
    """Return the channels and the edges of codec 1."""
    edges, seen_ns, raw = [], frame.first_ns, 0
    for seen_step_ns, width_ns, raw_step, flags, error in zip(*_unshuffled(frame, "qqQHi"), strict=False):
        seen_ns += seen_step_ns
        raw = (raw + raw_step) & U64
        edges.append((frame.channel, seen_ns - width_ns, seen_ns, raw, flags, error))
    return [frame.channel], edges


def _edges_of_turns(frame):
    """Return the channels, in order of the table, and the edges of codec 2."""
    n_edges, n_channels, tick_ns = frame.count, frame.channel, frame.tick_ns
    _need(tick_ns >= 1, "a tick of 0 ns")
    _need(1 <= n_channels <= n_edges, f"{n_channels} channels in a frame of {n_edges} edges")
    _need(frame.first_ns % tick_ns == 0, "a frame's first time is no whole tick")
    at = 24 * n_channels + 8
    plain = _decompress(frame.payload, at + 63 * n_edges)
    _need(len(plain) >= at, "a frame of edges lacks its table")
    table = list(struct.iter_unpack("<HHIIIQ", plain[: at - 8]))
    channels = [row[0] for row in table]
    _need(len(set(channels)) == n_channels, "a channel is twice in a table")
    _need(all(min(row[2:5]) >= 1 for row in table), "a count, a numerator or a denominator of 0 in a table")
    _need(sum(row[2] for row in table) == n_edges, "the counts of a table do not add up")
    columns = []
    for width in plain[at - 8 : at - 1]:
        column, at = _column(plain, at, n_edges, width)
        columns.append(column)
    _need(at == len(plain), "a frame of edges has bytes behind its columns")
    seen_steps, turns, befores, steps, rests, flags, errors = columns
    _need(max(turns) < n_channels and max(flags) <= 0xFFFF, "a turn beyond the channels, or flags beyond 16 bits")

    raws, at = [], 0  # of each channel of the table, an iterator over its raw values
    for _, _, count, numerator, denominator, base in table:
        units, values = 0, []
        for step, rest in zip(steps[at : at + count], rests[at : at + count], strict=False):
            units = (units + base + _unzigzag(step)) & U64
            values.append((units * numerator // denominator - rest) & U64)
        raws.append(iter(values))
        at += count

    edges, latest = [], {}  # latest: of each row, the number of its latest edge
    seen_ns, row, width = frame.first_ns, n_channels - 1, 0
    for number in range(n_edges):
        seen_ns += seen_steps[number] * tick_ns
        row = (row + 1 + turns[number]) % n_channels
        if befores[number] <= 4:
            _need(latest.get(row, 0) >= 1, "a time before refers to an edge that is not there")
            before_ns = edges[latest[row] - 1][2] + _unzigzag(befores[number]) * tick_ns
        else:
            width += _unzigzag(befores[number] - 5)
            before_ns = seen_ns - width * tick_ns
        raw, error = next(raws[row], None), _unzigzag(errors[number])
        _need(raw is not None, f"channel {channels[row]} has more edges than its table says")
        _need(-(2**31) <= error < 2**31, "an error beyond 32 bits")
        edges.append((channels[row], before_ns, seen_ns, raw, flags[number], error))
        latest[row] = number
    return channels, edges


def _column(plain, at, count, width):
    """Return the values of a column of codec 2 and where it ends."""
    _need(width <= 8, f"a column of {width} bytes")
    values = list(plain[at : at + count])
    at += count
    large = [number for number, value in enumerate(values) if value == 255]
    _need(len(values) == count and at + width * len(large) <= len(plain), "a column is cut")
    for place, number in enumerate(large):
        for byte in range(width):
            values[number] += plain[at + byte * len(large) + place] << (8 * byte)
        values[number] &= U64
    return values, at + width * len(large)


def _unzigzag(value):
    """Return the signed number of which a value is the zigzag."""
    return -(value + 1) // 2 if value % 2 else value // 2


def _decompress(payload, limit):
    """Return what one zstd frame decompresses to, at most limit bytes."""
    decompressor = zstd.ZstdDecompressor()
    try:
        plain = decompressor.decompress(payload, limit + 1)
    except zstd.ZstdError as error:
        raise BadFile(f"a payload does not decompress: {str(error).splitlines()[0]}") from None
    _need(len(plain) <= limit, "a payload decompresses to more than its count announces")
    _need(decompressor.eof and not decompressor.unused_data, "a payload is not one zstd frame")
    return plain


def _unshuffled(frame, types):
    """Return the columns, of these types by the letters of struct, of a payload of codec 1."""
    _check_count(frame)
    size = frame.count * struct.calcsize("<" + types)
    plain = _decompress(frame.payload, size)
    _need(len(plain) == size, "a payload decompresses to less than its count announces")
    columns, at = [], 0
    for letter in types:
        width = struct.calcsize("<" + letter)
        values = bytearray(frame.count * width)
        for byte in range(width):
            values[byte::width] = plain[at : at + frame.count]
            at += frame.count
        columns.append(struct.unpack(f"<{frame.count}{letter}", values))
    return columns


def _take_names(file, frame):
    """Add labels and nodes of regions."""
    names = _object(frame)
    labels, nodes = names.get("labels"), names.get("nodes")
    is_right = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    _need(is_right and isinstance(nodes, list), "labels that are no texts, or nodes that are no list")
    for key, known, new, limit in (("label", file.labels, labels, 2**31), ("node", file.nodes, nodes, 2**16)):
        _need(_is_int(names.get("first_" + key), len(known), len(known)), f"first_{key} does not go on")
        _need(len(known) + len(new) <= limit, f"more than {limit} {key}s")
    file.labels += labels
    for node in nodes:
        _need(isinstance(node, list) and len(node) == 2, "a node that is no pair")
        parent, label = node
        is_right = _is_int(parent, -1, len(file.nodes) - 1) and _is_int(label, 0, len(file.labels) - 1)
        _need(is_right, "a node whose parent or label does not come before it")
        depth = 1 if parent == -1 else file.depths[parent] + 1
        _need(depth <= 1024, "nodes more than 1024 deep")
        file.nodes.append((parent, label))
        file.depths.append(depth)


def _take_slices(file, frame):
    """Add slices of time."""
    pauses, lengths, channels, threads = _unshuffled(frame, "qqHH")
    end_ns, earliest_ns = frame.first_ns, file.slices[-1][1] if file.slices else 0
    _need(
        pauses[0] == 0 and end_ns >= earliest_ns, "the first slice of a frame is not at its first time, or overlaps"
    )
    for pause_ns, length_ns, channel, n_threads in zip(pauses, lengths, channels, threads, strict=False):
        start_ns = end_ns + pause_ns
        end_ns = start_ns + length_ns
        _need(min(pause_ns, length_ns) >= 0 and end_ns <= MAX_TIME_NS, "a slice overlaps or ends beyond 2^62 ns")
        file.slices.append((start_ns, end_ns, channel, n_threads))
    _need(end_ns == frame.last_ns, "a frame's last time is not that of its last slice")


def _take_rows(file, frame):
    """Add what nodes did in slices."""
    number, earliest = 0, file.rows[-1][0] if file.rows else 0
    for step, node, time_ns, idle_ns, calls in zip(*_unshuffled(frame, "IIqqQ"), strict=False):
        number += step
        _need(earliest <= number < len(file.slices), "a row's slice is not there, or goes back")
        _need(node < len(file.nodes) and calls <= 2**53, "a row's node is not there, or more than 2^53 calls")
        _need(0 <= time_ns <= MAX_TIME_NS and 0 <= time_ns - idle_ns <= MAX_TIME_NS, "a row's times cannot be")
        file.rows.append((number, node, time_ns, time_ns - idle_ns, calls))


def _take_marks(file, frame):
    """Add marks."""
    steps, nodes, threads, kinds = _unshuffled(frame, "qIHH")
    _need(steps[0] == 0, "the first mark of a frame is not at its first time")
    time_ns = frame.first_ns
    for step_ns, node, thread, kind in zip(steps, nodes, threads, kinds, strict=False):
        time_ns += step_ns
        _need(0 <= time_ns <= MAX_TIME_NS, f"a mark at {time_ns} ns")
        _need(node < len(file.nodes) and kind <= 2, "a mark's node is not there, or an unknown kind")
        file.marks.append((time_ns, node, thread, kind))
    _need(time_ns == frame.last_ns, "a frame's last time is not that of its last mark")
