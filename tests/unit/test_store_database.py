"""The index's file: versions, foreign and damaged ones, locks, and folders that take no file."""

from __future__ import annotations

import contextlib
import os
import sqlite3

import pytest

from pycarbon.errors import PyCarbonError
from pycarbon.store.alone import alone
from pycarbon.store.database import NAME, Damaged, Database
from pycarbon.store.schema import APPLICATION_ID, VERSION


@pytest.fixture
def path(tmp_path):
    return tmp_path / NAME


def ask(database, question="SELECT count(*) FROM runs"):
    with database.reading() as connection:
        return connection.execute(question).fetchone()[0]


@contextlib.contextmanager
def plain(path):
    """The file as SQLite alone opens it."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def made(folder):
    Database(folder).close()
    return folder / NAME


def one_line(raised):
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_new_one_is_empty_and_not_whole(tmp_path, path):
    database = Database(tmp_path / "some/where")
    with database.reading() as connection:
        assert not database.is_whole(connection)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert not database.read_only and not database.in_memory
    database.close()
    # opened again it is the same
    database = Database(tmp_path / "some/where")
    assert ask(database) == 0
    database.close()


def test_a_newer_one_is_refused_by_name(tmp_path, path):
    with plain(made(tmp_path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(PyCarbonError) as raised:
        Database(tmp_path)
    assert f"{path} was made by a newer pycarbon (index version {VERSION + 1}" in one_line(raised)


def test_one_that_a_newer_pycarbon_makes_while_it_is_open(tmp_path, path):
    database = Database(tmp_path)
    with plain(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(PyCarbonError, match="newer pycarbon"):
        ask(database)
    database.close()


@pytest.mark.parametrize("older", ["PRAGMA user_version = 0", "DROP TABLE refused", "ALTER TABLE runs ADD COLUMN x"])
def test_one_with_other_tables_is_made_anew_but_for_its_sources(tmp_path, older):
    with plain(made(tmp_path)) as connection:
        connection.execute("INSERT INTO sources VALUES ('lab', 's3://lab', 'yesterday')")
        connection.execute("INSERT INTO folders VALUES ('', 'o', 1)")
        connection.execute("UPDATE state SET is_whole = 1")
        connection.execute(older)
    database = Database(tmp_path)
    with database.reading() as connection:
        assert connection.execute("SELECT * FROM sources").fetchall() == [("lab", "s3://lab", "")]
        assert connection.execute("SELECT * FROM folders").fetchall() == []
        assert not database.is_whole(connection)
    database.close()


@pytest.mark.parametrize("application", [0, 77])
def test_anothers_file_is_refused_and_left_alone(tmp_path, path, application):
    with plain(path) as connection:
        connection.execute("CREATE TABLE theirs (a)")
        connection.execute(f"PRAGMA application_id = {application}")
    before = path.read_bytes()
    with pytest.raises(PyCarbonError) as raised:
        Database(tmp_path)
    assert f"{path} is no index of pycarbon; move it away" in one_line(raised)
    assert path.read_bytes() == before


@pytest.mark.parametrize("contents", [b"no database at all" * 300, b"SQLite format 3\0" + os.urandom(5000)])
def test_a_damaged_one_is_set_aside_with_a_notice(tmp_path, path, contents, caplog):
    path.write_bytes(contents)
    database = Database(tmp_path)
    assert ask(database) == 0
    database.close()
    assert path.with_name("index.sqlite.damaged").read_bytes() == contents
    [record] = caplog.records
    assert "is damaged: it is now index.sqlite.damaged" in record.getMessage()


def test_an_empty_file_and_what_belonged_to_a_deleted_one(tmp_path, path):
    path.with_name(f"{NAME}-wal").write_bytes(os.urandom(9999))
    path.with_name(f"{NAME}-shm").write_bytes(os.urandom(32768))
    database = Database(tmp_path)
    assert ask(database) == 0
    database.close()
    path.write_bytes(b"")
    database = Database(tmp_path)
    assert ask(database) == 0
    database.close()


def damage(path):
    """Spoil all but the first page of a closed index."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def test_one_that_is_damaged_within_is_set_aside_once(tmp_path, path, caplog):
    # GIVEN two users of an index that is damaged behind its first page
    made(tmp_path)
    damage(path)
    with contextlib.ExitStack() as stack:
        databases = [Database(tmp_path) for _ in range(2)]
        for database in databases:
            stack.callback(database.close)
        assert [ask(database) for database in databases] == [0, 0]
    assert len(caplog.records) == 1


def test_set_aside_is_for_the_file_that_was_damaged(tmp_path, path):
    database = Database(tmp_path)
    with pytest.raises(Damaged) as raised, database.reading():
        raise sqlite3.DatabaseError("database disk image is malformed")
    assert "is damaged; delete it" in one_line(raised)
    database.set_aside(raised.value)
    assert path.with_name("index.sqlite.damaged").exists() and not path.exists()
    assert ask(database) == 0
    before = path.stat().st_ino
    database.set_aside(raised.value)  # another thread that found the same: the new one stays
    assert path.stat().st_ino == before
    database.close()


def test_a_locked_one_is_waited_for_and_then_named(tmp_path, path):
    database = Database(tmp_path, patience_s=0.02)
    with plain(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert ask(database) == 0  # who only reads does not wait
        with pytest.raises(PyCarbonError) as raised, database.transaction():
            raise AssertionError
        assert f"{path} is locked by another process" in one_line(raised)
        connection.execute("ROLLBACK")
    with database.transaction() as connection:
        connection.execute("INSERT INTO folders VALUES ('', 'a', 1)")
    database.close()


def test_a_folder_in_which_somebody_makes_an_index(tmp_path):
    with alone(tmp_path, 0), pytest.raises(PyCarbonError, match="is locked by another process"):
        Database(tmp_path, patience_s=0.02)


def test_a_change_is_made_whole_or_not_at_all(tmp_path):
    database = Database(tmp_path)
    with pytest.raises(KeyError), database.transaction() as connection:
        connection.execute("INSERT INTO folders VALUES ('', 'a', 1)")
        raise KeyError
    assert ask(database, "SELECT count(*) FROM folders") == 0
    database.close()


def test_where_no_folder_can_be_it_is_in_memory(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    database = Database(tmp_path / "file/store")
    assert database.read_only and database.in_memory
    with database.transaction() as connection:
        connection.execute("INSERT INTO folders VALUES ('', 'a', 1)")
        assert ask(database, "SELECT count(*) FROM folders") == 1
    database.close()


def test_it_says_whose_it_is(tmp_path):
    with plain(made(tmp_path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
