"""Least squares without negative parts, from the normal equations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def nnls(gram: Array, right: Array) -> Array:
    """Find x >= 0, shape (k,), for which x'Gx/2 - r'x is least; `gram` G (k, k) is positive definite.

    The active set method of Lawson and Hanson, Solving Least Squares Problems (1974), chapter 23.
    """
    count = len(right)
    scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    gram, right = gram / np.outer(scale, scale), right / scale
    found = np.zeros(count)
    free = np.zeros(count, bool)
    freely = np.linalg.solve(gram, right) if count else found
    if freely.min(initial=1.0) > 0:  # mostly: nothing is in the way
        return freely / scale
    tolerance = 1e-10 * max(float(np.abs(right).max(initial=0.0)), 1e-300)
    for _ in range(3 * count + 10):
        slope = right - gram @ found
        slope[free] = -np.inf
        if count == 0 or slope.max() <= tolerance:
            break
        free[int(slope.argmax())] = True
        while True:
            wanted = np.zeros(count)
            wanted[free] = np.linalg.solve(gram[np.ix_(free, free)], right[free])
            if wanted[free].min(initial=1.0) > 0:
                found = wanted
                break
            falling = free & (wanted <= 0)
            step = float((found[falling] / np.maximum(found[falling] - wanted[falling], 1e-300)).min())
            found = np.where(free, found + step * (wanted - found), 0.0)
            stuck = falling & (found <= 1e-12)
            if not stuck.any():
                stuck = falling
            found[stuck] = 0.0
            free &= ~stuck
    return found / scale
