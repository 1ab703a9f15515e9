"""The index's file: a connection for each thread, its version, and what becomes of it where nobody can write."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from pycarbon.errors import PyCarbonError
from pycarbon.store.schema import APPLICATION_ID, VERSION, statements

NAME = "index.sqlite"
PATIENCE_S = 20.0
"""How long to wait for other processes that write; each of their transactions takes milliseconds."""


class Database:
    """An SQLite file in WAL mode. `is_new` says that it was empty, so that all files are still to be read.

    Where the folder takes no file (`read_only`), an index that is there is read as it is, and one that is not is made
    in memory, for this process.
    """

    def __init__(self, folder: Path) -> None:
        """Open or make the index of a folder; PyCarbonError where it is of a newer version, or no index."""
        self._path = folder / NAME
        self._local = threading.local()
        self._lock = threading.Lock()
        self._all: list[sqlite3.Connection] = []
        self._shared: sqlite3.Connection | None = None
        self.read_only = False
        self.is_new = False
        with telling(self._path):
            self._begin(folder)

    def _begin(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            connection = self._connect()
            version = self._version(connection)
            if version != VERSION:
                self._make(connection, version)
        except (sqlite3.OperationalError, OSError) as error:
            if not _is_unwritable(error):
                raise
            self.read_only = True
            self._drop()
            try:
                version = self._version(self._connect())
            except sqlite3.OperationalError:
                version = 0
            if version != VERSION:
                self._drop()
                self._shared = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
                self._make(self._shared, 0)

    @property
    def in_memory(self) -> bool:
        """Whether it is of this process alone."""
        return self._shared is not None

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        if self._shared is not None:
            return self._shared
        return self._connect()

    def _connect(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is not None:
            return found
        if self.read_only:
            found = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=ro",
                uri=True,
                timeout=PATIENCE_S,
                isolation_level=None,
                check_same_thread=False,
            )
        else:
            found = sqlite3.connect(self._path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False)
            found.execute("PRAGMA journal_mode = WAL")
            found.execute("PRAGMA synchronous = NORMAL")  # a power cut costs new rows: the files have them
        with self._lock:
            self._all.append(found)
        self._local.connection = found
        return found

    def _version(self, connection: sqlite3.Connection) -> int:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if application not in (0, APPLICATION_ID) or (application == 0 and _tables(connection)):
            raise PyCarbonError(f"{self._path} is no index of pycarbon; move it away, and it is made anew")
        if version > VERSION:
            raise PyCarbonError(
                f"{self._path} was made by a newer pycarbon (index version {version}, this one knows {VERSION});"
                " upgrade, or delete it: it is made anew from the run files"
            )
        return version

    def _make(self, connection: sqlite3.Connection, version: int) -> None:
        """Make the tables anew, unless another process has just done so; the names of sources stay."""
        with self._transaction(connection):
            if self._version(connection) not in (version, 0):
                return
            if int(connection.execute("PRAGMA user_version").fetchone()[0]) == VERSION:
                return
            sources = []
            if "sources" in _tables(connection):
                sources = connection.execute("SELECT name, url FROM sources").fetchall()
            for table in _tables(connection):
                connection.execute(f'DROP TABLE "{table}"')
            for statement in statements():
                connection.execute(statement)
            connection.executemany("INSERT INTO sources VALUES (?, ?, '')", sources)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        self.is_new = True

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Change the index: all of it or nothing; PyCarbonError where that cannot be."""
        if self.read_only and not self.in_memory:
            raise PyCarbonError(f"{self._path} cannot be changed: its folder is read-only")
        with telling(self._path), self._transaction(self.connection) as connection:
            yield connection

    @contextlib.contextmanager
    def _transaction(self, connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            if connection.in_transaction:  # a full disk has rolled it back already
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connections of all threads, which must have ended with them."""
        self._drop()
        if self._shared is not None:
            self._shared.close()

    def _drop(self) -> None:
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all = []
        self._local = threading.local()


@contextlib.contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one line."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "locked" in text:
            raise PyCarbonError(
                f"{path} is locked by another process for more than {PATIENCE_S:.0f} s; try again when it has ended"
            ) from None
        if "full" in text:
            raise PyCarbonError(f"{path} cannot grow: the disk is full; the run files are whole") from None
        if "malformed" in text or "not a database" in text:
            raise PyCarbonError(f"{path} is damaged; delete it: it is made anew from the run files") from None
        raise PyCarbonError(f"{path} cannot be used: {text}") from None
    except OSError as error:
        raise PyCarbonError(f"{path} cannot be used: {error.strerror or error}") from None


def _tables(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [name for (name,) in found]


def _is_unwritable(error: Exception) -> bool:
    if isinstance(error, OSError):
        return True
    return any(word in str(error) for word in ("readonly", "unable to open", "disk I/O"))
