"""Student's t: how many standard errors an interval reaches to either side, for so many degrees of freedom."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist


@lru_cache(maxsize=1024)
def two_sided(confidence: float, free: int) -> float:
    """Give the t that `confidence` of Student's distribution with `free` degrees of freedom lies within, 0 < it < 1.

    Hill's expansion (1970, Algorithm 396 of the Communications of the ACM); exact for 1 and 2, to 1e-4 for 3 and
    better for more.
    """
    if not 0 < confidence < 1 or free < 1:
        raise ValueError(f"no Student's t for {confidence} and {free} degrees of freedom")
    outside = 1 - confidence
    if free == 1:
        return 1 / math.tan(outside * math.pi / 2)
    if free == 2:
        return math.sqrt(2 / (outside * (2 - outside)) - 2)
    a = 1 / (free - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * free
    y = (d * outside) ** (2 / free)
    if y <= 0.05 + a:  # far out, where the tail is a power
        y = ((1 / (((free + 6) / (free * y) - 0.089 * d - 0.822) * (free + 2) * 3) + 0.5 / (free + 4)) * y - 1) * (
            free + 1
        ) / (free + 2) + 1 / y
        return math.sqrt(free * y)
    z = NormalDist().inv_cdf(outside / 2)
    y = z * z
    if free < 5:
        c += 0.3 * (free - 4.5) * (z + 0.6)
    c = (((0.05 * d * z - 5) * z - 7) * z - 2) * z + b + c
    y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * z
    return math.sqrt(free * math.expm1(a * y * y))
