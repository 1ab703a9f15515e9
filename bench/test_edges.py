"""How closely edges are seen and what that costs, beside fixed rates, `perf stat` and CodeCarbon, in turn."""

from __future__ import annotations

import math
import os
import shutil
from contextlib import ExitStack
from functools import partial
from operator import attrgetter
from typing import NamedTuple

import pytest
import surroundings
from edge_ways import PERIOD_US, Seen, at_edges, at_rate, codecarbon, files_of, in_turn, middle, perf_stat
from powercap_emulator import can_unshare
from ratios import Estimate, Report, median, table

TURNS = 6
BUDGET_PERCENT = 3.0
BUDGETED_S = 4.0
"""Long enough for the loan that a sampler begins with to be paid back, so that the cost is that of any longer run."""
SHORT_S = 1.5
PEERS_S = 2.0

ONE, TWO, FIVE = "1 counter", "2 counters", "5 counters"
DEFAULT, LIFTED = f"edges, {BUDGET_PERCENT:g} %", "edges, no budget"

HEAD = [
    "way",
    "counters",
    "closely seen a second, each",
    "uncertainty p50",
    "p95",
    "of all changes within 20 us",
    "missed looks",
    "of a core",
]


class Goal(NamedTuple):
    """A figure of one way, and what it is to be."""

    way: str
    name: str
    figure: str
    scale: float
    unit: str
    at_least: float = -math.inf
    at_most: float = math.inf

    def cells(self, found: Estimate) -> list[str]:
        low, value, high = (float(f"{self.scale * number:.3g}") for number in (found.low, found.value, found.high))
        met = self.at_least <= value <= self.at_most
        clear = (self.at_least <= low and high <= self.at_most) if met else not low <= self._bound <= high
        target = f"{'>=' if self.at_least > -math.inf else '<='} {self._bound:g}{self.unit}"
        verdict = ("met" if met else "missed") + ("" if clear else ", within the noise")
        return [self.way, self.name, found.show(self.scale) + self.unit, target, verdict]

    @property
    def _bound(self) -> float:
        return self.at_least if self.at_least > -math.inf else self.at_most


GOALS = [
    Goal(f"{DEFAULT}, {ONE}", "closely seen edges a second", "per_s", 1, "", at_least=250),
    Goal(f"{DEFAULT}, {ONE}", "their uncertainty, p50", "p50_us", 1, " us", at_most=3),
    Goal(f"{DEFAULT}, {ONE}", "their uncertainty, p95", "p95_us", 1, " us", at_most=20),
    Goal(f"{DEFAULT}, {ONE}", "cost", "share", 100, " % of a core", at_most=BUDGET_PERCENT),
    Goal(f"{LIFTED}, {ONE}", "of all edges within 20 us", "within", 100, " %", at_least=95),
]


def _row(name: str, counters: str, found: Seen) -> list[str]:
    return [
        name,
        counters,
        f"{found.per_s:.0f}",
        f"{found.p50_us:.3g} us",
        f"{found.p95_us:.3g} us",
        f"{100 * found.within:.3g} %",
        "" if math.isnan(found.missed) else f"{100 * found.missed:.2g} %",
        f"{100 * found.share:.3g} %",
    ]


def test_edges_beside_other_ways(benchmark, report: Report, tmp_path):
    with ExitStack() as stack:
        one = stack.enter_context(surroundings.live_tree(period_us=PERIOD_US, zones=()))
        ways = {
            (DEFAULT, ONE): partial(at_edges, [files_of(one)], BUDGETED_S, BUDGET_PERCENT),
            (LIFTED, ONE): partial(at_edges, [files_of(one)], SHORT_S, 0),
            ("fixed 1 kHz", ONE): partial(at_rate, files_of(one), SHORT_S, 1e3),
            ("fixed 10 kHz", ONE): partial(at_rate, files_of(one), SHORT_S, 1e4),
        }
        if perf := shutil.which("perf"):
            ways["perf stat -I 1", "1 event"] = partial(perf_stat, perf, PEERS_S, tmp_path)
        else:
            report.remarks.append("no perf here: its line is missing")
        programs, why_not = surroundings.peers_environment()
        if programs is not None and can_unshare():
            environ = surroundings.environ_for(programs, tmp_path)
            ways["CodeCarbon every 1 ms", ONE] = partial(codecarbon, programs, one, PEERS_S, tmp_path, environ)
        else:
            report.remarks.append(f"no CodeCarbon here: {why_not or 'no mount namespace can be made'}")
        seen = benchmark.pedantic(in_turn, args=(ways, TURNS), rounds=1)
    _add(benchmark, report, seen, one.report)
    rows = []
    for goal in GOALS:
        way, counters = goal.way.rsplit(", ", 1)
        found = median([attrgetter(goal.figure)(each) for each in seen[way, counters]])
        rows.append(goal.cells(found))
        benchmark.extra_info[f"{goal.way}: {goal.name}"] = {
            "value": goal.scale * found.value, "low": goal.scale * found.low, "high": goal.scale * found.high,
        }  # fmt: skip
    report.remarks += ["", *table(["way", "figure", "median (95 %)", "target", "verdict"], rows)]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU only: the emulator needs one of its own")
def test_edges_of_several_counters(benchmark, report: Report):
    with surroundings.live_tree(period_us=PERIOD_US, packages=2, zones=("dram", "psys")) as five:
        files = files_of(five)
        packages = [[f for f in files if f.parent.name.startswith(f"intel-rapl:{i}")] for i in range(2)]
        packages[0] += [file for file in files if file not in packages[0] + packages[1]]
        ways = {
            (DEFAULT, TWO): partial(at_edges, [packages[1]], BUDGETED_S, BUDGET_PERCENT),
            (DEFAULT, FIVE): partial(at_edges, [files], BUDGETED_S, BUDGET_PERCENT),
            (f"{DEFAULT}, a thread for each package", FIVE): partial(at_edges, packages, BUDGETED_S, BUDGET_PERCENT),
            (LIFTED, FIVE): partial(at_edges, [files], SHORT_S, 0),
            ("fixed 1 kHz", FIVE): partial(at_rate, files, SHORT_S, 1e3),
        }
        seen = benchmark.pedantic(in_turn, args=(ways, TURNS), rounds=1)
    _add(benchmark, report, seen, five.report)


def _add(benchmark, report: Report, seen: dict[tuple[str, str], list[Seen]], emulator: dict[str, float]) -> None:
    middles = {way: middle(each) for way, each in seen.items()}
    report.remarks += ["", *table(HEAD, [_row(*way, found) for way, found in middles.items()])]
    report.remarks += [
        f"medians of {TURNS} turns; emulator late by {emulator['lateness_p99_us']:g} us in 99 % of its updates, at "
        f"most {emulator['lateness_max_us']:g} us, {emulator['skipped']} skipped of {emulator['updates']}"
    ]
    for (way, counters), found in middles.items():
        benchmark.extra_info[f"{way}, {counters}"] = vars(found)
