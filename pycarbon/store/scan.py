"""Bringing the index up to what the files say: only changed folders are looked into, only changed files are read.

A file is known by its size and its time of change, a folder by its time of change: a run that is added, replaced by
rename or removed changes its folder.

Others may do the same at the same time. So what the index knows of a folder is asked before the folder is listed: a
file that somebody adds in between is then known to one of the two. And a file's state is noted before it is read: one
that is replaced in between differs at the next look.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pycarbon.analysis import load
from pycarbon.errors import PyCarbonError
from pycarbon.home import LIVE_SUFFIX
from pycarbon.runfile import SUFFIX
from pycarbon.store import rows
from pycarbon.store.database import Database
from pycarbon.store.rows import Place
from pycarbon.store.summary import RunSummary, summary

PER_TRANSACTION = 200
_SETTLED_NS = 3_000_000_000
"""A folder that changed so recently may change again within one tick of its clock: it is looked into again."""

_NO_NAME = "its name is no UTF-8; rename it"


@dataclass(slots=True)
class Refreshed:
    """What a look at the files found. `refused` has for each file without a usable run the reason, in one line."""

    added: int = 0
    gone: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


def read(path: Path) -> RunSummary:
    """Read what the index keeps of a file; PyCarbonError, in one line, where it holds no run that can be used."""
    run = load(path)
    if not run.id:
        raise PyCarbonError("it says of itself no id, so it could be counted twice")
    return summary(run)


def place_of(folder: Path, path: Path) -> Place:
    """Say where in a store a file lies, and its state, before it is read; PyCarbonError where it is not there."""
    try:
        relative = path.absolute().relative_to(folder.absolute()).as_posix()
    except ValueError:
        raise PyCarbonError(f"{path} does not lie in the store {folder}") from None
    try:
        status = path.stat()
    except OSError as error:
        raise PyCarbonError(f"{path} cannot be read: {error.strerror}") from None
    if _joined("", relative) != relative:
        raise PyCarbonError(f"{str(path)!r}: {_NO_NAME}")
    return Place("", relative, status.st_size, status.st_mtime_ns)


def refresh(
    database: Database, folder: Path, *, everything: bool = False, progress: Callable[[int], None] | None = None
) -> Refreshed:
    """Compare the files under a folder with the index, and bring that up to date.

    With `everything` folders that seem unchanged are looked into, too. `progress` is told how many files were read.
    """
    found = Refreshed()
    with database.reading() as connection:
        [made] = connection.execute("SELECT made FROM state").fetchone()
        known_folders = dict(connection.execute("SELECT path, mtime_ns FROM folders WHERE source = ''").fetchall())
    seen: set[str] = set()
    waiting: list[tuple[Place, Path]] = []
    visited: list[tuple[str, int]] = []
    for relative, here, mtime_ns in _folders(folder):
        seen.add(relative)
        if not everything and known_folders.get(relative) == mtime_ns:
            continue
        known = _known(database, relative)
        for place, path in _files(here, relative):
            if known.pop(place.path, None) != (place.size_bytes, place.mtime_ns):
                waiting.append((place, path))
        _forget(database, list(known), found)
        visited.append((relative, mtime_ns))
    for relative in known_folders.keys() - seen:
        _forget(database, list(_known(database, relative)), found)
    for start in range(0, len(waiting), PER_TRANSACTION):
        _take_in(database, waiting[start : start + PER_TRANSACTION], found)
        if progress is not None:
            progress(min(start + PER_TRANSACTION, len(waiting)))
    _read_again(database, folder, found)
    _note(database, made, visited, known_folders.keys() - seen)
    return found


def _folders(top: Path) -> Iterator[tuple[str, Path, int]]:
    """Give the folders that may hold runs: their paths from the top, and when they changed."""
    waiting = [("", top)]
    while waiting:
        relative, here = waiting.pop()
        try:
            mtime_ns = here.stat().st_mtime_ns
            inner = sorted(
                entry.name
                for entry in os.scandir(here)
                if entry.is_dir(follow_symlinks=False) and LIVE_SUFFIX not in entry.name and entry.name[:1] != "."
            )
        except OSError:  # nobody may look into it, or it has just gone
            continue
        yield relative, here, mtime_ns
        waiting += [(_joined(relative, name), here / name) for name in reversed(inner)]


def _files(folder: Path, relative: str) -> Iterator[tuple[Place, Path]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if not entry.name.endswith(SUFFIX):
            continue
        try:
            if entry.is_file():
                status = entry.stat()
                yield (
                    Place("", _joined(relative, entry.name), status.st_size, status.st_mtime_ns),
                    folder / entry.name,
                )
        except OSError:
            continue


def _joined(relative: str, name: str) -> str:
    """Give a path from the top as SQLite can hold it: bytes that are no UTF-8 are written as \\xff."""
    name = os.fsencode(name).decode("utf-8", "backslashreplace")
    return f"{relative}/{name}" if relative else name


def _known(database: Database, relative: str) -> dict[str, tuple[int, int]]:
    """Give the files that the index has in a folder, not below it."""
    first, after = (f"{relative}/", f"{relative}0") if relative else ("", "\U0010ffff")
    known: dict[str, tuple[int, int]] = {}
    with database.reading() as connection:
        for table in ("runs", "refused"):
            query = (
                f"SELECT path, size_bytes, mtime_ns FROM {table}"
                " WHERE source = '' AND path >= ? AND path < ? ORDER BY path"
            )
            start: str | None = first
            while start is not None:
                found, start = connection.execute(query, [start, after]), None
                for path, *state in found:
                    below = path.find("/", len(first))
                    if below >= 0:
                        start = f"{path[:below]}0"  # "0" comes after "/": behind all that lies in that folder
                        break
                    known[path] = (state[0], state[1])
                found.close()
    return known


def _take_in(database: Database, files: list[tuple[Place, Path]], found: Refreshed) -> None:
    """Read some files, then change the index in one transaction: nobody waits while we read."""
    told: list[tuple[Place, RunSummary | str]] = []
    for place, path in files:
        try:
            if not path.as_posix().endswith(place.path):  # it was written in another way: see _joined
                raise PyCarbonError(_NO_NAME)
            told.append((place, read(path)))
        except PyCarbonError as error:
            if os.path.lexists(path):  # else it has just gone
                told.append((place, str(error).replace(f"{path} ", "it ", 1)))
    with database.transaction() as connection:
        for place, what in told:
            if isinstance(what, str):
                rows.refuse(connection, place, what)
                found.refused.append((place.path, what))
                continue
            other = rows.put(connection, what, place)
            if other is None:
                found.added += 1
            else:
                found.refused.append((place.path, f"it is the same run as {other}"))


def _forget(database: Database, paths: list[str], found: Refreshed) -> None:
    if not paths:
        return
    with database.transaction() as connection:
        for path in paths:
            rows.remove(connection, "", path)
    found.gone += len(paths)


def _read_again(database: Database, folder: Path, found: Refreshed) -> None:
    """Let one of several files with the same run take the place of another that has gone."""
    with database.reading() as connection:
        paths = rows.unread(connection, "")
    again = []
    for path in paths:
        try:
            again.append((place_of(folder, folder / path), folder / path))
        except PyCarbonError:
            _forget(database, [path], found)
    if again:
        _take_in(database, again, found)


def _note(database: Database, made: str, visited: list[tuple[str, int]], gone: set[str]) -> None:
    """Note what was looked into, unless that was compared with an index that somebody has replaced meanwhile."""
    settled = [(path, ns) for path, ns in visited if time.time_ns() - ns > _SETTLED_NS]
    with database.reading() as connection:
        is_whole = database.is_whole(connection)
    if is_whole and not settled and not gone:
        return
    with database.transaction() as connection:
        if connection.execute("SELECT made FROM state").fetchone() != (made,):
            return
        connection.executemany("INSERT OR REPLACE INTO folders VALUES ('', ?, ?)", settled)
        connection.executemany("DELETE FROM folders WHERE source = '' AND path = ?", [(path,) for path in gone])
        connection.execute("UPDATE state SET is_whole = 1")
