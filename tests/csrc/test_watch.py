"""Why a thread did not run is told from what the kernel knows about it."""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from core import HERE, ffi, lib
from handles import FakeClock, open_files

UNKNOWN, STARVED, STALLED = lib.PC_GAP_UNKNOWN, lib.PC_GAP_STARVED, lib.PC_GAP_STALLED
SECOND = 1_000_000_000

no_schedstat = pytest.mark.skipif(
    not Path("/proc/thread-self/schedstat").exists(), reason="this kernel does not say how long threads waited"
)

# Watches itself over a stretch of work in which it is held up, and prints the cause; sys.argv: how it is held up.
WATCHED = textwrap.dedent("""
    import os, subprocess, sys, time
    sys.path.insert(0, sys.argv[1])
    from core import ffi, lib

    clock, watch = lib.pc_clock_monotonic(), ffi.new("struct pc_watch *")
    if sys.argv[2] == "starved":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        forever = "print(flush=True)\\nwhile True: pass"
        busy = subprocess.Popen([sys.executable, "-c", forever], stdout=subprocess.PIPE)
        busy.stdout.readline()
        try:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        except OSError:
            os.nice(19)
    lib.pc_watch_start(watch, clock)
    deadline = time.monotonic() + 60
    before_ns = clock.now_ns(clock)
    print("watching", flush=True)
    while True:
        now_ns = clock.now_ns(clock)
        if now_ns - before_ns > 50_000_000:
            print(lib.pc_watch_cause(watch, now_ns - before_ns), flush=True)
            break
        assert time.monotonic() < deadline, "nothing held it up within a minute"
        lib.pc_watch_refresh(watch, now_ns)
        before_ns = now_ns
    if sys.argv[2] == "starved":
        busy.kill()
""")


def watched(how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WATCHED, str(HERE), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@no_schedstat
def test_a_thread_that_others_keep_from_its_cpu_is_starved():
    # GIVEN a thread of the lowest kind beside one that computes, on one CPU
    with watched("starved") as process:
        out, _ = process.communicate()
    assert out.split() == ["watching", str(STARVED)]


@no_schedstat
def test_a_process_that_was_stopped_is_stalled():
    with watched("stopped") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "watching\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        process.send_signal(signal.SIGCONT)
        out, _ = process.communicate()
    assert out.split() == [str(STALLED)]


def test_without_schedstat_the_cause_is_unknown():
    clock = FakeClock(5)
    watch = ffi.new("struct pc_watch *", {"clock": clock.pointer, "schedstat": -1, "waited_ns": -1})
    lib.pc_watch_refresh(watch, 2 * SECOND)
    assert lib.pc_watch_cause(watch, SECOND) == UNKNOWN


def test_the_file_is_open_until_the_watch_stops():
    before, watch, clock = open_files(), ffi.new("struct pc_watch *"), FakeClock()
    lib.pc_watch_start(watch, clock.pointer)
    assert len(open_files()) - len(before) == Path("/proc/thread-self/schedstat").exists()
    for _ in range(2):
        lib.pc_watch_stop(watch)
        assert open_files() == before


@pytest.mark.parametrize("start_ns", [0, 3600 * SECOND])
def test_a_suspend_is_told_once_and_by_its_length(start_ns):
    # GIVEN a machine that had slept before
    clock, watch = FakeClock(0, sleeps=True), ffi.new("struct pc_watch *")
    clock.asleep_ns = start_ns
    lib.pc_watch_start(watch, clock.pointer)
    assert lib.pc_watch_asleep_ns(watch) == 0
    clock.asleep_ns += 5 * SECOND
    assert lib.pc_watch_asleep_ns(watch) == 5 * SECOND
    assert lib.pc_watch_asleep_ns(watch) == 0
    clock.asleep_ns += SECOND
    assert lib.pc_watch_asleep_ns(watch) == SECOND
    lib.pc_watch_stop(watch)


def test_an_interruption_between_two_clocks_is_no_suspend():
    # GIVEN clocks of which each reading takes longer than the shortest suspend
    clock, watch = FakeClock(0, reading_ns=3_000_000, sleeps=True), ffi.new("struct pc_watch *")
    lib.pc_watch_start(watch, clock.pointer)
    for clock.reading_ns in (3_000_000, 900_000_000, 3_000_000):
        assert lib.pc_watch_asleep_ns(watch) == 0
    lib.pc_watch_stop(watch)


def test_a_clock_without_boottime_never_sleeps():
    watch, clock = ffi.new("struct pc_watch *"), FakeClock()
    lib.pc_watch_start(watch, clock.pointer)
    assert lib.pc_watch_asleep_ns(watch) == 0
    lib.pc_watch_stop(watch)
