"""Vitals: who lives, who has a CPU, and never more descriptors for it than were agreed."""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from core import ffi, lib
from handles import c_path, open_files, wait_until
from hypothesis import given
from hypothesis import strategies as st

WHOLE = lib.PC_PULSE_WHOLE
PID = 4321


def vitals_of(proc: Path | None = None, most: int | None = None) -> Any:
    vitals = ffi.new("struct pc_vitals *")
    assert lib.pc_vitals_init(vitals, c_path(proc)) == 0
    if most is not None:
        vitals.most = most
    return vitals


def pulse_of(tid: int) -> Any:
    return ffi.new("struct pc_pulse *", {"pid": PID, "tid": tid, "fd": -1})


def write_cpu(proc: Path, tid: int, cpu_ns: int) -> Path:
    """What the kernel says of a thread's CPU time."""
    file = proc / f"{PID}/task/{tid}/schedstat"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{cpu_ns} 12345 67\n")
    return file


@contextmanager
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until it is killed."""
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("most", [4, 0], ids=["by descriptor", "by number"])
def test_a_process_lives_and_then_is_over_for_good(most: int) -> None:
    vitals, life = vitals_of(most=most), ffi.new("struct pc_life *")
    with child() as process:
        # GIVEN a process that is watched
        lib.pc_life_begin(vitals, life, process.pid)
        assert (vitals.held, life.fd >= 0) == ((1, True) if most else (0, False))
        lib.pc_life_ask(life)
        assert not life.over
        # WHEN it is killed
        process.kill()
        if not most:
            process.wait()

        def is_over() -> bool:
            lib.pc_life_ask(life)
            return bool(life.over)

        # THEN it is over, and stays so
        wait_until(is_over, "the process is over")
    assert is_over()
    lib.pc_life_end(vitals, life)
    assert (vitals.held, life.fd) == (0, -1)


def test_a_process_that_is_over_is_not_mistaken_for_another_of_its_number() -> None:
    life = ffi.new("struct pc_life *", {"pid": os.getpid(), "fd": -1, "over": True})
    lib.pc_life_ask(life)
    assert life.over


def test_nobody_is_never_over() -> None:
    life = ffi.new("struct pc_life *", {"fd": -1})
    lib.pc_life_ask(life)
    assert not life.over


STEPS = st.lists(st.tuples(st.integers(-(10**6), 10**8), st.integers(-10, 10**8)), max_size=10)


@given(STEPS, st.integers(1, 10**15), st.integers(10**7, 10**15), st.sampled_from([0, 8]))
def test_the_pulse_is_the_part_of_its_time_that_a_thread_had_a_cpu(
    steps: list[tuple[int, int]], now_ns: int, cpu_ns: int, most: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # GIVEN a thread that was read once
        proc, pulse = Path(folder), pulse_of(7)
        vitals = vitals_of(proc, most)
        write_cpu(proc, 7, cpu_ns)
        assert lib.pc_pulse_read(vitals, pulse, now_ns) == -1
        for used_ns, passed_ns in steps:
            # WHEN it has used some of the time that passed
            now_ns, cpu_ns = now_ns + passed_ns, max(cpu_ns + used_ns, 0)
            write_cpu(proc, 7, cpu_ns)
            share = lib.pc_pulse_read(vitals, pulse, now_ns)
            # THEN that is its share, never below nothing or above all
            if passed_ns <= 0:
                assert share == -1
            else:
                assert 0 <= share <= WHOLE
                assert share == pytest.approx(min(max(used_ns / passed_ns, 0), 1) * WHOLE, abs=1)
        lib.pc_pulse_end(vitals, pulse)
        assert (vitals.held, pulse.fd) == (0, -1)


def test_nobody_counts_a_thread_that_ended(tmp_path: Path) -> None:
    vitals, pulse = vitals_of(tmp_path), pulse_of(7)
    assert lib.pc_pulse_read(vitals, pulse, 1) == -1 and pulse.tid == 0
    write_cpu(tmp_path, 7, 0)
    assert [lib.pc_pulse_read(vitals, pulse, now_ns) for now_ns in (2, 3)] == [-1, -1]


def test_a_thread_is_not_given_up_for_want_of_a_descriptor(tmp_path: Path) -> None:
    vitals, pulse = vitals_of(tmp_path, most=0), pulse_of(7)
    write_cpu(tmp_path, 7, 0)
    assert lib.pc_pulse_read(vitals, pulse, 100) == -1
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        assert lib.pc_pulse_read(vitals, pulse, 150) == -1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    write_cpu(tmp_path, 7, 50)
    assert lib.pc_pulse_read(vitals, pulse, 200) == WHOLE // 2


ACTIONS = st.lists(st.tuples(st.sampled_from(["live", "read", "end"]), st.integers(1, 10)), max_size=40)


@given(st.integers(0, 5), ACTIONS)
def test_no_more_descriptors_are_held_than_agreed(most: int, actions: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # GIVEN more processes and threads than descriptors
        vitals, before = vitals_of(Path(folder), most), len(open_files())
        lives: dict[int, Any] = {}
        pulses = {tid: pulse_of(tid) for tid in range(1, 11)}
        for tid in pulses:
            write_cpu(Path(folder), tid, 0)
        # WHEN they come, are read, and go
        for now_ns, (action, which) in enumerate(actions, 1):
            if action == "live" and which not in lives:
                lives[which] = ffi.new("struct pc_life *")
                lib.pc_life_begin(vitals, lives[which], os.getpid())
            elif action == "read":
                lib.pc_pulse_read(vitals, pulses[which], now_ns)
            elif action == "end":
                lib.pc_pulse_end(vitals, pulses[which])
                if which in lives:
                    lib.pc_life_end(vitals, lives.pop(which))
            # THEN as many are open as are counted, and no more than agreed
            assert len(open_files()) - before == vitals.held <= most
        for life in lives.values():
            lib.pc_life_ask(life)
            assert not life.over
            lib.pc_life_end(vitals, life)
        for pulse in pulses.values():
            lib.pc_pulse_end(vitals, pulse)
        assert len(open_files()) - before == vitals.held == 0


@pytest.mark.parametrize(("limit", "most"), [(3, 0), (100, 25), (1024, 256)])
def test_most_descriptors_are_left_to_the_process(limit: int, most: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        assert vitals_of().most == most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_folder_of_too_long_a_name_is_refused() -> None:
    vitals = ffi.new("struct pc_vitals *")
    assert lib.pc_vitals_init(vitals, b"/" + b"x" * 5000) < 0
