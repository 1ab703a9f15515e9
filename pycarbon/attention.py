"""What a program that runs until somebody ends it waits for beside the time: signals, and keys."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from typing import Any


class Attention:
    """Signals, and keys where `keys` is the descriptor of somebody who may type some.

    `ended` once somebody ended the program; `stopping` once somebody asked to have it stopped for a while.
    """

    def __init__(self) -> None:
        """Hear nothing yet."""
        self.ended = False
        self.stopping = False
        self.keys: int | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._wake, self._woken = -1, -1
        self._wakeup_before = -1

    def __enter__(self) -> Attention:
        """Take the signals that end a program, stop it, or say that its terminal has another size."""
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        self._wakeup_before = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP", "SIGWINCH"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
                self._before[number] = signal.signal(number, self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        """Give them back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._wake)
        os.close(self._woken)

    def _heard(self, number: int, _: object) -> None:
        if number == getattr(signal, "SIGTSTP", None):
            self.stopping = True
        elif number != getattr(signal, "SIGWINCH", None):
            self.ended = True

    def wait(self, until_s: float) -> bool:
        """Wait until then; True where something came before it."""
        watched = [self._woken, *([] if self.keys is None else [self.keys])]
        ready = select.select(watched, [], [], max(until_s - time.monotonic(), 0.0))[0]
        if self._woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 4096)
        if self.keys in ready:
            self._read_keys()
        return bool(ready)

    def _read_keys(self) -> None:
        assert self.keys is not None
        try:
            typed = os.read(self.keys, 64)
        except OSError:
            typed = b""
        if not typed:  # the terminal has gone
            self.keys, self.ended = None, True
        self.ended |= any(key in typed for key in (b"q", b"Q", b"\x03"))

    def stop_here(self) -> None:
        """Be stopped, as Ctrl-Z asks, and go on from here when continued."""
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._heard)
