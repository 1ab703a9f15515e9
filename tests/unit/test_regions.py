"""Figures of regions: they hold the truth of programs whose energy is known, and always add up."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from counter_simulator import MILLISECOND
from hypothesis import given, settings
from hypothesis import strategies as st
from region_world import START_NS, Program, as_run, training
from test_reports import with_regions

from pycarbon.analysis import Run
from pycarbon.ledger import NODE_DTYPE, ROW_DTYPE, Ledger
from pycarbon.regions import figures
from pycarbon.run import Flag


def trained(domains=("package-0",), **more):
    program = training()
    worlds = {domain: program.world(watts=None if i == 0 else 5.0, seed=i) for i, domain in enumerate(domains)}
    return program, worlds, as_run(program, worlds, **more)


def every(run: Run) -> list:
    """All nodes of the tree."""
    found, stack = [], run.tree()
    while stack:
        node = stack.pop()
        found.append(node)
        stack += node.children
    return found


def check_sums(run: Run) -> None:
    """Times and energies of a tree add up, to the run's total."""
    nodes = every(run)
    for node in nodes:
        inside = [child.region for child in node.children]
        whole = node.region
        assert whole.time_s == pytest.approx(whole.self_time_s + sum(region.time_s for region in inside))
        assert whole.low_j >= 0 and whole.low_j <= whole.high_j
        if whole.energy_j is not None:
            assert whole.low_j <= whole.energy_j <= whole.high_j <= run.energy.high_j * (1 + 1e-9)
    own = [node.region.self_energy_j for node in nodes]
    if None not in own and run.outside.energy_j is not None:
        assert sum(own) + run.outside.energy_j == pytest.approx(run.energy.total_j, rel=1e-6, abs=1e-9)
    for region in run.regions:
        places = [node.region for node in nodes if node.region.label == region.label]
        assert region.calls == sum(place.calls for place in places)
        assert region.self_time_s == pytest.approx(sum(place.self_time_s for place in places))


@pytest.mark.parametrize("domains", [("package-0",), ("package-0", "dram-0")])
def test_figures_are_true_and_add_up(domains):
    # GIVEN a program of nested regions, in blocks longer than a counter's period
    program, worlds, data = trained(domains)
    run = Run(data)
    # WHEN its figures are made
    check_sums(run)
    # THEN each place used what it truly did
    truth = sum(program.true_j(world) for world in worlds.values())
    nodes = every(run)
    assert len(nodes) == len(program.nodes) == 5
    for node in nodes:
        number = next(i for i, (_, label) in enumerate(program.nodes) if program.labels[label] == node.region.label)
        assert node.region.self_energy_j == pytest.approx(truth[number], rel=0.01, abs=0.6)
        assert node.region.kind == "measured" and node.region.resolved and node.region.remedy == ""
    assert run.outside.energy_j == pytest.approx(truth[-1], rel=0.05, abs=0.2)
    labels = {region.label: region for region in run.regions}
    assert [region.label for region in run.regions] == ["epoch", "step", "backward", "forward", "load"]
    assert labels["forward"].calls == 120 and labels["epoch"].calls == 6
    assert labels["epoch"].energy_j == pytest.approx(truth[:-1].sum(), rel=0.01)
    assert labels["epoch"].energy_per_call_j == pytest.approx(labels["epoch"].energy_j / 6)
    assert sum(root.region.share for root in run.tree()) + run.outside.share == pytest.approx(1)
    grams = run.emissions.co2e_g * labels["epoch"].share
    assert labels["epoch"].co2e_g == pytest.approx(grams)


def test_a_label_in_several_places_has_them_all():
    # GIVEN "io" entered alone, within "work", and within itself by way of "work"
    program = Program()
    for _ in range(100):
        program.call("io", 4 * MILLISECOND, 20.0)
        program.enter("work")
        program.work(7 * MILLISECOND, 80.0)
        program.call("io", 3 * MILLISECOND, 20.0)
        program.leave()
        program.enter("io")
        program.enter("work")
        program.call("io", 2 * MILLISECOND, 20.0)
        program.leave()
        program.leave()
    run = Run(as_run(program, {"package-0": program.world()}))
    check_sums(run)
    # THEN its figures are those of all places, and nothing is counted twice
    labels = {region.label: region for region in run.regions}
    assert labels["io"].calls == 400 and labels["io"].time_s == pytest.approx(0.9)
    assert labels["io"].energy_j == pytest.approx(18.0, rel=0.05)
    assert labels["work"].time_s == pytest.approx(1.0) and labels["work"].self_time_s == pytest.approx(0.7)
    assert {root.region.label for root in run.tree()} == {"io", "work"}


def test_borders_of_another_channel_serve():
    # GIVEN two counters that are updated at the same times, so that every slice ends at an edge of the first
    program = training()
    worlds = {"package-0": program.world(), "dram-0": program.world(10.0)}
    data = as_run(program, worlds)
    data.edges[1]["t_before_ns"][1:] = data.edges[0]["t_before_ns"][1 : len(data.edges[1])]
    data.edges[1]["t_seen_ns"][1:] = data.edges[0]["t_seen_ns"][1 : len(data.edges[1])]
    data.ledger = program.ledger(
        [b + (s - b) // 2 for b, s in data.edges[0][["t_before_ns", "t_seen_ns"]][1:].tolist()],
        [0] * (len(data.edges[0]) - 1),
    )
    run = Run(data)
    check_sums(run)
    # THEN both are fitted
    truth = sum(program.true_j(world) for world in worlds.values())
    assert {region.method for region in run.regions} == {"fit", "interpolation"}
    assert run.regions[0].energy_j == pytest.approx(truth[:-1].sum(), rel=0.01)


@settings(max_examples=25, deadline=None)
@given(st.integers(600_000, 30_000_000), st.integers(0, 2**40))
def test_a_counter_that_wraps_gives_the_same_figures(range_raw, start_raw):
    # GIVEN a program on a counter that never wraps, and on one that does so up to ninety times a second
    _, _, whole = trained()
    _, _, wraps = trained()
    edges = wraps.edges[0]
    edges["raw"] = (edges["raw"] + start_raw) % (range_raw + 1)
    edges["flags"][1:][np.diff(edges["raw"].astype(np.int64)) < 0] = Flag.WRAPPED
    wraps.channels[0] = dataclasses.replace(wraps.channels[0], range_raw=range_raw)
    # THEN every figure is the same
    for one, other in zip(Run(whole).regions, Run(wraps).regions, strict=True):
        assert dataclasses.asdict(other) == {
            name: pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
            for name, value in dataclasses.asdict(one).items()
        }


def lost(data, first, last):
    """Nobody looks from one edge to another."""
    edges = data.edges[0]
    gap = edges[first : first + 1].copy()
    gap["t_before_ns"], gap["t_seen_ns"] = edges["t_seen_ns"][first], edges["t_before_ns"][last]
    gap["flags"] = Flag.GAP
    data.edges[0] = np.concatenate([edges[: first + 1], gap, edges[last:]])


def reset(data, first):
    """The counter begins anew."""
    edges = data.edges[0]
    edges["raw"][first:] -= edges["raw"][first]
    edges["flags"][first] |= Flag.RESET


def test_what_nobody_saw_widens_the_interval():
    # GIVEN a program of which 0.2 s were not looked at, and one whose counter began anew
    _, _, whole = trained()
    _, _, gap = trained()
    lost(gap, 900, 1100)
    _, _, anew = trained()
    reset(anew, 1000)
    whole, gap, anew = Run(whole), Run(gap), Run(anew)
    for run in (whole, gap, anew):
        check_sums(run)
    # THEN the counter's own bridging of the gap is in the total, but whose it was is less certain
    assert gap.energy.total_j == pytest.approx(whole.energy.total_j, rel=0.001)
    for seen, missed in zip(whole.regions[:1], gap.regions[:1], strict=True):
        assert missed.high_j - missed.low_j > 5 + (seen.high_j - seen.low_j)
        assert missed.low_j <= seen.energy_j <= missed.high_j
    assert anew.regions[0].low_j <= whole.regions[0].energy_j


def test_a_run_that_was_hardly_seen_resolves_nothing():
    # GIVEN a program of which nearly all was not looked at
    _, _, data = trained()
    lost(data, 300, len(data.edges[0]) - 300)
    run = Run(data)
    check_sums(run)
    # THEN no label has a figure that may as well be anything
    for region in run.regions:
        wide = max(region.high_j - region.energy_j, region.energy_j - region.low_j) if region.resolved else 0.0
        assert not region.resolved or wide <= 0.25 * region.energy_j
    assert any("not seen closely" in region.remedy for region in run.regions)


@pytest.mark.parametrize("milliseconds", [1.5, 2.6, 5])
def test_a_run_of_a_few_updates(milliseconds):
    # GIVEN a program that ends before its counter can tell much
    program = Program()
    program.work(100_000, 10.0)
    program.call("step", int(milliseconds * MILLISECOND), 50.0)
    program.work(100_000, 10.0)
    world = program.world()
    run = Run(as_run(program, {"package-0": world}))
    # THEN it is reported, and the truth is within the bounds
    check_sums(run)
    (region,) = run.regions
    assert region.low_j <= program.true_j(world)[0] <= region.high_j + 2**-13
    assert region.resolved or "longer" in region.remedy


def test_counters_that_never_move_tell_nothing():
    program = training(1, 2)
    data = as_run(program, {"package-0": program.world(0.0)})
    run = Run(data)
    check_sums(run)
    assert all(region.energy_j is None and "longer" in region.remedy for region in run.regions)


def test_without_any_energy_there_are_still_times():
    # GIVEN a run with a ledger and neither counter nor model
    program = training(1, 2)
    data = as_run(program, {"package-0": program.world()})
    data.channels, data.edges = [], {}
    for region in Run(data).regions:
        assert region.time_s > 0 and region.energy_j is None and math.isnan(region.low_j) and region.remedy


def modelled_run(threads: int = 1) -> Run:
    """The modelled run with its regions, in so many threads that a CPU worked on for half a second of each."""
    data = with_regions()
    data.ledger.slices["threads"] = threads
    data.ledger.rows["time_ns"] *= threads
    return Run(data)


def test_a_model_is_divided_by_time():
    run = modelled_run()
    check_sums(run)
    busy, inner = run.regions[:2]
    # THEN eight of ten seconds have as much of the energy, as uncertain as the model
    assert busy.energy_j == pytest.approx(0.8 * run.energy.total_j, rel=0.001)
    assert inner.energy_j == pytest.approx(0.4 * run.energy.total_j, rel=0.001)
    assert (busy.kind, busy.method, busy.resolved) == ("modelled", "model", True)
    assert busy.low_j == pytest.approx(busy.energy_j * run.energy.low_j / run.energy.total_j, rel=0.01)
    assert busy.high_j == pytest.approx(busy.energy_j * run.energy.high_j / run.energy.total_j, rel=0.01)


def test_threads_at_once_share_a_model_by_their_cpu_time():
    # GIVEN three threads in a region at once, which a CPU worked on for half of the time
    run = modelled_run(threads=3)
    check_sums(run)
    assert run.regions[0].time_s == pytest.approx(24)
    assert run.regions[0].energy_j == pytest.approx(0.4 * run.energy.total_j, rel=0.001)


def test_threads_at_once_are_attributed():
    _, _, data = trained()
    data.ledger.slices["threads"] *= 2
    assert Run(data).regions[0].kind == "attributed"


def test_a_deep_tree_has_figures_and_a_wide_one_too():
    # GIVEN a thousand regions each within the one before, or beside it
    for parents in ([-1, *range(999)], [-1] * 1000):
        program = Program()
        program.call("x", 30 * MILLISECOND, 30.0)
        data = as_run(program, {"package-0": program.world()})
        nodes = np.array([(parent, i) for i, parent in enumerate(parents)], NODE_DTYPE)
        row = data.ledger.rows[5]
        rows = np.array([(row["slice"], i, 100, 100, 1) for i in range(1000)], ROW_DTYPE)
        data.ledger = dataclasses.replace(data.ledger, labels=[f"r{i}" for i in range(1000)], nodes=nodes, rows=rows)
        # WHEN they are reported THEN all are there
        run = Run(data)
        assert len(run.regions) == len(every(run)) == 1000
        check_sums(run)


def test_a_tree_too_large_to_look_at_pairwise_is_cut_at_some_depth(monkeypatch):
    # GIVEN chains of regions with more pairs than are looked at
    monkeypatch.setattr("pycarbon.regions.MOST_MEMBERS", 50)
    parents = [-1, *range(20)]
    rows = np.array([(0, i, 10, 10, 1) for i in range(21)], ROW_DTYPE)
    program = Program()
    program.work(5 * MILLISECOND, 10.0)
    slices = as_run(program, {"package-0": program.world()}).ledger.slices
    nodes = np.array([(parent, i) for i, parent in enumerate(parents)], NODE_DTYPE)
    found = figures(Ledger([f"r{i}" for i in range(21)], nodes, slices, rows), [], START_NS, program.now_ns, 1.0)
    # THEN the deepest count as their parents
    assert 0 < len(found.labels) < 21
    assert found.roots[0].region.time_s == pytest.approx(21 * 10e-9)


def test_notes_say_what_was_odd():
    _, _, data = trained()
    assert not any("region" in note for note in Run(data).notes)
    names = "dropped crossed unmatched died_inside killed_inside open_at_end too_deep too_many_nodes other_label"
    data.ledger.counts = dict.fromkeys([*names.split(), "not_kept", "bad_rings"], 2) | {"clock_error_ns": 12_345}
    notes = Run(data).notes
    assert len(notes) == 8 and all("\n" not in note for note in notes)
    data.ledger.counts["dropped"] = 0  # lost marks look like a program that forgets to leave its regions
    assert len(Run(data).notes) == 11
    kept = len(data.ledger.marks)
    assert any(f"the first {kept} were kept" in note and f"--keep-marks {kept + 2}" in note for note in notes)
    assert any("12.3 µs" in note for note in notes)
    data.ledger.counts = {"died_inside": 1, "not_kept": -1, "clock_error_ns": 9_999, "dropped": 0}
    assert Run(data).notes == ["1 thread ended within a region, which was taken to end there"]


def test_an_empty_ledger_has_no_regions():
    _, _, data = trained()
    data.ledger = Ledger(labels=["a"], nodes=np.array([(-1, 0)], NODE_DTYPE))
    run = Run(data)
    assert run.regions == [] and run.tree() == [] and run.outside is None
    assert len(run.calls("a")) == 0 and run.calls("a").dtype.names[0] == "start_ns"
