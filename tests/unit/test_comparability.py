"""Whether runs compare: each thing that differs beside the code has its line, and nothing else has one."""

from __future__ import annotations

import copy

import pytest
from exported_runs import RUNS
from merge_world import POLAND, Node

from pycarbon import comparability
from pycarbon.analysis import Run
from pycarbon.comparability import CPU_TIME_ONLY, ONE_RUN_EACH


def noted(a: Run, b: Run) -> list[str]:
    """The notes on two runs, but for those that are always there."""
    found = comparability.notes([a, b], ["A", "B"])
    assert found[-1] == ONE_RUN_EACH
    return [note for note in found[:-1] if "counted with one factor" not in note]


def on(machine: dict[str, object], **more) -> Run:
    """A run on a machine that says so of itself."""
    run = Node("a").run("b", 0, 1, **more)
    run.data.meta["machine"] = {"n_threads": 4, "hostname": "a", "boot": "boot of a", **machine}
    return run


def plain() -> Run:
    return Node("a").run("a", 0, 1)


def test_two_runs_of_one_machine_compare():
    assert noted(plain(), Node("a").run("b", 2, 3)) == []
    assert comparability.energies_compare(plain(), Node("a").run("b", 2, 3))


def test_what_is_counted_with_one_factor_changes_as_the_energy_does():
    runs = [plain(), Node("a").run("b", 0, 1, grid=POLAND), plain(), plain()]
    found = [note for note in comparability.notes(runs, "ABCD") if "grams" in note]
    assert [note.partition(",")[0] for note in found] == ["grams are counted with two factors", "the grams of A"]
    assert found[1].startswith("the grams of A, C and D are counted with one factor")


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (
            {"brand": "New CPU", "n_threads": 8},
            "different machines: A ran on an unknown CPU (4 threads), B on New CPU (8",
        ),
        ({"n_threads": 2}, "different machines"),
        ({"hostname": "b", "boot": "another"}, "A ran on a and B on b: two machines of one sort"),
        ({"hostname": "b", "boot": None}, "A ran on a and B on b: two machines of one sort"),
    ],
)
def test_other_machines(machine, said):
    (note,) = noted(plain(), on(machine))
    assert note.startswith(said)


def test_containers_of_one_machine_have_names_of_their_own():
    assert noted(plain(), on({"hostname": "0123456789ab"})) == []


def test_measured_beside_modelled():
    (note,) = noted(plain(), Node("a").run("b", 0, 1, modelled=True))
    assert note.startswith("A is measured and B modelled")
    (note,) = noted(Node("a").run("b", 0, 1, modelled=True), plain())
    assert note.startswith("B is measured and A modelled")


def test_modelled_on_both_sides():
    a, b = (Node("a").run(name, 0, 1, modelled=True) for name in "ab")
    assert noted(a, b) == [CPU_TIME_ONLY] and not comparability.energies_compare(a, b)


def without_memory(run: Run, machine: dict[str, object]) -> Run:
    data = copy.deepcopy(run.data)
    data.channels = [channel for channel in data.channels if channel.domain != "dram-0"]
    data.meta |= {"id": "part", "machine": machine}
    return Run(data)


def renamed(run: Run, machine: dict[str, object]) -> Run:
    """The same with its counters called those of a second package."""
    data = copy.deepcopy(run.data)
    data.channels = [
        type(one).from_dict(one.to_dict() | {"domain": one.domain.replace("-0", "-1")}) for one in data.channels
    ]
    data.meta |= {"id": "second", "machine": machine}
    return Run(data)


def test_other_domains():
    whole = Run(RUNS["regions"]())
    # GIVEN a run without a counter of the memory THEN totals do not compare, whatever the machine
    for machine in ({}, {"n_threads": 2}):
        assert not comparability.energies_compare(whole, without_memory(whole, machine))
        note = noted(whole, without_memory(whole, machine))[-1]
        assert note == (
            "their energies are not compared, being of different domains: A adds package-0 + dram-0, B package-0"
        )
    # BUT machines of different sorts may have other packages, where one machine may not
    assert not comparability.energies_compare(whole, renamed(whole, {}))
    assert comparability.energies_compare(whole, renamed(whole, {"n_threads": 2}))
    assert noted(whole, renamed(whole, {"n_threads": 2}))[-1].startswith("their energies are of different domains")


@pytest.mark.parametrize("more", [{"grid": POLAND}, {"pue": 1.5}, {"grid": POLAND | {"zone": "FRA"}}])
def test_other_factors(more):
    other = Node("a").run("b", 0, 1, **more)
    (note,) = noted(plain(), other)
    assert note.startswith("grams are counted with two factors") and "50 g/kWh (FRA, 2024, PUE 1)" in note
    assert not comparability.same_factor(plain().emissions, other.emissions)


def test_what_each_run_says_of_itself():
    cut, failed, killed = (Node("a").run("b", 0, 1, complete=whole) for whole in (False, True, True))
    failed.data.footer["exit_status"], killed.data.footer["exit_status"] = 3, -9
    assert noted(plain(), cut) == [
        "B was cut off, or is still being recorded: its figures reach up to the last moment seen"
    ]
    assert "B ended with status 3" in noted(plain(), failed)[0]
    assert "A ended by signal 9" in noted(killed, plain())[0]


def test_energy_that_is_missing_zero_or_with_gaps():
    measured, cut_off, no_energy, zero = (
        Run(RUNS[name]()) for name in ("measured", "cut_off", "no_energy", "zero_energy")
    )
    assert noted(measured, no_energy)[-1].startswith("B has no energy")
    assert "A used no energy that was seen" in noted(zero, measured)[-1]
    assert any("B: dram-0 gave no news for" in note for note in noted(measured, cut_off))


def test_runs_without_regions():
    without, with_regions = plain(), Node("a").run("b", 0, 1, regions={"step": (0, 1)})
    assert comparability.regions_missing([without, without], "AB") is None
    assert comparability.regions_missing([with_regions, with_regions], "AB") is None
    assert comparability.regions_missing([with_regions, without, without], "ABC").startswith(
        "B and C have no regions"
    )
