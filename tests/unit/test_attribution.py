"""The laws of a process tree's share of the machine's energy."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycarbon.analysis import Run
from pycarbon.attribution import CpuTime, cpu_time, gpu_shares, shares
from pycarbon.run import EDGE_DTYPE, MACHINE_CPU, PROCESS_CPU, Channel, Flag, RunData

SECOND = 1_000_000_000
TICK = Fraction(1, 100)
MACHINE = Channel(0, MACHINE_CPU, "proc", "measured", "cpu_time", TICK, 0, False)
PROCESS = Channel(1, PROCESS_CPU, "proc", "measured", "cpu_time", TICK, 0, False)
COUNTER = Channel(2, "package-0", "powercap", "measured", "energy", Fraction(1, 1_000_000), 0, True)


def ticking(per_s, for_s=10.0, id=0):
    """A counter that gains `per_s` units a second, seen ten times a second."""
    seen_ns = (np.arange(0, for_s + 0.05, 0.1) * SECOND).astype(np.int64)
    raw = (seen_ns * per_s / SECOND).astype(np.uint64)
    changed = np.flatnonzero(np.diff(raw, prepend=np.uint64(2**63)) != 0)
    edges = np.zeros(len(changed) + 1, EDGE_DTYPE)
    edges["t_seen_ns"][:-1], edges["raw"][:-1] = seen_ns[changed], raw[changed]
    edges["t_seen_ns"][-1], edges["raw"][-1] = seen_ns[-1], raw[-1]
    edges["t_before_ns"] = np.maximum(edges["t_seen_ns"] - SECOND // 10, 0)
    edges["channel"] = id
    edges["flags"][0], edges["flags"][-1] = Flag.FIRST, Flag.LAST
    return edges


def run_of(machine_busy=None, process_busy=None, joules_per_s=None, n_threads=4, **footer):
    """A run of ten seconds in which so many CPUs were busy all the time."""
    found = [
        (MACHINE, machine_busy and machine_busy * 100),
        (PROCESS, None if process_busy is None else process_busy * 100),
        (COUNTER, joules_per_s and joules_per_s * 10**6),
    ]
    there = [(channel, rate) for channel, rate in found if rate is not None]
    edges = {channel.id: ticking(rate, id=channel.id) for channel, rate in there}
    meta = {"start_ns": 0, "machine": {"n_threads": n_threads}}
    return RunData(meta, [channel for channel, _ in there], edges, {"end_ns": 10 * SECOND, **footer}, True)


def share_of(machine_busy, process_busy, n_threads=4, **footer):
    cpu = cpu_time(run_of(machine_busy, process_busy, n_threads=n_threads, **footer), n_threads)
    return [float(np.average(share, weights=cpu.window_s)) for share in shares(cpu)]


def cpu_times(own, others, window, slack):
    """CPU time as cpu_time() gives it: the machine's lies around what both took."""
    busy = own + others
    border_ns = np.concatenate([[0.0], np.cumsum(window)]) * 1e9
    return CpuTime(border_ns, busy, np.maximum(busy - slack, own), busy + slack, own, own, True)


seconds = st.floats(0.0, 1e6)
windows = st.lists(st.tuples(seconds, seconds, seconds, st.floats(1e-3, 1e6), seconds), min_size=1, max_size=20)


@settings(deadline=None)
@given(windows)
def test_shares_lie_in_order_between_nothing_and_all(rows):
    own, others, _, window, slack = np.array(rows).T
    low, best, high = shares(cpu_times(own, others, window, slack))
    assert (low >= 0).all() and (low <= best).all() and (best <= high).all() and (high <= 1).all()


@settings(deadline=None)
@given(windows)
def test_disjoint_trees_never_answer_for_more_than_all(rows):
    # GIVEN two trees and others, who share a machine
    one, two, others, window, slack = np.array(rows).T
    # WHEN each is told its share
    _, first, _ = shares(cpu_times(one, two + others, window, slack))
    _, second, _ = shares(cpu_times(two, one + others, window, slack))
    # THEN together they answer for at most everything
    assert (first + second <= 1 + 1e-12).all()


@pytest.mark.parametrize("n_threads", [1, 4, 64])
def test_the_only_busy_process_answers_for_everything(n_threads):
    low, best, high = share_of(1, 1, n_threads)
    assert best == pytest.approx(1, abs=0.03)
    assert low < best <= high <= 1


def test_a_sleeping_process_answers_for_nothing():
    low, best, high = share_of(2, 0)
    assert low == 0 and best <= 0.01 and high <= 0.02


def test_two_equals_on_a_full_machine_have_half_each():
    _, best, _ = share_of(4, 2)
    assert best == pytest.approx(0.5, abs=0.01)


def test_a_machine_half_asleep_leaves_its_rest_to_nobody():
    # GIVEN one CPU busy a quarter of the time with this process, everything else asleep
    _, best, _ = share_of(0.25, 0.25)
    # THEN it answers for that quarter, not for all
    assert best == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("seen", [None, 0.0, 0.5])
def test_what_the_system_told_at_the_end_counts(seen):
    # GIVEN ticks that lost CPU time (or saw none), and the exact 8 s in the footer
    cpu = cpu_time(run_of(0.25, seen, process_cpu_s=8.0), 4)
    # THEN the process has them all, and no machine is less busy than its process
    assert cpu.process_s.sum() == pytest.approx(8.0)
    assert cpu.process_known
    assert (cpu.busy_low_s >= cpu.process_s).all()


def test_ticks_are_not_taken_away():
    assert cpu_time(run_of(2, 0.5, process_cpu_s=1.0), 4).process_s.sum() == pytest.approx(5.0, abs=0.1)


def test_no_cpu_time_is_unknown_not_zero():
    cpu = cpu_time(run_of(None, None), 4)
    assert not cpu.process_known
    assert (cpu.busy_low_s == 0).all() and cpu.busy_high_s == pytest.approx(4 * cpu.window_s)
    assert Run(run_of(None, None, 50.0)).energy.process_j is None


def test_a_machine_nobody_watched_may_be_idle_or_full():
    # GIVEN the process alone, of whose machine nothing is known
    cpu = cpu_time(run_of(None, 1), 4)
    # THEN the others took anything between nothing and all the rest
    low, best, high = (float(share.mean()) for share in shares(cpu))
    assert low == pytest.approx(0.5 / 3.5, abs=0.02)
    assert best == pytest.approx(1, abs=0.03) and high == pytest.approx(1, abs=0.01)


def test_the_share_of_measured_joules():
    # GIVEN 500 J of a machine with two of four CPUs busy, one of them with us
    energy = Run(run_of(2, 1, 50.0)).energy
    # THEN half of them are ours, within an interval that is never above the whole
    assert energy.total_j == pytest.approx(500, rel=0.02)
    assert energy.process_j == pytest.approx(250, rel=0.03)
    assert energy.process_low_j == pytest.approx(500 / 3, rel=0.05)
    assert energy.process_high_j == pytest.approx(500 * 2 / 3, rel=0.05)


@pytest.mark.parametrize("end_ns", [0, 1])
def test_a_run_of_no_length(end_ns):
    data = run_of(2, 1, 50.0)
    data.footer["end_ns"] = end_ns
    energy = Run(data).energy
    assert 0 <= energy.process_low_j <= energy.process_j <= energy.process_high_j


def test_who_sleeps_at_the_end_uses_no_time_there():
    # GIVEN a tree that kept a CPU busy for two seconds and then slept for eight, beside nobody
    channels, edges = [MACHINE, PROCESS], {}
    for channel in channels:
        busy = ticking(100, 2.0, channel.id)
        busy["t_seen_ns"][-1], busy["t_before_ns"][-1] = 10 * SECOND, 10 * SECOND - SECOND // 10
        edges[channel.id] = busy
    footer = {"start_ns": 0, "end_ns": 10 * SECOND, "process_cpu_s": 2.0}
    # WHEN its CPU time is asked for
    cpu = cpu_time(RunData({"start_ns": 0}, channels, edges, footer, True), 4)
    # THEN it is the two seconds, for the machine as for the tree, and none is in the latter half
    assert float(cpu.process_s.sum()) == pytest.approx(2.0, abs=0.15)
    assert float(cpu.busy_s.sum()) == pytest.approx(2.0, abs=0.15)
    assert float(cpu.busy_s[25:].sum()) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("own", "everybody", "expected"), [(1.0, 8.0, 1 / 8), (0.8, 1.6, 1 / 2), (0.3, 0.5, 0.3), (3.0, 3.0, 1.0)]
)
def test_processes_whose_kernels_run_at_once_divide_a_gpu_among_them(own, everybody, expected):
    # GIVEN a GPU on which processes were busy for so many seconds in each second
    channels = [
        Channel(id, domain, "nvml", "measured", "gpu_time", Fraction(1, 100), 0, False)
        for id, domain in enumerate(("gpu-0-process", "gpu-0-processes"))
    ]
    edges = {id: ticking(per_s * 100, id=id) for id, per_s in enumerate((own, everybody))}
    run = RunData({"start_ns": 0}, channels, edges, {"end_ns": 10 * SECOND}, True)
    # THEN the share is its part of all that time, or of the whole where the GPU rested
    low, best, high = gpu_shares(run, "gpu-0", np.array([2, 5, 8]) * 1e9)
    assert best == pytest.approx(expected, rel=0.05)
    assert (low <= best).all() and (best <= high).all() and (high <= 1).all()
