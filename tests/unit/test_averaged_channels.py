"""Channels whose sensor averages, or is only so accurate: intervals hold the truth all the same."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pycarbon.energy import Timeline
from pycarbon.run import EDGE_DTYPE, Channel, Flag, RunData
from pycarbon.supply import Measured

MS = 1_000_000
MICRO = Fraction(1, 1_000_000)


def energy_j(power_w, time_ns):
    """True energy of powers of 100 ms each, from time 0 on."""
    level = np.concatenate([[0.0], np.cumsum(power_w) * 0.1])
    return np.interp(time_ns, np.arange(len(level)) * 100 * MS, level)


def integrated(power_w, start_ns, end_ns, every_ns, window_ns):
    """What integrating the mean over the window before gives, read every so often: the edges of a counter."""
    fine = np.arange(start_ns, end_ns, MS, dtype=float)
    mean_w = (energy_j(power_w, fine) - energy_j(power_w, fine - window_ns)) / window_ns * 1e9
    level_j = np.concatenate([[0.0], np.cumsum(mean_w) * 1e-3])
    seen = np.arange(start_ns, end_ns, every_ns)
    edges = np.zeros(len(seen), EDGE_DTYPE)
    edges["t_before_ns"], edges["t_seen_ns"] = np.concatenate([seen[:1], seen[:-1]]), seen
    edges["raw"] = np.rint(level_j[(seen - start_ns) // MS] * 1e6)
    edges["flags"][0] = Flag.FIRST
    return edges


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(20, 400), min_size=60, max_size=60),
    st.sampled_from([20, 50, 100]),
    st.sampled_from([100, 200, 1000]),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
)
def test_a_mean_over_the_time_before_bounds_what_was_used(power_w, every_ms, window_ms, first, second):
    # GIVEN a power that changes, seen as its mean over the time before, and integrated from one second on
    start_ns, end_ns = 1000 * MS, 6000 * MS
    edges = integrated(power_w, start_ns, end_ns, every_ms * MS, window_ms * MS)
    channel = Channel(0, "gpu-0", "nvml", "measured", "energy", MICRO, 0, True, 0.0, window_ms / 1000)
    timeline = Timeline(RunData({"start_ns": start_ns}, [channel], {0: edges}, {"end_ns": end_ns}), channel)
    # WHEN it is asked for any span of it
    span = np.sort([first, second]) * (end_ns - start_ns - 2 * window_ms * MS) + start_ns + window_ms * MS
    used = timeline.between(*span)
    # THEN the truth is in the interval, but for the millisecond of this test's own sums
    true_j = float(np.diff(energy_j(power_w, span))[0])
    assert used.low - 0.9 <= true_j <= used.high + 0.9


def test_the_best_estimate_is_not_late():
    # GIVEN 2 s of 50 W, then 300 W, seen as the mean over a second
    edges = integrated([50.0] * 20 + [300.0] * 60, 1000 * MS, 7000 * MS, 50 * MS, 1000 * MS)
    channel = Channel(0, "gpu-0", "nvml", "measured", "energy", MICRO, 0, True, 0.05, 1.0)
    run = RunData({"start_ns": 1000 * MS}, [channel], {0: edges}, {"end_ns": 7000 * MS})
    used = Timeline(run, channel).between(2500 * MS, 6000 * MS)
    assert abs(used.best - 3.5 * 300) < 0.01 * used.best


def test_a_sensors_accuracy_widens_every_interval():
    edges = integrated([100.0] * 60, 1000 * MS, 6000 * MS, 20 * MS, 20 * MS)
    exact = Channel(0, "gpu-0", "nvml", "measured", "energy", MICRO, 0, True)
    rough = Channel(0, "gpu-0", "nvml", "measured", "energy", MICRO, 0, True, accuracy=0.05)
    lines = [
        Timeline(RunData({"start_ns": 1000 * MS}, [one], {0: edges}, {"end_ns": 6000 * MS}), one)
        for one in (exact, rough)
    ]
    narrow, wide = (line.between(2000 * MS, 3000 * MS) for line in lines)
    assert wide.best == narrow.best
    assert np.isclose(wide.low, narrow.low / 1.05) and np.isclose(wide.high, narrow.high / 0.95)
    # AND a region's bounds likewise
    supply = Measured(None, rough, lines[1])
    low, _, high = supply.between(np.array([2000.0 * MS]), np.array([3000.0 * MS]))
    assert np.isclose(low[0], wide.low) and np.isclose(high[0], wide.high)


def test_channels_keep_what_their_sensor_is_like():
    for channel in (
        Channel(3, "gpu-0", "nvml", "measured", "energy", MICRO, 0, True, 0.05, 1.1),
        Channel(4, "gpu-0-power", "nvml", "measured", "power", Fraction(1, 1000), 0, False),
    ):
        assert Channel.from_dict(channel.to_dict()) == channel
    assert "accuracy" not in channel.to_dict()
