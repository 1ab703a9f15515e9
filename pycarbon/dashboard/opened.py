"""The run files behind ids: opened anew for each question, and what was computed of the last few kept.

A file that is open holds what was decoded of it, up to gigabytes; so runs are not kept, but what pages show of them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

from pycarbon.analysis import Run
from pycarbon.dashboard.page import Missing
from pycarbon.errors import PyCarbonError
from pycarbon.runfile import SUFFIX
from pycarbon.store.index import Store
from pycarbon.store.paths import file_name_part
from pycarbon.store.queries import Listed

MOST = 16

T = TypeVar("T")


def find(store: Store, run_id: str) -> Listed:
    """Give the run with an id, or the only one whose id begins so; Missing where there is none."""
    try:
        return store.run(run_id)
    except PyCarbonError as error:
        raise Missing(str(error)) from None


def opened(store: Store, listed: Listed) -> Run:
    """Open a run's file: metadata and figures are read, the rest when asked for; Missing where the file has gone."""
    try:
        return store.open(listed)
    except PyCarbonError:
        if listed.source or store.path_of(listed).exists():
            raise
        raise _gone(listed) from None


def file_of(store: Store, run_id: str) -> tuple[Path, str]:
    """Give where the file of a run lies, and the name to send it under; Missing where there is none."""
    listed = find(store, run_id)
    path = store.path_of(listed)
    if not path.is_file():
        raise _gone(listed)
    run = listed.summary
    return path, f"{file_name_part(run.name)}-{file_name_part(run.id[:6])}{SUFFIX}"


def _gone(listed: Listed) -> Missing:
    return Missing(f"the file of run {listed.summary.id} has gone; the index forgets it at its next look")


class Remembered:
    """The results of the last few questions, each computed once however many ask for it at a time."""

    def __init__(self, most: int = MOST) -> None:
        """Keep `most` of them."""
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Give what `make` gave when it was last asked for by this key; what it raises is raised, and not kept."""
        with self._lock:
            kept = self._kept.setdefault(key, _Kept())
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        with kept.lock:
            if not kept.is_made:
                kept.value, kept.is_made = make(), True
            value: T = kept.value
            return value


class _Kept:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.is_made = False
        self.value: Any = None


_remembered = Remembered()


def of_run(store: Store, listed: Listed, what: str, make: Callable[[Run], T]) -> T:
    """Compute something of a run, `what` being its name, unless that is known of the very file that is there now."""
    state = (listed.mtime_ns, listed.size_bytes)  # of one that lies elsewhere the index says it
    if not listed.source:
        try:
            status = store.path_of(listed).stat()
        except OSError:
            return make(opened(store, listed))
        state = (status.st_mtime_ns, status.st_size)
    key = (what, str(store.folder), listed.source, listed.path, *state)
    return _remembered.get(key, lambda: make(opened(store, listed)))
