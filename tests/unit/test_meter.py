"""The law of a meter: however edges reach it, and however few it keeps, it tells what a recording of them tells."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from counter_simulator import MILLISECOND, PACKAGE, Looks, World, as_run, sample, updates
from hypothesis import given, settings
from hypothesis import strategies as st
from test_energy import recordings

from pycarbon.energy import Timeline
from pycarbon.meter import Meter
from pycarbon.run import EDGE_DTYPE, Flag

ROUNDING_J = 1e-7


def channel_of(world):
    return dataclasses.replace(PACKAGE, range_raw=world.range_raw)


def assert_as_recorded(meter, world, edges, start_ns, now_ns):
    run = as_run(world, edges, start_ns, now_ns)
    expected = Timeline(run, run.channels[0]).between(start_ns, now_ns)
    told = meter.energy(meter.timeline(now_ns), now_ns)
    if told is None:
        assert expected.best == expected.high == 0
        return
    assert dataclasses.astuple(told) == pytest.approx(dataclasses.astuple(expected), rel=1e-9, abs=ROUNDING_J)


@st.composite
def long_recordings(draw):
    """A second or two of a counter of about a millisecond, with wraps, a reset, late looks and failing reads."""
    pieces = draw(st.lists(st.tuples(st.integers(10, 400), st.floats(0, 500)), min_size=3, max_size=8))
    pieces = [(length * MILLISECOND, power_w) for length, power_w in pieces]
    origin_ns = 10**12
    end_ns = origin_ns + sum(length for length, _ in pieces)
    seed = draw(st.integers(0, 99))
    range_raw = draw(st.sampled_from([0, 2**22, 2**30]))
    world = World(
        pieces,
        updates(origin_ns - MILLISECOND, end_ns, 976_000, draw(st.sampled_from([0.0, 0.05, 0.4])), seed),
        2.0**-14,
        draw(st.integers(0, 2**21)),
        range_raw,
        draw(st.none() | st.integers(origin_ns, end_ns)),
    )
    if draw(st.booleans()):  # bursts of close looks, as a sampler of edges with a budget does
        starts = np.arange(origin_ns, end_ns, draw(st.integers(3, 12)) * MILLISECOND)
        bursts = starts[:, None] + np.arange(0, 1_200_000, 20_000)
        times = bursts.ravel()
    else:
        times = updates(origin_ns, end_ns, draw(st.integers(200_000, 1_500_000)), 0.3, seed)
    times = times[(times >= origin_ns) & (times < end_ns)]
    late = [origin_ns + (end_ns - origin_ns) * p // 100 for p in draw(st.lists(st.integers(0, 95), max_size=2))]
    for start in late:
        times = times[(times < start) | (times > start + 60 * MILLISECOND)]
    failing = [origin_ns + (end_ns - origin_ns) * p // 100 for p in draw(st.lists(st.integers(0, 95), max_size=2))]
    return world, sample(world, Looks(times, 2_000, [(a, a + 30 * MILLISECOND) for a in failing]))


@settings(max_examples=150)
@given(recordings(), st.lists(st.integers(1, 40), min_size=1), st.integers(0, 10 * MILLISECOND))
def test_any_cut_of_the_edges_gives_what_a_recording_gives(recording, lengths, late_ns):
    # GIVEN the edges of a recording that began a little after the first of them
    world, edges = recording
    if not len(edges):
        return
    start_ns = int(edges["t_seen_ns"][0]) + late_ns
    meter, first = Meter(channel_of(world), start_ns, 0.01), 0
    # WHEN they come in pieces THEN after each of them the energy so far is that of a recording up to there
    for length in lengths * (len(edges) // sum(lengths) + 1):
        meter.add(edges[first : first + length])
        first += length
        now_ns = max(int(edges["t_seen_ns"][:first][-1]), start_ns)
        assert_as_recorded(meter, world, edges[:first], start_ns, now_ns)


@settings(max_examples=60)
@given(long_recordings(), st.lists(st.integers(1, 60), min_size=1, max_size=9), st.integers(0, 20 * MILLISECOND))
def test_what_was_dropped_is_not_missed(recording, lengths, late_ns):
    # GIVEN a meter that keeps as few edges as it can
    world, edges = recording
    if not len(edges):
        return
    start_ns = int(edges["t_seen_ns"][0]) + late_ns
    meter, first = Meter(channel_of(world), start_ns, 0.005, keep=16), 0
    most = 0
    for length in lengths * (len(edges) // sum(lengths) + 1):
        meter.add(edges[first : first + length])
        first += length
        now_ns = max(int(edges["t_seen_ns"][:first][-1]), start_ns) + 100_000
        # THEN it tells the same all the time
        assert_as_recorded(meter, world, edges[:first], start_ns, now_ns)
        most = max(most, meter.held)
    assert most <= len(edges)


def steady(seconds, power_w=50.0, range_raw=0):
    world = World([(round(seconds * 1e9), power_w)], updates(10**12, 10**12 + round(seconds * 1e9), 976_000, 0.05))
    world.range_raw = range_raw
    times = updates(world.origin_ns, world.end_ns, 200_000)
    return world, sample(world, Looks(times[(times >= world.origin_ns) & (times < world.end_ns)], 2_000))


def test_memory_stays_constant():
    # GIVEN a counter that is followed for a minute (of edges that repeat), ten updates a second
    _, second = steady(1.0)
    second = second[(second["flags"] & Flag.LAST) == 0]
    meter = Meter(PACKAGE, int(second["t_seen_ns"][0]), 0.1)
    held = []
    for number in range(60):
        shifted = second.copy()
        for name in ("t_before_ns", "t_seen_ns"):
            shifted[name] += number * 10**9
        shifted["raw"] += number * 50_000_000
        shifted["flags"] = 0 if number else shifted["flags"]
        for part in np.array_split(shifted, 10):
            meter.add(part)
            timeline = meter.timeline(int(part["t_seen_ns"][-1]))
            held.append(meter.held)
    # THEN it holds no more edges after the first seconds than ever again, and all that energy
    assert max(held) == max(held[:50]) < 2000
    now_ns = int(shifted["t_seen_ns"][-1])
    assert meter.energy(timeline, now_ns).best == pytest.approx(50 * 60, rel=1e-3)


def test_power_is_that_of_its_window_and_lies_in_its_interval():
    world, edges = steady(1.0)
    meter = Meter(PACKAGE, world.origin_ns, 0.1)
    meter.add(edges)
    window = meter.window(meter.timeline(world.end_ns))
    assert window is not None and 0.1 <= window.length_s < 0.12
    assert window.power_w.low <= 50 <= window.power_w.high
    assert window.power_w.best == pytest.approx(50, rel=0.02)
    assert window.power_w.high - window.power_w.low < 0.05 * 50


def test_what_a_window_does_not_resolve_is_no_power():
    # GIVEN too little time, and no edges at all
    world, edges = steady(0.05)
    meter = Meter(PACKAGE, world.origin_ns, 0.1)
    assert meter.window(meter.timeline(world.end_ns)) is None
    assert meter.energy(meter.timeline(world.end_ns), world.end_ns) is None
    meter.add(edges)
    assert meter.window(meter.timeline(world.end_ns)) is None
    assert meter.energy(meter.timeline(world.end_ns), world.end_ns) is not None


def test_a_window_over_a_time_when_nobody_looked_is_no_power():
    # GIVEN that nobody looked for two seconds, and then again for a while
    world, edges = steady(3.0)
    start, end = world.origin_ns + 5 * 10**8, world.origin_ns + 25 * 10**8
    away = (edges["t_seen_ns"] > start) & (edges["t_before_ns"] < end)
    edges = edges[~away]
    back = edges[edges["t_seen_ns"] > end][0]
    gap = np.array([(start, end, 0, 0, int(Flag.GAP), 2)], EDGE_DTYPE)
    found = edges[edges["t_seen_ns"] < start][-1]
    jump = np.array([(found["t_seen_ns"], end, back["raw"] - 48_000, 0, 0, 0)], EDGE_DTYPE)
    meter = Meter(PACKAGE, world.origin_ns, 0.1)
    meter.add(np.concatenate([edges[edges["t_seen_ns"] < start], gap, jump]))
    powers = []
    # WHEN it is asked ten times a second thereafter
    for part in np.array_split(edges[edges["t_seen_ns"] > end], 10):
        meter.add(part)
        powers.append(meter.window(meter.timeline(int(part["t_seen_ns"][-1]))))
    # THEN there is no power at first, and later the true one
    assert powers[0] is None and powers[-1] is not None
    assert all(power.power_w.best == pytest.approx(50, rel=0.05) for power in powers if power is not None)
    now_ns = int(edges["t_seen_ns"][-1])
    assert meter.energy(meter.timeline(now_ns), now_ns).best == pytest.approx(150, rel=1e-3)


def test_a_slow_counter_gets_a_longer_window():
    world = World([(20 * 10**9, 50.0)], updates(10**12, 10**12 + 20 * 10**9, 50 * MILLISECOND))
    times = updates(world.origin_ns, world.end_ns, MILLISECOND)
    edges = sample(world, Looks(times[(times >= world.origin_ns) & (times < world.end_ns)], 2_000))
    meter = Meter(PACKAGE, world.origin_ns, 0.1)
    meter.add(edges)
    window = meter.window(meter.timeline(world.end_ns))
    assert window is not None and 2.5 <= window.length_s < 3
    assert window.power_w.low <= 50 <= window.power_w.high
