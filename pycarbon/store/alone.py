"""One process at a time makes, replaces or first opens an index: the folder itself is the lock."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

_PAUSE_S = 0.002


@contextlib.contextmanager
def alone(folder: Path, patience_s: float) -> Iterator[None]:
    """Keep others out of this block; TimeoutError where somebody else stays in it for longer than `patience_s`.

    Where folders cannot be locked (Windows, some network file systems) it keeps nobody out.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    give_up_at = time.monotonic() + patience_s
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= give_up_at:
                    raise TimeoutError(f"{folder} is locked by another process") from None
                time.sleep(_PAUSE_S)
            except OSError:
                break
        yield
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing would not do where another thread forks meanwhile
        os.close(descriptor)
