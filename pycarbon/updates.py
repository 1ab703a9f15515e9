"""When a counter was updated: its period, and the time of each update, from the looks that bracket them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CLOSE = 1 / 8
"""An update bracketed by less than this part of its period was seen closely."""

ALWAYS = 0.9
TYPICAL_PERIOD_NS, RARE_LOOKS_NS = 1e6, 1e7
"""Where more of the looks than that all found a change, and they lay far apart, their pace tells nothing of the
counter's: it is taken for a CPU's, which is updated about every millisecond.
"""

FARTHEST_GRID = 1000
"""So many periods away the period's own uncertainty makes a grid of no use."""

FIRST_UPDATES = 64
"""The sampler looks at so many of the first updates without leaving any out: they tell the counter's period."""


def median(values: NDArray[Any]) -> float:
    """Give the median of some numbers; numpy's own would import numpy.ma, an eighth of our start."""
    ordered = np.sort(values)
    middle = len(ordered) // 2
    return float(ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)


def counter_period_ns(before_ns: NDArray[np.int64], seen_ns: NDArray[np.int64]) -> float:
    """Tell how often the counter is updated, at most: the usual time between its first updates; 0 with too few.

    Later ones may have been left out, and what lies far apart then is no period.
    """
    middle_ns = before_ns + (seen_ns - before_ns) / 2
    if len(middle_ns) < 3:
        return 0.0
    width_ns = (seen_ns - before_ns).astype(np.float64)
    close = width_ns <= 4 * np.sort(width_ns[:FIRST_UPDATES])[len(width_ns[:FIRST_UPDATES]) // 4]
    apart_ns = np.diff(middle_ns[close][:FIRST_UPDATES])
    apart_ns = apart_ns[apart_ns > 0]
    if len(apart_ns) == 0:
        return 0.0
    shortest_ns = np.sort(apart_ns)[len(apart_ns) // 10]
    period_ns = median(apart_ns[apart_ns <= 1.5 * shortest_ns])
    always = (before_ns[1:] <= seen_ns[:-1])[:FIRST_UPDATES]
    if period_ns > RARE_LOOKS_NS and float(always.mean()) > ALWAYS:
        return TYPICAL_PERIOD_NS
    return period_ns


def update_times(before_ns: NDArray[np.int64], seen_ns: NDArray[np.int64], period_ns: float) -> NDArray[np.float64]:
    """Say when each update came, given the look before it, the look that saw it, and the counter's period.

    Updates seen closely are the marks of a grid; what was seen from further away came at the last grid time before.
    """
    width_ns = (seen_ns - before_ns).astype(np.float64)
    likely_ns = np.minimum(width_ns, period_ns) if period_ns > 0 else width_ns
    times: NDArray[np.float64] = seen_ns - likely_ns / 2
    close = width_ns < CLOSE * period_ns
    marks_ns = times[close]
    if len(marks_ns) < 2:
        return times
    mark = np.searchsorted(marks_ns, seen_ns, side="right") - 1
    wide = ~close & (mark >= 0)
    here_ns = marks_ns[mark[wide]]
    apart_ns = np.append(np.diff(marks_ns), np.inf)[mark[wide]]  # after the last mark the grid goes on
    periods = np.where(np.isfinite(apart_ns), np.rint(apart_ns / period_ns), np.inf)
    step_ns = np.divide(
        apart_ns, periods, out=np.full(len(periods), period_ns), where=np.isfinite(periods) & (periods > 0)
    )
    steps = np.minimum(np.floor((seen_ns[wide] - here_ns) / step_ns), periods - 1)
    on_grid = (steps >= 1) & (periods < FARTHEST_GRID)
    on_grid |= (steps >= 1) & ~np.isfinite(periods) & (steps < FARTHEST_GRID)
    guess_ns = np.clip(here_ns + steps * step_ns, before_ns[wide], seen_ns[wide])
    times[wide] = np.where(on_grid, guess_ns, times[wide])
    return times
