"""Launches as a ledger: no time is lost or made, whatever overlaps, and each launch is counted once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import kernel_ledger
from pycarbon.kernel_ledger import Launches, ledger_of

NAMES = ["gemm", "softmax", "gemm", "copy"]
END_NS = 100_000


def launches(rows) -> Launches:
    """(start, length, name) in any order."""
    start, length, name = np.array(sorted(rows), dtype=np.int64).reshape(-1, 3).T
    return Launches(start, start + length, name)


def covered_ns(some: Launches) -> int:
    """For how long anything ran, counted ns by ns."""
    busy = np.zeros(END_NS, bool)
    for start, end in zip(some.start_ns.tolist(), some.end_ns.tolist(), strict=True):
        busy[start:end] = True
    return int(busy.sum())


many = st.lists(st.tuples(st.integers(0, END_NS), st.integers(0, END_NS // 4), st.integers(0, 3)), max_size=40)


@given(many, st.lists(st.integers(-10, END_NS + 10), max_size=20), st.sampled_from([1, 7, 1 << 20]))
def test_time_is_conserved_and_launches_are_counted_once(rows, updates, at_a_time):
    # GIVEN launches that may overlap, cut to a span, and updates of a counter
    some = launches(rows).between(0, END_NS)
    kernel_ledger.AT_A_TIME, before = at_a_time, kernel_ledger.AT_A_TIME
    try:
        ledger = ledger_of(some, NAMES, np.sort(np.array(updates, dtype=np.float64)), 0, END_NS)
    finally:
        kernel_ledger.AT_A_TIME = before
    # THEN slices lie end to end, and in all of them things ran for as long as anything ran
    slices, found = ledger.slices, ledger.rows
    assert slices["start_ns"][0] == 0 and slices["end_ns"][-1] == END_NS
    assert (slices["start_ns"][1:] == slices["end_ns"][:-1]).all() and (slices["end_ns"] > slices["start_ns"]).all()
    assert abs(found["time_ns"].sum() - covered_ns(some)) <= len(found) + len(rows)
    assert found["calls"].sum() == len(some.name)
    # AND no slice has more in it than it lasted, nor is it called shared where little overlaps
    in_slice = np.bincount(found["slice"], found["time_ns"], len(slices))
    assert (in_slice <= slices["end_ns"] - slices["start_ns"] + len(rows) + 1).all()
    assert ((slices["threads"] > 0) == (np.bincount(found["slice"], minlength=len(slices)) > 0)).all()
    assert (np.diff(found["slice"].astype(np.int64)) >= 0).all()


def test_what_runs_at_once_shares_the_time():
    # GIVEN one launch of 3000 ns, in the middle of which another lasts 1000, and a third alone
    ledger = ledger_of(launches([(0, 3000, 0), (1000, 1000, 1), (5000, 500, 3)]), NAMES, np.array([4000.0]), 0, 8000)
    # THEN the two had half of that each, and only the first slice is shared
    assert ledger.labels == ["gemm", "softmax", "copy"]
    assert ledger.rows["time_ns"].tolist() == [2500, 500, 500]
    assert ledger.slices["threads"].tolist() == [2, 1]


def test_what_overlaps_by_a_rounding_follows_each_other():
    ledger = ledger_of(launches([(0, 5001, 0), (5000, 5000, 1)]), NAMES, np.array([]), 0, 10_000)
    assert ledger.slices["threads"].tolist() == [1]


def test_two_entries_of_one_name_are_one_label():
    ledger = ledger_of(launches([(0, 10, 0), (20, 10, 2)]), NAMES, np.array([]), 0, 100)
    assert ledger.labels == ["gemm"] and ledger.nodes["label"].tolist() == [0, 0]


def test_nothing_ran():
    ledger = ledger_of(launches([]), [], np.array([50.0]), 0, 100)
    assert len(ledger.slices) == 2 and len(ledger.rows) == 0 and ledger.slices["threads"].tolist() == [0, 0]
