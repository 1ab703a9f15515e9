"""Intervals and the rest: together they are the run, and where they meet the counter's level is well known."""

from __future__ import annotations

import numpy as np
import pytest
from counter_simulator import MILLISECOND
from hypothesis import given, settings
from hypothesis import strategies as st
from region_world import START_NS, Program, as_run, training

from pycarbon.borders import by_time, cut
from pycarbon.energy import Timeline
from pycarbon.run import Flag


def cut_run(data, number: int = 0):
    timeline = Timeline(data, data.channels[number])
    intervals, rest = cut(timeline, data.channels[number], data.ledger, data.start_ns, data.end_ns)
    check(data, timeline, intervals, rest)
    return intervals, rest


def check(data, timeline, intervals, rest) -> None:
    """Each moment, each row and each joule is in exactly one interval or span of the rest."""
    spans = np.concatenate([np.stack([intervals.start_ns, intervals.end_ns], axis=1), rest.span])
    spans = spans[np.argsort(spans[:, 0])]
    assert spans[0, 0] == data.start_ns and spans[-1, 1] == data.end_ns
    assert (spans[1:, 0] == spans[:-1, 1]).all() and (spans[:, 1] > spans[:, 0]).all()
    rows = data.ledger.rows
    assert len(intervals.row_node) + len(rest.row) == len(rows)
    assert intervals.row_time_s.sum() + rows["time_ns"][rest.row].sum() / 1e9 == pytest.approx(
        rows["time_ns"].sum() / 1e9
    )
    length_s = (intervals.end_ns - intervals.start_ns) / 1e9
    held_s = np.bincount(intervals.row_interval, intervals.row_time_s, len(length_s))
    assert (held_s <= length_s + 1e-8).all()
    rest_j = np.diff(timeline.best_j(rest.span.reshape(-1)))[::2]
    total_j = float(np.diff(timeline.best_j(np.array([data.start_ns, data.end_ns], dtype=np.float64)))[0])
    assert intervals.energy_j.sum() + rest_j.sum() == pytest.approx(total_j)
    assert (intervals.start_sd_ns >= 0).all() and (intervals.energy_j >= 0).all()


def test_every_update_is_a_border_of_its_own_channel():
    program = training(2, 10)
    world = program.world()
    data = as_run(program, {"package-0": world})
    intervals, rest = cut_run(data)
    # THEN there is an interval from each update to the next, and only the rims are left
    updates = world.updates_ns[(world.updates_ns > START_NS) & (world.updates_ns < world.end_ns - 2000)]
    assert len(intervals.start_ns) == len(updates) - 1 and len(rest.span) == 2
    assert np.abs(intervals.start_ns - updates[:-1]).max() <= 1000
    assert intervals.start_sd_ns == pytest.approx(2000 / np.sqrt(12), abs=1)
    assert np.abs(intervals.energy_j - np.diff(world.true_j(updates))).max() < 2 * world.grain_j
    assert (intervals.threads <= 1).all()


def test_what_was_merely_glanced_at_takes_no_border_from_an_edge():
    # GIVEN a sampler that sees every third update closely, and of the two between finds one half a period late
    program = training(2, 10)
    world = program.world()
    data = as_run(program, {"package-0": world})
    edges = data.edges[0]
    number = np.arange(len(edges)) % 3
    closely, glanced = number == 0, number == 2
    edges["t_before_ns"][glanced] -= 600_000
    edges["t_seen_ns"][glanced] += 400_000
    middle_ns = edges["t_before_ns"] + (edges["t_seen_ns"] - edges["t_before_ns"]) // 2
    data.edges[0] = edges[closely | glanced]
    borders = middle_ns[closely][1:].tolist()
    data.ledger = program.ledger(borders, [0] * len(borders))
    # WHEN it is cut THEN each of those seen closely is a border
    intervals, _ = cut_run(data)
    assert len(intervals.start_ns) >= len(borders) - 3
    assert np.median(intervals.start_sd_ns) < 1000


def test_slices_that_end_for_another_channel_are_put_together():
    # GIVEN a counter that is updated every ms, and one every 20 ms
    program = training(4, 10)
    data = as_run(program, {"package-0": program.world(), "gpu-0": program.world(period_ns=20 * MILLISECOND, seed=2)})
    fast, _ = cut_run(data, 0)
    slow, _ = cut_run(data, 1)
    # THEN each has intervals of its own period
    assert np.median(slow.end_ns - slow.start_ns) == pytest.approx(20 * MILLISECOND, rel=0.05)
    assert np.median(fast.end_ns - fast.start_ns) == pytest.approx(MILLISECOND, rel=0.05)
    assert slow.start_sd_ns.max() < 1000 and fast.start_sd_ns.max() < 1000


def test_borders_apart_from_the_updates_are_less_certain():
    # GIVEN slices that all end 50 µs after a counter's updates
    program = training(2, 10)
    data = as_run(program, {"package-0": program.world()})
    ends = data.ledger.slices["end_ns"][:-1] + 50_000
    data.ledger = program.ledger(ends.tolist(), [7] * len(ends))
    intervals, _ = cut_run(data)
    assert len(intervals.start_ns) > 0.9 * len(ends)
    assert intervals.start_sd_ns == pytest.approx(50_000 / np.sqrt(3), rel=0.01)


@pytest.mark.parametrize("period_ms", [10, 40])
def test_a_fixed_rate_has_intervals_as_long_as_it_needs(period_ms):
    # GIVEN looks so rare that several updates pass between them
    program = training(6, 20)
    world = program.world()
    data = as_run(program, {"package-0": world})
    edges = data.edges[0][::period_ms].copy()
    edges["t_before_ns"][1:] = edges["t_seen_ns"][:-1] - 1000
    data.edges[0] = edges
    middle = edges["t_before_ns"] + (edges["t_seen_ns"] - edges["t_before_ns"]) // 2
    data.ledger = program.ledger(middle[1:].tolist(), [0] * (len(middle) - 1))
    intervals, _ = cut_run(data)
    # THEN there are some, each much longer than what is not known of its borders
    length_ns = intervals.end_ns - intervals.start_ns
    assert len(length_ns) >= 3
    assert (length_ns > 5 * intervals.start_sd_ns).all() and (length_ns > 5 * intervals.end_sd_ns).all()


def test_a_gap_a_failure_and_a_reset_are_in_no_interval():
    program = training(2, 10)
    data = as_run(program, {"package-0": program.world()})
    edges = data.edges[0]
    odd = edges[[50, 90, 90]].copy()
    odd["flags"] = [Flag.GAP, Flag.LOST, Flag.FOUND]
    odd["t_before_ns"] = [edges["t_seen_ns"][50], edges["t_seen_ns"][90], edges["t_seen_ns"][90]]
    odd["t_seen_ns"] = [edges["t_before_ns"][60], edges["t_seen_ns"][90] + 1, edges["t_before_ns"][95]]
    edges["flags"][130] |= Flag.RESET
    edges["raw"][130:] -= edges["raw"][130]
    data.edges[0] = np.concatenate([edges[:51], odd[:1], edges[60:91], odd[1:2], odd[2:], edges[95:]])
    intervals, rest = cut_run(data)
    for first, last in [(51, 59), (91, 94), (129, 130)]:
        inside = (edges["t_before_ns"][first] + edges["t_seen_ns"][last]) / 2
        assert not ((intervals.start_ns < inside) & (intervals.end_ns > inside)).any()
    assert len(rest.span) == 5


@settings(max_examples=60)
@given(st.lists(st.integers(0, 400), max_size=60), st.integers(1, 6), st.integers(0, 2**16 - 1))
def test_whatever_was_left_out_each_moment_is_somewhere_once(left_out, every, flags):
    # GIVEN a run of which any edges are missing, and some with any flags
    program = training(1, 10)
    data = as_run(program, {"package-0": program.world()})
    edges = np.delete(data.edges[0], [number for number in left_out if number < len(data.edges[0])])
    edges["flags"][5::7] = flags & ~(Flag.RESET | Flag.FIRST)
    data.edges[0] = edges[::every]
    timeline = Timeline(data, data.channels[0])
    if len(timeline.level_j):
        check(data, timeline, *cut(timeline, data.channels[0], data.ledger, data.start_ns, data.end_ns))


def test_time_is_divided_by_time_and_by_cpu_time_where_threads_ran_at_once():
    program = Program()
    program.call("a", 4 * MILLISECOND, 1.0)
    program.call("b", 6 * MILLISECOND, 1.0)
    ledger = program.ledger([START_NS + 8 * MILLISECOND], [0])
    row = np.arange(len(ledger.rows))

    def level_j(time_ns):
        return (time_ns - START_NS) / 1e6  # a joule a millisecond

    end_ns = program.now_ns
    assert by_time(level_j, ledger, row, START_NS, end_ns).tolist() == pytest.approx([4, 4, 2])
    assert by_time(level_j, ledger, row, START_NS, START_NS + 9 * MILLISECOND).tolist() == pytest.approx([4, 4, 1])
    # WHEN two threads were there at once, of 12 ms in all, with 6 and 9 ms of CPU time
    ledger.slices["threads"][0] = 2
    ledger.rows["cpu_ns"][:2] = [6 * MILLISECOND, 9 * MILLISECOND]
    assert by_time(level_j, ledger, row, START_NS, end_ns).tolist() == pytest.approx([8 * 6 / 15, 8 * 9 / 15, 2])
