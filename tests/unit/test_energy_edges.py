"""Energy from edges that were looked at closely, some of them left out, over counters whose true energy is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from counter_simulator import MILLISECOND, Looks, World, as_run, looks_at_edges, sample, updates
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import energy
from pycarbon.energy import Timeline, channel_energy
from pycarbon.run import EDGE_DTYPE, Flag

SECOND = 1_000_000_000
PERIOD_NS = 976_000


def timeline_of(world: World, looks: Looks) -> Timeline:
    return Timeline(run := as_run(world, sample(world, looks), end_ns=world.end_ns), run.channels[0])


def steady(power_w: float = 50.0, length_s: float = 0.6, jitter: float = 0.1, **of_world: object) -> World:
    end_ns = 10**12 + int(length_s * SECOND)
    times = updates(10**12 - 300_000, end_ns, PERIOD_NS, jitter)
    return World([(int(length_s * SECOND), power_w)], times, **of_world)  # type: ignore[arg-type]


@pytest.mark.parametrize("every", [1, 4, 30])
def test_the_period_is_that_of_the_counter_however_many_edges_are_left_out(every):
    timeline = timeline_of(steady(), looks_at_edges(steady(), every))
    assert timeline.counter_period_ns == pytest.approx(PERIOD_NS, rel=0.02)


@pytest.mark.parametrize("every", [1, 4, 30])
def test_a_block_of_ten_milliseconds_is_within_a_percent(every):
    # GIVEN steady power, and a counter whose every fourth or thirtieth edge is looked at
    world = steady()
    timeline = timeline_of(world, looks_at_edges(world, every))
    # WHEN blocks of 10 ms are asked for, anywhere
    starts = np.linspace(world.origin_ns + 120 * MILLISECOND, world.end_ns - 60 * MILLISECOND, 97)
    errors = []
    for start in starts:
        found = timeline.between(start, start + 10 * MILLISECOND)
        assert found.low <= 0.5 <= found.high
        errors.append(found.best / 0.5 - 1)
    # THEN they are a tenth as uncertain as two readings of the counter, which are off by 4 % (FACTS section 3)
    assert np.std(errors) < 0.01


def test_the_update_before_one_that_was_met_lies_one_period_before_it():
    # GIVEN power that changes, in the middle of edges that were left out
    world = steady()
    timeline = timeline_of(world, looks_at_edges(world, 10))
    # THEN each update that was found late stands where it truly came, to within the counter's jitter
    wide = (timeline.seen_ns - timeline.before_ns)[timeline.is_update] > MILLISECOND
    found = timeline.update_ns[wide & (timeline.update_ns > world.origin_ns + 90 * MILLISECOND)][:-1]
    assert len(found) > 10
    nearest = world.updates_ns[np.argmin(abs(found[:, None] - world.updates_ns[None, :]), axis=1)]
    assert abs(found - nearest).max() < 0.2 * PERIOD_NS
    latest_before = [timeline.update_ns[timeline.update_ns > t].min() - t for t in found]
    assert np.median(latest_before) == pytest.approx(PERIOD_NS, rel=0.05)


@given(
    st.lists(st.tuples(st.integers(MILLISECOND, 30 * MILLISECOND), st.floats(1, 400)), min_size=1, max_size=8),
    st.integers(1, 12),
    st.floats(0, 0.4),
    st.integers(0, 2**31),
    st.data(),
)
def test_the_truth_lies_in_the_interval_whatever_was_left_out(pieces, every, jitter, start_raw, data):
    end_ns = 10**12 + sum(length for length, _ in pieces)
    world = World(
        pieces, updates(10**12 - 300_000, end_ns, PERIOD_NS, jitter), start_raw=start_raw, range_raw=2**32 - 1
    )
    looks = looks_at_edges(world, every, first=data.draw(st.integers(1, 70)))
    edges = sample(world, looks)
    timeline = timeline_of(world, looks)
    readings = edges[(edges["flags"] & (Flag.GAP | Flag.LOST)) == 0]
    changed = np.flatnonzero(np.diff(readings["raw"].astype(np.int64))) + 1
    if not len(changed):
        return
    first, last = int(readings["t_seen_ns"][0]), int(readings["t_before_ns"][changed[-1]])
    times = sorted(data.draw(st.lists(st.integers(first, max(first, last)), min_size=2, max_size=6)))
    for start, end in pairwise(times):
        found = timeline.between(start, end)
        true_j = float(world.true_j(end) - world.true_j(start))
        assert found.low - 1e-9 <= true_j <= found.high + 1e-9
        assert found.low <= found.best <= found.high
    # AND what the edges add up to is what the counter counted
    read_ns = readings["t_seen_ns"] - looks.read_ns // 2
    rise_uj = world.shown_uj(int(read_ns[-1])) - world.shown_uj(int(read_ns[0]))
    assert timeline.level_j[-1] - timeline.level_j[0] == pytest.approx(rise_uj / 1e6, abs=2e-6)


def test_a_counter_read_ten_times_a_second_is_not_placed_fifty_milliseconds_early():
    # GIVEN a counter of 1 ms that is read every 100 ms and has always changed
    world = steady(length_s=2.0)
    times = np.arange(world.origin_ns, world.end_ns, 100 * MILLISECOND)
    looks = Looks(np.append(times, world.end_ns), period_ns=100 * MILLISECOND)
    # THEN the energy of the run is within the milliseconds at its ends
    found = timeline_of(world, looks).between(world.origin_ns, world.end_ns)
    assert found.best == pytest.approx(100.0, rel=0.002)


@pytest.mark.parametrize(
    "range_uj, known", [(10_000, False), (47_000, False), (200_000, False), (600_000, True), (5_000_000, True)]
)
def test_a_range_smaller_than_an_update_is_found_out(range_uj, known):
    # GIVEN 50 W, 48.8 mJ in each update, and a counter that goes through its range within one or not
    world = steady(range_raw=range_uj)
    run = as_run(world, sample(world, looks_at_edges(world, 1)), end_ns=world.end_ns)
    found = channel_energy(run, run.channels[0])
    # THEN such a counter is in no total
    assert (found.is_ambiguous, found.in_total) == (not known, known)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=6), st.integers(0, 40), st.integers(0, 40))
def test_spans_that_overlap_count_once(spans, start, end):
    # GIVEN spans of whole numbers in any order, and an interval
    spans = [(first, first + length) for first, length in spans]
    # WHEN it is asked how much of it they cover THEN that is how many whole numbers are in one of them
    covered = {place for first, last in spans for place in range(first, last)} & set(range(start, end))
    assert energy._covered_ns(spans, np.array([start]), np.array([end])).tolist() == [len(covered)]


@given(st.lists(st.sampled_from([Flag.LOST, Flag.FOUND, Flag.GAP, 0]), max_size=9))
def test_a_channel_is_lost_from_the_last_failure_to_the_next_reading(flags):
    # GIVEN edges with such flags, one every 10 ns
    edges = np.zeros(len(flags), EDGE_DTYPE)
    edges["t_before_ns"], edges["t_seen_ns"] = np.arange(len(flags)) * 10, np.arange(len(flags)) * 10 + 4
    edges["flags"] = flags
    # WHEN the spans without readings are collected
    spans, lost = energy._lost_spans(edges, 1000)
    # THEN they are those of gaps, and of failures as who goes through the edges one by one finds them
    wanted, since = [], None
    for number, flag in enumerate(flags):
        if flag == Flag.GAP:
            wanted.append((10 * number, 10 * number + 4))
        elif flag == Flag.LOST:
            since = 10 * number
        elif flag == Flag.FOUND and since is not None:
            wanted.append((since, 10 * number + 4))
            since = None
    assert lost == (since is not None)
    assert sorted(spans) == sorted(wanted + ([(since, 1000)] if lost else []))
