"""What would resolve a region that a run does not: more calls, longer ones, or another order of them."""

from __future__ import annotations

import math

WANTED_WITHIN = 0.1
"""What a remedy aims at: an interval of so much of the figure to either side."""

HOPELESS = 100
"""A schedule that would need so many times the calls is no good: labels must be told apart by another one."""


def remedy(calls: int, time_s: float, relative: float, *, method: str, alike: bool, interval_s: float) -> str:
    """Say it for a region of so many calls, `time_s` in all; its interval is `relative` of its energy to either side.

    `method` is that of the figure; `alike`: the labels are not told apart, however many calls there are. The counter
    was mostly seen at intervals of `interval_s`.
    """
    if method == "interpolation" and calls:
        each_s = time_s / calls
        said = f"{calls} call{'s' * (calls != 1)} of {_length(each_s)}, seen at intervals of {_length(interval_s)}"
        enough = math.ceil(2 * interval_s / WANTED_WITHIN / max(each_s, 1e-9))
        if enough > calls:
            return f"{said}: needs about {_round(enough)} calls, or longer ones"
        return f"{said}: needs a quieter machine, or a larger --cpu-budget"
    further = (relative / WANTED_WITHIN) ** 2 - 1
    if alike or further > HOPELESS or not calls:
        return "labels alternate faster than the counter: shuffle longer blocks"
    return f"needs about {_round(math.ceil(further * calls))} more calls"


def _length(length_s: float) -> str:
    return f"{length_s * 1e3:.3g} ms" if length_s >= 1e-3 else f"{length_s * 1e6:.3g} us"


def _round(number: int) -> int:
    """Round up to two digits: nobody knows it better."""
    step: int = 10 ** max(len(str(number)) - 2, 0)
    return -(-number // step) * step
