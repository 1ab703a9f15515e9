"""The share of a process tree: its CPU time is what its members really used, and others' is not in it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator
from processes import pycarbon_run, run, started

from pycarbon import Run, load
from pycarbon.energy import Timeline
from pycarbon.run import PROCESS_CPU

TICK_S = 1 / os.sysconf("SC_CLK_TCK")

BURN = """
import os, resource, sys, time
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
def used():
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)
"""


def recorded(program: str, output: Path, *options: str) -> tuple[Run, str]:
    command = [sys.executable, "-I", "-S", "-c", BURN + program]
    finished = run(pycarbon_run(*command, output=output, options=options))
    assert finished.returncode == 0, finished.stderr
    return load(output), finished.stdout


def seen_s(finished: Run) -> float:
    """The CPU time of the tree as it was read ten times a second."""
    channel = finished.data.channel(PROCESS_CPU)
    assert channel is not None
    return float(Timeline(finished.data, channel).level_j[-1])


def test_cpu_time_is_what_the_command_used(tmp_path: Path) -> None:
    finished, said = recorded("burn(1.0); print(used())", tmp_path / "a.pcr")
    assert finished.data.footer["process_cpu_s"] == pytest.approx(float(said), abs=2 * TICK_S)
    assert seen_s(finished) == pytest.approx(float(said), abs=0.1 + 2 * TICK_S)  # read ten times a second


def test_children_that_end_between_samples_count(tmp_path: Path) -> None:
    # GIVEN fifty children one after the other, each gone before the next reading
    program = """
for _ in range(50):
    child = os.fork()
    if child == 0:
        burn(0.02)
        os._exit(0)
    os.waitpid(child, 0)
print(used())
"""
    # WHEN they are recorded
    finished, said = recorded(program, tmp_path / "a.pcr")
    # THEN what they used is there
    assert float(said) > 1.0
    assert finished.data.footer["process_cpu_s"] == pytest.approx(float(said), abs=2 * TICK_S)
    assert seen_s(finished) == pytest.approx(float(said), abs=0.1 + 2 * TICK_S)


def test_children_side_by_side_count(tmp_path: Path) -> None:
    program = """
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        burn(0.3)
        os._exit(0)
    children.append(child)
for child in children: os.waitpid(child, 0)
print(used())
"""
    finished, said = recorded(program, tmp_path / "a.pcr")
    assert finished.data.footer["process_cpu_s"] == pytest.approx(float(said), abs=2 * TICK_S)


@pytest.mark.parametrize("middle_lives_s", [0.0, 0.5], ids=["never seen alive", "seen alive"])
def test_grandchild_that_lost_its_parent_counts(tmp_path: Path, middle_lives_s: float) -> None:
    # GIVEN a grandchild whose parent ends, so that nobody of the command waits for it, as daemons are made
    program = f"""
done, end = os.pipe()
middle = os.fork()
if middle == 0:
    if os.fork() == 0:
        os.close(done)
        burn(1.0)
        os.write(end, str(time.process_time()).encode())
        time.sleep(0.3)
        os._exit(0)
    time.sleep({middle_lives_s})
    os._exit(0)
os.close(end)
os.waitpid(middle, 0)
grandchild = os.read(done, 99).decode()
os.read(done, 1)
print(float(grandchild) + used())
"""
    finished, said = recorded(program, tmp_path / "a.pcr")
    assert seen_s(finished) == pytest.approx(float(said), abs=0.1 + 3 * TICK_S)


def test_busy_neighbour_is_not_the_commands_doing(tmp_path: Path) -> None:
    # GIVEN another process that keeps a CPU busy
    neighbour = [sys.executable, "-I", "-S", "-c", "print(flush=True)\nwhile True: pass"]
    with PowercapEmulator() as emulator, started(neighbour) as busy:
        assert busy.line() == ""
        options = ["--root", str(emulator.root)]
        # WHEN a command sleeps beside it, and one works beside it
        idle, _ = recorded("time.sleep(1.5); print(used())", tmp_path / "idle.pcr", *options)
        working, said = recorded("burn(1.0); print(used())", tmp_path / "working.pcr", *options)
    # THEN the sleeper answers for next to nothing, the worker for its part, and the machine's figure has both
    assert idle.energy.process_j is not None and working.energy.process_j is not None
    assert idle.energy.process_j < 0.05 * idle.energy.total_j
    share = working.energy.process_j / working.energy.total_j
    assert 0.1 < share < 0.9
    assert working.data.footer["process_cpu_s"] == pytest.approx(float(said), abs=2 * TICK_S)


def test_a_command_alone_on_an_idle_machine_leaves_idle_time_to_nobody(tmp_path: Path) -> None:
    with PowercapEmulator() as emulator:
        finished, said = recorded("time.sleep(1.5); print(used())", tmp_path / "a.pcr", "--root", str(emulator.root))
    energy = finished.energy
    assert energy.process_j is not None
    assert energy.process_j / energy.total_j <= 1.5 * float(said) / finished.duration_s + 0.05
