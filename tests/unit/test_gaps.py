"""Gaps are counted once, by their cause, and said in one line."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pycarbon.analysis import Run
from pycarbon.gaps import gaps
from pycarbon.run import EDGE_DTYPE, Channel, Flag, GapCause, RunData

SECOND = 1_000_000_000


def run_with(*found: tuple[int, int, int, int]) -> RunData:
    """A run of two channels of one sampler, which both carry its gaps: (from, until, asleep ns, cause)."""
    channels = [
        Channel(i, name, "powercap", "measured", "energy", Fraction(1, 10**6), 0, True)
        for i, name in enumerate(("package-0", "dram-0"))
    ]
    edges = {}
    for channel in channels:
        rows = [(0, 1, 5, channel.id, int(Flag.FIRST), 0)]
        rows += [(first, until, asleep, channel.id, int(Flag.GAP), cause) for first, until, asleep, cause in found]
        edges[channel.id] = np.array(rows, EDGE_DTYPE)
    return RunData({"start_ns": 0}, channels, edges, {"end_ns": 100 * SECOND}, True)


def test_a_gap_of_one_sampler_is_one_gap():
    (found,) = gaps(run_with((SECOND, 3 * SECOND, 0, GapCause.STARVED)))
    assert (found.cause, found.count, found.total_s, found.asleep_s) == (GapCause.STARVED, 1, 2.0, 0.0)


def test_causes_are_told_apart_and_times_added():
    found = gaps(
        run_with(
            (SECOND, 2 * SECOND, 0, GapCause.STARVED),
            (3 * SECOND, 5 * SECOND, 0, GapCause.STARVED),
            (6 * SECOND, 7 * SECOND, 0, GapCause.STALLED),
            (8 * SECOND, 8 * SECOND + 1, 3600 * SECOND, GapCause.SUSPENDED),
        )
    )
    assert [(g.cause.name, g.count, g.total_s, g.asleep_s) for g in found] == [
        ("STARVED", 2, 3.0, 0.0),
        ("STALLED", 1, 1.0, 0.0),
        ("SUSPENDED", 1, pytest.approx(1e-9), 3600.0),
    ]


def test_a_cause_of_a_later_version_is_not_known():
    (found,) = gaps(run_with((SECOND, 2 * SECOND, 0, 99)))
    assert found.cause is GapCause.UNKNOWN


@pytest.mark.parametrize(
    "cause, words",
    [
        (GapCause.UNKNOWN, "not known"),
        (GapCause.STARVED, "got no CPU"),
        (GapCause.STALLED, "stopped"),
        (GapCause.SUSPENDED, "suspended once, for 60 s in all"),
    ],
)
def test_the_run_says_why_in_a_note(cause, words):
    data = run_with((SECOND, 2 * SECOND, 60 * SECOND, cause))
    assert any(words in note for note in Run(data).notes)


def test_a_wall_clock_that_was_set_is_in_the_notes():
    data = run_with()
    data.events.append({"monotonic_ns": 5, "clock_step_ns": -3_600_000_000_000})
    assert "the wall clock was set back by 3.6e+03 s during the run" in Run(data).notes
