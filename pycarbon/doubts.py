"""What in the trials themselves a reader of a comparison must know, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from pycarbon import student
from pycarbon.contrast import Array, trend
from pycarbon.experiment import Experiment

DRIFTED, CLOCK_VARIED = 0.02, 0.05
CARRIED_OVER, LEAST_PAIRS = 0.002, 4
VARIED, STOOD_OUT = 3.0, 8.0
"""Runs that differ by more than a factor of three; trials further from the median than so many usual deviations."""

COARSE_UPDATES = 4
"""A block that lasts no longer than so many updates of the counter has an energy that is mostly that of its ends."""

STEADY = 1.4826  # a normal distribution's standard deviation by its median absolute deviation


def doubts(experiment: Experiment, names: Sequence[str], unit: str) -> Iterator[str]:
    """Say what speaks against taking the figures at their word."""
    values = experiment.values(experiment.basis)
    what = "energy" if experiment.is_measured else "CPU time"
    if not experiment.reached:
        yield _not_reached(experiment)
    yield from _coarse(experiment, names, unit)
    for number, name in enumerate(names):
        own = values[:, [0, -1] if number == 0 else [number]].reshape(-1)
        yield from _varied(own, name, what, unit)
    yield from _drifted(experiment, values, what)
    yield from _carried_over(experiment, values, names[0], unit)
    yield from _clocks(experiment)


def _not_reached(experiment: Experiment) -> str:
    plan, count = experiment.plan, len(experiment.rounds)
    wanted = f"the wanted precision of {plan.precision * 100:g} %"
    if count < plan.least_rounds:
        return f"there are {count} rounds: {wanted} is only said to be reached after {plan.least_rounds}"
    return f"{wanted} was not reached in {count} rounds and {experiment.elapsed_s:.0f} s: allow more time"


def _coarse(experiment: Experiment, names: Sequence[str], unit: str) -> Iterator[str]:
    if not experiment.is_measured:
        return
    # commands are blurred at both ends by a sixth of a time between updates in the mean, functions mostly not
    ends = 1 / (3 * experiment.plan.precision) if unit == "run" else 0.0
    least_updates = max(COARSE_UPDATES, ends)
    for number, name in enumerate(names):
        mine = [trials[number] for trials in experiment.rounds]
        length_s = float(np.median([(trial.end_ns - trial.start_ns) / 1e9 for trial in mine]))
        period_s = float(np.median([trial.period_s for trial in mine]))
        if length_s < least_updates * period_s:  # the first of them says enough
            yield (
                f"the counter is seen to change every {period_s:.3g} s, and a trial of {name} lasts "
                f"{length_s:.3g} s: what is told of it is blurred with what was around it; make it longer"
            )
            return


def _varied(own: Array, name: str, what: str, unit: str) -> Iterator[str]:
    least, most, middle = float(own.min()), float(own.max()), float(np.median(own))
    if least > 0 and most / least > VARIED:
        yield f"{name} varies: its dearest {unit} took {most / least:.3g} times the {what} of its cheapest"
        return
    usual = STEADY * float(np.median(np.abs(own - middle)))
    outside = int((np.abs(own - middle) > max(STOOD_OUT * usual, 0.05 * middle)).sum())
    if outside:
        yield f"{outside} of {len(own)} trials of {name} stand out by more than {STOOD_OUT:.0f} usual deviations"


def _drifted(experiment: Experiment, values: Array, what: str) -> Iterator[str]:
    means = np.concatenate([np.full(1, values[:, [0, -1]].mean()), values[:, 1:-1].mean(axis=0)])
    if not (means > 0).all():
        return
    scaled = values / np.append(means, means[0])
    begun_s = np.array([[trial.start_ns / 1e9 for trial in trials] for trials in experiment.rounds])
    found = trend(scaled.reshape(-1), begun_s.reshape(-1))
    if found is not None and abs(found.best) > DRIFTED and found.low * found.high > 0:
        grew = "rose" if found.best > 0 else "fell"
        yield (
            f"{what} {grew} by {min(abs(found.best), 1) * 100:.0f} % from the first round to the last, as when a "
            "machine warms up: the random order keeps that out of the ratios, the figures of each are means over it"
        )


def _carried_over(experiment: Experiment, values: Array, first: str, unit: str) -> Iterator[str]:
    """Compare, within rounds, the first variant's trial after another variant with its trial after itself."""
    before = {later.start_ns: earlier.variant for earlier, later in pairwise(experiment.trials)}
    apart = []
    for row, (one, *_, other) in zip(values, experiment.rounds, strict=True):
        # nothing is known of what was before the very first trial
        after = [before.get(trial.start_ns) for trial in (one, other)]
        if None not in after and (after[0] == 0) != (after[1] == 0):
            apart.append((row[0] - row[-1]) * (1 if after[1] == 0 else -1))
    level = float(values[:, [0, -1]].mean())
    if experiment.variants < 2 or len(apart) < LEAST_PAIRS or level <= 0:
        return
    found = np.array(apart) / level
    best, error = float(found.mean()), float(found.std(ddof=1)) / len(found) ** 0.5
    if abs(best) > student.two_sided(0.99, len(found) - 1) * error and abs(best) > CARRIED_OVER:
        more = "more" if best > 0 else "less"
        yield (
            f"{first} takes {abs(best) * 100:.2g} % {more} after another than after itself: a {unit} depends on the "
            "one before it, and ratios may be off by a third of that; let each start alike"
        )


def _clocks(experiment: Experiment) -> Iterator[str]:
    rates = [trial.clock_hz for trial in experiment.trials if trial.clock_hz is not None]
    if rates and (max(rates) - min(rates)) / max(rates) > CLOCK_VARIED:
        yield (
            f"the CPUs' clock rate varied between trials, from {min(rates) / 1e9:.2f} to {max(rates) / 1e9:.2f} GHz; "
            "a fixed one (cpupower frequency-set -g performance) makes trials more alike"
        )
