"""How many runs a minute a team's server takes on one core, and what memory it holds while nobody asks."""

from __future__ import annotations

import contextlib
import shutil
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import run_files
from ratios import Line, Report, median
from team_server import TeamServer, put

from pycarbon import fold
from pycarbon.analysis import Run, figures
from pycarbon.store.access_tokens import Tokens

RUNS_PER_MINUTE, IDLE_MB = 1000, 100
BATCHES, BATCH = 10, 25


def files(folder: Path, count: int) -> dict[str, bytes]:
    """A run of 20 s with five channels, recorded as it comes out of the box, under many ids."""
    run = run_files.recorded(folder / "recorded.pcr", (), {})
    found = {}
    for number in range(count):
        id = f"{number:016x}"
        run.meta["id"] = id
        path = folder / f"{id}.pcr"
        fold.write(list(run_files.as_live(run)), path, figures=lambda data: figures(Run(data)))
        found[id] = path.read_bytes()
    return found


def rss_mb(pid: int) -> float:
    """What a process holds of the machine's memory, with what it shares, MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return float(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


def test_uploads_on_one_core(benchmark: Any, report: Report, tmp_path: Path) -> None:
    if shutil.which("taskset") is None:
        pytest.skip("no taskset here, so the server cannot be kept on one core")
    made = tmp_path / "made"
    made.mkdir()
    bodies = files(made, (BATCHES + 1) * BATCH)
    store = tmp_path / "store"
    with contextlib.closing(Tokens(store)) as tokens:
        token = tokens.add("bench", "upload", date(2026, 1, 1))
    waiting = list(bodies.items())
    spent_s: list[float] = []
    with TeamServer(store, before=("taskset", "-c", "0")) as server, contextlib.closing(server.connect()) as client:

        def batch() -> None:
            began_s = time.perf_counter()
            for id, body in [waiting.pop() for _ in range(BATCH)]:
                assert put(client, id, body, token) == (201, "stored")
            spent_s.append(time.perf_counter() - began_s)

        assert server.process is not None
        idle_mb = rss_mb(server.process.pid)
        benchmark.pedantic(batch, rounds=BATCHES, warmup_rounds=1)
        busy_mb = rss_mb(server.process.pid)
    budget_s = 60 * BATCH / RUNS_PER_MINUTE
    size = len(next(iter(bodies.values())))
    per_minute = median([60 * BATCH / each for each in spent_s[1:]])
    report.add(
        benchmark,
        Line(
            f"uploads of {size / 1000:.0f} kB on one core",
            f"{per_minute.show()} a minute",
            "wanted",
            f"{RUNS_PER_MINUTE} a minute",
            median([each / budget_s for each in spent_s[1:]]),
            1.0,
        ),
    )
    report.add(benchmark, Line("memory of the idle server", f"{idle_mb:.0f} MB", "allowed", f"{IDLE_MB} MB"))
    report.add(benchmark, Line("after those uploads", f"{busy_mb:.0f} MB", "allowed", f"{IDLE_MB} MB"))
    assert max(idle_mb, busy_mb) < IDLE_MB
