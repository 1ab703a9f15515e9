"""The energy of one iteration of a benchmark, from the rounds that were timed and what the machine used meanwhile.

Rounds that follow each other closely are cut into parts of whole rounds. The energy of an iteration in a part is the
part's mean power times its mean time per iteration, and how much parts differ tells the 95 % interval (Student's t;
Law and Carson 1979 on means of batches). It is never narrower than what the counters leave open over all rounds.

Where something else happens between the rounds, each is a part of its own, if the counters can tell it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, stdev

from pycarbon.interval import Range
from pycarbon.metering import Used
from pycarbon.student import two_sided

CONFIDENCE = 0.95
LEAST_PARTS, MOST_PARTS = 10, 30
PERIODS_IN_PART, LEAST_PERIODS = 10, 4
"""A part should hold so many updates of the counters, and must hold so many."""

CLOSE, MIXED = 0.9, 0.5
"""Rounds that are so much of the time count as all of it; less than that does not tell them apart from the rest."""

PERIODS_IN_ROUND = 20
"""A round of so many updates is told alone."""

MOST_ALONE = 200

Metered = Callable[[int, int, bool], Used | None]
MORE_ROUNDS = "more rounds would (--benchmark-max-time=2, or rounds= of pedantic)"
LONGER_ROUNDS = "longer rounds would help (--benchmark-min-time=0.001, or iterations= of pedantic)"


@dataclass(frozen=True, slots=True)
class Rounds:
    """The rounds of a benchmark: when each ended, and how long it took, in ns; each of `iterations` iterations."""

    end_ns: Sequence[int]
    time_ns: Sequence[int]
    iterations: int

    @property
    def start_ns(self) -> int:
        """When the first began."""
        return self.end_ns[0] - self.time_ns[0]

    @property
    def in_rounds(self) -> float:
        """How much of the time from the first round to the last one was in rounds."""
        return min(sum(self.time_ns) / max(self.end_ns[-1] - self.start_ns, 1), 1.0)


@dataclass(frozen=True, slots=True)
class Iteration:
    """What an iteration uses: None where it is not resolved, and `note` says why and what to type.

    `in_rounds` is the share of rounds in the time that it follows from; the rest counts at the same power.
    """

    energy_j: Range | None
    in_rounds: float
    note: str = ""


def per_iteration(rounds: Rounds, used: Metered) -> Iteration:
    """Say what an iteration uses; `used` tells the energy between two times, as Metering.used does."""
    share = rounds.in_rounds
    whole = used(rounds.start_ns, rounds.end_ns[-1], True)
    if whole is None:
        return Iteration(None, share, "no counter told of that time")
    period_ns = max(whole.period_s * 1e9, 1.0)
    if len(rounds.end_ns) < 2:
        return Iteration(None, share, f"one round does not tell how much rounds differ; {MORE_ROUNDS}")
    alone = fmean(rounds.time_ns) >= PERIODS_IN_ROUND * period_ns
    if share < CLOSE and alone:
        return _each(rounds, used)
    if share < MIXED:
        return Iteration(
            None,
            share,
            f"only {share:.0%} of the time was in rounds, each too short for the counters; {LONGER_ROUNDS}",
        )
    return _close(rounds, used, whole, period_ns, share)


def _close(rounds: Rounds, used: Metered, whole: Used, period_ns: float, share: float) -> Iteration:
    span_ns = rounds.end_ns[-1] - rounds.start_ns
    count = len(rounds.end_ns)
    parts = min(max(int(span_ns / (PERIODS_IN_PART * period_ns)), LEAST_PARTS), MOST_PARTS, count)
    if span_ns < parts * LEAST_PERIODS * period_ns:
        return Iteration(
            None,
            share,
            f"{span_ns / 1e6:.3g} ms of rounds do not tell it, with counters that change every "
            f"{period_ns / 1e6:.3g} ms; {MORE_ROUNDS}",
        )
    borders = [round(number * count / parts) for number in range(parts + 1)]
    told = []
    for first, behind in pairwise(borders):
        start_ns, end_ns = rounds.end_ns[first] - rounds.time_ns[first], rounds.end_ns[behind - 1]
        part = used(start_ns, end_ns, False)
        if part is not None and end_ns > start_ns:
            told.append(
                part.energy_j.best
                * (sum(rounds.time_ns[first:behind]) / (end_ns - start_ns))
                / ((behind - first) * rounds.iterations)
            )
    scale = min(sum(rounds.time_ns) / span_ns, 1.0) / (count * rounds.iterations)
    return _within(told, whole.energy_j.times(scale), share)


def _each(rounds: Rounds, used: Metered) -> Iteration:
    """Take each round alone, or as many of them as is soon done, evenly spread."""
    step = math.ceil(len(rounds.end_ns) / MOST_ALONE)
    some = zip(rounds.end_ns[::step], rounds.time_ns[::step], strict=True)
    found = [told.energy_j for end, time in some if (told := used(end - time, end, False)) is not None]
    if not found:
        return Iteration(None, 1.0, "no counter told of that time")
    mean = Range(*(fmean(getattr(one, end) for one in found) for end in ("low", "best", "high")))
    return _within([one.best / rounds.iterations for one in found], mean.times(1 / rounds.iterations), 1.0)


def _within(parts_j: Sequence[float], bounds: Range, share: float) -> Iteration:
    """Give the interval that holds both what parts differ by and what the counters leave open."""
    if len(parts_j) < 2:
        return Iteration(None, share, f"the counters did not tell two parts of the rounds; {MORE_ROUNDS}")
    half = two_sided(CONFIDENCE, len(parts_j) - 1) * stdev(parts_j) / math.sqrt(len(parts_j))
    low, high = min(bounds.low, bounds.best - half), max(bounds.high, bounds.best + half)
    if low <= 0:
        return Iteration(None, share, f"its rounds differ too much to tell it; {MORE_ROUNDS}")
    return Iteration(Range(low, bounds.best, high), share)
