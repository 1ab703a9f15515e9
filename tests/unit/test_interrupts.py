"""Signals that ask a program to end, as a descriptor."""

from __future__ import annotations

import os
import select
import signal

import pytest

from pycarbon.interrupts import ENDING, Interrupts


@pytest.mark.parametrize("number", ENDING)
def test_each_signal_is_told_once_and_interrupts_nothing(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interrupts() as interrupts:
        assert not interrupts.came()
        os.kill(os.getpid(), number)
        assert select.select([interrupts.descriptor], [], [], 10)[0]
        assert interrupts.came()
        assert not interrupts.came()
    assert signal.getsignal(number) is before


def test_what_was_ignored_stays_ignored() -> None:
    # GIVEN a program under nohup
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupts.came()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_signal_is_none() -> None:
    before = signal.signal(signal.SIGWINCH, lambda *_: None)
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGWINCH)
            assert not interrupts.came()
    finally:
        signal.signal(signal.SIGWINCH, before)


def test_children_can_be_waited_for_where_they_were_ignored() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with Interrupts():
            process = os.posix_spawnp("true", ["true"], os.environ)
            assert os.waitpid(process, 0) == (process, 0)
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGCHLD, before)
