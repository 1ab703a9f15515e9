"""Signals stay with the program's own threads."""

from __future__ import annotations

import signal
import threading

from pycarbon.quiet import signals_elsewhere


def test_threads_started_within_hold_every_signal_and_ours_is_as_before():
    before, within = signal.pthread_sigmask(signal.SIG_BLOCK, ()), []
    with signals_elsewhere():
        thread = threading.Thread(target=lambda: within.append(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
        thread.start()
        thread.join()
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1} <= within[0]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
