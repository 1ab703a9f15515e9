"""The energy of an iteration: known power in, known energy out, and intervals that hold."""

from __future__ import annotations

import random
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.integrations.benchmark_rounds import Rounds, per_iteration
from pycarbon.interval import Range
from pycarbon.metering import Used

PERIOD_S = 0.001
MS = 1_000_000


def counter(power_w: float, off: float = 0.0, noise: float = 0.0, seed: int = 1):
    """A counter of 1 ms of a constant power; bounds are one update wide, or of `off` where it is steady."""
    chance = random.Random(seed)

    def used(start_ns: int, end_ns: int, steady: bool) -> Used:
        best = power_w * (end_ns - start_ns) / 1e9
        best *= 1 + (0 if steady else noise * chance.gauss(0, 1))
        width = best * off if steady else power_w * PERIOD_S
        return Used(Range(max(best - width, 0), best, best + width), PERIOD_S)

    return used


def rounds(times_ns: list[int], between_ns: int = 0, iterations: int = 1) -> Rounds:
    return Rounds(list(accumulate(time + between_ns for time in times_ns)), times_ns, iterations)


@given(st.floats(1, 300), st.integers(1, 50), st.integers(20, 400), st.integers(1, 1000))
def test_constant_power_is_power_times_time(power_w, time_ms, count, iterations):
    # GIVEN rounds of one length, one after another
    some = rounds([time_ms * MS] * count, iterations=iterations)
    found = per_iteration(some, counter(power_w, off=0.01))
    # THEN an iteration uses its part, known as well as the counter tells, where there are updates enough
    if time_ms * count < 40:
        assert found.energy_j is None
        return
    truth = power_w * time_ms / 1e3 / iterations
    assert found.energy_j.best == pytest.approx(truth, rel=1e-9)
    assert found.energy_j.low <= truth * 0.9901 and found.energy_j.high >= truth * 1.0099
    assert found.in_rounds == 1.0


@pytest.mark.parametrize("count", [5, 12, 300])
def test_the_interval_holds_the_truth_nineteen_times_of_twenty(count):
    # GIVEN parts that differ from the truth by chance, and a counter that tells the whole exactly but for that
    held = 0
    for seed in range(400):
        used, chance = counter(50, noise=0.05, seed=seed), random.Random(-seed - 1)
        times_ns = [int(30 * MS * (1 + 0.1 * chance.random())) for _ in range(count)]
        whole_off = 1 + 0.05 * chance.gauss(0, 1) / min(count, 30) ** 0.5

        def one(start_ns, end_ns, steady, used=used, whole_off=whole_off):
            told = used(start_ns, end_ns, steady)
            return Used(told.energy_j.times(whole_off), PERIOD_S) if steady else told

        found = per_iteration(rounds(times_ns), one).energy_j
        truth = 50 * sum(times_ns) / 1e9 / count
        held += found.low <= truth <= found.high
    assert 0.92 <= held / 400 <= 0.995


def test_it_is_never_narrower_than_the_counter():
    found = per_iteration(rounds([2 * MS] * 500), counter(50, off=0.2)).energy_j
    assert found.low <= 0.1 * 0.8001 and found.high >= 0.1 * 1.1999


def test_what_happens_between_long_rounds_is_not_in_them():
    # GIVEN rounds of 40 ms at 100 W, with 60 ms of something at 10 W before each
    some = rounds([40 * MS] * 20, between_ns=60 * MS)

    def used(start_ns, end_ns, steady):
        inside = sum(
            max(min(end, end_ns) - max(end - time, start_ns), 0)
            for end, time in zip(some.end_ns, some.time_ns, strict=True)
        )
        best = (100 * inside + 10 * (end_ns - start_ns - inside)) / 1e9
        return Used(Range(best * 0.97, best, best * 1.03), PERIOD_S)

    found = per_iteration(some, used)
    assert found.energy_j.best == pytest.approx(4.0) and found.in_rounds == 1.0


@pytest.mark.parametrize(
    ("some", "why"),
    [
        (rounds([2 * MS]), "one round"),
        (rounds([MS // 10] * 100), "10 ms of rounds"),
        (rounds([MS // 10] * 1000, between_ns=MS), "of the time was in rounds"),
    ],
)
def test_what_cannot_be_told_says_what_would_help(some, why):
    found = per_iteration(some, counter(50))
    assert found.energy_j is None and why in found.note and "of pedantic" in found.note


def test_a_counter_that_tells_nothing_is_said():
    assert "no counter" in per_iteration(rounds([MS] * 100), lambda *_: None).note
