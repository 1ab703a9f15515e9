"""A file elsewhere, of which only those parts are fetched that somebody looks at; each is kept for a while.

What is read first of a run lies at its start and at its end: two requests, whatever the file's size.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from pycarbon.errors import RunFileError

AHEAD_BYTES = 1 << 16
"""So much is fetched at least: a header and the metadata behind it, or a footer and what leads to it."""

MOST_AHEAD_BYTES = 1 << 23
MOST_KEPT_BYTES = 1 << 26


class Ranged:
    """The bytes of a file that `read(start, stop)` fetches. While `allowance` is a number, so much may be fetched."""

    def __init__(self, read: Callable[[int, int], bytes], size: int, allowance: int | None = None) -> None:
        """Fetch nothing yet."""
        self.allowance = allowance
        self._read, self._size = read, size
        self._pieces: list[tuple[int, bytes]] = []
        self._ahead = AHEAD_BYTES
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Count the file's bytes."""
        return self._size

    def __getitem__(self, span: slice, /) -> bytes:
        """Give a part of the file; RunFileError where it is another file by now, or more than is allowed."""
        start, stop, _ = span.indices(self._size)
        if start >= stop:
            return b""
        with self._lock:
            for number, (first, piece) in enumerate(self._pieces):
                if first <= start and stop <= first + len(piece):
                    self._pieces.append(self._pieces.pop(number))
                    return piece[start - first : stop - first]
            return self._fetched(start, stop)

    def _fetched(self, start: int, stop: int) -> bytes:
        before = self._pieces[-1] if self._pieces else (0, b"")
        goes_on = before[0] < start <= before[0] + len(before[1])
        self._ahead = min(self._ahead * 4, MOST_AHEAD_BYTES) if goes_on else AHEAD_BYTES
        last = min(max(stop, start + self._ahead), self._size)
        first = max(min(start, self._size - AHEAD_BYTES), 0) if stop == self._size else start
        if self.allowance is not None:
            self.allowance -= last - first
            if self.allowance < 0:
                raise RunFileError("no index that leads to its figures, and too much to look through from afar")
        piece = self._read(first, last)
        if len(piece) != last - first:
            raise RunFileError("other bytes than a moment ago: it was replaced meanwhile")
        self._pieces.append((first, piece))
        while len(self._pieces) > 1 and sum(len(kept) for _, kept in self._pieces) > MOST_KEPT_BYTES:
            self._pieces.pop(0)
        return piece[start - first : stop - first]
