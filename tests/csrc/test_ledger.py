"""The ledger where nobody takes: coarser, and nothing lost."""

import itertools
import time
from pathlib import Path

from core import ffi, lib
from marks_files import ENTER
from marks_home import Home, Reducer

MS = 10**6
SLICES = 1 << 20


def test_a_full_ledger_becomes_coarser_and_loses_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path, ["a"])
    with Reducer(tmp_path, longest_slice_ns=10) as reducer:
        t = time.monotonic_ns() + 10 * MS
        home.ring(0, [(t, ENTER, 1)])
        # WHEN there are more slices than anybody holds, and an edge that is yet to come
        reducer.edge(t + 33 * MS)
        reducer.passes(t + 15 * MS)
        reducer.passes(t + 30 * MS)
        # THEN the last of them lasts until somebody takes
        slices = ffi.new("struct pc_slice[]", SLICES + 10)
        rows = ffi.new("struct pc_row[]", SLICES + 10)
        count = lib.pc_reducer_take_slices(reducer.raw, slices, SLICES + 10)
        assert count == SLICES and slices[0].end_ns - slices[0].start_ns == 10
        full_at_ns = slices[count - 1].end_ns
        spent_ns = sum(row.time_ns for row in rows[0 : lib.pc_reducer_take_rows(reducer.raw, rows, SLICES + 10)])
        reducer.stop(t + 34 * MS)
        rest = reducer.slices(SLICES)
        assert rest[0][:2] == (full_at_ns, t + 30 * MS)
        assert all(a[1] == b[0] for a, b in itertools.pairwise(rest)) and rest[-1][1] == t + 34 * MS
        assert [end_ns - t for _, end_ns, channel, _ in rest if channel == 0] == [33 * MS]
        spent_ns += sum(row[2] for row in reducer.rows(SLICES))
        assert abs(spent_ns - 34 * MS) < 50_000


def test_a_ledger_that_is_full_at_the_end_has_room_for_the_last_slice(tmp_path: Path) -> None:
    home = Home(tmp_path, ["a"])
    with Reducer(tmp_path, longest_slice_ns=10) as reducer:
        t = time.monotonic_ns() + 10 * MS
        home.ring(0, [(t, ENTER, 1)])
        reducer.stop(t + 30 * MS)
        slices = ffi.new("struct pc_slice[]", SLICES + 10)
        rows = ffi.new("struct pc_row[]", SLICES + 10)
        count = lib.pc_reducer_take_slices(reducer.raw, slices, SLICES + 10)
        assert count == SLICES + 1 and slices[count - 1].end_ns == t + 30 * MS
        taken = rows[0 : lib.pc_reducer_take_rows(reducer.raw, rows, SLICES + 10)]
        assert abs(sum(row.time_ns for row in taken) - 30 * MS) < 50_000
