"""Draws how exact the energy of a region is, by the length of a call and by the number of calls: make region-curves

Simulated as in region_trials.py, at edges that are all seen closely, as without a budget, or a third of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import region_trials as trials

from pycarbon.division import divide

TARGET = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "region_curves.svg"
BLUE, ORANGE, GREY, INK = "#1f6fb2", "#d9822b", "#8a8f98", "#20242a"

LENGTHS_S = np.geomspace(100e-6, 100e-3, 13)
COUNTS = (10, 30, 100, 300, 1000)
WAVES = {"constant": trials.nothing, "120/20 W every 7.3 ms": trials.WAVE}
LOOKS = {"every edge": 1.0, "a third of the edges": 0.35}
SEEDS = 30


def single_calls(wave: str, seen: float) -> list[float]:
    """Median relative error of a call of each length, at random times."""
    errors: list[list[float]] = [[] for _ in LENGTHS_S]
    for seed in range(SEEDS):
        rng = np.random.default_rng([seed, 1])
        beside = WAVES[wave](rng)
        nobody = trials.Thread(np.array([0.0, 2.0]), np.array([-1]))
        trial = trials.Trial([nobody], np.zeros(0), 70.0, beside, seen)
        true_s, stamped_s = trials.edges(rng, trial, 2.0)

        def used_j(time_s: np.ndarray, beside: trials.Curve = beside) -> np.ndarray:
            return 70.0 * time_s + beside(time_s)

        level_j = np.floor(used_j(true_s) / trials.GRAIN_J) * trials.GRAIN_J
        for number, length_s in enumerate(LENGTHS_S):
            begin_s = rng.uniform(0.1, 1.7, 40)
            ends_s = begin_s + length_s
            found = np.interp(ends_s, stamped_s, level_j) - np.interp(begin_s, stamped_s, level_j)
            errors[number] += np.abs(found / (used_j(ends_s) - used_j(begin_s)) - 1).tolist()
    return [float(np.median(some)) for some in errors]


def totals(wave: str, seen: float) -> tuple[list[float], list[float]]:
    """Median relative error of a label's total by its number of calls of 10 ms, and half the interval."""
    errors, widths = [], []
    for count in COUNTS:
        found, wide = [], []
        for seed in range(SEEDS):
            rng = np.random.default_rng([seed, 2])
            make = trials.one_thread(count * 15e-3, [0.0], WAVES[wave], lambda _: 10e-3, 5e-3, idle_w=70.0, seen=seen)
            trial, for_s = make(rng)
            intervals, truth_j = trials.observed(rng, trial, for_s)
            [share], _ = divide(intervals, np.array([0]), [np.array([0])])
            found.append(abs(share.guess_j / truth_j[0] - 1))
            wide.append((share.high_j - share.low_j) / 2 / truth_j[0])
        errors.append(float(np.median(found)))
        widths.append(float(np.median(wide)))
    return errors, widths


def draw() -> None:
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter

    plt.rcParams |= {
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "svg.fonttype": "none",
        "svg.hashsalt": "pycarbon",  # the same data give the same file
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 4.4), layout="constrained", sharey=True)
    for wave, colour in zip(WAVES, (BLUE, ORANGE), strict=True):
        for looks, line in zip(LOOKS, ("-", "--"), strict=True):
            left.plot(LENGTHS_S * 1e3, single_calls(wave, LOOKS[looks]), line, color=colour, label=f"{wave}, {looks}")
        errors, widths = totals(wave, LOOKS["a third of the edges"])
        right.plot(COUNTS, errors, "o--", color=colour, label=f"{wave}: error")
        right.plot(
            COUNTS, widths, "s:", color=colour, markerfacecolor="white", label=f"{wave}: stated, to either side"
        )
    left.set(xscale="log", yscale="log", ylim=(1e-6, 3), xlabel="length of a call", ylabel="median relative error")
    left.xaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g} ms" if ms >= 1 else f"{1e3 * ms:g} µs"))
    left.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    left.set_title("A single call", loc="left", color=INK)
    right.set(xscale="log", xlabel="calls of 10 ms, a third of the edges")
    right.xaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:g}"))
    right.set_title("The total of a label", loc="left", color=INK)
    for axes in (left, right):
        axes.grid(True, which="major", color="#e4e4e4", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.legend(frameon=False, fontsize=8.5)
    figure.savefig(TARGET, metadata={"Date": None})
    print(f"{TARGET} drawn")


if __name__ == "__main__":
    draw()
