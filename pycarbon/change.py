"""One figure in two runs: the difference and the ratio, each with its interval, and what may be said of them.

Intervals are the worst that the two runs' own allow: nothing is assumed of what ties their errors. So a change is one
only where the intervals do not meet, however near the best estimates of two runs may be to that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from pycarbon.interval import Range
from pycarbon.run import Kind

Verdict = Literal[
    "more", "less", "same within its interval", "new", "gone", "not resolved", "not known", "not compared"
]

CHANGED: tuple[Verdict, ...] = ("more", "less", "new", "gone")


@dataclass(frozen=True, slots=True)
class Value:
    """A figure of one run; `best` is None where the run does not tell it, and its bounds hold all the same.

    Both bounds are NaN where nobody knows them.
    """

    best: float | None
    low: float
    high: float
    kind: Kind = "measured"


@dataclass(frozen=True, slots=True)
class Bounds:
    """A change with its interval; `best` is None where one of the two figures is not told, `high` may be infinite."""

    best: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a figure: None is a difference, or a ratio, that is not known."""

    verdict: Verdict
    difference: Bounds | None = None
    ratio: Bounds | None = None


def exactly(value: float) -> Value:
    """Give a figure that is counted, or read from a clock: its error does not matter here."""
    return Value(value, value, value)


def known(best: float | None, low: float | None, high: float | None, kind: Kind) -> Value | None:
    """Give a figure; None where it is no number, or its bounds are infinite, or nothing is known of it."""
    if low is None or high is None or math.isinf(low) or math.isinf(high):
        return None
    if best is None:
        return None if math.isnan(low) or math.isnan(high) else Value(best, low, high, kind)
    return Value(best, low, high, kind) if math.isfinite(best) else None


def change_of(a: Value | None, b: Value | None) -> Change:
    """Say what became of a figure that was `a` and is `b`: `b - a` and `b / a`."""
    if a is None or b is None or any(map(math.isnan, (a.low, a.high, b.low, b.high))):
        return Change("not known")
    told = a.best is not None and b.best is not None
    if b.low > a.high:
        verdict: Verdict = "more"
    elif b.high < a.low:
        verdict = "less"
    else:
        verdict = "same within its interval" if told else "not resolved"
    best = b.best - a.best if a.best is not None and b.best is not None else None
    return Change(verdict, Bounds(best, b.low - a.high, b.high - a.low), _ratio(a, b))


def _ratio(a: Value, b: Value) -> Bounds | None:
    """Divide; nothing can be said by what part nothing grew."""
    if a.best == 0 or a.high <= 0:
        return None
    best = None if a.best is None or b.best is None else b.best / a.best
    return Bounds(best, b.low / a.high, b.high / a.low if a.low > 0 else math.inf)


def appeared(b: Value | None) -> Change:
    """Say what became of a figure that the first run has nothing of."""
    return Change("new", None if b is None else Bounds(b.best, b.low, b.high))


def vanished(a: Value | None) -> Change:
    """Say what became of a figure that the other run has nothing of."""
    best = None if a is None or a.best is None else -a.best
    return Change("gone", None if a is None else Bounds(best, -a.high, -a.low))


def unjudged(found: Change) -> Change:
    """Give a change of two figures that are of different things, or no measurement: without a verdict."""
    return found if found.verdict == "not known" else replace(found, verdict="not compared")


def times(found: Change, factor: Range, best: float | None) -> Change:
    """Give the change of two figures that are `factor` times those of another: one factor, whatever its error.

    It is in the difference, and cancels in the ratio. `best` is the difference of the best estimates.
    """
    if found.difference is None:
        return found
    low, high = found.difference.low, found.difference.high
    ends = [factor.low * low, factor.high * low], [factor.low * high, factor.high * high]
    return replace(found, difference=Bounds(best, min(ends[0]), max(ends[1])))
