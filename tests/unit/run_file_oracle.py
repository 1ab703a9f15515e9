"""Read a run file as docs/run-file.md tells it: the tests' oracle, plain, from the page alone."""

import re
import struct
import zlib
from dataclasses import dataclass, field

from run_file_frames import (
    EDGES,
    END_MAGIC,
    EVENT,
    FOOTER,
    INDEX,
    KERNELS,
    LAUNCHES,
    MAGIC,
    MARKS,
    MAX_TIME_NS,
    METADATA,
    NAMES,
    REGIONS,
    ROWS,
    SLICES,
    TRACED,
    TRAILER_STRUCT,
    U64,
    check_count,
    decompress,
    frame_at,
    is_int,
    is_known,
    json_object,
    need,
    unshuffled,
)


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
    traces: list = field(default_factory=list)  # of kernels; each {names, launches, devices, ...}
    skipped: set = field(default_factory=set, repr=False)  # types of which a frame was: what follows may refer to it


def read(data: bytes) -> File:
    """Read a file frame after frame up to its footer, or to the first frame that is cut, damaged or out of turn."""
    _check_header(data)
    file, offset, sequence = File(), 16, 0
    while file.footer is None and (frame := frame_at(data, offset, sequence)) is not None:
        _take(file, frame)
        offset += 44 + frame.length
        sequence += 1
    need(file.metadata is not None, "the file does not begin with metadata")
    return file


def read_indexed(data: bytes) -> File:
    """Read a file by its trailer and its index; where these lead nowhere, as read() does."""
    _check_header(data)
    if (ends := _frames_by_trailer(data)) is None:
        return read(data)
    index_offset, index, footer = ends
    file, frame_end, sequence = File(), 16, 0
    for offset, rows in _frames_of_index(index):
        need(offset == frame_end < index_offset, f"the index has a frame at {offset}, where none is")
        frame = frame_at(data, offset, sequence)
        need(frame is not None, f"the frame at {offset} is cut or damaged or not number {sequence}")
        expected = _take(file, frame)
        need(expected in (None, rows), f"the index is wrong about the frame at {offset}")
        frame_end += 44 + frame.length
        sequence += 1
    need((frame_end, sequence) == (index_offset, index.sequence), "the index lacks frames that lie before it")
    _take(file, footer)
    return file


def _check_header(data):
    """Refuse what has not the header of a file of version 1."""
    need(data[:8] == MAGIC and len(data) >= 16, "not a run file")
    version, flags, crc = struct.unpack_from("<HHI", data, 8)
    need(version == 1, f"a run file of version {version}, which this reader does not know")
    need(crc == zlib.crc32(data[:12]), "the checksum of the header is wrong")
    need(flags & 0xFF == 0, f"the file has flags that this reader does not know: {flags:#x}")


def _frames_by_trailer(data):
    """Return the index's offset, the index and the footer, or None where no trailer leads to both, side by side."""
    index_offset, footer_offset, _, crc, magic = TRAILER_STRUCT.unpack(data[-32:].rjust(32))
    if magic != END_MAGIC or crc != zlib.crc32(data[-32:-12]):
        return None
    index, footer = frame_at(data, index_offset), frame_at(data, footer_offset)
    for frame, type_ in ((index, INDEX), (footer, FOOTER)):
        if frame is None or not is_known(frame) or frame.type != type_:
            return None
    ends = (index_offset + 44 + index.length, footer_offset + 44 + footer.length)
    follow = ends == (footer_offset, len(data) - 32) and footer.sequence == index.sequence + 1
    return (index_offset, index, footer) if follow else None


def _frames_of_index(index):
    """Return the offset of each frame in an index, with its rows (type, channel, count, first_ns, last_ns)."""
    frames, offset = [], 0
    for step, type_, channel, count, first_ns, length_ns in zip(*unshuffled(index, "qHHIqq"), strict=False):
        need(step >= 0, "the offsets in the index go back")
        offset += step
        if step > 0 or not frames:
            frames.append((offset, []))
        frames[-1][1].append((type_, channel, count, first_ns, first_ns + length_ns))
    return frames


def _take(file, frame):
    """Add what a frame says to a file; return its rows in an index (None: of an unknown frame)."""
    need(is_known(frame) or frame.flags & 1, f"a frame of unknown type, codec or flags: {frame[1:4]}")
    rows = [(frame.type, 65535, frame.count, frame.first_ns, frame.last_ns)]
    is_metadata = is_known(frame) and frame.type == METADATA
    need(is_metadata or frame.sequence > 0, "the file does not begin with metadata")
    if not is_known(frame):
        for types in (REGIONS, TRACED):
            file.skipped |= types if frame.type in types else set()
        return None
    if frame.type == EDGES:
        return _take_edges(file, frame)
    if is_metadata:
        need(file.metadata is None, "a second frame of metadata")
        _take_metadata(file, json_object(frame))
    elif frame.type == FOOTER:
        need(file.footer is None, "a second footer")
        file.footer = json_object(frame)
        file.complete = file.footer.get("complete", True) is not False
    elif frame.type == EVENT:
        file.events.append(json_object(frame))
    elif frame.type in TAKING and frame.type not in file.skipped:
        TAKING[frame.type](file, frame)
    return rows


QUANTITIES = ("energy", "cpu_time", "gpu_time", "power", "utilisation", "frequency", "temperature", "throttle")


def _is_part(value, below):
    """Tell whether a JSON value is a number from 0 to less than `below`, and no infinity."""
    return type(value) in (int, float) and 0 <= value < below


def _take_metadata(file, metadata):
    """Check the metadata and keep them."""
    need(is_int(metadata.get("start_ns"), 0, MAX_TIME_NS), "the metadata have no right start_ns")
    channels = metadata.get("channels")
    need(isinstance(channels, list) and len(channels) <= 65535, "the metadata have no right channels")
    ids = set()
    for channel in channels:
        need(isinstance(channel, dict), "a channel is no JSON object")
        number, unit = channel.get("id"), channel.get("unit")
        need(is_int(number, 0, 65534) and number not in ids, "a channel has no id of its own from 0 to 65534")
        ids.add(number)
        for key, type_ in (("domain", str), ("source", str), ("unit", str), ("in_total", bool)):
            need(isinstance(channel.get(key), type_), f"channel {number} has no right {key}")
        for key, values in (("kind", ("measured", "attributed", "modelled")), ("quantity", QUANTITIES)):
            need(channel.get(key) in values, f"channel {number} has no right {key}")
        fraction = re.fullmatch("[1-9][0-9]{0,11}(/([0-9]{1,15}))?", unit)
        need(fraction and int(fraction[2] or 1) > 0, f"channel {number} has no right unit")
        need(is_int(channel.get("range_raw"), 0, 2**62 - 1), f"channel {number} has no right range_raw")
        need(_is_part(channel.get("accuracy", 0), 1), f"channel {number} has no right accuracy")
        need(_is_part(channel.get("averaged_s", 0), 60.0000001), f"channel {number} has no right averaged_s")
    file.metadata = metadata


def _take_edges(file, frame):
    """Add the edges of a frame; return its rows in an index."""
    check_count(frame)
    decode = (_edges_raw, _edges_of_columns, _edges_of_turns)[frame.codec]
    channels, edges = decode(frame)
    for channel in channels:
        need(channel <= 65534, f"edges of channel {channel}")
    need((frame.first_ns, frame.last_ns) == (edges[0][2], edges[-1][2]), "a frame's times are not its edges'")
    new = {channel: [] for channel in channels}
    for channel, before_ns, seen_ns, raw, flags, error in edges:
        need(0 <= before_ns <= seen_ns <= MAX_TIME_NS, f"an edge from {before_ns} to {seen_ns} ns")
        earlier = new[channel] or file.edges.get(channel)
        need(not earlier or earlier[-1][1] <= seen_ns, f"edges of channel {channel} go back in time")
        new[channel].append((before_ns, seen_ns, raw, flags, error))
    for channel, some in new.items():
        file.edges.setdefault(channel, []).extend(some)
    return [(EDGES, channel, len(some), some[0][1], some[-1][1]) for channel, some in new.items()]


def _edges_raw(frame):
    """Return the channels and the edges (channel, before_ns, seen_ns, raw, flags, error) of codec 0."""
    need(frame.length == 32 * frame.count, "raw edges do not have 32 bytes each")
    edges = [(edge[3], *edge[:3], *edge[4:]) for edge in struct.iter_unpack("<qqQHHi", frame.payload)]
    need(all(edge[0] == frame.channel for edge in edges), f"a frame of channel {frame.channel} has others, too")
    return [frame.channel], edges


def _edges_of_columns(frame):
    """Return the channels and the edges of codec 1."""
    edges, seen_ns, raw = [], frame.first_ns, 0
    for seen_step_ns, width_ns, raw_step, flags, error in zip(*unshuffled(frame, "qqQHi"), strict=False):
        seen_ns += seen_step_ns
        raw = (raw + raw_step) & U64
        edges.append((frame.channel, seen_ns - width_ns, seen_ns, raw, flags, error))
    return [frame.channel], edges


def _edges_of_turns(frame):
    """Return the channels, in order of the table, and the edges of codec 2."""
    n_edges, n_channels, tick_ns = frame.count, frame.channel, frame.tick_ns
    need(tick_ns >= 1, "a tick of 0 ns")
    need(1 <= n_channels <= n_edges, f"{n_channels} channels in a frame of {n_edges} edges")
    need(frame.first_ns % tick_ns == 0, "a frame's first time is no whole tick")
    at = 24 * n_channels + 8
    plain = decompress(frame.payload, at + 63 * n_edges)
    need(len(plain) >= at, "a frame of edges lacks its table")
    table = list(struct.iter_unpack("<HHIIIQ", plain[: at - 8]))
    channels = [row[0] for row in table]
    need(len(set(channels)) == n_channels, "a channel is twice in a table")
    need(all(min(row[2:5]) >= 1 for row in table), "a count, a numerator or a denominator of 0 in a table")
    need(sum(row[2] for row in table) == n_edges, "the counts of a table do not add up")
    columns = []
    for width in plain[at - 8 : at - 1]:
        column, at = _column(plain, at, n_edges, width)
        columns.append(column)
    need(at == len(plain), "a frame of edges has bytes behind its columns")
    seen_steps, turns, befores, steps, rests, flags, errors = columns
    need(max(turns) < n_channels and max(flags) <= 0xFFFF, "a turn beyond the channels, or flags beyond 16 bits")

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
            need(latest.get(row, 0) >= 1, "a time before refers to an edge that is not there")
            before_ns = edges[latest[row] - 1][2] + _unzigzag(befores[number]) * tick_ns
        else:
            width += _unzigzag(befores[number] - 5)
            before_ns = seen_ns - width * tick_ns
        raw, error = next(raws[row], None), _unzigzag(errors[number])
        need(raw is not None, f"channel {channels[row]} has more edges than its table says")
        need(-(2**31) <= error < 2**31, "an error beyond 32 bits")
        edges.append((channels[row], before_ns, seen_ns, raw, flags[number], error))
        latest[row] = number
    return channels, edges


def _column(plain, at, count, width):
    """Return the values of a column of codec 2 and where it ends."""
    need(width <= 8, f"a column of {width} bytes")
    values = list(plain[at : at + count])
    at += count
    large = [number for number, value in enumerate(values) if value == 255]
    need(len(values) == count and at + width * len(large) <= len(plain), "a column is cut")
    for place, number in enumerate(large):
        for byte in range(width):
            values[number] += plain[at + byte * len(large) + place] << (8 * byte)
        values[number] &= U64
    return values, at + width * len(large)


def _unzigzag(value):
    """Return the signed number of which a value is the zigzag."""
    return -(value + 1) // 2 if value % 2 else value // 2


def _take_names(file, frame):
    """Add labels and nodes of regions."""
    names = json_object(frame)
    labels, nodes = names.get("labels"), names.get("nodes")
    is_right = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    need(is_right and isinstance(nodes, list), "labels that are no texts, or nodes that are no list")
    for key, known, new, limit in (("label", file.labels, labels, 2**31), ("node", file.nodes, nodes, 2**16)):
        need(is_int(names.get("first_" + key), len(known), len(known)), f"first_{key} does not go on")
        need(len(known) + len(new) <= limit, f"more than {limit} {key}s")
    file.labels += labels
    for node in nodes:
        need(isinstance(node, list) and len(node) == 2, "a node that is no pair")
        parent, label = node
        is_right = is_int(parent, -1, len(file.nodes) - 1) and is_int(label, 0, len(file.labels) - 1)
        need(is_right, "a node whose parent or label does not come before it")
        depth = 1 if parent == -1 else file.depths[parent] + 1
        need(depth <= 1024, "nodes more than 1024 deep")
        file.nodes.append((parent, label))
        file.depths.append(depth)


def _take_slices(file, frame):
    """Add slices of time."""
    pauses, lengths, channels, threads = unshuffled(frame, "qqHH")
    end_ns, earliest_ns = frame.first_ns, file.slices[-1][1] if file.slices else 0
    need(pauses[0] == 0 and end_ns >= earliest_ns, "the first slice of a frame is not at its first time, or overlaps")
    for pause_ns, length_ns, channel, n_threads in zip(pauses, lengths, channels, threads, strict=False):
        start_ns = end_ns + pause_ns
        end_ns = start_ns + length_ns
        need(min(pause_ns, length_ns) >= 0 and end_ns <= MAX_TIME_NS, "a slice overlaps or ends beyond 2^62 ns")
        file.slices.append((start_ns, end_ns, channel, n_threads))
    need(end_ns == frame.last_ns, "a frame's last time is not that of its last slice")


def _take_rows(file, frame):
    """Add what nodes did in slices."""
    number, earliest = 0, file.rows[-1][0] if file.rows else 0
    for step, node, time_ns, idle_ns, calls in zip(*unshuffled(frame, "IIqqQ"), strict=False):
        number += step
        need(earliest <= number < len(file.slices), "a row's slice is not there, or goes back")
        need(node < len(file.nodes) and calls <= 2**53, "a row's node is not there, or more than 2^53 calls")
        need(0 <= time_ns <= MAX_TIME_NS and 0 <= time_ns - idle_ns <= MAX_TIME_NS, "a row's times cannot be")
        file.rows.append((number, node, time_ns, time_ns - idle_ns, calls))


def _take_marks(file, frame):
    """Add marks."""
    steps, nodes, threads, kinds = unshuffled(frame, "qIHH")
    need(steps[0] == 0, "the first mark of a frame is not at its first time")
    time_ns = frame.first_ns
    for step_ns, node, thread, kind in zip(steps, nodes, threads, kinds, strict=False):
        time_ns += step_ns
        need(0 <= time_ns <= MAX_TIME_NS, f"a mark at {time_ns} ns")
        need(node < len(file.nodes) and kind <= 2, "a mark's node is not there, or an unknown kind")
        file.marks.append((time_ns, node, thread, kind))
    need(time_ns == frame.last_ns, "a frame's last time is not that of its last mark")


def _take_kernels(file, frame):
    """Begin a trace of kernels, or add names to it."""
    told = json_object(frame)
    names, first = told.get("names"), told.get("first_name")
    is_right = isinstance(names, list) and all(isinstance(name, str) and len(name) <= 2**16 for name in names)
    need(is_right, "names of kernels that are no texts, or too long")
    known = len(file.traces[-1]["names"]) if file.traces else 0
    need(is_int(first, 0, 0) or (file.traces and is_int(first, known, known)), "first_name does not go on")
    devices, hostname = told.get("devices", []), told.get("hostname")
    need(isinstance(devices, list) and all(isinstance(device, dict) for device in devices), "devices are no list")
    for device in devices:
        need(is_int(device.get("number"), 0, 65535), "a device without a right number")
        is_right = all(type(value) in (int, str, type(None)) for value in device.values())
        need(is_right, "a device of which something is no text and no whole number")
    need(len({device["number"] for device in devices}) == len(devices), "two devices with one number")
    need(is_int(told.get("error_ns", 0), 0, MAX_TIME_NS), "an error_ns that cannot be")
    need(
        type(told.get("origin", "")) is str and type(hostname) in (str, type(None)),
        "an origin or host that is no text",
    )
    if first == 0:
        file.traces.append(told | {"names": [], "launches": []})
    file.traces[-1]["names"] += names
    need(len(file.traces) <= 2**16, "more than 2^16 traces")
    need(sum(len(trace["names"]) for trace in file.traces) <= 2**20, "more than 2^20 names of kernels")


def _take_launches(file, frame):
    """Add launches of kernels."""
    need(file.traces, "launches before any trace")
    trace = file.traces[-1]
    columns = unshuffled(frame, "qqIHHI")
    need(columns[0][0] == 0, "the first launch of a frame is not at its first time")
    start_ns, latest_ns = frame.first_ns, 0
    need(start_ns >= (trace["launches"][-1][0] if trace["launches"] else 0), "launches that go back")
    for step_ns, length_ns, name, device, kind, stream in zip(*columns, strict=False):
        start_ns += step_ns
        need(step_ns >= 0 and length_ns >= 0 and start_ns + length_ns <= MAX_TIME_NS, "a launch's times cannot be")
        need(name < len(trace["names"]) and kind <= 2, "a launch's name is not there, or an unknown kind")
        trace["launches"].append((start_ns, start_ns + length_ns, name, device, kind, stream))
        latest_ns = max(latest_ns, start_ns + length_ns)
    need(latest_ns == frame.last_ns, "a frame's last time is not the latest end of its launches")


TAKING = {NAMES: _take_names, SLICES: _take_slices, ROWS: _take_rows, MARKS: _take_marks}
TAKING |= {KERNELS: _take_kernels, LAUNCHES: _take_launches}
