"""Rounds of trials in random order, until the wanted precision is there or the time is up.

In each round every variant has one trial and the first has a second, the control: what it shows against itself is
what this machine cannot tell apart. The trials themselves are somebody else's: a command, a function, a simulation.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pycarbon.contrast import CONFIDENCE, Array, Contrast, Estimate, contrast, ratio, shared
from pycarbon.interval import Range

LEAST_ROUNDS = 10
"""Stopping as soon as an interval is narrow takes those that are narrow by chance: ten rounds leave little chance."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One measured block: `count` runs or calls of one variant, one after the other, between two times.

    CLOCK_MONOTONIC in ns. `time_s`, `cpu_s` and `energy_j` are of one run or call, in the mean; the energy, with the
    counter's own bounds, is the machine's, None where no counter tells. `period_s` is how often the counter told,
    `clock_hz` the CPUs' mean clock rate right after it, None where nothing tells.
    """

    variant: int
    start_ns: int
    end_ns: int
    count: int
    time_s: float
    cpu_s: float
    energy_j: Range | None
    period_s: float = 0.0
    clock_hz: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """When to stop: at a relative half width of every ratio's interval, the control's too, or after so long."""

    precision: float = 0.01
    max_time_s: float = 600.0
    least_rounds: int = LEAST_ROUNDS
    confidence: float = CONFIDENCE


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an experiment is: `half_width` is that of its widest interval, `rest_s` how long it may still take."""

    rounds: int
    half_width: float | None
    elapsed_s: float
    rest_s: float | None


class Experiment:
    """Variants, numbered from 0, the first of which the others are compared with."""

    def __init__(
        self,
        variants: int,
        measure: Callable[[int], Trial],
        plan: Plan,
        seed: int,
        clock_s: Callable[[], float],
        started_s: float | None = None,
    ) -> None:
        """Plan it; `measure` makes a trial of a variant, `seed` the order. Its time counts from `started_s`."""
        self.variants = variants
        self.plan = plan
        self.rounds: list[list[Trial]] = []
        self.reached = False
        self._measure = measure
        self.seed = seed
        self._random = random.Random(seed)
        self._clock_s = clock_s
        self._started_s = clock_s() if started_s is None else started_s
        self.elapsed_s = 0.0

    def run(self) -> Iterator[Progress]:
        """Make rounds, say after each how far it is; whoever stops asking has what was measured so far."""
        begun_s = self._clock_s()
        while True:
            order = [*range(self.variants), 0]
            slots = list(range(len(order)))
            self._random.shuffle(slots)
            trials: dict[int, Trial] = {}
            for slot in slots:
                trials[slot] = self._measure(order[slot])
            self.rounds.append([trials[slot] for slot in sorted(trials)])
            self.elapsed_s = self._clock_s() - self._started_s
            round_s = (self._clock_s() - begun_s) / len(self.rounds)
            yield self._progress(round_s)
            if self.reached or self.elapsed_s + round_s > self.plan.max_time_s:
                return

    @property
    def trials(self) -> list[Trial]:
        """All trials, in order of time."""
        return sorted((trial for trials in self.rounds for trial in trials), key=lambda trial: trial.start_ns)

    @property
    def is_measured(self) -> bool:
        """Whether energy is compared; else it is CPU time, since no counter tells the energy of every trial."""
        return all(trial.energy_j is not None for trials in self.rounds for trial in trials)

    @property
    def basis(self) -> str:
        """Name the figure that is compared."""
        return "energy_j" if self.is_measured else "cpu_s"

    def values(self, name: str) -> Array:
        """Give one figure of every trial, shape (rounds, variants + 1), the control last: "time_s", "cpu_s",
        "energy_j", or "power_w".
        """
        figures = [[_figure(trial, name) for trial in trials] for trials in self.rounds]
        return np.array(figures, dtype=np.float64).reshape(len(self.rounds), self.variants + 1)

    @property
    def confidence(self) -> float:
        """The confidence of each interval, so that those of all variants hold at once with the plan's."""
        return shared(self.plan.confidence, self.variants - 1)

    def control(self, name: str) -> Estimate | None:
        """Give the ratio of the first variant to itself; None where there is none."""
        values = self.values(name)
        return ratio(values[:, -1], values[:, 0], self.confidence) if len(values) > 1 else None

    def contrasts(self, name: str) -> list[Contrast | None]:
        """Compare every further variant with the first, whose two trials in a round count as one."""
        values, control = self.values(name), self.control(name)
        if control is None:
            return [None] * (self.variants - 1)
        base = (values[:, 0] + values[:, -1]) / 2
        return [contrast(values[:, number], base, control, self.confidence) for number in range(1, self.variants)]

    def _progress(self, round_s: float) -> Progress:
        count, plan = len(self.rounds), self.plan
        name = self.basis
        control = self.control(name)
        ratios = [found.ratio for found in self.contrasts(name) if found is not None]
        widths = [estimate.half_width for estimate in [*ratios, *([] if control is None else [control])]]
        if not widths:  # too early, or nothing at all was used: no precision will come
            self.reached = count >= plan.least_rounds
            return Progress(count, None, self.elapsed_s, None)
        widest = max(widths)
        self.reached = count >= plan.least_rounds and widest <= plan.precision
        needed = max(plan.least_rounds, count * (widest / plan.precision) ** 2)
        rest_s = 0.0 if self.reached else max(needed - count, 1) * round_s
        return Progress(count, widest, self.elapsed_s, min(rest_s, max(plan.max_time_s - self.elapsed_s, 0.0)))


def _figure(trial: Trial, name: str) -> float:
    if name == "time_s":
        return trial.time_s
    if name == "cpu_s":
        return trial.cpu_s
    if trial.energy_j is None:
        return float("nan")
    if name == "energy_j":
        return trial.energy_j.best
    return trial.energy_j.best * trial.count * 1e9 / (trial.end_ns - trial.start_ns)
