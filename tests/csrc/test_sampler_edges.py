"""At edges the sampler loses no energy, looks as closely as it can pay for, and treats its counters alike."""

import errno
import random
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

import pytest
from core import ffi, lib
from handles import (
    ALL_CHANNELS,
    FIRST,
    FOUND,
    GAP,
    LAST,
    LOST,
    RESET,
    WRAPPED,
    Edge,
    created_ring,
    created_sampler,
    drain,
    opened,
    replay,
    wait_until,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from simulation import MS, SECOND, US, grid, lateness, living, series

SUSPENDED = lib.PC_GAP_SUSPENDED


def wrapped(entries, range_: int):
    """The same replay of a counter that shows no more than `range_`."""
    return [(time_ns, raw % (range_ + 1), error) for time_ns, raw, error in entries]


def rise(edges: Sequence[Edge], range_: int) -> int:
    """The energy between first and last of one channel's edges."""
    total = 0
    for before, edge in pairwise(edges):
        assert not edge.flags & RESET
        total += edge.raw - before.raw + (range_ + 1 if edge.flags & WRAPPED else 0)
    return total


def of(edges: Sequence[Edge], channel: int) -> list[Edge]:
    return [edge for edge in edges if edge.channel == channel]


def met(edges: Sequence[Edge], channel: int, most_ns: int = 20 * US) -> int:
    return sum(edge.flags == 0 and edge.t_seen_ns - edge.t_before_ns < most_ns for edge in of(edges, channel))


def grids(seed: int, channels, until_ns: int, jitter_ns: int = 20 * US):
    """Replays of (period, phase as a part of it)."""
    rng = random.Random(seed)
    return [
        series(rng, grid(rng, period_ns, until_ns, start_ns=part * period_ns, jitter_ns=jitter_ns))
        for period_ns, part in channels
    ]


# ---- energy


@given(
    channels=st.lists(
        st.tuples(
            st.sampled_from([0.2, 0.976, 1, 3, 7, 20, 90]).map(lambda ms: ms * MS),
            st.floats(0, 1),
            st.floats(0, 0.4),  # jitter, in periods
            st.sampled_from([0, 0.1, 0.7]),  # dropped
        ),
        min_size=1,
        max_size=4,
    ),
    range_=st.integers(10**6, 2**40),
    start=st.integers(0, 2**40),
    ppm=st.sampled_from([0, 1_000, 30_000, 300_000]),
    late_ns=st.sampled_from([0, 60 * US, 3 * MS, 40 * MS]),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=60)
@example(channels=[(0.2 * MS, 0, 0.375, 0), (7 * MS, 0.25, 0, 0)], range_=10**6, start=0, ppm=1000, late_ns=0, seed=0)
def test_energy_is_conserved_and_every_change_is_bracketed(channels, range_, start, ppm, late_ns, seed):
    # GIVEN counters that change in their own ways and wrap, with rises of up to a tenth of the range in 100 ms
    rng, until_ns = random.Random(seed), 300 * MS
    truth = []
    for period_ns, part, jitter, dropped in channels:
        times = grid(
            rng, period_ns, until_ns, start_ns=part * period_ns, jitter_ns=jitter * period_ns, dropped=dropped
        )
        most = max(1, int(range_ / 10 * min(1, period_ns / (100 * MS))))
        truth.append(series(rng, times, start=start % (range_ + 1), most=most))
    replays = [wrapped(entries, range_) for entries in truth]
    # WHEN they are looked at, and in the end once more
    with living(replays, lateness_ns=lateness(rng, late_ns), max_duty_ppm=ppm, range=range_) as life:
        edges, _ = life.until(until_ns + 1500 * MS)
    assert all(edge.flags & ~(FIRST | WRAPPED) == 0 for edge in edges)
    for channel, entries in enumerate(truth):
        mine = of(edges, channel)
        # THEN the differences add up to what it truly rose by
        values = [entry[1] for entry in entries]
        begin = [raw for _, raw, _ in replays[channel]].index(mine[0].raw)
        assert rise(mine, range_) == values[-1] - values[begin]
        # THEN what an edge shows was true at some time between its times, which are in order
        times_ns, shown = [entry[0] for entry in entries], values[begin]
        for before, edge in pairwise(mine):
            assert before.t_seen_ns <= edge.t_seen_ns
            assert edge.t_before_ns <= edge.t_seen_ns
            last = shown
            shown += edge.raw - before.raw + (range_ + 1 if edge.flags & WRAPPED else 0)
            changed = times_ns[bisect_left(values, last) + 1 : bisect_left(values, shown) + 1]
            assert edge.t_before_ns <= changed[0] <= changed[-1] <= edge.t_seen_ns


# ---- looks


@pytest.mark.parametrize("ppm", [1_000, 3_000, 10_000, 30_000, 100_000])
@pytest.mark.parametrize("periods_ms", [[0.976], [0.976, 0.976, 0.976], [1, 20, 100]])
def test_a_budget_is_kept_by_looking_at_fewer_edges_as_closely(ppm, periods_ms):
    replays = grids(1, [(ms * MS, 0.3 * i + 0.1) for i, ms in enumerate(periods_ms)], 6 * SECOND)
    with living(replays, lateness_ns=lateness(random.Random(1)), max_duty_ppm=ppm) as life:
        # GIVEN the time in which the loan is spent
        _, loan_spent_ns = life.until(2 * SECOND)
        edges, spent_ns = life.until(6 * SECOND)
    # THEN the share is kept, but for what was left of the loan and one look
    assert spent_ns <= ppm * 4 * SECOND / 1e6 + 12 * MS
    assert loan_spent_ns + spent_ns <= ppm * 6 * SECOND / 1e6 + 20 * MS
    # THEN the edges that are looked at are as narrow as ever
    assert met(edges, 0, 3 * US) >= 4 * 4 * ppm / 1000 / len(periods_ms)


def test_without_a_budget_nearly_all_edges_are_met():
    replays = grids(2, [(976 * US, 0.3)], 3 * SECOND)
    with living(replays, lateness_ns=lateness(random.Random(2))) as life:
        life.until(SECOND)
        edges, _ = life.until(3 * SECOND)
    assert met(edges, 0) >= 0.95 * 2 / 976e-6


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("spread", [0, 0.005, 0.03, 0.5, 1], ids=lambda spread: f"over {spread} of a period")
@pytest.mark.parametrize("ppm", [0, 3_000, 30_000])
def test_channels_share_the_looks_alike(count, spread, ppm):
    replays = grids(3, [(976 * US, 0.3 + spread * i / count) for i in range(count)], 4 * SECOND)
    with living(replays, lateness_ns=lateness(random.Random(3)), max_duty_ppm=ppm) as life:
        edges, _ = life.until(4 * SECOND)
    each = [met(edges, channel) for channel in range(count)]
    assert min(each) >= 0.8 * max(each)
    assert min(each) > 20


@pytest.mark.parametrize("ppm", [0, 3_000, 30_000])
def test_slow_channels_and_fast_ones_do_not_starve_each_other(ppm):
    replays = grids(4, [(976 * US, 0.3), (976 * US, 0.8), (50 * MS, 0.2)], 6 * SECOND)
    with living(replays, lateness_ns=lateness(random.Random(4)), max_duty_ppm=ppm) as life:
        life.until(2 * SECOND)
        edges, _ = life.until(6 * SECOND)
    fast, other, slow = (met(edges, channel) for channel in range(3))
    assert min(fast, other) >= 0.8 * max(fast, other)
    assert fast >= (0.9 * 4 / 976e-6 if ppm == 0 else 4 * 0.35 * ppm / 1000)
    assert slow >= (0.6 * 80 if ppm != 3_000 else 12)


def test_a_still_channel_beside_a_moving_one_costs_nothing():
    replays = grids(5, [(976 * US, 0.3)], 6 * SECOND)
    spent = []
    for beside in ([], [[(0, 7, 0)]]):
        with living(replays + beside, lateness_ns=lateness(random.Random(5))) as life:
            life.until(3 * SECOND)
            edges, spent_ns = life.until(6 * SECOND)
        spent.append(spent_ns)
        assert met(edges, 0) >= 0.9 * 3 / 976e-6
    assert spent[1] <= 1.1 * spent[0]


@pytest.mark.parametrize("ppm", [0, 30_000])
@pytest.mark.parametrize("period_ms", [20, 50, 100])
def test_a_counter_that_takes_long_to_read_is_followed_too(period_ms, ppm):
    # GIVEN a GPU's counter, of which each reading takes 0.3 ms
    until_ns, reading_ns = 10 * SECOND, 300 * US
    replays = grids(9, [(period_ms * MS, 0.3)], until_ns)
    late = lateness(random.Random(9))
    with living(replays, lateness_ns=late, reading_ns=reading_ns, max_duty_ppm=ppm) as life:
        life.until(2 * SECOND)
        edges, spent_ns = life.until(until_ns)
    # THEN most of its edges lie within two readings, and it is read hardly oftener than that takes
    close = met(edges, 0, 2 * reading_ns + 150 * US)
    assert close >= (0.95 if ppm == 0 else 0.8) * 8000 / period_ms
    assert spent_ns <= 4 * reading_ns * 8000 / period_ms
    assert ppm == 0 or spent_ns <= 1.1 * ppm * 8 * SECOND / 1e6


def test_a_channel_that_is_read_now_and_then_keeps_its_pace():
    replays = grids(6, [(976 * US, 0.3), (2 * MS, 0.1)], 4 * SECOND)
    with living(replays, lateness_ns=lateness(random.Random(6)), every_ns=[0, 100 * MS]) as life:
        edges, _ = life.until(4 * SECOND)
    assert 36 <= len(of(edges, 1)) <= 41
    assert met(edges, 0) >= 0.9 * 4 / 976e-6


@pytest.mark.parametrize("every_ns", [-1, 86_400 * SECOND + 1, 2**63 - 1])
def test_a_pace_that_is_no_good_is_refused(every_ns):
    channels = ffi.new("struct pc_channel[]", [{"every_ns": every_ns}])
    wanted = {"gap_ns": 1, "channels": channels, "channel_count": 1}
    code = lib.pc_sampler_create(ffi.new("struct pc_sampler **"), ffi.new("struct pc_sampler_settings *", wanted))
    assert code == -errno.EINVAL


# ---- what goes wrong


def test_a_channel_that_fails_is_lost_and_found_and_followed_again():
    # GIVEN two counters of which one fails for a second
    replays = grids(7, [(976 * US, 0.3), (976 * US, 0.6)], 4 * SECOND)
    replays[0] = [
        (time_ns, raw, errno.EIO if SECOND <= time_ns < 2 * SECOND else 0) for time_ns, raw, _ in replays[0]
    ]
    with living(replays, lateness_ns=lateness(random.Random(7))) as life:
        edges, _ = life.until(4 * SECOND)
    mine = of(edges, 0)
    # THEN that is said once, and between its two ends nothing
    (lost,) = (i for i, edge in enumerate(mine) if edge.flags & LOST)
    (found,) = (i for i, edge in enumerate(mine) if edge.flags & FOUND)
    assert (found, mine[lost].error) == (lost + 1, errno.EIO)
    assert mine[lost].t_before_ns <= SECOND + MS
    assert 2 * SECOND <= mine[found].t_seen_ns <= 2200 * MS
    # THEN no energy is lost, the rest is met, and the other counter noticed nothing
    assert rise([edge for edge in mine if not edge.flags & LOST], 0) == replays[0][-1][1] - mine[0].raw
    assert met([edge for edge in mine if edge.t_seen_ns > 2300 * MS], 0) >= 0.9 * 1.7 / 976e-6
    assert met(edges, 1) >= 0.9 * 4 / 976e-6


def test_a_fall_without_a_wrap_is_a_reset():
    replays = grids(8, [(976 * US, 0.3)], 2 * SECOND)
    replays[0] = [(time_ns, raw if time_ns < SECOND else raw - 4 * 10**7, 0) for time_ns, raw, _ in replays[0]]
    with living(replays, lateness_ns=lateness(random.Random(8)), range=2**50, max_per_s=10**9) as life:
        edges, _ = life.until(2 * SECOND)
    (reset,) = (edge for edge in edges if edge.flags & RESET)
    assert reset.t_before_ns <= SECOND + MS


@pytest.mark.parametrize(
    ("leap", "flags"),
    [(5 * 10**8, 0), (-(10**6), RESET), (10**13, RESET)],
    ids=["a possible rise", "a fall", "an impossible rise"],
)
@pytest.mark.parametrize("period_ns", [0, MS])
def test_a_suspend_is_a_gap_that_says_how_long_and_what_was_counted_meanwhile(leap, flags, period_ns):
    # GIVEN a counter of at most a kilowatt, and a machine that sleeps for an hour after a second
    (entries,) = grids(9, [(976 * US, 0.3)], 2 * SECOND)
    entries = [(time_ns, raw + 10**7 + (leap if time_ns >= SECOND else 0), 0) for time_ns, raw, _ in entries]
    entries = sorted([*entries, (SECOND, max(e[1] for e in entries if e[0] < SECOND) + leap, 0)])
    options = {"period_ns": period_ns, "range": 2**50, "max_per_s": 10**9}
    with living([entries], lateness_ns=lateness(random.Random(9)), **options) as life:
        before, _ = life.until(SECOND - 3 * MS)
        life.clock.asleep_ns += 3600 * SECOND
        life.clock.now_ns = SECOND + MS // 2
        edges, _ = life.until(2 * SECOND)
    # THEN
    (gap,) = (edge for edge in edges if edge.flags == GAP)
    assert (gap.channel, gap.error) == (ALL_CHANNELS, SUSPENDED)
    assert gap.raw == pytest.approx(3600 * SECOND, abs=2 * US)  # two clocks, read one after the other
    assert before[-1].t_seen_ns <= gap.t_before_ns < gap.t_seen_ns
    after = of(edges, 0)[0]
    assert after.flags == flags
    assert after.t_before_ns <= gap.t_before_ns < after.t_seen_ns
    assert all(edge.flags == 0 for edge in of(edges, 0)[1:])
    assert met(edges, 0, 2 * MS) >= 0.9 / 976e-6


def test_a_late_sampler_says_that_nobody_looked():
    replays = grids(10, [(976 * US, 0.3)], 3 * SECOND)
    with living(replays, gap_ns=10 * MS) as life:
        before, _ = life.until(SECOND)
        life.clock.now_ns += 500 * MS
        edges, _ = life.until(3 * SECOND)
    assert [edge for edge in before if edge.flags & GAP] == []
    (gap,) = (edge for edge in edges if edge.flags & GAP)
    assert gap.t_seen_ns - gap.t_before_ns >= 500 * MS
    assert rise(of(before + edges, 0), 0) == replays[0][-1][1] - before[0].raw


# ---- the thread


def test_a_thread_at_edges_starts_stops_and_goes_on():
    # GIVEN the true clock, and a counter of 2 ms
    clock = lib.pc_clock_monotonic()
    begin_ns = clock.now_ns(clock)
    entries = [(0, 1, 0)] + [(begin_ns + i * 2 * MS, i + 1, 0) for i in range(1, 30_000)]
    with (
        created_ring(2**16) as ring,
        opened(replay(clock, entries)) as source,
        created_sampler(ring, [source], clock, period_ns=0, gap_ns=SECOND, max_duty_ppm=30_000) as sampler,
    ):
        edges: list[Edge] = []
        for _ in range(5):
            # WHEN it runs for a while, THEN each time it sees changes, and says in the end where the counter stands
            assert lib.pc_sampler_start(sampler) == 0
            wait_until(lambda: lib.pc_ring_waiting(ring) > 20, "twenty edges")
            assert lib.pc_sampler_stop(sampler) == 0
            edges += drain(ring)
            assert edges[-1].flags == LAST
        times_ns = [edge.t_seen_ns for edge in of(edges, 0)]
        assert times_ns == sorted(times_ns)
        for edge in of(edges, 0):
            if edge.flags == 0:
                assert edge.t_before_ns <= entries[edge.raw - 1][0] <= edge.t_seen_ns


def test_a_thread_that_follows_stops_at_once_however_long_it_would_sleep():
    clock = lib.pc_clock_monotonic()
    with (
        created_ring(1024) as ring,
        opened(replay(clock, [(0, 1, 0)])) as source,
        created_sampler(ring, [source], clock, period_ns=0, gap_ns=SECOND, every_ns=[3600 * SECOND]) as sampler,
    ):
        for _ in range(20):
            assert lib.pc_sampler_start(sampler) == 0
            assert lib.pc_sampler_stop(sampler) == 0
