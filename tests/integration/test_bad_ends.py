"""However a recorded program ends, it ends as it would without pycarbon, and its run is there to be read."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator
from processes import PYTHON, WAITING, children, homes, pycarbon_run, run, started, state, wait_until

import pycarbon
from pycarbon import Run, load
from pycarbon.home import home_of

BEGIN = "import os, signal, sys, time, pycarbon\nwith pycarbon.record('program', path='a.pcr') as run:\n"
ENTER = "import os, signal, sys, time, pycarbon\nrun = pycarbon.record('program', path='a.pcr')\nrun.__enter__()\n"
CLOSE_TO_THE_END_S = 0.05


def program(text: str) -> list[str]:
    return [sys.executable, "-W", "error", "-c", text]


def test_exception_passes_through_unchanged(tmp_path: Path) -> None:
    error = KeyError("mine")
    with pytest.raises(KeyError) as caught, pycarbon.record("fails", path=tmp_path / "a.pcr"):
        raise error
    assert caught.value is error and error.__context__ is None
    recorded = load(tmp_path / "a.pcr")
    assert recorded.complete and recorded.data.footer["raised"] == "KeyError"


@pytest.mark.parametrize(
    ("ending", "status"),
    [("sys.exit(5)", 5), ("raise ValueError", 1), ("raise KeyboardInterrupt", -signal.SIGINT), ("pass", 0)],
)
def test_program_that_leaves_its_block_writes_its_run(ending: str, status: int, tmp_path: Path) -> None:
    finished = run(program(f"{BEGIN}    print('mine')\n    {ending}"))
    assert (finished.returncode, finished.stdout) == (status, "mine\n")
    assert load(tmp_path / "a.pcr").complete
    assert homes(tmp_path) == []


def test_recording_that_is_never_stopped_ends_with_the_interpreter(tmp_path: Path) -> None:
    finished = run(program(f"{ENTER}print('mine'); sys.exit(5)"))
    assert (finished.returncode, finished.stdout, finished.stderr) == (5, "mine\n", "")
    recorded = load(tmp_path / "a.pcr")
    assert recorded.complete and "interpreter exit" in recorded.data.footer["ended_by"]


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("os._exit(5)", 5),
        ("os.execv('/bin/sh', ['sh', '-c', 'exit 6'])", 6),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os.abort()", -signal.SIGABRT),
    ],
)
def test_program_that_is_cut_off_leaves_a_run_to_read(ending: str, status: int, tmp_path: Path) -> None:
    # GIVEN a program that is gone without a chance to stop its recording
    finished = run(program(f"{BEGIN}    {ending}"))
    assert finished.returncode == status
    # THEN its run is there under the name it would have had, marked as cut off
    recorded = load(tmp_path / "a.pcr")
    assert not recorded.complete and any("cut off" in note for note in recorded.notes)
    assert recorded.name == "program"
    # AND the next recording to the same place keeps it
    with pycarbon.record("next", path=tmp_path / "a.pcr"):
        pass
    assert load(tmp_path / "a.pcr").name == "next"
    assert load(tmp_path / "a-cut-off-1.pcr").id == recorded.id
    assert homes(tmp_path) == []


def test_interrupt_from_outside_reaches_the_program(tmp_path: Path) -> None:
    with started(program(f"{BEGIN}    print('ready', flush=True)\n    time.sleep(60)")) as process:
        assert process.line() == "ready"
        process.send_signal(signal.SIGINT)
        _, complaints = process.end()
    assert process.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in complaints
    assert load(tmp_path / "a.pcr").data.footer["raised"] == "KeyboardInterrupt"


def last_seen_ns(recorded: Run, domain: str) -> int:
    channel = recorded.data.channel(domain)
    assert channel is not None
    return int(recorded.data.edges_of(channel)["t_seen_ns"][-1])


def test_sigkill_of_pycarbon_run_loses_nothing_that_was_stamped(tmp_path: Path) -> None:
    for attempt in ("a", "b"):  # once more where the machine starved the sampler just then
        output = tmp_path / attempt / "a.pcr"
        # GIVEN a recorded command and a frame or two in its file
        with PowercapEmulator() as emulator:
            options = ["--root", str(emulator.root)]
            with started(pycarbon_run(*PYTHON, "-c", WAITING, output=output, options=options)) as process:
                assert process.line() == "ready"
                written = home_of(output) / "run.pcr"
                small = written.stat().st_size
                wait_until(lambda: written.stat().st_size > small)  # noqa: B023
                half_a_second_on_s = time.monotonic() + 0.5
                wait_until(lambda: time.monotonic() > half_a_second_on_s)  # noqa: B023
                [command] = children(process.pid)
                # WHEN pycarbon is killed, half way to the next frame
                killed_ns = time.monotonic_ns()
                process.kill()
                process.wait(20)
                # THEN the command goes on unharmed
                assert state(command) in ("S", "R")
        recorded = load(output)
        package = next(channel for channel in recorded.energy.channels if channel.domain == "package-0")
        if killed_ns - last_seen_ns(recorded, "package-0") < CLOSE_TO_THE_END_S * 1e9 and package.gap_s == 0:
            break
    # AND every channel is known up to the kill, without a hole between file and ring, and true
    assert not recorded.complete
    for domain in ("package-0", "dram-0", "core", "psys"):
        assert killed_ns - last_seen_ns(recorded, domain) < CLOSE_TO_THE_END_S * 1e9
    assert package.gap_s == 0
    truth_j = emulator.true_energy_j("intel-rapl:0", recorded.data.start_ns, recorded.data.end_ns)
    assert package.energy_j == pytest.approx(truth_j, rel=0.01)
    # AND a new recording to the same place rescues the old one, to the last edge
    finished = run(pycarbon_run("true", output=output))
    [rescued] = output.parent.glob("a-cut-off-*.pcr")
    assert f"an earlier recording was cut off; it is now {rescued}" in finished.stderr
    assert load(output).complete
    assert load(rescued).energy == recorded.energy
    assert homes(output.parent) == []


def test_live_run_can_be_read_at_any_moment(tmp_path: Path) -> None:
    # GIVEN a recording that goes on
    output = tmp_path / "a.pcr"
    with PowercapEmulator() as emulator:
        options = ["--root", str(emulator.root)]
        with started(pycarbon_run(*PYTHON, "-c", WAITING, output=output, options=options)) as process:
            assert process.line() == "ready"
            # WHEN it is read over and over while frames are written
            end_s, reads = time.monotonic() + 2.5, 0
            while time.monotonic() < end_s:
                recorded = load(output)
                edges = recorded.edges("package-0")
                # THEN there is never an update missing in between
                assert not recorded.complete
                assert (edges["energy_j"][1:] - edges["energy_j"][:-1] < 50 * 0.5).all()
                times_ns = recorded.data.edges_of(recorded.data.channels[0])["t_seen_ns"]
                assert (times_ns[1:] > times_ns[:-1]).all()
                reads += 1
            process.end()
    assert reads > 5 and load(output).complete


def test_forked_child_does_not_keep_a_dead_recording_alive(tmp_path: Path) -> None:
    # GIVEN a recording program that was killed while a child that it forked lives on
    child = "print('ready', flush=True); sys.stdin.read(); os._exit(0)"
    fork = f"    if os.fork() == 0:\n        {child}\n    time.sleep(60)"
    with started([sys.executable, "-c", BEGIN + fork]) as process:
        assert process.line() == "ready"
        process.kill()
        process.wait(20)
        # WHEN something else is recorded to the same place
        finished = run(pycarbon_run("true", output=tmp_path / "a.pcr"))
        assert process.stdin is not None
        process.stdin.close()
    # THEN the dead one is set aside
    assert "an earlier recording was cut off" in finished.stderr
    assert load(tmp_path / "a.pcr").complete and (tmp_path / "a-cut-off-1.pcr").exists()


def test_each_cut_off_run_is_rescued_under_a_name_of_its_own(tmp_path: Path) -> None:
    for number in (1, 2):
        run(program(f"{BEGIN}    os._exit({number})"))
    run(pycarbon_run("true", output=tmp_path / "a.pcr"))
    ids = {load(tmp_path / name).id for name in ("a.pcr", "a-cut-off-1.pcr", "a-cut-off-2.pcr")}
    assert len(ids) == 3


def test_run_with_everything_on_a_pipe_that_closes_early(tmp_path: Path) -> None:
    with started(pycarbon_run("sh", "-c", "echo ready; read x; exit 3", output=tmp_path / "a.pcr")) as process:
        assert process.line() == "ready"
        assert process.stderr is not None
        process.stderr.close()
        assert process.stdin is not None
        os.write(process.stdin.fileno(), b"go\n")
        assert process.wait(20) == 3
    assert json.loads(run([*pycarbon_run("x")[:1], "report", "a.pcr", "--json"]).stdout)["run"]["exit_status"] == 3
