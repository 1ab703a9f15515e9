"""A GPU of known power, and a slow energy counter of it, in simulated time: what KernelTrials measures with.

A call has two phases of different power. Power has a factor that changes from block to block, and rises as the
device warms up, idle or not. Every update of the counter is seen closely, and shows the energy of a while ago.
"""

from __future__ import annotations

import bisect
import math
import random
from fractions import Fraction

import numpy as np

from pycarbon.energy import Timeline
from pycarbon.experiment import Experiment, Plan
from pycarbon.kernel_repeats import BLOCKS_IN_TIME, until_known
from pycarbon.kernel_trials import CALLS, KernelTrials
from pycarbon.metering import Used, steady_energy
from pycarbon.run import EDGE_DTYPE, Channel, RunData

GPU = Channel(0, "gpu-0", "nvml", "measured", "energy", Fraction(1, 1000), 0, True)
KEPT_UPDATES = 60
WARMING_S = 20.0


class KernelWorld:
    """`noise` is the factor's standard deviation, `warming_w` what power rises by; the counter lags by `lag_s`, and
    the sampler looks every `look_s` where it looks closely.
    """

    def __init__(
        self,
        seed: int,
        *,
        call_s: float = 0.005,
        call_w: float = 300.0,
        idle_w: float = 60.0,
        period_s: float = 0.1,
        noise: float = 0.02,
        warming_w: float = 0.0,
        lag_s: float = 0.0,
        look_s: float = 0.002,
    ) -> None:
        self._chance = np.random.default_rng(seed)
        self.call_s, self.call_w, self.idle_w = call_s, call_w, idle_w
        self._noise, self._warming_w, self._look_s, self._lag_s = noise, warming_w, look_s, lag_s
        self._period_s, self._phase_s = period_s, float(self._chance.uniform(0, period_s))
        self._factor = 1.0
        self.time_s, self.calls = 0.0, 0
        self._times, self._energies = [0.0], [0.0]  # the true energy, linear in between
        self._updates: list[tuple[float, float]] = []
        self._silent_after_s = math.inf

    def now_ns(self) -> int:
        return round(self.time_s * 1e9)

    def function(self) -> None:
        self.calls += 1
        for share in (1.4, 0.6):
            self._pass(self.call_s / 2, self.call_w * share * self._factor)

    def sleep(self, length_s: float) -> None:
        self._factor = max(1 + self._noise * float(self._chance.standard_normal()), 0.1)
        self._pass(length_s, self.idle_w * self._factor)

    def fall_silent(self) -> None:
        """From now on the counter tells nothing."""
        self._silent_after_s = self.time_s

    def used(self, start_ns: int, end_ns: int, steady: bool = False) -> Used | None:
        """As metering.Metering says it, once an update after the end was seen."""
        while not self._updates or self._updates[-1][0] <= end_ns / 1e9:
            self._pass(self._period_s / 4, self.idle_w)
        if end_ns / 1e9 > self._silent_after_s:
            return None
        timeline = self._timeline()
        found = (steady_energy(timeline, start_ns, end_ns) if steady else None) or timeline.between(start_ns, end_ns)
        return Used(found, timeline.period_s or 0.0)

    def forget(self, before_ns: int) -> None:
        """Keep what the counter's period is learnt from."""
        del self._updates[:-KEPT_UPDATES]

    def true_j(self, start_ns: int, end_ns: int) -> float:
        return self._true_j(end_ns / 1e9) - self._true_j(start_ns / 1e9)

    def _true_j(self, time_s: float) -> float:
        after = min(max(bisect.bisect_left(self._times, time_s), 1), len(self._times) - 1)
        (from_s, to_s), (from_j, to_j) = self._times[after - 1 : after + 1], self._energies[after - 1 : after + 1]
        return from_j + (to_j - from_j) * max(time_s - from_s, 0.0) / (to_s - from_s)

    def _pass(self, length_s: float, power_w: float) -> None:
        start_s, start_j = self._times[-1], self._energies[-1]
        power_w += self._warming_w * (1 - math.exp(-start_s / WARMING_S))
        self.time_s = start_s + length_s
        self._times.append(self.time_s)
        self._energies.append(start_j + power_w * length_s)
        while (update_s := self._next_update_s()) <= self.time_s:
            self._updates.append((update_s, self._true_j(update_s - self._lag_s)))

    def _next_update_s(self) -> float:
        last_s = self._updates[-1][0] if self._updates else self._phase_s
        return last_s + self._period_s

    def _timeline(self) -> Timeline:
        rows = []
        for update_s, energy_j in self._updates:
            seen_s = update_s + float(self._look_s * ((update_s * 7919) % 1))
            rows.append((round((seen_s - self._look_s) * 1e9), round(seen_s * 1e9), int(energy_j * 1000), 0, 0, 0))
        edges = np.array(rows, EDGE_DTYPE)
        return Timeline(RunData({"start_ns": rows[0][0]}, [GPU], {0: edges}, {"end_ns": self.now_ns()}), GPU)


def repeated(world: KernelWorld, seed: int, plan: Plan) -> tuple[Experiment, KernelTrials]:
    """A whole experiment in the world, to its end."""
    trials = KernelTrials(world.function, lambda: None, world, random.Random(seed), world.now_ns, world.sleep)
    trials.warm_up(plan.precision, plan.max_time_s / BLOCKS_IN_TIME)
    experiment = Experiment(2, trials.measure, plan, seed, lambda: world.time_s, 0.0)
    until_known(experiment)
    return experiment, trials


def true_per_call_j(world: KernelWorld, experiment: Experiment) -> float:
    """What a call truly used, in the mean over the blocks that were measured."""
    blocks = [trial for trial in experiment.trials if trial.variant == CALLS]
    return sum(world.true_j(b.start_ns, b.end_ns) for b in blocks) / sum(b.count for b in blocks)
