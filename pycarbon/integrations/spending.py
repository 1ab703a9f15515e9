"""What the `energy` fixture gives a test: blocks whose joules are known when they end."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import TracebackType

from pycarbon.integrations.figure import UNKNOWN, Figure
from pycarbon.integrations.span import Span, Stopwatch


class Spending:
    """A block of code, from its `with` to its end; the figures are those of pycarbon's reports.

    After it `low_j <= energy_j <= high_j` in joules, `co2e_low_g <= co2e_g <= co2e_high_g` in grams, `time_s`, and
    `kind`: "measured", "attributed" (a share by CPU time), "modelled" or, with figures that are NaN, "unknown".
    `resolved` says whether counters tell the energy to within half of it, `note` why not.
    """

    def __init__(self, figure: Callable[[Span], Figure], shared: bool) -> None:
        """Nothing runs before the `with`."""
        self._figure, self._shared = figure, shared
        self.energy_j = self.low_j = self.high_j = math.nan
        self.co2e_g = self.co2e_low_g = self.co2e_high_g = math.nan
        self.time_s = math.nan
        self.kind = UNKNOWN
        self.resolved = False
        self.note = "the block has not ended"

    def __enter__(self) -> Spending:
        """Start."""
        self._watch = Stopwatch(self._shared)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, and find out."""
        found = self._figure(self._watch.span())
        self.energy_j, self.low_j, self.high_j = found.energy_j, found.low_j, found.high_j
        self.co2e_g, self.co2e_low_g, self.co2e_high_g = found.co2e_g, found.co2e_low_g, found.co2e_high_g
        self.time_s, self.kind = found.time_s, found.kind
        self.resolved, self.note = found.resolved, found.note

    def __repr__(self) -> str:
        """Show the figures, as a failed assertion does."""
        if self.kind == UNKNOWN:
            return f"<energy unknown: {self.note}>"
        return f"<{self.energy_j:.4g} J ({self.low_j:.4g} to {self.high_j:.4g}), {self.kind}>"


class Energy:
    """Makes a block each time it is called."""

    def __init__(self, figure: Callable[[Span], Figure], shared: bool) -> None:
        """`figure` says what a span cost and never raises; `shared`: others work on this machine meanwhile."""
        self._figure, self._shared = figure, shared

    def __call__(self) -> Spending:
        """Give a block."""
        return Spending(self._figure, self._shared)
