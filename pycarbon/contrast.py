"""What rounds of trials say: a mean, a ratio of two means, and whether a difference stands out of the noise.

In each round every variant has one trial, in random order, so whatever changes slowly (temperature, clock rate, other
programs) meets all variants alike: it is in the pairs, and leaves with them. The random order also makes what is left
of one round's pair free of the next one's, however trials depend on each other (Fisher 1935, The Design of
Experiments): so the scatter of pairs tells how far their mean may be off. What a variant itself leaves to the trial
after it (heat, a cold cache) is not of that kind: doubts.py looks for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pycarbon import student

Array = NDArray[np.float64]
Verdict = Literal["less", "more", "none", "unresolved"]

CONFIDENCE = 0.95
HOPELESS = 0.5
"""An interval that reaches half as much again from no difference on, or as much less, tells nothing of use."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure from rounds, and between which ends it lies with the stated confidence: low <= best <= high."""

    low: float
    best: float
    high: float

    @property
    def half_width(self) -> float:
        """How far it may be off, as a part of the figure itself; infinite where the figure is zero."""
        return (self.high - self.low) / 2 / self.best if self.best > 0 else math.inf

    def times(self, factor: float) -> Estimate:
        """Give it in a unit `factor` times as small."""
        return Estimate(self.low * factor, self.best * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Contrast:
    """How one variant compares with the first: `ratio` is its figure by the first's.

    `floor` is how far the first variant's ratio to itself was from 1, or may be off: a smaller difference is none.
    """

    ratio: Estimate
    floor: float
    verdict: Verdict

    @property
    def would_have_shown(self) -> float:
        """The difference, as a part of the first's figure, that would have been seen in 39 of 40 experiments.

        It is seen where its estimate is beyond the floor and beyond the reach of the interval, and is itself off by
        no more than that reach. Whatever is larger is outside of the interval as well.
        """
        reach = max(self.ratio.best - self.ratio.low, self.ratio.high - self.ratio.best)
        return max(reach, self.floor) + reach


def mean(values: Array, confidence: float = CONFIDENCE) -> Estimate:
    """Give the mean of values of shape (n,), n >= 2, none negative, with Student's interval (1908), cut at zero."""
    best = float(values.mean())
    reach = student.two_sided(confidence, len(values) - 1) * _standard_error(values)
    return Estimate(max(best - reach, 0.0), best, best + reach)


def ratio(values: Array, base: Array, confidence: float = CONFIDENCE) -> Estimate | None:
    """Give the ratio of two means over the same rounds, shapes (n,), n >= 2; None where one of them is zero.

    Its error is that of `values - ratio * base` (Cochran 1977, Sampling Techniques, chapter 6), which holds for the
    logarithm of the ratio, so that swapping the two inverts the interval.
    """
    above, below = float(values.mean()), float(base.mean())
    if above <= 0 or below <= 0:
        return None
    best = above / below
    relative = _standard_error(values / above - base / below)
    reach = student.two_sided(confidence, len(values) - 1) * relative
    if reach > 700:  # exp() ends there; nothing is known
        return Estimate(0.0, best, math.inf)
    return Estimate(best * math.exp(-reach), best, best * math.exp(reach))


def floor(control: Estimate) -> float:
    """Say what a variant shows against itself: how far its ratio to itself is from 1, or may be off."""
    return max(abs(control.best - 1), control.best - control.low, control.high - control.best)


def contrast(values: Array, base: Array, control: Estimate, confidence: float) -> Contrast | None:
    """Compare a variant with the first over the same rounds, shapes (n,); None where there is no ratio.

    It is said to differ where its interval leaves out 1 and it is further from 1 than the first is from itself.
    """
    found = ratio(values, base, confidence)
    if found is None:
        return None
    least = floor(control)
    beyond = max(found.best, 1 / found.best) - 1 > least
    verdict: Verdict = "none"
    if found.high < 1 and beyond:
        verdict = "less"
    elif found.low > 1 and beyond:
        verdict = "more"
    elif found.high > 1 + HOPELESS or found.low * (1 + HOPELESS) < 1 or least > HOPELESS:
        verdict = "unresolved"
    return Contrast(found, least, verdict)


def shared(confidence: float, comparisons: int) -> float:
    """Give the confidence of each of several intervals so that all of them hold with `confidence`: Bonferroni's
    (Dunn 1961, Journal of the American Statistical Association 56), for any dependence between them.
    """
    return 1 - (1 - confidence) / max(comparisons, 1)


def trend(values: Array, time_s: Array) -> Estimate | None:
    """Give how much values near 1, shape (n,), changed from the first time to the last; None with fewer than 8.

    The ends are of a straight line's slope by least squares, at 99 %; they may be negative.
    """
    count, span_s = len(values), float(np.ptp(time_s)) if len(time_s) else 0.0
    if count < 8 or span_s <= 0:
        return None
    at = (time_s - time_s.mean()) / span_s
    slope = float((at * values).sum() / (at**2).sum())
    left = values - values.mean() - slope * at
    error = math.sqrt(float((left**2).sum()) / (count - 2) / float((at**2).sum()))
    reach = student.two_sided(0.99, count - 2) * error
    return Estimate(slope - reach, slope, slope + reach)


def _standard_error(values: Array) -> float:
    return float(values.std(ddof=1)) / math.sqrt(len(values))
