"""`pycarbon bench` end to end: true figures from live counters, commands that misbehave, and always a clean end."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from powercap_emulator import PowercapEmulator
from processes import PYCARBON, PYTHON, run, started, state, wait_until
from test_run_terminal import terminal

POWER_W = 58
QUICK = ("--precision", "50%", "--warmup", "0", "--prepare", "true", "--max-time", "40")  # one run a trial
"""Ten rounds, unless the machine is in a bad way."""


@pytest.fixture(scope="module")
def machine() -> Iterator[PowercapEmulator]:
    with PowercapEmulator(power_w={"package": 50, "dram": 8}) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def bench(machine: PowercapEmulator) -> list[str]:
    return [PYCARBON, "bench", "--root", str(machine.root)]


def gone(folder: Path) -> bool:
    """Whether all processes have ended that wrote their number into the file `pids`."""
    return not [pid for pid in map(int, (folder / "pids").read_text().split()) if state(pid) not in ("", "Z")]


def true_j(machine: PowercapEmulator, trial: dict[str, Any]) -> float:
    energy = [machine.true_energy_j(zone, trial["start_ns"], trial["end_ns"]) for zone in ("package-0", "dram")]
    return sum(energy) / float(trial["count"])


def test_a_command_that_sleeps_longer_is_found_and_energies_are_the_truth(machine, bench) -> None:
    # GIVEN a machine of constant power, and three commands of which one sleeps a fifth longer
    words = ["--precision", "5%", "--max-time", "60", "--json", "--", "sleep", "0.05"]
    # WHEN they are compared until that is clear
    done = run([*bench, *words, "--vs", "sleep", "0.06", "--vs", "sleep", "0.05"], timeout=100)
    assert done.returncode == 0 and done.stderr == ""
    found = json.loads(done.stdout)
    # THEN each trial's energy is the truth within its bounds, and each figure is measured
    assert found["basis"] == "energy_j" and found["domains"] == ["package-0", "dram-0"]
    for trial in found["trials"]:
        energy = trial["energy_per_call_j"]
        assert energy["low"] <= true_j(machine, trial) <= energy["high"]
        assert energy["best"] == pytest.approx(true_j(machine, trial), rel=0.1)
    for variant in found["variants"]:
        assert variant["kind"] == "measured"
        own = [true_j(machine, trial) for trial in found["trials"] if trial["variant"] == variant["name"]]
        assert variant["energy_per_call_j"]["best"] == pytest.approx(sum(own) / len(own), rel=0.03)
    # AND the difference is told
    assert found["reached"]
    longer, equal = found["comparisons"]
    assert longer["verdict"] == "more" and longer["text"].startswith("B uses")
    ratio = longer["ratios"]["energy_j"]
    assert 1 < ratio["low"] < ratio["high"] and ratio["low"] < 1.25 and ratio["high"] > 1.15
    # AND equal ones are not said to differ by much
    for ratio in (equal["ratios"]["energy_j"], found["control"]["ratio"]):
        assert ratio["low"] < 1.05 and ratio["high"] > 0.95
    # AND they ran several times in a row, as one run is too short for the counter, the first twice in each round
    assert min(trial["count"] for trial in found["trials"]) > 1
    trials = [trial["variant"] for trial in found["trials"]]
    assert [trials.count(name) for name in "ABC"] == [2 * found["rounds"], found["rounds"], found["rounds"]]


def test_setup_prepare_and_cleanup_run_in_their_turn(bench, tmp_path) -> None:
    # GIVEN two variants that all write down when they run
    words = [
        *("--sweep", "x=1,2", "--warmup", "2", "--precision", "50%", "--max-time", "40", "--json"),
        *[word for what in ("setup", "prepare", "cleanup") for word in (f"--{what}", f"echo {what} {{x}} >> log")],
    ]
    # WHEN they are compared
    done = run([*bench, *words, "echo run {x} >> log; sleep 0.02"])
    found = json.loads(done.stdout)
    log = (tmp_path / "log").read_text().splitlines()
    # THEN each is set up and warmed up in turn, prepared before every run, and cleaned up once at the end
    warm = [[f"setup {x}", *[f"prepare {x}", f"run {x}"] * 2] for x in (1, 2)]
    assert log[:10] == warm[0] + warm[1]
    assert log[-2:] == ["cleanup 1", "cleanup 2"]
    rounds = log[10:-2]
    assert all(line.startswith("prepare") for line in rounds[::2])
    assert [line.replace("prepare", "run") for line in rounds[::2]] == rounds[1::2]
    assert rounds.count("run 1") == 2 * found["rounds"] and rounds.count("run 2") == found["rounds"]
    # AND the order within rounds is not always the same
    order = rounds[1::2]
    assert len({tuple(order[at : at + 3]) for at in range(0, len(order), 3)}) > 1
    assert [variant["name"] for variant in found["variants"]] == ["x=1", "x=2"]


@pytest.mark.parametrize(
    "words",
    [
        ["printf '%s;' 'a b' $((1+1)) > one; sleep 0.02", "--vs", "printf c > two; sleep 0.02"],
        [
            "--",
            "sh",
            "-c",
            'printf "%s;" "$@" > one; sleep 0.02',
            "--json",
            "a b",
            "2",
            "--vs",
            "sh",
            "-c",
            "printf c > two; sleep 0.02",
        ],
    ],
)
def test_both_spellings_of_the_command_line_run_the_same(bench, tmp_path, words: list[str]) -> None:
    done = run([*bench, *QUICK, *words])
    assert done.returncode == 0, done.stderr
    assert " B  " in done.stdout and "rounds in random order" in done.stdout
    assert (tmp_path / "one").read_text() == "a b;2;" and (tmp_path / "two").read_text() == "c"


@pytest.mark.parametrize(
    ("script", "why", "last"),
    [
        ("seq 5000; echo 'the \x1b[31mend\x1b[0m' >&2; exit 3", "exit status 3", "| the end"),
        ("kill -SEGV $$", "signal 11", ""),
        ("printf 'no \\377 newline'; exit 1", "exit status 1", "| no � newline"),
        ("read answer < /dev/tty", "exit status", "| /bin/sh"),
        ("no-such-command --at all", "no-such-command: there is no such command", ""),
    ],
)
def test_a_command_that_fails_ends_it_with_its_last_lines(bench, script: str, why: str, last: str) -> None:
    done = run([*bench, *QUICK, "--cleanup", "touch cleaned", "true", "--vs", script])
    assert done.returncode == 1 and done.stdout == ""
    *lines, error = done.stderr.splitlines()
    assert error.startswith("pycarbon: ") and why in error
    assert len(lines) <= 10 and (lines or [""])[-1].startswith(last)
    assert Path("cleaned").exists()


def test_a_command_that_fails_may_be_measured_all_the_same(bench) -> None:
    done = run([*bench, *QUICK, "--ignore-failure", "sleep 0.02; exit 3"])
    assert done.returncode == 0 and " A  sleep 0.02; exit 3" in done.stdout


def test_setup_that_fails_ends_it_and_cleanup_that_fails_is_told_beside_the_figures(bench, tmp_path) -> None:
    done = run([*bench, *QUICK, "--setup", "exit 4", "touch ran"])
    assert done.returncode == 1 and "the --setup command 'exit 4' failed with exit status 4" in done.stderr
    assert not (tmp_path / "ran").exists()
    # GIVEN cleanup that fails for one variant
    words = ["--sweep", "x=1,2", "--cleanup", "echo why {x}; touch cleaned{x}; [ {x} = 2 ]", "sleep 0.02{x}"]
    # WHEN all else goes well THEN the figures are there, the other was cleaned up, and the status tells
    done = run([*bench, *QUICK, *words])
    assert done.returncode == 1 and "rounds in random order" in done.stdout
    assert done.stderr.startswith("| why 1\npycarbon: the --cleanup command ")
    assert (tmp_path / "cleaned2").exists()
    # AND it does not hide what failed before
    done = run([*bench, *QUICK, "--cleanup", "exit 6", "exit 5"])
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith("pycarbon: 'exit 5' failed")


def test_a_command_that_never_ends_is_ended_with_the_time(bench, tmp_path) -> None:
    words = ["--max-time", "1s", "--cleanup", "touch cleaned", "echo $$ >> pids; echo waiting; exec sleep 600"]
    done = run([*bench, *words])
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("| waiting\npycarbon: ") and "--max-time" in done.stderr
    assert gone(tmp_path) and (tmp_path / "cleaned").exists()


def test_one_that_never_ends_after_some_rounds_leaves_those(bench, tmp_path) -> None:
    # GIVEN a command that sleeps for ever from its twelfth run on
    words = [
        "--warmup",
        "0",
        "--prepare",
        "true",
        "--max-time",
        "4",
        "echo $$ >> pids; [ $(wc -l < pids) -lt 12 ] || exec sleep 600",
    ]
    # WHEN the time is up THEN what was measured is there
    done = run([*bench, *words])
    assert done.returncode == 0, done.stderr
    assert "the time was up before the last round had ended" in done.stdout and " 5 rounds" in done.stdout
    assert gone(tmp_path)


def test_megabytes_of_output_are_taken_and_told(bench) -> None:
    done = run([*bench, *QUICK, "seq 300000; sleep 0.02"])
    assert done.returncode == 0 and done.stderr == ""
    assert len(done.stdout) < 3000 and "A prints 1.9" in done.stdout


def test_one_that_leaves_processes_behind_is_told_of(bench, tmp_path) -> None:
    done = run([*bench, *QUICK, "sleep 3 & sleep 0.02"])
    assert done.returncode == 0 and "A leaves processes running" in done.stdout


def test_commands_get_the_environment_that_pycarbon_got(bench, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("LANG", "C")
    for name in ("OPENBLAS_NUM_THREADS", "LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    run([*bench, *QUICK, "--setup", "env > seen", "sleep 0.02"])
    names = {line.partition("=")[0] for line in (tmp_path / "seen").read_text().splitlines()}
    assert "LANG" in names and not names & {"OPENBLAS_NUM_THREADS", "LC_ALL", "LC_CTYPE"}


def test_one_started_by_who_ignores_its_children_measures_all_the_same(bench) -> None:
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    )
    done = run([*PYTHON, "-c", ignoring, *bench, *QUICK, "sleep 0.02"])
    assert done.returncode == 0, done.stderr


def test_too_few_file_descriptors_are_said_so(bench) -> None:
    done = run(["sh", "-c", 'ulimit -n 8; exec "$@"', "sh", *bench, *QUICK, "true"])
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "pycarbon: commands cannot be measured here: Too many open files"


REPEATED = "echo $$ >> pids; exec sleep 0.02"


def test_ctrl_c_shows_the_rounds_so_far_and_leaves_nobody(bench, tmp_path) -> None:
    # GIVEN a comparison in a terminal, with its bar
    with terminal(
        [*bench, "--warmup", "0", "--prepare", "true", "--precision", "0.01%", "--cleanup", "touch cleaned", REPEATED]
    ) as screen:
        screen.wait_for(" to go")
        # WHEN Ctrl-C is typed
        screen.type("\x03")
        # THEN what there is is shown, the status says so, and everything is tidy
        assert screen.wait() == 130
        screen.wait_for("A against itself")  # a terminal's far end gives what was written in parts
        wait_until(lambda: (screen.read(), "these are the rounds so far" in " ".join(screen.shown.split()))[1])
    assert gone(tmp_path) and (tmp_path / "cleaned").exists()


def test_ctrl_c_before_there_is_anything_ends_all_the_same(bench, tmp_path) -> None:
    with terminal([*bench, "--cleanup", "touch cleaned", "echo $$ > pids; exec sleep 600"]) as screen:
        wait_until(lambda: (screen.read(), (tmp_path / "pids").exists() and (tmp_path / "pids").read_text())[1])
        screen.type("\x03")
        assert screen.wait() == 130
    assert gone(tmp_path) and (tmp_path / "cleaned").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_programs_is_an_interruption(bench, tmp_path, number: signal.Signals) -> None:
    words = [
        "--warmup",
        "0",
        "--prepare",
        "true",
        "--precision",
        "0.01%",
        "--cleanup",
        "touch cleaned",
        "--json",
        REPEATED,
    ]
    with started([*bench, *words]) as process:
        wait_until(lambda: (tmp_path / "pids").exists() and len((tmp_path / "pids").read_text().split()) > 8)
        process.send_signal(number)
        output, complaints = process.end()
        assert process.returncode == 130 and complaints == ""
    assert len(json.loads(output)["trials"]) >= 4
    assert gone(tmp_path) and (tmp_path / "cleaned").exists()


def test_a_comparison_that_was_started_to_ignore_hangups_does(bench, tmp_path) -> None:
    words = [*bench, "--warmup", "0", "--prepare", "true", "--precision", "50%", "--json", REPEATED]
    with started(["nohup", *words]) as process:
        wait_until(lambda: (tmp_path / "pids").exists() and len((tmp_path / "pids").read_text().split()) > 8)
        process.send_signal(signal.SIGHUP)
        output, _ = process.end()
        assert process.returncode == 0
    assert json.loads(output)["rounds"] >= 10


def test_exports_and_a_plot_are_written_beside_the_report(bench, tmp_path) -> None:
    words = [*QUICK, "--export", "csv=a.csv", "--export", "markdown=a.md", "--export", "json=a.json"]
    words += ["--plot", "a.svg"] if find_spec("matplotlib") else []
    done = run([*bench, *words, "sleep 0.02", "--vs", "sleep 0.020 # | $x"])
    assert done.returncode == 0 and "rounds in random order" in done.stdout
    rows = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text())))
    assert [row["name"] for row in rows] == ["A", "B"] and float(rows[1]["ratio"]) > 0
    assert json.loads((tmp_path / "a.json").read_text())["variants"][1]["command"] == "sleep 0.020 # | $x"
    assert "| A |" in (tmp_path / "a.md").read_text()
    if "--plot" in words:
        picture = ElementTree.parse(tmp_path / "a.svg")
        assert picture.getroot().tag == "{http://www.w3.org/2000/svg}svg" and len(list(picture.iter())) > 100


def test_a_sweep_that_changes_nothing_is_refused(bench, tmp_path) -> None:
    done = run([*bench, "--sweep", "x=1,2", "--sweep", "y=1", "touch ran {x}"])
    assert done.returncode == 2 and "--sweep y: write {y} in a command" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_a_file_that_cannot_be_written_is_refused_before_anything_runs(bench, tmp_path) -> None:
    for words in (["--export", "json=none/a.json"], ["--plot", "none/a.svg"]):
        done = run([*bench, *words, "touch ran"])
        assert done.returncode in (1, 2) and "none" in done.stderr.splitlines()[-1], words
    assert not (tmp_path / "ran").exists()


def test_without_counters_cpu_time_is_compared_and_it_says_so(tmp_path) -> None:
    (tmp_path / "empty" / "sys").mkdir(parents=True)
    words = [
        "--root",
        str(tmp_path / "empty"),
        "--precision",
        "20%",
        "--max-time",
        "30",
        "--warmup",
        "0",
        "--prepare",
        "true",
    ]
    loop = "i=0; while [ $i -lt {n} ]; do i=$((i+1)); done"
    done = run([PYCARBON, "bench", *words, "--sweep", "n=20000,80000", loop, "--export", "json=a.json"])
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "no counter tells energy here: CPU time is compared" in said and "modelled" in said
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["basis"] == "cpu_s" and {variant["kind"] for variant in found["variants"]} == {"modelled"}
    assert found["comparisons"][0]["verdict"] == "more"
    assert all(trial["energy_per_call_j"] is None for trial in found["trials"])


def test_counters_that_vanish_half_way_are_no_measurement(tmp_path) -> None:
    with PowercapEmulator(power_w={"package": 50, "dram": 8}) as emulator:
        words = [
            "--root",
            str(emulator.root),
            "--warmup",
            "0",
            "--prepare",
            "true",
            "--precision",
            "50%",
            "--json",
            REPEATED,
        ]
        with started([PYCARBON, "bench", *words]) as process:
            wait_until(lambda: (tmp_path / "pids").exists() and len((tmp_path / "pids").read_text().split()) > 6)
            emulator.command("remove all")
            output, _ = process.end()
    found = json.loads(output)
    assert found["basis"] == "cpu_s" and found["variants"][0]["kind"] == "modelled"
    assert found["variants"][0]["energy_per_call_j"]["best"] > 0
    assert [line for line in found["warnings"] if "package-0 told nothing" in line]


def test_output_that_cannot_be_written_is_one_line(bench) -> None:
    with Path("/dev/full").open("w") as full:
        done = run([*bench, *QUICK, "sleep 0.02"], capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == "pycarbon: the output could not be written: No space left on device\n"
