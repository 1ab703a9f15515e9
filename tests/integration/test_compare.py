"""pycarbon compare end to end: a program recorded twice, the second time with more calls; and a live one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from powercap_emulator import PowercapEmulator
from processes import PYCARBON, PYTHON, WAITING, pycarbon_run, run, started

import pycarbon

PROGRAM = """
import sys, time
import pycarbon

def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass

step, load = pycarbon.region("step"), pycarbon.region(sys.argv[2])
with load:
    spin(0.2)
for _ in range(int(sys.argv[1])):
    with step:
        spin(0.05)
"""


def compared(*words: object) -> dict[str, Any]:
    finished = run([PYCARBON, "compare", *map(str, words), "--json"])
    assert (finished.returncode, finished.stderr) == (0, "")
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def test_what_changed_between_two_recordings(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    files = [tmp_path / "before.pcr", tmp_path / "after.pcr"]
    # GIVEN a machine of constant power, on which a program ran with 5 steps, then 25 and another first region
    with PowercapEmulator(zones=(), power_w={"package": 50}) as emulator:
        options = ["--root", str(emulator.root), "--zone", "FRA", "--cpu-budget", "0"]
        for file, *arguments in zip(files, ("5", "25"), ("load", "load fast"), strict=True):
            command = pycarbon_run(sys.executable, str(program), *arguments, output=file, options=options)
            assert run(command).returncode == 0
        spans = [(one.data.start_ns, one.data.end_ns) for one in map(pycarbon.load, files)]
        before_j, after_j = (emulator.true_energy_j("package-0", *span) for span in spans)
    found = compared(*files)
    # THEN it took more, and what the machine drew in truth is within the interval of the change
    (total,) = found["energy"]["changes"]
    assert total["verdict"] == "more"
    assert total["low_difference_j"] - 0.5 <= after_j - before_j <= total["high_difference_j"] + 0.5
    assert total["low_ratio"] * 0.99 <= after_j / before_j <= total["high_ratio"] * 1.01
    # AND the steps were five times as many, of which each took what it took: 50 W for 50 ms
    step = next(region for region in found["regions"] if region["label"] == "step")
    assert [value["value"] for value in step["calls"]["values"]] == [5, 25]
    assert step["energy"]["changes"][0]["low_ratio"] < 5.2 and step["energy"]["changes"][0]["high_ratio"] > 4.8
    for value in step["energy_per_call"]["values"]:
        assert value["low_j"] < 2.6 and value["high_j"] > 2.4
    verdicts = {region["label"]: region["energy"]["changes"][0]["verdict"] for region in found["regions"]}
    assert (verdicts["load"], verdicts["load fast"]) == ("gone", "new")
    # AND the text says the same
    text = run([PYCARBON, "compare", *map(str, files)]).stdout
    assert (
        f"{'?' if verdicts['step'] == 'not resolved' else '+'} step" in text
        and "- load " in text
        and "one run each" in text
    )


def test_a_recording_that_goes_on_compares_as_far_as_it_is(tmp_path: Path) -> None:
    whole, live = tmp_path / "whole.pcr", tmp_path / "live.pcr"
    with PowercapEmulator(zones=(), power_w={"package": 50}) as emulator:
        options = ["--root", str(emulator.root), "--zone", "FRA"]
        assert run(pycarbon_run("true", output=whole, options=options)).returncode == 0
        # GIVEN a run that is still being recorded
        with started(pycarbon_run(*PYTHON, "-c", WAITING, output=live, options=options)) as process:
            assert process.line() == "ready"
            found = compared(whole, live.with_name("live.pcr.live"))
            process.end()
    # THEN its figures so far are compared, with a note
    assert [one["complete"] for one in found["runs"]] == [True, False]
    assert any("B was cut off, or is still being recorded" in note for note in found["notes"])
