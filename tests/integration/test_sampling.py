"""How counters are looked at: at their edges or at a rate, with which priority, and what becomes of gaps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from powercap_emulator import PowercapEmulator
from processes import children, is_root, pycarbon_run, run, started, wait_until

from pycarbon import load
from pycarbon.analysis import Run
from pycarbon.frame import EVENT, json_frame
from pycarbon.run import Flag, GapCause

PACKAGE = "intel-rapl:0"
CLOSE_NS = 50_000


def recorded(emulator: PowercapEmulator, output: Path, *options: str, seconds: str = "1") -> Run:
    done = run(pycarbon_run("sleep", seconds, output=output, options=["--root", str(emulator.root), *options]))
    assert done.returncode == 0, done.stderr
    return load(output)


def close_share(finished: Run) -> float:
    """How many of the updates that were seen were bracketed within 50 us."""
    edges = finished.edges("package-0")
    return float((edges["t_seen_ns"] - edges["t_before_ns"] < CLOSE_NS).mean())


def assert_exact(finished: Run, emulator: PowercapEmulator, tolerance: float = 0.01) -> None:
    (package,) = [channel for channel in finished.energy.channels if channel.domain == "package-0"]
    span_ns = (finished.data.start_ns, finished.data.end_ns)
    truth_j = emulator.true_energy_j(PACKAGE, *span_ns)
    late_j = truth_j / finished.duration_s * emulator.oldest_value_ns() / 1e9
    assert package.low_j - late_j <= truth_j <= package.high_j + late_j
    assert package.energy_j == pytest.approx(truth_j, rel=tolerance)


def test_counters_are_looked_at_at_their_edges_unless_told_otherwise(tmp_path):
    with PowercapEmulator(jitter_us=20) as emulator:
        at_edges = recorded(emulator, tmp_path / "edges.pcr")
        with_all = recorded(emulator, tmp_path / "all.pcr", "--cpu-budget", "0")
        at_rate = recorded(emulator, tmp_path / "rate.pcr", "--rate", "500")
    # THEN looks at edges find many of them to within microseconds, and looks at a rate find none so
    assert close_share(at_edges) > 0.2 and close_share(with_all) > 0.5 and close_share(at_rate) < 0.05
    for finished in (at_edges, with_all, at_rate):
        assert_exact(finished, emulator)
    # AND the run says how it was sampled, and what was learned of the counter
    assert at_rate.data.meta["sampling"]["rate_hz"] == 500 and at_rate.data.footer["looks"] == []
    assert at_edges.data.meta["sampling"] | {"places": []} == {
        "rate_hz": None,
        "cpu_budget_percent": 3.0,
        "keep_marks": 1_000_000,
        "sync_s": 1.0,
        "priority": "normal",
        "places": [],
    }
    (looks,) = [row for row in with_all.data.footer["looks"] if row["channel"] == 0]
    assert looks["period_ns"] == pytest.approx(976_000, rel=0.01) and looks["met"] > looks["empty"]
    assert at_edges.data.meta["choice"]["package-0"].startswith("powercap: ")


def test_less_budget_means_fewer_looks_as_close(tmp_path):
    with PowercapEmulator(jitter_us=20) as emulator:
        much = recorded(emulator, tmp_path / "much.pcr", "--cpu-budget", "10", seconds="2")
        little = recorded(emulator, tmp_path / "little.pcr", "--cpu-budget", "0.5", seconds="2")
    looks = [finished.data.footer["looks"][0] for finished in (much, little)]
    assert looks[0]["met"] > 2 * looks[1]["met"] > 0
    for finished in (much, little):
        edges = finished.data.edges[0]
        width_ns = (edges["t_seen_ns"] - edges["t_before_ns"])[edges["flags"] == 0]
        assert np.median(width_ns[width_ns < 500_000]) < CLOSE_NS
        assert_exact(finished, emulator)


@pytest.mark.parametrize(
    "option, value, why",
    [("--cpu-budget", "101", "between 0 and 100"), ("--cpu-budget", "-1", "between 0 and 100"),
     ("--priority", "high", "invalid choice"), ("--rate", "0", "between 0.1 and 20000")],
)  # fmt: skip
def test_options_that_are_no_good_are_wrong_usage(option, value, why):
    done = run(pycarbon_run("true", options=[f"{option}={value}"]))
    assert done.returncode == 2 and why in done.stderr


@pytest.mark.parametrize("priority", ["nice", "realtime"])
def test_the_run_says_which_priority_was_granted(tmp_path, priority):
    with PowercapEmulator() as emulator:
        command = pycarbon_run(
            "true", output=tmp_path / "a.pcr", options=["--root", str(emulator.root), "--priority", priority]
        )
        if is_root():
            assert run(command).returncode == 0
            (place,) = load(tmp_path / "a.pcr").data.meta["sampling"]["places"]
            assert place["priority"] == priority and "refused" not in place
            command = ["setpriv", "--bounding-set", "-sys_nice", "--", *command]
            (tmp_path / "a.pcr").unlink()
        assert run(["sh", "-c", 'ulimit -e 0; ulimit -r 0; exec "$@"', "sh", *command]).returncode == 0
    finished = load(tmp_path / "a.pcr")
    (place,) = finished.data.meta["sampling"]["places"]
    assert place["priority"] == "normal" and priority in place["refused"]
    assert any(f"without its priority {priority}" in note for note in finished.notes)


def test_a_starved_sampler_says_so_and_loses_nothing(tmp_path):
    # GIVEN a recording whose threads get the lowest priority there is, and then busy loops on every CPU
    with PowercapEmulator() as emulator, ExitStack() as stack:
        command = pycarbon_run(
            "sh", "-c", "echo on; read _", output=tmp_path / "a.pcr", options=["--root", str(emulator.root)]
        )
        recording = stack.enter_context(started(command))
        assert recording.line() == "on"
        for task in Path(f"/proc/{recording.pid}/task").iterdir():
            os.sched_setscheduler(int(task.name), os.SCHED_IDLE, os.sched_param(0))
        loops = [
            stack.enter_context(started(["taskset", "-c", str(cpu), sys.executable, "-S", "-c", "while True: pass"]))
            for cpu in sorted(os.sched_getaffinity(0))
        ]
        time.sleep(2)
        for loop in loops:
            loop.kill()
        recording.end()
    finished = load(tmp_path / "a.pcr")
    # THEN there are gaps, they have their cause, and the energy across them is what the counter counted
    starved = [gap for gap in finished.gaps if gap.cause is GapCause.STARVED]
    assert starved and starved[0].total_s > 0.01
    assert any("got no CPU" in note for note in finished.notes)
    assert_exact(finished, emulator, 0.05)


@pytest.mark.parametrize("options", [[], ["--rate", "1000"]], ids=["edges", "rate"])
def test_a_stopped_process_is_a_gap_and_the_energy_is_exact(tmp_path, options):
    with PowercapEmulator() as emulator:
        command = pycarbon_run(
            "sh", "-c", "echo on; read _", output=tmp_path / "a.pcr", options=["--root", str(emulator.root), *options]
        )
        with started(command) as recording:
            assert recording.line() == "on"
            time.sleep(0.2)
            # WHEN the recorder alone is stopped for a while
            os.kill(recording.pid, signal.SIGSTOP)
            time.sleep(0.5)
            os.kill(recording.pid, signal.SIGCONT)
            time.sleep(0.2)
            recording.end()
    finished = load(tmp_path / "a.pcr")
    # THEN that is in the run, with its length and cause, and nothing is missing from the energy
    # (on a busy machine it may wait for a CPU afterwards, and that counts to the same gap)
    assert {gap.cause for gap in finished.gaps} <= {GapCause.STALLED, GapCause.STARVED}
    assert 0.45 < sum(gap.total_s for gap in finished.gaps) < 5
    assert_exact(finished, emulator)
    (package,) = [channel for channel in finished.energy.channels if channel.domain == "package-0"]
    assert package.gap_s == pytest.approx(sum(gap.total_s for gap in finished.gaps), abs=0.05)


def test_a_range_smaller_than_an_update_is_named_and_not_added(tmp_path):
    # GIVEN a counter of 50 W, 49 mJ in each update, that says it goes round at 20 mJ
    with PowercapEmulator(power_w={"package": 50}, wrap_uj=20_000, zones=()) as emulator:
        finished = recorded(emulator, tmp_path / "a.pcr")
    (package,) = [channel for channel in finished.energy.channels if channel.domain == "package-0"]
    assert package.is_ambiguous and not package.in_total
    assert any("package-0 goes through its whole range" in note for note in finished.notes)


def test_a_zone_that_vanishes_and_comes_back_is_read_again(tmp_path):
    # GIVEN a recording at edges of a counter that gives nothing sensible for a while
    with PowercapEmulator() as emulator:
        command = pycarbon_run(
            "sh", "-c", "echo on; read _", output=tmp_path / "a.pcr", options=["--root", str(emulator.root)]
        )
        with started(command) as recording:
            assert recording.line() == "on"
            time.sleep(0.3)
            emulator.command(f"garbage {PACKAGE}")
            time.sleep(0.5)
            emulator.command(f"restore {PACKAGE}")
            time.sleep(0.6)
            recording.end()
    finished = load(tmp_path / "a.pcr")
    edges = finished.data.edges[0]
    # THEN it was lost once and found once, soon, and was followed closely again
    assert [int(e["flags"]) & (Flag.LOST | Flag.FOUND) for e in edges if e["flags"] & (Flag.LOST | Flag.FOUND)] == [
        Flag.LOST,
        Flag.FOUND,
    ]
    found_ns = int(edges["t_seen_ns"][np.flatnonzero(edges["flags"] & Flag.FOUND)[0]])
    after = edges[(edges["t_seen_ns"] > found_ns) & (edges["flags"] == 0)]
    assert (after["t_seen_ns"] - after["t_before_ns"] < CLOSE_NS).sum() > 10
    assert_exact(finished, emulator)


def test_a_wall_clock_that_was_set_is_kept_even_if_the_recorder_dies(tmp_path):
    # GIVEN a live run whose file holds the event that the recorder writes when it notices
    target = tmp_path / "a.pcr"
    with PowercapEmulator() as emulator:
        command = pycarbon_run("sh", "-c", "echo on; read _", output=target, options=["--root", str(emulator.root)])
        with started(command) as recording:
            assert recording.line() == "on"
            time.sleep(1.3)
            program = children(recording.pid)[0]
            os.kill(recording.pid, signal.SIGKILL)
            wait_until(lambda: recording.poll() is not None)
            subprocess.run(["kill", str(program)], check=False)
    file = tmp_path / "a.pcr.live" / "run.pcr"
    count = sum(1 for _ in _frames(file))
    with file.open("ab") as tail:
        tail.write(json_frame(EVENT, {"monotonic_ns": 1, "clock_step_ns": 5_000_000_000}).encode(count))
    # WHEN the run is recovered, and folded into a file of its own
    assert any("set forward by 5 s" in note for note in load(target).notes)


def _frames(file: Path) -> list[object]:
    from pycarbon.frame import frames

    return list(frames(file.read_bytes(), str(file)))
