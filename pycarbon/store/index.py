"""The run store as everybody uses it: a folder of run files, and the index of what is in them.

Many processes may write at once: each change is one short transaction, and what another process missed is found at
its next look, since the files say everything. One Store may be used from many threads.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from pycarbon.analysis import Run, load
from pycarbon.errors import PyCarbonError
from pycarbon.store import queries, remote, rows, scan, sources
from pycarbon.store.amend import Changes, amend, moved
from pycarbon.store.database import PATIENCE_S, Damaged, Database
from pycarbon.store.filters import Filter
from pycarbon.store.queries import Dimension, Listed, Order
from pycarbon.store.rollup import Group, RollUp
from pycarbon.store.scan import Refreshed
from pycarbon.store.sources import Source
from pycarbon.store.summary import RunSummary

ALL = Filter()
MOST_FILLS = 5


Given = ParamSpec("Given")
Answer = TypeVar("Answer")


class Store:
    """A folder of run files with its index, which is made when it is first needed."""

    def __init__(self, folder: Path, patience_s: float = PATIENCE_S) -> None:
        """Open the store in a folder; PyCarbonError where its index cannot be used.

        For so long others that write are waited for. An index that was never filled reads all files first.
        """
        self.folder = folder
        self._refreshing = threading.Lock()
        self._database = Database(folder, patience_s)
        self._asked(lambda connection: None)

    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed here."""
        return self._database.read_only

    def close(self) -> None:
        """Let go of the index's file; no other thread may use the store any more."""
        self._database.close()

    def add(self, path: Path) -> RunSummary:
        """Take a file that lies in the store into the index, and say what it holds.

        PyCarbonError where it is damaged, is the same run as another file, or lies elsewhere.
        """
        place = scan.place_of(self.folder, path)
        found = scan.read(path)
        other = self._changed(rows.put, found, place)
        if other is not None:
            raise PyCarbonError(f"{path} is the same run as {other} in the store; remove one of them")
        return found

    def remove(self, listed: Listed) -> None:
        """Delete a run: its file, then its place in the index; PyCarbonError where it is not ours to delete."""
        if listed.source:
            raise PyCarbonError(f"{listed.path} lies in {listed.source}, which pycarbon only reads")
        self.remove_file(self.path_of(listed))

    def remove_file(self, path: Path) -> None:
        """Delete a file that lies in the store, whatever it holds; PyCarbonError where that cannot be."""
        relative = scan.place_of(self.folder, path).path
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise PyCarbonError(f"{path} cannot be deleted: {error.strerror}") from None
        self._changed(rows.remove, "", relative)

    def change(self, path: Path, changes: Changes) -> Path:
        """Change what a run whose file lies in the store is said to belong to, and say where its file is now.

        That is the folder of what it belongs to. PyCarbonError where it cannot be: the file is then as it was.
        """
        before = scan.place_of(self.folder, path).path
        amend(path, changes)
        path = moved(self.folder, path, changes)
        place = scan.place_of(self.folder, path)
        found = scan.read(path)

        def follow(connection: sqlite3.Connection) -> None:
            rows.remove(connection, "", before)
            rows.put(connection, found, place)

        self._changed(follow)
        return path

    def rebuild(self, progress: Callable[[int], None] | None = None) -> Refreshed:
        """Forget the index, whatever it says, and make it anew from the files."""
        self._mended(self._database.clear)
        return self.refresh(progress=progress)

    def refresh(self, *, everything: bool = False, progress: Callable[[int], None] | None = None) -> Refreshed:
        """Bring the index up to what the files say; where it cannot be written it stays as it is."""
        if self.read_only and not self._database.in_memory:
            return Refreshed()
        with self._refreshing:
            return self._mended(
                lambda: scan.refresh(self._database, self.folder, everything=everything, progress=progress)
            )

    def sources(self) -> list[Source]:
        """Give the stores elsewhere whose runs stand in the index."""
        return self._asked(sources.listed)

    def refresh_source(self, url: str, progress: Callable[[int], None] | None = None) -> Refreshed:
        """Bring the index up to what another store has, at any address that fsspec opens; it becomes a source.

        PyCarbonError where it cannot be read, and then what is known of its runs stays; or where it is this store.
        """
        url = remote.address(url)
        theirs, own = remote.folder_of(url), self.folder.absolute()
        if theirs is not None and (theirs in (own, *own.parents) or own in theirs.parents):
            raise PyCarbonError(f"{url} is this store, or a part of it: its files are in the index already")
        self._asked(lambda connection: None)
        return self._mended(lambda: sources.refresh(self._database, url, progress))

    def remove_source(self, url: str) -> int:
        """Forget a source with its runs, whose files stay, and say how many these were."""
        return self._changed(sources.remove, remote.address(url))

    def open(self, listed: Listed) -> Run:
        """Open a run, of whatever source; of one that lies elsewhere only what it is asked for is fetched.

        RunFileError where it cannot be read; another PyCarbonError where it cannot be reached.
        """
        if not listed.source:
            return load(self.path_of(listed))
        return remote.Remote(listed.source).load(listed.path)

    def path_of(self, listed: Listed) -> Path:
        """Say where the file of a run of the store itself lies; PyCarbonError where it is of another source."""
        if listed.source:
            raise PyCarbonError(f"{listed.path} lies in {listed.source}, not in this store")
        return self.folder / listed.path

    def runs(
        self,
        chosen: Filter = ALL,
        order: Order = "started",
        *,
        descending: bool = True,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Listed]:
        """Give runs that fit, in order; those of which the order knows nothing come last."""
        return self._asked(queries.runs, chosen, order, descending, limit, offset)

    def run(self, name: str) -> Listed:
        """Give the run with an id, or the only one whose id begins so; PyCarbonError where none is, or several."""
        return self._asked(queries.run, name)

    def totals(self, chosen: Filter = ALL) -> RollUp:
        """Add up all runs that fit."""
        return self._asked(queries.totals, chosen)

    def by(self, dimension: Dimension, chosen: Filter = ALL) -> list[Group]:
        """Add up the runs that fit, by something: in order of time, of anything else largest emissions first."""
        return self._asked(queries.by, chosen, dimension)

    def several(
        self, asked: Sequence[Sequence[Dimension]], chosen: Filter = ALL
    ) -> list[list[tuple[tuple[str, ...], RollUp]]]:
        """Add up the runs that fit by several lots of things: for each the keys that occur together, and sums."""
        return self._asked(queries.several, chosen, asked)

    def energies(self, chosen: Filter = ALL) -> list[float]:
        """Give the energies in J of the runs that fit and have one, the smallest first."""
        return self._asked(queries.energies, chosen)

    def tags(self, chosen: Filter = ALL, limit: int = 200) -> list[tuple[str, str, int]]:
        """Give tags (key, value and how many runs have it), the commonest first."""
        return self._asked(queries.tags, chosen, limit)

    def refused(self) -> list[tuple[str, str]]:
        """Give the files that hold no run that can be used, each with the reason."""
        return self._asked(queries.refused)

    def _asked(
        self,
        question: Callable[Concatenate[sqlite3.Connection, Given], Answer],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Answer:
        """Ask the index; one that has just been made anew, whoever deleted it, is filled first."""
        return self._mended(lambda: self._filled(question, *given, **named))

    def _filled(
        self,
        question: Callable[Concatenate[sqlite3.Connection, Given], Answer],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Answer:
        for _ in range(MOST_FILLS):
            with self._database.reading() as connection:
                if self._database.is_whole(connection):
                    return question(connection, *given, **named)
            with self._refreshing:
                scan.refresh(self._database, self.folder)
        raise PyCarbonError(f"{self.folder}: somebody deletes the index again and again; stop that, and ask again")

    def _changed(
        self,
        change: Callable[Concatenate[sqlite3.Connection, Given], Answer],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Answer:
        def changed() -> Answer:
            with self._database.transaction() as connection:
                return change(connection, *given, **named)

        return self._mended(changed)

    def _mended(self, work: Callable[[], Answer]) -> Answer:
        """Do something with the index; where that is damaged it is made anew, and the work done again."""
        try:
            return work()
        except Damaged as damaged:
            self._database.set_aside(damaged)
        return work()
