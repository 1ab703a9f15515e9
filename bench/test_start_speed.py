"""How soon pycarbon is there: its import, and a command that does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator
from ratios import Report, compare
from surroundings import said_s, wall_s

ROUNDS = 25

EVERYTHING = "import pycarbon; pycarbon.record; pycarbon.load"


def _timed(code: str) -> str:
    return f"import time; start = time.perf_counter(); {code}; print(time.perf_counter() - start)"


def test_process_that_imports(benchmark, report: Report, programs: Path, environ, tmp_path):
    python = programs / "python"
    compare(
        benchmark,
        report,
        "import pycarbon: whole process",
        lambda: wall_s([python, "-c", "import pycarbon"], environ, tmp_path),
        "import numpy",
        lambda: wall_s([python, "-c", "import numpy"], environ, tmp_path),
        rounds=ROUNDS,
        target=1.3,
    )


@pytest.mark.parametrize(
    ("name", "code", "target"),
    [("import pycarbon", "import pycarbon", 1.3), ("import pycarbon; .record; .load", EVERYTHING, None)],
)
def test_import_alone(benchmark, report: Report, programs: Path, environ, tmp_path, name, code, target):
    python = programs / "python"
    compare(
        benchmark,
        report,
        f"{name}: beyond bare Python",
        lambda: said_s([python, "-c", _timed(code)], environ, tmp_path),
        "import numpy",
        lambda: said_s([python, "-c", _timed("import numpy")], environ, tmp_path),
        rounds=ROUNDS,
        target=target,
    )


def test_run_true_on_this_machine(benchmark, report: Report, programs: Path, environ, tmp_path):
    compare(
        benchmark,
        report,
        "pycarbon run -- true, this machine",
        lambda: wall_s([programs / "pycarbon", "run", "--", "true"], environ, tmp_path),
        'python -c "import numpy"',
        lambda: wall_s([programs / "python", "-c", "import numpy"], environ, tmp_path),
        rounds=ROUNDS,
        target=1.5,
    )


def test_run_true_with_counters(
    benchmark, report: Report, programs: Path, environ, tmp_path, emulator: PowercapEmulator
):
    command = [programs / "pycarbon", "run", "--root", emulator.root, "--", "true"]
    compare(
        benchmark,
        report,
        "pycarbon run -- true, five counters",
        lambda: wall_s(command, environ, tmp_path),
        'python -c "import numpy"',
        lambda: wall_s([programs / "python", "-c", "import numpy"], environ, tmp_path),
        rounds=ROUNDS,
        target=1.5,
    )


def test_run_true_beside_codecarbon(benchmark, report: Report, programs: Path, peers: Path, environ, tmp_path):
    peer = [peers / "codecarbon", "monitor", "--offline", "--country-iso-code", "FRA", "--", "true"]
    compare(
        benchmark,
        report,
        "pycarbon run --zone FRA -- true",
        lambda: wall_s([programs / "pycarbon", "run", "--zone", "FRA", "--", "true"], environ, tmp_path),
        "codecarbon monitor -- true",
        lambda: wall_s(peer, environ, tmp_path),
        rounds=6,
    )
