"""Connections to one SQLite file: used by one thread at a time, few of them kept, none shared across a fork.

    one() --takes an idle one, or opens one--> a question --gives it back--> idle (MOST_IDLE)

A connection is used again only while the path still leads to the file it was opened on: an index may be deleted, or
set aside because it is damaged, while others have it open.

Hazard: SQLite keeps in memory which locks a process has, and a forked child would believe in its parent's. So idle
connections are closed before a fork, and the child forgets those that were in use without closing them.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakSet

MOST_IDLE = 4
Identity = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Held:
    """An open connection, and which file it is to (device and inode; None where it was gone at once)."""

    connection: sqlite3.Connection
    identity: Identity


class Connections:
    """Connections that `opened` makes and `is_current` lets be used again."""

    def __init__(
        self,
        path: Path,
        opened: Callable[[], sqlite3.Connection],
        is_current: Callable[[sqlite3.Connection], bool],
    ) -> None:
        """Take a way to open the file at a path; nothing is opened yet."""
        self._path, self._opened, self._is_current = path, opened, is_current
        self._lock = threading.Lock()
        self._idle: list[Held] = []
        _EVERY.add(self)

    @contextlib.contextmanager
    def one(self) -> Iterator[Held]:
        """Have a connection alone; it is closed, and none is kept, where the use of it fails."""
        held = self._taken() or self._new()
        pid = os.getpid()
        try:
            yield held
        except BaseException:
            if os.getpid() == pid:
                held.connection.close()
            raise
        if os.getpid() != pid:
            return
        with self._lock:
            if len(self._idle) < MOST_IDLE:
                self._idle.append(held)
                return
        held.connection.close()

    def close(self) -> None:
        """Close those that nobody uses."""
        with self._lock:
            for held in self._idle:
                held.connection.close()
            self._idle.clear()

    def __del__(self) -> None:
        """Close what is idle when nobody can ask any more: Python warns of connections that are left to it."""
        self.close()

    def _taken(self) -> Held | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                held = self._idle.pop()
            try:
                if held.identity == identity(self._path) is not None and self._is_current(held.connection):
                    return held
            except BaseException:
                held.connection.close()
                raise
            held.connection.close()

    def _new(self) -> Held:
        connection = self._opened()
        return Held(connection, identity(self._path))

    def before_fork(self) -> None:
        """Leave nothing for a child to inherit but what other threads are using at this moment."""
        self._lock.acquire()
        for held in self._idle:
            held.connection.close()
        self._idle.clear()

    def after_fork(self) -> None:
        """Go on, in the parent and in the child."""
        self._lock.release()


def identity(path: Path) -> Identity:
    """Say which file a path leads to."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


_EVERY: WeakSet[Connections] = WeakSet()
_forking: list[Connections] = []


def _before_fork() -> None:
    _forking.extend(_EVERY)
    for connections in _forking:
        connections.before_fork()


def _after_fork() -> None:
    for connections in _forking:
        connections.after_fork()
    _forking.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
