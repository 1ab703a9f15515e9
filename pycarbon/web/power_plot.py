"""Power over time as lines of an SVG, for paper and for pages whose scripts do not run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pycarbon.reports import figures

WIDTH, HEIGHT = 960, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 112, 12, 34
LABEL_ROOM = 15
LONGEST_NAME = 13
TICKS = 6

Scale = Callable[[float], float]

_TIMES_S = (*(digit * 10.0**power for power in range(-6, 1) for digit in (1, 2, 5)), 10, 15, 30, 60, 120, 300, 600)
_TIMES_S += (900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 1728000, 4320000)
_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def power_plot(power: Mapping[str, Any]) -> dict[str, Any] | None:
    """Lay out what reports/power_view.py's `embedded` gives; None where no domain has any power.

    `lines`: of each domain its paths and where its name stands; `gaps`: rectangles; `x` and `y`: ticks with texts.
    """
    drawn = [one for one in power["domains"] if one["windows"]]
    duration_s = power["duration_s"]
    if not drawn or duration_s <= 0:
        return None
    top_w = 1.05 * max(max(one["coarse"]["max_w"]) for one in drawn) or 1.0

    def x(time_s: float) -> float:
        part = min(max(time_s / duration_s, 0.0), 1.0)
        return float(LEFT + (WIDTH - LEFT - RIGHT) * part)

    def y(power_w: float) -> float:
        return float(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * power_w / top_w)

    lines = [_line(one, duration_s, x, y) for one in drawn]
    _spread(lines)
    step_w = _nice(top_w / TICKS)
    powers = [number * step_w for number in range(int(top_w / step_w) + 1)]
    times_s = _times(duration_s)
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "top": TOP,
        "bottom": HEIGHT - BOTTOM,
        "lines": lines,
        "gaps": [{"x": round(x(a), 1), "width": round(max(x(b) - x(a), 1.0), 1)} for a, b in power["gaps"]],
        "x": [{"at": round(x(one), 1), "text": text} for one, text in zip(times_s, _texts(times_s), strict=True)],
        "y": [{"at": round(y(one), 1), "text": f"{_short(one)}W"} for one in powers],
    }


def _line(domain: Mapping[str, Any], duration_s: float, x: Scale, y: Scale) -> dict[str, Any]:
    """Draw the windows as steps: a band from their least to their largest power, and their means as a line."""
    coarse, gaps = domain["coarse"], domain["gaps"]
    begins = coarse["t_s"]
    ends = [*begins[1:], duration_s]
    runs: list[list[int]] = [[]]
    for number, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        middle = (begin + end) / 2
        if any(first <= middle < last for first, last in gaps):
            runs.append([])
        else:
            runs[-1].append(number)
    mean, band = [], []
    for run in filter(None, runs):
        spots = [(x(begins[number]), x(ends[number])) for number in run]
        mean.append(f"M{spots[0][0]:.1f} {y(coarse['mean_w'][run[0]]):.1f}")
        mean += [f"V{y(coarse['mean_w'][n]):.1f}H{spot[1]:.1f}" for n, spot in zip(run, spots, strict=True)]
        band.append(f"M{spots[0][0]:.1f} {y(coarse['max_w'][run[0]]):.1f}")
        band += [f"V{y(coarse['max_w'][n]):.1f}H{spot[1]:.1f}" for n, spot in zip(run, spots, strict=True)]
        back = list(zip(reversed(run), reversed(spots), strict=True))
        band += [f"V{y(coarse['min_w'][n]):.1f}H{spot[0]:.1f}" for n, spot in back] + ["Z"]
    last = next((run[-1] for run in reversed(runs) if run), len(begins) - 1)
    name = domain["domain"]
    return {
        "domain": name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…",
        "number": domain["number"],
        "kind": domain["kind"],
        "mean": "".join(mean),
        "band": "".join(band),
        "name_y": y(coarse["mean_w"][last]),
    }


def _spread(lines: Sequence[dict[str, Any]]) -> None:
    """Move names apart that would lie over each other."""
    ordered = sorted(lines, key=lambda line: float(line["name_y"]))
    above = -math.inf
    for line in ordered:
        above = line["name_y"] = max(line["name_y"], above + LABEL_ROOM)
    below = HEIGHT - BOTTOM + LABEL_ROOM
    for line in reversed(ordered):
        below = line["name_y"] = round(min(line["name_y"], below - LABEL_ROOM), 1)


def _nice(step: float) -> float:
    """Give the next of 1, 2 and 5 times a power of ten."""
    size = 10.0 ** math.floor(math.log10(step))
    return next((digit * size for digit in (1, 2, 5) if digit * size >= step), 10 * size)


def _times(duration_s: float) -> list[float]:
    step = next((one for one in _TIMES_S if duration_s / one <= TICKS), duration_s / TICKS)
    return [number * step for number in range(int(duration_s / step + 1e-9) + 1)]


def _texts(times_s: Sequence[float]) -> list[str]:
    """Write ticks in one unit."""
    step = times_s[1] if len(times_s) > 1 else 1.0
    size, unit = next(
        (one for one in _UNITS if step >= one[0] * 0.999 or (one[0] == 1 and times_s[-1] >= 1)), _UNITS[-1]
    )
    decimals = min(max(-math.floor(math.log10(step / size) + 1e-9), 0), 6)
    return [f"{one / size:.{decimals}f} {unit}" for one in times_s]


def _short(power_w: float) -> str:
    factor, prefix = figures.prefix_for(power_w)
    return f"{power_w / factor:.3g} {prefix}"
