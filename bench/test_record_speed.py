"""What an empty `with record(...)` block costs, first and later ones, beside CodeCarbon's tracker."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator
from ratios import Line, Report, compare, median
from surroundings import PEERS, wall_s

from pycarbon.recording import Recording, Request

BLOCKS = 100
EMPTY_BLOCK = "import pycarbon\nwith pycarbon.record('bench', zone='FRA'): pass"


def _enter_and_exit_s(root: Path | None, folder: Path) -> tuple[float, float]:
    recording = Recording(Request("bench", [], path=folder / "run.pcr", root=root))
    start = time.perf_counter()
    recording.__enter__()
    entered = time.perf_counter()
    recording.__exit__(None, None, None)
    return entered - start, time.perf_counter() - entered


@pytest.mark.parametrize("where", ["this machine", "five counters"])
def test_record_enter_and_exit(benchmark, report: Report, emulator: PowercapEmulator, tmp_path, where):
    root = emulator.root if where == "five counters" else None
    enters, exits = [], []

    def block() -> None:
        enter, leave = _enter_and_exit_s(root, tmp_path)
        enters.append(enter)
        exits.append(leave)

    benchmark.pedantic(block, rounds=BLOCKS, warmup_rounds=2)
    for name, cost in (("enter", enters[2:]), ("exit", exits[2:])):
        report.add(benchmark, Line(f"record() {name}, {where}", f"{median(cost).show(1e3)} ms"))


def test_first_block_beside_codecarbon(benchmark, report: Report, programs: Path, peers: Path, environ, tmp_path):
    peer = [peers / "python", PEERS / "codecarbon_blocks.py", tmp_path]

    def peer_s() -> float:
        start = time.perf_counter()
        subprocess.run(peer, env=environ, cwd=tmp_path, input="\n", text=True, capture_output=True, check=True)
        return time.perf_counter() - start

    compare(
        benchmark,
        report,
        "process with one empty record() block",
        lambda: wall_s([programs / "python", "-c", EMPTY_BLOCK], environ, tmp_path),
        "codecarbon tracker",
        peer_s,
        rounds=6,
    )


def test_later_blocks_beside_codecarbon(benchmark, report: Report, peers: Path, environ, tmp_path):
    argv = [str(peers / "python"), str(PEERS / "codecarbon_blocks.py"), str(tmp_path)]
    with subprocess.Popen(
        argv, env=environ, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as peer:
        assert peer.stdin and peer.stdout

        def peer_s() -> float:
            assert peer.stdin and peer.stdout
            peer.stdin.write("\n")
            peer.stdin.flush()
            return float(peer.stdout.readline())

        peer_s()  # the first costs seconds and is not what this is about
        compare(
            benchmark,
            report,
            "later empty record() blocks of a process",
            lambda: sum(_enter_and_exit_s(None, tmp_path)),
            "codecarbon tracker",
            peer_s,
            rounds=40,
        )
        peer.stdin.close()
