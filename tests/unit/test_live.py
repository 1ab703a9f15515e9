"""Gauges from edges alone: sums, kinds, states, and the model, whose energy is a recording's."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from counter_simulator import PACKAGE, as_run
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_meter import steady

from pycarbon.analysis import Run
from pycarbon.intensity import lookup
from pycarbon.interval import Range
from pycarbon.live import HISTORY, Gauges
from pycarbon.model import PowerCurve
from pycarbon.rating import Rating
from pycarbon.run import EDGE_DTYPE, MACHINE_CPU, Channel, Flag, RunData

START_NS = 10**12
THREADS = 4
CURVE = PowerCurve("package-0", Range(4, 10, 20), Range(60, 100, 150), Range(0.6, 0.8, 1.0), "a test")
CPU = Channel(1, MACHINE_CPU, "proc", "measured", "cpu_time", Fraction(1, 100), 0, False)
MODELLED = Channel(0, "package-0", "model", "modelled", "energy", Fraction(1), 0, True)


def gauges(channels, curves=(), start_ns=START_NS, interval_s=0.1):
    return Gauges(channels, curves, THREADS, start_ns, interval_s, Rating(lookup("FRA")))


def cpu_edges(busy, first_ns=START_NS - 1_000_000):
    """Edges of a machine whose CPUs are busy by these shares, a tenth of a second each, read ten times a second."""
    ticks = np.floor(np.cumsum([0.0, *(share * THREADS * 10 for share in busy)])).astype(int)
    edges, last_ns = [(first_ns, first_ns + 20_000, 0, CPU.id, int(Flag.FIRST), 0)], first_ns
    for number, tick in enumerate(ticks[1:], 1):
        time_ns = first_ns + number * 100_000_000
        if tick > ticks[number - 1]:
            edges.append((last_ns, time_ns + 20_000, tick, CPU.id, 0, 0))
        last_ns = time_ns
    return np.array(edges, EDGE_DTYPE)


def recorded(edges, now_ns):
    meta = {"start_ns": START_NS, "machine": {"n_threads": THREADS}, "curves": [CURVE.to_dict()]}
    return Run(RunData(meta, [MODELLED, CPU], {CPU.id: edges}, {"end_ns": now_ns}, True)).energy


ALMOST_ALWAYS = [0.0, 1.0, 0.0, 1.0, 0.0, *[1.0] * 39, 0.0, 1.0, 0.0, 1.0, 1.0]


@settings(max_examples=40)
@example(ALMOST_ALWAYS, [1], 3)
@given(
    st.lists(st.floats(0, 1), min_size=20, max_size=60), st.lists(st.integers(1, 7), min_size=1), st.integers(1, 5)
)
def test_the_model_tells_what_a_recording_tells(busy, lengths, repeat):
    # GIVEN seconds of any load, and updates at any times
    edges = cpu_edges(busy * repeat)
    live, first = gauges([MODELLED, CPU], [CURVE]), 0
    for length in lengths * (len(edges) // sum(lengths) + 1):
        live.add(edges[first : first + length])
        first += length
        seen_ns = int(edges["t_seen_ns"][:first][-1])
        if seen_ns > START_NS:
            live.snapshot(seen_ns)
    # WHEN it ends where a window of the model ends
    now_ns = START_NS + int((seen_ns - START_NS) // 200_000_000) * 200_000_000 + 200_000_000
    told, expected = live.snapshot(now_ns), recorded(edges, now_ns)
    # THEN the energy is the recording's, and its interval holds that of the recording
    energy = told.total.energy_j
    assert energy.best == pytest.approx(expected.total_j, rel=1e-6)
    assert energy.low <= expected.low_j * (1 + 1e-6) and energy.high >= expected.high_j * (1 - 1e-6)
    assert energy.low >= 0.7 * expected.low_j and energy.high <= 1.3 * expected.high_j
    assert told.total.kind == "modelled"


def test_a_model_without_cpu_time_may_be_anything_from_idle_to_full():
    told = gauges([MODELLED], [CURVE]).snapshot(START_NS + 10**9)
    assert (told.total.power_w.low, told.total.power_w.best, told.total.power_w.high) == (4, 10, 150)


def with_id(edges, number):
    edges = edges.copy()
    edges["channel"] = number
    return edges


def test_a_total_adds_what_counts_and_names_it():
    # GIVEN a package and memory that count, and a core that does not
    world, edges = steady(1.0)
    names = [("package-0", True), ("dram-0", True), ("core", False)]
    channels = [
        Channel(i, name, "powercap", "measured", "energy", PACKAGE.unit, 0, counts)
        for i, (name, counts) in enumerate(names)
    ]
    live = gauges(channels, start_ns=world.origin_ns)
    for channel in channels:
        live.add(with_id(edges, channel.id))
    told = live.snapshot(world.end_ns)
    assert told.added == ["package-0", "dram-0"] and [one.domain for one in told.domains][-1] == "core"
    assert told.total.power_w.best == sum(one.power_w.best for one in told.domains if one.in_total)
    assert told.total.energy_j.low <= 100 <= told.total.energy_j.high and told.total.kind == "measured"
    grams = told.total.power_w.best * lookup("FRA").intensity_g_per_kwh / 1000
    assert told.per_hour.co2e_g == pytest.approx(grams) and told.per_hour.low_g < grams < told.per_hour.high_g


def test_a_total_is_unknown_where_one_of_its_parts_is():
    world, edges = steady(1.0)
    other = Channel(1, "dram-0", "powercap", "measured", "energy", PACKAGE.unit, 0, True)
    live = gauges([PACKAGE, other], start_ns=world.origin_ns)
    live.add(edges)
    told = live.snapshot(world.end_ns)
    assert told.total.power_w is told.total.energy_j is told.per_hour is told.so_far is None
    assert told.domains[0].power_w is not None and told.domains[1].state != "ok"


def test_a_counter_that_fails_is_lost_with_its_reason_and_keeps_its_energy():
    world, edges = steady(1.0)
    edges = edges[(edges["flags"] & Flag.LAST) == 0]
    lost = np.array([(edges["t_seen_ns"][-1], world.end_ns, 0, 0, int(Flag.LOST), 19)], EDGE_DTYPE)
    live = gauges([PACKAGE], start_ns=world.origin_ns)
    live.add(np.concatenate([edges, lost]))
    [told] = live.snapshot(world.end_ns + 10**9).domains
    assert (told.state, told.power_w, told.why) == ("lost", None, "No such device")
    assert told.energy_j.best == pytest.approx(50, rel=0.01) and told.silent_s > 0.9


def test_the_history_is_a_mean_for_each_second_and_ends():
    world, edges = steady(3.0)
    live = gauges([PACKAGE], start_ns=world.origin_ns)
    for part in np.array_split(edges, 30):
        live.add(part)
        told = live.snapshot(int(part["t_seen_ns"][-1]))
    assert told.domains[0].history == pytest.approx((50, 50), rel=0.02)
    told = live.snapshot(world.end_ns + 3600 * 10**9)
    assert len(told.domains[0].history) == HISTORY and told.domains[0].history[-1] is None


def test_the_peak_is_the_largest_window():
    world, edges = steady(1.0)
    live = gauges([PACKAGE], start_ns=world.origin_ns)
    powers = []
    for part in np.array_split(edges, 10):
        live.add(part)
        [told] = live.snapshot(int(part["t_seen_ns"][-1])).domains
        powers += [] if told.power_w is None else [told.power_w.best]
    assert told.peak_w == max(powers) and as_run(world, edges).start_ns == world.origin_ns
