"""The proc source on real processes: what it adds up is what the kernel tells of them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from core import ffi, lib
from handles import opened, read

MACHINE, TREE = lib.PC_PROC_MACHINE, lib.PC_PROC_TREE
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@contextmanager
def opened_proc(root: Path, follow: int = 0) -> Iterator[Any]:
    out = ffi.new("struct pc_source **")
    assert lib.pc_source_proc_open(out, os.fsencode(root)) == 0
    with opened(out[0]) as source:
        lib.pc_source_proc_follow(source, follow)
        yield source


BURN = """
import os, signal, sys, time
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
def say(text=''): os.write(1, f'{text}\\n'.encode())
def wait_for_go(): os.read(0, 1) or os._exit(0)  # the test is over
def used(): return sum(os.times()[:4])
"""


@contextmanager
def program(text: str) -> Iterator[Any]:
    """A real process that talks: `say` writes a line to its standard output, `wait_for_go` reads a byte."""
    environment = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    command = [sys.executable, "-S", "-E", "-W", "ignore", "-c", BURN + text]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        try:
            yield process
        finally:
            process.stdin.close()
            process.kill()


def go(process: Any) -> None:
    process.stdin.write(b"g")
    process.stdin.flush()


def heard(process: Any) -> str:
    line = process.stdout.readline()
    assert line, "the program ended before it said anything"
    return line.decode().strip()


needs_children = pytest.mark.skipif(
    not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists(),
    reason="this kernel was built without CONFIG_PROC_CHILDREN: trees cannot be walked",
)


@needs_children
def test_a_real_tree_that_works_and_waits_is_what_times_says():
    # GIVEN a process that works, and has children that work and end before anyone looks
    text = """
burn(0.1)
for _ in range(3):
    pid = os.fork()
    if pid == 0: burn(0.05); os._exit(0)
    os.waitpid(pid, 0)
say(used()); wait_for_go()
"""
    with program(text) as process, opened_proc(Path("/proc"), follow=process.pid) as source:
        # WHEN it says what it used, THEN the tree used that, give or take the saying
        ticks = float(heard(process)) * TICKS_PER_S
        assert ticks >= 0.25 * TICKS_PER_S - 4
        assert read(source, TREE) == pytest.approx(ticks, abs=2)
        # WHEN it ends, THEN its time stays
        before = read(source, TREE)
        process.kill()
        process.wait()
        assert read(source, TREE) == before


@needs_children
def test_a_real_child_at_work_counts_before_it_is_waited_for():
    text = """
if os.fork() == 0: burn(0.1); say(used()); wait_for_go(); os._exit(0)
os.wait(); say(used()); wait_for_go()
"""
    with program(text) as process, opened_proc(Path("/proc"), follow=process.pid) as source:
        childs = float(heard(process)) * TICKS_PER_S
        before = read(source, TREE)
        assert before >= childs - 2
        go(process)
        assert read(source, TREE) >= before
        after = float(heard(process)) * TICKS_PER_S
        assert read(source, TREE) == pytest.approx(after, abs=3)


@needs_children
def test_a_real_child_of_a_parent_that_ignores_sigchld_stays_counted():
    # GIVEN a child that the kernel reaps: no one's waited-for time
    text = """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0: burn(0.1); say(); wait_for_go(); os._exit(0)
try: os.wait()
except ChildProcessError: say(used())
wait_for_go()
"""
    with program(text) as process, opened_proc(Path("/proc"), follow=process.pid) as source:
        heard(process)
        before = read(source, TREE)
        assert before >= 0.1 * TICKS_PER_S - 2
        # WHEN it is gone
        go(process)
        assert float(heard(process)) < 0.1  # the parent's own: the child's was not added to it
        # THEN its time is not
        assert read(source, TREE) == pytest.approx(before, abs=2)


@needs_children
def test_a_real_orphan_stays_in_the_tree():
    # GIVEN a daemon, whose parent in the middle ends when told
    text = """
told, tell = os.pipe()
if os.fork() == 0:
    if os.fork() == 0: say(); os.read(told, 1); burn(0.1); say(); wait_for_go(); os._exit(0)
    wait_for_go(); os._exit(0)
os.wait(); say(); wait_for_go(); os.write(tell, b'g'); wait_for_go()
"""
    with program(text) as process, opened_proc(Path("/proc"), follow=process.pid) as source:
        heard(process)
        before = read(source, TREE)  # knows all three
        go(process)
        heard(process)
        # WHEN the orphan works
        go(process)
        heard(process)
        # THEN that counts
        assert read(source, TREE) >= before + 0.1 * TICKS_PER_S - 2
