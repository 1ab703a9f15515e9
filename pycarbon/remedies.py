"""What would resolve a region that a run does not: more calls, longer ones, or another order of them."""

from __future__ import annotations

import math

WANTED_WITHIN = 0.1
"""What a remedy aims at: an interval of so much of the figure to either side."""

HOPELESS = 100
"""What would need so many times the calls is not to be had by more of them."""


TOGETHER = "it ran beside others, whose power nothing tells from its own: let them take turns"
CROWDED = "more labels ran than can have a power of their own: give those that do the same one name"
ALTERNATING = "labels alternate faster than the counter: shuffle longer blocks"
QUIETER = "needs a quieter machine, or a larger --cpu-budget"


def remedy(
    calls: int,
    time_s: float,
    relative: float,
    *,
    method: str,
    attributed: bool,
    alike: bool,
    crowded: bool,
    interval_s: float,
    calls_for_fit: int,
) -> str:
    """Say it for a region of so many calls, `time_s` in all; its interval is `relative` of its energy to either side.

    `method` is that of the figure; `alike`: the labels are not told apart, however many calls there are; `crowded`:
    there are too many of them; `attributed`: threads ran at once. The counter was mostly seen at intervals of
    `interval_s`, and with `calls_for_fit` calls there would be enough of them for statistics.
    """
    if method == "interpolation" and calls:
        each_s = time_s / calls
        said = f"{calls} call{'s' * (calls != 1)} of {_length(each_s)}, seen at intervals of {_length(interval_s)}"
        enough = min(math.ceil(2 * interval_s / WANTED_WITHIN / max(each_s, 1e-9)), calls_for_fit)
        return (
            f"{said}: needs about {_round(enough)} calls, or longer ones" if enough > calls else f"{said}: {QUIETER}"
        )
    if alike or not calls:
        return TOGETHER if attributed else ALTERNATING
    if crowded:
        return CROWDED
    further = (relative / WANTED_WITHIN) ** 2 - 1
    return (
        f"needs about {_round(math.ceil(further * calls))} more calls"
        if further <= HOPELESS
        else "needs longer calls"
    )


def _length(length_s: float) -> str:
    return f"{length_s * 1e3:.3g} ms" if length_s >= 1e-3 else f"{length_s * 1e6:.3g} us"


def _round(number: int) -> int:
    """Round up to two digits: nobody knows it better."""
    step: int = 10 ** max(len(str(number)) - 2, 0)
    return -(-number // step) * step
