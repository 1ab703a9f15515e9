"""The clock is CLOCK_MONOTONIC, and an anchor ties it to the others within its uncertainty."""

import ctypes
import threading
import time

from core import ffi, lib


def test_monotonic_is_clock_monotonic():
    clock = lib.pc_clock_monotonic()
    before_ns = time.monotonic_ns()
    now_ns = clock.now_ns(clock)
    assert before_ns <= now_ns <= time.monotonic_ns()


def test_monotonic_never_falls():
    clock = lib.pc_clock_monotonic()
    times_ns = [clock.now_ns(clock) for _ in range(1000)]
    assert times_ns == sorted(times_ns)


def test_an_anchor_is_one_moment_on_three_clocks():
    # GIVEN the three clocks read before and after
    clocks = (time.CLOCK_MONOTONIC, time.CLOCK_REALTIME, time.CLOCK_BOOTTIME)
    before_ns = [time.clock_gettime_ns(clock) for clock in clocks]
    anchor = lib.pc_clock_anchor_now()
    after_ns = [time.clock_gettime_ns(clock) for clock in clocks]
    # THEN the anchor lies between, and its uncertainty within
    for low_ns, anchor_ns, high_ns in zip(
        before_ns, (anchor.monotonic_ns, anchor.realtime_ns, anchor.boottime_ns), after_ns, strict=True
    ):
        assert low_ns <= anchor_ns <= high_ns
    assert 0 <= anchor.uncertainty_ns <= after_ns[0] - before_ns[0]


def test_an_anchor_holds_within_its_uncertainty():
    """Suspended time, boottime less monotonic, is one constant while the machine is awake."""
    anchors = [lib.pc_clock_anchor_now() for _ in range(20)]
    suspended_ns = [anchor.boottime_ns - anchor.monotonic_ns for anchor in anchors]
    # Two clocks read one after the other, each bracketed by half the uncertainty on either side; 1 ns of rounding.
    widest_ns = max(anchor.uncertainty_ns for anchor in anchors)
    assert max(suspended_ns) - min(suspended_ns) <= widest_ns + 1


def test_the_monotonic_clock_knows_boottime():
    clock = lib.pc_clock_monotonic()
    before_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    boottime_ns = clock.boottime_ns(clock)
    assert before_ns <= boottime_ns <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def test_the_threads_clock_counts_the_cpu_time_of_whoever_asks():
    clock = lib.pc_clock_thread_cpu()
    assert clock.boottime_ns == ffi.NULL
    before_ns = time.clock_gettime_ns(time.CLOCK_THREAD_CPUTIME_ID)
    used_ns = clock.now_ns(clock)
    assert before_ns <= used_ns <= time.clock_gettime_ns(time.CLOCK_THREAD_CPUTIME_ID)
    # another thread begins anew
    others: list[int] = []
    thread = threading.Thread(target=lambda: others.append(clock.now_ns(clock)))
    thread.start()
    thread.join()
    assert 0 < others[0] <= time.clock_gettime_ns(time.CLOCK_PROCESS_CPUTIME_ID) - used_ns


TIME_ERROR = 5
"""What adjtimex answers where the clock is not synchronised."""


class Timex(ctypes.Structure):
    """The head of `struct timex` (adjtimex(2)), as far as it is asked for here, and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_long * 60),
    )


def test_an_anchor_says_how_far_the_wall_clock_may_be_off():
    """The kernel's own figure, which grows with time until a daemon sets it; -1 where it says that none does."""
    kernel = ctypes.CDLL(None)
    before, after = Timex(), Timex()
    states = [kernel.adjtimex(ctypes.byref(before))]
    found_ns = lib.pc_clock_anchor_now().wall_error_ns
    states.append(kernel.adjtimex(ctypes.byref(after)))
    known = [0 <= state < TIME_ERROR for state in states]
    if known == [True, True] and before.maxerror <= after.maxerror:
        assert before.maxerror * 1000 <= found_ns <= after.maxerror * 1000
    elif known == [False, False]:
        assert found_ns == -1
    else:  # it changed between
        assert found_ns >= -1
