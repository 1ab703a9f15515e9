"""Recordings inside recordings, and programs that fork in the middle of one."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from processes import PYCARBON, homes, pycarbon_run, run

import pycarbon
from pycarbon import load

BEGIN = "import os, sys, time, pycarbon\nwith pycarbon.record('program', path='a.pcr') as run:\n"


def program(text: str) -> list[str]:
    """Warnings are errors, but for the one that Python has for every fork beside a thread."""
    return [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", "-c", text]


@pytest.mark.parametrize("ending", ["os._exit(3)", "sys.exit(3)", "raise SystemExit(3)"])
def test_child_that_exits_inside_the_block(ending: str, tmp_path: Path) -> None:
    text = (
        f"{BEGIN}    child = os.fork()\n    if child == 0:\n        {ending}\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3\n"
        "print(run.complete, run.energy.total_j > 0)"
    )
    finished = run(program(text))
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "True True\n", finished.stderr)
    assert load(tmp_path / "a.pcr").complete
    assert homes(tmp_path) == []


def test_child_that_leaves_the_block(tmp_path: Path) -> None:
    # GIVEN a child that leaves the block as its parent does, and asks for figures
    text = (
        f"{BEGIN}    child = os.fork()\n"
        "print('child' if child == 0 else 'parent', run.notes, run.energy.kind, flush=True)\n"
        "if child: os.waitpid(child, 0)"
    )
    # WHEN both end
    finished = run(program(text))
    # THEN the run is the parent's alone, and the child is told so instead of an error
    assert finished.returncode == 0, finished.stderr
    lines = dict(line.split(" ", 1) for line in finished.stdout.splitlines())
    assert "forked" in lines["child"] and "forked" not in lines["parent"]
    assert load(tmp_path / "a.pcr").complete
    assert homes(tmp_path) == []


def test_child_may_record_for_itself(tmp_path: Path) -> None:
    text = (
        f"{BEGIN}    child = os.fork()\n"
        "    if child == 0:\n"
        "        with pycarbon.record('child', path='child.pcr'):\n            pass\n"
        "        os._exit(0)\n"
        "    os.waitpid(child, 0)"
    )
    assert run(program(text)).returncode == 0
    parent, child = load(tmp_path / "a.pcr"), load(tmp_path / "child.pcr")
    assert parent.complete and child.complete
    assert child.data.meta["inside"] == parent.id


def test_fork_pool_inside_a_recording(tmp_path: Path) -> None:
    text = (
        "import multiprocessing\n"
        f"{BEGIN}    with multiprocessing.get_context('fork').Pool(3) as pool:\n"
        "        print(sum(pool.map(abs, range(-100, 0))))\n"
        "        pool.close(); pool.join()\n"
    )
    finished = run(program(text))
    assert (finished.returncode, finished.stdout) == (0, "5050\n"), finished.stderr
    assert load(tmp_path / "a.pcr").complete
    assert homes(tmp_path) == []


def test_record_inside_record_says_so(tmp_path: Path) -> None:
    with pycarbon.record("outer", path=tmp_path / "o.pcr") as outer, pycarbon.record("inner") as inner:
        pass
    with pycarbon.record("after") as after:
        pass
    assert inner.data.meta["inside"] == outer.id
    assert outer.data.meta["inside"] is after.data.meta["inside"] is None
    assert outer.complete and inner.complete


def test_run_inside_run_says_so(tmp_path: Path) -> None:
    inner = [PYCARBON, "run", "-o", "inner.pcr", "--", "sh", "-c", "exit 4"]
    assert run(pycarbon_run(*inner, output=tmp_path / "outer.pcr")).returncode == 4
    assert load(tmp_path / "inner.pcr").data.meta["inside"] == load(tmp_path / "outer.pcr").id


def test_tasks_side_by_side_are_not_inside_each_other(tmp_path: Path) -> None:
    @pycarbon.record("task", project="tasks")
    async def task() -> None:
        await asyncio.sleep(0.05)

    async def both() -> None:
        await asyncio.gather(task(), task())

    asyncio.run(both())
    runs = [load(path) for path in (tmp_path / "data" / "pycarbon" / "default" / "tasks").iterdir()]
    assert [one.data.meta["inside"] for one in runs] == [None, None]


def test_one_object_entered_twice_records_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recording = pycarbon.record("twice", path=tmp_path / "a.pcr")
    with recording, recording:
        pass
    assert recording.complete and load(tmp_path / "a.pcr").id == recording.id
    assert "runs already" in caplog.text
    assert homes(tmp_path) == []
