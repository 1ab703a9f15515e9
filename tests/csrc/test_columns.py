"""Columns of edges: what a frame says comes out, and no bytes lead outside the given arrays."""

import errno
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from core import ffi, lib
from hypothesis import given, settings
from hypothesis import strategies as st

LATEST_NS = 2**62
CANARY, MOST = 0xA5, 64
BYTES = st.sampled_from([0, 1, 2, 3, 4, 5, 254, 255]) | st.integers(0, 255)


class Coded(NamedTuple):
    """A frame's payload after decompression, and what its header says."""

    data: bytes
    count: int
    channels: int
    tick_ns: int
    first_ns: int
    last_ns: int


class Row(NamedTuple):
    """A row of the table."""

    identity: int
    count: int
    numerator: int = 1
    denominator: int = 1
    base: int = 0


def payload(rows: Sequence[Row], columns: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A table, and columns of (bytes, wide bytes of width 1)."""
    table = b"".join(struct.pack("<HHIIIQ", row.identity, 0, *row[1:]) for row in rows)
    widths = bytes(1 if wide else 0 for _, wide in columns) + b"\0"
    return table + widths + b"".join(narrow + wide for narrow, wide in columns)


def decode(coded: Coded, wanted: Sequence[bool] | None = None) -> tuple[int, list[list[tuple[int, ...]]]]:
    """The code, and the edges of each row; each array is just as large as it must be, and edges have canaries."""
    rows = coded.channels
    data = ffi.new("uint8_t[]", len(coded.data))
    ffi.buffer(data)[:] = coded.data
    columns = ffi.new("struct pc_columns *", [data, len(coded.data), *coded[1:]])
    counts = [int.from_bytes(coded.data[24 * row + 4 : 24 * row + 8], "little") for row in range(rows)]
    counts = [min(count, MOST) for count in counts]  # more are refused before any is written
    arrays = [ffi.new("struct pc_edge[]", count + 1) for count in counts]
    for array, count in zip(arrays, counts, strict=True):
        ffi.memmove(array + count, bytes([CANARY]) * 32, 32)
    places = ffi.new("struct pc_edge *[]", max(rows, 1))
    for row, array in enumerate(arrays):
        places[row] = array if wanted is None or wanted[row] else ffi.NULL
    seen, state = ffi.new("int64_t[]", max(coded.count, 1)), ffi.new("struct pc_columns_row[]", max(rows, 1))
    code = lib.pc_columns_decode(columns, state, seen, places)
    for array, count in zip(arrays, counts, strict=True):
        assert bytes(ffi.buffer(array + count, 32)) == bytes([CANARY]) * 32
    if code != 0:
        return code, []
    names = ("t_before_ns", "t_seen_ns", "raw", "channel", "flags", "error")
    edges = [
        [tuple(getattr(array[i], name) for name in names) for i in range(count)]
        for array, count in zip(arrays, counts, strict=True)
    ]
    return code, edges


def by_hand() -> Coded:
    """A frame that was worked out by hand from docs/run-file.md."""
    columns = [
        (bytes([0, 3, 255, 4]), b"\x01"),  # seen: 100, 103, 359, 363 ticks (255 + 1)
        (bytes([0, 0, 0, 0]), b""),  # turn: 7, 2, 7, 2
        (bytes([5 + 4, 5 + 1, 5 + 6, 3]), b""),  # before: widths 2, 1, 4; of the last: seen(p - 1) - 2
        (bytes([2, 1, 10, 2]), b""),  # step: of 7: N 11, 20; of 2: 5, 6
        (bytes([0, 20, 0, 0]), b""),  # rest
        (bytes([1, 1, 0, 255]), b"\x01"),  # flags
        (bytes([0, 1, 2, 3]), b""),  # error: 0, -1, 1, -2
    ]
    rows = [Row(7, 2, 61035, 1000, 10), Row(2, 2)]
    return Coded(payload(rows, columns), 4, 2, 10, 1000, 3630)


def test_a_frame_that_was_worked_out_by_hand() -> None:
    code, edges = decode(by_hand())
    assert code == 0
    assert edges[0] == [(980, 1000, 671, 7, 1, 0), (3550, 3590, 1200, 7, 0, 1)]
    assert edges[1] == [(1020, 1030, 5, 2, 1, -1), (980, 3630, 6, 2, 256, -2)]


@pytest.mark.parametrize("wanted", [[True, False], [False, True], [False, False]])
def test_what_is_not_wanted_is_left_out(wanted: list[bool]) -> None:
    code, edges = decode(by_hand(), wanted)
    every = decode(by_hand())[1]
    assert code == 0
    for row, is_wanted in enumerate(wanted):
        assert edges[row] == (every[row] if is_wanted else [(0,) * 6] * len(every[row]))


def test_a_frame_that_is_cut_or_goes_on_is_refused() -> None:
    coded = by_hand()
    for length in range(48, len(coded.data)):
        assert decode(coded._replace(data=coded.data[:length]))[0] == -errno.EBADMSG
    assert decode(coded._replace(data=coded.data + b"\0"))[0] == -errno.EBADMSG


@pytest.mark.parametrize(
    "change",
    [
        {"count": 0},
        {"count": 3},
        {"count": 2**20 + 1},
        {"count": 2**32 - 1},
        {"channels": 0},
        {"channels": 1},
        {"tick_ns": 0},
        {"tick_ns": 7},
        {"tick_ns": 2**32 - 1},
        {"first_ns": -10},
        {"first_ns": 990},
        {"first_ns": 3640},
        {"last_ns": 3620},
        {"last_ns": 2**63 - 8},
        {"last_ns": -(2**63)},
    ],
    ids=str,
)
def test_headers_that_cannot_be_are_refused(change: dict[str, int]) -> None:
    coded = by_hand()._replace(**change)
    if coded.count > MOST:  # refused before `seen` is looked at
        state, seen = ffi.new("struct pc_columns_row[2]"), ffi.new("int64_t[1]")
        data = ffi.from_buffer(coded.data)
        columns = ffi.new("struct pc_columns *", [data, len(coded.data), *coded[1:]])
        assert lib.pc_columns_decode(columns, state, seen, ffi.new("struct pc_edge *[2]")) == -errno.EBADMSG
    else:
        assert decode(coded)[0] == -errno.EBADMSG


def check(coded: Coded, wanted: Sequence[bool]) -> None:
    """The bytes are refused, or make edges that can be."""
    code, edges = decode(coded, wanted)
    assert code in (0, -errno.EBADMSG)
    if code == 0:
        for own, is_wanted in zip(edges, wanted, strict=True):
            times = [edge[:2] for edge in own if is_wanted]
            assert all(0 <= before <= seen <= LATEST_NS for before, seen in times)
            assert times == sorted(times, key=lambda pair: pair[1])


@st.composite
def frames(draw: Any) -> Coded:
    """A frame whose columns fit it, of whatever values, which every other time can be."""
    in_turns = draw(st.booleans())
    counts = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    counts = counts[:1] * len(counts) if in_turns else counts
    n = sum(counts)
    wholes = st.integers(0, 2**32 - 1)
    rows = [
        Row(draw(st.integers(0, 9)), count, draw(wholes), draw(wholes), draw(st.integers(0, 2**64 - 1)))
        for count in counts
    ]
    widths, columns, passed = [], b"", 0
    for largest in (9, len(counts) - 1, 20, 255, 255, 255, 255):
        values = draw(st.lists(st.integers(0, largest) | st.just(255), min_size=n, max_size=n))
        if in_turns and len(widths) < 3:  # seen, turn and before
            values = [[0, *[min(value, 9) for value in values[1:]]], [0] * n, [5] * n][len(widths)]
            passed = sum(values) if not widths else passed
        width = draw(st.integers(0, 8))
        large = values.count(255)
        columns += bytes(values) + draw(st.binary(min_size=width * large, max_size=width * large))
        widths.append(width)
    table = b"".join(struct.pack("<HHIIIQ", row.identity, 0, *row[1:]) for row in rows)
    tick_ns = draw(st.sampled_from([1, 100, 65535]))
    first = draw(st.integers(0, 1000) | st.integers(0, LATEST_NS // tick_ns))
    last = first + passed if in_turns else draw(st.integers(first, first + 9 * n))
    data = table + bytes(widths) + b"\0" + columns
    return Coded(data, n, len(counts), tick_ns, first * tick_ns, last * tick_ns)


@settings(max_examples=200)
@given(frames(), st.data())
def test_columns_of_any_values_lead_nowhere_else(coded: Coded, data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.booleans(), min_size=coded.channels, max_size=coded.channels))
    check(coded, wanted)


@settings(max_examples=300)
@given(st.data())
def test_bytes_that_were_changed_lead_nowhere_else(data: st.DataObject) -> None:
    # GIVEN a right frame, some of whose bytes and header are not
    coded = by_hand()
    changed = bytearray(coded.data)
    for place in data.draw(st.lists(st.integers(0, len(changed) - 1), max_size=4)):
        changed[place] = data.draw(BYTES)
    header = {"count": st.integers(0, 12), "channels": st.integers(0, 4), "last_ns": st.integers(-(2**63), 2**63 - 1)}
    some = data.draw(st.sampled_from([{}, {}, header]))
    values = {name: data.draw(value) for name, value in some.items()}
    if values.get("channels", 2) > 2:
        changed += data.draw(st.binary(min_size=48, max_size=48))  # a table for the arrays
    coded = coded._replace(data=bytes(changed), **values)
    check(coded, data.draw(st.lists(st.booleans(), min_size=coded.channels, max_size=coded.channels)))


@settings(max_examples=200)
@given(st.binary(min_size=96, max_size=400), st.integers(1, 20), st.integers(1, 4), st.integers(0, 200))
def test_noise_leads_nowhere_else(noise: bytes, count: int, channels: int, last_ns: int) -> None:
    check(Coded(noise, count, channels, 1, 0, last_ns), [True] * channels)


def test_noise_behind_a_right_table_leads_nowhere_else() -> None:
    # GIVEN each byte behind the table, and each of its numbers, as large as can be
    coded = by_hand()
    for place in range(len(coded.data)):
        for value in (0, 127, 128, 254, 255):
            changed = coded.data[:place] + bytes([value]) + coded.data[place + 1 :]
            check(coded._replace(data=changed), [True, True])
