"""What ends a wait before its time, and that the signals are given back."""

from __future__ import annotations

import os
import signal
import time

import pytest

from pycarbon.attention import Attention


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_the_handlers_come_back(number):
    before = signal.getsignal(number)
    with Attention() as attention:
        assert not attention.wait(time.monotonic()) and not attention.ended
        signal.raise_signal(number)
        assert attention.wait(time.monotonic() + 60) and attention.ended
    assert signal.getsignal(number) is before


def test_another_size_of_the_terminal_ends_the_wait_alone():
    with Attention() as attention:
        signal.raise_signal(signal.SIGWINCH)
        assert attention.wait(time.monotonic() + 60) and not (attention.ended or attention.stopping)


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Attention() as attention:
            signal.raise_signal(signal.SIGHUP)
            assert not attention.ended
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(("typed", "ends"), [(b"q", True), (b"Q", True), (b"x", False), (b"", True)])
def test_keys(typed, ends):
    reads, writes = os.pipe()
    with Attention() as attention:
        attention.keys = reads
        os.write(writes, typed)
        os.close(writes)
        assert attention.wait(time.monotonic() + 60) and attention.ended is ends
    os.close(reads)
