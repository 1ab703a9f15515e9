"""The laws of energy from edges, over simulated counters whose true energy is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from counter_simulator import MILLISECOND, Looks, World, as_run, sample, updates
from hypothesis import given, settings
from hypothesis import strategies as st

from pycarbon.energy import COARSEST_GRAIN_J, Timeline, channel_energy, power, windows, windows_of
from pycarbon.run import EDGE_DTYPE, Flag

ROUNDING_J = 1e-9
watts = st.just(0.0) | st.floats(0.0, 500.0)


def timeline_of(run):
    return Timeline(run, run.channels[0])


@st.composite
def worlds(draw, wrapping=None):
    origin_ns = draw(st.sampled_from([0, 10**12, 8 * 10**15]))
    pieces = draw(st.lists(st.tuples(st.integers(100_000, 20 * MILLISECOND), watts), min_size=1, max_size=6))
    end_ns = origin_ns + sum(length for length, _ in pieces)
    period_ns = draw(st.integers(300_000, 3 * MILLISECOND))
    first_ns = origin_ns + draw(st.integers(-2 * MILLISECOND, 0))
    range_raw = draw(st.integers(2**30, 2**38)) if (draw(st.booleans()) if wrapping is None else wrapping) else 0
    shown = range_raw - draw(st.integers(0, 20_000_000)) if range_raw else draw(st.integers(0, 2**50))
    return World(
        pieces,
        updates(first_ns, end_ns, period_ns, draw(st.sampled_from([0.0, 0.05, 0.5])), draw(st.integers(0, 99))),
        draw(st.sampled_from([1e-6, 2.0**-16, 2.0**-14])),
        shown,
        range_raw,
        origin_ns=origin_ns,
    )


@st.composite
def looks_at(draw, world, most_late=12 * MILLISECOND):
    """Looks at a rate of its own, some of them late; a few spans in which reading fails."""
    period_ns = draw(st.integers(50_000, 2 * MILLISECOND))
    times = updates(world.origin_ns, world.end_ns, period_ns, 0.3, draw(st.integers(0, 99)))
    times = times[(times >= world.origin_ns) & (times < world.end_ns)]
    missed = draw(st.lists(st.tuples(st.integers(0, 90), st.integers(0, most_late)), max_size=2))
    for percent, length in missed:
        start = world.origin_ns + (world.end_ns - world.origin_ns) * percent // 100
        times = times[(times < start) | (times > start + length)]
    failing = draw(st.lists(st.tuples(st.integers(0, 90), st.integers(1, most_late)), max_size=2))
    spans = [(world.origin_ns + (world.end_ns - world.origin_ns) * p // 100, n) for p, n in failing]
    return Looks(times, draw(st.integers(2, 20_000)), [(a, a + n) for a, n in spans], period_ns)


@st.composite
def recordings(draw):
    world = draw(worlds())
    looks = draw(looks_at(world))
    return world, sample(world, looks)


def known_span(edges):
    """From the first reading to the last change that was seen: nothing outside of it can be bounded for any power."""
    readings = edges[(edges["flags"] & (Flag.GAP | Flag.LOST)) == 0]
    changed = np.flatnonzero(np.diff(readings["raw"].astype(np.int64))) + 1
    if not len(changed):
        return None
    return int(readings["t_seen_ns"][0]), int(readings["t_before_ns"][changed[-1]])


def telling_times(edges, first, last):
    """The times at which a bound may be off by one, and an even grid."""
    seen = np.concatenate([edges["t_before_ns"], edges["t_seen_ns"]]).astype(np.int64)
    times = np.concatenate([seen - 1, seen, seen + 1, np.linspace(first, last, 50).astype(np.int64)])
    return np.unique(times[(times >= first) & (times <= last)])


@settings(max_examples=300, deadline=None)
@given(recordings(), st.data())
def test_the_truth_lies_in_the_interval(recording, data):
    # GIVEN any power, updates and looks, with wraps, late looks and failing reads
    world, edges = recording
    span = known_span(edges)
    if span is None or span[0] >= span[1]:
        return
    timeline = timeline_of(as_run(world, edges, end_ns=world.end_ns))
    # WHEN energy is asked for up to any time, and between any two
    times = telling_times(edges, *span)
    first = edges[(edges["flags"] & Flag.FIRST) != 0][0]
    first_uj = world.shown_uj(int(first["t_before_ns"] + first["t_seen_ns"]) // 2)
    true_j = world.true_j(times) - (first_uj - world.start_raw) / 1e6
    low, best, high = timeline.low_j(times), timeline.best_j(times), timeline.high_j(times)
    # THEN the truth lies between the bounds, and so does the estimate
    slack = ROUNDING_J + (world.most_w * 4e-9 if world.origin_ns > 2**52 else 0)
    assert (low <= true_j + slack).all()
    assert (true_j <= high + slack).all()
    assert (low <= best + ROUNDING_J).all() and (best <= high + ROUNDING_J).all()
    a, b = sorted(data.draw(st.tuples(st.sampled_from(times), st.sampled_from(times))))
    found = timeline.between(a, b)
    assert found.low - slack <= world.true_j(b) - world.true_j(a) <= found.high + slack


@settings(max_examples=150, deadline=None)
@given(recordings(), st.data())
def test_best_adds_up_and_never_falls(recording, data):
    # GIVEN any recording
    world, edges = recording
    timeline = timeline_of(as_run(world, edges, end_ns=world.end_ns))
    # WHEN its span is cut in two anywhere, even beyond its ends
    around = st.integers(world.origin_ns - 5 * MILLISECOND, world.end_ns + 5 * MILLISECOND)
    a, b, c = sorted(data.draw(st.tuples(around, around, around)))
    # THEN the parts make the whole, and energy never falls as time goes on
    whole, left, right = timeline.between(a, c), timeline.between(a, b), timeline.between(b, c)
    assert whole.best == pytest.approx(left.best + right.best, abs=ROUNDING_J)
    assert left.best >= 0
    times = np.linspace(world.origin_ns - MILLISECOND, world.end_ns + MILLISECOND, 300)
    for line in (timeline.best_j(times), timeline.low_j(times), timeline.high_j(times)):
        assert (np.diff(line) >= -ROUNDING_J).all()


@settings(max_examples=100, deadline=None)
@given(worlds(wrapping=True), st.data())
def test_a_wrap_loses_nothing(world, data):
    # GIVEN a counter that wraps, and its twin that does not
    twin = World(world.pieces, world.updates_ns, world.grain_j, world.start_raw, 0, origin_ns=world.origin_ns)
    looks = data.draw(looks_at(world))
    # WHEN both are recorded with the same looks
    wrapped = channel_energy(
        as_run(world, sample(world, looks), end_ns=world.end_ns), as_run(world, None).channels[0]
    )
    plain = channel_energy(as_run(twin, sample(twin, looks), end_ns=world.end_ns), as_run(twin, None).channels[0])
    # THEN every figure is the same
    assert wrapped == plain


def steady(power_w=100.0, for_ms=100, period_ns=976_000, look_ns=MILLISECOND, **more):
    """A constant power, looked at regularly: world and looks."""
    length = for_ms * MILLISECOND
    world = World([(length, power_w)], updates(10**12, 10**12 + length, period_ns), **more)
    return world, Looks(np.arange(10**12, world.end_ns + 1, look_ns), period_ns=look_ns)


def test_half_a_percent_at_1_khz():
    world, looks = steady(for_ms=110)
    run = as_run(world, sample(world, looks))
    for start_ns in range(world.origin_ns + MILLISECOND, world.origin_ns + 8 * MILLISECOND, 137_000):
        found = timeline_of(run).between(start_ns, start_ns + 100 * MILLISECOND)
        assert found.best == pytest.approx(10.0, rel=0.005)


def test_updates_are_placed_without_bias():
    # GIVEN a power that rises from 10 to 200 W after 50 ms, looked at in any phase of counter and sampler
    errors_j = []
    for phase_ns in range(0, 976_000, 61_000):
        pieces = [(50 * MILLISECOND, 10.0), (50 * MILLISECOND, 200.0)]
        world = World(pieces, updates(10**12 - phase_ns, 10**12 + 100 * MILLISECOND, 976_000))
        looks = Looks(np.arange(10**12, world.end_ns, MILLISECOND))
        # WHEN the energy from well before the rise to well after it is computed
        timeline = timeline_of(as_run(world, sample(world, looks)))
        errors_j.append(timeline.between(10**12 + 10 * MILLISECOND, 10**12 + 70 * MILLISECOND).best - 4.4)
    # THEN its errors cancel; to take every update for as late, or early, as it may have been would cost 0.1 J
    assert abs(np.mean(errors_j)) < 0.02


def test_small_wraps_are_counted():
    # GIVEN a counter of 1 J that wraps ten times in 100 ms at 100 W
    world, looks = steady(range_raw=999_999, start_raw=999_000)
    edges = sample(world, looks)
    assert ((edges["flags"] & Flag.WRAPPED) != 0).sum() == 10
    # WHEN its energy is computed THEN no wrap is missing
    assert channel_energy(as_run(world, edges), as_run(world, edges).channels[0]).energy_j == pytest.approx(
        10, rel=0.02
    )


@pytest.mark.parametrize("range_raw", [0, 2**38])
@pytest.mark.parametrize("start_raw, reset_raw", [(50_000_000_000, 0), (0, 50_000_000_000)])
def test_a_reset_is_no_energy_but_ignorance(range_raw, start_raw, reset_raw):
    # GIVEN a counter that starts anew, 50 kJ below or above, in the middle of 10 J
    reset_ns = 10**12 + 50 * MILLISECOND
    world, looks = steady(start_raw=start_raw, range_raw=range_raw, reset_ns=reset_ns, reset_raw=reset_raw)
    edges = sample(world, looks)
    reset = edges[(edges["flags"] & Flag.RESET) != 0]
    assert len(reset) == 1
    # WHEN the energy is computed
    run = as_run(world, edges, world.origin_ns + MILLISECOND, world.end_ns)
    whole = channel_energy(run, run.channels[0])
    smooth, _ = steady(start_raw=start_raw, range_raw=range_raw)
    run = as_run(smooth, sample(smooth, looks), world.origin_ns + MILLISECOND, world.end_ns)
    undisturbed = channel_energy(run, run.channels[0])
    # THEN it is not the leap, the truth lies inside, and the interval and the gap say what is not known
    assert 9.5 < whole.energy_j < 10
    assert whole.low_j <= 9.9 <= whole.high_j
    assert whole.high_j - whole.low_j > undisturbed.high_j - undisturbed.low_j
    assert whole.gap_s == (reset["t_seen_ns"] - reset["t_before_ns"])[0] / 1e9
    assert undisturbed.gap_s == 0


def test_around_a_reset_the_truth_lies_inside():
    # GIVEN a reset under constant power, any moment of the counter's period
    for reset_ns, look_ns in itertools.product(range(50_000_000, 51_000_000, 87_000), (100_000, MILLISECOND)):
        world, looks = steady(start_raw=50_000_000_000, reset_ns=10**12 + reset_ns, look_ns=look_ns)
        run = as_run(world, sample(world, looks))
        # WHEN spans begin and end anywhere near it
        borders = range(10**12 + 48 * MILLISECOND, 10**12 + 54 * MILLISECOND, 260_000)
        for a, b in itertools.combinations(borders, 2):
            found = timeline_of(run).between(a, b)
            # THEN the truth lies inside
            assert found.low <= (b - a) * 100 / 1e9 + ROUNDING_J
            assert (b - a) * 100 / 1e9 <= found.high + ROUNDING_J


def test_across_a_failure_energy_is_exact():
    # GIVEN a source that fails from 30 to 70 ms
    world, looks = steady()
    looks.failing = [(10**12 + 30 * MILLISECOND, 10**12 + 70 * MILLISECOND)]
    edges = sample(world, looks)
    # WHEN the whole is computed
    run = as_run(world, edges, world.origin_ns + 5 * MILLISECOND, world.end_ns - 5 * MILLISECOND)
    found = channel_energy(run, run.channels[0])
    # THEN nothing is missing, and the gap reaches from the last good look to the first good one
    assert found.energy_j == pytest.approx(9.0, rel=0.005)
    assert found.high_j - found.low_j < 0.4
    assert found.gap_s == pytest.approx(0.041, abs=2e-5)


def test_a_late_look_is_a_gap_that_loses_nothing():
    # GIVEN a sampler that was starved from 30 to 70 ms
    world, looks = steady()
    at_ms = (looks.times_ns - 10**12) / MILLISECOND
    looks.times_ns = looks.times_ns[(at_ms < 30) | (at_ms >= 70)]
    # WHEN the whole and a part of the gap are computed
    run = as_run(world, sample(world, looks), world.origin_ns + 5 * MILLISECOND, world.end_ns - 5 * MILLISECOND)
    whole = channel_energy(run, run.channels[0])
    # THEN the whole is exact, the part has the width of what is not known of it
    assert whole.energy_j == pytest.approx(9.0, rel=0.005) and whole.high_j - whole.low_j < 0.4
    assert whole.gap_s == pytest.approx(0.041, abs=2e-5)
    part = timeline_of(run).between(10**12 + 40 * MILLISECOND, 10**12 + 60 * MILLISECOND)
    assert part.low == 0 and part.high > 4.0
    assert part.best == pytest.approx(2.0, rel=0.05)
    # AND beyond the last update the power goes on
    end_ns = float(looks.times_ns[-1])
    assert np.diff(timeline_of(run).best_j(np.array([end_ns - MILLISECOND, end_ns])))[0] > 0.05


def test_a_gap_at_the_very_end_does_not_widen_what_is_known():
    # GIVEN a look that was late across the end of the run, after which the counter was read again
    world, looks = steady()
    at_ms = (looks.times_ns - 10**12) / MILLISECOND
    looks.times_ns = looks.times_ns[(at_ms < 50) | (at_ms >= 80)]
    run = as_run(world, sample(world, looks), world.origin_ns + MILLISECOND, world.origin_ns + 78 * MILLISECOND)
    # WHEN the energy to the end is computed
    found = channel_energy(run, run.channels[0])
    # THEN it is bounded by what the counter showed afterwards
    assert found.energy_j == pytest.approx(7.7, rel=0.02)
    assert found.high_j < 8.1


def test_a_gap_longer_than_a_wrap_may_hide_one():
    # GIVEN a counter of 3 J at 100 W that nobody looked at for 40 ms
    world, looks = steady(range_raw=2_999_999)
    at_ms = (looks.times_ns - 10**12) / MILLISECOND
    looks.times_ns = looks.times_ns[(at_ms < 30) | (at_ms >= 70)]
    run = as_run(world, sample(world, looks), world.origin_ns + MILLISECOND, world.end_ns - MILLISECOND)
    # WHEN the energy is computed THEN the interval holds what the wrap may have taken
    found = channel_energy(run, run.channels[0])
    assert found.low_j <= 9.8 <= found.high_j < 15


def test_lost_to_the_end():
    # GIVEN a source that fails at 60 ms for ever
    world, looks = steady()
    looks.failing = [(10**12 + 60 * MILLISECOND, world.end_ns + 1)]
    run = as_run(world, sample(world, looks), world.origin_ns + MILLISECOND, world.end_ns)
    # WHEN the energy is computed
    found = channel_energy(run, run.channels[0])
    # THEN only what was seen is counted, and the interval reaches to what may have been, not far beyond
    assert found.low_j <= found.energy_j < 6.0
    assert 9.9 <= found.high_j < 11
    assert found.gap_s == pytest.approx(0.041, abs=1e-4)


def test_a_source_that_fails_at_first():
    # GIVEN a counter that could not be read for the first 40 ms
    world, looks = steady()
    looks.failing = [(world.origin_ns, world.origin_ns + 40 * MILLISECOND)]
    run = as_run(world, sample(world, looks), world.origin_ns, world.end_ns - MILLISECOND)
    # WHEN the energy is computed THEN the interval holds what nobody saw
    found = channel_energy(run, run.channels[0])
    assert found.low_j <= 9.9 <= found.high_j
    assert found.low_j < 6.1
    assert found.gap_s == pytest.approx(0.040, abs=2e-5)


def test_one_failed_read_between_updates_is_no_update():
    # GIVEN looks every 0.1 ms, one of which failed: the counter showed the same before and after
    world, looks = steady(look_ns=100_000)
    looks.failing = [(10**12 + 50_200_000, 10**12 + 50_250_000)]
    edges = sample(world, looks)
    found = edges[(edges["flags"] & Flag.FOUND) != 0]
    assert len(found) == 1 and found["raw"][0] == edges["raw"][np.flatnonzero(edges["flags"] & Flag.FOUND)[0] - 2]
    # WHEN updates are counted and energy is bounded around it
    timeline = timeline_of(as_run(world, edges))
    changes = np.count_nonzero(np.diff(edges["raw"][(edges["flags"] & Flag.LOST) == 0].astype(np.int64)))
    # THEN it is no update
    assert timeline.edges(0, 2**62) == changes
    at = float(found["t_before_ns"][0])
    assert timeline.high_j(np.array([at]))[0] >= world.true_j(at)


def test_a_counter_that_never_moves():
    world, looks = steady(power_w=0.0)
    run = as_run(world, sample(world, looks), end_ns=world.end_ns)
    found = channel_energy(run, run.channels[0])
    assert (found.energy_j, found.low_j, found.edges, found.peak_power_w) == (0, 0, 0, None)
    assert 0 < found.high_j <= 2 * COARSEST_GRAIN_J


def test_raw_values_of_64_bits_never_turn_over():
    # GIVEN a broken counter without a range that leaps by almost 2^63, over and over
    world, _ = steady()
    edges = np.zeros(7, EDGE_DTYPE)
    edges["raw"] = [0, 2**63 - 1, 0, 2**63 - 1, 0, 2**63 - 1, 2**64 - 1]
    edges["t_seen_ns"] = edges["t_before_ns"] = 10**12 + np.arange(7) * MILLISECOND
    # WHEN its energy is computed THEN the leaps add up, and the interval is one
    found = timeline_of(as_run(world, edges)).between(10**12, 10**12 + 5 * MILLISECOND)
    assert 2 * 2**63 / 1e6 < found.best <= found.high


@pytest.mark.parametrize("flags", [None, Flag.LOST, Flag.GAP])
def test_an_empty_channel(flags):
    edges = np.zeros(0 if flags is None else 1, EDGE_DTYPE)
    edges["flags"] = 0 if flags is None else int(flags)
    world, _ = steady()
    run = as_run(world, edges, end_ns=world.end_ns)
    found = channel_energy(run, run.channels[0])
    assert (found.energy_j, found.low_j, found.high_j, found.edges) == (0, 0, 0, 0)
    assert len(timeline_of(run).line()) == 0
    assert timeline_of(run).period_s is None


@settings(max_examples=100, deadline=None)
@given(recordings(), st.none() | st.floats(1e-5, 1.0))
def test_the_windows_of_power_sum_to_the_energy(recording, every_s):
    world, edges = recording
    timeline = timeline_of(as_run(world, edges))
    borders, power_w = power(timeline, world.origin_ns, world.end_ns, every_s)
    if len(power_w):
        total_j = (power_w * np.diff(borders) / 1e9).sum()
        assert total_j == pytest.approx(timeline.between(world.origin_ns, world.end_ns).best, rel=1e-9, abs=1e-9)
        assert (power_w >= 0).all()
    else:
        assert len(timeline.update_ns) < 3


@settings(deadline=None)
@given(st.integers(0, 2**60), st.integers(0, 2**50), st.floats(0, 1e4))
def test_windows_cover_the_span(start_ns, length_ns, shortest_s):
    borders = windows(start_ns, start_ns + length_ns, shortest_s)
    assert borders[0] == start_ns and borders[-1] == float(start_ns + length_ns)
    assert (np.diff(borders) >= 0).all() and 2 <= len(borders) <= 1001
    if len(borders) > 2:
        step_ns = np.spacing(borders[-1])
        assert np.diff(borders).min() >= max(shortest_s * 1e9, 1000) * (1 - 1e-6) - 2 * step_ns > 0


def test_a_run_that_was_cut_off_ends_where_it_was_last_seen():
    world, looks = steady()
    edges = sample(world, looks)
    cut = as_run(world, edges[:20])
    assert cut.end_ns == edges["t_seen_ns"][19] and not cut.complete
    assert as_run(world, edges[:0]).end_ns == world.origin_ns
    assert as_run(world, edges, end_ns=5).end_ns == 5
    found = channel_energy(cut, cut.channels[0])
    assert found.energy_j == pytest.approx((cut.end_ns - cut.start_ns) * 100 / 1e9, rel=0.1)
    assert found.low_j <= found.energy_j <= found.high_j


def test_windows_are_as_long_as_asked_for_and_the_last_takes_the_rest():
    borders = windows_of(0, 2_000_000_000, 0.7)
    assert borders.tolist() == [0, 700_000_000, 1_400_000_000, 2_000_000_000]


def test_a_counter_that_stands_still_at_the_end_is_said_to_give_no_news():
    # GIVEN a counter that is updated every millisecond for a second and then stands still for another
    world, _ = steady()
    edges = np.zeros(1001, EDGE_DTYPE)
    edges["raw"] = np.arange(1001) * 1000
    edges["t_seen_ns"] = edges["t_before_ns"] = 10**12 + np.arange(1001) * MILLISECOND
    run = as_run(world, edges, end_ns=10**12 + 2000 * MILLISECOND)
    # WHEN the gap is asked for, THEN it is that second; within the first second there is none
    timeline = timeline_of(run)
    assert timeline.gap_s(10**12, 10**12 + 2000 * MILLISECOND) == pytest.approx(1.0)
    assert timeline.gap_s(10**12, 10**12 + 1000 * MILLISECOND) == 0
