"""Single calls: pairs of marks as a plain stack finds them, with what the counters say of each."""

from __future__ import annotations

import numpy as np
import pytest
from counter_simulator import MILLISECOND
from hypothesis import given
from hypothesis import strategies as st
from region_world import Program, as_run, training

from pycarbon.analysis import Run
from pycarbon.calls import calls
from pycarbon.errors import PyCarbonError
from pycarbon.ledger import ENTER, LEAVE, MARK_DTYPE, NODE_DTYPE, RESUME, Ledger
from pycarbon.run import Flag


def ledger_of(marks, nodes=3) -> Ledger:
    places = [(-1, i) for i in range(nodes)]
    return Ledger([str(i) for i in range(nodes)], np.array(places, NODE_DTYPE), marks=np.array(marks, MARK_DTYPE))


def by_stack(marks, label) -> list[tuple[int, int, int]]:
    """The plain way: for each thread a stack."""
    found, stacks = [], {}
    for time_ns, node, thread, kind in marks:
        stack = stacks.setdefault(thread, [])
        if kind == ENTER:
            stack.append((time_ns, node))
        elif stack:
            start_ns, node = stack.pop()
            if node == label:
                found.append((start_ns, time_ns, thread))
    return sorted(found)


@st.composite
def nested_marks(draw):
    """Marks of up to three threads, mixed; each nests, and some regions are never left."""
    stacks, marks, now = {}, [], 0
    for _ in range(draw(st.integers(0, 40))):
        now += draw(st.integers(1, 5))
        thread = draw(st.sampled_from([0, 1, 7]))
        stack = stacks.setdefault(thread, [])
        if stack and draw(st.booleans()):
            marks.append((now, stack.pop(), thread, LEAVE))
        else:
            stack.append(draw(st.integers(0, 2)))
            marks.append((now, stack[-1], thread, ENTER))
    return marks


@given(nested_marks(), st.integers(0, 2))
def test_calls_are_those_a_stack_finds(marks, label):
    found = calls(ledger_of(marks), label, [])
    assert sorted((int(c["start_ns"]), int(c["end_ns"]), int(c["thread"])) for c in found) == by_stack(marks, label)
    assert (np.diff(found["start_ns"]) >= 0).all() and np.isnan(found["energy_j"]).all()


def test_a_call_that_waited_is_one():
    # GIVEN a generator that gave way twice, one never finished, and one begun in a thread nobody saw it enter
    marks = [
        *[
            (1, 0, 0, ENTER),
            (2, 0, 0, LEAVE),
            (5, 0, 0, RESUME),
            (6, 0, 0, LEAVE),
            (9, 0, 0, RESUME),
            (10, 0, 0, LEAVE),
        ],
        *[(11, 0, 0, ENTER), (12, 0, 0, LEAVE), (13, 0, 0, RESUME)],
        *[(3, 0, 1, RESUME), (4, 0, 1, LEAVE)],
    ]
    # THEN the first is one call, and the others are left out
    found = calls(ledger_of(marks), 0, [])
    assert found[["start_ns", "end_ns", "thread"]].tolist() == [(1, 10, 0)]


def test_threads_that_share_a_number_have_no_calls():
    marks = [(1, 0, 65535, ENTER), (2, 0, 65535, ENTER), (3, 0, 65535, LEAVE), (4, 0, 65535, LEAVE)]
    assert len(calls(ledger_of(marks), 0, [])) == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), max_size=30))
def test_marks_of_any_order_raise_nothing(marks):
    found = calls(ledger_of(marks), 1, [])
    assert (found["end_ns"] >= found["start_ns"]).all()


def test_a_call_used_what_the_counters_say():
    # GIVEN calls of 10 ms at known power
    program = Program()
    for _ in range(30):
        program.work(3_300_000, 20.0)
        program.call("step", 10 * MILLISECOND, 70.0)
    data = as_run(program, {"package-0": program.world(), "dram-0": program.world(4.0, seed=9)})
    run = Run(data)
    # WHEN they are asked for
    found = run.calls("step")
    # THEN each is there, within its bounds, as it is between two times of each channel
    assert len(found) == 30
    truth = 10e-3 * 74
    assert (found["low_j"] <= truth).all() and (found["high_j"] >= truth).all()
    assert np.median(np.abs(found["energy_j"] / truth - 1)) < 0.05
    one = [supply.timeline.between(int(found["start_ns"][3]), int(found["end_ns"][3])) for supply in run.supplies]
    assert found["energy_j"][3] == pytest.approx(sum(r.best for r in one))
    assert found["low_j"][3] == pytest.approx(sum(r.low for r in one))
    assert found["high_j"][3] == pytest.approx(sum(r.high for r in one))


@pytest.mark.parametrize("range_raw", [0, 2**40])
def test_bounds_are_those_of_the_timeline_everywhere(range_raw):
    # GIVEN a counter that began anew in the middle, was looked at late, and has a range
    program = training(2, 10)
    data = as_run(program, {"package-0": program.world()})
    edges = data.edges[0]
    edges["raw"][200:] -= edges["raw"][200]
    edges["flags"][200] |= Flag.RESET
    data.edges[0] = np.concatenate([edges[4:100], edges[150:]])
    data.channels = [type(data.channels[0])(**(data.channels[0].to_dict() | {"range_raw": range_raw, "unit": 1e-6}))]
    run = Run(data)
    (source,) = run.supplies
    times = np.linspace(data.start_ns, data.end_ns, 61)
    # THEN any span has the bounds it has alone
    starts, ends = times[np.triu_indices(61, 1)[0]], times[np.triu_indices(61, 1)[1]]
    low, best, high = source.between(starts, ends)
    for i in range(0, len(starts), 7):
        alone = source.timeline.between(starts[i], ends[i])
        assert (low[i], best[i], high[i]) == pytest.approx((alone.low, alone.best, alone.high))


def test_a_label_that_is_not_there_is_named_beside_those_that_are():
    program = training(1, 1)
    run = Run(as_run(program, {"package-0": program.world()}))
    names = r"'epoch', 'load', 'step', 'forward', 'backward'$"
    with pytest.raises(PyCarbonError, match=r"no region 'stepp'; it has " + names):
        run.calls("stepp")
    run.data.ledger = ledger_of([], nodes=50)
    with pytest.raises(PyCarbonError, match=r"'19' and 30 more$"):
        run.calls("stepp")
    run.data.ledger = None
    with pytest.raises(PyCarbonError, match=r"it has none$"):
        run.calls("stepp")
