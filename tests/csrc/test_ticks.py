"""Ticks on CLOCK_MONOTONIC: the line through anchors is as exact as they are, also after the counter jumped."""

import time
from pathlib import Path
from typing import Any

from core import ffi, lib
from hypothesis import assume, given
from hypothesis import strategies as st
from marks_files import ENTER, LEAVE
from marks_home import TICKS_PER_NS, Home, Reducer

MS, HOUR_NS = 10**6, 3600 * 10**9
JUMP_NS = 10 * MS
"""What is missed by more was a jump."""

BASE_NS = 500 * MS
"""So far apart, or more, are the anchors of a line that is settled."""


class Counter:
    """A counter of one rate, from some moment on."""

    def __init__(self, rate_mhz: int, ticks: int, time_ns: int) -> None:
        self.rate_mhz, self.time_ns = rate_mhz, time_ns
        self._thousandths = ticks * 1000

    def __repr__(self) -> str:
        return f"Counter({self.rate_mhz}, {self.ticks}, {self.time_ns})"

    @property
    def ticks(self) -> int:
        return self._thousandths // 1000

    def after(self, ns: int) -> None:
        self.time_ns += ns
        self._thousandths += ns * self.rate_mhz

    def jump(self, ticks: int) -> None:
        self._thousandths += ticks * 1000

    def anchor(self, off_ns: int = 0, uncertainty_ns: int = 0) -> Any:
        anchor = [self.ticks % 2**64, self.time_ns + off_ns, uncertainty_ns]
        return ffi.new("struct pc_ticks_anchor *", anchor)[0]


COUNTERS = st.builds(Counter, st.integers(24, 5000), st.integers(10**6, 2**62), st.integers(0, 10**15))
PASSES = st.integers(MS, 50 * MS)


def begun(counter: Counter) -> Any:
    line = ffi.new("struct pc_ticks_line *")
    lib.pc_ticks_line_begin(line, counter.anchor())
    return line


def settled(counter: Counter) -> Any:
    """A line that has known the counter for a second and more."""
    line = begun(counter)
    for _ in range(30):
        counter.after(40 * MS)
        lib.pc_ticks_line_move(line, counter.anchor())
    return line


def time_ns(line: Any, ticks: int) -> int:
    """pc_ticks_line_ns"""
    apart = (ticks - line.to_ticks + 2**63) % 2**64 - 2**63
    return int(line.to_ns + (apart * line.slope_q32 >> 32))


def tolerance_ns(line: Any, counter: Counter, off_ns: int = 0) -> float:
    """How far off the line may be at this moment, where its two anchors are off by that much and each by a tick."""
    ahead_ns = counter.time_ns - line.to_ns
    base_ns = line.to_ns - line.from_ns or BASE_NS  # begun anew, with the slope it had
    return (off_ns + 500 / counter.rate_mhz) * (2 + 2 * ahead_ns / base_ns) + ahead_ns / 2**29 + 1


@given(COUNTERS, st.integers(0, 1000), st.data())
def test_at_a_constant_rate_the_line_is_as_exact_as_its_anchors(
    counter: Counter, uncertainty_ns: int, data: st.DataObject
) -> None:
    line = begun(counter)
    for i in range(data.draw(st.integers(2, 80))):
        # GIVEN an anchor that is off by no more than it says
        counter.after(data.draw(PASSES))
        off_ns = data.draw(st.integers(-uncertainty_ns, uncertainty_ns))
        if i > 0:
            allowed = tolerance_ns(line, counter, uncertainty_ns)
            assert abs(time_ns(line, counter.ticks) - counter.time_ns) <= allowed
        # WHEN the line moves on to it
        error_ns = lib.pc_ticks_line_move(line, counter.anchor(off_ns, uncertainty_ns))
        # THEN the line goes through it, and what it says to have missed is no more than that explains
        assert (line.to_ticks, line.to_ns) == (counter.ticks, counter.time_ns + off_ns)
        assert uncertainty_ns <= error_ns <= (2 * uncertainty_ns + allowed if i > 0 else uncertainty_ns)


JUMPS_NS = st.integers(2 * JUMP_NS, 100 * HOUR_NS)


@given(COUNTERS, st.sampled_from([-1, 1]), JUMPS_NS, st.lists(PASSES, min_size=1, max_size=30))
def test_after_a_jump_of_the_counter_the_next_anchor_puts_it_right(
    counter: Counter, sign: int, jump_ns: int, later: list[int]
) -> None:
    # GIVEN a line, and a counter that stood still, or went on by itself, for a while
    line = settled(counter)
    counter.jump(sign * round(jump_ns * counter.rate_mhz / 1000))
    counter.after(later[0])
    assume(counter.ticks != line.to_ticks)
    # WHEN the next anchor comes THEN the size of the jump is said
    error_ns = lib.pc_ticks_line_move(line, counter.anchor())
    assert abs(error_ns - jump_ns) <= 1000 + jump_ns / 10**6
    # AND the line is right there, before it and from then on
    assert abs(time_ns(line, counter.ticks - counter.rate_mhz * 10**3) - (counter.time_ns - MS)) <= 100
    for pass_ns in later:
        counter.after(pass_ns)
        allowed = tolerance_ns(line, counter)
        assert abs(time_ns(line, counter.ticks) - counter.time_ns) <= allowed
        assert lib.pc_ticks_line_move(line, counter.anchor()) <= allowed


@given(COUNTERS, st.integers(0, 10**9), PASSES)
def test_a_counter_that_begins_anew_as_after_a_sleep(counter: Counter, ticks: int, pass_ns: int) -> None:
    # GIVEN a line, and a counter that is near 0 again
    line = settled(counter)
    counter.after(pass_ns)
    jump_ns = abs(counter.ticks - ticks) * 1000 / counter.rate_mhz
    counter.jump(ticks - counter.ticks)
    assume(2 * JUMP_NS < jump_ns < 2**62 and ticks != line.to_ticks)
    # WHEN the next anchor comes THEN that is said, and put right
    error_ns = lib.pc_ticks_line_move(line, counter.anchor())
    assert abs(error_ns - jump_ns) <= 1000 + jump_ns / 10**6
    counter.after(40 * MS)
    assert abs(time_ns(line, counter.ticks) - counter.time_ns) <= tolerance_ns(line, counter)


@given(COUNTERS, st.integers(1, JUMP_NS - MS), st.integers(0, 1000))
def test_an_anchor_a_little_behind_changes_nothing(counter: Counter, behind_ns: int, uncertainty_ns: int) -> None:
    # GIVEN a line
    line = settled(counter)
    before = bytes(ffi.buffer(line))
    # WHEN another CPU's counter is that much behind
    ahead_ns = counter.time_ns
    counter.jump(-max(behind_ns * counter.rate_mhz // 1000, 1))
    # THEN that is no anchor
    assert lib.pc_ticks_line_move(line, counter.anchor(0, uncertainty_ns)) == 0
    assert bytes(ffi.buffer(line)) == before and line.to_ns == ahead_ns


TROUBLES = st.lists(st.tuples(PASSES, st.integers(-HOUR_NS, HOUR_NS), st.integers(-50 * MS, 50 * MS)), max_size=6)


@given(COUNTERS, TROUBLES, PASSES)
def test_whatever_came_before_a_few_anchors_put_it_right(
    counter: Counter, troubles: list[tuple[int, int, int]], pass_ns: int
) -> None:
    # GIVEN a line that began among jumps, and anchors far off
    line = begun(counter)
    for after_ns, jump_ns, off_ns in troubles:
        counter.after(after_ns)
        counter.jump(jump_ns * counter.rate_mhz // 1000)
        lib.pc_ticks_line_move(line, counter.anchor(off_ns))
    # WHEN there are anchors of one rate
    for _ in range(5):
        counter.after(pass_ns)
        lib.pc_ticks_line_move(line, counter.anchor())
    # THEN the line misses the next by no jump
    counter.after(pass_ns)
    assert abs(time_ns(line, counter.ticks) - counter.time_ns) <= JUMP_NS


def test_the_same_anchor_twice_is_one() -> None:
    counter = Counter(2000, 10**12, 10**12)
    line = settled(counter)
    before = bytes(ffi.buffer(line))
    assert lib.pc_ticks_line_move(line, counter.anchor(3, 3)) == 0
    assert bytes(ffi.buffer(line)) == before


def test_words_of_long_ago_are_of_before_and_the_thread_goes_on(tmp_path: Path) -> None:
    # GIVEN words from before the machine slept for so long that their ticks nearly came around, 30 h at 2.3 GHz
    ago_ns = int(0.9 * 2**48 / TICKS_PER_NS)
    with Reducer(tmp_path) as reducer:
        t = time.monotonic_ns() + 10 * MS
        Home(tmp_path, ["a", "b"]).ring(
            0, [(t - ago_ns, ENTER, 1), (t - ago_ns + MS, LEAVE, 1), (t, ENTER, 2), (t + 5 * MS, LEAVE, 2)]
        )
        # WHEN it goes on THEN all are folded, and what was before the run takes no time of it
        reducer.passes(t + 10 * MS)
        assert reducer.counts["marks"] == 4
        reducer.stop(t + 20 * MS)
        reducer.slices()
        assert {path: round(ns / MS) for _, path, ns, _, _ in reducer.rows()} == {("a",): 0, ("b",): 5}
