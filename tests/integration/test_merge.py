"""pycarbon merge end to end: real recordings of machines whose power is known, on their real clocks."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from powercap_emulator import PowercapEmulator
from processes import PYCARBON, pycarbon_run, run, started, wait_until

import pycarbon


def machine(stack: ExitStack, folder: Path, name: str, watts: float) -> PowercapEmulator:
    """An emulated machine of its own: counters, a name, and a boot that no other has."""
    kernel = folder / "proc" / "sys" / "kernel"
    (kernel / "random").mkdir(parents=True)
    (kernel / "hostname").write_text(f"{name}\n")
    (kernel / "random" / "boot_id").write_text(f"{name}-boot\n")
    for real in Path("/proc").iterdir():  # its CPUs and processes are this machine's
        if real.name != "sys":
            (folder / "proc" / real.name).symlink_to(real)
    return stack.enter_context(PowercapEmulator(folder, zones=(), power_w={"package": watts}))


def merged(*files: Path) -> dict[str, Any]:
    finished = run([PYCARBON, "merge", *map(str, files), "--format", "json"])
    assert (finished.returncode, finished.stderr) == (0, "")
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def test_runs_of_two_machines_and_two_of_one(tmp_path: Path) -> None:
    began_s = time.time()
    with ExitStack() as stack:
        # GIVEN a machine of 40 W recorded by two ranks at once, and one of 10 W recorded by one
        one = machine(stack, tmp_path / "one", "node1", 40)
        two = machine(stack, tmp_path / "two", "node2", 10)
        ranks = [("a", one, "0.8"), ("b", one, "0.5"), ("c", two, "0.5")]
        for name, emulator, seconds in ranks:
            options = ["--root", str(emulator.root), "--zone", "FRA"]
            argv = pycarbon_run("sleep", seconds, output=tmp_path / f"{name}.pcr", options=options)
            stack.enter_context(started(argv))
        files = [tmp_path / f"{name}.pcr" for name, _, _ in ranks]
        wait_until(lambda: all(file.exists() for file in files))
        runs = [pycarbon.load(file) for file in files]
        spans = [(one_run.data.start_ns, one_run.data.end_ns) for one_run in runs]
        # THEN each machine's energy is there once
        found = merged(*files)
        first, last = min(spans[0][0], spans[1][0]), max(spans[0][1], spans[1][1])
        truth = {
            "node1": one.true_energy_j("package-0", first, last),
            "node2": two.true_energy_j("package-0", *spans[2]),
        }
    assert found["energy"]["kind"] == "measured"
    machines = {each["label"]: each for each in found["machines"]}
    assert {name: len(each["runs"]) for name, each in machines.items()} == {"node1": 2, "node2": 1}
    for name, each in machines.items():
        assert each["energy"]["low_j"] - 0.5 <= truth[name] <= each["energy"]["high_j"] + 0.5
        assert each["energy"]["total_j"] == pytest.approx(truth[name], rel=0.1)
    assert found["energy"]["total_j"] == pytest.approx(sum(each["energy"]["total_j"] for each in machines.values()))
    assert any("at the same time on node1" in note for note in found["notes"])
    # AND the job was when it was, by the clock of this machine, on which all of them ran
    start_s = pycarbon.merge(runs).span.start_ns / 1e9
    assert began_s - 0.1 <= start_s <= time.time()
    assert found["span"]["duration_s"] == pytest.approx((max(s[1] for s in spans) - min(s[0] for s in spans)) / 1e9)
    assert found["span"]["any_s"] <= found["span"]["duration_s"] + 1e-9
    # AND the uncertainty is what the kernel says, or not known
    anchor = runs[0].data.meta["anchor"]
    assert (found["span"]["uncertainty_s"] is None) == (anchor["wall_error_ns"] is None)


def test_a_run_within_another_counts_once(tmp_path: Path) -> None:
    # GIVEN a recorded command that records a part of itself, with a region
    program = (
        "import pycarbon\n"
        "with pycarbon.record('part', path='inner.pcr'):\n"
        "    with pycarbon.region('sum'):\n"
        "        sum(range(5_000_000))\n"
    )
    finished = run(pycarbon_run(sys.executable, "-c", program, output=tmp_path / "outer.pcr"))
    assert finished.returncode == 0, finished.stderr
    # WHEN both are merged THEN the outer one has all of it
    found, alone = merged(tmp_path / "outer.pcr", tmp_path / "inner.pcr"), merged(tmp_path / "outer.pcr")
    assert found["energy"] == alone["energy"] and found["regions"] == alone["regions"]
    assert [region["calls"] for region in found["regions"]] == [1]
    assert {each["run"]["name"]: each["inside"] for each in found["runs"]} == {
        Path(sys.executable).name: None,
        "part": "outer",
    }
