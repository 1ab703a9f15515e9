"""Answers on disk: good for as long as they say, and a miss whenever there is a doubt."""

from __future__ import annotations

import fcntl
import json
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from service_world import NOW, at

from pycarbon.services.cache import Cache, Entry, good_until, home
from pycarbon.services.reading import Reading
from pycarbon.services.turns import wait_s

READING = Reading(at(11), at(12), 61.5, 50, 70, zone="FR", source="Test Grid", issued_at=at(11.5), estimated=True)
ENTRY = Entry(
    (READING, replace(READING, start=at(12), end=at(13), low_g_per_kwh=None)), NOW, NOW + timedelta(hours=1)
)
QUESTION = ("test", "https://grid.example/now", {"zone": "FR"})


def the_file(folder):
    [path] = folder.rglob("*.json")
    return path


def test_what_is_kept_is_found_for_the_same_question_only(tmp_path):
    cache = Cache(tmp_path)
    cache.keep(*QUESTION, ENTRY)
    assert cache.find(*QUESTION) == ENTRY
    assert json.loads(the_file(tmp_path).read_text())["issued_at"] == at(11.5).isoformat()
    for other in (("uk", *QUESTION[1:]), ("test", "x", QUESTION[2]), (*QUESTION[:2], {"zone": "DE"})):
        assert cache.find(*other) is None


def test_it_is_good_until_it_says_and_never_before_it_was_made():
    assert ENTRY.good(NOW) and ENTRY.good(NOW + timedelta(minutes=59))
    assert not ENTRY.good(NOW + timedelta(hours=1)) and not ENTRY.good(NOW - timedelta(seconds=1))


@given(st.data())
def test_a_damaged_entry_is_a_miss_or_what_it_was(tmp_path_factory, data):
    """GIVEN a kept entry, WHEN its bytes are changed anywhere, THEN it is found whole or not at all."""
    cache = Cache(tmp_path_factory.mktemp("cache"))
    cache.keep(*QUESTION, ENTRY)
    path = the_file(cache.folder)
    whole = path.read_bytes()
    at_byte = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(
        whole[:at_byte] + data.draw(st.binary(max_size=3)) + whole[at_byte + data.draw(st.integers(0, 9)) :]
    )
    found = cache.find(*QUESTION)
    assert found is None or all(isinstance(reading, Reading) for reading in found.readings)


@settings(max_examples=20)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner), max_leaves=3
    )
)
def test_whatever_stands_in_a_field_it_is_a_miss_or_a_reading(tmp_path_factory, value):
    cache = Cache(tmp_path_factory.mktemp("cache"))
    cache.keep(*QUESTION, ENTRY)
    path = the_file(cache.folder)
    whole = json.loads(path.read_text())
    for name in whole["readings"][0]:
        path.write_text(json.dumps({**whole, "readings": [{**whole["readings"][0], name: value}]}))
        found = cache.find(*QUESTION)
        assert found is None or replace(found.readings[0]) == found.readings[0]


def test_a_folder_that_cannot_be_is_as_good_as_none(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file" / "pycarbon")
    cache.keep(*QUESTION, ENTRY)
    assert cache.find(*QUESTION) is None
    assert wait_s(cache.folder, "test", 1.0, NOW) == 0


def test_the_oldest_goes_when_there_are_too_many(tmp_path):
    cache = Cache(tmp_path)
    for number in range(205):
        cache.keep("test", str(number), {}, ENTRY)
    assert len(list(tmp_path.rglob("*"))) == 201  # with the folder of the service
    assert cache.find("test", "204", {}) == ENTRY


@pytest.mark.parametrize(
    ("kind", "start", "end", "estimated", "hours"),
    [
        ("live", 11, 12, False, 1 / 12),
        ("live", 12, 12.35, False, 1 / 60),
        ("forecast", 12, 13, False, 1 / 2),
        ("forecast", 12, 12.5, False, 1 / 6),
        ("history", 10, 11, False, 1),
        ("history", 12, 13, False, 1 / 12),
        ("history", -300, -299, False, 180 * 24),
        ("history", -300, -299, True, 1),
    ],
)
def test_how_long_an_answer_is_good(kind, start, end, estimated, hours):
    reading = replace(READING, start=at(start), end=at(end), estimated=estimated)
    assert good_until(kind, [reading], NOW) - NOW == timedelta(hours=hours)


def test_where_the_cache_lies():
    assert str(home({"XDG_CACHE_HOME": "/c", "HOME": "/h"})) == "/c/pycarbon"
    assert str(home({"XDG_CACHE_HOME": "relative", "HOME": "/h"})) == "/h/.cache/pycarbon"
    assert home({}) is home({"HOME": "", "XDG_CACHE_HOME": "here"}) is None


def test_turns_are_an_interval_apart(tmp_path):
    assert [wait_s(tmp_path, "test", 2.0, NOW) for _ in range(3)] == [0, 2, 4]
    assert wait_s(tmp_path, "test", 2.0, NOW + timedelta(seconds=60)) == 0
    assert wait_s(tmp_path, "other", 2.0, NOW) == 0


def test_a_turn_that_somebody_is_just_taking_is_waited_for(tmp_path):
    # GIVEN a program that is noting its turn
    with (tmp_path / "test.turn").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        # WHEN another one asks for its own meanwhile
        with ThreadPoolExecutor(1) as pool:
            turn = pool.submit(wait_s, tmp_path, "test", 2.0, NOW)
            wait([turn], timeout=0.1)
            file.write(repr(NOW.timestamp() + 2))
            file.flush()
            fcntl.flock(file, fcntl.LOCK_UN)
            # THEN that is behind it
            assert turn.result() == 2


@pytest.mark.parametrize("text", ["", "later", "nan", "inf", "1e999", "é"])
def test_a_turn_that_makes_no_sense_is_not_waited_for(tmp_path, text):
    (tmp_path / "test.turn").write_text(text)
    assert wait_s(tmp_path, "test", 2.0, NOW) == 0
