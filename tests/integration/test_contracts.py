"""The names that programs rely on: the JSON of a report, record() and load(), where files go, layers of settings."""

from __future__ import annotations

import asyncio
import json
import math
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from powercap_emulator import PowercapEmulator
from processes import PYCARBON, last_json, pycarbon_run, run

import pycarbon
from pycarbon.recording import Recording, Request

NUMBER = (int, float)
OPTIONAL = (int, float, type(None))

CONTRACT: dict[str, Any] = {
    "schema": int,
    "run": {
        "id": str,
        "project": str,
        "name": str,
        "command": [str],
        "started_at": str,
        "duration_s": NUMBER,
        "complete": bool,
        "tags": dict,
    },
    "energy": {
        "total_j": NUMBER,
        "low_j": NUMBER,
        "high_j": NUMBER,
        "kind": str,
        "process_j": OPTIONAL,
        "channels": [
            {
                "domain": str,
                "source": str,
                "kind": str,
                "energy_j": NUMBER,
                "low_j": NUMBER,
                "high_j": NUMBER,
                "mean_power_w": NUMBER,
                "edges": int,
                "gap_s": NUMBER,
                "in_total": bool,
            }
        ],
    },
    "emissions": {
        "co2e_g": NUMBER,
        "low_g": NUMBER,
        "high_g": NUMBER,
        "intensity_g_per_kwh": NUMBER,
        "zone": str,
        "pue": NUMBER,
        "source": str,
        "year": int,
        "method": str,
    },
    "regions": list,
}


def assert_fits(value: Any, contract: Any, where: str = "report") -> None:
    """Every name of the contract is there, with a value of its type; more names may be."""
    if isinstance(contract, dict):
        for name, part in contract.items():
            assert name in value, f"{where} has no {name}"
            assert_fits(value[name], part, f"{where}.{name}")
    elif isinstance(contract, list):
        assert value, f"{where} is empty"
        for part in value:
            assert_fits(part, contract[0], where)
    else:
        assert isinstance(value, contract), f"{where} is {value!r}"


def assert_consistent(report: dict[str, Any]) -> None:
    """The units fit each other: joules over seconds are watts, and kWh times intensity and PUE are grams."""
    energy, emissions = report["energy"], report["emissions"]
    assert energy["kind"] in ("measured", "modelled")
    assert energy["low_j"] <= energy["total_j"] <= energy["high_j"]
    counted = [channel for channel in energy["channels"] if channel["in_total"]]
    assert sum(channel["energy_j"] for channel in counted) == pytest.approx(energy["total_j"])
    for channel in energy["channels"]:
        assert channel["low_j"] <= channel["energy_j"] <= channel["high_j"]
        assert channel["mean_power_w"] * report["run"]["duration_s"] == pytest.approx(channel["energy_j"])
    kwh = energy["total_j"] / 3.6e6
    assert emissions["co2e_g"] == pytest.approx(kwh * emissions["intensity_g_per_kwh"] * emissions["pue"])
    assert emissions["low_g"] <= emissions["co2e_g"] <= emissions["high_g"]
    assert energy["process_j"] is None or 0 <= energy["process_j"] <= energy["high_j"]
    assert datetime.fromisoformat(report["run"]["started_at"]).tzinfo is not None


@pytest.mark.parametrize("source", ["counters", "model"])
def test_json_of_run_and_report(source: str, tmp_path: Path) -> None:
    # GIVEN a run recorded with counters, or without
    output = tmp_path / "a.pcr"
    with PowercapEmulator() as emulator:
        root = ["--root", str(emulator.root)] if source == "counters" else []
        options = [
            "--json",
            "--project",
            "p",
            "--name",
            "n",
            "--zone",
            "FRA",
            "--tag",
            "k=v",
            "--tag",
            "e=a=b",
            *root,
        ]
        # WHEN the summary, and later the report, is asked for as JSON
        finished = run(pycarbon_run("sleep", "0.3", output=output, options=options))
    reported = run([PYCARBON, "report", str(output), "--format", "json"])
    # THEN both are one and the same and fit the contract
    report = last_json(finished.stderr)
    assert json.loads(reported.stdout) == report
    assert reported.stderr == ""
    assert_fits(report, CONTRACT)
    assert_consistent(report)
    assert (report["run"]["project"], report["run"]["name"]) == ("p", "n")
    assert report["run"]["tags"] == {"k": "v", "e": "a=b"}
    assert report["run"]["command"] == ["sleep", "0.3"]
    assert report["run"]["complete"] is True
    assert report["emissions"]["zone"] == "FRA"
    if source == "counters":
        assert report["energy"]["kind"] == "measured"
        assert [c["domain"] for c in report["energy"]["channels"] if c["in_total"]] == ["package-0", "dram-0"]


def test_record_as_context_manager_gives_the_named_figures(tmp_path: Path) -> None:
    # GIVEN live counters, and a block recorded with them
    with PowercapEmulator() as emulator:
        request = Request("train", ["x"], "digits", tmp_path / "a.pcr", "FRA", None, {"k": "v"}, emulator.root)
        with Recording(request) as live:
            sum(i * i for i in range(1_000_000))
    # THEN its attributes carry the JSON's names
    assert live.duration_s > 0
    assert live.energy.total_j == pytest.approx(sum(c.energy_j for c in live.energy.channels if c.in_total))
    assert live.energy.channels[0].edges > 10
    assert live.emissions.co2e_g > 0
    assert live.regions == []
    assert (live.name, live.project, live.tags) == ("train", "digits", {"k": "v"})
    # AND its edges are arrays that rise
    edges = live.edges("package-0")
    assert {"time_ns", "energy_j"} <= set(edges.dtype.names)
    assert (edges["time_ns"][1:] > edges["time_ns"][:-1]).all()
    assert (edges["energy_j"][1:] > edges["energy_j"][:-1]).all()
    assert live.power("package-0", "50ms")["power_w"].mean() == pytest.approx(50, rel=0.2)
    # AND the file says the same
    loaded = pycarbon.load(tmp_path / "a.pcr")
    assert (loaded.energy, loaded.emissions) == (live.energy, live.emissions)
    assert (loaded.edges("package-0") == edges).all()
    assert (loaded.duration_s, loaded.id, loaded.notes) == (live.duration_s, live.id, live.notes)
    assert live.path == tmp_path / "a.pcr"


def test_record_gives_figures_without_counters_too(tmp_path: Path) -> None:
    with pycarbon.record("block", path=tmp_path / "a.pcr", tags={"n": "1"}) as live:
        sum(range(1_000_000))
    assert live.energy.low_j <= live.energy.total_j <= live.energy.high_j
    assert math.isfinite(live.emissions.co2e_g)
    assert pycarbon.load(str(tmp_path / "a.pcr")).energy == live.energy


def test_figures_are_not_there_before_the_end() -> None:
    with pycarbon.record("early") as live, pytest.raises(pycarbon.PyCarbonError, match="still being recorded"):
        live.energy  # noqa: B018
    assert live.energy.total_j >= 0


def test_record_as_decorator_records_each_call(tmp_path: Path) -> None:
    @pycarbon.record("work", project="decorated")
    def work(a: int, *, b: int = 2) -> int:
        """Work."""
        return a + b

    assert (work(1), work(1, b=5)) == (3, 6)
    assert (work.__name__, work.__doc__) == ("work", "Work.")
    runs = [pycarbon.load(path) for path in (tmp_path / "data" / "pycarbon" / "default" / "decorated").iterdir()]
    assert [one.name for one in runs] == ["work", "work"]
    assert runs[0].id != runs[1].id


def test_record_as_decorator_of_a_coroutine(tmp_path: Path) -> None:
    @pycarbon.record("task", path=tmp_path / "a.pcr")
    async def task(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    assert asyncio.run(task(0.2)) == "done"
    assert pycarbon.load(tmp_path / "a.pcr").duration_s >= 0.2


def test_one_recording_object_can_be_used_again(tmp_path: Path) -> None:
    recording = pycarbon.record("again", path=tmp_path / "a.pcr")
    seen = []
    for _ in range(2):
        with recording as live:
            pass
        seen.append((live.id, live.energy.total_j))
    assert seen[0] != seen[1]
    assert pycarbon.load(tmp_path / "a.pcr").id == seen[1][0]


def test_default_path_is_in_the_store(tmp_path: Path) -> None:
    with pycarbon.record("a name/with: odd signs", project="../p q") as live:
        pass
    finished = run(pycarbon_run("true"))
    assert live.path is not None and live.path.parent == tmp_path / "data" / "pycarbon" / "default" / "p-q"
    [file] = (tmp_path / "data" / "pycarbon" / "default" / "default").iterdir()
    assert str(file) in finished.stderr
    assert pycarbon.load(file).command == ["true"]


def test_settings_come_in_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a user's config file, a project file in a folder above, and the environment, each setting more
    config = tmp_path / "config" / "pycarbon" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('project = "user"\nzone = "DEU"\npue = 1.5\ndata_dir = "%s"\n' % (tmp_path / "own"))
    (tmp_path / "pyproject.toml").write_text('[tool.pycarbon]\nproject = "file"\nzone = "SWE"\n')
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    monkeypatch.setenv("PYCARBON_PROJECT", "environment")
    # WHEN a run is recorded with and without an argument
    given = last_json(run(pycarbon_run("true", options=["--json", "--project", "argument"])).stderr)
    ungiven = last_json(run(pycarbon_run("true", options=["--json"])).stderr)
    # THEN the nearest layer that says something counts
    assert (given["run"]["project"], ungiven["run"]["project"]) == ("argument", "environment")
    assert (given["emissions"]["zone"], given["emissions"]["pue"]) == ("SWE", 1.5)
    assert len(list((tmp_path / "own").rglob("*.pcr"))) == 2


def test_report_of_what_is_no_run_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no run at all")
    (tmp_path / "empty").write_text("")
    for name in ("text", "empty", "missing", "."):
        finished = run([PYCARBON, "report", name])
        assert (finished.returncode, finished.stdout, len(finished.stderr.splitlines())) == (1, "", 1)


def test_report_into_a_pipe_that_nobody_reads(tmp_path: Path) -> None:
    run(pycarbon_run("true", output=tmp_path / "a.pcr"))
    finished = run(["bash", "-c", f'{PYCARBON} report a.pcr | exec true; echo "${{PIPESTATUS[0]}}"'])
    assert finished.stdout.strip() in ("0", "1")  # 0 where it had written before the pipe broke
    assert finished.stderr == ""


def test_a_decorated_generator_is_recorded_from_its_first_step_to_its_end(tmp_path: Path) -> None:
    program = (
        "import pycarbon, time\n"
        "@pycarbon.record('steps', path='a.pcr')\n"
        "def steps():\n"
        "    for i in range(3):\n"
        "        time.sleep(0.1)\n"
        "        yield i\n"
        "    return 'done'\n"
        "print(list(steps()), pycarbon.load('a.pcr').duration_s > 0.3)\n"
    )
    finished = run([sys.executable, "-c", program])
    assert (finished.stdout, finished.stderr) == ("[0, 1, 2] True\n", "")


def test_a_decorator_without_a_name_says_what_to_type() -> None:
    with pytest.raises(TypeError, match=r'@pycarbon\.record\("train"\)'):
        pycarbon.record(lambda: None)  # type: ignore[arg-type]
