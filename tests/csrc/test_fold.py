"""What marks mean where they are out of order: kept marks nest, and depth has an end."""

import time
from pathlib import Path

import pytest
from core import lib
from marks_files import ENTER, LEAVE, RESUME, TICK
from marks_home import Home, Reducer

MS = 10**6
DEEPEST = lib.PC_REDUCER_MOST_DEEP


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, ["a", "b", "c"])


def kept(home: Home, words: list[tuple[int, int]]) -> tuple[list[tuple[tuple[str, ...], int]], dict[str, int]]:
    """What is kept of marks (kind, label number) a ms apart, and the counts."""
    with Reducer(home.path) as reducer:
        t = time.monotonic_ns() + 10 * MS
        home.ring(0, [(t + i * MS, kind, label) for i, (kind, label) in enumerate(words)])
        reducer.stop(t + (len(words) + 1) * MS)
        return [(path, kind) for _, path, _, kind in reducer.marks()], reducer.counts


def test_a_crossing_leave_is_kept_as_leaves_and_resumes(home: Home) -> None:
    marks, counts = kept(home, [(ENTER, 1), (ENTER, 2), (LEAVE, 1), (LEAVE, 2)])
    assert marks == [
        (("a",), ENTER),
        (("a", "b"), ENTER),
        (("a", "b"), LEAVE),
        (("a",), LEAVE),
        (("b",), RESUME),
        (("b",), LEAVE),
    ]
    assert counts["crossed"] == 1 and counts["unmatched"] == 0


def test_what_a_tick_opened_does_not_cross(home: Home) -> None:
    marks, counts = kept(home, [(ENTER, 1), (TICK, 2), (TICK, 2), (LEAVE, 1), (LEAVE, 2)])
    assert [kind for _, kind in marks] == [ENTER, ENTER, LEAVE, ENTER, LEAVE, LEAVE]
    assert (counts["crossed"], counts["unmatched"]) == (0, 1)


def test_a_tick_within_the_same_region_is_a_region_within(home: Home) -> None:
    marks, counts = kept(home, [(ENTER, 1), (TICK, 1), (LEAVE, 1)])
    assert marks == [(("a",), ENTER), (("a",), ENTER), (("a",), LEAVE), (("a",), LEAVE)]
    assert counts["open_at_end"] == 1  # the leave ended what the tick began


@pytest.mark.parametrize("beyond", [0, 3])
def test_ticks_at_the_deepest_leave_nothing_behind(beyond: int, home: Home) -> None:
    deep = [(ENTER, 1)] * (DEEPEST + beyond)
    ticks = [(TICK, 2), (TICK, 2), (TICK, 3)] * 5
    marks, counts = kept(home, [*deep, *ticks, *([(LEAVE, 1)] * len(deep))])
    assert [kind for _, kind in marks] == [ENTER] * DEEPEST + [LEAVE] * DEEPEST
    assert counts["too_deep"] == beyond + 15
    assert (counts["open_at_end"], counts["unmatched"], counts["crossed"]) == (0, 0, 0)


def test_too_deep_and_out_again(home: Home) -> None:
    deep = lib.PC_REDUCER_MOST_DEEP + 10
    with Reducer(home.path) as reducer:
        t = time.monotonic_ns() + 10 * MS
        words = [(t, ENTER, 1)] * deep + [(t + 10 * MS, LEAVE, 1)] * deep + [(t + 20 * MS, LEAVE, 1)]
        home.ring(0, words)
        reducer.stop(t + 30 * MS)
        reducer.slices()
        assert round(sum(ns for _, _, ns, _, _ in reducer.rows()) / MS) == 10
        counts = reducer.counts
        assert counts["too_deep"] == 10 and counts["unmatched"] == 1 and counts["open_at_end"] == 0
