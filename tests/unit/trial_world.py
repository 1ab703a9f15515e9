"""Variants whose true energy is known, on a machine that is noisy in ways that machines are.

Time is simulated, and power is constant: what differs is how long trials take. Noise is a factor of that, by the
number of the trial, so it meets whichever variant runs then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from pycarbon import student
from pycarbon.contrast import Contrast
from pycarbon.experiment import Experiment, Plan, Trial
from pycarbon.interval import Range

POWER_W, LENGTH_S, BETWEEN_S = 50.0, 1.0, 0.01
PERIOD_S = 0.003
"""Between updates of the counter that are seen; a trial's ends fall anywhere between two."""

Chance = np.random.Generator
Noise = Callable[[Chance, int], float]
MakeNoise = Callable[[], Noise]


def white(deviation: float) -> MakeNoise:
    """Each trial on its own."""
    return lambda: lambda chance, _: 1 + deviation * chance.standard_normal()


def autocorrelated(deviation: float, memory: float) -> MakeNoise:
    """What a trial has, the next one has mostly, too."""

    def make() -> Noise:
        state = [0.0]

        def noise(chance: Chance, _: int) -> float:
            state[0] = memory * state[0] + math.sqrt(1 - memory**2) * chance.standard_normal()
            return 1 + deviation * state[0]

        return noise

    return make


def drifting(rise: float, trials: int, deviation: float) -> MakeNoise:
    """Rises by a part from the first of so many trials to the last, and scatters beside it."""
    return lambda: (
        lambda chance, number: (1 + rise * min(number / trials, 1.0)) * (1 + deviation * chance.standard_normal())
    )


def spiking(deviation: float, often: float, most: float) -> MakeNoise:
    """Now and then another program adds up to a part."""
    return lambda: (
        lambda chance, _: (
            (1 + deviation * chance.standard_normal()) * (1 + (chance.random() < often) * most * chance.random())
        )
    )


def rarely(often: float, most: float) -> MakeNoise:
    """Dearer by a part now and then, and as dear in the mean as without that."""
    return lambda: lambda chance, _: (1 + (chance.random() < often) * most) / (1 + often * most)


NOISES: dict[str, MakeNoise] = {
    "constant": white(0.0),
    "white, 0.5 %": white(0.005),
    "white, 2 %": white(0.02),
    "autocorrelated, 2 %, memory 0.9": autocorrelated(0.02, 0.9),
    "rising by 10 %, 0.5 %": drifting(0.1, 33, 0.005),
    "spikes up to 30 % in 1 of 20": spiking(0.005, 0.05, 0.3),
}


class TrialWorld:
    """Measures trials of variants whose energies are `effects` times that of the first."""

    def __init__(
        self, effects: Sequence[float], make_noise: MakeNoise, seed: int, others: MakeNoise | None = None
    ) -> None:
        """`others` is the noise of all variants but the first, where theirs is another."""
        self._effects = effects
        self._noises = [make_noise()] if others is None else [make_noise(), others()]
        self._chance = np.random.default_rng(seed)
        self._trials = 0
        self.now_s = 0.0

    def measure(self, variant: int) -> Trial:
        noise = self._noises[min(variant, len(self._noises) - 1)]
        factor = max(noise(self._chance, self._trials), 0.01)
        self._trials += 1
        length_s = LENGTH_S * self._effects[variant] * factor
        ends_s = self._chance.uniform(-PERIOD_S, PERIOD_S, 2) / 50  # interpolating between updates is off by so much
        energy_j = max(POWER_W * (length_s + float(ends_s.sum())), 0.0)
        start_ns = round(self.now_s * 1e9)
        self.now_s += length_s + BETWEEN_S
        interval = Range(max(energy_j - POWER_W * PERIOD_S, 0.0), energy_j, energy_j + POWER_W * PERIOD_S)
        end_ns = start_ns + round(length_s * 1e9)
        return Trial(variant, start_ns, end_ns, 1, length_s, length_s, interval, PERIOD_S)


def compared(
    effects: Sequence[float],
    make_noise: MakeNoise,
    seed: int,
    plan: Plan | None = None,
    others: MakeNoise | None = None,
) -> tuple[Experiment, list[Contrast]]:
    """One whole experiment, to its end."""
    world = TrialWorld(effects, make_noise, seed, others)
    experiment = Experiment(len(effects), world.measure, plan or Plan(), seed, lambda: world.now_s)
    for _ in experiment.run():
        pass
    contrasts = [contrast for contrast in experiment.contrasts("energy_j") if contrast is not None]
    assert len(contrasts) == len(effects) - 1
    return experiment, contrasts


def one_after_the_other(make_noise: MakeNoise, seed: int, each: int) -> bool:
    """What most do: all of A, then all of B, equal ones here; whether Student's two-sample test sees a difference."""
    world = TrialWorld([1.0, 1.0], make_noise, seed)
    first, second = ([_joules(world.measure(variant)) for _ in range(each)] for variant in (0, 1))
    apart = abs(np.mean(first) - np.mean(second))
    error = math.sqrt((np.var(first, ddof=1) + np.var(second, ddof=1)) / each)
    return bool(apart > student.two_sided(0.95, 2 * each - 2) * error)


def _joules(trial: Trial) -> float:
    assert trial.energy_j is not None
    return trial.energy_j.best
