"""Write run files for tests from run-file.md alone, with every free choice of the format left to the caller."""

import json
import struct
import zlib

try:
    from compression import zstd
except ImportError:  # before Python 3.14
    from backports import zstd

METADATA, EDGES, FOOTER, EVENT, NAMES, SLICES, ROWS, MARKS, INDEX, KERNELS, LAUNCHES = range(1, 12)
U64 = 2**64 - 1


def header(version=1, flags=0):
    """Return the header of a file."""
    start = b"\x89PCR\r\n\x1a\n" + struct.pack("<HH", version, flags)
    return start + struct.pack("<I", zlib.crc32(start))


def frame(type_, codec, sequence, payload, *, flags=0, count=0, channel=0, tick_ns=0, first_ns=0, last_ns=0):
    """Return one frame."""
    head = struct.pack(
        "<IBBHIIHHqq", len(payload), type_, codec, flags, sequence, count, channel, tick_ns, first_ns, last_ns
    )
    head += struct.pack("<I", zlib.crc32(payload))
    return head + struct.pack("<I", zlib.crc32(head)) + payload


def trailer(index_offset, footer_offset):
    """Return the trailer."""
    start = struct.pack("<QQI", index_offset, footer_offset, 0)
    return start + struct.pack("<I", zlib.crc32(start)) + b"\x89PCREND\n"


def shuffled(types, columns):
    """Return columns, of these types by the letters of struct, as a payload of codec 1."""
    parts = []
    for letter, column in zip(types, columns, strict=True):
        plain = struct.pack(f"<{len(column)}{letter}", *column)
        width = struct.calcsize("<" + letter)
        parts += [plain[byte::width] for byte in range(width)]
    return zstd.compress(b"".join(parts))


def zigzag(number):
    """Return the zigzag of a signed number."""
    return 2 * number if number >= 0 else -2 * number - 1


def signed(number):
    """Return a number modulo 2^64 read as signed."""
    return (number + 2**63) % 2**64 - 2**63


def column(values, wider=0):
    """Return the width and the bytes of a column of codec 2, its width as small as can be and some more."""
    large = [value - 255 for value in values if value >= 255]
    width = min(8, max((value.bit_length() + 7) // 8 for value in large) + wider) if large else min(8, wider)
    parts = [bytes(min(value, 255) for value in values)]
    parts += [bytes(value >> (8 * byte) & 255 for value in large) for byte in range(width)]
    return width, b"".join(parts)


def rounded(edge, tick_ns):
    """Return an edge (channel, before_ns, seen_ns, ...) with its times rounded to ticks."""
    channel, before_ns, seen_ns, *rest = edge
    return (channel, before_ns // tick_ns * tick_ns, -(-seen_ns // tick_ns) * tick_ns, *rest)


def turns_payload(edges, tick_ns, table, may_refer=None, wider=0, units_of=None):
    """Return edges (channel, before_ns, seen_ns, raw, flags, error), in order of time seen, as a payload of codec 2.

    table: (channel, numerator, denominator, base) for each channel. may_refer: of an edge's number, whether its time
    before is told by an edge before, where it can be (default: yes). wider: bytes that columns have beyond what they
    need. units_of: N of a channel and a raw value (default: the smallest that gives raw or more).
    """
    edges = [rounded(edge, tick_ns) for edge in edges]
    rows = {entry[0]: row for row, entry in enumerate(table)}
    first_tick = edges[0][2] // tick_ns
    seen, turns, befores = [], [], []
    latest, row_before, width_before, tick_before = {}, len(table) - 1, 0, first_tick
    for number, (channel, before_ns, seen_ns, *_) in enumerate(edges):
        tick, before = seen_ns // tick_ns, before_ns // tick_ns
        seen.append(tick - tick_before)
        turns.append((rows[channel] - row_before - 1) % len(table))
        latest_number = latest.get(channel, 0)
        distance = before - edges[latest_number - 1][2] // tick_ns
        if latest_number >= 1 and -2 <= distance <= 2 and (may_refer is None or may_refer(number)):
            befores.append(zigzag(distance))
        else:
            befores.append(5 + zigzag(tick - before - width_before))
            width_before = tick - before
        latest[channel], row_before, tick_before = number, rows[channel], tick
    steps, rests, counts = [], [], []
    for channel, numerator, denominator, base in table:
        raws = [edge[3] for edge in edges if edge[0] == channel]
        units_before = 0
        for raw in raws:
            units = units_of(channel, raw) if units_of else min(-(-raw * denominator // numerator), U64)
            steps.append(zigzag(signed(units - units_before - base)))
            rests.append((units * numerator // denominator - raw) % 2**64)
            units_before = units
        counts.append(len(raws))
    flags, errors = [edge[4] for edge in edges], [zigzag(edge[5]) for edge in edges]
    columns = [column(values, wider) for values in (seen, turns, befores, steps, rests, flags, errors)]
    plain = b"".join(
        struct.pack("<HHIIIQ", channel, 0, count, numerator, denominator, base)
        for (channel, numerator, denominator, base), count in zip(table, counts, strict=True)
    )
    plain += bytes(width for width, _ in columns) + b"\0" + b"".join(part for _, part in columns)
    assert len(plain) <= 24 * len(table) + 8 + 63 * len(edges), "more than the format allows"
    return zstd.compress(plain)


def differences(values, first=0):
    """Return each value minus the one before it, and of the first minus another."""
    return [value - before for value, before in zip(values, [first, *values], strict=False)]


class Writer:
    """Build a file frame by frame, with what its index has to say."""

    def __init__(self):
        """Begin with the header."""
        self.data = header()
        self.sequence = 0
        self.index_rows = []  # (offset, type, channel, count, first_ns, length_ns)

    def add(self, type_, codec, payload, index_rows=None, **fields):
        """Add any frame; without index_rows it gets one by its header."""
        first_ns, last_ns = fields.get("first_ns", 0), fields.get("last_ns", 0)
        index_rows = index_rows or [(65535, fields.get("count", 0), first_ns, last_ns - first_ns)]
        self.index_rows += [(len(self.data), type_, *row) for row in index_rows]
        self.data += frame(type_, codec, self.sequence, payload, **fields)
        self.sequence += 1

    def add_json(self, type_, value, **fields):
        """Add a frame of JSON."""
        self.add(type_, 0, json.dumps(value).encode(), **fields)

    def add_metadata(self, channels, **members):
        """Add metadata with channels of whole µJ of these ids."""
        channel = {"source": "test", "kind": "measured", "quantity": "energy", "unit": "1/1000000"}
        channel |= {"range_raw": 0, "in_total": True}
        channels = [{"id": number, "domain": f"d{number}"} | channel for number in channels]
        self.add_json(METADATA, {"start_ns": 0, "channels": channels} | members)

    def add_edges(self, codec, edges):
        """Add edges (channel, before_ns, seen_ns, raw, flags, error) of one channel by codec 0 or 1."""
        channels, befores, seens, raws, flags, errors = zip(*edges, strict=True)
        if codec == 0:
            rows = zip(befores, seens, raws, channels, flags, errors, strict=True)
            payload = b"".join(struct.pack("<qqQHHi", *row) for row in rows)
        else:
            widths = [seen_ns - before_ns for before_ns, seen_ns in zip(befores, seens, strict=True)]
            raw_steps = [step % 2**64 for step in differences(raws)]
            payload = shuffled("qqQHi", (differences(seens, seens[0]), widths, raw_steps, flags, errors))
        row = (channels[0], len(edges), seens[0], seens[-1] - seens[0])
        fields = {"count": len(edges), "channel": channels[0], "first_ns": seens[0], "last_ns": seens[-1]}
        self.add(EDGES, codec, payload, [row], **fields)

    def add_turns(self, edges, tick_ns, table, **choices):
        """Add edges of several channels by codec 2 (see turns_payload)."""
        payload = turns_payload(edges, tick_ns, table, **choices)
        edges = [rounded(edge, tick_ns) for edge in edges]
        rows = []
        for channel, *_ in table:
            seens = [edge[2] for edge in edges if edge[0] == channel]
            rows.append((channel, len(seens), seens[0], seens[-1] - seens[0]))
        fields = {"count": len(edges), "channel": len(table), "first_ns": edges[0][2], "last_ns": edges[-1][2]}
        self.add(EDGES, 2, payload, rows, tick_ns=tick_ns, **fields)

    def add_names(self, labels, nodes, first_label, first_node):
        """Add names of regions."""
        names = {"labels": labels, "nodes": nodes, "first_label": first_label, "first_node": first_node}
        self.add_json(NAMES, names, flags=1)

    def add_slices(self, slices):
        """Add slices (start_ns, end_ns, channel, threads)."""
        starts, ends, channels, threads = zip(*slices, strict=True)
        pauses = [start_ns - end_ns for start_ns, end_ns in zip(starts, [starts[0], *ends], strict=False)]
        lengths = [end_ns - start_ns for start_ns, end_ns in zip(starts, ends, strict=True)]
        payload = shuffled("qqHH", (pauses, lengths, channels, threads))
        self.add(SLICES, 1, payload, flags=1, count=len(slices), first_ns=starts[0], last_ns=ends[-1])

    def add_rows(self, rows):
        """Add rows (slice, node, time_ns, cpu_ns, calls)."""
        numbers, nodes, times, cpus, calls = zip(*rows, strict=True)
        idles = [time_ns - cpu_ns for time_ns, cpu_ns in zip(times, cpus, strict=True)]
        self.add(
            ROWS, 1, shuffled("IIqqQ", (differences(numbers), nodes, times, idles, calls)), flags=1, count=len(rows)
        )

    def add_marks(self, marks):
        """Add marks (time_ns, node, thread, kind)."""
        times, nodes, threads, kinds = zip(*marks, strict=True)
        payload = shuffled("qIHH", (differences(times, times[0]), nodes, threads, kinds))
        self.add(MARKS, 1, payload, flags=1, count=len(marks), first_ns=times[0], last_ns=times[-1])

    def add_kernels(self, names, first_name=0, **members):
        """Add names of kernels, which begin a trace where first_name is 0."""
        self.add_json(KERNELS, {"names": names, "first_name": first_name} | members, flags=1)

    def add_launches(self, launches):
        """Add launches (start_ns, end_ns, name, device, kind, stream)."""
        starts, ends, names, devices, kinds, streams = zip(*launches, strict=True)
        lengths = [end_ns - start_ns for start_ns, end_ns in zip(starts, ends, strict=True)]
        payload = shuffled("qqIHHI", (differences(starts, starts[0]), lengths, names, devices, kinds, streams))
        self.add(LAUNCHES, 1, payload, flags=1, count=len(launches), first_ns=starts[0], last_ns=max(ends))

    def finished(self, footer=None, index_rows=None):
        """Return the file with index, footer and trailer."""
        offsets, *columns = zip(*(index_rows or self.index_rows), strict=True)
        index_offset, count = len(self.data), len(offsets)
        payload = shuffled("qHHIqq", (differences(offsets), *columns))
        data = self.data + frame(INDEX, 1, self.sequence, payload, flags=1, count=count)
        footer_offset = len(data)
        data += frame(FOOTER, 0, self.sequence + 1, json.dumps(footer or {}).encode())
        return data + trailer(index_offset, footer_offset)
