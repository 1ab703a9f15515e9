"""Measures what closer sampling costs, and draws the curve of cost against the uncertainty of an edge.

    python bench/edge_curve.py                   # measure, write bench/results/edge_curve.json, draw
    python bench/edge_curve.py --redraw          # draw what lies there

Each way looks in its turn, several times; points are medians. The first half second of each turn is not counted: a
sampler begins by looking closely at whatever it can.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "tests" / "emulator"):
    sys.path.insert(0, str(folder))

import surroundings  # noqa: E402
from edge_ways import (  # noqa: E402
    PERIOD_US,
    WITHIN_US,
    Way,
    at_edges,
    at_rate,
    codecarbon,
    files_of,
    in_turn,
    middle,
    perf_stat,
)
from powercap_emulator import can_unshare  # noqa: E402

RESULTS = ROOT / "bench" / "results" / "edge_curve.json"
PICTURE = ROOT / "docs" / "pictures" / "edge_curve.svg"

BUDGETS_PERCENT = (0.3, 0.5, 1, 2, 3, 5, 10, 0)
RATES_HZ = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
SETTLE_S = 0.5

BLUE, ORANGE, GREY, INK = "#0072b2", "#d55e00", "#6b6b6b", "#222222"
"""Okabe and Ito's: told apart by the colour-blind, and by their markers in print."""


def measure(turns: int, seconds: float, folder: Path) -> dict[str, Any]:
    with surroundings.live_tree(period_us=PERIOD_US, zones=()) as tree:
        files = files_of(tree)
        ways: dict[str, Way] = {}
        for budget in BUDGETS_PERCENT:
            name = f"{budget:g} %" if budget else "no budget"
            ways[f"edges/{name}"] = partial(at_edges, [files], seconds, budget, SETTLE_S)
        for rate_hz in RATES_HZ:
            name = f"{rate_hz} Hz" if rate_hz < 1000 else f"{rate_hz // 1000} kHz"
            ways[f"fixed/{name}"] = partial(at_rate, files, seconds, rate_hz, SETTLE_S)
        if perf := shutil.which("perf"):
            ways["peers/perf stat -I 1"] = partial(perf_stat, perf, seconds, folder)
        programs, _ = surroundings.peers_environment()
        if programs is not None and can_unshare():
            environ = surroundings.environ_for(programs, folder)
            ways["peers/CodeCarbon, 1 ms"] = partial(codecarbon, programs, tree, seconds, folder, environ)
        seen = in_turn(ways, turns)
    return {
        "conditions": surroundings.conditions(),
        "emulator": {
            "period_us": PERIOD_US,
            "jitter_us": surroundings.JITTER_US,
            "late_p99_us": tree.report["lateness_p99_us"],
        },
        "turns": turns,
        "seconds": seconds,
        "ways": {
            way: {k: None if math.isnan(v) else v for k, v in vars(middle(s)).items()} for way, s in seen.items()
        },
    }


def draw(found: dict[str, Any], target: Path) -> None:
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
    figure, (above, below) = plt.subplots(
        2, 1, sharex=True, figsize=(8.4, 7.6), height_ratios=(3, 2), layout="constrained"
    )
    groups: dict[str, dict[str, dict[str, float]]] = {"edges": {}, "fixed": {}, "peers": {}}
    for way, values in found["ways"].items():
        group, name = way.split("/", 1)
        groups[group][name] = values

    looks = {
        "edges": (BLUE, "o", "pycarbon at edges, by CPU budget"),
        "fixed": (ORANGE, "s", "pycarbon at a fixed rate"),
        "peers": (GREY, "D", "others, at their highest rate"),
    }
    for group, (colour, marker, label) in looks.items():
        points = groups[group]
        if not points:
            continue
        cost = [100 * values["share"] for values in points.values()]
        line = "none" if group == "peers" else "-"
        p50, p95, within = (
            [values[figure] for values in points.values()] for figure in ("p50_us", "p95_us", "within")
        )
        above.plot(cost, p50, marker=marker, color=colour, linestyle=line, markersize=6, label=label)
        above.plot(
            cost, p95, marker=marker, color=colour, linestyle=":" if line == "-" else "none", markersize=5,
            markerfacecolor="white",
        )  # fmt: skip
        if group == "edges":
            per_s = 1e6 / found["emulator"]["period_us"]
            below.plot(cost, [share * per_s for share in within], marker=marker, color=colour, markersize=6)
    _name_points(above, below, groups, found["emulator"]["period_us"])

    above.set(xscale="log", yscale="log", ylim=(0.3, 20_000), ylabel="uncertainty of an edge that was looked at")
    above.yaxis.set_major_formatter(FuncFormatter(lambda us, _: f"{us / 1000:g} ms" if us >= 1000 else f"{us:g} µs"))
    above.set_title("What it costs to know when an energy counter changed", loc="left", fontsize=13, color=INK)
    handles, labels = above.get_legend_handles_labels()
    handles += [
        above.plot([], [], color=INK, marker="o", linestyle="-")[0],
        above.plot([], [], color=INK, marker="o", linestyle=":", markerfacecolor="white")[0],
    ]
    above.legend(handles, [*labels, "median", "95 % are better"], frameon=False, fontsize=9, ncols=2,
                 loc="upper right", bbox_to_anchor=(1.0, 1.0))  # fmt: skip
    below.axhline(1e6 / found["emulator"]["period_us"], color=GREY, linewidth=0.8, linestyle="--")
    below.text(0.115, 1e6 / found["emulator"]["period_us"] + 12, "all there are", color=GREY, fontsize=9, va="bottom")
    none = max(values["within"] for group in ("fixed", "peers") for values in groups[group].values()) < 0.001
    if none:
        below.text(90, 30, "every fixed rate, and the others: none", color=GREY, fontsize=9, ha="right")
    below.set(
        ylim=(0, 1150), xlim=(0.1, 100), ylabel=f"edges a second known\nwithin {WITHIN_US} µs",
        xlabel="CPU time, % of one core",
    )  # fmt: skip
    below.xaxis.set_major_formatter(FuncFormatter(lambda percent, _: f"{percent:g} %"))
    for axes in (above, below):
        axes.grid(True, which="major", color="#e4e4e4", linewidth=0.8)
        axes.set_axisbelow(True)
    emulator = found["emulator"]
    figure.supxlabel(
        f"one emulated counter, {emulator['period_us']} µs between changes, jitter {emulator['jitter_us']} µs; "
        f"{found['conditions'].split(', Linux')[0]}; medians of {found['turns']} turns of {found['seconds']:g} s",
        fontsize=8, color=GREY,
    )  # fmt: skip
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, metadata={"Date": None}, facecolor="white")
    plt.close(figure)


def _name_points(above: Any, below: Any, groups: dict[str, dict[str, dict[str, float]]], period_us: float) -> None:
    for name, values in groups["edges"].items():
        under = {"xytext": (0, -15), "textcoords": "offset points", "ha": "center", "fontsize": 8, "color": BLUE}
        right = {"xytext": (8, -3), "textcoords": "offset points", "ha": "left", "fontsize": 8, "color": BLUE}
        over = {"xytext": (-3, 7), "textcoords": "offset points", "ha": "right", "fontsize": 8, "color": BLUE}
        left = {**over, "xytext": (-8, -3)}
        last, steep = name == "no budget", values["within"] > 0.8
        above.annotate(name, (100 * values["share"], values["p50_us"]), **(right if last else under))
        below.annotate(name, (100 * values["share"], values["within"] * 1e6 / period_us),
                       **(right if last else left if steep else over))  # fmt: skip
    for name, values in groups["fixed"].items():
        place = {"xytext": (-8, -9), "textcoords": "offset points", "ha": "right", "fontsize": 8, "color": ORANGE}
        above.annotate(name, (100 * values["share"], values["p50_us"]), **place)
    for name, values in groups["peers"].items():
        place = {"xytext": (8, 2), "textcoords": "offset points", "ha": "left", "fontsize": 8, "color": GREY}
        above.annotate(name, (100 * values["share"], values["p95_us"]), **place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--redraw", action="store_true", help="measure nothing")
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    if not arguments.redraw:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(arguments.turns, arguments.seconds, Path(folder))
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw(json.loads(RESULTS.read_text(encoding="utf-8")), PICTURE)
    print(f"wrote {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
