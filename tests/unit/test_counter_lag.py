"""The lag of a counter behind kernels: found where they tell it, and none where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_world import MS, POWERS_W, Card, alternating, recorded, shuffled

from pycarbon.counter_lag import Lag, counter_lag
from pycarbon.energy import Timeline
from pycarbon.kernel_figures import kernel_figures
from pycarbon.kernel_ledger import Launches


def late(card: Card, lag_ns: int, seed: int = 0):
    """The run of a card whose counter shows everything later by a lag."""
    run = recorded([card], seed=seed)
    for name in ("t_before_ns", "t_seen_ns"):
        run.data.edges[0][name][1:] += lag_ns
    return run


def found(card: Card, lag_ns: int, seed: int = 0) -> Lag:
    spans = card.timeline().spans
    launches = Launches(spans["start_ns"], spans["end_ns"], spans["name"])
    data = late(card, lag_ns, seed).data
    return counter_lag(launches, Timeline(data, data.channels[0]), data.start_ns, data.end_ns)


@pytest.mark.parametrize("lag_ms", [-30, 12, 50, 180])
def test_a_lag_is_found(lag_ms):
    for seed in range(5):
        told = found(shuffled(seed, 10), lag_ms * MS, seed)
        assert abs(told.lag_ns - lag_ms * MS) <= told.error_ns + MS and told.error_ns < 10 * MS


def test_where_there_is_none_nothing_is_moved():
    assert {found(shuffled(seed, 8), 0, seed) for seed in range(10)} == {Lag()}


def test_what_nothing_tells_is_none():
    alone = Card(power_w=POWERS_W)
    alone.launch("gemm", 5000 * MS)
    for card in (alternating(50_000), alone.finish(), shuffled(0, 2), Card().finish()):
        assert found(card, 20 * MS) == Lag()


def test_figures_take_it_into_account_and_say_so():
    # GIVEN a counter that is 20 ms behind, as far as the clock of the trace tells
    held = []
    for seed in range(5):
        card = shuffled(seed, 10)
        told = kernel_figures(card.timeline(), late(card, 20 * MS, seed))
        held += [one.low_j <= card.true_of(one.label) <= one.high_j for one in told.kernels]
        assert told.gpus[0].lag.lag_ns == pytest.approx(20 * MS, abs=5 * MS)
        assert "the counter of gpu-0 is 2" in told.notes[0] or "the counter of gpu-0 is 1" in told.notes[0]
    # THEN the truth is in the intervals all the same
    assert np.mean(held) >= 0.9
