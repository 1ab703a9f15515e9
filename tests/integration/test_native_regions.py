"""Native programs name regions through pycarbon.h: the examples, built as their README says, in and out of a run."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator
from processes import PYCARBON, homes, pycarbon_run, run

import pycarbon

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "native"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
STEPS, SWEEPS, THREADS, BATCHES = 200, 4, 2, 5000
"""As in the examples."""


def needed(found: object, what: str) -> None:
    """Skip where something is missing; a CI machine must have it."""
    if not found:
        pytest.fail(f"no {what} on CI") if os.environ.get("CI") else pytest.skip(f"no {what} here")


@pytest.fixture(scope="module")
def emulator() -> Iterator[PowercapEmulator]:
    with PowercapEmulator(power_w={"package": 50}, jitter_us=20) as live:
        yield live


@pytest.fixture
def native(tmp_path: Path) -> Path:
    """A copy of the examples, so that nothing is built in the source tree."""
    return Path(shutil.copytree(EXAMPLES, tmp_path / "native"))


def made(folder: Path, target: str) -> None:
    """Build as the README says, with warnings as errors."""
    needed(shutil.which("make") and shutil.which("cc"), "make and C compiler")
    built = run(["make", f"PYTHON={sys.executable}", "CFLAGS=-O2 -Wall -Wextra -Werror", target], cwd=folder)
    assert built.returncode == 0, built.stderr


def recorded(
    command: list[str], emulator: PowercapEmulator, folder: Path
) -> tuple[str, dict[str, dict[str, object]]]:
    """Record a command; gives what it printed, and its regions as `pycarbon report --format json` has them."""
    file = folder / "native.pcr"
    done = run(pycarbon_run(*command, output=file, options=["--root", str(emulator.root)]), cwd=folder)
    assert done.returncode == 0, done.stderr
    assert homes(folder) == []
    counts = pycarbon.load(file).data.ledger.counts
    assert all(counts[name] == 0 for name in ("dropped", "crossed", "unmatched", "died_inside", "bad_rings"))
    shown = run([PYCARBON, "report", str(file), "--format", "json"])
    assert shown.returncode == 0, shown.stderr
    return done.stdout, {region["label"]: region for region in json.loads(shown.stdout)["regions"]}


def calls(regions: dict[str, dict[str, object]]) -> dict[str, object]:
    return {label: region["calls"] for label, region in regions.items()}


def test_a_program_in_c(emulator: PowercapEmulator, native: Path) -> None:
    # GIVEN the example, built
    made(native, "region_in_c")
    # WHEN it runs on its own, THEN it does nothing but its work
    alone = run(["./region_in_c"], cwd=native)
    assert (alone.returncode, alone.stderr) == (0, "")
    assert alone.stdout.startswith("mean temperature after 200 steps: ")
    # WHEN it is recorded, THEN its output is the same and every call is there
    said, regions = recorded(["./region_in_c"], emulator, native)
    assert said == alone.stdout
    assert calls(regions) == {"step": STEPS, "sweep": STEPS * SWEEPS, "look": STEPS}


def test_a_program_in_c_where_the_recording_has_gone(native: Path) -> None:
    made(native, "region_in_c")
    environ = {**os.environ, "PYCARBON_LIVE": f"{native}/no such home"}
    done = run(["./region_in_c"], cwd=native, env=environ)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_cython_module_without_the_gil(emulator: PowercapEmulator, native: Path) -> None:
    # GIVEN the example, built
    needed(importlib.util.find_spec("Cython"), "Cython in this environment")
    made(native, "all")
    command = [sys.executable, "region_in_cython.py"]
    # WHEN it runs on its own, THEN it does nothing but its work
    alone = run(command, cwd=native)
    assert (alone.returncode, alone.stdout, alone.stderr) == (0, "pi is about 3.141\n", "")
    # WHEN it is recorded, THEN regions of Python and of both threads without the GIL are in one run
    said, regions = recorded(command, emulator, native)
    assert said == alone.stdout
    assert calls(regions) == {"estimate": THREADS, "batch": THREADS * BATCHES}


def test_a_block_of_the_process_itself(emulator: PowercapEmulator, native: Path) -> None:
    """record() in a program whose native module is loaded before it begins."""
    needed(importlib.util.find_spec("Cython"), "Cython in this environment")
    made(native, "all")
    program = (
        "import pycarbon, pi_by_chance\n"
        "from pathlib import Path\n"
        "from pycarbon.recording import Recording, Request\n"
        "pi_by_chance.pi(10)\n"
        f"with Recording(Request('block', [], path=Path('b.pcr'), root=Path({str(emulator.root)!r}))) as run:\n"
        "    pi_by_chance.pi(300)\n"
        "pi_by_chance.pi(10)\n"
        "print({region.label: region.calls for region in run.regions})\n"
    )
    done = run([sys.executable, "-c", program], cwd=native)
    assert (done.returncode, done.stdout, done.stderr) == (0, "{'batch': 300}\n", "")


@pytest.mark.parametrize(
    ("compiler", "standard"), [("gcc", "c99"), ("gcc", "c11"), ("g++", "c++11"), ("g++", "c++17")]
)
def test_every_compiler_takes_the_header(
    compiler: str, standard: str, emulator: PowercapEmulator, native: Path
) -> None:
    needed(shutil.which(compiler), compiler)
    language = ["-x", "c++"] if compiler == "g++" else []
    options = [f"-std={standard}", "-O2", *WARNINGS, f"-I{pycarbon.get_include()}", *language]
    built = run([compiler, *options, "region_in_c.c", "-o", "program", "-ldl"], cwd=native)
    assert built.returncode == 0, built.stderr
    _, regions = recorded(["./program"], emulator, native)
    assert calls(regions) == {"step": STEPS, "sweep": STEPS * SWEEPS, "look": STEPS}
