"""Blocks of one function's calls and idle ones, each longer than several updates of a slow counter.

    pause  | lead-in calls | start - calls - end | next pause
    random | not counted   | the block           |

A device is given all calls of a block before it is waited for, so waiting is not in their time. The pause puts a
block anywhere against the counter's updates, whatever went before; the lead-in lets clocks rise and the counter's
own delay pass.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, Protocol

from pycarbon.errors import PyCarbonError
from pycarbon.experiment import Trial
from pycarbon.function_trials import LEAST_BLOCK_S, STEADY_CALLS, call, seconds_per_call
from pycarbon.metering import Used

CALLS, IDLE = 0, 1
"""The variants of an experiment."""

BLOCK_PERIODS, LEAD_PERIODS = 12, 2
"""So many of the times between updates: a block's, of which eight updates tell a steady power, and its lead-in's."""

FIRST_BLOCK_S, FIRST_BLOCKS = 0.5, 4
"""The counter's period is learnt within a first block; one that was too short is followed by one twice as long."""

ENDS_SHARE = 0.5
"""Where a block's ends blur its energy they take so much of the wanted precision."""


class Meter(Protocol):
    """What tells the energy of spans that have just passed: metering.Metering."""

    def used(self, start_ns: int, end_ns: int, steady: bool = False) -> Used | None:
        """Say what was used; None where no counter tells."""

    def forget(self, before_ns: int) -> None:
        """Free what only questions about times before that would need."""


class KernelTrials:
    """Measures one block after the other.

    `wait` returns when all that the function began is done. With `steady` a block has so many calls that its power is
    that of its middle; else its energy is that between its ends, as far as the counter bounds it. A round of an
    experiment takes about `round_s`.
    """

    def __init__(
        self,
        function: Callable[[], Any],
        wait: Callable[[], Any],
        meter: Meter,
        chance: random.Random,
        now_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Call nothing yet."""
        self._function = function
        self._wait = wait
        self._meter = meter
        self._chance = chance
        self._now_ns = now_ns
        self._sleep = sleep
        self.count, self.lead_count = 1, 0
        self.period_s = self.idle_s = self.round_s = 0.0
        self.steady = False

    def warm_up(self, precision: float, longest_s: float) -> None:
        """Call it until it is known how many calls make a block; PyCarbonError where the counter tells nothing.

        For the sake of its ends alone a block is not made longer than `longest_s`.
        """
        each_s, self.period_s, blur_s = self._learn(seconds_per_call(self._called_s, FIRST_BLOCK_S / 4))
        self.idle_s = max(LEAST_BLOCK_S, BLOCK_PERIODS * self.period_s)
        self.lead_count = round(LEAD_PERIODS * self.period_s / each_s)
        by_calls_s, by_ends_s = STEADY_CALLS * each_s, min(blur_s / (ENDS_SHARE * precision), longest_s)
        self.steady = by_calls_s <= max(self.idle_s, by_ends_s)
        if self.steady:
            self.count = max(STEADY_CALLS, round(self.idle_s / each_s))
            trial = self.measure(CALLS)
            each_s = min(each_s, trial.time_s)
            self.steady = self._is_seen_closely(trial)
        if not self.steady:
            self.count = max(1, round(max(self.idle_s, by_ends_s) / each_s))
        self.round_s = 2 * (self.count + self.lead_count) * each_s + self.idle_s + 5 * self.period_s

    def measure(self, variant: int) -> Trial:
        """Make a block, and say what was used in it."""
        self._sleep(self._chance.uniform(0.0, self.period_s))
        if variant == IDLE:
            self._sleep(LEAD_PERIODS * self.period_s)
            count, start_ns = 1, self._now_ns()
            self._sleep(self.idle_s)
        else:
            if self.lead_count:
                self._call(self.lead_count)
            count, start_ns = self.count, self._now_ns()
            self._call(count)
        end_ns = self._now_ns()
        used = self._meter.used(start_ns, end_ns, steady=self.steady or variant == IDLE)
        self._meter.forget(start_ns)
        return Trial(
            variant,
            start_ns,
            end_ns,
            count,
            (end_ns - start_ns) / 1e9 / count,
            0.0,
            None if used is None else used.energy_j.times(1 / count),
            0.0 if used is None else used.period_s,
        )

    def _learn(self, each_s: float) -> tuple[float, float, float]:
        """Learn from a first block how long a call takes, the time between updates, and how much of a block's time is
        blurred by its ends. A call that seems to take longer than before was kept waiting by other programs.
        """
        for turn in range(FIRST_BLOCKS):
            start_ns = self._now_ns()
            count = max(1, round(FIRST_BLOCK_S * 2**turn / each_s))
            self._call(count)
            end_ns = self._now_ns()
            each_s = min(each_s, (end_ns - start_ns) / 1e9 / count)
            used = self._meter.used(start_ns, end_ns)
            if used is not None and used.period_s > 0 and used.energy_j.best > 0:
                found = used.energy_j
                blur_s = (found.high - found.low) / 2 / found.best * (end_ns - start_ns) / 1e9
                return each_s, used.period_s, max(blur_s, used.period_s)
        raise PyCarbonError(
            "the energy counter did not change, or not often enough, while the function ran: "
            "see `pycarbon doctor`, which shows what can be read here"
        )

    def _is_seen_closely(self, trial: Trial) -> bool:
        """Say whether the updates within a block tell its energy better than its ends do."""
        found, periods = trial.energy_j, (trial.end_ns - trial.start_ns) / 1e9 / self.period_s
        return found is not None and found.high - found.low < found.best / periods

    def _called_s(self, count: int) -> float:
        start_ns = self._now_ns()
        self._call(count)
        return (self._now_ns() - start_ns) / 1e9

    def _call(self, count: int) -> None:
        call(self._function, count)
        self._wait()
