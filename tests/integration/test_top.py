"""`pycarbon top` end to end: true figures from live counters, faults shown as such, and always a clean end."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from powercap_emulator import PowercapEmulator
from processes import PYCARBON, Process, run, started, state, wait_until
from test_run_terminal import Terminal, terminal

LEAVES, SHOWS_CURSOR = "\x1b[?1049l", "\x1b[?25h"
PATIENCE = 400


def top(*options: str | Path) -> list[str]:
    return [PYCARBON, "top", *map(str, options)]


def watching(emulator: PowercapEmulator) -> list[str]:
    return top("--json", "--root", emulator.root)


def lines_of(process: Process, count: int) -> list[dict[str, Any]]:
    return [json.loads(process.line()) for _ in range(count)]


def next_with(process: Process, domain: str, states: set[str]) -> dict[str, Any]:
    """Read on until a domain is in one of some states: that domain."""
    seen = []
    for _ in range(PATIENCE):
        update = json.loads(process.line())
        [found] = [one for one in update["domains"] if one["domain"] == domain]
        seen.append(found["state"])
        if found["state"] in states:
            return {**found, "elapsed_s": update["elapsed_s"], "total": update["total"]}
    raise AssertionError(f"{domain} was never {states}, but {set(seen)}")


def figures_hold(figures: dict[str, Any]) -> None:
    for low, best, high in (("low_w", "power_w", "high_w"), ("low_j", "energy_j", "high_j")):
        ends = figures[low], figures[best], figures[high]
        assert (None in ends and set(ends) == {None}) or 0 <= ends[0] <= ends[1] <= ends[2]
    assert figures["kind"] in ("measured", "modelled")


def test_power_and_energy_are_true(tmp_path: Path) -> None:
    # GIVEN a machine of 50 + 8 W, with a core and a platform counter beside them
    options: dict[str, Any] = {"zones": ("core", "dram", "psys"), "jitter_us": 20}
    watts = {"package": 50, "dram": 8, "core": 30, "psys": 80}
    with PowercapEmulator(power_w=watts, **options) as emulator:
        # WHEN it is watched for two seconds
        finished = run(top("--json", "--root", emulator.root, "--zone", "FRA", "--seconds", "2"))
    assert (finished.returncode, finished.stderr) == (0, "")
    updates = [json.loads(line) for line in finished.stdout.splitlines()]
    assert 5 < len(updates) <= 21 and all(update["schema"] == 1 for update in updates)
    last = updates[-1]
    assert last["elapsed_s"] == pytest.approx(2, abs=0.5)
    # THEN the package and the memory are added, and the others are not
    assert last["total"]["domains"] == ["package-0", "dram-0"]
    named = {one["domain"]: one for one in last["domains"]}
    assert [name for name, one in named.items() if not one["in_total"]] == ["core", "psys"]
    # THEN power and energy are true, and lie in their intervals, whenever they are told
    for update in updates:
        for figures in (*update["domains"], update["total"]):
            figures_hold(figures)
    told = [update["total"] for update in updates if update["total"]["power_w"] is not None]
    assert told
    late_w = 58 * emulator.oldest_value_ns() / 1e9 / 0.1
    for total in told:
        assert total["low_w"] - late_w <= 58 <= total["high_w"] + late_w
    late_j = 58 * emulator.oldest_value_ns() / 1e9
    truth_j = 58 * last["elapsed_s"]
    assert last["total"]["low_j"] - late_j <= truth_j <= last["total"]["high_j"] + late_j
    assert last["total"]["energy_j"] == pytest.approx(truth_j, rel=0.02)
    assert last["total"]["mean_w"] == pytest.approx(58, rel=0.02)
    assert last["total"]["peak_w"] >= max(total["power_w"] for total in told)
    # THEN the grams are the watts' at the zone's factor
    total = told[-1]
    grams = total["power_w"] * 3600 / 3.6e6 * total["intensity_g_per_kwh"]
    assert total["co2e_g_per_h"] == pytest.approx(grams)
    assert total["low_g_per_h"] < grams < total["high_g_per_h"] and total["zone"] == "FRA"


def test_a_change_of_power_is_seen_and_the_peak_stays() -> None:
    with (
        PowercapEmulator(power_w={"package": 20, "dram": 1}) as emulator,
        started(watching(emulator)) as process,
    ):
        next_with(process, "package-0", {"ok"})
        emulator.command("power package=90")
        for _ in range(PATIENCE):
            if (next_with(process, "package-0", {"ok"})["power_w"]) > 80:
                break
        emulator.command("power package=20")
        for _ in range(PATIENCE):
            found = next_with(process, "package-0", {"ok"})
            if found["power_w"] < 30:
                break
        assert found["peak_w"] > 80 and found["power_w"] < 30
        process.send_signal(signal.SIGTERM)
        process.end()


def test_a_machine_without_counters_is_modelled(tmp_path: Path) -> None:
    (tmp_path / "root/sys").mkdir(parents=True)
    finished = run(top("--json", "--root", tmp_path / "root", "--seconds", "1.5"))
    assert (finished.returncode, finished.stderr) == (0, "")
    last = json.loads(finished.stdout.splitlines()[-1])
    assert last["domains"] and all(one["kind"] == "modelled" for one in last["domains"])
    figures_hold(last["total"])
    assert last["total"]["power_w"] > 0 and last["total"]["energy_j"] > 0
    assert last["total"]["mean_w"] == pytest.approx(last["total"]["energy_j"] / last["elapsed_s"])
    told = run(top("--root", tmp_path / "root", "--seconds", "0.3"))
    assert told.returncode == 0 and "An estimate: " in told.stdout and "modelled" in told.stdout


def test_a_counter_that_freezes_is_silent_and_comes_back() -> None:
    with PowercapEmulator() as emulator, started(watching(emulator)) as process:
        next_with(process, "package-0", {"ok"})
        # WHEN it stands still THEN its power is not known, nor the total's, and its energy never falls
        emulator.command("freeze intel-rapl:0")
        silent = next_with(process, "package-0", {"silent"})
        assert silent["power_w"] is None and silent["silent_s"] > 0 and silent["total"]["power_w"] is None
        assert silent["total"]["co2e_g_per_h"] is None and silent["energy_j"] > 0
        # WHEN it goes on THEN so does the power, without a leap
        emulator.command("restore intel-rapl:0")
        back = next_with(process, "package-0", {"ok"})
        assert back["low_w"] <= back["power_w"] < 1000
        process.send_signal(signal.SIGINT)
        assert process.end()[1] == "" and process.returncode == 0


def test_a_counter_that_is_removed_is_shown_and_comes_back() -> None:
    with PowercapEmulator() as emulator, started(watching(emulator)) as process:
        next_with(process, "dram-0", {"ok"})
        emulator.command(f"remove {emulator.zone_id('dram')}")
        gone = next_with(process, "dram-0", {"lost", "silent"})
        assert gone["power_w"] is None
        emulator.command(f"restore {emulator.zone_id('dram')}")
        back = next_with(process, "dram-0", {"ok"})
        assert back["low_w"] <= back["power_w"] < 1000
        process.send_signal(signal.SIGTERM)
        assert process.end()[1] == "" and process.returncode == 0


def test_no_absurd_power_after_it_was_stopped_itself() -> None:
    with (
        PowercapEmulator(power_w={"package": 50, "dram": 8}) as emulator,
        started(watching(emulator)) as process,
    ):
        before = next_with(process, "package-0", {"ok"})
        # WHEN it is stopped for a while and continued
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: state(process.pid) == "T")
        continue_at_s = time.monotonic() + 1.5
        wait_until(lambda: time.monotonic() > continue_at_s)
        process.send_signal(signal.SIGCONT)
        updates = []
        for _ in range(PATIENCE):
            updates.append(json.loads(process.line()))
            package = updates[-1]["domains"][0]
            if updates[-1]["elapsed_s"] > before["elapsed_s"] + 2 and package["state"] == "ok":
                break
        process.send_signal(signal.SIGTERM)
        process.end()
    # THEN no power is told that is not there, and what was used meanwhile is in the energy
    told = [one for update in updates for one in update["domains"] if one["power_w"] is not None]
    assert told and all(one["power_w"] < 200 and one["high_w"] < 400 for one in told)
    last = updates[-1]
    assert last["elapsed_s"] > 1.5
    assert last["total"]["mean_w"] == pytest.approx(58, rel=0.05)


@pytest.mark.parametrize("reader", ["head -3", "true"])
def test_a_reader_that_leaves_ends_it(reader: str) -> None:
    finished = run(["bash", "-c", f'"$@" | {reader}; exit "${{PIPESTATUS[0]}}"', "bash", *top("--json")])
    assert (finished.returncode, finished.stderr) == (0, "")
    assert len(finished.stdout.splitlines()) == (3 if "3" in reader else 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_without_a_word(number: signal.Signals) -> None:
    with started(top("--json")) as process:
        lines_of(process, 2)
        process.send_signal(number)
        rest, complaints = process.end()
        assert (process.returncode, complaints) == (0, "")
        assert all(json.loads(line) for line in rest.splitlines())


def test_without_a_terminal_it_prints_blocks_of_plain_lines(tmp_path: Path) -> None:
    with PowercapEmulator(zones=("core", "dram")) as emulator:
        finished = run(top("--root", emulator.root, "--seconds", "2.5"))
    assert finished.returncode == 0 and "\x1b" not in finished.stdout
    blocks = finished.stdout.count("pycarbon top · ")
    assert 2 <= blocks <= 4
    assert re.search(r"^  package-0 +[\d.]+ W +[\d.]+ to [\d.]+ ", finished.stdout, re.MULTILINE)
    assert re.search(r"^ \(core\)", finished.stdout, re.MULTILINE) and "package-0 + dram-0" in finished.stdout
    assert "g/h" in finished.stdout and "measured" in finished.stdout


@pytest.mark.parametrize(
    "words", [["--interval", "0"], ["--interval", "soon"], ["--seconds", "-1"], ["--priority", "high"]]
)
def test_wrong_usage_is_2(words: list[str]) -> None:
    told = run(top(*words))
    assert (told.returncode, told.stdout) == (2, "") and "usage: pycarbon top" in told.stderr


def test_what_cannot_be_is_one_line(tmp_path: Path) -> None:
    for words in (["--zone", "ATLANTIS"], ["--root", tmp_path], ["--cpu-budget", "-1"]):
        told = run(top(*words))
        assert (told.returncode, told.stdout, told.stderr.count("\n")) == (1, "", 1), words


def shown(screen: Terminal) -> str:
    """The latest frame, as text."""
    frame = screen.shown.rpartition(LEAVES)[0] or screen.shown
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", frame.rpartition("\x1b[H")[2])


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.parametrize("how", ["q", "\x03", "SIGTERM"])
def test_in_a_terminal_it_draws_and_gives_the_terminal_back(how: str, colours: None) -> None:
    # GIVEN a terminal in which it runs
    with PowercapEmulator() as emulator, terminal(top("--root", emulator.root)) as screen:
        wait_until(lambda: (screen.read(), "package-0" in shown(screen) and "CO2e" in shown(screen))[1])
        # WHEN somebody ends it
        if how == "SIGTERM":
            os.kill(screen.process.pid, signal.SIGTERM)
        else:
            screen.type(how)
        # THEN it ends well, the cursor is there, and the last figures stay
        assert screen.wait() == 0
    rest = screen.shown.rpartition(LEAVES)[2]
    assert SHOWS_CURSOR in screen.shown[screen.shown.rindex(LEAVES) - 30 :]
    assert "Total" in rest and "\x1b[?25l" not in rest and "Traceback" not in screen.shown


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("NO_COLOR", "1")])
def test_a_terminal_without_colour(name: str, value: str, colours: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with terminal(top("--seconds", "1.2")) as screen:
        assert screen.wait() == 0
    assert not re.search(r"\x1b\[[0-9;]*m", screen.shown.replace("\x1b[0m", ""))
    assert "Total" in screen.shown
    assert ("\x1b" in screen.shown) == (name == "NO_COLOR")


def test_ctrl_z_gives_the_terminal_back_for_a_while(colours: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PS1", "<prompt>")
    with terminal(["bash", "--norc", "--noprofile", "-i"]) as screen:
        screen.wait_for("<prompt>")
        screen.type(" ".join(top()) + "\n")
        screen.wait_for("Total")
        screen.type("\x1a")
        screen.wait_for("Stopped")
        assert LEAVES in screen.shown
        screen.type("fg\n")
        wait_until(lambda: (screen.read(), screen.shown.count("\x1b[?1049h") == 2)[1])
        screen.type("q")
        wait_until(lambda: (screen.read(), screen.shown.count(LEAVES) == 2)[1])
        screen.type("exit 0\n")
        assert screen.wait() == 0


def test_a_terminal_that_goes_away_ends_it(colours: None) -> None:
    with terminal(top()) as screen:
        screen.wait_for("Total")
        os.close(screen.descriptor)
        wait_until(lambda: screen.process.poll() is not None)
        assert screen.process.returncode == 0
        screen.descriptor = os.open(os.devnull, os.O_RDONLY)
