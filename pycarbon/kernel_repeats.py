"""kernel_energy(): what one call of a short function uses, repeated until that is known."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pycarbon import conditions, cuda, here
from pycarbon.errors import PyCarbonError, SourceError
from pycarbon.experiment import Experiment, Plan
from pycarbon.function_trials import is_lazy
from pycarbon.kernel_cost import SILENT, KernelEnergy, figures
from pycarbon.kernel_trials import KernelTrials
from pycarbon.metering import Metering
from pycarbon.portable import own_cpu_s
from pycarbon.reports.figures import percent
from pycarbon.sources import Discovery

SENSORS_WORTH = 3
"""An interval that is asked for must be so many times as wide as what the sensor itself may be off by."""

LEAST_ROUNDS = 5
"""Of two blocks of calls and an idle one. Stopping earlier would take those intervals that are narrow by chance."""

BLOCKS_IN_TIME = 10
"""Where blocks are long for the sake of their ends alone, there is time for so many."""


def kernel_energy(
    fn: Callable[[], Any],
    *,
    precision: float = 0.05,
    sync: Literal["cuda"] | None = "cuda",
    max_s: float = 60.0,
    seed: int | None = None,
    root: str | os.PathLike[str] | None = None,
) -> KernelEnergy:
    """Say what a call of `fn` uses: of the GPUs where their energy can be read, else of the machine.

        print(pycarbon.kernel_energy(lambda: torch.matmul(a, b)))

    Calls are made in blocks longer than several of the counter's updates, in random order with idle blocks and at
    random times against the counter, until the 95 % interval of J per call is within `precision` (0.05: 5 %) to
    either side, or for about `max_s`. With `sync="cuda"` the current device is waited for at the ends of each block,
    and not between calls. `root` stands for / where counters are read. What `fn` raises is raised here. PyCarbonError
    where nothing can be measured, or not even two rounds are made in the time.
    """
    if not callable(fn):
        raise PyCarbonError("kernel_energy() needs a function without arguments: write kernel_energy(lambda: f(x))")
    if is_lazy(fn):
        raise PyCarbonError("the function returns before it has run: give one that runs it to its end")
    if not 0 < precision < 1 or not max_s > 0:
        raise PyCarbonError(f"a precision of {precision} or a time of {max_s} s: write such as 0.05 and 60")
    if sync not in (None, "cuda"):
        raise PyCarbonError(f'kernel_energy() can wait for sync="cuda" or None, not {sync!r:.80}')
    started_s = time.monotonic()
    found = here.find({}, None if root is None else Path(root))
    discovery, roots = counted(found.discovery, precision), found.discovery.roots
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    with Metering(discovery, found.sampling, partly=True) as metering:
        before, cpu_s = conditions.read(roots), own_cpu_s()
        trials = KernelTrials(fn, _nothing if sync is None else cuda.synchronise, metering, random.Random(seed))
        trials.warm_up(precision, max_s / BLOCKS_IN_TIME)
        needed_s = time.monotonic() - started_s + 2 * trials.round_s
        if needed_s > max_s:
            raise PyCarbonError(f"two rounds of blocks take {needed_s:.2g} s with what goes before them: raise max_s")
        plan = Plan(precision, max_s, least_rounds=sys.maxsize)  # until_known says when there are enough
        experiment = Experiment(2, trials.measure, plan, seed, time.monotonic, started_s)
        until_known(experiment)
        remarks = [f"{counter.domain}: {counter.remark}" for counter in discovery.counters if counter.remark]
        notes = [*found.complaints, *remarks, *metering.notes]
        if discovery is found.discovery:  # of the whole machine
            notes += conditions.disturbances(before, conditions.read(roots), own_cpu_s() - cpu_s)
        return _concluded(experiment, trials, metering, notes)


def until_known(experiment: Experiment) -> None:
    """Make rounds until the energy of a call is known well enough, the time is up, or a counter tells nothing."""
    for _ in experiment.run():
        rounds = experiment.rounds
        if not experiment.is_measured:
            return
        if len(rounds) >= LEAST_ROUNDS and figures(rounds).reach <= experiment.plan.precision:
            return


def counted(discovery: Discovery, precision: float) -> Discovery:
    """Leave the GPUs' counters where there are some, else all those of a machine that is measured.

    SourceError where a sensor is itself off by so much that no number of calls would bring that precision.
    """
    gpus = tuple(counter for counter in discovery.counters if counter.source == "nvml" and counter.in_total)
    for counter in gpus:
        least = round(SENSORS_WORTH * counter.accuracy, 6)
        if precision < least:
            raise SourceError(
                f"{counter.domain} has no energy counter, and its power is right within {percent(counter.accuracy)} "
                f"only: write precision={least:g} or more"
            )
    if gpus:
        return replace(discovery, counters=gpus, curves=(), cpu_time=False)
    if discovery.measured:
        return discovery
    why = discovery.obstacles[0].what if discovery.obstacles else "there is none"
    raise SourceError(f"no energy counter can be read here ({why}): `pycarbon doctor` shows what to do about it")


def _concluded(experiment: Experiment, trials: KernelTrials, metering: Metering, notes: list[str]) -> KernelEnergy:
    silent = not experiment.is_measured
    rounds = experiment.rounds[: -1 if silent else None]
    if len(rounds) < 2:
        seldom = f"there was time for one round of blocks only, in {experiment.elapsed_s:.2g} s: raise max_s"
        raise PyCarbonError(SILENT if silent else seldom)
    told = figures(rounds)
    resolved = told.reach <= experiment.plan.precision
    remedy = None
    if not resolved:
        remedy = (
            SILENT if silent else told.remedy(experiment.plan.precision, experiment.plan.max_time_s, trials.steady)
        )
    return KernelEnergy(
        told.energy_per_call_j.best,
        told.energy_per_call_j.low,
        told.energy_per_call_j.high,
        told.power_w,
        told.time_per_call_s,
        told.idle_power_w,
        told.above_idle_per_call_j,
        2 * len(rounds) * trials.count,
        2 * len(rounds),
        "measured",
        tuple(metering.domains),
        trials.period_s,
        experiment.plan.precision,
        resolved,
        remedy,
        tuple(notes),
        experiment.elapsed_s,
        experiment.seed,
    )


def _nothing() -> None:
    """Wait for nothing."""
