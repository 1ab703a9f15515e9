"""The writer of marks: what a thread says is in its ring, whole and in order, whatever happens around it."""

import fcntl
import itertools
import os
import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import marks_files
import pytest
from core import ffi, lib
from handles import limited, open_files, wait_until
from hypothesis import given, settings
from hypothesis import strategies as st
from marks_files import CONTINUED, ENDED, ENTER, LEAVE, OPEN, RESUME, TICK

FIRST_CAPACITY = 4096
NAMES = itertools.count()


def label(name: str) -> int:
    text = name.encode("utf-8", "surrogatepass")
    return lib.pc_marks_label(text, len(text))


@contextmanager
def attached(home: Path) -> Iterator[Path]:
    """A home for a while, and then this thread's rings there are ended."""
    number = lib.pc_marks_attach(os.fsencode(home))
    assert number >= 0
    try:
        yield home
    finally:
        lib.pc_marks_detach(number)
        lib.pc_marks_put(ENTER, 0)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The home of a live run to which this process's marks go."""
    with attached(tmp_path):
        yield tmp_path


def test_what_is_marked_is_there_in_order(home: Path) -> None:
    step, other = label("step"), label("другой 🌱")
    for kind, number in ((ENTER, step), (ENTER, other), (LEAVE, other), (RESUME, other), (TICK, step), (LEAVE, step)):
        lib.pc_marks_put(kind, number)
    [said] = marks_files.marks(home).values()
    names = {step: "step", other: "другой 🌱"}
    assert said == [
        (kind, names[number])
        for kind, number in (
            (ENTER, step), (ENTER, other), (LEAVE, other), (RESUME, other), (TICK, step), (LEAVE, step)
        )
    ]  # fmt: skip
    [ring] = marks_files.rings(home)
    assert ring.pid == os.getpid() and ring.state == OPEN
    assert ring.ticks == sorted(ring.ticks) and ring.ticks[0] >= ring.opened_ticks & marks_files.TICKS


def test_without_a_home_nothing_is_written(tmp_path: Path) -> None:
    lib.pc_marks_put(ENTER, label("nobody"))
    assert not any(tmp_path.iterdir()) and lib.pc_marks_attached == 0


def test_a_process_that_marks_nothing_leaves_no_trace(home: Path) -> None:
    label("named but never entered")
    assert not any(home.iterdir())


def test_labels_have_one_number_each_and_are_written_before_their_marks(home: Path) -> None:
    before = label("known before")
    lib.pc_marks_put(ENTER, before)
    assert label("known before") == before
    later = [label(f"later {i}") for i in range(200)]
    assert len({before, *later}) == 201
    [ring] = marks_files.rings(home)
    names = marks_files.labels(home, ring.process)
    assert names[before] == "known before" and [names[n] for n in later] == [f"later {i}" for i in range(200)]


@given(st.lists(st.text(max_size=40), max_size=20))
def test_any_text_is_a_label(names: list[str]) -> None:
    numbers = {name: label(name) for name in names}
    assert len(set(numbers.values())) == len(numbers) and 0 not in numbers.values()


def test_long_names_are_cut_and_stay_apart(home: Path) -> None:
    long, longer = "é" * 10_000, "é" * 10_000 + "!"
    numbers = label(long), label(longer), label(long)
    assert numbers[0] == numbers[2] != numbers[1]
    lib.pc_marks_put(ENTER, numbers[0])
    [ring] = marks_files.rings(home)
    names = marks_files.labels(home, ring.process)
    assert names[numbers[0]].startswith("é" * 400) and len(names[numbers[0]].encode()) <= 1024
    assert names[numbers[0]] != names[numbers[1]]


@pytest.mark.parametrize("count", [0, 1, FIRST_CAPACITY, FIRST_CAPACITY + 1, 300_000])
def test_a_full_ring_goes_on_in_a_larger_one(home: Path, count: int) -> None:
    tight = label("tight")
    for i in range(count):
        lib.pc_marks_put(i % 2, tight)
    rings = marks_files.rings(home)
    assert [ring.number for ring in rings] == list(range(len(rings)))
    assert all(ring.state == CONTINUED for ring in rings[:-1])
    kinds = [word >> 48 & 3 for ring in rings for word in ring.words]
    assert kinds == [i % 2 for i in range(count)] and sum(ring.dropped for ring in rings) == 0
    ticks = [tick for ring in rings for tick in ring.ticks]
    assert ticks == sorted(ticks)


def test_each_thread_has_its_own_ring_and_ends_it(home: Path) -> None:
    together = threading.Barrier(8)

    def work(number: int) -> None:
        mine = label(f"thread {number}")
        together.wait()
        for _ in range(2000):
            lib.pc_marks_put(ENTER, mine)
            lib.pc_marks_put(LEAVE, mine)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = marks_files.marks(home)
    assert len(said) == 8
    for marks in said.values():
        assert len(marks) == 4000 and len({name for _, name in marks}) == 1
        assert [kind for kind, _ in marks] == [ENTER, LEAVE] * 2000
    assert all(ring.state == ENDED and ring.closed_ticks >= ring.opened_ticks for ring in marks_files.rings(home))


def test_two_homes_get_the_same_marks_and_one_may_leave(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    second = tmp_path_factory.mktemp("second")
    both = label("both")
    lib.pc_marks_put(ENTER, both)
    number = lib.pc_marks_attach(os.fsencode(second))
    lib.pc_marks_put(LEAVE, both)
    lib.pc_marks_detach(number)
    lib.pc_marks_put(TICK, both)
    [first] = marks_files.marks(home).values()
    [other] = marks_files.marks(second).values()
    assert [kind for kind, _ in first] == [ENTER, LEAVE, TICK] and [kind for kind, _ in other] == [LEAVE]
    assert [ring.state for ring in marks_files.rings(second)] == [ENDED]


def test_a_home_attached_twice_is_written_once(home: Path) -> None:
    again = lib.pc_marks_attach(os.fsencode(home))
    lib.pc_marks_put(ENTER, label("once"))
    lib.pc_marks_detach(again)
    lib.pc_marks_put(LEAVE, label("once"))
    [said] = marks_files.marks(home).values()
    assert [kind for kind, _ in said] == [ENTER, LEAVE]


def test_what_is_no_home_is_refused(tmp_path: Path, home: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert lib.pc_marks_attach(os.fsencode(tmp_path / "none")) < 0
    assert lib.pc_marks_attach(os.fsencode(file)) < 0
    assert lib.pc_marks_attach(b"/" + b"x" * 5000) < 0
    more = []
    for i in range(3):
        folder = tmp_path / str(i)
        folder.mkdir()
        more.append(lib.pc_marks_attach(os.fsencode(folder)))
    one_more = tmp_path / "one more"
    one_more.mkdir()
    assert min(more) >= 0 and lib.pc_marks_attach(os.fsencode(one_more)) < 0
    for number in more:
        lib.pc_marks_detach(number)


def test_a_home_that_went_away_loses_the_marks_and_nothing_else(home: Path) -> None:
    home.rmdir()
    lib.pc_marks_put(ENTER, label("into nothing"))
    home.mkdir()
    assert not any(home.iterdir())


@settings(max_examples=10)
@given(st.integers(0, 3))
def test_a_forked_child_writes_into_a_ring_of_its_own(before: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        number = lib.pc_marks_attach(os.fsencode(folder))
        shared = label("shared")
        for _ in range(before):
            lib.pc_marks_put(ENTER, shared)
        child = os.fork()
        if child == 0:
            lib.pc_marks_put(LEAVE, shared)
            lib.pc_marks_put(LEAVE, label(f"of the child {next(NAMES)}"))
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        lib.pc_marks_put(TICK, shared)
        home = Path(folder)
        by_pid = {ring.pid: [word >> 48 & 3 for word in ring.words] for ring in marks_files.rings(home)}
        assert by_pid == {os.getpid(): [ENTER] * before + [TICK], child: [LEAVE, LEAVE]}
        processes = {ring.process for ring in marks_files.rings(home)}
        assert len(processes) == 2 and all("shared" in marks_files.labels(home, process) for process in processes)
        lib.pc_marks_detach(number)
        lib.pc_marks_put(ENTER, 0)


@pytest.mark.lengthy
def test_the_largest_ring_drops_what_nobody_reads(home: Path) -> None:
    flood = label("flood")
    total = sum((1 << 12, 1 << 15, 1 << 18, 1 << 20, 1 << 22))
    put = ffi.addressof(lib, "pc_marks_put")
    for _ in range(total + 5):
        put(ENTER, flood)
    rings = marks_files.rings(home)
    assert len(rings) == 5 and rings[-1].dropped == 5 and rings[-1].state == OPEN
    assert len(rings[-1].words) == 1 << 22


def names(home: Path, kind: str) -> list[str]:
    return sorted(path.name for path in home.glob(f"{kind}-*"))


@pytest.mark.parametrize(
    ("kind", "most"), [(resource.RLIMIT_NOFILE, 0), (resource.RLIMIT_FSIZE, 16_384)], ids=["descriptor", "room"]
)
def test_without_a_ring_marks_are_counted_until_there_is_one(kind: int, most: int, home: Path) -> None:
    # GIVEN a thread for which no ring can be made
    step, count = label("counted"), 0
    with limited(kind, most):
        for _ in range(5):
            lib.pc_marks_put(ENTER, step)
            count += 1
    # THEN that is to be seen, and nothing else of it
    [lost] = names(home, "lost")
    assert names(home, "marks") == [] == list(home.glob(".*")) and (home / lost).stat().st_size == 0

    def has_ring() -> bool:
        nonlocal count
        lib.pc_marks_put(LEAVE, step)
        count += 1
        return bool(names(home, "marks"))

    # WHEN one can be made again THEN it says how many marks there were before it
    wait_until(has_ring, "a ring is made")
    [ring] = marks_files.rings(home)
    assert names(home, "lost") == [] and ring.number == 0 and lost == f"lost-{ring.process}-{ring.thread}"
    assert ring.dropped >= 5 and ring.dropped + len(ring.words) == count
    assert marks_files.labels(home, ring.process)[step] == "counted"


def test_a_full_ring_that_cannot_go_on_drops_what_nobody_reads(home: Path) -> None:
    # GIVEN a thread whose next ring cannot be made
    step = label("cannot go on")
    lib.pc_marks_put(ENTER, step)
    with limited(resource.RLIMIT_FSIZE, 40_960):
        for _ in range(FIRST_CAPACITY + 6):
            lib.pc_marks_put(TICK, step)
        # THEN its ring keeps the beginning, and counts the rest
        [ring] = marks_files.rings(home)
        assert (len(ring.words), ring.dropped, ring.state) == (FIRST_CAPACITY, 7, OPEN)
        assert names(home, "lost") == [] == list(home.glob(".*"))

    def has_next() -> bool:
        lib.pc_marks_put(TICK, step)
        return len(names(home, "marks")) == 2

    # WHEN it can be made THEN the thread goes on there, and nothing is counted twice
    wait_until(has_next, "the next ring is made")
    first, second = marks_files.rings(home)
    assert first.state == CONTINUED and first.dropped >= 7 and (second.dropped, len(second.words)) == (0, 1)


@pytest.mark.parametrize("locked", [False, True], ids=["dead", "live"])
def test_a_home_gets_rings_while_its_recorder_lives(locked: bool, tmp_path: Path) -> None:
    # GIVEN a home whose run file its recorder made, and may still hold
    folder = tmp_path / "marks-of-a-run"
    folder.mkdir()
    with (tmp_path / "run.pcr").open("wb") as run:
        if locked:
            fcntl.flock(run, fcntl.LOCK_EX)
        with attached(folder):
            # WHEN threads mark
            threads = [threading.Thread(target=lib.pc_marks_put, args=(ENTER, label("late"))) for _ in range(3)]
            for thread in threads:
                thread.start()
                thread.join()
            # THEN they have rings as long as there is somebody to read them
            assert len(names(folder, "marks")) == (3 if locked else 0) and names(folder, "lost") == []
            # AND a new name is written for nobody else
            label(f"later, {locked}")
            assert len(names(folder, "labels")) == (1 if locked else 0)


def test_no_descriptor_stays_open(home: Path) -> None:
    before = open_files()
    for i in range(3):
        lib.pc_marks_put(ENTER, label(f"closed {i}"))
        assert open_files() == before
    for _ in range(FIRST_CAPACITY):
        lib.pc_marks_put(TICK, label("closed 0"))
    assert len(marks_files.rings(home)) == 2 and open_files() == before


def test_a_thread_notices_nothing_of_its_marks(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    # GIVEN a thread with a mask and an error, whose marks also go where no ring can be made
    gone = tmp_path_factory.mktemp("gone")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        with attached(gone):
            gone.rmdir()
            mask, ffi.errno = signal.pthread_sigmask(signal.SIG_BLOCK, []), 77
            # WHEN it names and marks, until its ring is full THEN both stay
            for i in range(FIRST_CAPACITY + 1):
                lib.pc_marks_put(TICK, label(f"noticed {next(NAMES)}") if i < 3 else 1)
                assert ffi.errno == 77
            assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask
            assert len(marks_files.rings(home)) == 2
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
