"""Test the oracle with the writer that was made for it, both from the specification alone."""

import pathlib
import struct
import zlib

import hypothesis.strategies as st
import pytest
import run_file_oracle as oracle
import run_file_writer as writer
from hypothesis import given, settings
from run_file_frames import BadFile

try:
    from compression import zstd
except ImportError:  # before Python 3.14
    from backports import zstd

U64S = st.one_of(st.integers(0, 600), st.integers(0, 2**64 - 1))
U32S = st.one_of(st.integers(1, 3), st.integers(1, 2**32 - 1))
TIMES = st.one_of(st.integers(0, 10**5), st.integers(0, 2**62 - 2**16))
STEPS = st.one_of(st.integers(0, 5), st.integers(0, 10**6))
EDGE_FLAGS, ERRORS = st.sampled_from([0, 1, 2, 4, 8, 64, 2**16 - 1]), st.integers(-(2**31), 2**31 - 1)
TEXTS = st.text(st.characters(), max_size=5) | st.just("\udc80")


@st.composite
def some_edges(draw, n_channels, min_size=1):
    """Draw edges (channel, before_ns, seen_ns, raw, flags, error) of channels 0, 1 ... in order of time seen."""
    edges = []
    seen_ns = draw(TIMES)
    channels = [*range(n_channels), *draw(st.lists(st.integers(0, n_channels - 1), min_size=min_size, max_size=30))]
    for channel in draw(st.permutations(channels)):
        seen_ns = min(seen_ns + draw(STEPS), 2**62 - 2**16)
        before_ns = draw(st.integers(max(0, seen_ns - 20), seen_ns) | st.integers(0, seen_ns))
        edges.append((channel, before_ns, seen_ns, draw(U64S), draw(EDGE_FLAGS), draw(ERRORS)))
    return edges


def by_channel(edges):
    """Return edges as the reader has them."""
    result = {}
    for channel, *edge in edges:
        result.setdefault(channel, []).append(tuple(edge))
    return result


def reads(file, **members):
    """Tell that both ways of reading find these members in a finished file, and the first one in the live one."""
    data = file.finished({"notes": ["end"]})
    whole, indexed, live = oracle.read(data), oracle.read_indexed(data), oracle.read(file.data)
    assert whole == indexed
    assert whole.complete
    assert whole.footer == {"notes": ["end"]}
    assert not live.complete
    assert oracle.read_indexed(file.data) == live
    for result in (whole, live):
        for name, value in members.items():
            assert getattr(result, name) == value
    return data


def begun(n_channels=3, **members):
    """Return a writer that has written its metadata."""
    file = writer.Writer()
    file.add_metadata(range(n_channels), **members)
    return file


def refused(data, *, both=True):
    """Tell that a file is refused and return why."""
    with pytest.raises(BadFile) as caught:
        oracle.read_indexed(data)
    if both:
        with pytest.raises(BadFile) as caught:
            oracle.read(data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@settings(max_examples=30)
@given(some_edges(1), st.integers(0, 1), st.integers(1, 20))
def test_edges_of_one_channel(edges, codec, size):
    """Edges of codecs 0 and 1 come back, over several frames."""
    file = begun()
    for at in range(0, len(edges), size):
        file.add_edges(codec, edges[at : at + size])
    reads(file, edges=by_channel(edges))


@settings(max_examples=50)
@given(st.data(), st.integers(1, 4), st.integers(1, 65535) | st.sampled_from([1, 10]), st.integers(0, 9))
def test_edges_in_turns(data, n_channels, tick_ns, wider):
    """Edges of codec 2 come back, rounded to ticks, whatever the free choices are."""
    edges = data.draw(some_edges(n_channels))
    channels = data.draw(st.permutations(range(n_channels)))
    table = [(channel, data.draw(U32S), data.draw(U32S), data.draw(U64S)) for channel in channels]
    choices = data.draw(st.lists(st.booleans(), min_size=len(edges), max_size=len(edges)))
    numbers = {(edge[0], edge[3]): data.draw(U64S) for edge in edges}
    units_of = data.draw(st.sampled_from([None, lambda channel, raw: numbers[channel, raw]]))
    file = begun(n_channels)
    file.add_turns(edges, tick_ns, table, may_refer=choices.__getitem__, wider=wider, units_of=units_of)
    reads(file, edges=by_channel(writer.rounded(edge, tick_ns) for edge in edges))


def test_edges_in_turns_by_hand():
    """A payload of codec 2 that was worked out by hand from the page is read as it says."""
    table = struct.pack("<HHIIIQ", 7, 0, 2, 61035, 1000, 10) + struct.pack("<HHIIIQ", 2, 0, 2, 1, 1, 0)
    columns = [
        bytes([0, 3, 255, 4]) + b"\x01",  # seen: 100, 103, 359, 363 ticks (255 + 1)
        bytes([0, 0, 0, 0]),  # turn: 7, 2, 7, 2
        bytes([5 + 4, 5 + 1, 5 + 6, 3]),  # before: widths 2, 1, 4; of the last: seen(p - 1) - 2, p = 1: 100 - 2
        bytes([2, 1, 10, 2]),  # step: 7: N 11, 20; 2: 5, 6
        bytes([0, 20, 0, 0]),  # rest
        bytes([1, 1, 0, 255]) + b"\x01",  # flags
        bytes([0, 1, 2, 3]),  # error 0, -1, 1, -2
    ]
    payload = zstd.compress(table + bytes([1, 0, 0, 0, 0, 1, 0, 0]) + b"".join(columns))
    file = begun(8)
    rows = [(7, 2, 1000, 2590), (2, 2, 1030, 2600)]
    file.add(2, 2, payload, rows, count=4, channel=2, tick_ns=10, first_ns=1000, last_ns=3630)
    first = [(980, 1000, 671, 1, 0), (3550, 3590, 1200, 0, 1)]  # floor(11 * 61.035) and floor(20 * 61.035) - 20
    reads(file, edges={7: first, 2: [(1020, 1030, 5, 1, -1), (980, 3630, 6, 256, -2)]})


@settings(max_examples=30)
@given(st.data())
def test_regions(data):
    """Names, slices, rows and marks come back, over several frames of each."""
    file = begun()
    labels, nodes, slices, rows, marks = [], [], [], [], []
    time_ns = data.draw(TIMES)
    number = 0
    for _ in range(data.draw(st.integers(1, 3))):
        new_labels = data.draw(st.lists(TEXTS, min_size=1, max_size=4))
        new_nodes = []
        for node in range(len(nodes), len(nodes) + data.draw(st.integers(1, 4))):
            label = data.draw(st.integers(0, len(labels) + len(new_labels) - 1))
            new_nodes.append((data.draw(st.integers(-1, node - 1)), label))
        file.add_names(new_labels, new_nodes, len(labels), len(nodes))
        labels, nodes = labels + new_labels, nodes + new_nodes
        new_slices = []
        for pause_ns, length_ns in data.draw(st.lists(st.tuples(STEPS, STEPS), min_size=1, max_size=5)):
            start_ns = time_ns + pause_ns
            time_ns = start_ns + length_ns
            ended_by = data.draw(st.sampled_from([0, 2, 65535]))
            new_slices.append((start_ns, time_ns, ended_by, data.draw(st.integers(0, 65535))))
        new_slices = [one for one in new_slices if one[1] <= 2**62] or [(time_ns := 2**62, 2**62, 0, 0)]
        time_ns = new_slices[-1][1]
        file.add_slices(new_slices)
        slices += new_slices
        new_rows = []
        for _ in range(data.draw(st.integers(1, 5))):
            number = data.draw(st.integers(number, len(slices) - 1))
            node, calls = data.draw(st.integers(0, len(nodes) - 1)), data.draw(st.integers(0, 2**53))
            new_rows.append((number, node, data.draw(TIMES), data.draw(TIMES), calls))
        file.add_rows(new_rows)
        rows += new_rows
        some = st.tuples(TIMES, st.integers(0, len(nodes) - 1), st.integers(0, 65535), st.integers(0, 2))
        new_marks = data.draw(st.lists(some, min_size=1, max_size=5))
        file.add_marks(new_marks)
        marks += new_marks
    reads(file, labels=labels, nodes=nodes, slices=slices, rows=rows, marks=marks)


def add_traces(file):
    """Add two traces of kernels, the first of them in parts."""
    devices = [{"number": 0, "name": "G", "uuid": "GPU-0", "pci_bus_id": None}, {"number": 7}]
    file.add_kernels(["k", "copy"], devices=devices, error_ns=5, origin="by hand", hostname="h")
    file.add_launches([(10, 90, 0, 0, 0, 3), (10, 20, 1, 7, 1, 2**32 - 1)])
    file.add_kernels(["k2"], 2)
    file.add_launches([(30, 30, 2, 0, 0, 3)])
    file.add_kernels(["k"])
    file.add_launches([(5, 6, 0, 7, 2, 0)])


def sample():
    """Return a file with a frame of every type and codec."""
    file = begun(3)
    edges = [(number % 3, 100 * number, 100 * number + 150, 7 * number, 0, 0) for number in range(12)]
    file.add_edges(0, [edge for edge in edges if edge[0] == 0])
    file.add_edges(1, [edge for edge in edges if edge[0] == 1])
    file.add_json(writer.EVENT, {"monotonic_ns": 5, "clock_step_ns": -3}, flags=1)
    file.add(200, 9, b"?", flags=1)
    file.add(writer.EVENT, 7, b"?", flags=3)
    file.add_names(["a", "b"], [(-1, 0), (0, 1)], 0, 0)
    file.add_slices([(0, 10, 65535, 1), (10, 20, 0, 1)])
    file.add_rows([(0, 0, 10, 8, 1), (1, 1, 10, 8, 1)])
    file.add_marks([(5, 0, 0, 0), (4, 1, 1, 0)])
    add_traces(file)
    later = [(channel, before_ns + 9000, seen_ns + 9000, *rest) for channel, before_ns, seen_ns, *rest in edges]
    file.add_turns(later, 10, [(1, 1, 1, 7), (0, 61035, 1000, 0), (2, 1, 1, 0)])
    return file


def test_sample():
    """A file of every kind of frame is read, the unknown ones are skipped."""
    data = reads(sample(), events=[{"monotonic_ns": 5, "clock_step_ns": -3}], labels=["a", "b"])
    assert [len(trace["launches"]) for trace in oracle.read(data).traces] == [3, 1]
    assert [len(edges) for edges in oracle.read(data).edges.values()] == [8, 8, 4]


def test_cut_anywhere():
    """Of a file cut anywhere in its frames everything up to the last whole one holds."""
    data, n_edges = sample().finished(), []
    for length in range(len(data)):
        try:
            file = oracle.read_indexed(data[:length])
        except BadFile:
            assert not n_edges  # only where the metadata are cut
        else:
            n_edges.append(sum(map(len, file.edges.values())))
            assert file.complete == (length >= len(data) - 32)
    assert n_edges == sorted(n_edges)
    assert {0, 4, 8, 20} == set(n_edges)


def test_damage_anywhere():
    """A changed bit ends what is read or is refused; nothing else is raised."""
    data = sample().finished()
    whole = oracle.read(data)
    for at in range(0, len(data) - 32, 3):
        damaged = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        for read in (oracle.read, oracle.read_indexed):
            try:
                file = read(damaged)
            except BadFile:
                continue
            assert not file.complete
            assert all(edges == whole.edges[channel][: len(edges)] for channel, edges in file.edges.items())


KINDS = [(1, 0), (2, 0), (2, 1), (2, 2), (3, 0), (4, 0), (5, 0), (6, 1), (7, 1), (8, 1), (9, 1), (10, 0), (11, 1)]


@settings(max_examples=200)
@given(st.data(), st.sampled_from(KINDS), st.integers(0, 3), st.booleans())
def test_hostile_payloads(data, kind, n_changes, is_skipped):
    """Frames with right checksums and wrong contents are refused or read, and raise nothing else."""
    frames, at = [], 16
    good = sample().finished()
    while at < len(good) - 32:
        length, type_, codec = struct.unpack_from("<IBB", good, at)
        frames.append((type_, codec, good[at : at + 44], good[at + 44 : at + 44 + length]))
        at += 44 + length
    out = writer.header()
    for type_, codec, head, payload in frames:
        if (type_, codec) == kind:
            plain = bytearray(zstd.decompress(payload) if codec else payload)
            head = bytearray(head)
            for _ in range(n_changes):
                place, byte = data.draw(st.integers(0, len(plain) - 1)), data.draw(st.integers(0, 255))
                plain[place] = byte
            if not data.draw(st.booleans()):
                head[data.draw(st.integers(12, 35))] = data.draw(st.integers(0, 255))
            plain = bytes(plain)
            payload = zstd.compress(plain) if codec else plain
            head = struct.pack("<I", len(payload)) + bytes(head[4:36]) + struct.pack("<I", zlib.crc32(payload))
            head += struct.pack("<I", zlib.crc32(head))
        out += head + payload
    for read in (oracle.read, oracle.read_indexed):
        try:
            read(out + good[-32:])
        except BadFile as error:
            assert "\n" not in str(error)


def test_versions_and_flags():
    """Versions, flags and frames that a reader must know are refused, others are not."""
    rest = begun().finished()[16:]
    assert "513" in refused(writer.header(version=513) + rest)
    for bit in range(8):
        refused(writer.header(flags=1 << bit) + rest)
    assert oracle.read(writer.header(flags=0xFF00) + rest).complete
    for type_, codec, flags in ((12, 0, 0), (4, 1, 0), (2, 3, 2), (6, 0, 0), (9, 1, 4), (4, 0, 2)):
        for more in (0, 1):
            file = begun()
            file.add(type_, codec, b"?", flags=flags | more, count=1)
            if more:
                reads(file)
            else:
                refused(file.finished())


def test_limits():
    """What is beyond the limits is refused before its payload is looked at."""
    for values in ({"count": 2**20 + 1}, {"count": 0}):
        file = begun()
        file.add(2, 1, b"", **values)
        refused(file.data)
    file = begun()
    start = struct.pack("<IBBHIIHHqqI", 2**26 + 1, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0)  # too long: damaged
    assert not oracle.read(file.data + start + struct.pack("<I", zlib.crc32(start))).complete
    file.add(4, 0, b'{"a":"' + b"a" * 2**24 + b'"}', flags=1)
    refused(file.data)
    for size in (29, 31):
        file = begun()
        file.add(2, 1, zstd.compress(bytes(size)), count=1)
        refused(file.data)
    for count in (1, 2, 3):
        file = begun()
        file.add(2, 2, zstd.compress(bytes(24 + 8 + 63 * count + 1)), count=count, channel=1, tick_ns=1)
        assert "more than" in refused(file.data)
    file = begun()
    file.add_names(["a"], [(node - 1, 0) for node in range(1024)], 0, 0)
    oracle.read(file.data)
    file.add_names([], [(1023, 0)], 1, 1024)
    refused(file.data)
    file = begun()
    file.add_names(["a"], [(-1, 0)] * 2**16, 0, 0)
    oracle.read(file.data)
    file.add_names([], [(-1, 0)], 1, 2**16)
    refused(file.data)
    for number in (-1, 65535, 1.0, True, None):
        file = writer.Writer()
        file.add_metadata([number])
        refused(file.data)


def test_order_of_times():
    """Edges and slices that go back in time are refused, in a frame and from frame to frame."""
    for codec in (0, 1):
        file = begun()
        file.add_edges(codec, [(0, 0, 10, 0, 0, 0)])
        file.add_edges(codec, [(1, 0, 9, 0, 0, 0)])  # another channel may
        oracle.read(file.data)
        file.add_edges(codec, [(0, 0, 9, 0, 0, 0)])
        refused(file.data)
        for edges in ([(0, 0, 10, 0, 0, 0), (0, 0, 9, 0, 0, 0)], [(0, 2, 1, 0, 0, 0)], [(0, -1, 1, 0, 0, 0)]):
            file = begun()
            file.add_edges(codec, edges)
            refused(file.finished())
        file = begun()
        file.add_edges(codec, [(0, 0, 2**62 + 1, 0, 0, 0)])
        refused(file.finished())
    for slices in ([(5, 9, 0, 0), (8, 10, 0, 0)], [(5, 4, 0, 0)]):
        file = begun()
        file.add_slices(slices)
        refused(file.finished())
    file = begun()
    file.add_slices([(5, 9, 0, 0)])
    file.add_slices([(8, 10, 0, 0)])
    refused(file.finished())


def test_what_follows_skipped_regions_is_skipped():
    """Behind regions in a codec to come no regions are read."""
    file = begun()
    file.add(writer.NAMES, 7, b"?", flags=1)
    file.add_names(["b"], [], 1, 0)
    file.add_slices([(0, 10, 65535, 1)])
    reads(file, labels=[], slices=[])


@pytest.mark.parametrize("member", range(6))
@pytest.mark.parametrize("row", [0, 2, -1])
def test_wrong_index(member, row):
    """An index that is wrong about a frame is refused; read in order the file is right."""
    file = sample()
    rows = [list(one) for one in file.index_rows]
    rows[row][member] ^= 1
    data = file.finished(index_rows=[tuple(one) for one in rows])
    refused(data, both=False)
    assert oracle.read(data).complete


def test_index_that_lacks_frames():
    """An index without the first, a middle or the last row is refused."""
    file = sample()
    for row in range(len(file.index_rows)):
        refused(file.finished(index_rows=file.index_rows[:row] + file.index_rows[row + 1 :]), both=False)


def test_trailer_that_leads_nowhere():
    """Behind a wrong trailer a file is read in order."""
    data = sample().finished()
    index_offset, footer_offset = struct.unpack_from("<QQ", data, len(data) - 32)
    for offsets in ((16, footer_offset), (index_offset, index_offset), (2**64 - 1, footer_offset), (0, 2**63)):
        assert oracle.read_indexed(data[:-32] + writer.trailer(*offsets)) == oracle.read(data)
    assert oracle.read_indexed(data[:-32] + bytes(8) + data[-32:]) == oracle.read(data)


def test_metadata_come_first():
    """A file without metadata at its start, or with a second one, is refused."""
    file = writer.Writer()
    refused(file.data)
    file.add_json(writer.EVENT, {}, flags=1)
    file.add_metadata([])
    refused(file.finished())
    file = begun()
    file.add_metadata([])
    refused(file.finished())


@pytest.mark.parametrize(
    "text",
    [b"[]", b"{", b"{} {}", b'{"a": NaN}', b'{"a": "\xff"}', b"\xef\xbb\xbf{}", b"[" * 10**5, b'{"a":' + b"9" * 5000],
)
def test_bad_json(text):
    """What is no JSON object of UTF-8 is refused."""
    file = begun()
    file.add(writer.EVENT, 0, text, flags=1)
    refused(file.data)


def test_file_of_older_shape():
    """The file of codec 1 without a trailer is read to its end."""
    data = (pathlib.Path(__file__).parents[1] / "golden" / "run-v1.pcr").read_bytes()
    file = oracle.read_indexed(data)
    assert file == oracle.read(data)
    assert file.complete
    assert [len(edges) for edges in file.edges.values()] == [1003, 1003, 1003, 103, 103]
    assert file.edges[0][0] == (4999989000000, 4999990000000, 262043328850, 1, 0)
