"""What rounds of blocks say of one call: energy, power and time, with intervals, and what would narrow them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pycarbon import student
from pycarbon.contrast import CONFIDENCE, Array, Estimate
from pycarbon.experiment import Trial
from pycarbon.kernel_trials import ENDS_SHARE, IDLE
from pycarbon.remedies import HOPELESS
from pycarbon.reports.figures import percent, prefix_for, quantity, with_interval
from pycarbon.run import Kind

QUIETER = "blocks differ too much: needs a quieter machine"
NOTHING = "nothing was used that the counter shows"
SILENT = "the counter stopped telling: see `pycarbon doctor`"


@dataclass(frozen=True, slots=True, repr=False)
class KernelEnergy:
    """What a call uses, in the mean over `calls` in `blocks`; every interval is of 95 %, low <= best <= high.

    `energy_per_call_j` between `low_j` and `high_j` is that of `domains`, the idle power's part included;
    `above_idle_per_call_j` is without it, and may be below zero. `resolved`: the interval is within `precision` of
    the figure to either side; where it is not, `remedy` says what would help. `seed` gives the same order again.
    """

    energy_per_call_j: float
    low_j: float
    high_j: float
    power_w: Estimate
    time_per_call_s: Estimate
    idle_power_w: Estimate
    above_idle_per_call_j: Estimate
    calls: int
    blocks: int
    kind: Kind
    domains: tuple[str, ...]
    period_s: float
    precision: float
    resolved: bool
    remedy: str | None
    notes: tuple[str, ...]
    elapsed_s: float
    seed: int

    def __str__(self) -> str:
        """Say it in two lines."""
        above, time = _written(self.above_idle_per_call_j, "J"), quantity(self.time_per_call_s.best, "s")
        lines = [
            f"{self._energy()} per call: {_written(self.power_w, 'W')} for {time}",
            f"{above} of it above the idle {quantity(self.idle_power_w.best, 'W')}; {self.kind}, "
            f"{' + '.join(self.domains)}, {self.calls} calls in {self.blocks} blocks",
        ]
        if not self.resolved:
            lines[1] += f"; not within {percent(self.precision)}: {self.remedy}"
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Say the most important of it in one line."""
        state = "" if self.resolved else ", not resolved"
        return f"<KernelEnergy: {self._energy()} per call, {self.kind}, {' + '.join(self.domains)}{state}>"

    def _energy(self) -> str:
        return _written(Estimate(self.low_j, self.energy_per_call_j, self.high_j), "J")


@dataclass(frozen=True, slots=True)
class KernelFigures:
    """The figures of some rounds, two or more: each has a block of calls, an idle one, and a second one of calls.

    `bound` is the part of the energy that the counter's own bounds may be off by, which no further round takes away.
    """

    energy_per_call_j: Estimate
    power_w: Estimate
    time_per_call_s: Estimate
    idle_power_w: Estimate
    above_idle_per_call_j: Estimate
    bound: float

    @property
    def reach(self) -> float:
        """How far the energy may be off to either side, as a part of it; infinite where it is zero."""
        found = self.energy_per_call_j
        return max(found.best - found.low, found.high - found.best) / found.best if found.best > 0 else math.inf

    def remedy(self, precision: float, max_s: float, steady: bool) -> str:
        """Say what would bring the interval within the precision, after it was not in that time; as KernelTrials has
        it, `steady` blocks are as long as they need be, and others would be longer in a longer time.
        """
        if math.isinf(self.reach):
            return NOTHING
        if self.bound >= precision and not steady:
            return f"needs about max_s={_round(max_s * self.bound / (ENDS_SHARE * precision)):.0f}, for longer blocks"
        if self.bound >= precision:
            return f"the counter was seen closely enough for {percent(self.bound)}: a quieter machine may help"
        factor = max(((self.reach - self.bound) / (precision - self.bound)) ** 2, 1.0)
        if factor > HOPELESS:
            return QUIETER
        return f"needs about max_s={_round(max_s * factor * 1.1):.0f}"


def figures(rounds: Sequence[Sequence[Trial]]) -> KernelFigures:
    """Work them out of rounds whose trials all have an energy.

    Means have Student's interval over blocks, what compares with the idle power over rounds, as both of a round meet
    the device as warm. What the counter may be off by in each block is added whole: it may be the same in all.
    """
    runs = [trial for trials in rounds for trial in trials if trial.variant != IDLE]
    idle = [trial for trials in rounds for trial in trials if trial.variant == IDLE]
    energy_j, energy_off_j = _values(runs, lambda trial: 1.0)
    power_w, power_off_w = _values(runs, lambda trial: 1 / trial.time_s)
    idle_w, idle_off_w = _values(idle, lambda trial: 1 / trial.time_s)
    time_s = np.array([trial.time_s for trial in runs])
    of_round = (len(rounds), -1)
    above_j = (energy_j.reshape(of_round) - idle_w[:, None] * time_s.reshape(of_round)).mean(axis=1)
    above_off_j = energy_off_j + idle_off_w[::-1] * time_s.mean()
    energy = _estimate(energy_j, energy_off_j, 0.0)
    return KernelFigures(
        energy,
        _estimate(power_w, power_off_w, 0.0),
        _estimate(time_s, np.zeros(2), 0.0),
        _estimate(idle_w, idle_off_w, 0.0),
        _estimate(above_j, above_off_j, -math.inf),
        float(energy_off_j.max()) / energy.best if energy.best > 0 else math.inf,
    )


def _values(trials: Sequence[Trial], factor: Callable[[Trial], float]) -> tuple[Array, Array]:
    """Give each trial's energy times a factor, and how far it may be too high and too low in the mean."""
    ranges = [trial.energy_j.times(factor(trial)) for trial in trials if trial.energy_j is not None]
    low, best, high = np.array([(found.low, found.best, found.high) for found in ranges]).T
    return best, np.array([(best - low).mean(), (high - best).mean()])


def _estimate(values: Array, off: Array, least: float) -> Estimate:
    best = float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    reach = student.two_sided(CONFIDENCE, len(values) - 1) * error
    return Estimate(max(best - reach - float(off[0]), least), best, best + reach + float(off[1]))


def _written(found: Estimate, unit: str) -> str:
    factor, prefix = prefix_for(max(abs(found.low), abs(found.best), abs(found.high)))
    figure, ends = with_interval(found.best, found.low, found.high, factor)
    return f"{figure} {prefix}{unit} ({ends})"


def _round(seconds: float) -> float:
    """Round up to two digits: nobody knows it better."""
    step: float = 10.0 ** max(math.floor(math.log10(max(seconds, 1.0))) - 1, 0)
    return math.ceil(seconds / step) * step
