"""A run that has just been recorded comes into the index as a later look at its file would have it."""

from __future__ import annotations

import sqlite3

import pytest
from store_files import recorded

from pycarbon.analysis import load
from pycarbon.errors import PyCarbonError
from pycarbon.store import arrivals, queries
from pycarbon.store.database import Database
from pycarbon.store.filters import Filter
from pycarbon.store.index import Store


def test_it_is_there_as_a_look_at_the_file_finds_it(tmp_path):
    # GIVEN a store with a run that no index has, and one that just arrived
    recorded(tmp_path / "a/p/1.pcr", "0001")
    path = recorded(tmp_path / "a/p/2.pcr", "0002", organisation="a", project="p", tags={"k": "v"})
    arrivals.add(tmp_path, path, load(path))
    # THEN the index has that one alone, until somebody asks it
    with Database(tmp_path).reading() as connection:
        [arrived] = queries.runs(connection, Filter())
    assert (arrived.summary.id, arrived.path) == ("0002", "a/p/2.pcr")
    store = Store(tmp_path)
    assert {found.summary.id for found in store.runs()} == {"0001", "0002"}
    # THEN what is said of it is what its file says
    store.refresh(everything=True)
    assert store.run("0002") == arrived


def test_an_index_that_is_locked_is_not_waited_for_long(tmp_path, monkeypatch):
    path = recorded(tmp_path / "a/p/1.pcr", "0001")
    Store(tmp_path).close()
    monkeypatch.setattr(arrivals, "PATIENCE_S", 0.05)
    holder = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(PyCarbonError, match=r"index\.sqlite is locked by another process; try again"):
        arrivals.add(tmp_path, path, load(path))
    holder.execute("ROLLBACK")
    holder.close()
