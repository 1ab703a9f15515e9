"""What in a run was waste, on machines whose every second is known."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from idle_world import N_THREADS, Piece, machine
from merge_world import Node
from test_reports import measured

from pycarbon.advice import Used
from pycarbon.advice_waste import waste
from pycarbon.analysis import Run
from pycarbon.interval import Range

BORDER_J = 0.1
"""The borders of idle spans are interpolated between updates of a counter."""


def wasted(run):
    energy = run.energy
    used = Used(Range(energy.low_j, energy.total_j, energy.high_j), run.emissions, run.rating)
    found = waste(run, used)
    for one in found:
        assert one.low_g <= one.saved_g <= one.high_g
        assert one.saved_g <= run.emissions.co2e_g * (1 + 1e-9) and one.high_g <= run.emissions.high_g * (1 + 1e-9)
        assert one.facts["energy_low_j"] <= one.facts["energy_j"] <= one.facts["energy_high_j"]
    return {one.kind: one for one in found}


def test_waiting_is_waste():
    # GIVEN a run that works 6 s at 50 W, waits 4 s at 12 W while nothing else runs, and works 2 s
    run = machine([Piece(6, {"package-0": 50}), Piece(4, {"package-0": 12}, 0.02, 0.01), Piece(2, {"package-0": 50})])
    # WHEN waste is looked for
    idle = wasted(run)["idle-cpu"]
    # THEN it is the 48 J of the waiting
    assert idle.facts["energy_j"] == pytest.approx(48, abs=BORDER_J)
    assert idle.facts["energy_low_j"] - BORDER_J <= 48 <= idle.facts["energy_high_j"] + BORDER_J
    assert (idle.facts["time_s"], idle.facts["time_share"]) == pytest.approx((4, 1 / 3), abs=0.01)
    assert idle.share == pytest.approx(48 / (8 * 50 + 48), rel=0.01) and idle.resolved


@pytest.mark.parametrize(
    ("busy", "tree"),
    [(1.0, 1.0), (0.3, 0.3), (N_THREADS, 0.0), (1.0, 0.0)],
    ids=["one thread", "a third of one", "others, fully", "others, a little"],
)
def test_a_machine_at_work_is_not_idle(busy, tree):
    assert "idle-cpu" not in wasted(machine([Piece(4, busy=busy, tree=tree)]))


def test_what_others_had_is_not_the_runs():
    # GIVEN a run with one CPU of two that are busy
    run = machine([Piece(10, busy=2.0, tree=1.0)])
    # THEN half of the energy is others', to within what a CPU second may cost
    others = wasted(run)["shared"]
    assert others.share == pytest.approx(0.5, rel=0.02)
    assert others.facts["energy_j"] + run.energy.process_j == pytest.approx(run.energy.total_j)
    assert others.resolved


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.floats(1, 100), st.floats(0, 8), st.floats(0, 1)), min_size=1, max_size=4
    )
)
@settings(max_examples=25, deadline=None)
def test_no_joule_is_wasted_twice(drawn):
    # GIVEN any run
    run = machine([Piece(length, {"package-0": watts}, busy, busy * part) for length, watts, busy, part in drawn])
    # THEN what was idle, what others had and what the run had at work are no more than all of it
    found = wasted(run)
    parts = [found[kind].facts["energy_j"] for kind in ("idle-cpu", "shared") if kind in found]
    assert sum(parts) <= run.energy.total_j * (1 + 1e-9)
    assert sum(parts) + run.energy.process_j >= run.energy.total_j * (1 - 1e-9)


def test_of_a_modelled_machine_idleness_is_known_as_well_as_its_curve():
    # GIVEN 6 s of no work and 4 s of it, by a curve whose idle power is known to a factor
    run = machine([Piece(6, busy=0.0, tree=0.0), Piece(4, busy=8, tree=8)], modelled=True)
    idle = wasted(run)["idle-cpu"].facts
    assert (idle["energy_low_j"], idle["energy_j"], idle["energy_high_j"]) == pytest.approx((30, 60, 180), rel=0.05)


def test_where_the_machines_cpu_time_is_not_known_idleness_is_no_better_than_noise():
    run = machine([Piece(4, busy=0.0, tree=0.0), Piece(4)], tells_machine=False)
    idle = wasted(run)["idle-cpu"]
    assert idle.low_g == 0 and not idle.resolved


def test_where_the_runs_cpu_time_is_not_known_nothing_is_said_of_others():
    found = wasted(machine([Piece(4, busy=0.0, tree=0.0), Piece(4)], tells_tree=False))
    assert set(found) == {"idle-cpu"}


def test_a_gpu_at_its_least_power_is_idle_if_it_did_more_at_other_times():
    # GIVEN a GPU that draws 30 W for 60 s and 300 W for 20 s, beside a CPU
    quiet, loud = {"package-0": 20.0, "gpu-0": 30.0}, {"package-0": 20.0, "gpu-0": 300.0}
    gpu = wasted(machine([Piece(40, quiet), Piece(20, loud), Piece(20, quiet)]))["idle-gpu"]
    # THEN the 60 s at 30 W are waste
    assert gpu.facts["domain"] == "gpu-0" and gpu.resolved
    assert gpu.facts["energy_j"] == pytest.approx(1800, rel=0.05)
    assert gpu.facts["floor_w"] == pytest.approx(30, rel=0.01)


def test_an_even_power_does_not_tell_whether_a_gpu_worked():
    gpu = wasted(machine([Piece(20, {"package-0": 20.0, "gpu-1": 70.0})]))["idle-gpu"]
    assert not gpu.resolved and "70 W" in gpu.what
    assert gpu.facts["energy_j"] == pytest.approx(1400, rel=0.01)


def test_a_gpus_energy_is_in_no_figure_of_the_cpus():
    run = machine([Piece(5, {"package-0": 20.0, "gpu-0": 70.0}, busy=0.0, tree=0.0)])
    assert wasted(run)["idle-cpu"].facts["energy_j"] == pytest.approx(100, abs=BORDER_J)


def test_the_innermost_region_that_dominates():
    run = Node("a").run("r", 0, 20, regions={"load": (0.0, 0.2), "step": (0.2, 0.9)})
    half = wasted(run)["region"]
    assert half.facts["label"] == "step" and half.resolved
    assert half.share == pytest.approx(0.35, rel=0.02)


@pytest.mark.parametrize("regions", [None, {"a": (0.0, 0.4), "b": (0.4, 0.8)}])
def test_without_a_region_that_dominates_none_is_named(regions):
    assert "region" not in wasted(Node("a").run("r", 0, 20, regions=regions))


def test_a_run_of_no_time_tells_nothing():
    run = measured()
    run.footer |= {"end_ns": run.start_ns}
    assert wasted(Run(run)) == {}
