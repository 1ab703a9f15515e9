"""All advice on a run together, and what `pycarbon advise` prints of it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from exported_runs import RUNS
from idle_world import Piece, machine
from test_reports import measured, no_energy, zero_energy

from pycarbon import siting
from pycarbon.advising import advise
from pycarbon.analysis import Run, load
from pycarbon.commands import main
from pycarbon.errors import IntensityError, PyCarbonError, RunFileError
from pycarbon.intensity import choose
from pycarbon.rating import Rating
from pycarbon.reports import advice_json
from pycarbon.reports.advice_text import AdviceText
from pycarbon.reports.text import Style

GOLDEN = Path(__file__).parents[1] / "golden"


def counted(run, zone):
    choice = choose(zone, at=run.started)
    return run.rated(Rating(choice.taken, choice.others, *siting.pue_of(None, zone)))


def full(seconds=10):
    """A run to which no waste can be shown: it has one CPU, all the time, and nobody else has any."""
    return machine([Piece(seconds)])


def parsed(advised):
    return json.loads(advice_json.render(advised), parse_constant=pytest.fail)


@pytest.mark.parametrize("zone", ["aws:us-west-1", "DEU", "US-CISO", None])
def test_programs_are_told_all_of_it_in_order(zone):
    # GIVEN a run that worked, waited and shared its machine, somewhere
    pieces = [Piece(2), Piece(2, {"package-0": 10.0}, 0.02, 0.01), Piece(2, busy=4.0)]
    told = parsed(advise(counted(machine(pieces), zone)))
    # THEN every piece of advice has its interval, its share and its verdict, in the order of what it saves
    assert told["schema"] == 1 and told["verdict"] is None and told["assumptions"]
    assert told["run"]["id"] == "0123456789abcdef"
    for one in told["advice"]:
        assert one["low_g"] <= one["saved_g"] <= one["high_g"]
        assert one["resolved"] is (one["low_g"] > 0)
        assert one["saved_g"] <= told["emissions"]["co2e_g"]
        assert one["share"] == pytest.approx(one["saved_g"] / told["emissions"]["co2e_g"])
    order = [(not one["resolved"], -one["saved_g"]) for one in told["advice"]]
    assert order == sorted(order)
    kinds = {one["kind"] for one in told["advice"]}
    assert {"idle-cpu", "shared"} <= kinds
    assert ("elsewhere" in kinds) is (zone is not None) and ("elsewhere" in told["nothing"]) is (zone is None)


def test_where_nothing_is_resolved_one_line_says_so_and_why():
    # GIVEN a run without waste at a place that nobody named
    advised = advise(counted(full(), None))
    # THEN there is no advice, and what to type
    assert advised.verdict.startswith("nothing here is better than noise") and "--zone" in advised.verdict
    assert not any(one.resolved for one in advised.advice)
    text = AdviceText(Style(300)).render(advised)
    assert sum("better than noise" in line for line in text.splitlines()) == 1


def test_of_a_clean_place_nothing_is_better_than_noise():
    advised = advise(counted(full(), "NOR"))
    assert "--zone" not in advised.verdict and "range" in advised.verdict
    assert all(one.low_g <= 0 for one in advised.advice)


def test_another_zone_is_as_if_it_had_run_there():
    there, here = advise(full(), "DEU"), advise(counted(full(), "DEU"))
    assert there.emissions == here.emissions and there.advice == here.advice
    with pytest.raises(IntensityError):
        advise(full(), "Atlantis")


def test_a_run_that_used_nothing():
    assert "used no energy" in advise(Run(zero_energy())).verdict


def test_a_run_whose_energy_is_not_known():
    with pytest.raises(PyCarbonError, match="not known"):
        advise(Run(no_energy()))


@pytest.mark.parametrize("missing", ["started_at", "machine", "pue", "intensity", "curves"])
def test_a_run_that_says_less(missing):
    run = measured()
    del run.meta[missing]
    assert parsed(advise(Run(run)))["advice"]


@pytest.mark.parametrize("factor", [1e-9, 1e9])
def test_tiny_and_enormous_runs(factor):
    # GIVEN the same run with a thousandth of a millionth of its joules, or with the joules of a country
    run, other = full(), full()
    for one in other.data.channels:
        object.__setattr__(one, "unit", one.unit * Fraction(factor) if one.quantity == "energy" else one.unit)
    advised, again = advise(run, "POL"), advise(other, "POL")
    # THEN its shares are the same, and every line still fits
    assert again.emissions.co2e_g == pytest.approx(advised.emissions.co2e_g * factor, rel=0.1)
    places, others = ([one for one in some.advice if one.kind == "elsewhere"] for some in (advised, again))
    assert [one.zone for one in others] == [one.zone for one in places]
    assert [one.share for one in others] == pytest.approx([one.share for one in places])
    assert all(len(line) <= 60 for line in AdviceText(Style(60), True).render(again).splitlines())


@pytest.mark.parametrize("name", sorted(set(RUNS) - {"no_energy"}))
@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("everything", [False, True])
def test_any_run_can_be_advised_on_in_lines_that_fit(name, width, everything):
    advised = advise(Run(RUNS[name]()))
    text = AdviceText(Style(width), everything).render(advised)
    for line in text.splitlines():
        assert len(line) <= width and line == line.rstrip() and line.isprintable()
    parsed(advised)


def test_a_terminal_of_ascii_gets_ascii():
    AdviceText(Style(80, unicode=False), True).render(advise(counted(full(), "aws:us-west-1"))).encode("ascii")


def test_at_most_five_places_are_told_unless_all_are_asked_for():
    # GIVEN a run in the dirtiest place of a continent
    advised = advise(counted(full(), "POL"))
    places = [one.what for one in advised.advice if one.kind == "elsewhere" and one.resolved]
    assert len(places) > 10
    few, all_of_it = (AdviceText(Style(), everything).render(advised) for everything in (False, True))
    # THEN the five best are told and the others counted, or all
    assert [place for place in places if place in few] == places[:5] and "--all" in few
    assert all(one.what in all_of_it for one in advised.advice) and "--all" not in all_of_it


def test_the_best_beyond_the_continent_is_told_with_its_own():
    advised = advise(counted(full(), "aws:us-east-1"))
    text = AdviceText().render(advised)
    best = next(one for one in advised.advice if not one.facts["same_continent"])
    assert f"{best.what} ({best.facts['continent']})" in text
    assert any(one.facts["same_continent"] and f"{one.what} " in text for one in advised.advice)


def test_the_command_end_to_end(capsys):
    # WHEN a recorded run is advised on, as text and as JSON, with another zone and without
    assert main(["advise", str(GOLDEN / "run-v1.pcr"), "--zone", "aws:us-west-1"]) == 0
    text, err = capsys.readouterr()
    assert main(["advise", str(GOLDEN / "run-v1.pcr"), "--zone", "aws:us-west-1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    # THEN both say the same
    assert err == "" and "\x1b" not in text and "Elsewhere" in text and "At another hour" in text
    assert told["emissions"]["asked"] == "aws:us-west-1"
    assert told["advice"][0]["what"] in text


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["advise", __file__], 1),
        (["advise", "no/such/run.pcr"], 1),
        (["advise", str(GOLDEN / "run-v1.pcr"), "--zone", "Atlantis"], 1),
        (["advise"], 2),
    ],
)
def test_what_is_no_good_is_told_in_one_line(capsys, arguments, status):
    try:
        assert main(arguments) == status
    except SystemExit as ended:
        assert ended.code == status
        return
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("pycarbon: ") and err.count("\n") == 1


FILES = sorted(file for file in GOLDEN.glob("**/*.pcr") if not file.name.startswith("a-million"))  # those take long


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_any_file_can_be_advised_on_or_says_in_one_line_why_not(file):
    try:
        advised = advise(load(file))
    except (RunFileError, PyCarbonError) as error:
        assert "\n" not in str(error)
        return
    parsed(advised)
    assert AdviceText(Style(60), True).render(advised)
