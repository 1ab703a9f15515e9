"""Connections: few stay open, none to a file that is no longer there, none in a forked child."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from pycarbon.store.connections import MOST_IDLE, Connections, identity


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.sqlite"


@pytest.fixture
def connections(path):
    def opened():
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        connection.execute("CREATE TABLE IF NOT EXISTS t (a)")
        return connection

    made = Connections(path, opened, lambda connection: True)
    yield made
    made.close()


def open_files(path):
    """Count this process's descriptors of a file."""
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            count += descriptor.samefile(path)
        except OSError:
            continue
    return count


def test_one_is_used_again(connections, path):
    with connections.one() as first:
        pass
    with connections.one() as second:
        assert second is first and open_files(path) == 1


def test_a_connection_is_one_users_alone(connections):
    with connections.one() as first, connections.one() as second:
        assert first.connection is not second.connection


def test_threads_leave_few_behind(connections, path):
    # GIVEN many threads that use a connection at the same time
    barrier = threading.Barrier(12, timeout=20)

    def use():
        with connections.one() as held:
            held.connection.execute("SELECT * FROM t").fetchall()
            barrier.wait()

    threads = [threading.Thread(target=use) for _ in range(12)]
    # WHEN they have ended
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # THEN only a few connections are kept
    assert open_files(path) <= MOST_IDLE
    connections.close()
    assert open_files(path) == 0


def test_one_that_failed_is_not_used_again(connections):
    with pytest.raises(sqlite3.OperationalError), connections.one() as failed:
        failed.connection.execute("SELECT * FROM nothing")
    with connections.one() as other:
        assert other is not failed
    with pytest.raises(sqlite3.ProgrammingError):
        failed.connection.execute("SELECT 1")


def test_a_file_that_was_replaced_is_opened_anew(connections, path):
    with connections.one() as held:
        held.connection.execute("INSERT INTO t VALUES (1)")
    path.unlink()
    with connections.one() as anew:
        assert anew.connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
        assert anew.identity == identity(path)


def test_one_that_is_out_of_date_is_opened_anew(path):
    current = [True]
    connections = Connections(
        path, lambda: sqlite3.connect(path, check_same_thread=False), lambda connection: current[0]
    )
    with connections.one() as first:
        pass
    current[0] = False
    with connections.one() as second:
        assert second is not first
    connections.close()


def test_identity_of_nothing(tmp_path):
    assert identity(tmp_path / "nothing") is None
