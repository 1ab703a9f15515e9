"""GPUs, from the driver's library to the figures: the test NVML knows what its GPUs truly used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pynvml
import pytest
from nvml_emulator import Gpu, NvmlEmulator, Process, Refresh, Slice, Square
from processes import pycarbon_run, run

from pycarbon import Run, load
from pycarbon.source_nvml import PIDS_OF_THE_MACHINE

PATIENCE = 3
NO_COUNTER = {"energy_counter": False, "field_instant": False, "field_average": False, "samples": None}
SLICES = (
    Slice("MIG-00000000-0000-4000-8000-000000000001", 1, gpu_slices=3),
    Slice("MIG-00000000-0000-4000-8000-000000000002", 2, gpu_slices=4),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine without counters, into whose `lib` a test puts its GPUs' library."""
    (tmp_path / "root" / "sys").mkdir(parents=True)
    return tmp_path / "root"


def emulated(root: Path, *gpus: Gpu, **options: object) -> NvmlEmulator:
    return NvmlEmulator(root / "lib", gpus, **options)


def recorded(root: Path, *command: str) -> Run:
    output = root.parent / "run.pcr"
    finished = run(pycarbon_run(*command, output=output, options=["--root", str(root)]))
    assert finished.returncode == 0, finished.stderr
    return load(output)


def doctor(root: Path) -> dict:
    told = run([sys.executable, "-m", "pycarbon", "doctor", "--json", "--root", str(root)])
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def channel_of(found: Run, domain: str = "gpu-0"):
    return next(channel for channel in found.energy.channels if channel.domain == domain)


def check_truth(found: Run, nvml: NvmlEmulator, index: int = 0) -> None:
    used = channel_of(found, f"gpu-{index}")
    true_j = nvml.true_energy_j(index, found.data.start_ns, found.data.end_ns)
    assert used.low_j <= true_j <= used.high_j
    assert used.kind == "measured" and used.in_total


def test_each_gpu_has_a_counter_of_its_own_and_a_period_as_measured(root):
    # GIVEN two GPUs, one steady and one that swings, whose counters are refreshed at different paces
    swings = Square(300, 60, period_s=0.25)
    gpus = Gpu(120.0), Gpu(swings, energy_refresh=Refresh(100), name="NVIDIA Other", values={"temperature_c": 61})
    nvml = emulated(root, *gpus)
    # WHEN two seconds are recorded; again where the machine was too busy to follow a counter
    for _ in range(PATIENCE):
        found = recorded(root, "sleep", "2")
        periods = {looks["channel"]: looks["period_ns"] for looks in found.data.footer["looks"]}
        numbers = [found.data.channel(f"gpu-{index}").id for index in (0, 1)]
        if all(periods[number] > 0 for number in numbers):
            break
    # THEN the truth is in the intervals, closely
    for index in (0, 1):
        check_truth(found, nvml, index)
    steady = channel_of(found)
    assert (steady.high_j - steady.low_j) / steady.energy_j < 0.25  # at rest 0.04; a busy machine misses some looks
    assert steady.energy_j == pytest.approx(nvml.true_energy_j(0, found.data.start_ns, found.data.end_ns), rel=0.03)
    # AND the file says which GPUs these are, and how often each was refreshed
    assert [gpu.name for gpu in found.gpus] == ["NVIDIA Emulated A100", "NVIDIA Other"]
    assert periods[numbers[0]] == pytest.approx(20e6, rel=0.02)
    assert periods[numbers[1]] == pytest.approx(100e6, rel=0.02)
    # AND what was read beside
    assert set(found.level("gpu-1-temperature")["value"]) == {61.0}
    assert set(found.level("gpu-0-power")["value"]) == {120.0}
    assert found.energy.process_low_j < found.energy.process_j < found.energy.process_high_j


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ({"samples": 64}, "samples of power"),
        ({"field_instant": True}, "power at the moment"),
        ({"field_average": True}, "averaged over a second"),
        ({"power_usage": "instant"}, "averaged over a second"),
    ],
)
def test_a_gpu_without_a_counter_has_its_power_integrated(root, features, said):
    # GIVEN a GPU that tells its power in one way alone
    nvml = emulated(root, Gpu(Square(250, 100, period_s=0.8), **NO_COUNTER | features))
    # WHEN it is recorded
    found = recorded(root, "sleep", "1.5")
    # THEN the truth is in an interval that is wider, and the run says why
    check_truth(found, nvml)
    used = channel_of(found)
    assert used.high_j > 1.05 * used.energy_j and used.low_j < used.energy_j / 1.05
    assert any("gpu-0 has no counter of energy" in note and "within 5%" in note for note in found.notes)
    assert said in found.data.meta["choice"]["gpu-0"]


def test_a_driver_that_lacks_a_symbol_loses_what_needs_it_and_no_more(root):
    missing = ["nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetProcessUtilization", "nvmlDeviceGetTemperature"]
    nvml = emulated(root, Gpu(100.0), missing=missing)
    found = recorded(root, "sleep", "0.6")
    check_truth(found, nvml)
    domains = {channel.domain for channel in found.data.channels}
    assert "gpu-0-power" in domains and not {"gpu-0-temperature", "gpu-0-process"} & domains
    assert any("does not tell processes apart" in note for note in found.notes)
    (counter,) = doctor(root)["counters"]
    assert "its driver is too old to tell it" in counter["remark"]


def test_a_gpu_that_is_lost_in_mid_run_ends_its_own_figures_alone(root):
    # GIVEN two GPUs, of which the first falls off the bus while the program runs
    nvml = emulated(root, Gpu(100.0), Gpu(50.0))
    command = pycarbon_run("sleep", "1.2", output=root.parent / "run.pcr", options=["--root", str(root)])
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while nvml.calls("nvmlDeviceGetTotalEnergyConsumption") < 40:
            assert process.poll() is None
        nvml.lose(0)
        process.communicate()
    # THEN the run is whole, and only the lost one's interval is open
    assert process.returncode == 0
    found = load(root.parent / "run.pcr")
    check_truth(found, nvml, 1)
    lost, whole = channel_of(found), channel_of(found, "gpu-1")
    assert lost.gap_s > 0.1 and whole.gap_s == 0
    assert any("gpu-0 gave no news" in note for note in found.notes)


@pytest.mark.parametrize(
    ("visible", "domains"),
    [("1", ["gpu-1"]), ("GPU-00000001,0", ["gpu-1", "gpu-0"]), (SLICES[1].uuid, ["gpu-2"]), ("", []), ("9", [])],
)
def test_what_cuda_hides_is_left_out(root, monkeypatch, visible, domains):
    emulated(root, Gpu(100.0), Gpu(50.0), Gpu(200.0, mig=SLICES))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    told = doctor(root)
    assert [counter["domain"] for counter in told["counters"]] == domains
    if visible == SLICES[1].uuid:
        assert "1 of 2 MIG slices" in told["counters"][0]["remark"]
    if visible == "9":
        assert any("names '9'" in obstacle["what"] for obstacle in told["obstacles"])


def test_a_program_in_a_namespace_of_its_own_has_no_known_part(root):
    emulated(root, Gpu(100.0))
    inner = pycarbon_run("sleep", "0.3", output=root.parent / "run.pcr", options=["--root", str(root)])
    finished = run(["unshare", "--pid", "--fork", "--mount-proc", *inner])
    if "unshare" in finished.stderr:
        pytest.skip(f"no namespace of pids can be made here: {finished.stderr}")
    found = load(root.parent / "run.pcr")
    assert found.data.channel("gpu-0-process") is None and found.data.channel("gpu-0-processes") is not None
    assert any("does not tell processes apart" in note for note in found.notes)


@pytest.mark.skipif(
    str(Path("/proc/self/ns/pid").readlink()) != PIDS_OF_THE_MACHINE, reason="pids here are not the machine's"
)
def test_a_programs_part_of_a_gpu_is_what_the_driver_says(root):
    # GIVEN a GPU that somebody else keeps busy for a fifth of the time, and the program for three fifths
    nvml = emulated(root, Gpu(100.0, process_refresh=Refresh(100)))
    command = pycarbon_run("sleep", "2.2", output=root.parent / "run.pcr", options=["--root", str(root)])
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        pids: list[int] = []
        while not pids:
            listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            pids = [int(pid) for pid in listed if Path(f"/proc/{pid}/comm").read_text() == "sleep\n"]
        nvml.set_processes(0, [Process(pids[0], 60), Process(1, 20)])
        process.communicate()
    found = load(root.parent / "run.pcr")
    # THEN it answers for that part, though it used no CPU time
    gpu_j = channel_of(found).energy_j
    cpu_j = found.energy.total_j - gpu_j
    assert 0.45 * gpu_j < found.energy.process_j < 0.62 * gpu_j + 0.1 * cpu_j
    assert found.energy.process_low_j < 0.5 * gpu_j < found.energy.process_high_j
    assert not any("tell processes apart" in note for note in found.notes)


def test_a_pynvml_that_is_too_old_for_slices_names_what_it_knows(root, monkeypatch):
    # GIVEN what the package pynvml was before nvidia-ml-py had that name: without all newer functions
    old = root / "old"
    old.mkdir()
    newer = ["nvmlDeviceGetMigMode", "nvmlDeviceGetAttributes_v2", "nvmlDeviceGetArchitecture"]
    gone = f"for name in {newer}:\n    del globals()[name]\n"
    (old / "pynvml.py").write_text(f"exec(open({pynvml.__file__!r}).read())\n{gone}")
    monkeypatch.setenv("PYTHONPATH", str(old), prepend=os.pathsep)
    emulated(root, Gpu(100.0))
    # THEN GPUs are read all the same
    assert [counter["domain"] for counter in doctor(root)["counters"]] == ["gpu-0"]


@pytest.mark.parametrize(
    ("code", "said", "remedy"),
    [
        (18, "of another version than the driver", "reboot"),
        (9, "not loaded", "modprobe nvidia"),
        (4, "may not ask", "chmod a+rw /dev/nvidia"),
        (999, "does not start", "nvidia-smi"),
    ],
)
def test_a_driver_that_does_not_start_is_one_line(root, code, said, remedy):
    emulated(root).fail("nvmlInit*", code)
    found = [obstacle for obstacle in doctor(root)["obstacles"] if obstacle["source"] == "nvml"]
    assert len(found) == 1 and said in found[0]["what"] and remedy in found[0]["remedy"]


def test_no_driver_matters_only_where_there_is_a_gpu(root):
    # GIVEN no library, and then one that is none
    assert not [obstacle for obstacle in doctor(root)["obstacles"] if obstacle["source"] == "nvml"]
    (root / "lib").mkdir()
    (root / "lib" / "libnvidia-ml.so.1").write_text("not a library")
    assert not [obstacle for obstacle in doctor(root)["obstacles"] if obstacle["source"] == "nvml"]
    # WHEN an NVIDIA display controller is on the bus
    device = root / "sys" / "bus" / "pci" / "devices" / "0000:01:00.0"
    device.mkdir(parents=True)
    (device / "vendor").write_text("0x10de\n")
    (device / "class").write_text("0x030200\n")
    # THEN it is said what to type
    (found,) = [obstacle for obstacle in doctor(root)["obstacles"] if obstacle["source"] == "nvml"]
    assert "an NVIDIA GPU is here" in found["what"] and "--gpus all" in found["remedy"]


def test_a_driver_that_hangs_does_not_keep_the_program_from_ending(root):
    # GIVEN a driver whose calls stop coming back while a program is recorded
    nvml = emulated(root, Gpu(100.0))
    command = pycarbon_run("sleep", "1.5", output=root.parent / "run.pcr", options=["--root", str(root)])
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while nvml.calls("nvmlDeviceGetFieldValues") < 12:
            assert process.poll() is None
        nvml.delay("nvmlDeviceGet*", 3_000_000_000)
        told = process.communicate(timeout=30)[1].decode()
    # THEN the run ends, says so, and has what was read before
    assert process.returncode == 0 and "does not come back" in told
    assert channel_of(load(root.parent / "run.pcr")).edges > 0


def test_slow_calls_cost_the_recorded_program_nothing(root):
    # GIVEN a driver whose calls take 5 ms each, asleep
    nvml = emulated(root, Gpu(100.0, energy_refresh=Refresh(100)))
    nvml.delay("nvmlDeviceGet*", 5000)
    # WHEN a program is recorded
    found = recorded(root, "sleep", "1")
    # THEN its GPU's figures hold, and the samplers used little CPU time
    check_truth(found, nvml)
    assert found.data.footer["sampler_cpu_s"] < 0.2
