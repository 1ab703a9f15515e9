"""The product and the oracle, two readers and two writers of one format, agree on every file."""

from __future__ import annotations

import struct
import tempfile
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import run_file_oracle as oracle
import run_file_writer as writer
from hypothesis import given, settings
from hypothesis import strategies as st
from run_file_views import REFUSED, agree, by_oracle, by_product, difference, tuples
from test_ledger_frames import in_pieces, ledgers
from test_run_file_oracle import KINDS, U32S, begun, sample, some_edges

from pycarbon import columns, edge_reader, fold
from pycarbon.edge_writer import edges_frames
from pycarbon.errors import RunFileError
from pycarbon.frame import (
    EVENT,
    FOOTER,
    IGNORABLE,
    LATEST_NS,
    LEDGER_NAMES,
    META,
    RAW,
    TURNS_ZSTD,
    Frame,
    file_header,
    json_frame,
)
from pycarbon.ledger import NODE_DTYPE, SLICE_DTYPE
from pycarbon.ledger_frames import names_frame, slices_frame
from pycarbon.run import EDGE_DTYPE, Channel, group_by_channel

CHANNELS = 4
TICKS = st.sampled_from([1, 2, 10, 100, 976, 65535]) | st.integers(1, 65535)
SMALL = st.integers(0, 300)
EXTREMES = [0, 1, 254, 255, 256, 2**32 - 1, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1]


@st.composite
def raw_values(draw, count):
    """Raw values as counters show them, and as none does."""
    kind = draw(st.sampled_from(["µJ", "perf", "near", "any"]))
    if kind == "any":
        return draw(st.lists(st.sampled_from(EXTREMES) | st.integers(0, 2**64 - 1), min_size=count, max_size=count))
    base = draw(SMALL | st.integers(0, 2**40) | st.sampled_from([2**44, 2**45 - 1]))
    steps = draw(st.lists(SMALL | st.integers(0, 2**20), min_size=count, max_size=count))
    counts = [base + total for total in np.cumsum(steps).tolist()]
    if kind == "perf":
        return [value << 18 for value in counts]
    if kind == "near":
        return counts
    denominator = draw(st.sampled_from([14, 16, 15, 17, 10]))
    less = draw(st.lists(st.sampled_from([0, 0, 0, 1, 7]), min_size=count, max_size=count))
    return [max(value * (10**9 >> denominator) // 1000 - off, 0) for value, off in zip(counts, less, strict=True)]


@st.composite
def rings(draw, latest_ns=LATEST_NS):
    """Edges, EDGE_DTYPE, of a ring whose channels are read in turns, or in any order."""
    channels = draw(st.lists(st.integers(0, CHANNELS - 1), unique=True, min_size=1))
    count = draw(st.integers(1, 40))
    pick = st.integers(0, len(channels) - 1)
    in_turns = [number % len(channels) for number in range(count)]
    rows = in_turns if draw(st.booleans()) else draw(st.lists(pick, min_size=count, max_size=count))
    start_ns = draw(st.sampled_from([0, 10**15, latest_ns]) | st.integers(0, latest_ns))
    steps = st.sampled_from([0, 1, 99, 100, 1_000_000]) | st.integers(0, 2_000_000) | st.integers(0, LATEST_NS)
    edges = np.zeros(count, EDGE_DTYPE)
    seen_ns = start_ns
    latest: dict[int, list[int]] = {}
    for edge, row in zip(edges, rows, strict=True):
        seen_ns = min(seen_ns + draw(steps), latest_ns)
        times = latest.setdefault(row, [0])
        near = max(times[-1] + draw(st.integers(-300, 300)), 0)
        edge["t_seen_ns"], edge["channel"] = seen_ns, channels[row]
        edge["t_before_ns"] = min(draw(st.sampled_from([near, times[-1], seen_ns, 0])), seen_ns)
        times.append(seen_ns)
    for channel, own in group_by_channel(edges).items():
        edges["raw"][edges["channel"] == channel] = draw(raw_values(len(own)))
    edges["flags"] = draw(st.lists(st.sampled_from([0, 0, 1, 64, 2**16 - 1]), min_size=count, max_size=count))
    errors = st.sampled_from([0, 0, 5, -(2**31), 2**31 - 1])
    edges["error"] = draw(st.lists(errors, min_size=count, max_size=count))
    return edges


def channel(number):
    return Channel(number, f"d{number}", "powercap", "measured", "energy", Fraction(1, 1_000_000), 0, True)


def beginning(**members):
    return json_frame(META, {"start_ns": 0, "channels": [channel(n).to_dict() for n in range(CHANNELS)], **members})


def encoded(frames):
    return file_header() + b"".join(frame.encode(number) for number, frame in enumerate(frames))


def folded(frames, codec=TURNS_ZSTD):
    """The bytes of a whole file that the product makes of frames."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.pcr"
        fold.write(frames, path, codec=codec)
        return path.read_bytes()


def rounded(edges, tick_ns):
    """Edges of each channel, as they come out of a file of ticks."""
    edges = edges.copy()
    edges["t_before_ns"] -= edges["t_before_ns"] % tick_ns
    edges["t_seen_ns"] += -edges["t_seen_ns"] % tick_ns
    return {number: tuples(own) for number, own in sorted(group_by_channel(edges).items())}


@settings(max_examples=60)
@given(
    rings(LATEST_NS - 65535),
    TICKS,
    st.integers(1, 50),
    ledgers(),
    st.integers(1, 4),
    st.sampled_from([TURNS_ZSTD, RAW]),
)
def test_what_the_product_writes_everybody_reads(edges, tick_ns, per_frame, ledger, step, codec):
    # GIVEN a run of edges, events and regions, drained in parts
    parts = [edges[i : i + per_frame] for i in range(0, len(edges), per_frame)]
    frames = [beginning(rings={"a": [0, 1], "b": [2, 3]})]
    for part in parts:
        frames += edges_frames(part, tick_ns=tick_ns)
        frames.append(json_frame(EVENT, {"monotonic_ns": 7}))
    frames += [*in_pieces(ledger, 2, 2, step), json_frame(FOOTER, {"end_ns": 9, "notes": ["n"]})]
    # WHEN it is written live, and folded
    live, whole = encoded(frames[:-1]), folded(frames, codec)
    # THEN all readers find the same in both, which is what went in, rounded outward by less than a tick
    found = agree(whole)
    assert found["complete"] and found["edges"] == rounded(edges, tick_ns)
    assert found["marks"] == ledger.marks[["time_ns", "node", "thread", "kind"]].tolist()
    assert len(found["rows"]) == len(ledger.rows) and len(found["events"]) == len(parts)
    assert agree(live) == found | {"complete": False, "footer": None}
    assert not difference(by_oracle(whole), found)


@settings(max_examples=60)
@given(rings(), TICKS)
def test_edges_up_to_the_end_of_time(edges, tick_ns):
    # GIVEN edges of any times THEN a frame holds them, rounded where they can be
    end_ns = int(edges["t_seen_ns"][-1])
    found = agree(encoded([beginning(), *edges_frames(edges, tick_ns=tick_ns)]))
    assert found["edges"] == rounded(edges, tick_ns if end_ns <= LATEST_NS - tick_ns else 1)


def decoded(frame):
    """What the decoder in C and the one in numpy make of a frame, which must be the same; None: refused."""
    data, table = edge_reader._unpacked(frame)
    places = [np.zeros(int(entry["count"]), EDGE_DTYPE) for entry in table]
    taken = edge_reader._decode_fast(frame, data, places)
    try:
        slow = edge_reader._decode_slowly(frame, data, table)
    except RunFileError:
        assert not taken, "only the C decoder accepts this"
        return None
    assert taken, "only the numpy decoder accepts this"
    assert [part.tobytes() for part in places] == [part.tobytes() for part in slow]
    # AND what is not wanted changes nothing else
    some = [place if row % 2 else None for row, place in enumerate(places)]
    assert edge_reader._decode_fast(frame, data, some)
    assert [part.tobytes() for part in places] == [part.tobytes() for part in slow]
    return slow


@settings(max_examples=150)
@given(rings(), TICKS, st.data())
def test_both_decoders_accept_and_refuse_the_same(edges, tick_ns, data):
    # GIVEN a frame of edges
    [frame] = edges_frames(edges, tick_ns=tick_ns)
    assert decoded(frame) is not None
    # WHEN some of its bytes, widths or times are changed
    plain = bytearray(columns.zstd.decompress(frame.payload))
    n_rows = frame.channel
    place = st.integers(24 * n_rows, len(plain) - 1) | st.integers(4, len(plain) - 1)
    for at in data.draw(st.lists(place, max_size=3)):
        plain[at] = data.draw(st.sampled_from([0, 1, 2, 4, 5, 254, 255]) | st.integers(0, 255))
    plain += data.draw(st.sampled_from([b"", b"", b"", b"\0", bytes(8)]))
    values = {"payload": columns.zstd.compress(bytes(plain), level=1), "count": frame.count}
    off = st.sampled_from([0, 0, 0, 1, -1]).map(lambda ticks: ticks * frame.tick_ns)
    values["t_first_ns"], values["t_last_ns"] = frame.t_first_ns + data.draw(off), frame.t_last_ns + data.draw(off)
    changed = Frame(frame.type, codec=frame.codec, channel=n_rows, tick_ns=frame.tick_ns, **values)
    # THEN either both decoders take it and agree, or neither takes it
    try:
        decoded(changed)
    except RunFileError:  # refused before it comes to a decoder
        return


@settings(max_examples=60)
@given(st.data())
def test_what_the_oracle_writes_the_product_reads(data):
    # GIVEN a file with every free choice of the format
    n_channels = data.draw(st.integers(1, 4))
    edges = data.draw(some_edges(n_channels))
    file = begun(n_channels)
    codec = data.draw(st.sampled_from([0, 1, 2, 2]))
    if codec == 2:
        order = data.draw(st.permutations(range(n_channels)))
        table = [(number, data.draw(U32S), data.draw(U32S), data.draw(st.integers(0, 2**64 - 1))) for number in order]
        choices = data.draw(st.lists(st.booleans(), min_size=len(edges), max_size=len(edges)))
        numbers = data.draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=5))
        units_of = data.draw(st.sampled_from([None, lambda number, raw: numbers[(number + raw) % len(numbers)]]))
        wider, tick_ns = data.draw(st.integers(0, 9)), data.draw(TICKS)
        file.add_turns(edges, tick_ns, table, may_refer=choices.__getitem__, wider=wider, units_of=units_of)
    else:
        for number in range(n_channels):
            file.add_edges(codec, [edge for edge in edges if edge[0] == number])
    if data.draw(st.booleans()):
        file.add(data.draw(st.sampled_from([10, 11, 12, 200])), 3, b"?", flags=1, count=2**21, first_ns=-5)
    # THEN the product reads it as the oracle does, whole and cut off
    assert agree(file.finished({"notes": ["end"]}))["complete"]
    assert agree(file.data) != REFUSED


def test_both_read_a_file_of_every_kind():
    found = agree(sample().finished())
    assert found["complete"] and found["labels"] == ["a", "b"] and len(found["marks"]) == 2
    assert [name for *_, name, _, _ in found["launches"]] == ["k", "copy", "k", "k2"]
    golden = Path(__file__).parents[1] / "golden" / "run-v1.pcr"
    assert agree(golden.read_bytes())["complete"]


def test_kernels_of_a_version_to_come():
    # GIVEN names of kernels in a codec to come between two traces
    file = begun()
    file.add_kernels(["k"])
    file.add_launches([(10, 20, 0, 0, 0, 0)])
    file.add(writer.KERNELS, 7, b"?", flags=1)
    file.add_launches([(30, 40, 0, 0, 0, 0)])
    # THEN what follows may refer to them and is skipped
    for data in (file.data, file.finished()):
        assert agree(data)["launches"] == [(10, 20, "k", 0, 0)]


def test_regions_of_a_version_to_come():
    # GIVEN names of regions in a codec to come, which may be skipped, among others
    nodes = np.array([(-1, 0)], NODE_DTYPE)
    frames = [beginning(), names_frame(["a"], 0, nodes, 0), slices_frame(np.array([(0, 5, 0, 1, 0)], SLICE_DTYPE))]
    unknown = Frame(LEDGER_NAMES, b"?", codec=7, flags=IGNORABLE)
    later = slices_frame(np.array([(5, 9, 0, 1, 0)], SLICE_DTYPE))
    # WHEN they are read live and folded THEN what follows is skipped, and nothing else is lost
    for data in (encoded([*frames, unknown, later]), folded([*frames, unknown, later, json_frame(FOOTER, {})])):
        found = agree(data)
        assert found["labels"] == ["a"] and found["slices"] == [(0, 5, 0, 1)]


def frames_of(data):
    """The headers and payloads of a file's frames."""
    at = 16
    while at < len(data) - 32:
        [length] = struct.unpack_from("<I", data, at)
        yield bytearray(data[at : at + 44]), data[at + 44 : at + 44 + length]
        at += 44 + length


def joined(frames, trailer):
    """A file of frames, each with right checksums."""
    out, offsets = writer.header(), []
    for head, payload in frames:
        offsets.append(len(out))
        head = struct.pack("<I", len(payload)) + bytes(head[4:36]) + struct.pack("<I", zlib.crc32(payload))
        out += head + struct.pack("<I", zlib.crc32(head)) + payload
    return out + (writer.trailer(*offsets[-2:]) if trailer else b"")


SAMPLE = sample().finished()


@settings(max_examples=250)
@given(st.data(), st.sampled_from([kind for kind in KINDS if kind[0] not in (1, 3, 4)]), st.integers(0, 3))
def test_both_accept_and_refuse_the_same(data, kind, n_changes):
    # GIVEN a file with right checksums in which one kind of frame has other contents, or other fields
    frames = []
    for head, payload in frames_of(SAMPLE):
        if (head[4], head[5]) == kind:
            plain = bytearray(columns.zstd.decompress(payload) if kind[1] else payload)
            for _ in range(n_changes):
                plain[data.draw(st.integers(0, len(plain) - 1))] = data.draw(st.integers(0, 255))
            if data.draw(st.booleans()):
                head[data.draw(st.integers(6, 35))] = data.draw(st.integers(0, 255))
            # As long as before, where that can be, so that the index still leads to the frames after it.
            payload = columns.zstd.compress(bytes(plain), level=data.draw(st.integers(1, 3))) if kind[1] else plain
        frames.append((head, bytes(payload)))
    # THEN both readers refuse it, or find the same
    agree(joined(frames[:-2], trailer=False))
    whole = joined(frames, trailer=True)
    if kind == (9, 1) and by_oracle(whole, oracle.read_indexed) == REFUSED:
        by_product(whole)  # it may have looked only where the index is right
    else:
        agree(whole)
