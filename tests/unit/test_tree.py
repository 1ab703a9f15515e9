"""The tree of regions as lines, to the letter; `python tests/unit/test_tree.py` writes them anew, for review."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.regions import TreeNode
from pycarbon.reports.tree import MOST_LINES, lines
from pycarbon.totals import Region

GOLDEN = Path(__file__).parents[1] / "golden"
MIXES = "labels alternate faster than package-0 is updated (every 1 ms): shuffle blocks of 5 ms or more"
FEW = "needs about 400 more calls"


def region(label: str, calls: int, time_s: float, energy_j: float, spread: float = 0.01, **more) -> Region:
    """A region's figures, with an interval of so much of them either way."""
    low_j, high_j = energy_j * (1 - spread), energy_j * (1 + spread)
    each = (energy_j / calls, low_j / calls, high_j / calls) if calls else (None, None, None)
    made = Region(
        *(label, calls, time_s, energy_j, low_j, high_j, *each, energy_j * 1.3e-4, "measured", "fit", True, ""),
        *(time_s, energy_j, min(energy_j / 1500, 1.0)),
    )
    return dataclasses.replace(made, **more)


def unresolved(label: str, calls: int, time_s: float, remedy: str) -> Region:
    made = region(label, calls, time_s, 1.0, 1.0)
    return dataclasses.replace(made, energy_j=None, energy_per_call_j=None, share=None, resolved=False, remedy=remedy)


def training(kind: str = "measured") -> list[TreeNode]:
    node = TreeNode
    step = [
        node(region("backward", 12_000, 401.3, 830.2, kind=kind)),
        node(region("forward", 12_000, 207.9, 412.0)),
        node(unresolved("zero_grad", 12_000, 1.29, MIXES)),
        node(unresolved("clip \x1b[2Jgradients\n", 12_000, 0.79, MIXES)),
    ]
    epoch = [
        node(region("step", 12_000, 640.4, 1280.3, 0.002), tuple(step)),
        node(region("数据加载 and augmentation of images, on the CPU", 960, 61.7, 70.1, 0.08)),
        node(unresolved("checkpoint", 3, 0.0123, FEW)),
    ]
    return [node(region("epoch", 3, 720.1, 1390.0, 0.0001), tuple(epoch)), node(region("", 36_500_000, 9.9, 12.6))]


def of_many() -> list[TreeNode]:
    """More places than there is room for: the tenth costs the most, and what is in it more than the last of all."""
    inner = tuple(TreeNode(region(f"inner {i}", 1, 1.0, 90.0 - i)) for i in range(3))
    return [TreeNode(region("tenth", 1, 10.0, 300.0), inner)] + [
        TreeNode(region(f"region {i}", 1, 1.0, 100.0 - 3 * i)) for i in range(31)
    ]


OUTSIDE = region("(outside)", 0, 31.2, 97.4, 0.03)
TREES = {
    "100": (training(), 100, "…"),
    "80": (training(), 80, "…"),
    "60-ascii": (training(), 60, "..."),
    "132-attributed": (training("attributed"), 132, "…"),
    "many": (of_many(), 80, "…"),
}


def laid_out(name: str) -> str:
    roots, width, more = TREES[name]
    return "".join(line.text + "\n" for line in lines(roots, OUTSIDE, width, more))


@pytest.mark.parametrize("name", TREES)
def test_the_tree_is_as_reviewed(name):
    assert laid_out(name) == (GOLDEN / f"tree-{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [60, 61, 75, 76, 80, 91, 92, 100, 132])
@pytest.mark.parametrize("roots", [training(), training("attributed"), of_many()])
def test_lines_fit_the_terminal(roots, width):
    for line in lines(roots, OUTSIDE, width):
        assert len(line.text) <= width and line.text == line.text.rstrip() and line.text.isprintable()


def test_of_many_places_those_that_cost_the_most_are_shown_with_what_they_are_in():
    text = [line.text.strip().split("  ")[0] for line in lines(of_many(), OUTSIDE, 80)]
    places = text[1:-2]
    assert len(places) == MOST_LINES
    assert places[0] == "tenth" and places[1:4] == ["inner 0", "inner 1", "inner 2"]
    assert text[-2:] == ["… and 10 more", "(outside regions)"]


def test_a_tree_of_any_depth_is_laid_out():
    # GIVEN a thousand regions, each within the one before
    node = TreeNode(region("innermost", 1, 1.0, 1.0))
    for depth in range(1000):
        node = TreeNode(region(f"level {depth}", 1, 1.0, 1.0 + depth), (node,))
    found = [line.text for line in lines([node], OUTSIDE, 80)]
    assert len(found) == MOST_LINES + 3 and found[-2] == " … and 976 more"
    assert all(len(text) <= 80 for text in found)


amounts = st.floats(0, 1e15, allow_subnormal=False)


@given(
    st.text(st.characters(codec=None), max_size=40),
    st.integers(0, 2**60),
    st.floats(0, 1e11),
    amounts,
    st.floats(0, 1),
)
def test_any_figures_fit(label, calls, time_s, energy_j, spread):
    for width in (60, 80, 100):
        for line in lines([TreeNode(region(label, calls, time_s, energy_j, spread))], OUTSIDE, width):
            assert len(line.text) <= width and line.text.isprintable()


if __name__ == "__main__":
    for tree in TREES:
        (GOLDEN / f"tree-{tree}.txt").write_text(laid_out(tree), encoding="utf-8")
