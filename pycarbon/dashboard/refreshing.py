"""Looking for new run files while pages are asked for: in one thread, at most every few seconds."""

from __future__ import annotations

import threading
import time

from pycarbon.errors import PyCarbonError
from pycarbon.store.index import Store

EVERY_S = 3.0


class Refreshing:
    """Brings a store's index up to date in the background, at the earliest `every_s` after the last time.

    `problem` is why the last look failed, else empty.

    A page is made from the index as it is: what was found while it was made is on the next one.
    """

    def __init__(self, store: Store, every_s: float = EVERY_S) -> None:
        """Start nothing yet: the first page does."""
        self.problem = ""
        self._store, self.every_s = store, every_s
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended_s = float("-inf")

    def soon(self) -> None:
        """Look now, unless somebody does, or just did; does not wait."""
        with self._lock:
            if self._thread is not None or time.monotonic() - self._ended_s < self.every_s:
                return
            self._thread = threading.Thread(target=self._look, name="refresh", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Wait until a look that goes on has ended."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _look(self) -> None:
        try:
            self._store.refresh()
            self.problem = ""
        except PyCarbonError as error:
            self.problem = str(error)
        finally:
            with self._lock:
                self._thread, self._ended_s = None, time.monotonic()
