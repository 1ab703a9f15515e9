"""Rows of the index: how a run comes into it, and how it goes; within a transaction of the caller's."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from pycarbon.store.schema import OF_FILE, OF_RUN
from pycarbon.store.summary import RunSummary

INSERT = (
    f"INSERT INTO runs ({', '.join((*OF_RUN, 'day', 'month', 'beside', *OF_FILE))})"
    f" VALUES ({', '.join('?' * (len(OF_RUN) + 3 + len(OF_FILE)))})"
)
INSERT_TAG = "INSERT OR IGNORE INTO tags VALUES (?, ?, ?)"
# The last line says nothing new, but lets an index find them: none began earlier than the longest takes.
_BESIDE = """boot = ? AND boot <> '' AND ended_s > ? AND started_s < ?
    AND started_s > ? - 1 - (SELECT max(ended_s - started_s) FROM runs WHERE boot = ?)"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file is and which state of it was read: a path within a source ("" is the store itself)."""

    source: str
    path: str
    size_bytes: int
    mtime_ns: int


def put(connection: sqlite3.Connection, summary: RunSummary, place: Place) -> str | None:
    """Add a run, or change what is known of it; None, or the path of another file that holds the same run.

    Of two files with one run the first one found counts, but one of the store itself before one that lies elsewhere;
    the other is noted as refused.
    """
    remove(connection, place.source, place.path)
    other = connection.execute("SELECT source, path FROM runs WHERE id = ?", [clean(summary.id)]).fetchone()
    if other is not None and other[0] and not place.source:
        size_bytes, mtime_ns = connection.execute(
            "SELECT size_bytes, mtime_ns FROM runs WHERE source = ? AND path = ?", other
        ).fetchone()
        why = f"it is the same run as {place.path} in the store"
        refuse(connection, Place(other[0], other[1], size_bytes, mtime_ns), why, clean(summary.id))
        other = None
    if other is not None:
        where = "/".join(filter(None, other))
        refuse(connection, place, f"it is the same run as {where}", clean(summary.id))
        return str(where)
    beside = _neighbours(connection, "+ 1", clean(summary.boot), summary.started_s, summary.ended_s)
    number = connection.execute(INSERT, values_of(summary, place, beside)).lastrowid
    connection.executemany(INSERT_TAG, [(clean(key), clean(value), number) for key, value in summary.tags.items()])
    _keep_folder(connection, place)
    return None


def values_of(summary: RunSummary, place: Place, beside: int) -> list[Any]:
    """Give what INSERT takes."""
    values = [clean(getattr(summary, name)) for name in OF_RUN]
    day = summary.day
    return [*values, day, day[:7], beside, place.source, place.path, place.size_bytes, place.mtime_ns]


def _neighbours(
    connection: sqlite3.Connection, change: str, boot: str, started_s: float | None, ended_s: float | None
) -> int:
    """Change the count of all runs that had a machine's counters at the same time, and say how many those are."""
    query = f"UPDATE runs SET beside = beside {change} WHERE {_BESIDE}"
    return connection.execute(query, [boot, started_s, ended_s, started_s, boot]).rowcount


def refuse(connection: sqlite3.Connection, place: Place, why: str, id: str | None = None) -> None:
    """Note that a file holds no run that can be used, so that it is not read again until it changes."""
    remove(connection, place.source, place.path)
    connection.execute(
        "INSERT INTO refused VALUES (?, ?, ?, ?, ?, ?)",
        [place.source, place.path, place.size_bytes, place.mtime_ns, clean(why), id],
    )
    _keep_folder(connection, place)


def _keep_folder(connection: sqlite3.Connection, place: Place) -> None:
    """Note that there is a folder, though nobody has looked into all of it: it is missed when it goes."""
    folder = place.path.rpartition("/")[0]
    connection.execute("INSERT OR IGNORE INTO folders VALUES (?, ?, -1)", [place.source, folder])


def remove(connection: sqlite3.Connection, source: str, path: str) -> None:
    """Forget a file; others that were refused since they hold the same run are to be read again: see `unread`."""
    connection.execute("DELETE FROM refused WHERE source = ? AND path = ?", [source, path])
    gone = connection.execute(
        "SELECT id, boot, started_s, ended_s FROM runs WHERE source = ? AND path = ?", [source, path]
    ).fetchone()
    if gone is None:
        return
    id, *span = gone
    connection.execute("DELETE FROM runs WHERE id = ?", [id])
    _neighbours(connection, "- 1", *span)
    connection.execute("UPDATE refused SET size_bytes = -1 WHERE id = ?", [id])


def unread(connection: sqlite3.Connection, source: str) -> list[str]:
    """Give the files of a source that are to be read again though they did not change."""
    found = connection.execute("SELECT path FROM refused WHERE source = ? AND size_bytes < 0 ORDER BY path", [source])
    return [path for (path,) in found]


def clean(value: Any) -> Any:
    """Give a text as UTF-8 can hold it: what a file says may be half a letter."""
    if type(value) is str and not value.isascii():
        return value.encode(errors="replace").decode()
    return value
