"""compare(): which of several functions costs less, by how much, how sure."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pycarbon import conditions, here
from pycarbon.comparison import Comparison, Subject, conclude
from pycarbon.errors import PyCarbonError
from pycarbon.experiment import Experiment, Plan
from pycarbon.function_trials import FunctionTrials, is_lazy
from pycarbon.metering import Metering
from pycarbon.portable import own_cpu_s
from pycarbon.reports import contrast_html, contrast_text


class Compared(Comparison):
    """What compare() found: prints well in a terminal, and in a notebook."""

    def __str__(self) -> str:
        """Give the report for people."""
        return contrast_text.ContrastText().render(self)

    def _repr_html_(self) -> str:
        return contrast_html.render(self)


def compare(
    functions: Mapping[str, Callable[[], Any]],
    *,
    precision: float = 0.01,
    max_time_s: float = 300.0,
    zone: str | None = None,
    seed: int | None = None,
    root: str | os.PathLike[str] | None = None,
) -> Compared:
    """Compare functions without arguments by the energy of a call; the first is what the others are compared with.

    Each is called again and again in blocks longer than the counters need, and blocks are shuffled, until every
    ratio's 95 % interval is within `precision` (0.01: 1 %) of it, or for about `max_time_s`. `zone` says where the
    machine stands, `root` stands for / where counters are read. What a function raises is raised here. Without
    counters CPU time is compared, and energy is `modelled`. PyCarbonError where there is nothing to compare, or not
    even two rounds were made in the time.

        print(pycarbon.compare({"loop": f, "vector": g}))
    """
    names = list(functions)
    if not names or not all(isinstance(name, str) and callable(function) for name, function in functions.items()):
        raise PyCarbonError('compare() needs functions by their names: write compare({"loop": f, "vector": g})')
    for name, function in functions.items():
        if is_lazy(function):
            raise PyCarbonError(f"{name} returns before it has run: compare a function that runs it to its end")
    if not 0 < precision < 1 or not max_time_s > 0:
        raise PyCarbonError(f"a precision of {precision} or a time of {max_time_s} s: write such as 0.01 and 60")
    found = here.find({"zone": zone}, None if root is None else Path(root))
    roots, seen = found.discovery.roots, list(found.complaints)
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    with Metering(found.discovery, found.sampling) as metering:
        before, cpu_s = conditions.read(roots), own_cpu_s()
        trials = FunctionTrials(list(functions.values()), metering, lambda: conditions.clock_hz(roots))
        for number in range(len(names)):
            trials.warm_up(number)
        plan = Plan(precision, max_time_s)
        experiment = Experiment(len(names), trials.measure, plan, seed, time.monotonic)
        for _ in experiment.run():
            pass
        seen += conditions.disturbances(before, conditions.read(roots), own_cpu_s() - cpu_s)
        if len(experiment.rounds) < 2:
            raise PyCarbonError(
                f"one round of all takes {experiment.elapsed_s:.0f} s: allow for two and more with max_time_s"
            )
        result = conclude(experiment, Subject(names), metering, found.rating, seen)
    return Compared(**{name: getattr(result, name) for name in Comparison.__dataclass_fields__})
