"""Runs behind ids: what was computed of the last few is kept, of the very file that is there."""

import threading

import pytest

from pycarbon.dashboard.opened import Remembered


def test_what_was_asked_for_last_is_kept_and_no_more_than_that():
    remembered, made = Remembered(2), []

    def get(key):
        return remembered.get(key, lambda: made.append(key) or key * 2)

    assert [get(key) for key in "abab"] == ["aa", "bb", "aa", "bb"] and made == ["a", "b"]
    assert [get(key) for key in "cba"] == ["cc", "bb", "aa"] and made == ["a", "b", "c", "a"]


def test_what_fails_is_told_and_tried_again():
    remembered = Remembered()
    with pytest.raises(ZeroDivisionError):
        remembered.get("a", lambda: 1 // 0)
    assert remembered.get("a", lambda: 7) == 7


def test_many_who_ask_at_a_time_have_it_computed_once():
    remembered, made, begun, go = Remembered(), [], threading.Event(), threading.Event()

    def make():
        begun.set()
        go.wait(10)
        made.append(1)
        return len(made)

    found = []
    threads = [threading.Thread(target=lambda: found.append(remembered.get("a", make))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    go.set()
    for thread in threads:
        thread.join(10)
    assert found == [1, 1, 1, 1]
