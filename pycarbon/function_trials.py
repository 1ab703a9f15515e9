"""Trials of functions of this process: each is called again and again for longer than the counters need to tell."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

from pycarbon.experiment import Trial
from pycarbon.interval import Range
from pycarbon.metering import Metering

LEAST_BLOCK_S, BLOCK_PERIODS = 0.1, 50
"""A trial lasts at least so long, and so many of the times between updates that are seen."""

STEADY_CALLS = 50
"""So many calls in a trial make its power that of its middle: each is over before the next update that is seen."""

_LAZY = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)


def is_lazy(function: Callable[[], Any]) -> bool:
    """Say whether it returns before it has run."""
    return any(is_so(function) for is_so in _LAZY)


def call(function: Callable[[], Any], count: int) -> None:
    """Call it so many times."""
    for _ in repeat(None, count):
        function()


def seconds_per_call(called: Callable[[int], float], least_s: float) -> float:
    """Say how long a call takes, of as many together as take `least_s`; `called` makes some, and gives their time."""
    called(1)  # the first may do what no later one does: import, compile, fill a cache
    count, length_s = 1, called(1)
    while length_s < least_s:
        count *= 2 if length_s > 1e-4 else 10
        length_s = called(count)
    return length_s / count


class FunctionTrials:
    """Measures one trial after the other; `clock_hz` is asked for the CPUs' clock rate after each."""

    def __init__(
        self, functions: Sequence[Callable[[], Any]], metering: Metering, clock_hz: Callable[[], float | None]
    ) -> None:
        """Call nothing yet."""
        self._functions = functions
        self._metering = metering
        self._clock_hz = clock_hz
        self.counts = [1] * len(functions)

    def warm_up(self, variant: int) -> None:
        """Call it until it is known how many calls make a trial."""
        each_s = seconds_per_call(lambda count: self._called(variant, count), LEAST_BLOCK_S / 4)
        self.counts[variant] = max(1, round(LEAST_BLOCK_S / each_s))
        period_s = self.measure(variant).period_s
        self.counts[variant] = max(1, round(max(LEAST_BLOCK_S, BLOCK_PERIODS * period_s) / each_s))

    def measure(self, variant: int) -> Trial:
        """Call it as often as a trial needs, and say what the machine used."""
        count, samplers_s = self.counts[variant], self._metering.cpu_s
        cpu_s = time.process_time()
        start_ns = time.monotonic_ns()
        call(self._functions[variant], count)
        end_ns = time.monotonic_ns()
        cpu_s = time.process_time() - cpu_s - (self._metering.cpu_s - samplers_s)
        used, energy = self._metering.used(start_ns, end_ns), None
        if used is not None:
            energy = used.energy_j
            steady = self._metering.used(start_ns, end_ns, steady=True) if count >= STEADY_CALLS else None
            if steady is not None:  # which is nearer, but whose bounds hold for a steady power only
                best_j = steady.energy_j.best
                energy = Range(min(energy.low, best_j), best_j, max(energy.high, best_j))
        self._metering.forget(start_ns)
        return Trial(
            variant,
            start_ns,
            end_ns,
            count,
            (end_ns - start_ns) / 1e9 / count,
            max(cpu_s, 0.0) / count,
            None if energy is None else energy.times(1 / count),
            0.0 if used is None else used.period_s,
            self._clock_hz(),
        )

    def _called(self, variant: int, count: int) -> float:
        start_s = time.perf_counter()
        call(self._functions[variant], count)
        return time.perf_counter() - start_s
