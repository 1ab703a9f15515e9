"""A trace on a run's clock: how well, which part of it, and what is refused."""

from __future__ import annotations

import dataclasses

import pytest
from kernel_world import MS, POWERS_W, SECOND, START_NS, Card, anchor, recorded

from pycarbon.alignment import align
from pycarbon.errors import PyCarbonError


def card(seconds: int = 2) -> Card:
    some = Card(power_w=POWERS_W)
    for _ in range(seconds):
        some.launch("gemm", SECOND - MS)
        some.rest(MS)
    return some.finish()


RUN = recorded([card(10)])


def moved(by_ns: int, clock: str = "monotonic", **more):
    timeline = card().timeline(clock=clock, **more)
    timeline.spans["start_ns"] += by_ns
    timeline.spans["end_ns"] += by_ns
    return timeline


def test_a_trace_on_the_runs_own_clock():
    found = align(moved(SECOND, error_ns=250), RUN.data)
    assert (found.first_ns, found.last_ns) == (START_NS + SECOND, START_NS + 3 * SECOND - MS)
    assert found.how == "on the run's own clock, within 250 ns" and found.notes == []


def test_a_trace_by_the_time_of_day():
    # GIVEN a wall clock that went 20 us faster than CLOCK_MONOTONIC over the run
    data = RUN.data
    data = dataclasses.replace(data, footer=data.footer | {"anchor": anchor(data.end_ns, 20_000)})
    # THEN the offset is interpolated, and all of the slew is in the error
    found = align(moved(5 * SECOND + 10_000, "wall", error_ns=1_000), data)
    assert abs(found.first_ns - START_NS - 5 * SECOND) <= 20
    assert found.error_ns == 500 + 20_000 + 1_000 and found.how == "aligned by the wall clock, within 21.5 µs"
    assert abs(int(found.there_ns(found.here_ns(data.start_ns + 12345)) - data.start_ns - 12345)) <= 1


def test_a_run_that_was_cut_off_has_one_anchor():
    data = dataclasses.replace(RUN.data, footer={"end_ns": RUN.data.end_ns}, complete=False)
    assert align(moved(SECOND, "wall"), data).error_ns == 500 + 5 * MS


def test_a_clock_that_was_set_is_not_trusted():
    step = anchor(START_NS + 4 * SECOND, 3 * SECOND) | {"clock_step_ns": 3 * SECOND}
    last = anchor(RUN.data.end_ns, 3 * SECOND)
    data = dataclasses.replace(RUN.data, events=[step], footer=RUN.data.footer | {"anchor": last})
    found = align(moved(5 * SECOND, "wall"), data)
    assert found.error_ns >= 3 * SECOND and found.notes[0].startswith(
        "the wall clock was set by 3.00 s while the run"
    )
    # AND a trace from before it was set, which lies before all of the run now, is told why
    with pytest.raises(
        PyCarbonError, match=r"before the run begins \(by 1.00 ms\): the wall clock was set by 3.00 s"
    ):
        align(moved(SECOND, "wall"), data)


@pytest.mark.parametrize("clock", ["monotonic", "wall"])
def test_what_lies_partly_in_the_run_is_said(clock):
    early, late = align(moved(-SECOND, clock), RUN.data), align(moved(9 * SECOND - 2 * MS, clock), RUN.data)
    assert early.start_ns == START_NS and late.end_ns == RUN.data.end_ns
    assert early.notes[0].startswith("50 % of the trace lies in the run") and "begins 1.00 s before" in early.notes[0]
    assert "ends 997 ms after it" in late.notes[0] and "begins" not in late.notes[0]


@pytest.mark.parametrize(
    ("by_ns", "reason"),
    [
        (-3 * 3600 * SECOND, "the trace ends before the run begins (by 2 h 59 min): it is not of this run"),
        (3 * 3600 * SECOND, "the trace begins after the run ends (by 2 h 59 min): it is not of this run"),
    ],
)
@pytest.mark.parametrize("clock", ["monotonic", "wall"])
def test_another_time_is_refused(by_ns, reason, clock):
    with pytest.raises(PyCarbonError) as error:
        align(moved(by_ns, clock), RUN.data)
    assert str(error.value).replace("3 h 00 min", "2 h 59 min") == reason


def test_nothing_to_align_is_refused():
    empty = moved(0)
    with pytest.raises(PyCarbonError, match="holds no kernel"):
        align(dataclasses.replace(empty, spans=empty.spans[:0]), RUN.data)
    bare = {name: value for name, value in RUN.data.meta.items() if name != "anchor"}
    for meta in (bare, bare | {"started_at": "2026-01-01T00:00:00Z"}):
        with pytest.raises(PyCarbonError, match="time of day"):
            align(moved(0, "wall"), dataclasses.replace(RUN.data, meta=meta, footer={"end_ns": RUN.data.end_ns}))
