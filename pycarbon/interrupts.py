"""Signals that ask this program to end, as a descriptor that becomes readable: none comes in the middle of anything.

An exception out of a signal handler may come between starting a process and knowing its number, which leaves it
behind. It may also come too late: while a process is being started the main thread holds signals back, another thread
catches them, and Python runs its handler only when the main thread's next system call returns. Here the handler in C
writes a byte, in whichever thread, and whoever waits for something waits for that byte, too.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Interrupts(AbstractContextManager["Interrupts"]):
    """Caught within a `with` block, in the main thread. What this program was started to ignore stays ignored."""

    def __init__(self) -> None:
        """Catch nothing yet."""
        self.descriptor, self._write, self._old_descriptor = -1, -1, -1
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        """Catch signals, and let children be waited for even where this program was started to ignore them."""
        self.descriptor, self._write = os.pipe()
        for end in (self.descriptor, self._write):
            os.set_blocking(end, False)
        self._old_descriptor = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in ENDING:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, lambda *_: None)
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave signals to those who had them before."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._old_descriptor)
        os.close(self.descriptor)
        os.close(self._write)

    def came(self, wait_s: float = 0.0) -> bool:
        """Say whether one came since the last time that was asked, or comes within so long."""
        watched = select.poll()
        watched.register(self.descriptor, select.POLLIN)
        return bool(watched.poll(wait_s * 1000)) and any(
            number in ENDING for number in os.read(self.descriptor, 4096)
        )
