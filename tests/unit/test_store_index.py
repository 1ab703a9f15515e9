"""The store: what its files say, however they came, and whatever became of its index."""

from __future__ import annotations

import shutil
import threading
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_copies import Copies

from pycarbon.errors import PyCarbonError
from pycarbon.store import queries
from pycarbon.store.database import NAME, Database
from pycarbon.store.filters import Filter
from pycarbon.store.index import Store

COPIES = Copies()


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    yield made
    made.close()


def contents(store):
    """All that a store answers."""
    listed = store.runs(order="name", limit=1000)
    groups = {dimension: store.by(dimension) for dimension in queries.DIMENSIONS}
    return sorted(map(str, listed)), store.totals(), groups, store.tags()


def test_a_run_that_is_added_is_there_for_everybody(store, tmp_path):
    # GIVEN another process's store
    other = Store(tmp_path)
    # WHEN a run is added
    path = COPIES.write(tmp_path / "o/p/1.pcr", "abcd01", project="p", tags={"user": "ada"})
    assert store.add(path).project == "p"
    # THEN both have it, and reading the files finds nothing new
    for each in (store, other):
        [listed] = each.runs(Filter(project="p", tags={"user": "ada"}))
        assert each.run("abcd") == listed and each.path_of(listed) == path
        assert each.totals().energy_j == pytest.approx(listed.summary.energy_j, rel=1e-6)
        assert each.totals(Filter(until=date(2000, 1, 1))).runs == 0
    assert other.refresh().added == 0
    # and one that only the files tell of is found at the next look
    COPIES.write(tmp_path / "o/p/2.pcr", "abcd02")
    assert other.totals().runs == 1 and other.refresh().added == 1 and store.totals().runs == 2
    other.close()


def test_what_cannot_be_added(store, tmp_path):
    COPIES.write(tmp_path / "1.pcr", "abcd01")
    store.add(tmp_path / "1.pcr")
    with pytest.raises(PyCarbonError, match=r"2\.pcr is the same run as 1\.pcr in the store; remove one"):
        store.add(COPIES.write(tmp_path / "2.pcr", "abcd01"))
    with pytest.raises(PyCarbonError, match="does not lie in the store"):
        store.add(Path(__file__))
    (tmp_path / "3.pcr").write_bytes(b"nothing of ours")
    with pytest.raises(PyCarbonError, match="not a pycarbon run file"):
        store.add(tmp_path / "3.pcr")
    assert store.refused() == [("2.pcr", "it is the same run as 1.pcr")] and store.totals().runs == 1


def test_a_run_is_deleted_with_its_file(store, tmp_path):
    path = COPIES.write(tmp_path / "1.pcr", "abcd01")
    store.add(path)
    store.remove(store.run("abcd01"))
    assert not path.exists() and store.totals().runs == 0 and store.refresh().gone == 0


def test_what_was_recorded_before_there_was_an_index_is_found(tmp_path):
    # GIVEN files, and an index that somebody made for one of them alone
    for number in range(3):
        COPIES.write(tmp_path / f"{number}.pcr", f"abcd0{number}")
    Database(tmp_path).close()
    # WHEN the store is opened
    store = Store(tmp_path)
    # THEN it has them all
    assert store.totals().runs == 3
    store.close()


def test_an_index_that_is_deleted_while_it_is_open(store, tmp_path):
    # GIVEN two users of a store
    other = Store(tmp_path)
    COPIES.write(tmp_path / "1.pcr", "abcd01")
    store.add(tmp_path / "1.pcr")
    assert other.totals().runs == 1
    # WHEN somebody deletes the index, and one of them adds a run
    (tmp_path / NAME).unlink()
    COPIES.write(tmp_path / "2.pcr", "abcd02")
    store.add(tmp_path / "2.pcr")
    # THEN it is made anew from all files, and both use the new one
    assert store.totals().runs == other.totals().runs == 2
    other.close()
    assert store.totals().runs == 2


def test_an_index_that_is_damaged_while_it_is_open(store, tmp_path, caplog):
    # GIVEN an index all of whose pages but the first are spoilt
    COPIES.write(tmp_path / "1.pcr", "abcd01")
    store.add(tmp_path / "1.pcr")
    store.close()
    size = (tmp_path / NAME).stat().st_size
    with (tmp_path / NAME).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    # WHEN it is asked, THEN it answers, and says in one line what it did
    assert store.totals().runs == 1
    assert len(caplog.records) == 1 and "is damaged" in caplog.text


def test_threads_ask_and_add(store, tmp_path):
    def work(name):
        for number in range(4):
            store.add(COPIES.write(tmp_path / name / f"{number}.pcr", f"{name}-{number}"))
            assert store.totals().runs > number
            store.refresh()

    threads = [threading.Thread(target=work, args=[f"t{each}"]) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.totals().runs == 16


def test_a_store_where_no_folder_can_be(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    store = Store(tmp_path / "file")
    assert store.read_only and store.totals().runs == 0
    store.close()


CHANGES = st.tuples(
    st.sampled_from("ab"), st.sampled_from("12"), st.sampled_from(["x", "y", "move", "gone", "spoilt"])
)


@settings(max_examples=6)
@given(st.lists(st.lists(CHANGES, max_size=5), max_size=4))
def test_any_history_ends_as_if_made_anew(history):
    with TemporaryDirectory() as name:
        # GIVEN a store that was looked at after each of some changes
        folder = Path(name)
        store = Store(folder)
        for changes in history:
            for project, file, what in changes:
                path = folder / project / f"{file}.pcr"
                if what in "xy":
                    COPIES.write(path, f"{what}{file}", project=project, tags={"t": what})
                elif what == "move" and path.exists():
                    path.rename(COPIES.write(folder / "c" / f"{file}.pcr", "other"))
                elif what == "spoilt" and path.exists():
                    path.write_bytes(b"nothing")
                elif path.exists():
                    path.unlink()
            store.refresh(everything=True)
        found = contents(store)
        # WHEN its index is made from nothing
        store.close()
        shutil.copytree(folder, folder / ".copy", ignore=shutil.ignore_patterns("index*"))
        anew = Store(folder / ".copy")
        # THEN that says the same but for which of several copies of a run counts
        assert anew.totals() == found[1]
        if not anew.refused():
            assert contents(anew) == found
        anew.close()
