"""Sources: stores elsewhere whose runs stand in the index, too. They are looked at when somebody asks for it, only.

A file is known by its size and by what its file system tells of its state. What cannot be reached stays in the index
as it was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone

from pycarbon.errors import PyCarbonError
from pycarbon.store import rows
from pycarbon.store.database import Database
from pycarbon.store.remote import Gone, Remote, Unreachable
from pycarbon.store.rows import Place
from pycarbon.store.scan import Refreshed
from pycarbon.store.summary import RunSummary, summary

AT_ONCE = 8
"""So many files are read at a time where that may be: most of it is waiting for an answer."""

PER_TRANSACTION = 200


@dataclass(frozen=True, slots=True)
class Source:
    """A source: its address, when it was last looked at (RFC 3339, empty: never), and how many runs it adds."""

    url: str
    read_at: str
    runs: int


def listed(connection: sqlite3.Connection) -> list[Source]:
    """Give all sources, in order of their addresses."""
    found = connection.execute(
        "SELECT url, read_at, (SELECT count(*) FROM runs WHERE source = sources.name) FROM sources ORDER BY url"
    )
    return [Source(*row) for row in found]


def remove(connection: sqlite3.Connection, url: str) -> int:
    """Forget a source with its runs, and say how many these were; PyCarbonError where there is no such source."""
    if connection.execute("DELETE FROM sources WHERE name = ?", [url]).rowcount == 0:
        raise PyCarbonError(f"{url} is no source of this store; `pycarbon index` lists them")
    known = [path for (path,) in connection.execute("SELECT path FROM runs WHERE source = ?", [url]).fetchall()]
    for path in known:
        rows.remove(connection, url, path)
    connection.execute("DELETE FROM refused WHERE source = ?", [url])
    connection.execute("DELETE FROM folders WHERE source = ?", [url])
    return len(known)


def refresh(database: Database, url: str, progress: Callable[[int], None] | None = None) -> Refreshed:
    """Bring the index up to what a source has, which becomes one of the store's if it was none.

    `progress` is told how many files were read. Unreachable where it cannot be read: its runs stay.
    """
    remote, found = Remote(url), Refreshed()
    files = remote.files()
    with database.transaction() as connection:
        connection.execute("INSERT OR IGNORE INTO sources VALUES (?, ?, '')", [url, url])
    known = _known(database, url)
    if known and not files:  # a folder that is not mounted looks like this
        raise PyCarbonError(
            f"{url} has no run any more: what is known of its runs stays; `pycarbon index --remove` forgets them"
        )
    waiting = [place for place in files if known.pop(place.path, None) != (place.size_bytes, place.mtime_ns)]
    _forget(database, url, list(known), found)
    with ThreadPoolExecutor(AT_ONCE if remote.takes_many else 1, "pycarbon reads a source") as pool:
        for start in range(0, len(waiting), PER_TRANSACTION):
            part = waiting[start : start + PER_TRANSACTION]
            told = list(pool.map(lambda place: _read(remote, place), part))
            if all(isinstance(what, Unreachable) for what in told):
                raise PyCarbonError(f"{told[0]}; what was read before stays")
            _take_in(database, list(zip(part, told, strict=True)), found)
            if progress is not None:
                progress(start + len(part))
    with database.transaction() as connection:
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        connection.execute("UPDATE sources SET read_at = ? WHERE name = ?", [now, url])
    return found


def _known(database: Database, url: str) -> dict[str, tuple[int, int]]:
    with database.reading() as connection:
        found = connection.execute(
            "SELECT path, size_bytes, mtime_ns FROM runs WHERE source = ?"
            " UNION ALL SELECT path, size_bytes, mtime_ns FROM refused WHERE source = ?",
            [url, url],
        ).fetchall()
    return {path: (size, state) for path, size, state in found}


def _read(remote: Remote, place: Place) -> RunSummary | PyCarbonError:
    try:
        run = remote.load(place.path, place.size_bytes)
        return summary(run) if run.id else PyCarbonError("it says of itself no id, so it could be counted twice")
    except PyCarbonError as error:
        return error


def _take_in(database: Database, files: list[tuple[Place, RunSummary | PyCarbonError]], found: Refreshed) -> None:
    with database.transaction() as connection:
        for place, what in files:
            if isinstance(what, Gone):
                rows.remove(connection, place.source, place.path)
            elif isinstance(what, Unreachable):  # looked for again the next time; what is known of it stays
                found.refused.append((place.path, str(what)))
            elif isinstance(what, PyCarbonError):
                rows.refuse(connection, place, str(what))
                found.refused.append((place.path, str(what)))
            elif (other := rows.put(connection, what, place)) is None:
                found.added += 1
            else:
                found.refused.append((place.path, f"it is the same run as {other}"))


def _forget(database: Database, url: str, paths: list[str], found: Refreshed) -> None:
    with database.transaction() as connection:
        for path in paths:
            rows.remove(connection, url, path)
    found.gone += len(paths)
