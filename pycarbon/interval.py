"""A figure with its interval: what every figure here carries."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """A figure with its interval: low <= best <= high."""

    low: float
    best: float
    high: float

    def __post_init__(self) -> None:
        """Refuse an interval that does not hold its figure."""
        if not 0 <= self.low <= self.best <= self.high < math.inf:
            raise ValueError(f"not an interval: {self.low}, {self.best}, {self.high}")

    def times(self, factor: float) -> Range:
        """The range in a unit or a share `factor` times as large."""
        return Range(self.low * factor, self.best * factor, self.high * factor)
