"""Energy out of power is exact, and starts again from 0 where the power of a while is not known."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from core import ffi, lib
from hypothesis import given, settings
from hypothesis import strategies as st

MS, SECOND = 1_000_000, 1_000_000_000  # ns
POWERS_MW = st.integers(0, 10**8)


def held() -> Any:
    return ffi.new("struct pc_power_held *")


def sampled() -> Any:
    return ffi.new("struct pc_power_sampled *")


def follow(state: Any, samples: Sequence[tuple[int, int]]) -> int:
    """The energy after a call of the driver that returned these samples: (us, mW)."""
    given_ = ffi.new("struct pc_nvml_sample[]", max(len(samples), 1))
    for each, (time_us, power_mw) in zip(given_, samples, strict=False):
        each.time_us, each.value.as_unsigned_long_long = time_us, power_mw
    return lib.pc_power_follow(state, given_, len(samples))


def every(step_us: int, count: int, power_mw: int, start_us: int = 0) -> list[tuple[int, int]]:
    return [(start_us + i * step_us, power_mw) for i in range(count)]


@given(st.lists(st.tuples(st.integers(0, SECOND // 2), POWERS_MW), min_size=1, max_size=50), st.integers(0, 2**62))
@settings(deadline=None)
def test_a_power_holds_until_the_next_reading_and_nothing_is_rounded_away(readings, start_ns):
    state, time_ns, energy_pj, power_mw = held(), start_ns, 0, 0
    assert lib.pc_power_hold(state, 0, start_ns) == 0
    for elapsed_ns, next_mw in readings:
        time_ns, energy_pj = time_ns + elapsed_ns, energy_pj + power_mw * elapsed_ns
        assert lib.pc_power_hold(state, next_mw, time_ns) == energy_pj // 10**6
        power_mw = next_mw


def test_no_power_holds_for_longer_than_half_a_second():
    state = held()
    lib.pc_power_hold(state, 1000, 0)
    assert lib.pc_power_hold(state, 1000, 500 * MS) == 500_000
    assert lib.pc_power_hold(state, 1000, 1000 * MS + 1) == 0
    assert lib.pc_power_hold(state, 1000, 1500 * MS + 1) == 500_000


@given(st.lists(st.tuples(st.integers(10_000, 20_000), POWERS_MW), min_size=2, max_size=200), st.data())
@settings(deadline=None)
def test_lines_between_samples_add_up_however_they_are_handed_out(steps, data):
    # GIVEN samples at about 70 Hz in a ring of the driver that holds the latest of them
    samples, time_us, room = [], 10**15, data.draw(st.integers(2, 100))
    for step_us, power_mw in steps:
        time_us += step_us
        samples.append((time_us, power_mw))
    state, taken, began = sampled(), 0, 0
    while taken < len(samples):
        # WHEN whatever it holds is taken again and again, never too late
        before, taken = taken, min(taken + data.draw(st.integers(1, room - 1)), len(samples))
        energy_uj = follow(state, samples[max(taken - room, 0) : taken])
        if before == 0:
            began = taken
            assert energy_uj == 0
            continue
        # THEN it is the area since the first time, to the micro-joule
        part = samples[began - 1 : taken]
        twice_nj = sum((a[1] + b[1]) * (b[0] - a[0]) for a, b in pairwise(part))
        assert energy_uj == twice_nj // 2000


def test_no_news_adds_nothing():
    state, samples = sampled(), every(20_000, 10, 100)
    assert [follow(state, samples[:n]) for n in (5, 5, 0, 10, 10, 0)] == [0, 0, 0, 10_000, 10_000, 10_000]


def test_what_the_driver_forgot_is_not_filled_up():
    # GIVEN a ring of ten samples, 20 ms apart
    state = sampled()
    follow(state, every(20_000, 10, 100))
    assert follow(state, every(20_000, 10, 100, 200_000)) == 20_000
    # WHEN the next look finds that one was overwritten, THEN the energy starts again, and counts on
    assert follow(state, every(20_000, 10, 100, 420_000)) == 0
    assert follow(state, every(20_000, 10, 100, 620_000)) == 10 * 2000


def test_a_hole_is_a_fall_however_much_came_after_it():
    # GIVEN little energy so far
    state = sampled()
    samples = every(20_000, 10, 100)
    follow(state, samples)
    assert follow(state, every(20_000, 10, 100, 20_000)) == 2000
    # WHEN samples were overwritten, and those that are held now are of more than that
    # THEN who reads it as a counter sees a reset, and not a rise
    assert follow(state, every(20_000, 10, 100_000, 10_000_000)) < 2000


@pytest.mark.parametrize(("pause_us", "energy_uj"), [(80_000, 8000 + 2000), (81_000, 0), (3_600_000_000, 0)])
def test_a_pause_of_the_driver_is_one_line_if_it_is_short(pause_us, energy_uj):
    state = sampled()
    before = every(20_000, 10, 100)
    follow(state, before)
    assert follow(state, before + every(20_000, 2, 100, 180_000 + pause_us)) == energy_uj


def test_a_clock_that_is_set_back_starts_it_again():
    state = sampled()
    before = every(20_000, 10, 100, 10**15)
    follow(state, before[:5])
    assert follow(state, before) == 10_000
    assert follow(state, before + every(20_000, 3, 100, 10**12)) == 0
    assert follow(state, every(20_000, 10, 100, 10**12)) == 14_000


def test_a_driver_that_became_slower_is_believed_in_the_end():
    # GIVEN a driver that samples at 50 Hz, and then at 2 Hz
    state, samples = sampled(), every(20_000, 10, 100)
    follow(state, samples)
    energies = []
    for i in range(10):
        samples = [*samples[1:], (180_000 + (i + 1) * 500_000, 100)]
        energies.append(follow(state, samples))
    # THEN a few times its samples are too far apart, and then they are as far apart as ever
    assert energies[:2] == [0, 0]
    assert energies[-4:] == [energies[-5] + (i + 1) * 50_000 for i in range(4)]
