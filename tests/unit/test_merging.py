"""Merged runs: totals are sums, nothing counts twice, and the common clock is as good as it says."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merge_world import EPOCH_NS, FRANCE, MS, POLAND, SECOND, Node

import pycarbon
from pycarbon.analysis import Run
from pycarbon.errors import PyCarbonError
from pycarbon.merging import merge
from pycarbon.reports.merged_json import merged_as_dict

ONE, TWO = Node("node1"), Node("node2", watts=50.0, booted_s=-77.0, ahead_s=0.001)
TIMES = st.floats(0, 20).map(lambda at_s: round(at_s, 3))
SPANS = st.tuples(TIMES, st.floats(0.05, 10).map(lambda length_s: round(length_s, 3)))


def job(spans, nodes=(ONE, TWO), **more) -> list[Run]:
    return [
        nodes[number % len(nodes)].run(f"run{number}", start_s, start_s + length_s, **more)
        for number, (start_s, length_s) in enumerate(spans)
    ]


def test_of_two_machines_everything_adds_up():
    # GIVEN runs of two machines in two countries
    runs = [ONE.run("a", 0, 10, pue=1.2), TWO.run("b", 1, 8, grid=POLAND)]
    merged = pycarbon.merge(runs)
    # THEN energy, its interval, emissions and processes are sums
    assert merged.energy.total_j == pytest.approx(20 * 10 + 50 * 7, rel=1e-3)
    for name in ("total_j", "low_j", "high_j", "process_j", "process_low_j", "process_high_j"):
        assert getattr(merged.energy, name) == sum(getattr(run.energy, name) for run in runs)
    for name in ("co2e_g", "low_g", "high_g"):
        assert getattr(merged.emissions, name) == sum(getattr(run.emissions, name) for run in runs)
    assert [(f.zone, f.pue) for f in merged.emissions.factors] == [("FRA", 1.2), ("POL", 1.0)]
    # AND so are domains, those that are in no total beside the total
    package, core = merged.energy.channels
    assert (package.energy_j, package.in_total) == (merged.energy.total_j, True)
    assert (core.energy_j, core.in_total) == (pytest.approx(merged.energy.total_j / 2, rel=1e-3), False)
    assert package.mean_power_w == pytest.approx(70, rel=1e-3)
    assert merged.energy.kind == "measured" and merged.emissions.kind == "modelled"
    # AND the span goes from the first start to the last end
    assert (merged.span.duration_s, merged.span.any_s, merged.span.all_s) == (10, 10, pytest.approx(7, abs=1e-6))
    assert merged.span.started_at == "2026-01-02T03:04:05.000000+00:00"
    assert merged.notes == []


@settings(max_examples=25)
@given(st.lists(SPANS, min_size=1, max_size=6), st.randoms())
def test_the_order_of_runs_does_not_matter(spans, dice: random.Random):
    runs = job(spans, regions={"step": (0.2, 0.9)})
    there = merged_as_dict(merge(runs))
    dice.shuffle(runs)
    assert merged_as_dict(merge(runs)) == there


@settings(max_examples=40)
@given(st.lists(SPANS, min_size=1, max_size=6), st.booleans())
def test_what_a_machine_used_counts_once_however_many_recorded_it(spans, told_apart_by_name):
    # GIVEN a machine of 20 W, and any runs of it, also within and beside each other
    node = replace(ONE, boot=None) if told_apart_by_name else ONE
    merged = merge(job(spans, (node,)))
    # THEN it used what it used in the time that any of them saw
    covered = np.zeros(40_000, bool)
    for start_s, length_s in spans:
        covered[round(start_s * 1000) : round((start_s + length_s) * 1000)] = True
    truth_j = 20 * covered.sum() / 1000
    energy = merged.energy
    assert energy.low_j - 1e-6 <= truth_j <= energy.high_j + 1e-6
    assert energy.total_j == pytest.approx(truth_j, rel=0.01, abs=0.05)
    (machine,) = merged.machines
    assert machine.duration_s == pytest.approx(covered.sum() / 1000)
    # AND each of its moments is told by one run
    assert sum(run.counted_s for run in merged.runs) == pytest.approx(machine.duration_s)
    assert merged.emissions.co2e_g == pytest.approx(energy.total_j / 3.6e6 * 50)
    # AND no share of its processes is more than all
    assert energy.process_j is not None and energy.process_j <= energy.total_j


@settings(max_examples=25)
@given(st.lists(SPANS, min_size=1, max_size=5))
def test_power_over_time_makes_up_the_energy(spans):
    merged = merge(job(spans))
    power = merged.power(50)
    assert (np.diff(power["time_ns"]) > 0).all() and power["time_ns"][0] == merged.span.start_ns
    lengths_s = np.diff(np.append(power["time_ns"], merged.span.end_ns)) / 1e9
    assert (power["power_w"] * lengths_s).sum() == pytest.approx(merged.energy.total_j, rel=1e-6)
    assert power["power_w"].max() <= 70 * 1.05


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(SPANS, st.floats(-1e4, -1), st.floats(-0.5, 0.5), st.integers(0, SECOND)), min_size=1, max_size=4
    )
)
def test_true_times_lie_within_the_uncertainty_of_the_common_clock(machines):
    # GIVEN machines whose clocks are off, by less than their kernels say
    runs, starts, ends = [], [], []
    for number, ((start_s, length_s), booted_s, ahead_s, slack_ns) in enumerate(machines):
        error_ns = round(abs(ahead_s) * 1e9) + 1 + slack_ns
        node = Node(f"node{number}", 20, booted_s, ahead_s, error_ns)
        runs.append(node.run(str(number), start_s, start_s + length_s))
        starts.append(start_s)
        ends.append(start_s + length_s)
    merged = merge(runs)
    # THEN so are starts and ends, and the length of the job
    for run in merged.runs:
        assert abs(run.start_ns - EPOCH_NS - starts[int(run.run.id)] * 1e9) <= run.start_uncertainty_s * 1e9 + 500
        assert abs(run.end_ns - EPOCH_NS - ends[int(run.run.id)] * 1e9) <= run.end_uncertainty_s * 1e9 + 500
    span, true_s = merged.span, max(ends) - min(starts)
    assert abs(span.start_ns - EPOCH_NS - min(starts) * 1e9) <= span.uncertainty_s * 1e9 + 500
    assert span.low_s - 1e-6 <= true_s <= span.high_s + 1e-6
    assert span.low_s <= span.duration_s <= span.high_s
    assert span.all_s <= span.any_s <= span.duration_s


def test_an_unknown_clock_makes_the_common_one_unknown():
    # GIVEN one machine whose clock nobody kept, and one recorded before the kernel was asked
    old = Node("node3").run("c", 0, 5)
    del old.data.meta["anchor"]["wall_error_ns"], old.data.footer["anchor"]["wall_error_ns"]
    merged = merge([ONE.run("a", 0, 5), replace(TWO, wall_error_ns=None).run("b", 0, 5), old])
    # THEN nothing is guessed, and the reasons are told
    assert (merged.span.uncertainty_s, merged.span.low_s, merged.span.high_s) == (None, None, None)
    assert [run.start_uncertainty_s is None for run in merged.runs].count(True) == 2
    told = [note for note in merged.notes if "not known" in note]
    assert len(told) == 2 and "node3 was recorded without asking" in told[0] and "node2 ran on a clock" in told[1]


def test_the_kind_of_a_total_is_that_of_its_least_certain_part():
    runs = [ONE.run("a", 0, 5), TWO.run("b", 0, 5, modelled=True)]
    merged = merge(runs)
    assert merged.energy.kind == "modelled"
    assert {machine.label: machine.energy.kind for machine in merged.machines} == {
        "node1": "measured",
        "node2": "modelled",
    }
    assert merged.energy.high_j == runs[0].energy.high_j + runs[1].energy.high_j


def test_of_one_machine_the_run_that_measured_tells():
    # GIVEN a short run with counters within a longer one without
    measured, modelled = ONE.run("a", 2, 4), replace(ONE, watts=100).run("b", 0, 10, modelled=True)
    merged = merge([modelled, measured])
    # THEN the counters tell what they saw, and the model the rest
    assert {run.run.id: run.counted_s for run in merged.runs} == {"a": 2.0, "b": 8.0}
    assert merged.energy.total_j == pytest.approx(20 * 2 + 100 * 8, rel=0.01)
    assert merged.energy.kind == "modelled"


def test_the_same_run_twice_is_refused():
    runs = [ONE.run("a", 0, 5), TWO.run("b", 0, 5), ONE.run("a", 0, 5)]
    with pytest.raises(PyCarbonError, match=r"a\.pcr is the same run as a\.pcr: its energy would be counted twice"):
        merge(runs)


def test_nothing_and_a_run_without_a_time_are_refused():
    with pytest.raises(PyCarbonError, match="no run to merge"):
        merge([])
    timeless = ONE.run("a", 0, 5)
    timeless.data.meta["anchor"] = timeless.data.footer["anchor"] = timeless.data.meta["started_at"] = None
    with pytest.raises(PyCarbonError, match=r"a\.pcr cannot be merged: it does not say when it was recorded"):
        merge([timeless])


def test_runs_of_no_common_time_are_pointed_at():
    lonely = [ONE.run("a", 0, 5), TWO.run("b", 1, 5), Node("node3").run("c", 100, 105)]
    assert merge(lonely).notes == ["node3 ran at no time when another did: of the same job?"]
    assert merge(lonely[1:]).notes == ["no two of these runs were at the same time: are they of one job?"]
    assert merge(lonely).span.all_s == 0 and merge(lonely).span.any_s == pytest.approx(10, abs=0.01)


def test_regions_of_several_machines_add_up_by_label():
    # GIVEN a region on two machines, one that only one of them has, and a machine without any
    runs = [
        ONE.run("a", 0, 10, regions={"step": (0, 0.5), "load": (0.5, 0.75)}),
        TWO.run("b", 0, 10, regions={"step": (0, 0.5)}),
        Node("node3", 10).run("c", 0, 10),
    ]
    merged = merge(runs)
    # THEN what it cost adds up, and with what is outside makes up the total
    regions = {region.label: region for region in merged.regions}
    step = regions["step"]
    own = [next(region for region in run.regions if region.label == "step") for run in runs[:2]]
    assert (step.calls, step.time_s) == (2, pytest.approx(10))
    assert step.energy_j == pytest.approx(20 * 5 + 50 * 5, rel=0.02)
    assert (step.low_j, step.high_j) == (own[0].low_j + own[1].low_j, own[0].high_j + own[1].high_j)
    assert step.co2e_g == own[0].co2e_g + own[1].co2e_g
    assert step.energy_per_call_j == step.energy_j / 2 and step.share == step.energy_j / merged.energy.total_j
    assert step.resolved and merged.regions[0] is step
    apart = sum(region.self_energy_j for region in [*merged.regions, merged.outside])
    assert apart == pytest.approx(merged.energy.total_j)


def test_a_region_is_resolved_only_where_all_are():
    runs = [ONE.run("a", 0, 10, regions={"step": (0, 0.5)}), TWO.run("b", 0, 10, regions={"step": (0, 0.5)})]
    figures = runs[1]._figures
    (found,) = figures.labels
    unresolved = replace(found, energy_j=None, co2e_g=None, resolved=False, remedy="run it for longer")
    runs[1].__dict__["_figures"] = replace(figures, labels=(unresolved,))
    (step,) = merge(runs).regions
    assert (step.energy_j, step.resolved, step.remedy, step.share) == (None, False, "run it for longer", None)
    assert step.low_j < 350 < step.high_j + 1


def test_regions_of_one_machine_at_once_are_bounded_and_not_added():
    # GIVEN two ranks of one machine in the same region at overlapping times: together for 7.5 of 10 seconds
    runs = [ONE.run("a", 0, 10, regions={"step": (0, 0.5)}), ONE.run("b", 0, 10, regions={"step": (0.25, 0.75)})]
    merged = merge(runs)
    (step,) = merged.regions
    # THEN what the machine used meanwhile is not the sum, and it is said what would tell
    assert (step.energy_j, step.resolved, step.calls) == (None, False, 2)
    assert step.low_j <= 20 * 7.5 <= step.high_j <= merged.energy.high_j
    assert "pycarbon run" in step.remedy
    assert merged.outside is not None and merged.outside.low_j <= 20 * 2.5 <= merged.outside.high_j
    # AND one after the other they add up
    later = [runs[0], ONE.run("b", 11, 21, regions={"step": (0.25, 0.75)})]
    assert merge(later).regions[0].energy_j == pytest.approx(200, rel=0.02)


def test_a_run_within_another_adds_nothing():
    # GIVEN a run that a program made of a part of itself, while all of it was recorded
    outer = ONE.run("outer", 0, 10, regions={"step": (0, 0.5)})
    inner = ONE.run("inner", 2, 4, inside="outer", regions={"step": (0, 1)})
    merged, alone = merge([outer, inner]), merge([outer])
    # THEN the outer one has all of it
    assert merged.energy == alone.energy and merged.regions == alone.regions and merged.outside == alone.outside
    assert [(run.label, run.inside, run.counted_s) for run in merged.runs] == [
        ("outer", None, 10.0),
        ("inner", "outer", 0.0),
    ]
    assert merged.span.all_s == 10


def test_a_run_that_went_on_when_the_one_around_it_was_cut_off_has_its_rest():
    # GIVEN an outer run that ends long before the inner one does
    outer = ONE.run("outer", 0, 4, regions={"step": (0, 1)})
    inner = ONE.run("inner", 2, 10, inside="outer", regions={"step": (0, 1)})
    merged = merge([outer, inner])
    # THEN energy counts once, and of the region the bounds hold
    assert merged.energy.total_j == pytest.approx(200, rel=0.01) and merged.energy.process_j is None
    assert [run.inside for run in merged.runs] == [None, None]
    (step,) = merged.regions
    assert not step.resolved and step.low_j <= 200 <= step.high_j + 1


def test_a_run_started_by_another_machines_run_is_no_part_of_it():
    # GIVEN a job recorded on the node that started it, and a rank that inherited its environment elsewhere
    merged = merge([ONE.run("job", 0, 10), TWO.run("rank", 1, 9, inside="job")])
    assert merged.energy.total_j == pytest.approx(20 * 10 + 50 * 8, rel=1e-3)
    assert [run.inside for run in merged.runs] == [None, None]


def test_shares_of_processes_that_may_hold_each_other_are_not_added():
    # GIVEN two runs of one machine, of which the run between them is missing
    merged = merge([ONE.run("a", 0, 10), ONE.run("c", 2, 4, inside="b")])
    assert merged.energy.process_j is None and any("through a run that is not here" in n for n in merged.notes)
    # AND siblings are no question
    assert merge([ONE.run("a", 0, 9, inside="b"), ONE.run("c", 2, 4, inside="b")]).energy.process_j is not None


def test_machines_of_one_name_that_may_be_one_are_pointed_at():
    # GIVEN two runs of a host name at one time, started at different times, and nothing that tells more
    nodes = [Node("localhost", boot=None), Node("localhost", boot=None, booted_s=-500.0)]
    merged = merge([node.run(str(number), 0, 10) for number, node in enumerate(nodes)])
    assert len(merged.machines) == 2 and any("may be of one machine" in note for note in merged.notes)
    # AND boots would have told
    nodes = [replace(node, boot=f"boot {number}") for number, node in enumerate(nodes)]
    merged = merge([node.run(str(number), 0, 10) for number, node in enumerate(nodes)])
    assert len(merged.machines) == 2 and merged.notes == []
    assert [machine.label for machine in merged.machines] == ["localhost (0)", "localhost (1)"]


def test_containers_of_one_machine_are_one_machine():
    nodes = [Node(f"container{number}", boot="the host's") for number in range(2)]
    merged = merge([node.run(str(number), 0, 10) for number, node in enumerate(nodes)])
    assert len(merged.machines) == 1 and merged.energy.total_j == pytest.approx(200, rel=1e-3)


def test_a_run_without_energy_is_in_no_sum_and_said():
    empty = TWO.run("b", 0, 10)
    empty.data.channels = [channel for channel in empty.data.channels if channel.quantity != "energy"]
    merged = merge([ONE.run("a", 0, 10), empty])
    assert merged.energy.total_j == pytest.approx(200, rel=1e-3)
    assert any("node2: its energy is not known" in note for note in merged.notes)
    nothing = merge([empty])
    assert np.isnan(nothing.energy.total_j) and np.isnan(nothing.emissions.co2e_g)
    assert (nothing.power(10)["power_w"] == 0).all()


def test_runs_that_were_cut_off_say_so_and_have_one_anchor():
    cut = TWO.run("b", 0, 10, complete=False)
    merged = merge([ONE.run("a", 0, 10), cut])
    (found,) = (run for run in merged.runs if run.run is cut)
    assert found.clock.basis == "one anchor"
    assert found.start_uncertainty_s == pytest.approx(2e-3, rel=0.02)
    assert found.end_uncertainty_s == pytest.approx(2e-3 + 500e-6 * 10, rel=0.02)
    assert any(note.startswith("node2: the recording was cut off") for note in merged.notes)


def test_what_several_runs_say_is_said_once():
    runs = [Node(f"node{i}").run(str(i), 0, 5, notes=("the counters were slow",)) for i in range(10)]
    (note,) = merge(runs).notes
    assert note.startswith("node0, node1") and note.endswith("and 2 more: the counters were slow")


def test_names_are_as_short_as_they_differ():
    ranks = [node.run(f"rank{i}", 0, 5) for i, node in enumerate([ONE, TWO, ONE, TWO])]
    assert labels(ranks) == {"rank0", "rank1", "rank2", "rank3"}
    same = [Run(run.data, Path("out.pcr")) for run in ranks]
    assert labels(same[:2]) == {"node1", "node2"}
    assert labels(same) == {"rank0", "rank1", "rank2", "rank3"}  # their ids
    nameless = [Run(run.data) for run in ranks]
    for number, run in enumerate(nameless):
        run.data.meta |= {"id": None if number else "", "machine": {}}
    assert labels(nameless[:2]) == {"run 1", "run 2"}


def labels(runs: list[Run]) -> set[str]:
    return {run.label for run in merge(runs).runs}


def test_one_run_merged_is_itself():
    run = ONE.run("a", 0, 10, grid=FRANCE, regions={"step": (0, 0.5)})
    merged = merge([run])
    assert merged.energy == run.energy and merged.regions == run.regions and merged.outside == run.outside
    assert merged.emissions.factors == (run.emissions,) and merged.notes == run.notes
    assert merged.span.duration_s == run.duration_s == merged.span.all_s
    assert merged.span.uncertainty_s == pytest.approx(2e-3, rel=0.01) and MS == 10**6


def test_a_run_of_no_length_is_merged():
    merged = merge([ONE.run("a", 1, 1), TWO.run("b", 2, 2)])
    assert merged.energy.total_j == 0 and len(merged.power()) <= 1000
