"""A figure with its interval: what every figure here carries."""

from __future__ import annotations

import math
from dataclasses import dataclass


def is_interval(low: float, best: float, high: float) -> bool:
    """Say whether 0 <= low <= best <= high < infinity; both ends are NaN where nobody knows them."""
    if math.isnan(low) and math.isnan(high):
        return 0 <= best < math.inf
    return 0 <= low <= best <= high < math.inf


@dataclass(frozen=True, slots=True)
class Range:
    """A figure with its interval: low <= best <= high. Both ends are NaN where nobody knows them."""

    low: float
    best: float
    high: float

    def __post_init__(self) -> None:
        """Refuse an interval that does not hold its figure."""
        if not is_interval(self.low, self.best, self.high):
            raise ValueError(f"not an interval: {self.low}, {self.best}, {self.high}")

    def times(self, factor: float) -> Range:
        """The range in a unit or a share `factor` times as large."""
        return Range(self.low * factor, self.best * factor, self.high * factor)
