"""The run store as everybody uses it: a folder of run files, and the index of what is in them.

Many processes may write at once: each change is one short transaction, and what another process missed is found at
its next look, since the files say everything. One Store may be used from many threads.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pycarbon.errors import PyCarbonError
from pycarbon.store import queries, rows, scan
from pycarbon.store.database import Database, telling
from pycarbon.store.filters import Filter
from pycarbon.store.queries import Dimension, Listed, Order
from pycarbon.store.rollup import Group, RollUp
from pycarbon.store.rows import Place
from pycarbon.store.scan import Refreshed
from pycarbon.store.summary import RunSummary

ALL = Filter()


class Store:
    """A folder of run files with its index, which is made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        """Open the store in a folder; PyCarbonError where its index cannot be used."""
        self.folder = folder
        self._database = Database(folder)
        if self._database.is_new:
            self.refresh()

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
        found = scan.read(path)
        status = path.stat()
        place = Place("", self._relative(path), status.st_size, status.st_mtime_ns)
        with self._database.transaction() as connection:
            other = rows.put(connection, found, place)
        if other is not None:
            raise PyCarbonError(f"{path} is the same run as {other} in the store; remove one of them")
        return found

    def remove(self, listed: Listed) -> None:
        """Delete a run: its file, then its place in the index; PyCarbonError where it is not ours to delete."""
        if listed.source:
            raise PyCarbonError(f"{listed.path} lies in {listed.source}, which pycarbon only reads")
        try:
            self.path_of(listed).unlink(missing_ok=True)
        except OSError as error:
            raise PyCarbonError(f"{listed.path} cannot be deleted: {error.strerror}") from None
        with self._database.transaction() as connection:
            rows.remove(connection, "", listed.path)

    def refresh(self, *, everything: bool = False, progress: Callable[[int], None] | None = None) -> Refreshed:
        """Bring the index up to what the files say; where it cannot be written it stays as it is."""
        if self.read_only and not self._database.in_memory:
            return Refreshed()
        return scan.refresh(self._database, self.folder, everything=everything, progress=progress)

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
        with telling(self.folder):
            return queries.runs(self._database.connection, chosen, order, descending, limit, offset)

    def run(self, name: str) -> Listed:
        """Give the run with an id, or the only one whose id begins so; PyCarbonError where none is, or several."""
        with telling(self.folder):
            return queries.run(self._database.connection, name)

    def totals(self, chosen: Filter = ALL) -> RollUp:
        """Add up all runs that fit."""
        with telling(self.folder):
            return queries.totals(self._database.connection, chosen)

    def by(self, dimension: Dimension, chosen: Filter = ALL) -> list[Group]:
        """Add up the runs that fit, by something: in order of time, of anything else largest emissions first."""
        with telling(self.folder):
            return queries.by(self._database.connection, chosen, dimension)

    def tags(self, chosen: Filter = ALL, limit: int = 200) -> list[tuple[str, str, int]]:
        """Give tags (key, value and how many runs have it), the commonest first."""
        with telling(self.folder):
            return queries.tags(self._database.connection, chosen, limit)

    def refused(self) -> list[tuple[str, str]]:
        """Give the files that hold no run that can be used, each with the reason."""
        with telling(self.folder):
            return queries.refused(self._database.connection)

    def _relative(self, path: Path) -> str:
        try:
            return str(rows.clean(path.absolute().relative_to(self.folder.absolute()).as_posix()))
        except ValueError:
            raise PyCarbonError(f"{path} does not lie in the store {self.folder}") from None
