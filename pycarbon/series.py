"""A run's power over time: means over windows, and between which means of shorter windows they lie."""

from __future__ import annotations

import math
import re
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pycarbon.energy import UPDATES_PER_WINDOW, Timeline, power, windows_of
from pycarbon.errors import PyCarbonError
from pycarbon.pyramid import Pyramid

Array = NDArray[np.float64]

POWER_DTYPE = np.dtype([("time_ns", "<i8"), ("power_w", "<f8"), ("min_w", "<f8"), ("max_w", "<f8")])

_DURATION = re.compile(r"([0-9.]+)\s*(us|ms|s|min|h)?")
_UNIT_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, None: 1.0, "min": 60.0, "h": 3600.0}


def seconds(text: str | float, shortest: bool = True) -> float:
    """Read a length of time, "10ms" or in seconds; PyCarbonError where it is none, or 0 and `shortest`."""
    try:
        match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
        value = float(match[1]) * _UNIT_S[match[2]] if match else float(text)
    except (ValueError, TypeError):
        value = -1.0
    if not 0 <= value < math.inf or (shortest and value == 0):
        raise PyCarbonError(f"{text!r} is no length of time; write for example 10ms or 0.5s")
    return value


class Powers:
    """The power of one domain in the shortest windows that its counter resolves, or its model has."""

    def __init__(self, border_ns: Array, power_w: Array) -> None:
        """Take the borders of n windows, shape (n + 1,), and the mean power in each, (n,); both may be empty."""
        self.border_ns, self.power_w = border_ns, power_w

    @property
    def shortest_s(self) -> float:
        """How long its windows are; 0 where there are none."""
        count = len(self.power_w)
        return float(self.border_ns[-1] - self.border_ns[0]) / 1e9 / count if count else 0.0

    @cached_property
    def _pyramid(self) -> Pyramid:
        return Pyramid(self.power_w)

    def series(self, border_ns: Array, power_w: Array) -> NDArray[np.void]:
        """Give m windows with their means as POWER_DTYPE, each with the extremes of the shortest windows in it.

        Where the windows asked for are the shorter ones, both are the mean.
        """
        series = np.zeros(len(power_w), POWER_DTYPE)
        if not len(power_w):
            return series
        series["time_ns"], series["power_w"] = border_ns[:-1], power_w
        first = np.clip(np.searchsorted(self.border_ns, border_ns[:-1], side="left"), 0, len(self.power_w))
        last = np.clip(np.searchsorted(self.border_ns, border_ns[1:], side="right") - 1, first, len(self.power_w))
        smallest, largest = self._pyramid.over(first, last) if len(self.power_w) else (power_w, power_w)
        series["min_w"], series["max_w"] = np.minimum(smallest, power_w), np.maximum(largest, power_w)
        return series


def measured(timeline: Timeline, start_ns: int, end_ns: int) -> Powers:
    """Give the power of a counter over windows of 50 updates or more; none where it is too coarse."""
    period_s = timeline.period_s
    if period_s is None or end_ns <= start_ns:
        return Powers(np.empty(0), np.empty(0))
    return Powers(*power(timeline, start_ns, end_ns, UPDATES_PER_WINDOW * period_s))


def modelled(border_ns: Array, window_j: Array, start_ns: int, end_ns: int, every_s: float) -> tuple[Array, Array]:
    """Give windows of `every_s` and the mean power in each, of a model that is constant within its own windows."""
    level_j = np.concatenate([[0.0], np.cumsum(window_j)])
    asked_ns = windows_of(start_ns, end_ns, every_s)
    return asked_ns, per_s(np.diff(np.interp(asked_ns, border_ns, level_j)), np.diff(asked_ns) / 1e9)


def per_s(amount: Array, window_s: Array) -> Array:
    """Divide by a time, which may be 0: then 0."""
    return np.divide(amount, window_s, out=np.zeros_like(amount), where=window_s > 0)
