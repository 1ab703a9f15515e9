"""A trace written back: joules of every launch, power meanwhile, and nothing where nothing is known."""

from __future__ import annotations

import dataclasses
import io
import json

import numpy as np
import pytest
from kernel_world import MS, POWERS_W, SECOND, WALL_NS, Card, alternating, recorded, shuffled

from pycarbon.kernel_figures import kernel_figures
from pycarbon.kernel_trace import launch_figures, power_tracks, write_trace

CARD = shuffled(4, 8)
RUN = recorded([CARD])


@pytest.mark.parametrize("clock", ["monotonic", "wall"])
def test_launches_of_a_name_have_its_energy_together(clock):
    timeline = CARD.timeline(clock=clock)
    found = kernel_figures(timeline, RUN)
    told = launch_figures(timeline, found)
    # THEN each launch has its part by time, and an interval around it
    for kernel in found.kernels:
        mine = timeline.spans["name"] == timeline.names.index(kernel.label)
        assert told.energy_j[mine].sum() == pytest.approx(kernel.energy_j)
        assert told.low_j[mine].sum() == pytest.approx(kernel.low_j)
        assert np.ptp(told.power_w[mine]) == 0 and told.resolved[mine].all()
    assert (told.low_j <= told.energy_j).all() and (told.energy_j <= told.high_j).all()
    assert set(told.kind.tolist()) == {"attributed"}


def test_what_is_not_known_has_no_energy():
    # GIVEN kernels that are not told apart, and a run that began after half of the trace
    card = alternating(5_000)
    run = recorded([card])
    middle_ns = (card.start_ns + card.end_ns) // 2
    late = dataclasses.replace(run.data, footer=run.data.footer | {"start_ns": middle_ns})
    timeline = card.timeline()
    told = launch_figures(timeline, kernel_figures(timeline, type(run)(late)))
    # THEN launches have bounds only in the run
    early = timeline.spans["end_ns"] < middle_ns
    assert np.isnan(told.energy_j).all() and not told.resolved.any()
    assert np.isnan(told.high_j[early]).all() and np.isfinite(told.high_j[~early]).all()


def test_power_is_that_of_the_counters_on_the_clock_of_the_trace():
    # GIVEN a card that works for two seconds, then rests for as long
    card = Card(power_w=POWERS_W)
    for _ in range(40):
        card.launch("gemm", 50 * MS)
    card.rest(2 * SECOND)
    card.launch("softmax", SECOND)
    found = kernel_figures(card.finish().timeline(clock="wall"), run := recorded([card]))
    (track,) = power_tracks(found, run)
    # THEN its power is seen from one update to the next
    since_s = (track.time_ns - WALL_NS) / 1e9
    assert track.name == "gpu-0 power" and len(track.time_ns) == len(track.power_w) > 80
    assert track.power_w[(since_s > 0.2) & (since_s < 1.8)] == pytest.approx(250, rel=0.05)
    assert track.power_w[(since_s > 2.2) & (since_s < 3.8)] == pytest.approx(60, rel=0.05)


def test_a_trace_that_no_file_had_is_written_anew():
    timeline, sink = CARD.timeline(), io.BytesIO()
    write_trace(None, sink, timeline, kernel_figures(timeline, RUN), RUN)
    events = json.loads(sink.getvalue())["traceEvents"]
    launches = [event for event in events if event["ph"] == "X"]
    assert len(launches) == len(CARD.launches) and all(event["args"]["energy_j"] > 0 for event in launches)
    assert {event["name"] for event in events if event["ph"] == "C"} == {"gpu-0 power"}
