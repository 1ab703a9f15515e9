"""Runs that have just been recorded come into the index one by one: at once, or else at its next look."""

from __future__ import annotations

from pathlib import Path

from pycarbon.analysis import Run
from pycarbon.store import rows, scan
from pycarbon.store.database import Database
from pycarbon.store.summary import summary

PATIENCE_S = 1.0
"""So long whoever has just recorded waits for others: for those that open the index, and for those that write."""


def add(folder: Path, path: Path, run: Run) -> None:
    """Take a run and its new file into the index of the store in `folder`; PyCarbonError where that cannot be now.

    An index that is not there yet is made with this run alone: nobody who ends a run waits until all are read.
    """
    place = scan.place_of(folder, path)
    database = Database(folder, PATIENCE_S)
    try:
        with database.transaction() as connection:
            rows.put(connection, summary(run), place)
    finally:
        database.close()
