"""Regions of real programs: every process of the recorded tree marks into one run, whatever becomes of it."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator
from processes import PYCARBON, homes, pycarbon_run, run, started, wait_until

import pycarbon
from pycarbon import Run, load
from pycarbon.recording import Recording, Request

POWER_W = 58.0
"""The package, and its memory."""

PATIENCE = 5
"""Recordings until one is not starved: what a busy machine cannot tell is not resolved."""

BEGIN = "import os, sys, time, threading, multiprocessing, pycarbon\n"
SPIN = (
    "def spin(seconds):\n"
    "    end = time.perf_counter() + seconds\n"
    "    while time.perf_counter() < end:\n        pass\n"
)


@pytest.fixture(scope="module")
def emulator() -> Iterator[PowercapEmulator]:
    with PowercapEmulator(power_w={"package": 50, "dram": 8}, jitter_us=20) as live:
        yield live


def recorded(text: str, emulator: PowercapEmulator, tmp_path: Path, options: tuple[str, ...] = ()) -> Run:
    """Record a Python program from a file of its own (spawned processes import it)."""
    program = tmp_path / "program.py"
    program.write_text(text)
    output = tmp_path / "a.pcr"
    command = [sys.executable, "-W", "ignore::DeprecationWarning", str(program)]
    finished = run(pycarbon_run(*command, output=output, options=["--root", str(emulator.root), *options]))
    assert finished.returncode == 0, finished.stderr
    assert homes(tmp_path) == []
    return load(output)


def calls(finished: Run) -> dict[str, int]:
    return {region.label: region.calls for region in finished.regions}


def counts(finished: Run) -> dict[str, int]:
    assert finished.data.ledger is not None
    return finished.data.ledger.counts


def test_a_program_in_python(emulator: PowercapEmulator, tmp_path: Path) -> None:
    text = (
        f"{BEGIN}{SPIN}"
        "step, inner = pycarbon.region('step'), pycarbon.region('inner')\n"
        "for _ in range(10):\n    with step:\n        spin(.01)\n        with inner:\n            spin(.02)\n"
    )
    for _ in range(PATIENCE):
        finished = recorded(text, emulator, tmp_path)
        by_label = {region.label: region for region in finished.regions}
        if all(region.resolved for region in finished.regions):
            break
    assert calls(finished) == {"step": 10, "inner": 10}
    assert by_label["step"].time_s == pytest.approx(0.3, rel=0.2)
    assert by_label["step"].time_s == pytest.approx(by_label["step"].self_time_s + by_label["inner"].time_s)
    assert [node.region.label for node in finished.tree()] == ["step"]
    assert [child.region.label for child in finished.tree()[0].children] == ["inner"]
    # the truth: 58 W for as long as it ran
    for region in finished.regions:
        truth_j = POWER_W * region.time_s
        assert region.kind == "measured" and region.resolved
        assert region.low_j <= truth_j <= region.high_j
        assert region.energy_j == pytest.approx(truth_j, rel=0.02)
        assert region.energy_per_call_j == pytest.approx(region.energy_j / 10)


def test_a_block_in_this_process(emulator: PowercapEmulator, tmp_path: Path) -> None:
    step = pycarbon.region("in this process")
    with step:  # before: not recorded
        pass
    with Recording(Request("block", [], path=tmp_path / "b.pcr", root=emulator.root)) as finished:
        assert os.environ["PYCARBON_LIVE"].startswith(str(tmp_path / "b.pcr.live" / "marks-"))
        for _ in range(100):
            with step:
                pass
    with step:
        pass
    assert "PYCARBON_LIVE" not in os.environ and homes(tmp_path) == []
    assert calls(finished) == {"in this process": 100}


def test_recordings_within_each_other_both_have_the_regions(emulator: PowercapEmulator, tmp_path: Path) -> None:
    text = (
        f"{BEGIN}step = pycarbon.region('step')\n"
        "with step: pass\n"
        "with pycarbon.record('inner', path='inner.pcr'):\n    with step: pass\n    with step: pass\n"
        "with step: pass\n"
    )
    finished = recorded(text, emulator, tmp_path)
    assert calls(finished) == {"step": 4}
    assert calls(load(tmp_path / "inner.pcr")) == {"step": 2}


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_pool_of_eight(
    method: str, emulator: PowercapEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "/tmp")  # addresses of sockets have room for a hundred letters
    text = (
        f"{BEGIN}"
        "def work(n):\n"
        "    task = pycarbon.region('task')\n"
        "    for _ in range(50):\n        with task:\n            sum(range(2000))\n"
        "    return os.getpid()\n"
        "if __name__ == '__main__':\n"
        "    whole = pycarbon.region('whole')\n"
        "    with whole:\n"
        f"        context = multiprocessing.get_context({method!r})\n"
        "        with context.Pool(8) as pool:\n"
        "            pids = pool.map(work, range(24), chunksize=1)\n"
        "            pool.close()\n            pool.join()\n"
    )
    finished = recorded(text, emulator, tmp_path)
    assert calls(finished) == {"task": 24 * 50, "whole": 1}
    assert counts(finished)["dropped"] == 0 and counts(finished)["processes"] >= 2
    assert finished.energy.total_j == pytest.approx(POWER_W * finished.duration_s, rel=0.02)  # counters are read once


def test_children_of_a_block(emulator: PowercapEmulator, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with Recording(Request("block", [], path=tmp_path / "b.pcr", root=emulator.root)) as finished:
        process = context.Process(target=_in_a_child)
        process.start()
        process.join()
    assert process.exitcode == 0
    assert calls(finished) == {"in a child": 3}


def _in_a_child() -> None:
    for _ in range(3):
        with pycarbon.region("in a child"):
            pass


def test_threads_at_once_are_attributed(emulator: PowercapEmulator, tmp_path: Path) -> None:
    text = (
        f"{BEGIN}{SPIN}"
        "def work(name):\n    with pycarbon.region(name):\n        spin(.5)\n"
        "threads = [threading.Thread(target=work, args=(name,)) for name in ('a', 'b')]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
    )
    finished = recorded(text, emulator, tmp_path)
    assert calls(finished) == {"a": 1, "b": 1} and counts(finished)["threads"] == 2
    assert {region.kind for region in finished.regions} == {"attributed"}
    # both spun all the time, on a CPU each or in turn
    together_j = sum(region.energy_j for region in finished.regions if region.energy_j is not None)
    assert together_j <= finished.energy.high_j


@pytest.mark.parametrize(
    ("text", "flag", "expected"),
    [
        ("a.__exit__(None, None, None)", "unmatched", {}),
        ("a.__enter__(); b.__enter__(); a.__exit__(0,0,0); b.__exit__(0,0,0)", "crossed", {"a": 1, "b": 1}),
        ("a.__enter__()", "died_inside", {"a": 1}),
        ("a.__enter__()\nos._exit(0)", "killed_inside", {"a": 1}),
        (
            "t = threading.Thread(target=a.__enter__); t.start(); t.join(); a.__exit__(0,0,0)",
            "died_inside",
            {"a": 1},
        ),
        (
            "a.__enter__()\nc = os.fork()\na.__exit__(0,0,0)\nif c: os.waitpid(c, 0)",
            "unmatched",
            {"a": 1},
        ),
        ("for _ in range(2000): a.__enter__()\nfor _ in range(2000): a.__exit__(0,0,0)", "too_deep", None),
    ],
    ids=["unbalanced", "crossing", "exit", "killed", "other thread", "fork inside", "deep"],
)
def test_what_programs_do_wrong_is_a_flag(
    text: str, flag: str, expected: dict[str, int] | None, emulator: PowercapEmulator, tmp_path: Path
) -> None:
    finished = recorded(f"{BEGIN}a, b, c = map(pycarbon.region, 'abc')\nwith c: pass\n{text}\n", emulator, tmp_path)
    assert counts(finished)[flag] > 0
    assert len(finished.notes) > 0
    if expected is not None:
        assert calls(finished) == {"c": 1, **expected}
    spent = finished.energy
    assert spent.low_j <= POWER_W * finished.duration_s <= spent.high_j


def test_a_process_killed_between_marks(emulator: PowercapEmulator, tmp_path: Path) -> None:
    text = (
        f"{BEGIN}a, b = pycarbon.region('a'), pycarbon.region('b')\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    with a:\n        while True:\n            with b: pass\n"
        "time.sleep(.3)\nos.kill(child, 9)\nos.waitpid(child, 0)\ntime.sleep(.2)\n"
    )
    finished = recorded(text, emulator, tmp_path)
    by_label = {region.label: region for region in finished.regions}
    assert counts(finished)["killed_inside"] == 1 and by_label["a"].calls == 1
    assert by_label["a"].time_s == pytest.approx(0.3, abs=0.15)  # not up to the end of the run


def test_a_million_labels(emulator: PowercapEmulator, tmp_path: Path) -> None:
    text = f"{BEGIN}for i in range(1_000_000):\n    with pycarbon.region(f'label {{i}}'): pass\n"
    finished = recorded(text, emulator, tmp_path)
    labels = calls(finished)
    assert len(labels) == 16383 and labels["(other labels)"] == 1_000_000 - 16382
    assert any("too many regions" in note for note in finished.notes)


def test_names_of_any_kind(emulator: PowercapEmulator, tmp_path: Path) -> None:
    text = (
        f"{BEGIN}names = ['', 'a\\nb', '\\x1b[31m', 'é' * 10_000, '\\ud800', '日本', 'x\\0y']\n"
        "for name in names:\n    with pycarbon.region(name): pass\n"
    )
    finished = recorded(text, emulator, tmp_path)
    assert len(finished.regions) == 7 and all(region.calls == 1 for region in finished.regions)
    for form in ("text", "json"):
        shown = run([PYCARBON, "report", "a.pcr", "--format", form])
        assert shown.returncode == 0 and "\x1b[31m" not in shown.stdout and "\0" not in shown.stdout


def test_marks_are_kept_up_to_a_bound_that_is_said(emulator: PowercapEmulator, tmp_path: Path) -> None:
    text = f"{BEGIN}a = pycarbon.region('a')\nfor _ in range(1000):\n    with a: pass\n"
    finished = recorded(text, emulator, tmp_path, ("--keep-marks", "100"))
    assert calls(finished) == {"a": 1000}
    assert len(finished.data.ledger.marks) == 100 and len(finished.calls("a")) == 50
    assert any("--keep-marks" in note for note in finished.notes)


def test_single_calls_have_energies(emulator: PowercapEmulator, tmp_path: Path) -> None:
    text = f"{BEGIN}{SPIN}a = pycarbon.region('a')\nfor _ in range(30):\n    with a: spin(.01)\n"
    finished = recorded(text, emulator, tmp_path)
    single = finished.calls("a")
    truth_j = POWER_W * (single["end_ns"] - single["start_ns"]) / 1e9
    assert len(single) == 30 and (single["end_ns"] - single["start_ns"]).min() >= 10_000_000
    assert ((single["low_j"] <= truth_j) & (truth_j <= single["high_j"])).mean() > 0.9
    assert abs(single["energy_j"] / truth_j - 1).mean() < 0.05


def test_counters_that_wrap_ten_times_a_second(tmp_path: Path) -> None:
    text = f"{BEGIN}{SPIN}a = pycarbon.region('a')\nfor _ in range(40):\n    with a: spin(.01)\n    spin(.005)\n"
    with PowercapEmulator(power_w={"package": 50, "dram": 8}, jitter_us=20, wrap_uj=5_000_000) as wrapping:
        for _ in range(PATIENCE):
            finished = recorded(text, wrapping, tmp_path)
            [region] = finished.regions
            if region.resolved:
                break
    assert region.calls == 40 and region.resolved
    assert region.low_j <= POWER_W * region.time_s <= region.high_j
    assert region.energy_j == pytest.approx(POWER_W * region.time_s, rel=0.02)


def test_without_counters_regions_are_modelled(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    text = f"{BEGIN}{SPIN}a = pycarbon.region('a')\nwith a: spin(.3)\n"
    (tmp_path / "program.py").write_text(text)
    output = tmp_path / "a.pcr"
    assert run(pycarbon_run(sys.executable, "program.py", output=output)).returncode == 0
    finished = load(output)
    [region] = finished.regions
    assert (region.label, region.calls, region.kind, region.method) == ("a", 1, "modelled", "model")
    assert 0 < region.energy_j <= finished.energy.total_j


def test_the_json_of_a_region(emulator: PowercapEmulator, tmp_path: Path) -> None:
    recorded(f"{BEGIN}{SPIN}a = pycarbon.region('a')\nwith a: spin(.1)\n", emulator, tmp_path)
    shown = run([PYCARBON, "report", "a.pcr", "--format", "json"])
    [region] = json.loads(shown.stdout)["regions"]
    wanted = {
        "label", "calls", "time_s", "energy_j", "low_j", "high_j", "energy_per_call_j", "co2e_g", "kind", "method",
        "resolved",
    }  # fmt: skip
    assert wanted <= region.keys()


def has_regions(home: Path) -> bool:
    try:
        return home.is_dir() and load(home).data.ledger is not None
    except pycarbon.RunFileError:  # it has only just begun
        return False


def test_a_recorder_that_is_killed_leaves_its_regions(emulator: PowercapEmulator, tmp_path: Path) -> None:
    # GIVEN a program whose regions were drained at least once
    text = f"{BEGIN}a = pycarbon.region('a')\nwhile True:\n    with a: time.sleep(.001)\n"
    (tmp_path / "program.py").write_text(text)
    command = pycarbon_run(
        sys.executable, "program.py", output=tmp_path / "a.pcr", options=["--root", str(emulator.root)]
    )
    with started(command) as recorder:
        home = tmp_path / "a.pcr.live"
        wait_until(lambda: has_regions(home))
        [program] = wait_until(
            lambda: [int(p) for p in Path(f"/proc/{recorder.pid}/task/{recorder.pid}/children").read_text().split()]
        )
        # WHEN the recorder is killed, and the program goes on for a while
        recorder.kill()
        recorder.wait()
        time.sleep(0.2)
        os.kill(program, signal.SIGKILL)
    # THEN what was drained is there, and the program was not harmed
    cut = load(tmp_path / "a.pcr")
    assert not cut.complete and calls(cut)["a"] > 100


def test_a_home_that_is_gone_harms_nobody(tmp_path: Path) -> None:
    environ = {**os.environ, "PYCARBON_LIVE": f"{tmp_path}/no such home\n{tmp_path}"}
    text = f"{BEGIN}a = pycarbon.region('a')\nfor _ in range(10):\n    with a: pass\nprint('done')"
    finished = subprocess.run([sys.executable, "-c", text], env=environ, capture_output=True, text=True, timeout=60)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "done\n", "")
