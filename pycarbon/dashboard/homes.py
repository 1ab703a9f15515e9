"""The homes of runs that go on under a store, found without looking into every folder at every question.

A folder is known by its time of change, as the index knows it: a home that comes or goes changes its folder.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pycarbon.home import LIVE_SUFFIX

SETTLED_NS = 3_000_000_000
"""A folder that changed so recently may change again within one tick of its clock."""


@dataclass(frozen=True, slots=True)
class _Looked:
    mtime_ns: int
    folders: tuple[str, ...]
    homes: tuple[str, ...]


class Homes:
    """The homes under a folder; used from any thread."""

    def __init__(self, top: Path) -> None:
        """Look at nothing yet."""
        self._top = top
        self._lock = threading.Lock()
        self._known: dict[Path, _Looked] = {}

    def __call__(self) -> list[Path]:
        """Give the homes that are there now, in order."""
        with self._lock:
            seen: dict[Path, _Looked] = {}
            found = list(self._below(self._top, seen))
            self._known = seen
        return sorted(found)

    def _below(self, top: Path, seen: dict[Path, _Looked]) -> Iterator[Path]:
        waiting = [top]
        while waiting:
            here = waiting.pop()
            try:
                looked = self._look(here)
            except OSError:  # nobody may look into it, or it has just gone
                continue
            if time.time_ns() - looked.mtime_ns > SETTLED_NS:
                seen[here] = looked
            waiting += [here / name for name in looked.folders]
            yield from (here / name for name in looked.homes)

    def _look(self, here: Path) -> _Looked:
        mtime_ns = here.stat().st_mtime_ns
        known = self._known.get(here)
        if known is not None and known.mtime_ns == mtime_ns:
            return known
        with os.scandir(here) as entries:
            names = [entry.name for entry in entries if entry.name[:1] != "." and entry.is_dir(follow_symlinks=False)]
        folders = tuple(name for name in names if LIVE_SUFFIX not in name)
        return _Looked(mtime_ns, folders, tuple(name for name in names if name.endswith(LIVE_SUFFIX)))
