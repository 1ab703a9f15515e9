"""A counter's phase is found, kept, lost and found again, at a cost that is bounded whatever the counter does."""

import math
import random

import pytest
from core import ffi, lib
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation import CONTINUOUS, FOLLOWING, MS, SECOND, SEEKING, STILL, US, Reader, grid

PERIODS_MS = [0.2, 0.3, 0.5, 0.976, 1, 2, 2.6, 3.5, 4.5, 5, 6, 7, 8, 10, 15, 20, 50, 100, 200]


def jitter_of(period_ns: float) -> float:
    return min(20 * US, period_ns / 50)


def late_up_to(rng: random.Random, most_ns: float):
    return lambda _: int(rng.uniform(0, most_ns))


def locked(reader: Reader, period_ns: float, edges: int = 20) -> bool:
    """Following the right period, with so many edges met since it was found."""
    phase = reader.phase
    right = abs(phase.period_ns / period_ns - 1) < 0.02
    return phase.state == FOLLOWING and phase.seen >= edges and right


# ---- locking


@pytest.mark.parametrize("period_ms", PERIODS_MS)
@pytest.mark.parametrize("seed", range(3))
def test_a_period_is_found_within_forty_periods(period_ms, seed):
    rng, period_ns = random.Random(seed), period_ms * MS
    end_ns = 40 * period_ns + 20 * MS
    start_ns = rng.uniform(0, period_ns)
    times_ns = grid(rng, period_ns, 2 * end_ns, start_ns=start_ns, jitter_ns=jitter_of(period_ns))
    reader = Reader(times_ns, late_up_to(rng, 60 * US))
    reader.until(end_ns, lambda: locked(reader, period_ns))
    assert locked(reader, period_ns)


@given(
    period_ns=st.floats(math.log(0.2 * MS), math.log(200 * MS)).map(math.exp),
    jitter=st.floats(0, 0.02),
    bounded=st.booleans(),
    drift_ppm=st.floats(-100, 100),
    dropped=st.sampled_from([0, 0.02]),
    thorough=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=60)
@pytest.mark.lengthy
def test_once_locked_nearly_all_looks_meet(period_ns, jitter, bounded, drift_ppm, dropped, thorough, seed):
    # GIVEN a grid with a jitter of at most 20 us and 2 % of the period, and wake-ups late by at most 60 us
    rng = random.Random(seed)
    jitter_ns = min(20 * US, jitter * period_ns)
    grid_of = {"jitter_ns": jitter_ns, "bounded": bounded, "drift_ppm": drift_ppm, "dropped": dropped}
    times_ns = grid(rng, period_ns, 700 * period_ns + SECOND, start_ns=rng.uniform(0, period_ns), **grid_of)
    reader = Reader(times_ns, late_up_to(rng, 60 * US), thorough=thorough)
    reader.until(times_ns[-1] / 2, lambda: locked(reader, period_ns))
    assert locked(reader, period_ns)
    # WHEN it has been locked for 20 edges, THEN of the next 500 looks 85 % meet, where nothing is dropped 90 %
    met, looks = reader.phase.met, reader.looks
    reader.until(times_ns[-1], lambda: reader.looks >= looks + 500)
    assert reader.phase.met - met >= (0.85 if dropped else 0.9) * (reader.looks - looks)
    # THEN the period is known to a fiftieth of the jitter, as far as the drift lets it be one
    tolerance_ns = 0.02 * jitter_ns + 20 + 2e-6 * period_ns + abs(drift_ppm) * 1e-6 * period_ns
    assert abs(reader.phase.period_ns - period_ns) <= tolerance_ns


@pytest.mark.parametrize("period_ms", [0.5, 0.976, 4, 20, 100])
@pytest.mark.parametrize("part", [0.1, 0.37, 0.5, 0.8])
def test_a_grid_that_jumps_is_lost_and_found_again(period_ms, part):
    # GIVEN a grid that goes on later by a part of its period
    rng, period_ns, jitter_ns = random.Random(7), period_ms * MS, 5 * US
    jump_ns, end_ns = 60 * period_ns, 300 * period_ns + SECOND
    before = grid(rng, period_ns, jump_ns, start_ns=0.3 * period_ns, jitter_ns=jitter_ns)
    after = grid(rng, period_ns, end_ns, start_ns=jump_ns + (0.3 + part) * period_ns, jitter_ns=jitter_ns)
    reader = Reader(before + after, late_up_to(rng, 60 * US))
    reader.until(jump_ns)
    assert locked(reader, period_ns)
    # WHEN it has been there for 60 periods, THEN it is followed again, as well as before
    reader.until(jump_ns + 60 * period_ns + 50 * MS)
    met, looks = reader.phase.met, reader.looks
    reader.until(end_ns, lambda: reader.looks >= looks + 100)
    assert reader.phase.met - met >= 90
    assert locked(reader, period_ns)


def test_a_period_that_was_doubled_by_a_dropped_update_does_not_persist():
    # GIVEN a counter whose updates are dropped just while it is sought: every other, then none any more
    rng, period_ns = random.Random(1), 1 * MS
    times_ns = grid(rng, period_ns, 200 * MS, jitter_ns=10 * US)
    del times_ns[1:6:2]
    reader = Reader(times_ns, late_up_to(rng, 60 * US))
    reader.until(5 * MS, lambda: reader.phase.state == FOLLOWING)
    assert reader.phase.period_ns > 1.9 * period_ns
    reader.until(100 * period_ns, lambda: locked(reader, period_ns))
    assert locked(reader, period_ns)


def test_a_period_that_was_halved_by_an_update_too_many_does_not_persist():
    rng, period_ns = random.Random(1), 1 * MS
    times_ns = grid(rng, period_ns, 200 * MS, start_ns=0.2 * MS, jitter_ns=10 * US)
    reader = Reader(sorted([*times_ns, 700 * US]), late_up_to(rng, 60 * US))
    reader.until(5 * MS, lambda: reader.phase.state == FOLLOWING)
    assert reader.phase.period_ns < 0.55 * period_ns
    reader.until(100 * period_ns, lambda: locked(reader, period_ns))
    assert locked(reader, period_ns)


# ---- what does not change, changes at once, or follows no period


@pytest.mark.parametrize("period_ms", [0.5, 1, 20, 100])
def test_a_counter_that_stops_costs_nothing_and_is_found_when_it_moves_again(period_ms):
    rng, period_ns = random.Random(2), period_ms * MS
    stop_ns = int(60 * period_ns)
    again_ns, end_ns = stop_ns + 30 * SECOND, stop_ns + 60 * SECOND
    times_ns = grid(rng, period_ns, stop_ns, jitter_ns=10 * US)
    times_ns += grid(rng, period_ns, end_ns, start_ns=again_ns, jitter_ns=10 * US)
    reader = Reader(times_ns, late_up_to(rng, 60 * US))
    reader.until(stop_ns)
    assert reader.phase.state == FOLLOWING
    # WHEN it has stood still for ten seconds, THEN it is read no more than twenty times a second
    reader.until(stop_ns + 10 * SECOND)
    assert reader.phase.state == STILL
    assert 5 * 20 <= reader.until(again_ns) <= 20 * 20
    # WHEN it moves, THEN it is followed soon
    reader.until(again_ns + 200 * MS + 60 * period_ns, lambda: locked(reader, period_ns))
    assert locked(reader, period_ns)


def test_a_counter_that_never_changes_costs_one_short_search():
    reader = Reader([])
    assert reader.until(20 * MS) <= 5100 + 20
    reader.until(20 * SECOND)
    assert reader.until(30 * SECOND) <= 20 * 10


def test_a_counter_that_changes_whenever_it_is_read_is_continuous():
    # GIVEN one that does so for two seconds, and then about a grid
    rng = random.Random(3)
    times_ns = list(range(0, 2 * SECOND, 900)) + grid(rng, MS, 4 * SECOND, start_ns=2 * SECOND, jitter_ns=10 * US)
    reader = Reader(times_ns, late_up_to(rng, 60 * US))
    # THEN two readings a millisecond make an edge
    reader.until(100 * MS)
    assert reader.phase.state == CONTINUOUS
    met = reader.phase.met
    assert 1800 <= reader.until(1100 * MS) <= 2000
    assert reader.phase.met - met >= 900
    # WHEN it gets a period, THEN that is found
    reader.until(2200 * MS, lambda: locked(reader, MS))
    assert locked(reader, MS)


@pytest.mark.parametrize("period_us", [2, 4, 10, 30, 60, 90])
def test_a_period_too_short_to_be_followed_does_not_take_a_cpu(period_us):
    rng = random.Random(4)
    reader = Reader(grid(rng, period_us * US, SECOND, jitter_ns=0.1 * US), late_up_to(rng, 60 * US))
    reader.until(100 * MS)
    assert reader.until(900 * MS) <= 0.06 * 800_000


@pytest.mark.lengthy
@pytest.mark.parametrize("mean_ms", [0.2, 0.5, 1, 3, 10, 40])
@pytest.mark.parametrize("seed", range(2))
def test_changes_that_follow_no_period_do_not_take_a_cpu(mean_ms, seed):
    rng, times_ns, time_ns = random.Random(seed), [], 0.0
    while time_ns < 12 * SECOND:
        time_ns += rng.expovariate(1 / (mean_ms * MS))
        times_ns.append(int(time_ns))
    reader = Reader(times_ns, late_up_to(rng, 60 * US))
    reader.until(2 * SECOND)
    assert reader.until(12 * SECOND) <= 0.5 * 10_000_000


@pytest.mark.parametrize("period_ms", [20, 50, 100])
def test_a_slow_counter_is_narrowed_down_with_pauses(period_ms):
    rng, period_ns = random.Random(5), period_ms * MS
    times_ns = grid(rng, period_ns, 60 * period_ns, start_ns=0.4 * period_ns, jitter_ns=20 * US)
    reader = Reader(times_ns, late_up_to(rng, 60 * US))
    reader.until(SECOND, lambda: reader.phase.state == FOLLOWING)
    # THEN a few dozen readings a period find it at first, and a short spin in the end
    assert reader.until(reader.now_ns + 5 * period_ns) <= 5 * 200
    reader.until(40 * period_ns)
    assert reader.until(60 * period_ns) <= 20 * 400


def test_a_failing_counter_is_read_ten_times_a_second_and_followed_again_at_once():
    rng = random.Random(6)
    reader = Reader(grid(rng, MS, 9 * SECOND, jitter_ns=10 * US), late_up_to(rng, 60 * US))
    reader.until(100 * MS)
    times = 0
    while reader.now_ns < 8 * SECOND:
        reader.now_ns = max(reader.phase.next_ns, reader.now_ns) + 1000
        lib.pc_phase_failed(reader.phase, reader.now_ns)
        lib.pc_phase_plan(reader.phase, reader.now_ns, reader.now_ns, reader.now_ns)
        times += 1
    assert 75 <= times <= 100
    reader.until(8200 * MS, lambda: locked(reader, MS))
    assert locked(reader, MS)


# ---- invariants

TIMES = st.integers(0, 2_000_000) | st.sampled_from([0, 1, 1000, MS, 20 * MS, SECOND, 3600 * SECOND])


@given(
    st.integers(0, 10**18),
    st.booleans(),
    st.lists(
        st.tuples(TIMES, st.integers(0, 30_000), st.sampled_from([True, True, False, False, None]), TIMES, TIMES),
        max_size=200,
    ),
)
@settings(deadline=None, max_examples=200)
def test_after_any_readings_all_numbers_make_sense(start_ns, thorough, readings):
    # GIVEN readings at any time, also too soon or far too late, of a counter that changes or fails as it likes
    phase, now_ns, before_ns = ffi.new("struct pc_phase *"), start_ns, start_ns
    lib.pc_phase_start(phase, now_ns, thorough)
    for late_ns, lasting_ns, changed, wait_ns, edge_ns in readings:
        early = late_ns % 7 == 0 and phase.looking
        begin_ns = max(now_ns, now_ns + 1 if early else phase.next_ns) + late_ns
        now_ns = begin_ns + lasting_ns
        if changed is None:
            lib.pc_phase_failed(phase, now_ns)
        else:
            lib.pc_phase_read(phase, before_ns, begin_ns, now_ns, changed)
            before_ns = begin_ns
        wait_ns = min(wait_ns, SECOND)
        lib.pc_phase_plan(phase, now_ns, now_ns + wait_ns, now_ns + min(edge_ns, SECOND))
        # THEN
        doubles = (phase.period_ns, phase.jitter_ns, phase.edge_var, phase.period_var, phase.covariance)
        assert all(math.isfinite(value) and value >= 0 for value in (*doubles, phase.periods, phase.doubt_ns))
        assert phase.state in (SEEKING, FOLLOWING, STILL, CONTINUOUS)
        assert now_ns <= phase.next_ns <= now_ns + SECOND + max(2 * phase.period_ns, 100 * MS)
        if phase.state == FOLLOWING:
            assert phase.wake_ns <= phase.target_ns <= phase.give_up_ns
            assert phase.period_ns > 0
            assert phase.pause_ns >= 0
