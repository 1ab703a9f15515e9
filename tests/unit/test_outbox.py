"""The folder of runs that wait: what is put in comes out, whatever else lies there, and one sends at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.errors import PyCarbonError
from pycarbon.pushing.outbox import Entry, Outbox, Pause

SERVER = "https://carbon.example.org"

entries = st.builds(
    Entry,
    id=st.from_regex(r"[0-9A-Za-z_-]{4,64}", fullmatch=True),
    path=st.text(st.characters(codec=None), max_size=30),
    server=st.sampled_from([SERVER, "https://other.example.org"]),
    since_s=st.floats(0, 1e10),
    tries=st.integers(0, 1000),
    answer=st.text(max_size=30),
    next_s=st.floats(0, 1e10),
    refused=st.booleans(),
)


@given(st.lists(entries, max_size=5))
def test_what_is_put_in_comes_out_oldest_first(tmp_path_factory, put):
    outbox = Outbox(tmp_path_factory.mktemp("data"))
    for entry in put:
        outbox.put(entry)
    latest = {entry.name: entry for entry in put}
    assert {entry.name: entry for entry in outbox.entries()} == latest
    assert [entry.since_s for entry in outbox.entries()] == sorted(entry.since_s for entry in latest.values())
    for entry in put:
        outbox.drop(entry)
    assert outbox.look() == ([], []) and [outbox.get(entry) for entry in put] == [None] * len(put)


def test_nothing_is_made_before_something_is_put_in(tmp_path):
    outbox = Outbox(tmp_path / "data")
    assert (outbox.entries(), outbox.pauses(), outbox.sent(SERVER)) == ([], {}, set())
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("run_id", ["", "abc", "../../etc/passwd", "a/b/c", "a" * 65, "abcd\n", "ünïcode"])
def test_an_id_that_no_file_should_have_is_not_taken(tmp_path, run_id):
    with pytest.raises(PyCarbonError, match="id"):
        Outbox(tmp_path).put(Entry(run_id, "/x.pcr", SERVER, 0.0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda members: "",
        lambda members: "[]",
        lambda members: "[" * 100_000,
        lambda members: json.dumps({**members, "id": "../abcd"}),
        lambda members: json.dumps({**members, "tries": "1"}),
        lambda members: json.dumps({name: value for name, value in members.items() if name != "path"}),
    ],
)
def test_what_is_no_entry_is_named_and_left_alone(tmp_path, change):
    # GIVEN an entry, and one that was damaged
    outbox, good, bad = Outbox(tmp_path), Entry("good1", "/x", SERVER, 1.0), Entry("bad01", "/y", SERVER, 2.0)
    outbox.put(good)
    outbox.put(bad)
    path = outbox.folder / bad.name
    path.write_text(change(json.loads(path.read_text())))
    # WHEN somebody looks THEN the first is there, and the other named
    assert outbox.look() == ([good], [bad.name]) and path.exists()


def test_an_entry_of_a_later_version_is_read(tmp_path):
    outbox, entry = Outbox(tmp_path), Entry("abcd", "/x", SERVER, 1.0)
    outbox.put(entry)
    path = outbox.folder / entry.name
    path.write_text(json.dumps({**json.loads(path.read_text()), "colour": "green"}))
    assert outbox.entries() == [entry]


def test_servers_are_left_alone_one_by_one(tmp_path):
    outbox, pause = Outbox(tmp_path), Pause(5.0, 2, "away", False)
    outbox.put(Entry("abcd", "/x", SERVER, 1.0))
    outbox.pause(SERVER, pause)
    outbox.pause("https://b", replace(pause, stopped=True))
    outbox.pause(SERVER, None)
    assert outbox.pauses() == {"https://b": replace(pause, stopped=True)}
    (outbox.folder / "pauses").write_text("nonsense")
    assert outbox.pauses() == {}


def test_it_is_known_what_a_server_was_sent(tmp_path):
    outbox, entry = Outbox(tmp_path), Entry("abcd", "/x", SERVER, 1.0)
    outbox.put(entry)
    outbox.note_sent(entry)
    outbox.note_sent(replace(entry, id="efgh", server="https://b"))
    assert outbox.sent(SERVER) == {"abcd"} and outbox.sent("https://b") == {"efgh"}


def test_one_sends_at_a_time(tmp_path):
    one, other = Outbox(tmp_path), Outbox(tmp_path)
    with one.claimed() as first:
        with other.claimed() as second:
            assert first and not second
        assert other.is_claimed()
    assert not other.is_claimed()
    # WHEN another waits for its turn THEN it gets it
    turns = []

    def wait() -> None:
        with other.claimed(wait=True) as claimed:
            turns.append(claimed)

    thread = threading.Thread(target=wait)
    with one.claimed():
        thread.start()
    thread.join(20)
    assert turns == [True]


def test_a_lock_dies_with_its_holder_and_not_with_the_holders_children(tmp_path):
    # GIVEN a process that sends, and has a child that lives on
    code = (
        "import os, sys; from pathlib import Path; from pycarbon.pushing.outbox import Outbox\n"
        "with Outbox(Path(sys.argv[1])).claimed() as claimed:\n"
        "    if os.fork() == 0: sys.stdin.read(); os._exit(0)\n"
        "    print(claimed, flush=True); sys.stdin.readline()\n"
        "print('let go', flush=True); os._exit(0)"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)], stdin=pipe, stdout=pipe
    ) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        assert holder.stdout.readline() == b"True\n" and Outbox(tmp_path).is_claimed()
        # WHEN it lets go THEN the lock is free, although the child has its descriptor
        os.write(holder.stdin.fileno(), b"\n")
        assert holder.stdout.readline() == b"let go\n" and not Outbox(tmp_path).is_claimed()


def test_a_killed_holder_holds_nothing(tmp_path):
    code = (
        "import sys; from pathlib import Path; from pycarbon.pushing.outbox import Outbox\n"
        "with Outbox(Path(sys.argv[1])).claimed(): print('has it', flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=pipe, stdout=pipe) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"has it\n"
        assert Outbox(tmp_path).is_claimed()
        holder.kill()
    assert not Outbox(tmp_path).is_claimed()
