"""The reducer: every nanosecond that a thread spends in regions is in one row, that of its innermost."""

import errno
import itertools
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from core import ffi, lib
from hypothesis import given, settings
from hypothesis import strategies as st
from marks_files import ENTER, LEAVE, RESUME, TICK
from marks_home import CONTINUED, ENDED, Home, Reducer

MS = 10**6
SLACK_NS = 50_000
"""Times made from ticks by two measured rates, a second ahead of both."""

NAMES = ["a", "b", "c", "d"]
ALL = 65535
Mark = tuple[int, int, int]
"""(ms since the first, kind, label number)"""


class Model:
    """One thread by the words of reducer.h, the simplest way there is."""

    def __init__(self) -> None:
        self.stack: list[tuple[str, bool]] = []
        self.spent: list[tuple[int, int, tuple[str, ...]]] = []
        self.calls: list[tuple[int, tuple[str, ...]]] = []
        self.crossed = self.unmatched = 0
        self.at = 0

    def path(self) -> tuple[str, ...]:
        path: tuple[str, ...] = ()
        for label, _ in self.stack:
            path = path[: path.index(label) + 1] if label in path else (*path, label)
        return path

    def until(self, at: int) -> None:
        if self.stack and at > self.at:
            self.spent.append((self.at, at, self.path()))
        self.at = at

    def mark(self, at: int, kind: int, label: str) -> None:
        self.until(at)
        if kind == TICK and self.stack and self.stack[-1] == (label, True):
            self.stack.pop()
        if kind != LEAVE:
            self.stack.append((label, kind == TICK))
            if kind != RESUME:
                self.calls.append((at, self.path()))
            return
        where = [i for i, (name, _) in enumerate(self.stack) if name == label]
        if not where:
            self.unmatched += 1
            return
        above = [frame for frame in self.stack[where[-1] + 1 :] if not frame[1]]
        self.stack[where[-1] :] = above
        self.crossed += bool(above)


def expected(threads: Sequence[Sequence[Mark]], borders: Sequence[int], end: int):
    """Time and calls by (slice, path), times in ms."""
    models = []
    for marks in threads:
        model = Model()
        for at, kind, label in marks:
            model.mark(at, kind, NAMES[label - 1])
        model.until(end)
        models.append(model)
    cuts = [float("-inf"), *borders, end]
    spent: Counter[tuple[int, tuple[str, ...]]] = Counter()
    calls: Counter[tuple[int, tuple[str, ...]]] = Counter()
    for model in models:
        for first, last, path in model.spent:
            for i, (low, high) in enumerate(itertools.pairwise(cuts)):
                both = min(high, last) - max(low, first)
                if both > 0:
                    spent[i, path] += both
        for at, path in model.calls:
            calls[next(i for i, high in enumerate(cuts[1:]) if at < high), path] += 1
    return spent, calls, sum(m.crossed for m in models), sum(m.unmatched for m in models)


def thread_marks(max_size: int = 25) -> st.SearchStrategy[list[Mark]]:
    """Marks of one thread in any order, balanced or not, at least a ms apart."""
    mark = st.tuples(
        st.integers(1, 4), st.sampled_from([ENTER, ENTER, LEAVE, LEAVE, RESUME, TICK]), st.integers(1, 4)
    )

    def place(gaps: list[Mark]) -> list[Mark]:
        at, placed = 0, []
        for gap, kind, label in gaps:
            at += gap
            placed.append((at, kind, label))
        return placed

    return st.lists(mark, max_size=max_size).map(place)


@settings(max_examples=60)
@given(
    threads=st.lists(thread_marks(), min_size=1, max_size=3),
    borders=st.sets(st.integers(0, 110), max_size=8),
    passes=st.sets(st.integers(0, 120), max_size=6),
)
def test_time_and_calls_are_where_they_were_spent(
    threads: list[list[Mark]], borders: set[int], passes: set[int]
) -> None:
    # GIVEN threads that mark anything, and edges half a ms off
    with tempfile.TemporaryDirectory() as folder, Reducer(Path(folder), proc="/nowhere") as reducer:
        start = time.monotonic_ns() + 20 * MS
        home = Home(Path(folder), NAMES)
        for number, marks in enumerate(threads):
            home.ring(number, [(start + at * MS, kind, label) for at, kind, label in marks])
        cuts = sorted(border + 0.5 for border in borders)
        for cut in cuts:
            reducer.edge(start + int(cut * MS))
        # WHEN they are folded in any number of passes
        for at in sorted(passes):
            reducer.passes(start + at * MS + MS // 4)
        reducer.stop(start + 121 * MS)
        # THEN slices are what the edges cut, and rows what a simple model says
        slices, rows = reducer.slices(), reducer.rows()
        assert all(a[1] == b[0] for a, b in itertools.pairwise(slices))
        assert [s[1] for s in slices[:-1]] == [start + int(cut * MS) for cut in cuts]
        spent, calls, crossed, unmatched = expected(threads, cuts, 121)
        found = {(index, path): time_ns for index, path, time_ns, _, _ in rows if time_ns > SLACK_NS}
        assert found.keys() == spent.keys()
        for key, time_ns in found.items():
            assert abs(time_ns - spent[key] * MS) <= SLACK_NS * 25
        assert {(index, path): n for index, path, _, _, n in rows if n} == dict(calls)
        total_ns = sum(time_ns for _, _, time_ns, _, _ in rows)
        assert abs(total_ns - sum(spent.values()) * MS) <= SLACK_NS * len(threads) * 2
        counts = reducer.counts
        assert (counts["crossed"], counts["unmatched"]) == (crossed, unmatched)
        assert counts["threads"] == len(threads) and counts["marks"] == sum(map(len, threads))
        # AND the kept marks nest
        stacks: dict[int, list[tuple[str, ...]]] = {}
        for _, path, thread, kind in reducer.marks():
            stack = stacks.setdefault(thread, [])
            if kind == LEAVE:
                assert stack.pop() == path
            else:
                stack.append(path)
        assert not any(stacks.values())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, NAMES)


def start_ns() -> int:
    return time.monotonic_ns() + 10 * MS


def test_self_time_is_without_what_is_within(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        home.ring(0, [(t, ENTER, 1), (t + 10 * MS, ENTER, 2), (t + 30 * MS, LEAVE, 2), (t + 40 * MS, LEAVE, 1)])
        reducer.stop(t + 50 * MS)
        reducer.slices()
        by_path = {path: (round(ns / MS), calls) for _, path, ns, _, calls in reducer.rows()}
    assert by_path == {("a",): (20, 1), ("a", "b"): (20, 1)}


def test_recursion_is_one_place(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        words = [(t + i * MS, ENTER, 1 + i % 2) for i in range(20)] + [
            (t + (20 + i) * MS, LEAVE, 2 - i % 2) for i in range(20)
        ]
        home.ring(0, words)
        reducer.stop(t + 50 * MS)
        reducer.slices()
        rows = reducer.rows()
    assert {path for _, path, _, _, _ in rows} == {("a",), ("a", "b")}
    assert sum(calls for *_, calls in rows) == 20 and sum(round(ns / MS) for _, _, ns, _, _ in rows) == 39


def test_a_thread_that_ends_inside_is_closed_there(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        path = home.ring(0, [(t, ENTER, 1)], state=ENDED, closed_ns=t + 7 * MS)
        reducer.passes(t + 20 * MS)
        assert not path.exists()
        reducer.stop(t + 50 * MS)
        reducer.slices()
        [(_, _, ns, _, calls)] = reducer.rows()
        assert (round(ns / MS), calls) == (7, 1) and reducer.counts["died_inside"] == 1


def test_what_a_tick_opened_ends_without_a_word(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        home.ring(0, [(t, TICK, 1), (t + 5 * MS, TICK, 1)], state=ENDED, closed_ns=t + 7 * MS)
        reducer.stop(t + 50 * MS)
        reducer.slices()
        [(_, _, ns, _, calls)] = reducer.rows()
        assert (round(ns / MS), calls) == (7, 2) and reducer.counts["died_inside"] == 0


def test_a_ring_that_goes_on_in_a_larger_one(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        words = [(t + i * MS, ENTER if i % 2 == 0 else LEAVE, 1) for i in range(100)]
        files = [
            home.ring(0, words[:30], number=0, state=CONTINUED, capacity=32, tail=0),
            home.ring(0, words[30:70], number=1, state=CONTINUED, capacity=64, tail=0),
            home.ring(0, words[70:], number=2, capacity=64),
        ]
        reducer.stop(t + 200 * MS)
        reducer.slices()
        [(_, _, ns, _, calls)] = reducer.rows()
        assert calls == 50 and abs(ns - 50 * MS) < SLACK_NS and not any(file.exists() for file in files)


@pytest.mark.parametrize("tail", [0, 60, 64, 10**12])
def test_a_ring_is_read_around_its_end(tail: int, home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        home.ring(0, [(t + i * MS, i % 2, 1) for i in range(64)], tail=tail)
        reducer.stop(t + 100 * MS)
        assert reducer.counts["marks"] == 64 and reducer.counts["unmatched"] == 0


def test_threads_that_are_inside_at_the_end_are_counted(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        home.ring(0, [(t, ENTER, 1)])
        reducer.stop(t + 30 * MS)
        reducer.slices()
        assert reducer.counts["open_at_end"] == 1
        assert round(sum(ns for _, _, ns, _, _ in reducer.rows()) / MS) == 30
        assert not any(home.path.iterdir())


def test_marks_after_the_end_are_not_of_the_run(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        home.ring(0, [(t, ENTER, 1), (t + 5 * MS, LEAVE, 1), (t + 40 * MS, ENTER, 1)])
        reducer.stop(t + 30 * MS)
        assert reducer.counts["marks"] == 2 and reducer.counts["open_at_end"] == 0


def test_a_long_time_without_an_edge_is_cut(home: Home) -> None:
    with Reducer(home.path, longest_slice_ns=10 * MS) as reducer:
        t = start_ns()
        home.ring(0, [(t, ENTER, 1)])
        reducer.edge(t + 35 * MS)
        reducer.stop(t + 60 * MS)
        slices = reducer.slices()
        assert max(end - start for start, end, _, _ in slices) <= 10 * MS
        assert [channel for _, _, channel, _ in slices].count(0) == 1
        assert round(sum(ns for _, _, ns, _, _ in reducer.rows()) / MS) == 60


def test_which_edges_are_borders(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        reducer.edge(t, flags=lib.PC_EDGE_FIRST)
        reducer.edge(t + 1 * MS)
        reducer.edge(t + 2 * MS, width_ns=MS)  # found between two looks
        reducer.edge(t + 3 * MS, flags=lib.PC_EDGE_WRAPPED)
        reducer.edge(t + 4 * MS, channel=1)  # not asked for
        reducer.edge(t + 5 * MS, flags=lib.PC_EDGE_RESET)
        reducer.edge(t + 6 * MS)
        reducer.stop(t + 10 * MS)
        assert [end - t for _, end, _, _ in reducer.slices()] == [1 * MS, 3 * MS, 6 * MS, 10 * MS]


def test_at_a_fixed_rate_all_edges_are_equally_wide_and_borders(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        for i in range(1, 6):
            reducer.edge(t + 2 * i * MS, width_ns=MS)
        reducer.stop(t + 20 * MS)
        assert len(reducer.slices()) == 6


def test_an_edge_that_comes_too_late_is_no_border(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        home.ring(0, [(t, ENTER, 1)])
        reducer.passes(t + 10 * MS)
        reducer.edge(t + 5 * MS)
        reducer.stop(t + 20 * MS)
        assert len(reducer.slices()) == 1 and reducer.counts["late_edges"] == 1


def test_a_reducer_that_fell_behind_keeps_off_slots_that_may_be_written_again(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        for i in range(1, 4097):
            reducer.edge(t + i * 10_000)
        reducer.stop(t + 50 * MS)
        ends = [end - t for _, end, _, _ in reducer.slices()]
        assert ends == [i * 10_000 for i in range(4097 - 4096 * 7 // 8, 4097)] + [50 * MS]


def test_threads_of_a_slice_are_counted(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        home.ring(0, [(t, ENTER, 1), (t + 15 * MS, LEAVE, 1)])
        home.ring(1, [(t + 12 * MS, ENTER, 1)])
        for i in (10, 20, 30):
            reducer.edge(t + i * MS)
        reducer.stop(t + 30 * MS + 1)
        assert [threads for *_, threads in reducer.slices()][:3] == [1, 2, 1]


@pytest.mark.parametrize("bound", [0, 1, 7, 8, 100])
def test_marks_are_kept_up_to_a_bound(bound: int, home: Home) -> None:
    with Reducer(home.path, keep_marks=bound) as reducer:
        t = start_ns()
        home.ring(0, [(t + i * MS, i % 2, 1) for i in range(8)])
        reducer.stop(t + 20 * MS)
        kept = reducer.marks()
        assert len(kept) == min(bound, 8) and reducer.counts["not_kept"] == 8 - len(kept)
        assert [kind for *_, kind in kept] == [ENTER, LEAVE] * (len(kept) // 2) + [ENTER] * (len(kept) % 2)


def test_rows_come_after_their_slices_in_any_portions(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        home.ring(0, [(t + i * MS, i % 2, 1 + i // 2 % 4) for i in range(60)])
        for i in range(60):
            reducer.edge(t + i * MS + MS // 2)
        reducer.stop(t + 70 * MS)
        taken = 0
        rows = []
        while slices := reducer.slices(7):
            taken += len(slices)
            while some := reducer.rows(3):
                rows += some
                assert max(index for index, *_ in some) < taken
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)
        assert abs(sum(ns for _, _, ns, _, _ in rows) - 30 * MS) < SLACK_NS


def test_the_real_writer_and_the_thread(tmp_path: Path) -> None:
    """Threads mark as fast as they can while the reducer's own thread folds: nothing is lost, times add up."""
    with Reducer(tmp_path, lag_ns=2 * MS, longest_slice_ns=5 * MS) as reducer:
        assert lib.pc_reducer_start(reducer.raw) == 0
        assert lib.pc_reducer_start(reducer.raw) == -errno.EALREADY
        home = lib.pc_marks_attach(os.fsencode(tmp_path))
        numbers = [lib.pc_marks_label(name.encode(), len(name)) for name in ("outer", "inner")]
        calls, spans = 20_000, []

        def work() -> None:
            begin = time.monotonic_ns()
            lib.pc_marks_put(ENTER, numbers[0])
            for _ in range(calls):
                lib.pc_marks_put(ENTER, numbers[1])
                lib.pc_marks_put(LEAVE, numbers[1])
            lib.pc_marks_put(LEAVE, numbers[0])
            spans.append(time.monotonic_ns() - begin)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        taken: list[tuple[int, tuple[str, ...], int, int, int]] = []
        while any(thread.is_alive() for thread in threads):
            reducer.slices()
            taken += reducer.rows()
        lib.pc_marks_detach(home)
        reducer.stop(time.monotonic_ns())
        reducer.slices()
        taken += reducer.rows()
        counts = reducer.counts
        assert counts["dropped"] == 0 and counts["marks"] == 3 * (2 * calls + 2) and counts["threads"] == 3
        by_path: Counter[tuple[str, ...]] = Counter()
        for _, path, _, _, n in taken:
            by_path[path] += n
        assert by_path == {("outer",): 3, ("outer", "inner"): 3 * calls}
        total_ns = sum(ns for _, _, ns, _, _ in taken)
        assert total_ns <= sum(spans) + 3 * SLACK_NS and total_ns >= 0.5 * sum(spans)
        assert all(0 <= cpu_ns <= ns for _, _, ns, cpu_ns, _ in taken)
        assert lib.pc_reducer_cpu_ns(reducer.raw) > 0


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    made = ffi.new("struct pc_reducer **")
    settings = ffi.new("struct pc_reducer_settings *")
    name = ffi.new("char[]", b"/" + b"x" * 5000)
    settings.home = name
    assert lib.pc_reducer_create(made, settings) < 0 and made[0] == ffi.NULL
