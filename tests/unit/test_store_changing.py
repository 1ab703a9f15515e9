"""Runs that somebody named are changed where they lie, and the index follows those of the store."""

from __future__ import annotations

import pytest
from store_files import recorded

from pycarbon.analysis import load
from pycarbon.errors import PyCarbonError
from pycarbon.store import changing
from pycarbon.store.amend import Changes
from pycarbon.store.index import Store


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    monkeypatch.setenv("PYCARBON_DATA_DIR", str(tmp_path / "store"))
    recorded(tmp_path / "store/default/golden/1.pcr", "0001")
    return Store(tmp_path / "store")


def test_a_run_of_the_store_goes_to_the_folder_of_its_project(store):
    [path] = changing.change([store.folder / "default/golden/1.pcr"], Changes("acme", "a/b"))
    assert path == store.folder / "acme/a-b/1.pcr" and load(path).project == "a/b"
    # THEN the index says so at once, and a look at the files finds nothing new
    before = store.runs()
    assert [(one.summary.organisation, one.path) for one in before] == [("acme", "acme/a-b/1.pcr")]
    found = store.refresh(everything=True)
    assert (found.added, found.gone, found.refused) == (0, 0, []) and store.runs() == before


def test_a_file_stays_where_nothing_moves_it_and_where_another_is(store):
    path = store.folder / "default/golden/1.pcr"
    assert changing.change([path], Changes(experiment="e", name="n", tags={"k": "v"})) == [path]
    recorded(store.folder / "default/other/1.pcr", "0002")
    assert changing.change([path], Changes(project="other")) == [path]
    assert {one.summary.id: one.summary.project for one in store.runs()}["0001"] == "other"


def test_a_file_elsewhere_is_changed_without_any_index(store, tmp_path):
    path = recorded(tmp_path / "mine.pcr", "0003")
    assert changing.change([path], Changes(project="p")) == [path]
    assert load(path).project == "p" and len(store.runs()) == 1


def test_what_cannot_be_changed_is_said_and_stays_in_the_index(store):
    path = recorded(store.folder / "default/golden/2.pcr", "0002")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(PyCarbonError, match="was cut off"):
        changing.change([store.folder / "default/golden/1.pcr", path], Changes(name="n"))
    assert {one.summary.name for one in store.runs()} >= {"n"}


def test_names_are_what_settings_take():
    assert changing.name("project", " p ") == "p" and changing.name("project", None) is None
    for text in ("", " ", "\0"):
        with pytest.raises(PyCarbonError, match=r"project .* is no good: it must"):
            changing.name("project", text)
