"""A counter's differences add up to the truth, across its wraps; what no power explains is a reset."""

import pytest
from core import ffi, lib
from hypothesis import given, settings
from hypothesis import strategies as st

FIRST, SAME = lib.PC_COUNTER_FIRST, lib.PC_COUNTER_SAME
DIFFERENCE, CORRECTED, RESET = lib.PC_COUNTER_DIFFERENCE, lib.PC_COUNTER_CORRECTED, lib.PC_COUNTER_RESET

SECOND_NS = 1_000_000_000
RAPL_RANGE_UJ = 262_143_328_850
U64_MAX = 2**64 - 1
MAX_POWER_UW = 1_000_000_000  # a kilowatt


class Counter:
    def __init__(self, range: int, max_per_s: int = 0) -> None:
        self.counter = ffi.new("struct pc_counter *", {"range": range, "max_per_s": max_per_s})
        self.difference = ffi.new("uint64_t *", 12345)

    def update(self, raw: int, time_ns: int) -> tuple[int, int]:
        """The step and its difference."""
        return lib.pc_counter_update(self.counter, raw, time_ns, self.difference), self.difference[0]


@given(st.data(), st.sampled_from([1, 2, 1000, 2**32 - 1, RAPL_RANGE_UJ, U64_MAX]))
@settings(deadline=None)
def test_differences_add_up_to_the_truth_across_wraps(data, range_):
    # GIVEN a true energy that rises by less than a whole round between readings
    start = data.draw(st.integers(0, range_))
    rises = data.draw(st.lists(st.integers(0, range_), max_size=50))
    counter, truth = Counter(range_), start
    assert counter.update(start, 0) == (FIRST, 0)
    for time_ns, rise in enumerate(rises, 1):
        # WHEN the counter, which goes on at 0 after `range`, is read
        before, truth = truth % (range_ + 1), truth + rise
        step, difference = counter.update(truth % (range_ + 1), time_ns)
        # THEN the difference is the rise, and the step says how it came to be
        assert difference == rise
        assert step == (SAME if rise == 0 else CORRECTED if before + rise > range_ else DIFFERENCE)


@given(
    st.lists(st.tuples(st.integers(1, 10 * SECOND_NS), st.integers(0, MAX_POWER_UW)), min_size=1, max_size=50),
    st.integers(0, RAPL_RANGE_UJ),
)
@settings(deadline=None)
def test_no_plausible_power_is_called_a_reset(intervals, start):
    counter, truth, time_ns = Counter(RAPL_RANGE_UJ, MAX_POWER_UW), start, 0
    counter.update(start, 0)
    for elapsed_ns, power_uw in intervals:
        rise = power_uw * elapsed_ns // SECOND_NS
        time_ns, truth = time_ns + elapsed_ns, truth + rise
        step, difference = counter.update(truth % (RAPL_RANGE_UJ + 1), time_ns)
        assert (step in (SAME, DIFFERENCE, CORRECTED), difference) == (True, rise)


@given(
    last=st.integers(0, RAPL_RANGE_UJ),
    raw=st.integers(0, RAPL_RANGE_UJ),
    elapsed_ns=st.integers(0, 20 * SECOND_NS),
    max_per_s=st.integers(1, MAX_POWER_UW),
)
@settings(deadline=None)
def test_a_reset_is_a_change_that_would_take_impossible_power(last, raw, elapsed_ns, max_per_s):
    # GIVEN the rise that would explain the change, and what one update more than the time elapsed allows
    rise = (raw - last) % (RAPL_RANGE_UJ + 1)
    most = max_per_s * (elapsed_ns / SECOND_NS + 0.1)
    counter = Counter(RAPL_RANGE_UJ, max_per_s)
    counter.update(last, 0)
    step, difference = counter.update(raw, elapsed_ns)
    # THEN the change is believed below it, and not above; the very edge may round either way
    if rise == 0:
        assert (step, difference) == (SAME, 0)
    elif rise < most * (1 - 1e-9):
        assert (step, difference) == (CORRECTED if raw < last else DIFFERENCE, rise)
    elif rise > most * (1 + 1e-9):
        assert (step, difference) == (RESET, 0)


@pytest.mark.parametrize("raw", [0, 200_000_000_000])
def test_after_a_reset_in_either_direction_counting_starts_anew(raw):
    counter = Counter(RAPL_RANGE_UJ, MAX_POWER_UW)
    counter.update(100_000_000_000, 0)
    assert counter.update(raw, SECOND_NS) == (RESET, 0)
    assert counter.update(raw + 50, 2 * SECOND_NS) == (DIFFERENCE, 50)


@given(st.integers(1, U64_MAX), st.integers(0, U64_MAX - 1))
def test_without_a_range_every_fall_is_a_reset(last, raw):
    counter = Counter(0)
    counter.update(last, 0)
    step, difference = counter.update(raw, 1)
    if raw < last:
        assert (step, difference) == (RESET, 0)
    else:
        assert (step, difference) == ((SAME if raw == last else DIFFERENCE), raw - last)


def test_a_fall_from_beyond_the_range_is_a_reset():
    counter = Counter(1000)
    counter.update(1001, 0)
    assert counter.update(5, 1) == (RESET, 0)


@pytest.mark.parametrize(("last", "raw"), [(1000, 0), (1000, 999), (1, 0)])
def test_range_is_the_largest_value_shown(last, raw):
    counter = Counter(1000)
    counter.update(last, 0)
    assert counter.update(raw, 1) == (CORRECTED, (raw - last) % 1001)


def test_a_reset_after_a_standstill_is_recognised():
    # GIVEN a counter seen to stand still for an hour, a thousand times a second (here: once a second)
    counter = Counter(RAPL_RANGE_UJ, MAX_POWER_UW)
    for second in range(3600):
        counter.update(100_000_000_000, second * SECOND_NS)
    # WHEN a millisecond later it is 0, THEN 162 kJ in that millisecond are not believed
    assert counter.update(0, 3599 * SECOND_NS + 1_000_000) == (RESET, 0)


def test_what_rose_while_the_machine_slept_is_believed_as_far_as_the_sleep_explains_it():
    for asleep_s, step in [(0, RESET), (10, RESET), (3600, DIFFERENCE)]:
        counter = Counter(RAPL_RANGE_UJ, MAX_POWER_UW)
        counter.update(0, 0)
        counter.counter.asleep_ns += asleep_s * SECOND_NS
        assert counter.update(100_000_000_000, SECOND_NS)[0] == step


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_fall_over_a_sleep_is_a_reset_however_long_that_was(asleep_s, fall):
    # GIVEN a range so small that a sleep of hours would take it round at any power
    counter = Counter(200_000_000_000, MAX_POWER_UW)
    counter.update(10**6, 0)
    counter.counter.asleep_ns += asleep_s * SECOND_NS
    assert counter.update(10**6 - fall, SECOND_NS) == (RESET, 0)


def test_a_sleep_explains_the_next_change_only():
    counter = Counter(RAPL_RANGE_UJ, MAX_POWER_UW)
    counter.update(0, 0)
    counter.counter.asleep_ns += 3600 * SECOND_NS
    # a counter may be read on waking before it is updated
    assert counter.update(0, SECOND_NS) == (SAME, 0)
    assert counter.update(100_000_000_000, 2 * SECOND_NS) == (DIFFERENCE, 100_000_000_000)
    assert counter.update(200_000_000_000, 3 * SECOND_NS) == (RESET, 0)


@given(st.lists(st.integers(0, U64_MAX), min_size=1, max_size=50), st.integers(0, U64_MAX), st.integers(0, U64_MAX))
def test_a_level_goes_up_and_down_and_is_never_reset(values, range_, max_per_s):
    counter = Counter(range_, max_per_s)
    counter.counter.level = True
    shown = None
    for time_ns, value in enumerate(values):
        step = FIRST if shown is None else SAME if value == shown else DIFFERENCE
        assert counter.update(value, time_ns) == (step, 0)
        shown = value
