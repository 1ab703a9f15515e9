"""What a comparison says of each variant, and of what speaks against it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from contrast_world import CURVE, concluded
from trial_world import NOISES, TrialWorld, autocorrelated, spiking, white

from pycarbon.doubts import doubts
from pycarbon.experiment import Experiment, Plan, Trial


def test_figures_are_those_of_the_trials(tmp_path: Path) -> None:
    found = concluded(tmp_path, (1.0, 0.5), NOISES["constant"])
    a, b = found.variants
    assert (a.kind, found.basis, found.domains) == ("measured", "energy_j", ("package-0",))
    assert a.energy_per_call_j.best == pytest.approx(50, rel=1e-3)
    assert b.energy_per_call_j.best == pytest.approx(25, rel=1e-3)
    assert a.energy_per_call_j.low <= 50 <= a.energy_per_call_j.high
    assert a.mean_power_w.best == pytest.approx(50, rel=1e-3)
    assert (a.time_per_call_s.best, b.time_per_call_s.best) == pytest.approx((1, 0.5))
    # AND the first ran twice in each round
    assert (a.count, b.count, found.rounds) == (20, 10, 10)
    # AND grams are its joules times the grid's factor, from the lows to the highs
    grams, joules = a.co2e_per_call, a.energy_per_call_j
    assert grams.co2e_g == pytest.approx(joules.best / 3.6e6 * 42)
    assert grams.low_g == pytest.approx(joules.low / 3.6e6 * 26)
    assert grams.high_g == pytest.approx(joules.high / 3.6e6 * 61)


def test_without_counters_energy_is_the_models_and_not_compared(tmp_path: Path) -> None:
    found = concluded(tmp_path, measured=False)
    assert found.basis == "cpu_s" and set(found.contrasts) == {"time_s", "cpu_s"}
    [contrast] = found.contrast
    assert contrast is not None and contrast.verdict == "less"
    # THEN a second in which one of two threads was busy has the model's power, with its interval
    energy = found.variants[0].energy_per_call_j
    time_s = found.variants[0].time_per_call_s.best
    low, best, high = CURVE.power_w(0.5)[0] * time_s
    assert found.variants[0].kind == "modelled"
    assert (energy.low, energy.best, energy.high) == pytest.approx((low, best, high))


def lines(measure, variants: int = 2, plan: Plan | None = None, world: TrialWorld | None = None) -> list[str]:
    now_s = [0.0]

    def clock_s() -> float:
        now_s[0] += 0.1
        return world.now_s if world is not None else now_s[0]

    experiment = Experiment(variants, measure, plan or Plan(), 1, clock_s)
    for _ in experiment.run():
        pass
    return list(doubts(experiment, ["A", "B", "C"][:variants], "run"))


def of_world(make_noise, plan: Plan | None = None) -> list[str]:
    world = TrialWorld([1.0, 1.0], make_noise, 1)
    return lines(world.measure, plan=plan, world=world)


@pytest.mark.parametrize("noise", ["constant", "white, 0.5 %"])
def test_a_quiet_machine_leaves_no_doubts(noise: str) -> None:
    assert of_world(NOISES[noise]) == []


def test_a_drift_is_said_with_its_size() -> None:
    [line] = of_world(NOISES["rising by 10 %, 0.5 %"])
    assert re.match("energy rose by (8|9|10) % from the first round to the last", line)
    assert "the random order keeps that out of the ratios" in line


def test_what_varies_by_a_factor_of_ten_is_named() -> None:
    def noise():
        return lambda chance, _: chance.uniform(1, 10)

    said = of_world(noise, Plan(max_time_s=400))
    assert any(line.startswith("A varies: its dearest run took ") for line in said)
    assert any(line.startswith("the wanted precision of 1 % was not reached in ") for line in said)
    # AND where there were too few rounds to stop at any precision, that
    few = of_world(noise, Plan(max_time_s=50))
    assert any("is only said to be reached after 10" in line for line in few)


def test_trials_that_stand_out_are_counted() -> None:
    said = of_world(spiking(0.001, 0.05, 0.5))
    assert any("stand out by more than 8 usual deviations" in line for line in said)


def test_a_counter_too_coarse_for_the_length_is_said() -> None:
    world = TrialWorld([1.0, 1.0], NOISES["constant"], 1)

    def measure(variant: int) -> Trial:
        return replace(world.measure(variant), period_s=0.5)

    said = lines(measure, world=world)
    assert said[0].startswith("the counter is seen to change every 0.5 s, and a trial of A lasts 1 s")


def test_clock_rates_that_differ_are_said() -> None:
    world = TrialWorld([1.0, 1.0], white(0.001), 1)

    def measure(variant: int) -> Trial:
        return replace(world.measure(variant), clock_hz=2e9 + variant * 1e9)

    assert any("varied between trials, from 2.00 to 3.00 GHz" in line for line in lines(measure, world=world))


@pytest.mark.parametrize(("left_behind", "noticed"), [(0.0, False), (0.03, True)])
def test_what_a_variant_leaves_to_the_next_trial_is_noticed(left_behind: float, noticed: bool) -> None:
    # GIVEN a first variant after which every trial is dearer
    said = []
    for seed in range(10):
        world, last = TrialWorld([1.0, 1.0], white(0.005), seed), [-1]

        def measure(variant: int, world=world, last=last) -> Trial:
            trial = world.measure(variant)
            assert trial.energy_j is not None
            dearer, last[0] = 1 + left_behind * (last[0] == 0), variant
            return replace(trial, energy_j=trial.energy_j.times(dearer))

        said += lines(measure, world=world)
    # THEN it is said as a rule, and not where there is nothing
    count = sum("after another than after itself" in line for line in said)
    assert count >= 8 if noticed else count <= 1


def test_slow_waves_are_no_drift_from_first_to_last(tmp_path: Path) -> None:
    found = [concluded(tmp_path, (1.0, 1.0), autocorrelated(0.001, 0.9), seed=seed).warnings for seed in range(20)]
    assert sum(bool(warnings) for warnings in found) <= 1
