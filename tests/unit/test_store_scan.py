"""Looks at the files of a store: what came, changed or went is seen, what cannot be used is said in a line, once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from run_copies import Copies

from pycarbon.errors import PyCarbonError
from pycarbon.store import scan
from pycarbon.store.database import Database

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def copies():
    return Copies()


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path)
    yield made
    made.close()


@pytest.fixture
def look(database, tmp_path):
    """A look at the files: how many were added, how many are gone, and why others were refused."""

    def look(**how):
        found = scan.refresh(database, tmp_path, **how)
        return found.added, found.gone, [path for path, _ in found.refused]

    return look


def paths(database):
    with database.reading() as connection:
        return [path for (path,) in connection.execute("SELECT path FROM runs ORDER BY path")]


def refused(database):
    with database.reading() as connection:
        return dict(connection.execute("SELECT path, why FROM refused"))


def settle(folder: Path) -> None:
    """Let a folder and those in it have changed long ago."""
    for each in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        os.utime(each, (1e9, 1e9))


def test_files_of_every_version_are_taken_in(database, look, tmp_path):
    for golden in GOLDEN.glob("*.pcr"):
        shutil.copy(golden, tmp_path)
    added, gone, twins = look()
    assert (added, gone, len(twins)) == (3, 0, 2)  # one recording is there in three forms
    assert all(why.startswith("it is the same run as run-v1-") for why in refused(database).values())
    assert look() == (0, 0, [])


def test_what_came_changed_and_went(copies, database, look, tmp_path):
    # GIVEN two projects
    first = copies.write(tmp_path / "o/p/1.pcr", "0001")
    copies.write(tmp_path / "o/p/2.pcr", "0002")
    copies.write(tmp_path / "o/q/3.pcr", "0003")
    assert look() == (3, 0, [])
    # WHEN a file is replaced by rename, by another run
    copies.write(tmp_path / "new", "0004").rename(first)
    assert look() == (1, 0, [])
    # or a folder goes that nobody has looked into since
    shutil.rmtree(tmp_path / "o/q")
    assert look() == (0, 1, [])
    # or files move to another folder
    (tmp_path / "o/p").rename(tmp_path / "o/r")
    assert look() == (2, 2, [])
    # THEN the index has what is there
    assert paths(database) == ["o/r/1.pcr", "o/r/2.pcr"]
    with database.reading() as connection:
        assert {path for (path,) in connection.execute("SELECT path FROM folders")} == {"o/r"}
        assert {id for (id,) in connection.execute("SELECT id FROM runs")} == {"0004", "0002"}


def test_only_changed_folders_are_looked_into(copies, database, look, tmp_path):
    copies.write(tmp_path / "o/p/1.pcr", "0001")
    settle(tmp_path)
    assert look() == (1, 0, [])
    # a file that came, as its folder says, long before
    copies.write(tmp_path / "o/p/2.pcr", "0002")
    settle(tmp_path)
    assert look() == (0, 0, [])
    assert look(everything=True) == (1, 0, [])
    copies.write(tmp_path / "o/p/3.pcr", "0003")
    assert look() == (1, 0, [])


def test_files_at_the_top_are_told_from_those_below(copies, database, look, tmp_path):
    for name in ("1.pcr", "o/2.pcr", "o/p/3.pcr", "o-/4.pcr", "o/p0.pcr", "z.pcr"):
        copies.write(tmp_path / name, f"run-{name}")
    assert look() == (6, 0, [])
    (tmp_path / "z.pcr").unlink()
    assert look() == (0, 1, [])
    assert (tmp_path / "o/p0.pcr").unlink() is None
    assert look() == (0, 1, [])
    assert paths(database) == ["1.pcr", "o-/4.pcr", "o/2.pcr", "o/p/3.pcr"]


def test_a_duplicate_takes_over_when_the_first_goes(copies, database, look, tmp_path):
    # GIVEN one run in three folders that do not change any more
    for name in "abc":
        copies.write(tmp_path / name / "1.pcr", "0001")
    assert look() == (1, 0, ["b/1.pcr", "c/1.pcr"])
    settle(tmp_path)
    assert look() == (0, 0, [])
    # WHEN the first is tagged anew, and later removed
    copies.write(tmp_path / "a/1.pcr", "0001", tags={"x": "y"})
    assert look()[0] == 1
    (tmp_path / "a/1.pcr").unlink()
    settle(tmp_path / "b")
    settle(tmp_path / "c")
    # THEN another takes its place at that look, and then the last
    assert look()[:2] == (1, 1)
    assert paths(database) == ["b/1.pcr"]
    (tmp_path / "b/1.pcr").unlink()
    assert look()[:2] == (1, 1)
    assert paths(database) == ["c/1.pcr"] and refused(database) == {}


def test_a_twin_that_is_gone_itself(copies, database, look, tmp_path):
    for name in "ab":
        copies.write(tmp_path / name / "1.pcr", "0001")
    look()
    shutil.rmtree(tmp_path / "a")
    shutil.rmtree(tmp_path / "b")
    assert look()[0] == 0
    assert paths(database) == [] and refused(database) == {}


def test_what_cannot_be_used_is_said_in_one_line_until_it_changes(copies, database, look, tmp_path):
    # GIVEN files that are damaged, foreign, of a newer version, without an id, without a name that is text
    data = copies.write(tmp_path / "o/good.pcr", "0001").read_bytes()
    bad = {
        "cut": data[:30],
        "foreign": b"SQLite format 3\0" * 9,
        "empty": b"",
        "newer": (GOLDEN / "bad/unknown-version.pcr").read_bytes(),
        "nameless": copies.bytes({"id": ""}),
        "flipped": data[:100] + bytes([data[100] ^ 1]) + data[101:],
        "endless": copies.bytes({"id": "0002"}, {"totals": _with_energy(copies, 1e13)}),
    }
    for name, contents in bad.items():
        (tmp_path / f"o/{name}.pcr").write_bytes(contents)
    odd = [os.fsencode(tmp_path) + name for name in (b"/o/\xff.pcr", b"/o/\xfe.pcr", b"/\xfd")]
    Path(os.fsdecode(odd[2])).mkdir()
    for name in (odd[0], odd[1], odd[2] + b"/x.pcr"):
        Path(os.fsdecode(name)).write_bytes(copies.bytes({"id": name.hex()}))
    # WHEN they are looked at
    assert look()[0] == 1
    # THEN each has one clear line
    why = refused(database)
    names = {f"o/{name}.pcr" for name in bad}
    assert set(why) == names | {"o/\\xff.pcr", "o/\\xfe.pcr", "\\xfd/x.pcr"}
    assert all("\n" not in line and str(tmp_path) not in line for line in why.values())
    assert "is not a pycarbon run file" in why["o/foreign.pcr"]
    assert "is empty" in why["o/empty.pcr"]
    assert "update pycarbon" in why["o/newer.pcr"]
    assert "no id" in why["o/nameless.pcr"]
    assert "more energy" in why["o/endless.pcr"]
    assert "no UTF-8" in why["o/\\xff.pcr"]
    # and they are read again only when they change, or go
    assert look() == (0, 0, [])
    os.utime(tmp_path / "o/cut.pcr", (1e9, 1e9))
    assert look() == (0, 0, ["o/cut.pcr"])
    (tmp_path / "o/empty.pcr").write_bytes(copies.bytes({"id": "0003"}))
    (tmp_path / "o/foreign.pcr").unlink()
    assert look() == (1, 1, [])
    assert set(why) - set(refused(database)) == {"o/empty.pcr", "o/foreign.pcr"}


def _with_energy(copies, total_j):
    totals = copies.footer["totals"]
    return totals | {"energy": totals["energy"] | {"total_j": total_j, "high_j": total_j}}


def test_lone_surrogates_in_words_are_kept_as_question_marks(copies, database, look, tmp_path):
    words = {"organisation": "o\udcff", "project": "<b>\ud800", "experiment": "=1+1", "name": "n\udcfe"}
    copies.write(tmp_path / "1.pcr", "00\udcff01", tags={"k\udcff": "v\udcff", "é": "\0"}, **words)
    assert look() == (1, 0, [])
    with database.reading() as connection:
        row = connection.execute("SELECT id, organisation, project, experiment, name FROM runs").fetchone()
        tags = connection.execute("SELECT key, value FROM tags ORDER BY key").fetchall()
    assert row == ("00?01", "o?", "<b>?", "=1+1", "n?")
    assert tags == [("k?", "v?"), ("é", "\0")]


def test_the_footers_words_count(copies, database, look, tmp_path):
    now = {"organisation": "o", "project": "moved", "experiment": "e", "name": "n", "tags": {"a": "b"}}
    (tmp_path / "1.pcr").write_bytes(copies.bytes({"id": "0001"}, {"run": now}))
    look()
    with database.reading() as connection:
        assert connection.execute("SELECT project, experiment FROM runs").fetchone() == ("moved", "e")
        assert connection.execute("SELECT key, value FROM tags").fetchall() == [("a", "b")]


def test_what_is_no_file_of_the_store(copies, database, look, tmp_path):
    elsewhere = copies.write(tmp_path / "x", "0001")
    (tmp_path / "folder.pcr").mkdir()
    os.mkfifo(tmp_path / "fifo.pcr")
    (tmp_path / "lost.pcr").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle").symlink_to(tmp_path)
    copies.write(tmp_path / ".hidden/1.pcr", "0002")
    copies.write(tmp_path / "a.pcr.live/run.pcr", "0003")
    assert look() == (0, 0, [])
    with pytest.raises(PyCarbonError, match="does not lie in the store"):
        scan.place_of(tmp_path / "o", elsewhere)
    with pytest.raises(PyCarbonError, match="cannot be read: No such file"):
        scan.place_of(tmp_path, tmp_path / "o/gone.pcr")


def test_progress_is_told(copies, look, tmp_path, monkeypatch):
    monkeypatch.setattr(scan, "PER_TRANSACTION", 2)
    for number in range(5):
        copies.write(tmp_path / f"{number}.pcr", f"000{number}")
    told = []
    look(progress=told.append)
    assert told == [2, 4, 5]
