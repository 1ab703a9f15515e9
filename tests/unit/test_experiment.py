"""Rounds, their order, when they stop, and how often what they say is right, on machines whose truth is known."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trial_world import NOISES, TrialWorld, compared, one_after_the_other, white

from pycarbon.experiment import LEAST_ROUNDS, Experiment, Plan, Trial
from pycarbon.interval import Range

SEEDS = range(100)
NOISY = ("white, 2 %", "rising by 10 %, 0.5 %", "autocorrelated, 2 %, memory 0.9")


@pytest.mark.parametrize("noise", NOISY)
def test_equal_variants_give_no_difference_and_intervals_hold(noise: str) -> None:
    # GIVEN a hundred experiments with two equal variants
    contrasts = [compared([1.0, 1.0], NOISES[noise], seed)[1][0] for seed in SEEDS]
    # THEN at least 95 say none, and intervals hold as often as they say, to three standard errors
    assert sum(found.verdict == "none" for found in contrasts) >= 95
    assert sum(found.ratio.low <= 1 <= found.ratio.high for found in contrasts) >= 89


@pytest.mark.parametrize("noise", NOISY)
def test_two_percent_are_found_at_the_default_precision(noise: str) -> None:
    contrasts = [compared([1.0, 0.98], NOISES[noise], seed)[1][0] for seed in SEEDS]
    assert sum(found.verdict == "less" for found in contrasts) >= 90
    assert sum(found.ratio.low <= 0.98 <= found.ratio.high for found in contrasts) >= 89


def test_what_would_have_shown_shows() -> None:
    # GIVEN what experiments with equal variants say would have shown
    noise = NOISES["white, 2 %"]
    shown = sorted(compared([1.0, 1.0], noise, seed)[1][0].would_have_shown for seed in range(40))
    assert 0.015 < shown[20] < 0.025  # at a precision of 1 %
    # WHEN there is such a difference THEN it shows in 9 of 10 and more
    found = [compared([1.0, 1 + shown[20]], noise, seed)[1][0].verdict for seed in range(40, 100)]
    assert found.count("more") >= 54


def test_a_drift_fools_who_measures_one_after_the_other() -> None:
    # GIVEN power that rises by 10 % from the first trial to the last, equal variants
    drift = NOISES["rising by 10 %, 0.5 %"]
    # THEN all of A before all of B shows a difference that is none, nearly always; the test above does not
    assert sum(one_after_the_other(drift, seed, 15) for seed in SEEDS) >= 95


def test_of_several_variants_none_is_claimed_to_differ_more_often_than_of_two() -> None:
    found = [compared([1.0] * 4, NOISES["white, 2 %"], seed)[1] for seed in range(40)]
    assert sum(any(one.verdict != "none" for one in contrasts) for contrasts in found) <= 4


def test_every_round_has_each_variant_once_and_the_first_twice_in_random_order() -> None:
    # GIVEN an experiment of three variants
    experiment, _ = compared([1.0, 1.1, 0.9], NOISES["white, 2 %"], 1)
    # WHEN its trials are put in order of time
    trials = experiment.trials
    rounds = [trials[i : i + 4] for i in range(0, len(trials), 4)]
    assert len(rounds) == len(experiment.rounds) >= LEAST_ROUNDS
    # THEN each round has all of them, the rounds' columns have a variant each, and orders differ
    assert all(Counter(trial.variant for trial in trials) == {0: 2, 1: 1, 2: 1} for trials in rounds)
    assert all([trial.variant for trial in trials] == [0, 1, 2, 0] for trials in experiment.rounds)
    assert len({tuple(trial.variant for trial in trials) for trials in rounds}) > 3


def test_each_place_in_a_round_is_as_likely_for_each() -> None:
    firsts: Counter[int] = Counter()
    for seed in range(60):
        experiment, _ = compared([1.0, 1.0], white(0.001), seed)
        firsts.update(min(trials, key=lambda trial: trial.start_ns).variant for trials in experiment.rounds)
    share = firsts[1] / sum(firsts.values())
    assert share == pytest.approx(1 / 3, abs=0.06)


@given(st.integers(0, 2**32), st.sampled_from(sorted(NOISES)))
@settings(max_examples=20, deadline=None)
def test_a_seed_gives_the_same_again(seed: int, noise: str) -> None:
    plan = Plan(precision=0.05)
    assert (
        compared([1.0, 1.1], NOISES[noise], seed, plan)[0].rounds
        == compared([1.0, 1.1], NOISES[noise], seed, plan)[0].rounds
    )


def test_it_stops_when_ratios_and_the_control_are_known() -> None:
    experiment, contrasts = compared([1.0, 1.0], NOISES["white, 2 %"], 3)
    control = experiment.control("energy_j")
    assert experiment.reached and control is not None
    assert max(control.half_width, contrasts[0].ratio.half_width) <= 0.01
    assert LEAST_ROUNDS < len(experiment.rounds) < 100


def test_it_stops_when_the_time_is_up() -> None:
    # GIVEN noise that hides everything, and two minutes of trials of one second
    experiment, contrasts = compared([1.0, 1.0], white(0.5), 3, Plan(max_time_s=120))
    # THEN no round goes beyond, and the interval says how little is known
    assert not experiment.reached
    assert 100 < experiment.elapsed_s <= 125
    assert contrasts[0].would_have_shown > 0.1


def test_progress_says_how_long_it_takes() -> None:
    # GIVEN an experiment that is watched
    world = TrialWorld([1.0, 1.0], NOISES["white, 2 %"], 5)
    experiment = Experiment(2, world.measure, Plan(), 5, lambda: world.now_s)
    seen = list(experiment.run())
    # THEN half way on it knew the end to a factor of three, and at the end nothing is left
    middle = seen[len(seen) // 2]
    assert middle.rest_s is not None and middle.half_width is not None
    rest_s = seen[-1].elapsed_s - middle.elapsed_s
    assert rest_s / 3 < middle.rest_s < rest_s * 3
    assert seen[-1].rest_s == 0.0
    assert seen[0].half_width is None


def test_without_energy_cpu_time_is_compared() -> None:
    from dataclasses import replace

    world = TrialWorld([1.0, 2.0], NOISES["constant"], 1)

    def measure(variant: int):
        return replace(world.measure(variant), energy_j=None, cpu_s=0.5 + variant)

    experiment = Experiment(2, measure, Plan(), 1, lambda: world.now_s)
    assert len(list(experiment.run())) == LEAST_ROUNDS
    assert experiment.basis == "cpu_s"
    [found] = experiment.contrasts("cpu_s")
    assert found is not None and found.ratio.best == pytest.approx(3) and found.verdict == "more"


def test_the_power_of_a_trial_is_that_of_all_its_runs() -> None:
    # GIVEN trials of ten runs each, 0.1 s and 5 J a run, with pauses between that are part of the trial
    def measure(variant: int) -> Trial:
        return Trial(variant, 0, 1_250_000_000, 10, 0.1, 0.1, Range(5.0, 5.0, 5.0))

    experiment = Experiment(1, measure, Plan(), 1, iter(range(1000)).__next__)
    next(experiment.run())
    assert experiment.values("power_w") == pytest.approx(np.full((1, 2), 40.0))


def test_one_variant_alone_is_compared_with_itself() -> None:
    experiment, contrasts = compared([1.0], NOISES["white, 0.5 %"], 1)
    assert contrasts == [] and experiment.reached
    control = experiment.control("energy_j")
    assert control is not None and control.low <= 1 <= control.high
