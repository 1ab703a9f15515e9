"""A recorded run counted again: its grams by another factor, its joules and its file as they were."""

from __future__ import annotations

import copy
import csv
import json
import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import merge_world
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from merge_world import EPOCH_NS, SECOND, Node

from pycarbon import analysis, fold, load, shipped, siting, zones
from pycarbon.analysis import Run
from pycarbon.commands import main
from pycarbon.edge_writer import edges_frames
from pycarbon.errors import IntensityError
from pycarbon.frame import FOOTER, META, json_frame
from pycarbon.hours import Hours, hour_of
from pycarbon.intensity import Method, choose, lookup
from pycarbon.interval import Range
from pycarbon.ledger_frames import ledger_frames
from pycarbon.rating import Rating

WATTS = 20.0
REGIONS = {"load": (0.1, 0.3), "train": (0.3, 0.9)}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=EPOCH_NS // 1000)
PLACES = [zone.zone for zone in zones.known()]


def recorded(
    path: Path,
    rating: Rating,
    start: datetime = EPOCH,
    length_s: float = 20.0,
    *,
    modelled: bool = False,
    said: bool = True,
) -> Path:
    """A run of 20 W on a machine in one place, as its recorder would have written it."""
    machine, start_s = Node("n", WATTS, booted_s=-1e8), (start - EPOCH).total_seconds()
    run = machine.run("0123456789abcdef", start_s, start_s + length_s, modelled=modelled, regions=REGIONS)
    data = run.data
    del data.meta["intensity"], data.meta["pue"]
    data.meta |= {"channels": [channel.to_dict() for channel in data.channels], **rating.to_meta()}
    data.meta["started_at"] = start.isoformat(timespec="milliseconds") if said else None
    edges = np.concatenate(list(data.edges.values()))
    edges = edges[np.argsort(edges["t_seen_ns"], kind="stable")]
    frames = [json_frame(META, data.meta), *edges_frames(edges), *ledger_frames(data.ledger)]
    fold.write([*frames, json_frame(FOOTER, data.footer)], path, None, lambda found: analysis.figures(Run(found)))
    return path


def rating_of(zone: str, scope: str = "lifecycle") -> Rating:
    choice = choose(zone, Method(scope), at=EPOCH)
    return Rating(choice.taken, choice.others, Range(1.1, 1.2, 1.4), "a survey")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A run in France."""
    return recorded(tmp_path_factory.mktemp("runs") / "a.pcr", rating_of("FRA"))


@pytest.fixture(scope="module")
def modelled(tmp_path_factory):
    return recorded(tmp_path_factory.mktemp("runs") / "m.pcr", rating_of("FRA"), modelled=True)


def without_totals(run: Run) -> Run:
    """The same run as if it had no figures in its footer: of a run that was cut off, or an older one."""
    data = copy.copy(run.data)
    data.footer = {name: value for name, value in run.data.footer.items() if name != "totals"}
    return Run(data)


shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=30)


@shared
@given(st.data())
def test_grams_go_with_the_factor_and_joules_stay(file, modelled, data):
    # GIVEN a run, with or without its figures in the file, and any other place, method and PUE
    before = load(data.draw(st.sampled_from([file, modelled])))
    if data.draw(st.booleans()):
        before = without_totals(before)
    zone, pue = data.draw(st.sampled_from(PLACES)), data.draw(st.none() | st.floats(1, 3))
    method = Method(data.draw(st.sampled_from(["lifecycle", "direct"])))
    try:
        rating = siting.rated_again(before.rating, zone=zone, method=method, pue=pue, at=before.started)
    except IntensityError:
        assume(False)
    # WHEN it is counted by these
    again = before.rated(rating)
    # THEN energy is the same, and grams are the energy at the new intensity and PUE
    assert again.energy == before.energy and again.id == before.id
    grid, energy, found = rating.intensity, again.energy, again.emissions
    hourly = grid.hours is not None
    intensity = grid.hours.at(int(EPOCH.timestamp() // 3600))[1] if hourly else grid.intensity_g_per_kwh
    assert found.hourly == ("typical" if hourly else None) and found.zone == grid.zone and found.method == grid.method
    assert found.co2e_g == pytest.approx(energy.total_j / 3.6e6 * intensity * rating.pue.best, rel=1e-9)
    assert 0 <= found.low_g <= found.co2e_g <= found.high_g < math.inf
    # THEN so are those of each region, each node of the tree, and what is outside
    ratio = found.co2e_g / before.emissions.co2e_g
    for one, other in zip([*before.regions, before.outside], [*again.regions, again.outside], strict=True):
        assert other.co2e_g == pytest.approx(one.co2e_g * ratio, rel=1e-9, abs=1e-15)
        assert (other.label, other.energy_j, other.low_j, other.high_j) == (
            one.label, one.energy_j, one.low_j, one.high_j,
        )  # fmt: skip
    for root, its in zip(before.tree(), again.tree(), strict=True):
        assert its.region.co2e_g == pytest.approx(root.region.co2e_g * ratio, rel=1e-9, abs=1e-15)
    # THEN the run itself is counted as it was
    assert before.rating.asked == "FRA" and before.emissions.zone == "FRA"
    assert before.rated(before.rating).emissions == before.emissions


def test_a_run_that_was_counted_again_can_be_counted_back(file):
    run = load(file)
    there = run.rated(siting.rated_again(run.rating, zone="aws:us-east-1", at=run.started))
    back = there.rated(siting.rated_again(there.rating, zone="FRA", pue=1.2, at=run.started))
    assert back.emissions.co2e_g == pytest.approx(run.emissions.co2e_g, rel=1e-12)
    assert [one.co2e_g for one in back.regions] == pytest.approx([one.co2e_g for one in run.regions], rel=1e-9)


def report(capsys, *arguments: object) -> dict:
    assert main(["report", *map(str, arguments), "--json"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return json.loads(said.out, parse_constant=pytest.fail)


def test_the_command_counts_again_and_leaves_the_file_alone(file, capsys):
    # GIVEN a recorded run
    content, status = file.read_bytes(), file.stat()
    before = report(capsys, file)
    # WHEN it is counted as if it had run in Germany in 2023, stacks alone
    again = report(capsys, file, "--zone", "DEU", "--year", 2023, "--scope", "direct")
    # THEN the grams are that figure's, by one method, and what was not taken is there
    choice = choose("DEU", Method("direct"), year=2023, at=EPOCH)
    emitted, expected = again["emissions"], choice.taken
    assert {name: emitted[name] for name in ("zone", "year", "scope", "flow", "gas", "method", "source")} == {
        name: getattr(expected, name) for name in ("zone", "year", "scope", "flow", "gas", "method", "source")
    }
    assert emitted["intensity_g_per_kwh"] == expected.intensity_g_per_kwh
    assert emitted["low_g_per_kwh"] == pytest.approx(expected.low_g_per_kwh)
    others = [(one["zone"], one["method"], one["year"]) for one in emitted["alternatives"]]
    assert others == [(one.zone, one.method, one.year) for one in choice.others]
    assert ("DEU", expected.method, 2023) not in others
    # THEN the PUE went with the place, and the energy, the regions' too, is the same
    assert (emitted["pue"], emitted["low_pue"], emitted["high_pue"]) == (1, 1, 1)
    assert again["energy"] == before["energy"]
    kwh = again["energy"]["total_j"] / 3.6e6
    assert emitted["co2e_g"] == pytest.approx(kwh * expected.intensity_g_per_kwh)
    ratio = emitted["co2e_g"] / before["emissions"]["co2e_g"]
    for one, other in zip(before["regions"], again["regions"], strict=True):
        assert other == one | {"co2e_g": pytest.approx(one["co2e_g"] * ratio)}
    # THEN the file is as it was, to the letter, and tells the old figures
    assert (file.read_bytes(), file.stat().st_mtime_ns) == (content, status.st_mtime_ns)
    assert report(capsys, file) == before and before["emissions"]["zone"] == "FRA"


def test_what_is_not_given_stays_as_it_was(file, capsys):
    before = report(capsys, file)["emissions"]
    # GIVEN a year of the same place THEN its building stays, and the method
    found = report(capsys, file, "--year", 2020)["emissions"]
    assert (found["zone"], found["year"], found["method"]) == ("FRA", 2020, before["method"])
    assert (found["low_pue"], found["pue"], found["high_pue"], found["pue_source"]) == (1.1, 1.2, 1.4, "a survey")
    # GIVEN another building THEN the factor stays
    found = report(capsys, file, "--pue", "data-centre")["emissions"]
    assert found["intensity_g_per_kwh"] == before["intensity_g_per_kwh"]
    assert [found[name] for name in ("low_pue", "pue", "high_pue")] == [
        siting.UNKNOWN_PUE.low, siting.UNKNOWN_PUE.best, siting.UNKNOWN_PUE.high,
    ]  # fmt: skip
    assert report(capsys, file, "--pue", "1.5")["emissions"]["co2e_g"] == pytest.approx(before["co2e_g"] * 1.5 / 1.2)
    # GIVEN what making the device emitted, and no more THEN that is all of it, over four years
    device = report(capsys, file, "--embodied", "1500")["footprint"]["device"]
    assert {name: value["best"] for name, value in device.items()} == {
        "embodied_kg": 1500, "lifetime_years": 4, "resource_share": 1,
    }  # fmt: skip
    # GIVEN a cloud's region THEN its building comes with it
    found = report(capsys, file, "--zone", "gcp:europe-north1")["emissions"]
    assert (found["low_pue"], found["pue"], found["high_pue"]) != (1, 1, 1) and found["pue_source"]


def test_a_run_that_was_counted_by_stacks_alone_stays_so(tmp_path, capsys):
    file = recorded(tmp_path / "direct.pcr", rating_of("FRA", "direct"))
    assert report(capsys, file, "--zone", "DEU")["emissions"]["scope"] == "direct"
    assert report(capsys, file, "--zone", "DEU", "--scope", "lifecycle")["emissions"]["scope"] == "lifecycle"


def test_ones_own_factors_count_too(file, tmp_path, capsys):
    own = tmp_path / "own.csv"
    own.write_text(
        "zone,year,intensity_g_per_kwh,low_g_per_kwh,high_g_per_kwh,source\nFR,2025,12,10,15,our contract\n"
    )
    found = report(capsys, file, "--factors", own)["emissions"]
    assert (found["intensity_g_per_kwh"], found["low_g_per_kwh"], found["high_g_per_kwh"]) == (12, 10, 15)
    assert (found["source"], found["zone"]) == ("our contract", "FRA")
    assert choose("FRA").taken.source in [one["source"] for one in found["alternatives"]]


def test_a_run_of_no_known_place_gets_one(tmp_path, capsys):
    file = recorded(tmp_path / "nowhere.pcr", Rating(lookup(None)))
    before, after = (report(capsys, file, *zone)["emissions"] for zone in ((), ("--zone", "fr")))
    assert (before["place_known"], after["place_known"], after["zone"]) == (False, True, "FRA")
    assert after["high_g"] - after["low_g"] < before["high_g"] - before["low_g"]


def test_a_run_over_hours_meets_each_hours_intensity(tmp_path, monkeypatch, capsys):
    # GIVEN a run of 20 W in France from 21:20 UTC on the last of June to 01:50
    monkeypatch.setattr(merge_world, "UPDATE_NS", 5 * SECOND)
    start, length_s = datetime(2026, 6, 30, 21, 20, tzinfo=timezone.utc), 4.5 * 3600
    file = recorded(tmp_path / "long.pcr", rating_of("FRA"), start, length_s)
    # WHEN it is counted as if it had run in California, of which a typical year is known hour by hour
    found = report(capsys, file, "--zone", "US-CISO")["emissions"]
    # THEN it is the sum over the hours of the table, counted here by hand: 40 minutes, three hours, 50 minutes
    taken = choose("US-CISO", at=start).taken
    mean = {
        int(row["month"]): [float(row[f"h{hour:02}"]) for hour in range(24)]
        for row in csv.DictReader(shipped.text("hours.csv").splitlines())
        if (row["zone"], row["scope"], row["statistic"]) == ("US-CISO", "lifecycle", "mean")
    }
    minutes = [(6, 21, 40), (6, 22, 60), (6, 23, 60), (7, 0, 60), (7, 1, 50)]
    grams = sum(WATTS * 60 * count / 3.6e6 * mean[month][hour] for month, hour, count in minutes)
    assert found["co2e_g"] == pytest.approx(grams, rel=2e-3) and found["hourly"] == "typical"
    assert found["intensity_g_per_kwh"] == pytest.approx(grams / (WATTS * length_s / 3.6e6), rel=2e-3)
    assert abs(found["intensity_g_per_kwh"] - taken.intensity_g_per_kwh) > 10  # else this test says nothing
    assert found["low_g"] < found["co2e_g"] < found["high_g"]
    # THEN people are told, and the run in France was not counted so
    assert main(["report", str(file), "--zone", "US-CISO"]) == 0
    assert ", typical for its hours: California ISO, 2022" in " ".join(capsys.readouterr().out.split())
    assert report(capsys, file)["emissions"]["hourly"] is None
    # THEN a run without its figures in the file comes to the same
    rating = siting.rated_again(load(file).rating, zone="US-CISO", at=start)
    assert without_totals(load(file)).rated(rating).emissions.co2e_g == pytest.approx(found["co2e_g"], rel=1e-9)


def test_a_marginal_meets_the_hours_too_and_is_no_part_of_what_was_emitted(tmp_path, monkeypatch):
    # GIVEN a run over two hours, of which a service told what more would emit: one third of it in the second
    monkeypatch.setattr(merge_world, "UPDATE_NS", 5 * SECOND)
    start = datetime(2026, 6, 30, 21, 20, tzinfo=timezone.utc)
    run = load(recorded(tmp_path / "long.pcr", rating_of("FRA"), start, 3600.0))
    more = [100.0, 400.0]
    told = replace(lookup("FRA"), type="marginal", hours=Hours("actual", hour_of(start), more, more, more))
    # WHEN that is beside its factor
    both = run.rated(replace(run.rating, others=(told, *run.rating.others)))
    # THEN each hour's energy meets its own, in the same building, and the emissions are as they were
    assert both.marginal.intensity_g_per_kwh == pytest.approx((40 * 100 + 20 * 400) / 60, rel=2e-3)
    assert both.marginal.co2e_g == pytest.approx(WATTS * 200 / 1000 * 1.2, rel=2e-3)
    assert (both.marginal.hourly, both.emissions, run.marginal) == ("actual", run.emissions, None)


def test_a_run_within_an_hour_meets_that_hour(tmp_path, capsys):
    start = datetime(2026, 6, 30, 21, 20, tzinfo=timezone.utc)
    file = recorded(tmp_path / "short.pcr", rating_of("US-CISO"), start)
    hour = choose("US-CISO", at=start).taken.hours.at(int(start.timestamp() // 3600))
    found = report(capsys, file)["emissions"]
    assert (found["low_g_per_kwh"], found["intensity_g_per_kwh"], found["high_g_per_kwh"]) == pytest.approx(hour)


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--zone", "FRX"], 1, "unknown zone 'FRX': did you mean FRA (France)"),
        (["--zone", "Georgia"], 1, "ambiguous"),
        (["--zone", ""], 1, "unknown zone ''"),
        (["--zone", "VAT"], 1, "for VAT: there is none at all"),
        (["--year", "1999"], 1, "of 1999 for FRA: there is"),
        (["--flow", "consumption"], 1, "no lifecycle consumption figure"),
        (["--factors", "/nowhere/own.csv"], 1, "/nowhere/own.csv: the file of factors cannot be read"),
        (["--service", "nobody"], 1, "unknown service 'nobody'"),
        (["--service", "uk"], 1, "does not cover FRA"),
        (["--service", "electricitymaps"], 1, "ELECTRICITYMAPS_TOKEN"),
        (["--pue", "0.9"], 2, "a number from 1 to 10, or data-centre"),
        (["--pue", "none"], 2, "a number from 1 to 10, or data-centre"),
        (["--scope", "both"], 2, "invalid choice: 'both'"),
        (["--flow", "in"], 2, "invalid choice: 'in'"),
        (["--year", "soon"], 2, "invalid int value: 'soon'"),
    ],
)
def test_an_option_that_is_no_good_is_one_clear_line(file, capsys, monkeypatch, arguments, status, says):
    # GIVEN no key of any service
    monkeypatch.delenv("ELECTRICITYMAPS_TOKEN", raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    # WHEN a run is to be counted by something that is no good
    try:
        found = main(["report", str(file), *arguments])
    except SystemExit as ended:  # of the parser of arguments
        found = ended.code
    # THEN nothing is printed but what is wrong
    said = capsys.readouterr()
    lines = said.err.strip().splitlines()
    assert (found, said.out) == (status, "") and says in lines[-1]
    assert status == 2 or len(lines) == 1


def test_a_run_that_does_not_say_when_it_was_is_shown_and_not_counted_again(tmp_path, capsys):
    file = recorded(tmp_path / "a.pcr", rating_of("FRA"), said=False)
    assert report(capsys, file)["emissions"]["zone"] == "FRA"
    assert main(["report", str(file), "--zone", "DEU"]) == 1
    assert capsys.readouterr().err == "pycarbon: this run does not say when it was recorded\n"


def test_a_year_that_only_the_country_has_is_said_in_the_notes(file, capsys):
    found = report(capsys, file, "--zone", "US-CISO", "--year", "2023")
    assert (found["emissions"]["zone"], found["emissions"]["asked"]) == ("USA", "US-CISO")
    assert any("US-CISO has no lifecycle" in note and "of 2023" in note for note in found["notes"])
