"""Runs are named by their files or their ids: a path that is there comes first, and nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_files import recorded

from pycarbon.errors import PyCarbonError
from pycarbon.store import naming
from pycarbon.store.index import Store


@pytest.fixture
def store(tmp_path, monkeypatch) -> Path:
    """A run store with two runs, in a folder of its own."""
    monkeypatch.setenv("PYCARBON_DATA_DIR", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    for id in ("abcd1111", "abcd2222"):
        recorded(tmp_path / f"store/o/p/{id}.pcr", id)
    return tmp_path / "store"


def test_a_run_is_found_by_its_file_or_its_id(store, tmp_path):
    assert naming.find("abcd1111") == naming.find("abcd1") == store / "o/p/abcd1111.pcr"
    # GIVEN a file of that name, or a live run, here THEN it is that
    (tmp_path / "abcd1").write_text("")
    (tmp_path / "abcd2.live").mkdir()
    assert naming.find("abcd1") == Path("abcd1") and naming.find("abcd2") == Path("abcd2")


def test_what_came_or_moved_since_is_found_too(store):
    Store(store).refresh()
    recorded(store / "o/p/later.pcr", "beef0001")
    (store / "o/p/abcd1111.pcr").rename(store / "o/moved.pcr")
    assert naming.find("beef") == store / "o/p/later.pcr"
    assert naming.find("abcd1") == store / "o/moved.pcr"


def test_what_no_id_can_be_is_a_path(store):
    for text in ("abc", "o/abcd1111", "abcd1111.pcr", "n" * 300):
        assert naming.find(text) == Path(text)


@pytest.mark.parametrize(("text", "why"), [("abcd", "several runs have ids"), ("ffff", "no run in the store has")])
def test_an_id_of_none_or_of_several_is_one_line(store, text, why):
    with pytest.raises(PyCarbonError, match=f"there is no file '{text}', and {why}") as raised:
        naming.find(text)
    assert "\n" not in str(raised.value)


def test_without_a_store_none_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("PYCARBON_DATA_DIR", str(tmp_path / "store"))
    assert naming.find("abcd") == Path("abcd") and not (tmp_path / "store").exists()
