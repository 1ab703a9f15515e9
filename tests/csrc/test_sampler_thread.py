"""The sampler's thread starts, stops, joins, and leaves the program's signals alone."""

import errno
import os
import threading
import time
from bisect import bisect_right
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
from core import ffi, lib
from handles import (
    FIRST,
    LAST,
    LOST,
    Edge,
    created_ring,
    created_sampler,
    drain,
    opened,
    replay,
    wait_until,
)

HOUR_NS = 3_600_000_000_000
FOREVER_NS = 10**18


def sampler_threads() -> list[Path]:
    """The threads of this process that are samplers'."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        try:
            if (task / "comm").read_text() == "pycarbon\n":
                found.append(task)
        except OSError:  # ended meanwhile
            pass
    return found


@pytest.fixture
def live():
    """A ring, and a function that makes samplers into it on the true clock."""
    with ExitStack() as stack:
        ring = stack.enter_context(created_ring(1024))

        def make(series=((0, 7, 0),), **options):
            clock = lib.pc_clock_monotonic()
            source = stack.enter_context(opened(replay(clock, list(series))))
            options = {"period_ns": 100_000, "gap_ns": FOREVER_NS} | options
            return stack.enter_context(created_sampler(ring, [source], clock, **options))

        yield ring, make


def test_a_started_sampler_is_not_started_again(live):
    sampler = live[1]()
    assert lib.pc_sampler_start(sampler) == 0
    assert lib.pc_sampler_start(sampler) == -errno.EALREADY
    assert len(sampler_threads()) <= 1  # one, or none yet under its name
    assert lib.pc_sampler_stop(sampler) == 0


def test_a_sampler_that_does_not_run_is_not_stopped(live):
    sampler = live[1]()
    assert lib.pc_sampler_stop(sampler) == -errno.ESRCH
    lib.pc_sampler_start(sampler)
    assert lib.pc_sampler_stop(sampler) == 0
    assert lib.pc_sampler_stop(sampler) == -errno.ESRCH


def test_a_sampler_that_never_ran_used_no_time_and_can_be_freed(live):
    assert lib.pc_sampler_cpu_ns(live[1]()) == 0
    lib.pc_sampler_free(ffi.NULL)


@pytest.mark.parametrize("period_ns", [10_000, 24 * HOUR_NS])
def test_starting_and_stopping_many_times_leaves_no_thread(live, period_ns):
    # GIVEN a sampler that looks all the time, or once a day
    ring, make = live
    sampler = make(period_ns=period_ns)
    # WHEN it is started and stopped
    for _ in range(100):
        assert lib.pc_sampler_start(sampler) == 0
        assert lib.pc_sampler_stop(sampler) == 0
        # THEN each time its thread has been joined, and it said where the counter stood
        assert sampler_threads() == []
        edges = drain(ring)
        assert (edges[-1].raw, edges[-1].flags) == (7, LAST)


def test_the_thread_says_first_each_change_and_last(live):
    # GIVEN a counter that changes every few milliseconds, beginning soon
    ring, make = live
    start_ns = time.monotonic_ns()
    series = [(0, 1000, 0)] + [(start_ns + 2_000_000 * n, 1000 + n, 0) for n in range(1, 40)]
    times_ns = [entry[0] for entry in series]
    sampler = make(series, period_ns=50_000)
    # WHEN the thread runs while another drains
    assert lib.pc_sampler_start(sampler) == 0
    edges = []

    def seen_all():
        edges.extend(drain(ring))
        return edges[-1:] != [] and edges[-1].raw == series[-1][1]

    wait_until(seen_all, "the last change is in the ring")
    assert lib.pc_sampler_stop(sampler) == 0
    edges += drain(ring)
    # THEN first and last are said, and what is between is each a change, bracketed
    assert [edge.flags for edge in edges] == [FIRST] + [0] * (len(edges) - 2) + [LAST]
    assert edges[-1].raw == series[-1][1]
    for before, edge in pairwise(edges[:-1]):
        # a starved thread may see two changes as one: the bracket then holds both
        first, last = before.raw - 1000 + 1, edge.raw - 1000
        assert edge.t_before_ns <= times_ns[first] <= times_ns[last] <= edge.t_seen_ns
    for edge in edges:
        assert edge.t_before_ns <= edge.t_seen_ns
        assert edge.raw == series[bisect_right(times_ns, edge.t_seen_ns) - 1][1] or not edge.flags & LAST
    assert [edge.t_seen_ns for edge in edges] == sorted(edge.t_seen_ns for edge in edges)


def test_last_is_not_said_of_a_counter_that_fails(live):
    ring, make = live
    sampler = make([(0, 7, errno.EIO)])
    lib.pc_sampler_start(sampler)
    lib.pc_sampler_stop(sampler)
    assert [edge.flags for edge in drain(ring)] == [LOST]


def test_every_signal_is_blocked_in_the_thread_and_in_no_other(live):
    # GIVEN
    mine = Path(f"/proc/self/task/{threading.get_native_id()}/status")
    before = mine.read_text().split("SigBlk:")[1].split()[0]
    sampler = live[1](period_ns=24 * HOUR_NS)
    # WHEN
    lib.pc_sampler_start(sampler)
    wait_until(lambda: len(sampler_threads()) == 1, "the thread has its name")
    # THEN all that can be blocked are (not KILL, STOP, and the two that libc keeps for itself: 32 and 33)
    blocked = int((sampler_threads()[0] / "status").read_text().split("SigBlk:")[1].split()[0], 16)
    every = {n for n in range(1, 65) if n not in (9, 19, 32, 33)}
    assert {n for n in range(1, 65) if blocked >> (n - 1) & 1} >= every
    assert mine.read_text().split("SigBlk:")[1].split()[0] == before


def test_cpu_time_grows_while_running_and_stands_afterwards(live):
    sampler = live[1](period_ns=10_000)
    lib.pc_sampler_start(sampler)
    wait_until(lambda: lib.pc_sampler_cpu_ns(sampler) > 0, "CPU time used")
    first_ns = lib.pc_sampler_cpu_ns(sampler)
    wait_until(lambda: lib.pc_sampler_cpu_ns(sampler) > first_ns, "more CPU time used")
    running_ns = lib.pc_sampler_cpu_ns(sampler)
    lib.pc_sampler_stop(sampler)
    assert lib.pc_sampler_cpu_ns(sampler) == lib.pc_sampler_cpu_ns(sampler) >= running_ns


def test_whom_to_follow_can_be_said_while_the_thread_reads():
    # GIVEN a thread that reads the machine's CPU time and a tree's, a consumer, and one who says whom to follow
    out = ffi.new("struct pc_source **")
    assert lib.pc_source_proc_open(out, b"/proc") == 0
    clock, done = lib.pc_clock_monotonic(), threading.Event()
    edges: list[Edge] = []
    with (
        created_ring(64) as ring,
        opened(out[0]) as source,
        created_sampler(ring, [source, source], clock, period_ns=200_000, gap_ns=FOREVER_NS) as sampler,
    ):

        def say():
            while not done.is_set():
                for pid in (os.getpid(), 0, 1):
                    lib.pc_source_proc_follow(source, pid)

        def consume():
            while not done.is_set():
                edges.extend(drain(ring))

        others = [threading.Thread(target=say), threading.Thread(target=consume)]
        for thread in others:
            thread.start()
        # WHEN it is stopped and started under them
        for _ in range(30):
            lib.pc_sampler_start(sampler)
            seen = len(edges)
            wait_until(lambda seen=seen: len(edges) > seen, "an edge was drained")
            lib.pc_sampler_stop(sampler)
        done.set()
        for thread in others:
            thread.join()
        edges += drain(ring)
    # THEN nothing that was drained is out of order
    for channel in (0, 1):
        times_ns = [edge.t_seen_ns for edge in edges if edge.channel == channel]
        assert times_ns == sorted(times_ns)
