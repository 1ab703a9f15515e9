"""The law of pushing: whatever a server answers and whenever a pusher dies, no run is lost and none comes twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pushed_runs import write_cut_off, write_run

from pycarbon.pushing.outbox import Entry, Outbox
from pycarbon.pushing.pusher import IN_A_ROW, LONGEST_S, MOST_ASKED_S, Clocks, Pusher
from pycarbon.pushing.upload import Told

SERVER, OTHER = "https://carbon.example.org", "https://other.example.org"


class Killed(BaseException):
    """A SIGKILL: nobody handles it."""


class Mortal(Outbox):
    """An outbox whose user is killed before it has changed something so many times."""

    left = 1 << 30

    def _die(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    def put(self, entry):
        self._die()
        super().put(entry)

    def drop(self, entry):
        self._die()
        super().drop(entry)

    def pause(self, server, pause):
        self._die()
        super().pause(server, pause)

    def note_sent(self, entry):
        self._die()
        super().note_sent(entry)


class World:
    """Servers that answer as told, then well; a clock; and pushes that may be killed."""

    def __init__(self, folder: Path, answers: list[str]) -> None:
        self.folder = folder
        self.outbox = Outbox(folder)
        self.answers = answers
        self.has: dict[str, int] = {}
        self.asked: list[str] = []
        self.now_s = 1e9

    def queue(self, run_id: str, server: str = SERVER) -> Path:
        path = self.folder / "runs" / f"{run_id}.pcr"
        if not path.exists():
            write_run(path, run_id)
        self.outbox.put(Entry(run_id, str(path), server, self.now_s))
        return path

    def send(self, server: str, run_id: str, path: Path) -> Told:
        assert path.exists()
        self.asked.append(run_id)
        answer = self.answers.pop(0) if self.answers else "sent"
        if answer == "killed before":
            raise Killed
        if answer in ("sent", "killed after", "answer lost"):
            self.has.setdefault(run_id, 0)
            self.has[run_id] += 1
        if answer == "killed after":
            raise Killed
        if answer == "unreadable":
            raise PermissionError(13, "Permission denied")
        fate = {"answer lost": "away", "unreadable": "again"}.get(answer, answer)
        return Told(fate, answer, after_s=30.0 if answer == "away" else 0.0)

    def push(self, dies_after: int = 1 << 30, **options):
        outbox = Mortal(self.folder)
        outbox.left = dies_after
        clocks = Clocks(lambda: self.now_s, lambda: 0.5)
        try:
            return Pusher(outbox, self.send, lambda run_id: None, clocks=clocks, **options).push()
        except Killed:
            return None


ANSWERS = [
    "sent",
    "refused",
    "again",
    "away",
    "stopped",
    "unreadable",
    "answer lost",
    "killed before",
    "killed after",
]


@given(
    st.lists(st.sampled_from(ANSWERS), max_size=12),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([1.0, 100.0, 1e5]), st.integers(0, 6), st.booleans())),
)
def test_no_run_is_lost_and_none_is_asked_for_in_vain(tmp_path_factory, answers, steps):
    # GIVEN a server that answers anything; runs queued and pushes made at any time, killed at any change
    world = World(tmp_path_factory.mktemp("data"), answers)
    queued = set()
    for run, wait_s, dies_after, by_hand in steps:
        world.queue(f"run{run}")
        queued.add(f"run{run}")
        world.push(dies_after, by_hand=by_hand)
        world.now_s += wait_s
    # WHEN at last the server works
    world.answers.clear()
    world.push(by_hand=True)
    # THEN each run is there, or was refused and says so; nothing waits
    left = {entry.id for entry in world.outbox.entries()}
    assert queued == set(world.has) | left and all(entry.refused for entry in world.outbox.entries())
    # THEN what is noted as sent is there, and nobody asks again
    assert world.outbox.sent(SERVER) <= set(world.has)
    world.asked.clear()
    world.push(by_hand=True)
    assert world.asked == []


def test_runs_are_sent_oldest_first_and_once(tmp_path):
    world = World(tmp_path, [])
    for run_id in ("run2", "run1", "run3"):
        world.queue(run_id)
        world.now_s += 1
    done = world.push()
    assert [(one.entry.id, one.fate) for one in done] == [("run2", "sent"), ("run1", "sent"), ("run3", "sent")]
    assert world.outbox.entries() == [] and world.outbox.sent(SERVER) == {"run1", "run2", "run3"}


def test_a_server_that_is_away_is_asked_once_and_left_alone_ever_longer(tmp_path):
    # GIVEN a server that is away, and another
    world = World(tmp_path, [])
    world.queue("run1", OTHER)
    world.now_s += 1
    world.queue("run2")
    world.queue("run3")
    world.answers = ["sent", "away"]
    # WHEN it is tried THEN the other server has its run, and this one is asked for one of two
    assert [one.fate for one in world.push()] == ["sent", "waiting", "waiting"] and len(world.asked) == 2
    # THEN it is asked again only after a while, then later, and by hand at once
    waits = []
    for _ in range(12):
        started_s = world.now_s
        while True:
            world.answers, before = ["away"], len(world.asked)
            world.push()
            if len(world.asked) > before:
                break
            world.now_s += max(10.0, (world.now_s - started_s) / 20)
        waits.append(round(world.now_s - started_s))
    assert waits == sorted(waits) and waits[0] > 30 and waits[-1] <= 1.6 * LONGEST_S
    world.answers.clear()
    assert {one.fate for one in world.push(by_hand=True)} == {"sent"} and world.outbox.pauses() == {}


def test_a_run_that_fails_does_not_hold_up_the_others_but_many_do(tmp_path):
    world = World(tmp_path, ["again"])
    for number in range(9):
        world.queue(f"run{number}")
    assert [one.fate for one in world.push()] == ["waiting"] + ["sent"] * 8
    # GIVEN a server that fails at all of them THEN a push tries a few
    for number in range(9):
        world.queue(f"again{number}")
    world.answers, before = ["again"] * 99, len(world.asked)
    assert len(world.push(by_hand=True)) == 10 and len(world.asked) == before + IN_A_ROW


def test_a_run_at_which_a_server_breaks_does_not_hold_up_the_others_for_ever(tmp_path):
    world = World(tmp_path, ["away"])
    for run_id in ("bad01", "run1", "run2"):
        world.queue(run_id)
        world.now_s += 1
    assert {one.fate for one in world.push()} == {"waiting"}
    world.answers = ["sent", "sent", "away"]
    assert [one.fate for one in world.push(by_hand=True)] == ["sent", "sent", "waiting"]


def test_a_server_that_asks_for_peace_gets_it_but_not_for_ever(tmp_path):
    world = World(tmp_path, [])
    world.queue("run1")
    clocks = Clocks(lambda: world.now_s, lambda: 0.5)
    Pusher(world.outbox, lambda *_: Told("away", "x", 1e12), lambda _: None, clocks=clocks).push()
    world.now_s += MOST_ASKED_S - 1
    assert world.push() == []
    world.now_s += 2
    assert [one.fate for one in world.push()] == ["sent"]


def test_a_clock_that_was_set_back_holds_nothing_up(tmp_path):
    world = World(tmp_path, ["away"])
    world.queue("run1")
    world.push()
    world.now_s -= 10 * MOST_ASKED_S
    assert [one.fate for one in world.push()] == ["sent"]


def test_a_refused_run_is_kept_with_the_reason_until_somebody_asks_again(tmp_path):
    world = World(tmp_path, ["refused"])
    world.queue("run1")
    world.push()
    assert [(entry.refused, entry.answer) for entry in world.outbox.entries()] == [(True, "refused")]
    world.now_s += 1e6
    assert world.push(by_hand=True) == []
    world.queue("run1")
    assert [one.fate for one in world.push()] == ["sent"]


def test_a_run_is_found_when_a_later_one_took_its_name_or_it_was_moved(tmp_path):
    # GIVEN a run set aside by a later one of that name, and one that was moved
    world = World(tmp_path, [])
    path = world.queue("run1")
    path.rename(f"{path}.old")
    write_run(path, "run2")
    moved = world.queue("run3").rename(tmp_path / "moved.pcr")
    # WHEN they are sent THEN each is found
    done = Pusher(world.outbox, world.send, lambda run_id: moved if run_id == "run3" else None).push()
    assert {(one.entry.id, one.fate) for one in done} == {("run1", "sent"), ("run3", "sent")}


def test_a_run_whose_file_is_gone_is_told_of_and_then_dropped(tmp_path):
    world = World(tmp_path, [])
    world.queue("run1").unlink()
    # WHEN nobody looks THEN the entry stays; WHEN somebody does THEN it goes
    assert [one.fate for one in world.push()] == ["gone"] and world.push() == []
    (entry,) = world.outbox.entries()
    assert entry.refused and "no more" in entry.answer
    assert [one.fate for one in world.push(by_hand=True)] == ["gone"] and world.outbox.entries() == []


@pytest.mark.parametrize(
    "write, why", [(write_cut_off, "pycarbon repair"), (lambda p, i: p.write_text("x"), "run file")]
)
def test_what_is_no_whole_run_is_not_sent(tmp_path, write, why):
    world = World(tmp_path, [])
    write(tmp_path / "x.pcr", "run1")
    world.outbox.put(Entry("run1", str(tmp_path / "x.pcr"), SERVER, 0.0))
    (done,) = world.push()
    assert done.fate == "refused" and why in world.outbox.entries()[0].answer and world.asked == []


def test_what_is_queued_while_another_pushes_is_sent_by_that_one(tmp_path):
    # GIVEN a run that is queued just when the last one is being sent, by somebody who finds the lock taken
    world = World(tmp_path, [])
    world.queue("run1")

    def send(server: str, run_id: str, path: Path) -> Told:
        if run_id == "run1":
            world.queue("run2")
            assert world.outbox.is_claimed() and world.push() == []
        return world.send(server, run_id, path)

    done = Pusher(world.outbox, send, lambda _: None).push()
    assert [one.entry.id for one in done] == ["run1", "run2"]


def test_a_push_begins_nothing_after_its_end(tmp_path):
    world = World(tmp_path, [])
    world.queue("run1")
    assert world.push(end_s=world.now_s) == [] and len(world.outbox.entries()) == 1


def test_only_what_was_named_is_sent(tmp_path):
    world = World(tmp_path, [])
    for run_id in ("run1", "run2"):
        world.queue(run_id)
    world.queue("run3", OTHER)
    first = Entry("run1", "", SERVER, 0.0)
    pusher = Pusher(world.outbox, world.send, lambda _: None)
    assert [one.entry.id for one in pusher.push({first.name, replace(first, id="none").name})] == ["run1"]
    assert [one.entry.id for one in pusher.push(server=OTHER)] == ["run3"]
