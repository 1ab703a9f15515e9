"""Energy per kernel: nothing lost, the truth within the intervals, idle power apart, and no guess."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_world import MS, POWERS_W, SECOND, START_NS, UUID, Card, alternating, recorded, shuffled

from pycarbon.errors import PyCarbonError
from pycarbon.kernel_figures import ALONE, NO_IDLE_TIME, TOO_SHORT, kernel_figures, own_timeline
from pycarbon.kernel_timeline import Device, KernelTimeline

SHUFFLED = shuffled()
RUN = recorded([SHUFFLED])
FOUND = kernel_figures(SHUFFLED.timeline(), RUN)


def by_label(found):
    return {kernel.label: kernel for kernel in found.kernels}


def test_kernels_of_known_power():
    # GIVEN kernels in random order, longer and shorter than the counter's period
    # THEN each one's energy is that of its power and of the idle card
    for label, kernel in by_label(FOUND).items():
        true_j = SHUFFLED.true_of(label)
        assert kernel.resolved and kernel.energy_j == pytest.approx(true_j, rel=0.02)
        assert kernel.low_j <= true_j <= kernel.high_j and kernel.kind == "measured" and kernel.method == "fit"
        assert kernel.power_w(kernel.energy_j) == pytest.approx(POWERS_W[label] + 60, rel=0.02)
        assert kernel.launches == sum(one[2] == label for one in SHUFFLED.launches)
        assert kernel.time_s == pytest.approx(sum(one[1] for one in SHUFFLED.launches if one[2] == label) / 1e9)
        assert kernel.own_s == pytest.approx(kernel.time_s, abs=1e-6) and kernel.device == "gpu-0"


def test_idle_power_is_told_apart():
    (gpu,) = FOUND.gpus
    assert gpu.static_w.low <= 60 <= gpu.static_w.high and gpu.static_w.high < 1.05 * gpu.static_w.low
    for label, kernel in by_label(FOUND).items():
        above = kernel.above_idle_j
        assert above.low <= kernel.time_s * POWERS_W[label] <= above.high
        assert above.best < kernel.energy_j - 59 * kernel.time_s


def test_without_idle_time_nobody_knows_the_static_power():
    card = Card(power_w=POWERS_W)
    for name in np.random.default_rng(0).choice(list(POWERS_W), 300).tolist():
        card.launch(name, 50 * MS)
    (gpu,) = kernel_figures(card.finish().timeline(), recorded([card])).gpus
    assert gpu.static_w is None and gpu.no_static == NO_IDLE_TIME
    assert all(kernel.above_idle_j is None and kernel.resolved for kernel in gpu.kernels)


def test_kernels_that_alternate_faster_than_the_counter_are_not_told_apart():
    card = alternating(50_000)
    found = kernel_figures(card.timeline(), recorded([card]))
    for kernel in found.kernels:
        assert not kernel.resolved and kernel.energy_j is None and kernel.remedy.endswith(ALONE)
        assert kernel.low_j <= card.true_of(kernel.label) <= kernel.high_j


def test_pauses_too_short_to_tell_the_idle_power():
    card = Card(power_w=POWERS_W)
    for _ in range(3000):
        card.launch("gemm", 3 * MS)
        card.rest(MS)
    (gpu,) = kernel_figures(card.finish().timeline(), recorded([card])).gpus
    assert gpu.static_w is None and gpu.no_static.endswith(TOO_SHORT) and gpu.idle.energy_j is None


def test_few_launches_say_how_many_it_takes():
    card = Card(power_w=POWERS_W)
    for _ in range(3):
        card.launch("gemm", 30 * MS)
        card.rest(100 * MS)
    (kernel,) = kernel_figures(card.finish().timeline(), recorded([card])).kernels
    assert not kernel.resolved and "launch" in kernel.remedy and "call" not in kernel.remedy


@settings(max_examples=20)
@given(
    st.integers(0, 10**6), st.sampled_from([20, 50, 100]), st.integers(1, 80), st.booleans(), st.integers(0, 3 * MS)
)
def test_energies_add_up_whatever_ran(seed, period_ms, longest_ms, at_once, error_ns):
    # GIVEN launches of any length, on two streams or one
    rng, card = np.random.default_rng(seed), Card(power_w=POWERS_W)
    for _ in range(int(rng.integers(1, 150))):
        card.launch(str(rng.choice(list(POWERS_W))), int(rng.integers(1, longest_ms * MS)))
        card.now_ns += int(rng.integers(-card.launches[-1][1] if at_once else 0, 20 * MS))
    card.now_ns = max(start + length for start, length, _, _ in card.launches) + 3 * period_ms * MS
    timeline = card.finish().timeline(error_ns=error_ns)
    run = recorded([card], period_ms * MS, seed=seed)
    try:
        found = kernel_figures(timeline, run)
    except PyCarbonError as error:
        assert "did not tell" in str(error)
        return
    # THEN all of the channel's energy went to a kernel or to nobody, and time likewise
    (gpu,) = found.gpus
    lasted_s = (found.alignment.end_ns - found.alignment.start_ns) / 1e9
    assert sum(kernel.own_s for kernel in gpu.kernels) + gpu.idle.time_s == pytest.approx(lasted_s, abs=1e-5)
    low_j = sum(kernel.low_j for kernel in gpu.kernels) + gpu.idle.low_j
    high_j = sum(kernel.high_j for kernel in gpu.kernels) + gpu.idle.high_j
    assert low_j <= gpu.used.energy_j * (1 + 1e-9) and gpu.used.energy_j <= high_j * (1 + 1e-9)
    if all(part.resolved for part in (*gpu.kernels, gpu.idle)):
        told_j = sum(kernel.energy_j for kernel in gpu.kernels) + gpu.idle.energy_j
        assert told_j == pytest.approx(gpu.used.energy_j, rel=1e-6)


def test_intervals_hold_the_truth():
    # GIVEN thirty runs on counters of several periods
    held = []
    for seed in range(30):
        card = shuffled(seed, 6)
        found = kernel_figures(card.timeline(), recorded([card], (20, 50, 100)[seed % 3] * MS, seed=seed))
        held += [one.low_j <= card.true_of(one.label) <= one.high_j for one in found.kernels]
        (gpu,) = found.gpus
        held.append(gpu.idle.low_j <= gpu.idle.time_s * 60 <= gpu.idle.high_j)
    # THEN about 95 % of the intervals, or more, hold it
    assert len(held) == 120 and np.mean(held) >= 0.93


def test_what_runs_at_once_shares_and_says_so():
    rng, card = np.random.default_rng(0), Card(power_w=POWERS_W)
    while card.now_ns < START_NS + 20 * SECOND:
        card.launch("gemm", int(rng.integers(MS, 40 * MS)))
        card.now_ns -= int(rng.integers(0, MS))
        card.launch("copy HtoD", int(rng.integers(MS, 40 * MS)), stream=8)
        card.rest(int(rng.integers(0, 40 * MS)))
    found = kernel_figures(card.finish().timeline(), recorded([card]))
    for label, kernel in by_label(found).items():
        assert kernel.kind == "attributed" and kernel.energy_j == pytest.approx(card.true_of(label), rel=0.06)
        assert kernel.own_s < kernel.time_s


def test_a_clock_that_is_off_widens_the_intervals():
    # GIVEN a trace that may be off by a part of the counter's period, or by several of them
    def width(error_ns):
        kernel = by_label(kernel_figures(SHUFFLED.timeline(error_ns=error_ns), RUN))["gemm"]
        return kernel.high_j - kernel.low_j

    assert width(0) < width(3 * MS) < width(200 * MS)


def test_a_trace_by_the_time_of_day_gives_the_same():
    found = kernel_figures(SHUFFLED.timeline(clock="wall"), RUN)
    for kernel, other in zip(found.kernels, FOUND.kernels, strict=True):
        assert kernel.energy_j == pytest.approx(other.energy_j, rel=1e-3)


def test_two_gpus_have_their_own_figures():
    # GIVEN two cards in one trace, its devices the other way round
    card = shuffled(3)
    one, two = SHUFFLED.timeline(1), card.timeline(0)
    two.spans["name"] += len(one.names)
    spans = np.sort(np.concatenate([one.spans, two.spans]), order="start_ns", kind="stable")
    devices = {1: Device(uuid=UUID), 0: Device(uuid=UUID.replace("1", "9"))}
    timeline = KernelTimeline([*one.names, *two.names], spans, "monotonic", 0, "both", devices)
    run = recorded([SHUFFLED, card])
    for found in (kernel_figures(timeline, run), kernel_figures(timeline, run, ["gpu-1"])):
        wanted = {"gpu-0": SHUFFLED, "gpu-1": card} if len(found.gpus) == 2 else {"gpu-1": card}
        # THEN each has its kernels' energies
        assert {gpu.gpu.domain for gpu in found.gpus} == set(wanted) and found.notes == ()
        for kernel in found.kernels:
            true_j = wanted[kernel.device].true_of(kernel.label)
            assert kernel.energy_j == pytest.approx(true_j, rel=0.02)
    assert len(found.kernels) == 3


def test_a_part_of_a_trace():
    # GIVEN a run that began in the middle of what was traced
    middle_ns = START_NS + 10 * SECOND
    data = dataclasses.replace(RUN.data, footer=RUN.data.footer | {"start_ns": middle_ns})
    found = kernel_figures(SHUFFLED.timeline(), type(RUN)(data))
    # THEN figures are of the rest
    assert found.alignment.start_ns == middle_ns and "50 % of the trace lies in the run" in found.notes[0]
    for label, kernel in by_label(found).items():
        late = [(start, length) for start, length, name, _ in SHUFFLED.launches if name == label]
        run_s = sum(max(start + length - max(start, middle_ns), 0) for start, length in late) / 1e9
        assert kernel.energy_j == pytest.approx(run_s * (60 + POWERS_W[label]), rel=0.03)


def test_a_counter_that_told_nothing_is_said():
    data = dataclasses.replace(RUN.data, edges={0: RUN.data.edges[0][:1]})
    with pytest.raises(PyCarbonError, match="the counter of gpu-0 did not tell its energy"):
        kernel_figures(SHUFFLED.timeline(), type(RUN)(data))


def test_a_run_without_a_timeline_of_its_own():
    with pytest.raises(PyCarbonError, match="--trace names one"):
        own_timeline(RUN)
