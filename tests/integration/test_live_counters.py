"""What is recorded of live counters is the truth: the emulator knows what its machine really used."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator, in_mount_namespace
from processes import pycarbon_run, run

from pycarbon import Run, load
from pycarbon.recording import Recording, Request

STARVED_US = 5_000
"""An emulator that was this late did not show what it meant to: the experiment is made once more."""

ALL_ZONES = ("core", "uncore", "dram", "psys", "mmio")
Option = float | str | tuple[str, ...] | dict[str, float]


def recorded(
    how: Callable[[PowercapEmulator, Path], Run], output: Path, **options: Option
) -> tuple[Run, PowercapEmulator]:
    """Record with a live emulator; once more where the machine starved it or the sampler."""
    for _ in range(2):
        with PowercapEmulator(**options) as emulator:
            finished = how(emulator, output)
        gaps_s = max(channel.gap_s for channel in finished.energy.channels)
        if emulator.report["lateness_max_us"] < STARVED_US and gaps_s == 0:
            break
    return finished, emulator


def through_root(emulator: PowercapEmulator, output: Path) -> Run:
    command = pycarbon_run("sleep", "2", output=output, options=["--root", str(emulator.root)])
    assert run(command).returncode == 0
    return load(output)


def unmodified(emulator: PowercapEmulator, output: Path) -> Run:
    assert run(in_mount_namespace(emulator.root, pycarbon_run("sleep", "2", output=output))).returncode == 0
    return load(output)


def in_process(emulator: PowercapEmulator, output: Path) -> Run:
    with Recording(Request("block", [], path=output, root=emulator.root)) as live:
        run(["sleep", "2"])
    return live


def assert_true(finished: Run, emulator: PowercapEmulator, domains: dict[str, str]) -> None:
    """Each domain is within 0.5 % of the truth and encloses it, and so does the total of those that count."""
    span_ns = (finished.data.start_ns, finished.data.end_ns)
    channels = {channel.domain: channel for channel in finished.energy.channels}
    assert finished.duration_s > 2
    slack_s = emulator.oldest_value_ns() / 1e9
    total_j = 0.0
    for domain, zone in domains.items():
        channel = channels[domain]
        truth_j = emulator.true_energy_j(zone, *span_ns)
        late_j = truth_j / finished.duration_s * slack_s  # a value may be so old when it is shown
        assert channel.kind == "measured"
        assert channel.energy_j == pytest.approx(truth_j, rel=0.005)
        assert channel.low_j - late_j <= truth_j <= channel.high_j + late_j
        assert channel.high_j - channel.low_j < 0.02 * truth_j
        assert 0.05 < channel.edges / (finished.duration_s / 976e-6) < 1.01
        total_j += truth_j if channel.in_total else 0.0
    assert finished.energy.total_j == pytest.approx(total_j, rel=0.005)
    assert finished.energy.kind == "measured"
    assert finished.complete and finished.notes == []


@pytest.mark.parametrize("how", [through_root, in_process])
def test_total_is_package_and_memory_and_nothing_else(how: Callable[..., Run], tmp_path: Path) -> None:
    # GIVEN a machine with every kind of zone WHEN two seconds are recorded
    finished, emulator = recorded(how, tmp_path / "a.pcr", zones=ALL_ZONES, jitter_us=20)
    # THEN each is true, and core, uncore, psys and the mirror stay out of the total
    names = ["package-0", "dram-0", "core", "uncore", "psys"]
    zones = ["intel-rapl:0", "dram", "core", "uncore", "psys"]
    assert_true(finished, emulator, dict(zip(names, zones, strict=True)))
    in_total = {channel.domain: channel.in_total for channel in finished.energy.channels}
    assert in_total == dict.fromkeys(names, False) | {
        "package-0": True,
        "dram-0": True,
        "package-0-mmio": False,
    }


def test_unmodified_command_in_a_machine_of_its_own(namespaces: None, tmp_path: Path) -> None:
    finished, emulator = recorded(unmodified, tmp_path / "a.pcr")
    assert_true(finished, emulator, {"package-0": "intel-rapl:0", "dram-0": "dram"})


def test_record_in_a_program_of_its_own(namespaces: None, tmp_path: Path) -> None:
    # GIVEN a program that records itself, on a machine whose counters are the emulator's
    program = (
        "import json, time, pycarbon\n"
        "with pycarbon.record('program', path='a.pcr') as run:\n"
        "    time.sleep(2)\n"
        "print(json.dumps([run.energy.total_j, run.energy.kind, run.emissions.co2e_g]))\n"
    )

    def by_itself(emulator: PowercapEmulator, output: Path) -> Run:
        answers.append(run(in_mount_namespace(emulator.root, [sys.executable, "-c", program])))
        return load(output)

    # WHEN it runs THEN its figures are true and the file's
    answers: list[object] = []
    finished, emulator = recorded(by_itself, tmp_path / "a.pcr")
    assert_true(finished, emulator, {"package-0": "intel-rapl:0", "dram-0": "dram"})
    figures = [finished.energy.total_j, "measured", finished.emissions.co2e_g]
    assert json.loads(getattr(answers[-1], "stdout", "")) == figures


def test_counters_that_go_round_five_times_a_second(tmp_path: Path) -> None:
    finished, emulator = recorded(
        through_root, tmp_path / "a.pcr", power_w={"package": 50, "dram": 8}, wrap_uj=10_000_000
    )
    assert emulator.report["wraps"]["intel-rapl:0"] >= 10
    assert_true(finished, emulator, {"package-0": "intel-rapl:0", "dram-0": "dram"})


def test_power_that_changes_all_the_time(tmp_path: Path) -> None:
    finished, emulator = recorded(through_root, tmp_path / "a.pcr", wave="square:0.2:1.8:7")
    assert_true(finished, emulator, {"package-0": "intel-rapl:0", "dram-0": "dram"})


def test_two_packages_are_added(tmp_path: Path) -> None:
    options: dict[str, Option] = {"packages": 2, "zones": ("core", "dram"), "power_w": {"package": 60, "dram": 9}}
    finished, emulator = recorded(through_root, tmp_path / "a.pcr", **options)
    named = {zone["zone"]: zone["name"] for zone in emulator.zones.values()}
    memory = [zone for zone, name in named.items() if name == "dram"]
    domains = {"package-0": "intel-rapl:0", "package-1": "intel-rapl:1", "dram-0": memory[0], "dram-1": memory[1]}
    assert_true(finished, emulator, domains)
    assert {c.domain for c in finished.energy.channels if c.in_total} == set(domains)


def test_client_machine_without_memory_counter_models_its_memory(tmp_path: Path) -> None:
    # GIVEN a client machine, whose memory has no counter WHEN it is recorded
    finished, emulator = recorded(through_root, tmp_path / "a.pcr", zones=("core", "uncore", "psys"))
    channels = {channel.domain: channel for channel in finished.energy.channels}
    truth_j = emulator.true_energy_j("package-0", finished.data.start_ns, finished.data.end_ns)
    # THEN the package is measured, the total is it alone, and core, uncore and psys are not added
    assert channels["package-0"].energy_j == pytest.approx(truth_j, rel=0.005)
    assert [name for name, channel in channels.items() if channel.in_total] == ["package-0"]
    assert finished.energy.total_j == channels["package-0"].energy_j
    assert {name for name, channel in channels.items() if channel.kind == "modelled"} <= {"ram"}
