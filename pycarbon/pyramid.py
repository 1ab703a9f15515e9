"""Smallest and largest of many values over any ranges: what a plot draws of a series longer than it is wide."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


class Pyramid:
    """The values, and above each two of a level the smaller and the larger of them."""

    def __init__(self, values: Array) -> None:
        """Take values, shape (n,); twice as many numbers are kept."""
        self._levels = [(values, values)]
        while len(values) > 1:
            low, high = self._levels[-1]
            even = len(low) // 2 * 2
            low = np.concatenate([np.minimum(low[0:even:2], low[1:even:2]), low[even:]])
            high = np.concatenate([np.maximum(high[0:even:2], high[1:even:2]), high[even:]])
            self._levels.append((low, high))
            values = low

    def over(self, first: Whole, last: Whole) -> tuple[Array, Array]:
        """Give the smallest and the largest of values number first <= i < last, for m ranges; of none inf and -inf.

        Each range is made of at most two nodes of each level, so it takes m log n steps.
        """
        first, last = first.copy(), last.copy()
        smallest, largest = np.full(len(first), np.inf), np.full(len(first), -np.inf)
        for low, high in self._levels:
            for end, node in ((first, first), (last, last - 1)):
                takes = (end & 1 == 1) & (first < last)
                chosen = node[takes]
                smallest[takes] = np.minimum(smallest[takes], low[chosen])
                largest[takes] = np.maximum(largest[takes], high[chosen])
            first, last = (first + 1) // 2, np.maximum(last // 2, (first + 1) // 2)
        return smallest, largest
