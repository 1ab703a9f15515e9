"""The sampler stamps every change between two times, says when nobody looked, and its thread can be joined."""

import errno

import pytest
from core import ffi, lib
from handles import (
    ALL_CHANNELS,
    FIRST,
    FOUND,
    GAP,
    LOST,
    RESET,
    WRAPPED,
    Edge,
    FakeClock,
    created_ring,
    created_sampler,
    drain,
    opened,
    replay,
)
from hypothesis import given, settings
from hypothesis import strategies as st

HOUR_NS = 3_600_000_000_000
FOREVER_NS = 10**18


def sweeps(clock: FakeClock, series, looks_ns, *, period_ns=10, gap_ns=FOREVER_NS, **options) -> list[Edge]:
    """The edges of looks at `looks_ns` at a replay of `series`; those behind the clock come at once."""
    with (
        created_ring(1024) as ring,
        opened(replay(clock.pointer, series)) as source,
        created_sampler(ring, [source], clock.pointer, period_ns=period_ns, gap_ns=gap_ns, **options) as sampler,
    ):
        for look_ns in looks_ns:
            clock.now_ns = max(clock.now_ns, look_ns)
            lib.pc_sampler_sweep(sampler)
        return drain(ring)


def gaps(clock: FakeClock, looks_ns, **options) -> list[tuple[int, int]]:
    """The gaps said by looks at `looks_ns` at a counter that stands still."""
    edges = sweeps(clock, [(0, 7, 0)], looks_ns, **options)
    return [(edge.t_before_ns, edge.t_seen_ns) for edge in edges if edge.flags == GAP]


# ---- edges


@given(
    st.lists(st.tuples(st.integers(100, 5000), st.integers(1, 10**9)), max_size=20),
    st.integers(0, 10),
    st.lists(st.integers(0, 30), min_size=1, max_size=20),
)
@settings(deadline=None)
def test_every_change_yields_exactly_one_edge_that_brackets_it(changes, reading_ns, lateness_ns):
    # GIVEN a counter whose changes lie further apart than looks, which come late as they like
    series = [(0, 5, 0)]
    for wait_ns, rise in changes:
        series.append((series[-1][0] + wait_ns, series[-1][1] + rise, 0))
    looks_ns = [i * 10 + lateness_ns[i % len(lateness_ns)] for i in range(1, series[-1][0] // 10 + 8)]
    # WHEN it is looked at
    edges = sweeps(FakeClock(1, reading_ns), series, sorted(looks_ns))
    # THEN each change has its one edge, in order, and lies between the edge's times
    assert [(edge.raw, edge.flags, edge.channel, edge.error) for edge in edges] == [
        (raw, FIRST if i == 0 else 0, 0, 0) for i, (_, raw, _) in enumerate(series)
    ]
    for edge, (changed_ns, _, _) in zip(edges[1:], series[1:], strict=True):
        assert edge.t_before_ns <= changed_ns <= edge.t_seen_ns
    assert [edge.t_seen_ns for edge in edges] == sorted(edge.t_seen_ns for edge in edges)


def test_the_times_of_an_edge_are_the_last_good_read_and_this_one():
    # GIVEN a clock that takes 1 ns: a look reads it once, the source reads it once, the look again
    series = [(0, 5, 0), (15, 6, 0), (35, 8, 0)]
    edges = sweeps(FakeClock(10, reading_ns=1), series, [10, 20, 30, 40])
    assert edges == [Edge(10, 12, 5, 0, FIRST), Edge(10, 22, 6), Edge(30, 42, 8)]


def test_each_channel_carries_its_own_id_and_changes():
    clock = FakeClock()
    with (
        created_ring(16) as ring,
        opened(replay(clock.pointer, [(0, 1, 0), (5, 2, 0)])) as one,
        opened(replay(clock.pointer, [(0, 100, 0), (15, 200, 0)])) as other,
        created_sampler(ring, [one, other], clock.pointer, period_ns=10, gap_ns=99) as sampler,
    ):
        for clock.now_ns in (0, 10, 20):
            lib.pc_sampler_sweep(sampler)
        assert [(edge.channel, edge.raw) for edge in drain(ring)] == [(0, 1), (1, 100), (0, 2), (1, 200)]


def test_a_wrap_and_a_reset_are_flagged():
    series = [(0, 900, 0), (10, 50, 0), (20, 800, 0), (30, 3, 0)]
    edges = sweeps(FakeClock(), series, [0, 10, 20, 30], range=1000, max_per_s=3000)
    assert [(edge.raw, edge.flags) for edge in edges] == [(900, FIRST), (50, WRAPPED), (800, RESET), (3, WRAPPED)]


def test_failing_reads_are_lost_once_and_found_once():
    # GIVEN a counter that fails with one error, then another, and comes back changed
    series = [(0, 5, 0), (15, 0, errno.EIO), (25, 0, errno.ENODEV), (45, 9, 0)]
    edges = sweeps(FakeClock(), series, [0, 10, 20, 30, 40, 50, 60])
    # THEN the loss and the return each have one edge, from the last good read on
    assert edges == [Edge(0, 0, 5, 0, FIRST), Edge(10, 20, 5, 0, LOST, errno.EIO), Edge(10, 50, 9, 0, FOUND)]


def test_a_counter_found_where_it_was_lost_says_so():
    edges = sweeps(FakeClock(), [(0, 5, 0), (15, 0, errno.EIO), (25, 5, 0)], [0, 10, 20, 30, 40])
    assert edges[1:] == [Edge(10, 20, 5, 0, LOST, errno.EIO), Edge(10, 30, 5, 0, FOUND)]


def test_a_counter_that_fails_from_the_start_is_lost_and_then_first():
    edges = sweeps(FakeClock(), [(25, 5, 0)], [10, 20, 30])
    assert edges == [Edge(10, 10, 0, 0, LOST, errno.ENODATA), Edge(30, 30, 5, 0, FIRST | FOUND)]


def test_a_full_ring_keeps_the_beginning_and_counts_the_rest():
    clock = FakeClock()
    with (
        created_ring(4) as ring,
        opened(replay(clock.pointer, [(t, t, 0) for t in range(0, 100, 10)])) as source,
        created_sampler(ring, [source], clock.pointer, period_ns=10, gap_ns=99) as sampler,
    ):
        for clock.now_ns in range(0, 100, 10):
            lib.pc_sampler_sweep(sampler)
        assert [edge.raw for edge in drain(ring)] == [0, 10, 20, 30]
        assert lib.pc_ring_dropped(ring) == 6


# ---- deadlines and gaps


def test_a_look_later_than_gap_ns_is_preceded_by_a_gap():
    edges = sweeps(FakeClock(), [(0, 1, 0), (3, 2, 0)], [0, 16], gap_ns=5)
    assert edges == [Edge(0, 0, 1, 0, FIRST), Edge(0, 16, 0, ALL_CHANNELS, GAP), Edge(0, 16, 2)]


def test_a_look_as_late_as_gap_ns_is_no_gap():
    assert gaps(FakeClock(), [0, 15], gap_ns=5) == []


def test_a_gap_begins_where_the_last_look_ended():
    # a look at one channel reads the clock three times: itself, the replay, itself
    assert gaps(FakeClock(reading_ns=1), [0, 100], gap_ns=5) == [(2, 100)]


def test_a_late_look_does_not_shift_those_that_follow():
    assert gaps(FakeClock(), [0, 14, 25], gap_ns=5) == []
    assert gaps(FakeClock(), [0, 14, 26], gap_ns=5) == [(14, 26)]


def test_deadlines_that_passed_meanwhile_are_skipped():
    assert gaps(FakeClock(), [0, 47, 55], gap_ns=5) == [(0, 47)]
    assert gaps(FakeClock(), [0, 47, 56], gap_ns=5) == [(0, 47), (47, 56)]


@given(
    st.integers(0, 10**9),
    st.integers(1, 50),
    st.integers(1, 60),
    st.lists(st.integers(0, 200), max_size=30),
)
@settings(deadline=None)
def test_deadlines_lie_on_the_grid_of_the_first_look(start_ns, period_ns, gap_ns, lateness_ns):
    # GIVEN looks each late by any amount after the next point of the grid that did not pass unused
    looks_ns, point, expected = [start_ns], 0, []
    for late_ns in lateness_ns:
        point = max(point + 1, -(-(looks_ns[-1] - start_ns) // period_ns))
        looks_ns.append(start_ns + point * period_ns + late_ns)
        if late_ns > gap_ns:
            expected.append((looks_ns[-2], looks_ns[-1]))
    # THEN exactly those later than gap_ns are gaps
    assert gaps(FakeClock(start_ns), looks_ns, period_ns=period_ns, gap_ns=gap_ns) == expected


def test_early_looks_do_not_put_the_next_deadline_off():
    # GIVEN looks far before their time, as each stop and start of the thread makes them
    # WHEN nobody looks for five periods, THEN it is a gap
    assert gaps(FakeClock(), [0, 1, 2, 3, 4, 5, 55], gap_ns=5) == [(5, 55)]


@pytest.mark.parametrize(
    ("ppm", "deadline_ns"), [(0, 30), (1_000_000, 30), (100_000, 210), (50_000, 420), (1, 20_000_010)]
)
def test_looks_take_no_more_of_the_time_than_max_duty(ppm, deadline_ns):
    # GIVEN a look that takes 20 ns, and a period of 30
    options = {"period_ns": 30, "gap_ns": 5, "max_duty_ppm": ppm}
    # THEN the next is due at the first multiple of the period at which 20 ns are little enough
    assert gaps(FakeClock(reading_ns=10), [0, deadline_ns + 5], **options) == []
    assert gaps(FakeClock(reading_ns=10), [0, deadline_ns + 6], **options) == [(20, deadline_ns + 6)]


@pytest.mark.parametrize("stalled_ns", [HOUR_NS, 3 * HOUR_NS, 1000 * HOUR_NS])
def test_one_stalled_look_does_not_end_the_sampling_in_silence(stalled_ns):
    # GIVEN a process stopped for hours (SIGSTOP) in the middle of a look, with a duty of 1 %
    options = {"period_ns": 1_000_000, "gap_ns": 100_000_000, "max_duty_ppm": 10_000}
    clock = FakeClock(reading_ns=stalled_ns // 2)
    with (
        created_ring(16) as ring,
        opened(replay(clock.pointer, [(0, 7, 0)])) as source,
        created_sampler(ring, [source], clock.pointer, **options) as sampler,
    ):
        lib.pc_sampler_sweep(sampler)
        clock.reading_ns = 0
        # WHEN nobody looks for another hour, THEN both are gaps
        clock.now_ns += HOUR_NS
        lib.pc_sampler_sweep(sampler)
        assert [edge.flags for edge in drain(ring)] == [FIRST, GAP, GAP]


@pytest.mark.parametrize(("gap_ns", "longest_ns"), [(5, 10_000_000), (40_000_000, 40_000_000)])
def test_a_read_that_takes_longer_than_any_read_is_a_gap(gap_ns, longest_ns):
    # a look at one channel reads the clock three times: itself, the replay, itself
    assert gaps(FakeClock(reading_ns=longest_ns // 2), [0], gap_ns=gap_ns) == []
    late = FakeClock(reading_ns=longest_ns // 2 + 1)
    assert gaps(late, [0], gap_ns=gap_ns) == [(0, longest_ns + 2)]


@pytest.mark.parametrize(
    ("period_ns", "gap_ns"), [(0, 0), (1, 0), (-1, 1), (1, -1), (24 * HOUR_NS + 1, 1), (2**63 - 1, 1)]
)
def test_a_period_or_gap_that_is_no_good_is_refused(period_ns, gap_ns):
    wanted = ffi.new("struct pc_sampler_settings *", {"period_ns": period_ns, "gap_ns": gap_ns})
    assert lib.pc_sampler_create(ffi.new("struct pc_sampler **"), wanted) == -errno.EINVAL
