"""A replay shows what its series says of the time on its clock."""

import errno

import pytest
from core import lib
from handles import FakeClock, opened, read, read_error, replay
from hypothesis import given, settings
from hypothesis import strategies as st

TIMES = st.lists(st.integers(0, 1000), min_size=1, max_size=20).map(sorted)


@given(TIMES, st.lists(st.integers(-10, 1010), max_size=40).map(sorted), st.data())
@settings(deadline=None)
def test_a_reading_is_the_latest_entry_at_or_before_now(times_ns, looks_ns, data):
    errors = data.draw(st.lists(st.sampled_from([0, 0, errno.EIO]), min_size=len(times_ns), max_size=len(times_ns)))
    series = [
        (time_ns, 2**64 - 1 - i, error) for i, (time_ns, error) in enumerate(zip(times_ns, errors, strict=True))
    ]
    clock = FakeClock()
    with opened(replay(clock.pointer, series)) as source:
        for clock.now_ns in looks_ns:
            past = [entry for entry in series if entry[0] <= clock.now_ns]
            if not past:
                assert read_error(source) == "ENODATA"
            elif past[-1][2] != 0:
                assert read_error(source) == "EIO"
            else:
                assert read(source) == past[-1][1]


def test_an_empty_series_never_has_data():
    clock = FakeClock(now_ns=2**62)
    with opened(replay(clock.pointer, [])) as source:
        assert source.count == 1
        assert read_error(source) == "ENODATA"


def test_the_arrays_are_copied():
    # `replay` hands temporary arrays in: a sanitizer sees it if they are used afterwards
    with opened(replay(lib.pc_clock_monotonic(), [(0, n, 0) for n in range(10_000)])) as source:
        assert read(source) == 9_999


def test_a_failing_entry_raises_its_own_error():
    clock = FakeClock(now_ns=1)
    with opened(replay(clock.pointer, [(0, 7, errno.ENODEV)])) as source, pytest.raises(OSError) as caught:
        read(source)
    assert caught.value.errno == errno.ENODEV
