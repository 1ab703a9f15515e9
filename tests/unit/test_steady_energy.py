"""Blocks of one steady power after another: what the updates within each tell, beside what its ends tell."""

from __future__ import annotations

import numpy as np
import pytest
from counter_simulator import MILLISECOND, World, as_run, looks_at_edges, sample, updates
from hypothesis import given, settings
from hypothesis import strategies as st

from pycarbon.energy import Timeline
from pycarbon.metering import steady_energy
from pycarbon.run import EDGE_DTYPE

LONG_NS = 100 * MILLISECOND


def blocks(powers_w: list[float], seed: int, every: int = 3) -> tuple[World, Timeline, list[tuple[int, int]]]:
    """Blocks of 100 ms in turn, after some time of the first power; the sampler sees one update of `every`."""
    lead_ns = 90 * MILLISECOND + seed * 7919  # blocks begin anywhere between two updates
    pieces = [(lead_ns, powers_w[0]), *((LONG_NS, power_w) for power_w in powers_w), (10 * MILLISECOND, 50.0)]
    origin_ns = 10**12
    end_ns = origin_ns + sum(length for length, _ in pieces)
    world = World(pieces, updates(origin_ns, end_ns, 976_000, 0.04, seed), origin_ns=origin_ns)
    run = as_run(world, sample(world, looks_at_edges(world, every)))
    start_ns = origin_ns + lead_ns
    spans = [(start_ns + i * LONG_NS, start_ns + (i + 1) * LONG_NS) for i in range(len(powers_w))]
    return world, Timeline(run, run.channels[0]), spans


@given(st.lists(st.sampled_from([20.0, 60.0, 120.0]), min_size=2, max_size=3), st.integers(0, 100))
@settings(max_examples=8, deadline=None)
def test_a_block_is_told_by_the_updates_within_it(powers_w: list[float], seed: int) -> None:
    world, timeline, spans = blocks(powers_w, seed)
    for power_w, span in zip(powers_w, spans, strict=True):
        found = steady_energy(timeline, *span)
        truth_j = power_w * LONG_NS / 1e9
        # THEN the truth is within, and the estimate off by no more than the counter's grain
        assert found is not None
        assert found.low <= truth_j <= found.high
        assert found.best == pytest.approx(truth_j, abs=2.5 * world.grain_j + 1e-4 * truth_j)


def test_what_its_ends_tell_is_drawn_towards_its_neighbours() -> None:
    # GIVEN blocks of 120 and 20 W in turn, whose updates are seen three by three
    errors: dict[str, list[float]] = {"ends": [], "inside": []}
    for seed in range(8):
        _, timeline, spans = blocks([20.0, 120.0, 20.0], seed)
        truth_j = 120.0 * LONG_NS / 1e9
        inside = steady_energy(timeline, *spans[1])
        assert inside is not None
        errors["ends"].append(timeline.between(*spans[1]).best / truth_j - 1)
        errors["inside"].append(inside.best / truth_j - 1)
    # THEN between its ends the dear one seems cheaper, by some tenths of a percent; inside of it it does not
    assert -0.01 < np.mean(errors["ends"]) < -0.0005
    assert abs(np.mean(errors["inside"])) < 0.0002


@given(st.integers(0, 200), st.floats(0.0, 0.6))
@settings(max_examples=25, deadline=None)
def test_a_slow_counter_is_told_by_updates_that_were_not_all_seen_closely(seed: int, missed: float) -> None:
    # GIVEN a counter that comes every 100 ms, some of whose updates are found by looks 40 ms apart
    chance = np.random.default_rng(seed)
    end_ns = 10**12 + 2500 * MILLISECOND
    comes_ns = updates(10**12 - seed * MILLISECOND, end_ns, 100 * MILLISECOND, 0.03, seed)
    world = World([(10**9, 20.0), (1250 * MILLISECOND, 300.0), (250 * MILLISECOND, 20.0)], comes_ns)
    rows, last_ns = [], world.origin_ns
    for update_ns in comes_ns[(comes_ns > world.origin_ns) & (comes_ns < end_ns)]:
        look_ns = (40 if chance.random() < missed else 0.05) * MILLISECOND
        seen_ns = int(update_ns + chance.uniform(0, look_ns))
        rows.append((int(max(seen_ns - look_ns, last_ns)), seen_ns, world.raw(int(update_ns)), 0, 0, 0))
        last_ns = seen_ns
    run = as_run(world, np.array(rows, EDGE_DTYPE))
    # WHEN a block is asked for
    start_ns = world.origin_ns + 10**9
    found = steady_energy(Timeline(run, run.channels[0]), start_ns, start_ns + 1250 * MILLISECOND)
    # THEN the truth is within, and within less than its ends would tell
    assert found is not None and found.low <= 375.0 <= found.high
    assert found.high - found.low < 0.16 * 375.0


def test_too_few_updates_tell_nothing() -> None:
    _, timeline, [(start_ns, end_ns), *_] = blocks([50.0, 50.0], 1)
    assert steady_energy(timeline, start_ns, start_ns + 5 * MILLISECOND) is None
    assert steady_energy(timeline, start_ns - 10**12, end_ns) is None
