"""The process that reads uploads: what a file does to it does nothing to the server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from sent_runs import GOLDEN, ID, run_file

from pycarbon import fold, load
from pycarbon.dashboard.checking import Checker
from pycarbon.edge_writer import edges_frames
from pycarbon.frame import FOOTER, META, json_frame
from pycarbon.run import EDGE_DTYPE
from pycarbon.store.incoming import Part


@contextlib.asynccontextmanager
async def checker(folder):
    made = Checker(folder)
    try:
        yield made
    finally:
        await made.close()


async def check(made, folder, body, id=ID):
    part = Part(folder)
    try:
        part.write(body)
        return await made.check(part.path, id)
    finally:
        part.close()


def test_one_checker_reads_many_and_a_killed_one_is_replaced(tmp_path):
    async def body():
        async with checker(tmp_path) as made:
            told = [await check(made, tmp_path, b"no run"), await check(made, tmp_path, run_file())]
            first = made._process.pid
            made._process.kill()
            told.append(await check(made, tmp_path, run_file()))
            told.append(await check(made, tmp_path, run_file()))
            return [each.status for each in told], first != made._process.pid

    statuses, is_new = asyncio.run(body())
    assert statuses[:2] == [400, 201] and statuses[-1] == 200 and is_new


def test_it_ends_with_its_input(tmp_path):
    code = f"from pycarbon.dashboard.checking import main; main({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", code], input=b"", capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("what", ["bytearray(1 << 33)", "[None for _ in iter(int, 1)]"])
def test_it_has_limits_of_its_own(what):
    # GIVEN a process with the checker's limits, of time a second
    code = (
        "from pycarbon.dashboard import checking as c; c.CPU_S = 1; c.MOST_MEMORY_BYTES = 1 << 29;"
        f"c._limit_memory(); c._limit_time(); {what}"
    )
    # WHEN it takes all the memory, or all the time, that there is
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    # THEN it has less
    assert b"MemoryError" in done.stderr or done.returncode == -24


def test_a_small_file_that_expands_is_refused_and_the_next_one_read(tmp_path):
    # GIVEN a file of a few kB with a million edges, and one as usual
    expanding, usual = tmp_path / "a.part", tmp_path / "b.part"
    run = load(GOLDEN).data
    edges = np.zeros(1_100_000, EDGE_DTYPE)
    edges["t_seen_ns"] = run.start_ns + np.arange(len(edges)) * 1000
    edges["t_before_ns"] = edges["t_seen_ns"] - 1000
    edges["raw"] = np.arange(len(edges))
    run.meta["id"] = ID
    frames = [json_frame(META, run.meta), *edges_frames(edges), json_frame(FOOTER, run.footer)]
    fold.write(frames, expanding)
    usual.write_bytes(run_file())
    assert expanding.stat().st_size < 100_000
    # WHEN both are sent to a checker that may have 400 MB
    code = (
        "from pycarbon.dashboard import checking as c; c.MOST_MEMORY_BYTES = 400_000_000;"
        f"c.main({str(tmp_path / 'store')!r})"
    )
    asked = "".join(json.dumps({"part": str(part), "id": ID}) + "\n" for part in (expanding, usual))
    environ = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # as the server sets it: each takes address space
    done = subprocess.run(
        [sys.executable, "-c", code], input=asked.encode(), capture_output=True, timeout=60, env=environ
    )
    # THEN it says so of the one, and takes the other
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["status"] for each in told] == [400, 201], done.stderr
    assert "more than there is memory for" in told[0]["message"]
