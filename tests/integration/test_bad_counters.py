"""Counters that cannot be read, vanish or talk nonsense: the run says so, and what it says stays true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator
from processes import PYTHON, WAITING, Process, pycarbon_run, run, started, wait_until, without_privileges

from pycarbon import Run, RunFileError, load
from pycarbon.run import Flag

PACKAGE = "intel-rapl:0"


def edge_flags(output: Path, domain: str = "package-0") -> int:
    """All the flags that a run, live or not, has for a domain so far."""
    try:
        data = load(output).data
    except RunFileError:  # just being finished
        return 0
    channel = data.channel(domain)
    flags = 0
    for edge in data.edges_of(channel) if channel else []:
        flags |= int(edge["flags"])
    return flags


def recorded_through(
    emulator: PowercapEmulator, output: Path, trouble: Callable[[Process], object], *options: str
) -> tuple[Run, str]:
    """Record a waiting command, make trouble in the middle of it, and give the run and the summary."""
    options = ("--root", str(emulator.root), *options)
    with started(pycarbon_run(*PYTHON, "-c", WAITING, output=output, options=options)) as process:
        assert process.line() == "ready"
        trouble(process)
        _, summary = process.end()
    assert process.returncode == 0
    return load(output), summary


def assert_encloses(finished: Run, emulator: PowercapEmulator, domain: str = "package-0") -> None:
    [channel] = [channel for channel in finished.energy.channels if channel.domain == domain]
    truth_j = emulator.true_energy_j(PACKAGE, finished.data.start_ns, finished.data.end_ns)
    late_j = truth_j / finished.duration_s * emulator.oldest_value_ns() / 1e9
    assert channel.low_j - late_j <= truth_j <= channel.high_j + late_j


def test_unreadable_counters_are_an_estimate_with_what_to_type(tmp_path: Path) -> None:
    with PowercapEmulator() as emulator:
        emulator.command("mode 0 all")
        options = ["--root", str(emulator.root)]
        finished = run(without_privileges(pycarbon_run("echo", "mine", output=tmp_path / "a.pcr", options=options)))
    assert (finished.returncode, finished.stdout) == (0, "mine\n")
    said = " ".join(finished.stderr.split())
    assert "readable by root only" in said and "sudo chmod" in said
    assert load(tmp_path / "a.pcr").energy.kind == "modelled"


def test_one_unreadable_counter_leaves_the_others(tmp_path: Path) -> None:
    with PowercapEmulator(zones=("dram",)) as emulator:
        emulator.command("mode 0 intel-rapl:0:0")
        options = ["--root", str(emulator.root)]
        run(without_privileges(pycarbon_run("sleep", "0.2", output=tmp_path / "a.pcr", options=options)))
    finished = load(tmp_path / "a.pcr")
    assert [c.domain for c in finished.energy.channels if c.in_total] == ["package-0"]
    assert any("intel-rapl:0:0" in obstacle["what"] for obstacle in finished.data.meta["obstacles"])


@pytest.mark.parametrize("fault", ["garbage", "empty"])
def test_nonsense_from_the_start_is_said_and_not_counted(fault: str, tmp_path: Path) -> None:
    with PowercapEmulator(zones=("dram",)) as emulator:
        emulator.command(f"{fault} {PACKAGE}")
        options = ["--root", str(emulator.root)]
        finished = run(pycarbon_run("sleep", "0.2", output=tmp_path / "a.pcr", options=options))
    assert finished.returncode == 0
    recorded = load(tmp_path / "a.pcr")
    assert any("where a number belongs" in obstacle["what"] for obstacle in recorded.data.meta["obstacles"])
    assert "package-0" not in [c.domain for c in recorded.energy.channels if c.kind == "measured"]


@pytest.mark.parametrize("fault", ["garbage", "empty"])
def test_trouble_that_passes_is_a_gap_that_encloses_the_truth(fault: str, tmp_path: Path) -> None:
    # GIVEN a recording of a live counter
    output = tmp_path / "a.pcr"
    with PowercapEmulator(zones=("dram",)) as emulator:

        def trouble(_: Process) -> None:
            emulator.command(f"{fault} {PACKAGE}")
            wait_until(lambda: edge_flags(output) & Flag.LOST)
            emulator.command(f"restore {PACKAGE}")
            wait_until(lambda: edge_flags(output) & Flag.FOUND)

        # WHEN the counter fails for a while
        finished, summary = recorded_through(emulator, output, trouble)
    # THEN there is a gap, the summary says so, and the interval still holds the truth
    package = finished.energy.channels[0]
    assert package.gap_s > 0
    assert "package-0 gave no news for" in " ".join(summary.split())
    assert_encloses(finished, emulator)


@pytest.mark.parametrize("fault", ["garbage", "empty", "vanish"])
def test_trouble_that_stays_is_a_gap_up_to_the_end(fault: str, tmp_path: Path) -> None:
    output = tmp_path / "a.pcr"
    with PowercapEmulator(zones=("dram",)) as emulator:

        def trouble(_: Process) -> None:
            if fault == "vanish":  # what a tmpfs can show of it: a file that stands still and has no name
                emulator.command(f"freeze {PACKAGE}")
                (emulator.class_dir / PACKAGE / "energy_uj").unlink()
            else:
                emulator.command(f"{fault} {PACKAGE}")
            wait_until(lambda: edge_flags(output) & Flag.LOST)

        finished, summary = recorded_through(emulator, output, trouble)
    assert finished.complete
    assert finished.energy.channels[0].gap_s > 0
    assert "package-0 gave no news for" in " ".join(summary.split())
    assert not edge_flags(output, "dram-0") & Flag.LOST


@pytest.mark.parametrize("text", ["0\n", "", "many\n", "-5\n"])
def test_a_range_that_is_none_still_records(text: str, tmp_path: Path) -> None:
    with PowercapEmulator(zones=("dram",)) as emulator:
        (emulator.class_dir / PACKAGE / "max_energy_range_uj").write_text(text)
        options = ["--root", str(emulator.root)]
        run(pycarbon_run("sleep", "0.5", output=tmp_path / "a.pcr", options=options))
    finished = load(tmp_path / "a.pcr")
    truth_j = emulator.true_energy_j(PACKAGE, finished.data.start_ns, finished.data.end_ns)
    assert finished.energy.channels[0].energy_j == pytest.approx(truth_j, rel=0.03)


def test_a_wrap_of_a_counter_whose_range_nobody_knows_is_a_gap(tmp_path: Path) -> None:
    # GIVEN a counter that goes round every 0.2 s and does not say at which value
    with PowercapEmulator(zones=("dram",), wrap_uj=10_000_000) as emulator:
        (emulator.class_dir / PACKAGE / "max_energy_range_uj").write_text("0\n")
        options = ["--root", str(emulator.root)]
        # WHEN a second of it is recorded
        run(pycarbon_run("sleep", "1", output=tmp_path / "a.pcr", options=options))
    # THEN each wrap is a gap, and the interval holds the truth
    finished = load(tmp_path / "a.pcr")
    assert finished.energy.channels[0].gap_s > 0
    assert_encloses(finished, emulator)


def test_unknown_zone_is_said_and_counts_as_an_unknown_place(tmp_path: Path) -> None:
    finished = run(pycarbon_run("echo", "mine", output=tmp_path / "a.pcr", options=["--zone", "ATLANTIS"]))
    assert (finished.returncode, finished.stdout) == (0, "mine\n")
    assert "ATLANTIS" in finished.stderr.splitlines()[0]
    recorded = load(tmp_path / "a.pcr")
    assert not recorded.emissions.place_known
    assert any("ATLANTIS" in note for note in recorded.notes)


def test_unfit_settings_are_said_and_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCARBON_RATE_HZ", "often")
    monkeypatch.setenv("PYCARBON_PUE", "0.2")
    (tmp_path / "pyproject.toml").write_text("[tool.pycarbon\nproject=")
    finished = run(pycarbon_run("echo", "mine"))
    assert (finished.returncode, finished.stdout) == (0, "mine\n")
    assert sum(line.startswith("pycarbon: ") for line in finished.stderr.splitlines()) == 3
