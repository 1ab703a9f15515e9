"""The icicle: no box is wider than the one above it, and of hostile trees the places that cost the most are drawn."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from region_world import as_run, training
from report_world import example
from test_reports import modelled, with_regions

from pycarbon.analysis import Run
from pycarbon.ledger import NODE_DTYPE, ROW_DTYPE, SLICE_DTYPE, Ledger
from pycarbon.reports.icicle import LONGEST_LABEL, MOST_BOXES, MOST_ROWS, icicle, name_of, told
from pycarbon.run import RunData


def of(run: Run) -> dict:
    return icicle(run.tree(), run.outside)


def many(count: int, deep: bool) -> RunData:
    """So many regions of the same cost, each in the one before it, or side by side."""
    run = modelled()
    second = 10**9
    nodes, slices, rows = np.zeros(count, NODE_DTYPE), np.zeros(1, SLICE_DTYPE), np.zeros(count, ROW_DTYPE)
    nodes["label"], nodes["parent"] = np.arange(count), np.arange(count) - 1 if deep else -1
    slices["start_ns"], slices["end_ns"] = run.start_ns, run.start_ns + 10 * second
    slices["channel"], slices["threads"] = 65535, 1
    rows["node"], rows["calls"] = np.arange(count), 1
    rows["time_ns"] = rows["cpu_ns"] = 10 * second // count
    run.ledger = Ledger([f"</title><b>{i}" for i in range(count)], nodes, slices, rows)
    return run


@pytest.mark.parametrize(
    "make", [example, with_regions, lambda: many(1000, True), lambda: many(300, False), lambda: _trained()]
)
def test_each_box_lies_within_the_one_above(make):
    found = of(Run(make()))
    json.dumps(found, allow_nan=False)
    assert 0 < len(found["boxes"]) <= MOST_BOXES and found["rows"] <= MOST_ROWS
    above = {-1: [(0.0, 1.0)]}
    for box in found["boxes"]:
        spans = above[box["row"] - 1]
        assert any(a - 1e-9 <= box["left"] and box["left"] + box["width"] <= b + 1e-9 for a, b in spans)
        above.setdefault(box["row"], []).append((box["left"], box["left"] + box["width"]))
    for spans in above.values():
        assert all(second[0] >= first[1] - 1e-9 for first, second in itertools.pairwise(spans))


def _trained() -> RunData:
    program = training()
    return as_run(program, {"package-0": program.world()})


def test_widths_are_energies_and_times_where_one_is_not_resolved():
    run = Run(example())
    boxes = {box["label"]: box for box in of(run)["boxes"]}
    regions = {region.label: region for region in run.regions}
    assert boxes["epoch"]["width"] == pytest.approx(regions["epoch"].share, rel=1e-6)
    assert boxes["epoch"]["by"] == "energy" and boxes["epoch"]["resolved"]
    # steps hold regions that are not resolved: there time says how wide
    assert {boxes[name]["by"] for name in ("forward", "backward", "optimise")} == {"time"}
    part = boxes["backward"]["width"] / boxes["forward"]["width"]
    assert part == pytest.approx(regions["backward"].time_s / regions["forward"].time_s)


def test_what_is_not_drawn_is_counted():
    deep, flat = of(Run(many(500, True))), of(Run(many(2000, False)))
    assert deep["deeper"] and deep["rows"] == MOST_ROWS and deep["left_out"] == 500 - len(deep["boxes"])
    assert flat["rows"] <= 1 and flat["left_out"] == 2000 - len(flat["boxes"])


def test_nothing_is_nothing():
    assert icicle([], None) == {"boxes": [], "rows": 0, "left_out": 0, "deeper": False}


def test_names_are_on_one_line_and_bounded():
    assert name_of("") == "(no name)"
    assert name_of("a\nb\x1b\u202e") == "a b??"
    assert len(name_of("x" * 5000)) == LONGEST_LABEL
    assert "not resolved" in told(next(one for one in Run(example()).regions if not one.resolved))
