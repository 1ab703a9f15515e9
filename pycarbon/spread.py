"""How unsteady power is, as far as a counter shows: what is left over in its intervals once the labels are fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycarbon.least_squares import nnls

Array = NDArray[np.float64]

WINDOWS = (1, 2, 4, 8)
LOCAL = 64
"""Power that is unsteady for a while only is so in blocks of as many intervals."""

IN_STEP = 1.3
"""A quick wave keeps step with the counter for a while, so that its parts add up more than chance would have it."""

DRIFT = 0.05
"""Of the square of a slow deviation's energy so much goes to the wrong side of a border: it changes within too."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The variance of an interval's energy about the fit: `fast` + `even` * T + `slow` * T^2 for a length of T s.

    `fast` (J^2) does not grow with length: times of edges that are not known exactly and the counter's grain, which
    are `known` and not in misplaced(), and power that goes up and down many times within an interval. `even` (J^2/s)
    is like noise without memory, and `slow` (W^2) lasts for many intervals. `local` (n,) says how much more or less
    of it all there is around each interval.
    """

    fast: float
    even: float
    slow: float
    local: Array
    known: float = 0.0

    def variance(self, length_s: Array) -> Array:
        """Give the variance of intervals' energies, in J^2."""
        total: Array = self.local * (self.fast + self.even * length_s + self.slow * length_s**2)
        return total

    def misplaced(self, share: Array, length_s: Array, most_j: Array) -> Array:
        """Give the variance, in J^2, of the part of a deviation that is not where time says, by interval.

        A deviation B(t) whose increments have the variance 2 v + even t, divided by time at a share w: a region that
        begins and ends within has B(s2) - B(s1) - w (B(1) - B(0)), so 2 v + v (1 - 2 w (1 - w)) of the first kind and
        w (1 - w) even of the second. None of it is larger than `most_j` (n,).
        """
        within = share * (1 - share)
        extra = IN_STEP * max(self.fast - self.known, 0.0)
        fast = np.minimum(extra * (1.5 - within), (most_j * within) ** 2)
        spread = np.where(within > 0, fast + (self.even * length_s + DRIFT * self.slow * length_s**2) * within, 0.0)
        return self.local * spread


def spread_of(left_j: Array, length_s: Array, follows: NDArray[np.bool_], least_j2: float) -> Spread:
    """Tell it from what is left over in n intervals, in order; `follows` is False where one was left out before.

    `least_j2` is what the counter's grain and its edges make at least of `fast`.
    """
    count = len(left_j)
    if count < 2:
        return Spread(least_j2 + float((left_j**2).sum()), 0.0, 0.0, np.ones(count))
    run = np.cumsum(~follows)
    sums, lengths = np.concatenate([[0.0], np.cumsum(left_j)]), np.concatenate([[0.0], np.cumsum(length_s)])
    moments: list[tuple[float, float, float]] = []
    for window in WINDOWS:
        whole = run[window - 1 :] == run[: count - window + 1]
        if whole.sum() < 8 and moments:
            break
        sum_j = (sums[window:] - sums[:-window])[whole]
        sum_s = (lengths[window:] - lengths[:-window])[whole]
        moments.append((float((sum_j**2).mean()), float(sum_s.mean()), float((sum_s**2).mean())))
    seen = np.array(moments)
    variance = np.maximum(seen[:, 0], least_j2)
    design = np.stack([np.ones(len(seen)), seen[:, 1], seen[:, 2]], axis=1) / variance[:, None]
    gram = design.T @ design
    parts = nnls(gram + 1e-9 * np.diag(np.diag(gram)), design.T @ np.ones(len(seen)))
    fast, even, slow = max(float(parts[0]), least_j2), float(parts[1]), float(parts[2])
    single_j2, single_s, single_s2 = moments[0]  # where intervals make up for each other, sums say too little of one
    fast += max(single_j2 - (fast + even * single_s + slow * single_s2), 0.0)
    expected = fast + even * length_s + slow * length_s**2
    return Spread(fast, even, slow, _local(left_j**2 / expected), least_j2)


def _local(ratio: Array) -> Array:
    """Smooth a ratio over blocks; never so that a quiet block hides what may happen in it."""
    blocks = max(len(ratio) // LOCAL, 1)
    border = np.linspace(0, len(ratio), blocks + 1).astype(np.int64)
    mean = np.add.reduceat(ratio, border[:-1]) / np.diff(border)
    smooth = np.clip(mean, 0.25, None)
    smooth /= max(float((smooth * np.diff(border)).sum() / len(ratio)), 1e-300)
    spread: Array = np.repeat(np.maximum(smooth, 0.1), np.diff(border))
    return spread
