"""What a team server must remember and cannot read from run files: tokens (their hashes), and the keys it signs with.

They lie in `server.sqlite` beside the index, readable by its owner alone. All SQL of access is here.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, get_args

from pycarbon.errors import PyCarbonError

NAME = "server.sqlite"
APPLICATION_ID, VERSION = 0x50435253, 1  # "PCRS"
PATIENCE_S = 5.0

Scope = Literal["read", "upload"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
Key = Literal["sessions", "links"]
KEYS: tuple[Key, ...] = get_args(Key)
SECRET_BYTES, ID_BYTES = 32, 4
PREFIX = "pct"
LONGEST_NAME = 80
_NOBODY = hashlib.sha256(b"nobody's").digest()

_TABLES = (
    "CREATE TABLE tokens (id TEXT PRIMARY KEY, name TEXT NOT NULL, scope TEXT NOT NULL, hash BLOB NOT NULL,"
    " created TEXT NOT NULL, last_used TEXT NOT NULL DEFAULT '', revoked TEXT NOT NULL DEFAULT '')",
    "CREATE UNIQUE INDEX tokens_name ON tokens (name) WHERE revoked = ''",
    "CREATE TABLE keys (name TEXT PRIMARY KEY, key BLOB NOT NULL)",
)


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token: days as 2026-11-27, empty where there was none; never its secret."""

    id: str
    name: str
    scope: str
    created: str
    last_used: str
    revoked: str


_COLUMNS = ", ".join(Token.__slots__)


class Tokens:
    """The tokens and keys of one store. One object may be used from many threads."""

    def __init__(self, folder: Path) -> None:
        """Open them, and make the file where there is none; PyCarbonError where that cannot be."""
        self._path = folder / NAME
        self._lock = threading.Lock()
        with _telling(self._path):
            folder.mkdir(parents=True, exist_ok=True)
            self._keep_private()
            self._connection = sqlite3.connect(
                self._path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False
            )
            try:
                self._begin()
            except BaseException:
                self._connection.close()
                raise

    def _keep_private(self) -> None:
        """Make the file before SQLite does, which would let others of the machine read the keys."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            if os.name == "posix" and os.fstat(descriptor).st_mode & 0o077:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)

    def _begin(self) -> None:
        with self._transaction() as connection:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if (application, version) == (0, 0) and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                for statement in _TABLES:
                    connection.execute(statement)
                made = [(name, secrets.token_bytes(SECRET_BYTES)) for name in KEYS]
                connection.executemany("INSERT INTO keys VALUES (?, ?)", made)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
            elif application != APPLICATION_ID:
                raise PyCarbonError(f"{self._path} holds no tokens of pycarbon; move it away, and it is made anew")
            elif version != VERSION:
                raise PyCarbonError(
                    f"{self._path} is of a newer pycarbon (version {version}, this one knows {VERSION}); upgrade"
                )

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def add(self, name: str, scope: Scope, today: date) -> str:
        """Make a token and give it, for this once; PyCarbonError for a name that is none, or is taken."""
        if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            raise PyCarbonError(f"{name[:40]!r} is no name for a token: write 1 to {LONGEST_NAME} printable letters")
        id, secret = secrets.token_hex(ID_BYTES), secrets.token_bytes(SECRET_BYTES)
        token = f"{PREFIX}_{id}_{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"
        with _telling(self._path), self._transaction() as connection:
            if connection.execute("SELECT 1 FROM tokens WHERE name = ? AND revoked = ''", [name]).fetchone():
                raise PyCarbonError(
                    f"there is a token called {name!r}: choose another name, or revoke that one first"
                )
            connection.execute(
                "INSERT INTO tokens (id, name, scope, hash, created) VALUES (?, ?, ?, ?, ?)",
                [id, name, scope, _hash(token), today.isoformat()],
            )
        return token

    def find(self, token: str, today: date) -> Token | None:
        """Give the token that somebody shows, and note the day; None where it is unknown, wrong or revoked.

        The work is the same for all of these.
        """
        id = token.split("_")[1] if token.count("_") else ""
        with _telling(self._path), self._lock:
            row = self._connection.execute(
                f"SELECT hash, {_COLUMNS} FROM tokens WHERE id = ?", [_sqlite_text(id)]
            ).fetchone()
        is_right = hmac.compare_digest(_NOBODY if row is None else row[0], _hash(token))
        if row is None or not is_right:
            return None
        found = Token(*row[1:])
        if found.revoked:
            return None
        self._note_use(found, today.isoformat())
        return found

    def _note_use(self, found: Token, today: str) -> None:
        if found.last_used == today:
            return
        with contextlib.suppress(sqlite3.OperationalError), self._lock:  # a full disk keeps nobody out
            self._connection.execute("UPDATE tokens SET last_used = ? WHERE id = ?", [today, found.id])

    def with_id(self, id: str) -> Token | None:
        """Give the token with an id, unless it is revoked."""
        with _telling(self._path), self._lock:
            row = self._connection.execute(
                f"SELECT {_COLUMNS} FROM tokens WHERE id = ? AND revoked = ''", [_sqlite_text(id)]
            ).fetchone()
        return None if row is None else Token(*row)

    def all(self) -> list[Token]:
        """Give all tokens, those that are revoked too, the oldest first."""
        with _telling(self._path), self._lock:
            rows = self._connection.execute(f"SELECT {_COLUMNS} FROM tokens ORDER BY created, rowid").fetchall()
        return [Token(*row) for row in rows]

    def revoke(self, id_or_name: str, today: date) -> Token:
        """Make a token worthless at once, and all sessions it opened; PyCarbonError where none is so called."""
        with _telling(self._path), self._transaction() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM tokens WHERE revoked = '' AND (id = ? OR name = ?) ORDER BY id = ? DESC",
                [_sqlite_text(id_or_name)] * 3,
            ).fetchone()
            if row is None:
                raise PyCarbonError(
                    f"no token has the id or the name {id_or_name[:80]!r}, or it is revoked already;"
                    " `pycarbon token list` lists them"
                )
            connection.execute("UPDATE tokens SET revoked = ? WHERE id = ?", [today.isoformat(), row[0]])
        return Token(*row)

    def key(self, name: Key) -> bytes:
        """Give the key that something is signed with."""
        with _telling(self._path), self._lock:
            return bytes(self._connection.execute("SELECT key FROM keys WHERE name = ?", [name]).fetchone()[0])

    def renew(self, name: Key) -> None:
        """Change a key: whatever was signed with the old one is worthless."""
        with _telling(self._path), self._transaction() as connection:
            connection.execute("UPDATE keys SET key = ? WHERE name = ?", [secrets.token_bytes(SECRET_BYTES), name])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _hash(token: str) -> bytes:
    """A secret of 256 random bits cannot be guessed from its hash, so a slow hash would protect nothing."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _sqlite_text(text: str) -> str:
    return text.encode(errors="replace").decode()


@contextlib.contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Turn errors of the file into one line."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        why = getattr(error, "strerror", None) or error
        raise PyCarbonError(f"{path}, which keeps the tokens, cannot be used: {why}") from None
