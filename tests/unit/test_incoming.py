"""A run that comes from elsewhere: checked, given its one place, and indexed, whatever happened before."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sent_runs import ID, run_file

from pycarbon.store import incoming
from pycarbon.store.incoming import Part, clear, take_in
from pycarbon.store.index import Store

NOW_S = 1_767_225_600.0
PLACE = "default/digits/20260101-000000-train-012345.pcr"


@pytest.fixture
def store(tmp_path):
    with contextlib.closing(Store(tmp_path)) as opened:
        yield opened


def send(store, body, id=ID, now_s=NOW_S):
    part = Part(store.folder)
    try:
        part.write(body)
        return take_in(store, part.path, id, now_s)
    finally:
        part.close()


def files(store):
    found = [*store.folder.rglob("*.pcr"), *store.folder.rglob("*.part")]
    return [path.relative_to(store.folder).as_posix() for path in found]


def test_a_run_has_its_place_and_is_there_once(store):
    assert send(store, run_file()).status == 201
    again = send(store, run_file())
    assert (again.status, again.state) == (200, "already here")
    assert files(store) == [PLACE] and store.totals().runs == 1


def test_other_contents_of_a_run_are_refused_with_what_to_do(store):
    send(store, run_file())
    told = send(store, run_file(tags={"a": "b"}))
    assert (told.status, told.state) == (409, "another") and "pycarbon rm" in told.message
    assert "a" not in store.run(ID).summary.tags and files(store) == [PLACE]


def test_what_a_kill_kept_out_of_the_index_is_found(store):
    # GIVEN a file that was stored, and no row of it
    path = store.folder / PLACE
    path.parent.mkdir(parents=True)
    path.write_bytes(run_file())
    assert store.totals().runs == 0
    # WHEN it is sent again
    told = send(store, run_file())
    # THEN it is here, once
    assert told.status == 200 and store.totals().runs == 1 and files(store) == [PLACE]


def test_two_runs_of_one_name_have_two_places(store):
    other = ID[:6] + "9" * 10
    assert send(store, run_file()).status == send(store, run_file(other), other).status == 201
    assert len(files(store)) == store.totals().runs == 2


def test_the_same_run_that_came_another_way_counts(store):
    path = store.folder / "elsewhere.pcr"
    path.write_bytes(run_file())
    store.add(path)
    assert send(store, run_file()).status == 200
    assert send(store, run_file(name="other")).status == 409
    assert files(store) == ["elsewhere.pcr"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "the file is empty"),
        (b"MZ no run", "the file is not a pycarbon run file"),
        (run_file()[:-9], "the file was cut off, or never closed; `pycarbon repair` makes a whole one"),
        (run_file("fedcba98"), "the file is the run 'fedcba98', and was sent as '0123456789abcdef'"),
        (run_file(""), "the file is the run ''"),
    ],
)
def test_what_is_no_whole_run_is_refused(store, body, why):
    told = send(store, body)
    assert told.state == "refused" and files(store) == [] and str(store.folder) not in told.message
    assert why in told.message


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.data())
def test_no_damaged_file_becomes_a_run(store, data):
    whole = run_file()
    at = data.draw(st.integers(0, len(whole) - 1))
    body = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    told = send(store, body)
    assert told.status == 400 or (told.status, store.run(ID).summary.id) == (201, ID)
    with contextlib.suppress(Exception):
        store.remove(store.run(ID))


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "..", "a\0b", "\u202e", "=1+1", "x" * 5000, "<script>"])
def test_no_name_reaches_the_file_system(store, name):
    told = send(store, run_file(organisation=name, project=name, name=name))
    assert told.status == 201
    (path,) = files(store)
    assert path.count("/") == 2 and ".." not in Path(path).parts and "\0" not in path
    assert (store.folder / path).resolve().is_relative_to(store.folder.resolve())


def test_a_clock_that_is_wrong_is_told_and_the_run_kept(store):
    told = send(store, run_file(started_at="2027-01-01T00:00:00Z"))
    assert told.status == 201
    assert "365 days later than this server's clock says it is now (2026-01-01 00:00 UTC)" in told.message
    assert send(store, run_file("4567", started_at="2026-01-01T23:59:00Z"), "4567").message == "stored"
    assert send(store, run_file("89ab", started_at="no time"), "89ab").status == 201


def test_parts_of_the_dead_are_cleared_and_those_of_the_living_stay(store):
    part = Part(store.folder)
    left = part.path.with_name("dead.part")
    left.write_bytes(b"half")
    assert clear(store.folder) == 1
    assert part.path.exists() and not left.exists()
    part.close()
    assert clear(store.folder) == 0 and files(store) == []


def test_a_place_is_taken_once_where_there_are_no_links(store, tmp_path):
    """Some file systems have no hard links: there a rename does it."""

    def none(*_):
        raise PermissionError(1, "Operation not permitted")

    before, os.link = os.link, none
    try:
        assert incoming._link(_file(tmp_path / "a", b"1"), tmp_path / "o" / "p" / "b")
        assert not incoming._link(_file(tmp_path / "a", b"2"), tmp_path / "o" / "p" / "b")
    finally:
        os.link = before
    assert (tmp_path / "o" / "p" / "b").read_bytes() == b"1"


def _file(path, contents):
    path.write_bytes(contents)
    return path
