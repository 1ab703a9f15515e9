"""The index's file: who may open it and how, its version, and what becomes of it where nobody can write.

no file, or an older one     made anew, empty: `is_whole` is false until all files were read
a newer one, another's       refused by name
a damaged one                set aside as index.sqlite.damaged, then made anew
a folder that takes no file  read as it is, or made in memory for this process
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from pycarbon.errors import PyCarbonError
from pycarbon.notices import notice
from pycarbon.store.alone import alone
from pycarbon.store.connections import Connections, Identity, identity
from pycarbon.store.schema import APPLICATION_ID, VERSION, statements

NAME = "index.sqlite"
PATIENCE_S = 20.0
"""How long to wait for other processes that write; each of their transactions takes milliseconds."""


class Damaged(PyCarbonError):
    """The index cannot be read; it may be set aside, and made anew from the run files. `identity` says which."""

    def __init__(self, path: Path, identity: Identity) -> None:
        """Say it of the file at a path."""
        super().__init__(f"{path} is damaged; delete it: it is made anew from the run files")
        self.identity = identity


class Database:
    """An SQLite file in WAL mode, or where its folder takes no file (`read_only`) the best that can be had."""

    def __init__(self, folder: Path, patience_s: float = PATIENCE_S) -> None:
        """Open or make the index of a folder; PyCarbonError where it is of a newer version, or no index."""
        self._folder = folder
        self._path = folder / NAME
        self._patience_s = patience_s
        self._connections = Connections(self._path, self._open, _is_current)
        self._memory: sqlite3.Connection | None = None
        self._memory_lock = threading.RLock()
        self.read_only = False
        self._why_read_only = ""
        with telling(self._path):
            try:
                with self._connections.one():
                    pass
            except (sqlite3.OperationalError, OSError) as error:
                if not _is_unwritable(error):
                    raise
                self._go_without(error)

    def _go_without(self, error: Exception) -> None:
        """Nothing can be written here: read what is there, or do it in memory."""
        self.read_only = True
        self._why_read_only = str(getattr(error, "strerror", None) or error)
        try:
            with self._connections.one():
                return
        except sqlite3.OperationalError:
            self._memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            _make(self._memory)

    @property
    def in_memory(self) -> bool:
        """Whether it is of this process alone."""
        return self._memory is not None

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Ask the index; PyCarbonError where that cannot be, of it Damaged where set_aside() may help."""
        with telling(self._path):
            if self._memory is not None:
                with self._memory_lock:
                    yield self._memory
                return
            with self._connections.one() as held, telling(self._path, held.identity):
                yield held.connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Change the index: all of it or nothing; PyCarbonError where that cannot be."""
        if self.read_only and not self.in_memory:
            raise PyCarbonError(f"{self._path} cannot be changed: {self._why_read_only}")
        with self.reading() as connection, _transaction(connection):
            yield connection

    def clear(self) -> None:
        """Make the tables anew, empty but for the names of sources; PyCarbonError where that cannot be."""
        if self.read_only and not self.in_memory:
            raise PyCarbonError(f"{self._path} cannot be changed: {self._why_read_only}")
        with self.reading() as connection:
            _make(connection)

    def is_whole(self, connection: sqlite3.Connection) -> bool:
        """Whether all files have been read since it was made, or it cannot be helped."""
        if self.read_only and not self.in_memory:
            return True
        return bool(connection.execute("SELECT is_whole FROM state").fetchone()[0])

    def set_aside(self, damaged: Damaged) -> None:
        """Move a damaged index out of the way, once for all processes that find it so; raise where that cannot be."""
        if self.read_only:
            raise damaged
        self._connections.close()
        with telling(self._path), self._alone():
            if identity(self._path) == damaged.identity:
                self._move_away()

    def close(self) -> None:
        """Let go of the file; no other thread may use it any more."""
        self._connections.close()
        if self._memory is not None:
            self._memory.close()

    def _alone(self) -> contextlib.AbstractContextManager[None]:
        return alone(self._folder, self._patience_s)

    def _open(self) -> sqlite3.Connection:
        if self.read_only:
            return self._open_to_read()
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            try:
                return self._open_to_write()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._move_away()
            return self._open_to_write()

    def _open_to_write(self) -> sqlite3.Connection:
        there = [path for path in (self._folder, self._path) if path.exists()]
        if not all(os.access(path, os.W_OK) for path in there):  # SQLite would open it all the same, to read
            raise PermissionError(errno.EACCES, "its folder is read-only")
        if self._path not in there:  # what belonged to a file that was deleted would be taken for the new one's
            self._unlink_companions()
        with self._connected(str(self._path)) as connection:
            is_current = self._check(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # a power cut costs new rows: the files have them
            if not is_current:
                _make(connection)
            return connection

    def _open_to_read(self) -> sqlite3.Connection:
        """Open it as it is; without the companions that nobody can make here only as a file that never changes."""
        uri = self._path.absolute().as_uri()
        for way in ("mode=ro", "mode=ro&immutable=1"):
            try:
                with self._connected(f"{uri}?{way}", uri=True) as connection:
                    if not self._check(connection):
                        raise sqlite3.OperationalError("it is of an older version")
                    return connection
            except sqlite3.OperationalError:
                if "immutable" in way:
                    raise
        raise AssertionError

    @contextlib.contextmanager
    def _connected(self, name: str, uri: bool = False) -> Iterator[sqlite3.Connection]:
        """Connect, and close again where the block fails."""
        connection = sqlite3.connect(
            name, timeout=self._patience_s, isolation_level=None, check_same_thread=False, uri=uri
        )
        try:
            yield connection
        except BaseException:
            connection.close()
            raise

    def _check(self, connection: sqlite3.Connection) -> bool:
        """Say whether the tables are those of this version; PyCarbonError where they are not ours to replace."""
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = _version(connection)
        tables = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        if application != APPLICATION_ID and (application or tables):
            raise PyCarbonError(f"{self._path} is no index of pycarbon; move it away, and it is made anew")
        if version > VERSION:
            raise PyCarbonError(
                f"{self._path} was made by a newer pycarbon (index version {version}, this one knows {VERSION});"
                " upgrade, or delete it: it is made anew from the run files"
            )
        return version == VERSION and {sql for (sql,) in tables} == set(statements())

    def _move_away(self) -> None:
        aside = self._path.with_name(f"{NAME}.damaged")
        self._path.replace(aside)
        self._unlink_companions()
        notice(f"{self._path} is damaged: it is now {aside.name}, and a new index is made from the run files")

    def _unlink_companions(self) -> None:
        for suffix in ("-wal", "-shm"):
            self._path.with_name(NAME + suffix).unlink(missing_ok=True)


@contextlib.contextmanager
def telling(path: Path, identity: Identity = None) -> Iterator[None]:
    """Turn SQLite's errors into one line."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "locked" in text:
            raise PyCarbonError(f"{path} is locked by another process; try again when that has ended") from None
        if "full" in text:
            raise PyCarbonError(f"{path} cannot grow: the disk is full; the run files are whole") from None
        if _is_damage(error):
            raise Damaged(path, identity) from None
        raise PyCarbonError(f"{path} cannot be used: {text}") from None
    except TimeoutError:
        raise PyCarbonError(f"{path} is locked by another process; try again when that has ended") from None
    except OSError as error:
        raise PyCarbonError(f"{path} cannot be used: {error.strerror or error}") from None


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled it back already
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _make(connection: sqlite3.Connection) -> None:
    """Make the tables anew; the names of sources stay, since no file has them."""
    with _transaction(connection):
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        sources = []
        if ("sources",) in tables:
            sources = connection.execute("SELECT name, url FROM sources").fetchall()
        for (table,) in tables:
            connection.execute(f'DROP TABLE "{table}"')
        for statement in statements():
            connection.execute(statement)
        connection.executemany("INSERT INTO sources VALUES (?, ?, '')", sources)
        connection.execute("INSERT INTO state VALUES (hex(randomblob(16)), 0)")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _is_current(connection: sqlite3.Connection) -> bool:
    """Whether nobody has made the tables anew for another version."""
    return _version(connection) == VERSION


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    return any(word in str(error) for word in ("malformed", "not a database"))


def _is_unwritable(error: Exception) -> bool:
    if isinstance(error, OSError):
        return not isinstance(error, TimeoutError)
    return any(word in str(error) for word in ("readonly", "unable to open", "disk I/O", "full"))
