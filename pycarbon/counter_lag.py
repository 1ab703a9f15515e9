"""How far a GPU's counter lags behind what runs on it: told by the trace itself.

A counter that shows at each update what had been used some time before puts energy to what ran after it. With
launches moved by the right time their powers explain best what it rose by. So least squares are tried at one lag
after the other; all that explain nearly as well make up the interval. Where no lag at all is among those nothing is
moved: then it does not matter, or nothing tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycarbon.energy import Timeline
from pycarbon.kernel_ledger import Launches

Array = NDArray[np.float64]

EARLY, LATE = 1.0, 5.0
"""Lags that are tried, in periods of the counter: it may also seem early, for a clock that is off."""

STEPS = 20
"""Lags tried in a period."""

FEWEST, MOST = 60, 2000
"""Intervals it takes, and that are looked at."""

LABELS = 15
"""Names with a power of their own, those that ran longest."""

NEARLY = 4 * 3.84
"""How much worse than the best one a lag may explain, in variances of what is left over: 95 % of chi squared, four
times, since neighbours among intervals are alike.
"""


@dataclass(frozen=True, slots=True)
class Lag:
    """By how much a counter is behind, in ns, and how far off that may be."""

    lag_ns: int = 0
    error_ns: int = 0


def counter_lag(launches: Launches, timeline: Timeline, start_ns: int, end_ns: int) -> Lag:
    """Find a counter's lag behind launches in a span; none where too little was seen to tell."""
    period_ns, update_ns = timeline.counter_period_ns, timeline.update_ns
    inside = (update_ns > start_ns + LATE * period_ns) & (update_ns < end_ns - EARLY * period_ns)
    chosen = np.flatnonzero(inside & (np.diff(update_ns, prepend=0.0) > 0))[:MOST]
    if period_ns <= 0 or len(chosen) <= FEWEST:
        return Lag()
    border_ns, used_j = update_ns[chosen], np.diff(timeline.update_j[chosen])
    levels = list(_levels(launches, start_ns))
    lags = np.arange(-round(EARLY * STEPS), round(LATE * STEPS) + 1)
    left = np.array([_left_j2(border_ns - start_ns - lag * period_ns / STEPS, used_j, levels) for lag in lags])
    free = max(len(used_j) - len(levels) - 1, 1)
    near = left <= left.min() * (1 + NEARLY / free)
    if near[lags == 0][0] or not left.min() > 0:
        return Lag()
    groups = np.split(np.flatnonzero(near), np.flatnonzero(np.diff(np.flatnonzero(near)) > 1) + 1)
    group = min(groups, key=lambda some: int(np.abs(lags[some]).min()))
    best = int(group[left[group].argmin()])
    reach = max(int(group[-1]) - best, best - int(group[0])) + 0.5
    return Lag(round(lags[best] * period_ns / STEPS), round(reach * period_ns / STEPS))


def _levels(launches: Launches, start_ns: int) -> Iterator[tuple[Array, Array]]:
    """Give for how long each name had run by some times, both in ns since the start; the rarest together."""
    lasted = np.bincount(launches.name, launches.end_ns - launches.start_ns)
    own = np.argsort(-lasted, kind="stable")[:LABELS]
    column = np.full(len(lasted), len(own))
    column[own] = np.arange(len(own))
    of = column[launches.name]
    for number in np.flatnonzero(np.bincount(of)).tolist():
        mine = of == number
        starts, ends = launches.start_ns[mine], np.sort(launches.end_ns[mine], kind="stable")
        knot_ns = np.sort(np.concatenate([starts, ends]), kind="stable")
        count = np.searchsorted(starts, knot_ns, side="right") - np.searchsorted(ends, knot_ns, side="right")
        level_ns = np.concatenate([[0], np.cumsum(np.diff(knot_ns) * count[:-1])])
        yield (knot_ns - start_ns).astype(np.float64), level_ns.astype(np.float64)


def _left_j2(border_ns: Array, used_j: Array, levels: list[tuple[Array, Array]]) -> float:
    """Say what the powers of names, and of the time itself, leave unexplained."""
    ran_s = [np.diff(np.interp(border_ns, *level)) / 1e9 for level in levels]
    matrix = np.stack([*ran_s, np.diff(border_ns) / 1e9], axis=1)
    matrix /= np.sqrt((matrix**2).sum(axis=0)) + 1e-12
    power_w = np.linalg.pinv(matrix.T @ matrix, rcond=1e-10, hermitian=True) @ (matrix.T @ used_j)
    return float(((used_j - matrix @ power_w) ** 2).sum())
