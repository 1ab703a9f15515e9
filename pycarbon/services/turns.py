"""Whose turn it is: a service is not asked more often than its interval, by all processes together."""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path
from typing import TextIO

_FURTHEST_S = 60.0
"""A turn further ahead was noted by a clock that has since been set back: it is not waited for."""

_PATIENCE_S = 1.0
"""Noting a turn takes others far less; who was stopped amid it does not hold up all."""


def wait_s(folder: Path | None, service: str, interval_s: float, now: datetime) -> float:
    """Take the next turn, and say in how many seconds it is; 0 where turns cannot be noted.

    The next turn's time is noted in a file of the cache folder, under a lock.
    """
    if folder is None or interval_s <= 0:
        return 0.0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(folder / f"{service}.turn", os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
            _lock(file)
            moment = now.timestamp()
            turn = max(moment, _noted(file.read(64), moment))
            file.seek(0)
            file.truncate()
            file.write(repr(turn + interval_s))
            return turn - moment
    except (OSError, ImportError, UnicodeDecodeError):
        return 0.0


def _lock(file: TextIO) -> None:
    """Have the file alone; OSError where somebody else has it all the time."""
    import fcntl

    give_up_at = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(0.002)


def _noted(text: str, moment: float) -> float:
    """The time in the file; the present where there is none, or none that can be."""
    try:
        turn = float(text)
    except ValueError:
        return moment
    return turn if turn - moment <= _FURTHEST_S else moment
