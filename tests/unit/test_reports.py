"""Reports of known runs, to the letter; `python tests/unit/test_reports.py` writes the letters anew, for review."""

from __future__ import annotations

import copy
import importlib.util
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pycarbon import reports
from pycarbon.analysis import Run, load
from pycarbon.errors import PyCarbonError
from pycarbon.ledger import NODE_DTYPE, ROW_DTYPE, SLICE_DTYPE, Ledger
from pycarbon.merging import merge
from pycarbon.reports.as_json import JsonReport
from pycarbon.reports.merged_text import MergedText
from pycarbon.reports.text import Style, TextReport, style_for
from pycarbon.run import Channel, RunData

GOLDEN = Path(__file__).parents[1] / "golden"
spec = importlib.util.spec_from_file_location("make_run_v1", GOLDEN / "make_run_v1.py")
maker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(maker)

CURVES = [
    {
        "domain": domain,
        "basis": "a curve made by hand",
        "idle_w": {"low": idle / 2, "best": idle, "high": idle * 2},
        "full_w": {"low": full / 2, "best": full, "high": full * 2},
        "exponent": {"low": 1.0, "best": 1.0, "high": 1.0},
    }
    for domain, idle, full in [("package-0", 10.0, 50.0), ("ram", 2.0, 4.0)]
]
OBSTACLES = [
    {"source": "a", "what": "nothing helps here", "remedy": ""},
    {"source": "powercap", "what": "energy_uj is readable by root only", "remedy": "sudo chmod a+r energy_uj"},
]


def measured() -> RunData:
    return copy.deepcopy(load(GOLDEN / "run-v1.pcr").data)


def modelled() -> RunData:
    """Ten seconds with two of four CPUs busy, one of them with the process, and no counter."""
    run = measured()
    run.meta |= {"curves": CURVES, "obstacles": OBSTACLES}
    rows = [(0, "package-0"), (1, "ram")]
    run.channels = [Channel(i, name, "model", "modelled", "energy", maker.TICK, 0, True) for i, name in rows] + [
        channel for channel in run.channels if channel.quantity == "cpu_time"
    ]
    return run


def cut_off() -> RunData:
    """The measured run, killed after about three seconds, while memory could not be read."""
    run = measured()
    run.footer, run.complete = {}, False
    run.edges = {i: edges[edges["t_seen_ns"] < maker.START_NS + 3 * maker.SECOND] for i, edges in run.edges.items()}
    lost = run.edges[1][-1:].copy()
    lost["flags"], lost["error"] = 16, 5
    kept = run.edges[1]["t_seen_ns"] < maker.START_NS + 2 * maker.SECOND
    lost["t_before_ns"], lost["t_seen_ns"] = maker.START_NS + 2 * maker.SECOND, maker.START_NS + 2 * maker.SECOND + 1
    run.edges[1] = np.concatenate([run.edges[1][kept], lost])
    return run


def zero_energy() -> RunData:
    """Counters that never move."""
    run = measured()
    for edges in run.edges.values():
        edges["raw"], edges["flags"] = 5, 0
        edges["flags"][:1] = 1
    return run


def no_energy() -> RunData:
    """Neither counter nor model, a place nobody named, and a command that a signal ended."""
    run = measured()
    run.channels, run.edges = [], {}
    del run.meta["intensity"]
    run.footer["exit_status"] = -9
    return run


def with_regions() -> RunData:
    """The modelled run, of which "busy" had the middle eight seconds, and "inner Ü" the latter half of those."""
    run = modelled()
    slices = np.zeros(10, SLICE_DTYPE)
    slices["start_ns"] = run.start_ns + np.arange(10) * maker.SECOND
    slices["end_ns"] = slices["start_ns"] + maker.SECOND
    slices["channel"], slices["threads"] = 65535, 1
    rows = [(i, int(i >= 5), maker.SECOND, maker.SECOND // 2, {1: 1, 5: 123_456}.get(i, 0)) for i in range(1, 9)]
    nodes = np.array([(-1, 0), (0, 1)], NODE_DTYPE)
    run.ledger = Ledger(["busy", "inner Ü"], nodes, slices, np.array(rows, ROW_DTYPE), counts={"died_inside": 2})
    return run


REPORTS = {
    "measured": (measured, Style()),
    "modelled": (modelled, Style()),
    "cut-off": (cut_off, Style()),
    "zero-energy": (zero_energy, Style()),
    "no-energy": (no_energy, Style()),
    "narrow": (measured, Style(width=60)),
    "ascii": (modelled, Style(unicode=False)),
    "80-columns-colour": (measured, Style(width=80, colour=True)),
    "regions": (with_regions, Style()),
    "regions-80-columns-colour": (with_regions, Style(width=80, colour=True)),
    "regions-narrow-ascii": (with_regions, Style(width=60, unicode=False)),
}


def rendered(name: str) -> str:
    make, style = REPORTS[name]
    return TextReport(style).render(Run(make(), Path("runs/train.pcr"))) + "\n"


@pytest.mark.parametrize("name", REPORTS)
def test_the_text_is_as_reviewed(name):
    assert rendered(name) == (GOLDEN / f"report-{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("make", [measured, modelled, cut_off, zero_energy, no_energy, with_regions])
@pytest.mark.parametrize("width", [80, 81, 100, 132])
def test_lines_fit_the_terminal(make, width):
    run = make()
    run.meta |= {"command": ["python", "x" * 500, "ü" * 50], "notes": ["word " * 100]}
    for line in TextReport(Style(width)).render(Run(run, Path("runs/train.pcr"))).splitlines():
        assert len(line) <= width
        assert line == line.rstrip()


@pytest.mark.parametrize("make", [measured, modelled, cut_off, zero_energy, no_energy, with_regions])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252", "cp437"])
def test_any_encoding_can_take_it(make, encoding):
    # GIVEN names in many scripts, some with bytes that are no text, and something that would move a cursor
    run = make()
    run.meta |= {"name": "Übung 训练 \udcff \x1b[2J", "project": "π\n", "command": ["./ü\x07", "\udc80"]}
    run.footer["notes"] = ["\x9b31m note"]
    for name in ("text", "json"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        # WHEN it is printed THEN no encoding complains, and nothing commands the terminal
        text = reports.get(name, stream).render(Run(run))
        print(text, file=stream, flush=True)
        assert not set(stream.buffer.getvalue().decode(encoding)) & set("\x1b\x07\x9b\udcff")


def test_a_run_says_what_it_belongs_to_where_somebody_said_so():
    run = measured()
    assert " · project golden\n" in TextReport().render(Run(run))
    run.footer["run"] = {"organisation": "default", "experiment": "warm-up"}
    assert " · project golden · experiment warm-up\n" in TextReport().render(Run(run))
    run.footer["run"] = {"organisation": "acme\x1b", "project": "p"}
    assert " · project p · organisation acme?\n" in TextReport().render(Run(run))


def test_a_closed_stream_has_a_style():
    assert style_for(None) == Style()


class Terminal(io.StringIO):
    encoding = "UTF-8"

    def isatty(self) -> bool:
        return True


def test_colour_only_where_it_is_wanted(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert style_for(Terminal()) == Style(100, True, True)
    assert not style_for(io.StringIO()).colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not style_for(Terminal()).colour
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not style_for(Terminal()).colour


KEYS = {
    "": "schema run energy emissions marginal_emissions footprint sci equivalents gpus regions outside notes",
    "run": "id organisation project experiment name command started_at duration_s complete exit_status tags",
    "energy": "total_j low_j high_j kind process_j process_low_j process_high_j channels",
    "emissions": "co2e_g low_g high_g intensity_g_per_kwh zone pue source year method place_known kind "
    "low_g_per_kwh high_g_per_kwh low_pue high_pue hourly name scope flow gas type asked note pue_source place "
    "alternatives",
    "footprint": "total_g low_total_g high_total_g embodied_g low_embodied_g high_embodied_g water_l low_water_l "
    "high_water_l device device_source wue_l_per_kwh wue_source",
}
CHANNEL_KEYS = "domain source kind energy_j low_j high_j mean_power_w peak_power_w edges gap_s in_total is_ambiguous"
EQUIVALENT_KEYS = "id value low high unit text source year"

REGION_KEYS = (
    "label calls time_s energy_j low_j high_j energy_per_call_j low_per_call_j high_per_call_j co2e_g kind method "
    "resolved remedy self_time_s self_energy_j share"
)


def as_json(make) -> dict:
    return json.loads(JsonReport().render(Run(make())), parse_constant=pytest.fail)


@pytest.mark.parametrize("make", [measured, modelled, cut_off, zero_energy, no_energy, with_regions])
def test_json_has_every_key_and_no_nan(make):
    found = as_json(make)
    for part, keys in KEYS.items():
        values = found[part] if part else found
        assert values is None or set(values) == set(keys.split())
    for channel in found["energy"]["channels"]:
        assert set(channel) == set(CHANNEL_KEYS.split())
    assert found["schema"] == 1
    if make is not with_regions:
        assert found["regions"] == [] and found["outside"] is None


def test_json_has_the_regions():
    found = as_json(with_regions)
    for region in [*found["regions"], found["outside"]]:
        assert set(region) == set(REGION_KEYS.split())
    busy, inner = found["regions"]
    assert (busy["label"], inner["label"], found["outside"]["label"]) == ("busy", "inner Ü", "(outside)")
    assert inner["calls"] == 123_456 and inner["time_s"] == 4 and busy["self_time_s"] == 4 and busy["time_s"] == 8
    shares = found["outside"]["self_energy_j"] + busy["self_energy_j"] + inner["self_energy_j"]
    assert shares == pytest.approx(found["energy"]["total_j"])


def test_json_says_what_is_known():
    found = as_json(measured)
    assert found["run"] | {"command": None} == {
        "id": "00112233aabbccdd",
        "organisation": "",
        "project": "golden",
        "experiment": "",
        "name": "träin",
        "command": None,
        "started_at": "2026-01-02T03:04:05.678+01:00",
        "duration_s": 10.0,
        "complete": True,
        "exit_status": 0,
        "tags": {"commit": "c0ffee"},
    }
    assert found["energy"]["total_j"] == pytest.approx(250) and found["energy"]["kind"] == "measured"
    assert found["emissions"]["zone"] == "FRA" and found["emissions"]["pue"] == 1.2


def test_json_compares_with_daily_life():
    # GIVEN 250 J, known within an interval
    found = as_json(measured)
    by_id = {each["id"]: each for each in found["equivalents"]}
    assert set(by_id["car"]) == set(EQUIVALENT_KEYS.split())
    # THEN each comparison has the value and an interval as wide as both the amount's and its own
    energy, television = found["energy"], by_id["television"]
    assert television["value"] == pytest.approx(energy["total_j"] / 100) and television["unit"] == "s"
    assert television["low"] == pytest.approx(energy["low_j"] / 168, rel=0.01)
    assert television["high"] == pytest.approx(energy["high_j"] / 30.6, rel=0.01)
    for each in by_id.values():
        assert 0 < each["low"] < each["value"] < each["high"] and each["source"] and 2000 < each["year"] < 2100
    # THEN the line for people has the same words
    assert by_id["car"]["text"] in TextReport(Style(200)).render(Run(measured()))


def test_json_of_a_run_without_energy_says_null():
    found = as_json(no_energy)
    assert found["energy"]["total_j"] is None and found["emissions"] is None and found["equivalents"] == []


def test_emissions_of_a_run_without_energy_are_nan_and_do_not_fail_the_program():
    emissions = Run(no_energy()).emissions
    assert all(math.isnan(grams) for grams in (emissions.co2e_g, emissions.low_g, emissions.high_g))


@pytest.mark.parametrize("in_total", [True, False])
def test_the_share_is_by_gpu_time_where_the_total_has_a_gpu(in_total):
    # GIVEN a GPU that is in the total, or that a counter of the whole machine counts already
    run = measured()
    run.meta["gpus"] = [{"domain": "gpu-0"}]
    run.channels[0] = replace(run.channels[0], domain="gpu-0", in_total=in_total)
    # THEN its report and a merged one say so
    found = Run(run)
    told = [TextReport(Style(width=100)).render(found), MergedText(Style(width=100)).render(merge([found]))]
    assert [("CPU and GPU time" in text, "by CPU" in text) for text in told] == [(in_total, True)] * 2


def test_a_run_that_outlives_its_device_is_reported_without_it():
    # GIVEN a run that took longer than somebody said that its device would live
    data = measured()
    lives = {"embodied_kg": 1000, "lifetime_years": 1e-9, "resource_share": 1}
    data.meta["device"] = {name: dict.fromkeys(("low", "best", "high"), value) for name, value in lives.items()}
    # WHEN it is reported THEN its energy and grams are there, and a note says what is not
    values = json.loads(JsonReport().render(Run(data)))
    assert values["footprint"] is None and values["emissions"]["co2e_g"] > 0
    assert any("longer than the device's lifetime" in note for note in values["notes"])
    assert "Energy" in TextReport().render(Run(data))


def test_a_modelled_run_follows_its_curves():
    # GIVEN curves of 10 to 50 W and 2 to 4 W, and half of the CPUs busy for 10 s
    energy = Run(modelled()).energy
    # THEN they give 30 W and 3 W, from half to double, none of which is called measured
    assert energy.total_j == pytest.approx(330, rel=0.01) and energy.kind == "modelled"
    assert energy.low_j == pytest.approx(165, rel=0.05) and energy.high_j == pytest.approx(660, rel=0.05)
    assert energy.process_j == pytest.approx(165, rel=0.01)
    assert all(channel.kind == "modelled" for channel in energy.channels)


@pytest.mark.parametrize("make", [measured, modelled])
@pytest.mark.parametrize("start_ns, length_ns", [(maker.START_NS, 0), (2**61, 0), (2**61, 1), (2**61 - 1, 1)])
def test_a_run_of_no_length_can_be_reported(make, start_ns, length_ns):
    data = make()
    data.footer |= {"start_ns": start_ns, "end_ns": start_ns + length_ns}
    run = Run(data)
    assert "Energy" in TextReport().render(run)
    assert (run.power("package-0")["power_w"] >= 0).all()


def test_a_cut_off_run_says_so():
    found = as_json(cut_off)
    assert found["run"]["complete"] is False and found["run"]["duration_s"] == pytest.approx(3.0, abs=0.02)
    assert any("cut off" in note for note in found["notes"])
    dram = found["energy"]["channels"][1]
    assert dram["gap_s"] == pytest.approx(1.0, abs=0.02) and dram["high_j"] - dram["energy_j"] > 4.5


def test_figures_of_a_run_for_python():
    run = Run(measured())
    line = run.edges("package-0")
    assert len(line) == 1002 and line["energy_j"][-1] - line["energy_j"][0] == pytest.approx(200.2)
    assert np.allclose(run.power("package-0", "1s")["power_w"], 20) and len(run.power("package-0", 0.5)) == 20
    assert len(run.power("package-0", 1e-5)) == 10**6
    assert math.isclose(Run(modelled()).edges("ram")["energy_j"][-1], 30, rel_tol=0.01)
    for wrong in ("soon", 0, -1, "nan", math.inf, "1e5s", None.__class__):
        with pytest.raises(PyCarbonError, match="no length of time"):
            run.power("package-0", wrong)
    with pytest.raises(PyCarbonError, match="no domain 'gpu-0'; it has package-0, dram-0, core"):
        run.edges("gpu-0")


if __name__ == "__main__":
    for report in REPORTS:
        (GOLDEN / f"report-{report}.txt").write_text(rendered(report), encoding="utf-8")
