"""Runs side by side: laws that hold for any two, and changes that are known from how the programs were made."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from compared_runs import after, again, before, data, program
from exported_runs import RUNS
from hypothesis import given, settings
from hypothesis import strategies as st
from merge_world import POLAND, Node
from region_world import Program

from pycarbon.analysis import Run
from pycarbon.change import CHANGED, exactly
from pycarbon.errors import PyCarbonError
from pycarbon.run_differences import Row, RunDifferences, differences, letter_of

OPPOSITE = {"more": "less", "less": "more", "new": "gone", "gone": "new"}


@cache
def run(name: str, copy_number: int = 0) -> Run:
    """A run of some sort; another copy is another run to whoever compares."""
    made = RUNS[name]()
    made.meta["id"] = f"{name} {copy_number}"
    return Run(made, Path(f"{name}{copy_number}.pcr"))


@cache
def trained(name: str) -> Run:
    return {"before": before, "after": after, "again": again}[name]()


def rows(compared: RunDifferences) -> dict[tuple[str, ...], Row]:
    """Every figure by its name, so that two comparisons can be put beside each other."""
    names = ("energy", "process", "emissions", "duration", "process_cpu")
    found = {(name,): getattr(compared, name) for name in names}
    found |= {("domain", one.domain): one.energy for one in compared.domains}
    outside = [] if compared.outside is None else [("outside", compared.outside)]
    for kind, region in [("region", region) for region in compared.regions] + outside:
        for part in ("energy", "energy_per_call", "calls", "time", "time_per_call"):
            found[kind, region.label, part] = getattr(region, part)
    return found


sorts = st.sampled_from([name for name in RUNS if name != "texts"])


@given(sorts, sorts)
@settings(max_examples=25, deadline=None)
def test_swapped_runs_say_the_opposite(one, other):
    a, b = run(one), run(other, 1)
    there, back = differences([a, b]), rows(differences([b, a]))
    assert rows(there).keys() == back.keys()
    for name, row in rows(there).items():
        (found,), (opposite,) = row.changes, back[name].changes
        assert opposite.verdict == OPPOSITE.get(found.verdict, found.verdict)
        assert row.values == back[name].values[::-1]
        if found.difference is not None:
            assert opposite.difference.low == pytest.approx(-found.difference.high)
            assert opposite.difference.high == pytest.approx(-found.difference.low)
        if found.ratio is not None and found.ratio.low > 0 and opposite.ratio is not None:
            assert opposite.ratio.high == pytest.approx(1 / found.ratio.low)


@given(sorts)
@settings(max_examples=8, deadline=None)
def test_nothing_changed_from_a_run_to_itself(name):
    compared = differences([run(name), run(name, 1)])
    for row in rows(compared).values():
        (found,) = row.changes
        assert found.verdict not in CHANGED
        if found.ratio is not None:
            assert found.ratio.low <= 1 <= found.ratio.high and found.ratio.best in (1, None)
        if found.difference is not None:
            assert found.difference.low <= 0 <= found.difference.high
    assert not any(map(compared.is_changed, compared.regions))


@given(st.floats(0.5, 2), st.floats(0.01, 100))
@settings(max_examples=25, deadline=None)
def test_twice_the_power_is_twice_the_difference_and_the_same_ratio(part, factor):
    one, other = (
        differences([Node("a", watts).run("a", 0, 1), Node("a", watts * part).run("b", 0, 1)])
        for watts in (20.0, 20.0 * factor)
    )
    assert one.energy.changes[0].ratio.best == pytest.approx(part, rel=1e-3)
    assert other.energy.changes[0].ratio.best == pytest.approx(one.energy.changes[0].ratio.best, rel=1e-3)
    moved = [compared.energy.changes[0].difference.best for compared in (one, other)]
    assert moved[1] == pytest.approx(moved[0] * factor, rel=1e-3, abs=1e-3 * 20 * factor)


def test_twice_the_calls_at_the_same_energy_are_seen_as_that():
    # GIVEN twice the steps, a load of half the power, and an end that has another name
    compared = differences([trained("before"), trained("after")])
    found = {region.label: region for region in compared.regions}
    # THEN the steps changed by how often they were called
    step = found["step"]
    assert step.energy.changes[0].verdict == "more"
    assert step.energy.changes[0].ratio.best == pytest.approx(2, rel=0.02)
    assert [value.best for value in step.calls.values] == [40, 80]
    assert step.energy_per_call.changes[0].verdict == "same within its interval"
    assert step.energy_per_call.changes[0].ratio.best == pytest.approx(1, rel=0.02)
    # AND the load by its power, not its calls or its time
    load = found["load"]
    assert load.energy.changes[0].ratio.low < 29 / 54 < load.energy.changes[0].ratio.high
    assert [row.changes[0].verdict for row in (load.energy, load.energy_per_call)] == ["less", "less"]
    assert load.calls.changes[0].ratio.best == load.time.changes[0].ratio.best == 1
    # AND one end is gone and the other new, in all of their figures
    for label, verdict, sign in (("save", "gone", -1), ("save fast", "new", 1)):
        region = found[label]
        for row in (region.energy, region.energy_per_call, region.calls, region.time):
            assert row.changes[0].verdict == verdict and row.changes[0].ratio is None
        assert region.energy.changes[0].difference.best == pytest.approx(sign * 4.4, rel=0.05)
        assert region.calls.changes[0].difference.best == sign
    # AND what changed most comes first
    moved = [abs(region.energy.changes[0].difference.best) for region in compared.regions]
    assert moved == sorted(moved, reverse=True) and compared.regions[0].label == "step"


def test_the_order_is_by_the_largest_change_among_several_runs():
    compared = differences([trained("before"), trained("again"), trained("after")])
    assert compared.letters == ("A", "B", "C") and compared.regions[0].label == "step"
    (same, more) = compared.regions[0].energy.changes
    assert (same.verdict, more.verdict) == ("same within its interval", "more")
    new = next(region for region in compared.regions if region.label == "save fast")
    assert [found.verdict for found in new.energy.changes] == ["not known", "new"]  # A and B have none of it
    assert compared.energy.of([0, 2]).changes == compared.energy.changes[1:]


def test_grams_of_one_factor_change_as_the_energy_does():
    # GIVEN a fifth more energy in France, whose factor is known to a fifth only
    less, more = Node("a", 20.0).run("a", 0, 1), Node("a", 24.0).run("b", 0, 1)
    compared = differences([less, more])
    # THEN that is seen in grams too, although their own intervals overlap
    assert compared.emissions.values[0].high > compared.emissions.values[1].low
    (grams,) = compared.emissions.changes
    assert grams.verdict == "more" and grams.ratio == compared.energy.changes[0].ratio
    assert grams.difference.best == pytest.approx(4 / 3.6e6 * 50, rel=0.01)
    assert grams.difference.low < 4 / 3.6e6 * 40 and grams.difference.high > 4 / 3.6e6 * 60
    # BUT with two factors the worst of both is taken
    elsewhere = differences([less, Node("a", 24.0).run("b", 0, 1, grid=POLAND)]).emissions.changes[0]
    a, b = less.emissions, Node("a", 24.0).run("b", 0, 1, grid=POLAND).emissions
    assert elsewhere.ratio.low == pytest.approx(b.low_g / a.high_g) and elsewhere.verdict == "more"


def test_modelled_runs_are_compared_by_time():
    # GIVEN two modelled runs of which one has a region for longer
    a = Node("a").run("a", 0, 1, modelled=True, regions={"step": (0, 0.2), "load": (0.2, 0.3)})
    b = Node("a").run("b", 0, 1, modelled=True, regions={"step": (0, 0.6), "load": (0.6, 0.72)})
    compared = differences([a, b])
    # THEN no energy has a verdict, and regions are in order of their time
    assert compared.by_time and [region.label for region in compared.regions] == ["step", "load"]
    energies = [compared.energy, compared.process, compared.emissions, compared.domains[0].energy]
    energies += [compared.regions[0].energy, compared.regions[0].energy_per_call, compared.outside.energy]
    assert {row.changes[0].verdict for row in energies} == {"not compared"}
    assert compared.deciding(compared.regions[0]).changes[0].verdict == "more"
    # BUT beside a measured one that one is compared by energy
    assert not differences([a, b, Node("a").run("c", 0, 1)]).by_time


def test_cpu_time_is_what_the_system_told():
    a, b = Node("a").run("a", 0, 1), Node("a").run("b", 0, 1)
    b.data.footer["process_cpu_s"] = 0.25
    compared = differences([a, b])
    assert compared.process_cpu.values == (None, exactly(0.25))
    assert compared.process_cpu.changes[0].verdict == "not known"


def test_totals_of_different_domains_have_no_verdict():
    # GIVEN a run without its memory's counter
    whole = trained("before")
    part = copy.deepcopy(whole.data)
    part.channels[1] = replace(part.channels[1], in_total=False)
    part.meta["id"] = "part"
    compared = differences([whole, Run(part)])
    # THEN totals, grams and regions are not judged, the domain that both have is
    for row in (compared.energy, compared.emissions, compared.regions[0].energy, compared.outside.energy):
        assert row.changes[0].verdict == "not compared"
    assert [one.energy.changes[0].verdict for one in compared.domains] == ["same within its interval"] * 2
    assert compared.outside.time.changes[0].verdict == "same within its interval"


def test_a_domain_that_one_run_has_is_in_no_row():
    compared = differences([Node("a").run("a", 0, 1, modelled=True), Node("a").run("b", 0, 1)])
    assert [one.domain for one in compared.domains] == ["package-0"]


def test_zero_and_unknown_energy_have_no_ratio():
    for name in ("zero_energy", "no_energy"):
        compared = differences([run(name), run("measured")])
        assert compared.energy.changes[0].ratio is None
    assert compared.energy.changes[0].verdict == compared.emissions.changes[0].verdict == "not known"
    assert differences([run("measured"), run("zero_energy")]).energy.changes[0].ratio.best == 0


def test_regions_beside_a_run_without_are_not_new():
    compared = differences([Node("a").run("a", 0, 1), Node("a").run("b", 0, 1, regions={"step": (0, 1)})])
    assert compared.outside is None and compared.regions[0].energy.changes[0].verdict == "not known"
    assert any("A has no regions" in note for note in compared.notes)


def test_a_label_that_looks_like_the_outside_is_a_region():
    made = Program()
    made.call("(outside)", 50_000_000, 20.0)
    compared = differences([Run(data(made, "a")), Run(data(made, "b"))])
    assert [region.label for region in compared.regions] == ["(outside)"] and compared.outside is not None


def test_unresolved_regions_say_what_would_help():
    made = Program()
    made.work(50_000_000, 20.0)
    made.call("blink", 100_000, 60.0)  # between two updates of the counter
    made.work(50_000_000, 20.0)
    (region,) = differences([Run(data(made, "a")), Run(data(made, "b"))]).regions
    assert region.energy.changes[0].verdict == "not resolved" and region.remedy
    assert region.energy.values[0].best is None and region.energy.changes[0].difference.high > 0


def test_what_cannot_be_compared_is_one_line():
    with pytest.raises(PyCarbonError, match="two runs or more"):
        differences([trained("before")])
    with pytest.raises(PyCarbonError, match="is the same run as"):
        differences([trained("before"), trained("after"), before()])


def test_runs_without_an_id_are_taken_for_different():
    made = program(2, 20.0, "end")
    assert differences([Run(data(made, "")), Run(data(made, ""))]).energy.changes[0].ratio.best == 1


def test_there_are_letters_for_any_number_of_runs():
    assert [letter_of(number) for number in (0, 1, 25, 26, 99)] == ["A", "B", "Z", "R27", "R100"]
