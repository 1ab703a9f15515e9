"""Failed tries: ten at once, then one every six seconds, for each address, of a bounded number of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pycarbon.dashboard.tries import AT_ONCE, EVERY_S, MOST_ADDRESSES, Tries


def test_ten_at_once_and_then_slowly():
    tries = Tries()
    assert [tries.wait_s("192.0.2.1", 0.0) for _ in range(AT_ONCE)] == [0.0] * AT_ONCE
    assert tries.wait_s("192.0.2.1", 0.0) == EVERY_S
    assert tries.wait_s("192.0.2.2", 0.0) == 0.0
    assert tries.wait_s("192.0.2.1", 3 * EVERY_S) == 0.0


@settings(max_examples=20)
@given(st.lists(st.floats(0, 5), min_size=50, max_size=80))
def test_no_pattern_gets_more_tries_than_that(pauses):
    tries, now_s, granted = Tries(), 0.0, 0
    for pause in pauses:
        now_s += pause
        granted += tries.wait_s("192.0.2.1", now_s) == 0
    assert granted <= AT_ONCE + now_s / EVERY_S + 1


def test_an_ipv6_host_is_its_network():
    tries = Tries()
    for host in range(AT_ONCE):
        tries.wait_s(f"2001:db8::{host:x}", 0.0)
    assert tries.wait_s("2001:db8::ffff%eth0", 0.0) > 0
    assert tries.wait_s("2001:db8:0:1::1", 0.0) == 0
    assert tries.wait_s("testclient", 0.0) == 0


def test_memory_is_bounded():
    tries = Tries()
    for number in range(MOST_ADDRESSES + 100):
        tries.wait_s(f"10.0.{number >> 8}.{number & 255}", 0.0)
    assert len(tries) == MOST_ADDRESSES
