"""The lock of a folder: one at a time, with a limit."""

from __future__ import annotations

import threading

import pytest

from pycarbon.store.alone import alone


def test_nobody_else_is_in_it(tmp_path):
    inside = []

    def work():
        for _ in range(20):
            with alone(tmp_path, 60):
                inside.append(1)
                assert len(inside) == 1
                inside.clear()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside == []


def test_patience_ends(tmp_path):
    with alone(tmp_path, 0), pytest.raises(TimeoutError, match="locked by another process"), alone(tmp_path, 0.01):
        pass
    with alone(tmp_path, 0):
        pass


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError), alone(tmp_path / "nowhere", 0):
        pass
