"""The files of a home, and who wrote them: CPU time, the dead, and files that are not what they were."""

import itertools
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marks_files import ENTER, LEAVE
from marks_home import CONTINUED, Home, Reducer, to_ticks

MS = 10**6
SLACK_NS = 50_000
NAMES = ["a", "b"]
OPENED, HEAD, DROPPED, CLOSED_STATE = 56, 64, 72, 80


@pytest.fixture
def home(tmp_path: Path) -> Home:
    folder = tmp_path / "home"
    folder.mkdir()
    return Home(folder, NAMES)


def start_ns() -> int:
    return time.monotonic_ns() + 10 * MS


def poke(path: Path, offset: int, layout: str, *values: int) -> None:
    """Change a ring in place, as a program that has it mapped would."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(struct.pack(layout, *values))


class Proc:
    """A /proc that knows CPU times of this process's threads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def used(self, tid: int, cpu_ns: int) -> None:
        file = self.path / f"{os.getpid()}/task/{tid}/schedstat"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{cpu_ns} 12345 67\n")


def cpu_by_path(reducer: Reducer) -> dict[tuple[str, ...], float]:
    """CPU time by time, for what was closed since the last call."""
    reducer.slices()
    rows = [row for row in reducer.rows() if row[2] > SLACK_NS]
    paths = {path for _, path, *_ in rows}
    return {
        path: sum(row[3] for row in rows if row[1] == path) / sum(row[2] for row in rows if row[1] == path)
        for path in paths
    }


def test_threads_that_run_at_once_have_the_cpu_time_that_proc_says(home: Home, tmp_path: Path) -> None:
    # GIVEN two threads, one that has a CPU for a quarter of its time
    proc = Proc(tmp_path / "proc")
    with Reducer(home.path, proc=str(proc.path)) as reducer:
        t = start_ns()
        rings = [home.ring(i, [(t, ENTER, 1 + i)], tid=100 + i) for i in range(2)]
        for i in range(5):
            proc.used(100, i * 20 * MS)
            proc.used(101, i * 5 * MS)
            reducer.edge(t + i * 20 * MS)
            reducer.passes(t + i * 20 * MS + 1)
            if i == 1:
                # THEN until there are two readings it is not known, and all of it
                assert cpu_by_path(reducer) == {("a",): 1, ("b",): 1}
            if i == 2:
                assert cpu_by_path(reducer)[("b",)] == pytest.approx(0.25, abs=0.01)
        assert cpu_by_path(reducer) == {("a",): pytest.approx(1, abs=0.01), ("b",): pytest.approx(0.25, abs=0.01)}
        # WHEN the first ends
        poke(rings[0], CLOSED_STATE, "<QI", 0, CONTINUED)  # in a ring that is not there
        reducer.passes(t + 100 * MS)
        reducer.edge(t + 110 * MS)
        reducer.passes(t + 110 * MS + 1)
        cpu_by_path(reducer)
        # THEN the other is alone, and nothing is to be shared
        reducer.stop(t + 150 * MS)
        assert cpu_by_path(reducer) == {("b",): 1}
        assert reducer.counts["died_inside"] == 1


@pytest.mark.parametrize("text", ["", "nonsense", "-5 0 0", "99999999999999999999999 0 0"])
def test_cpu_time_is_never_more_than_time(text: str, home: Home, tmp_path: Path) -> None:
    proc = Proc(tmp_path / "proc")
    with Reducer(home.path, proc=str(proc.path)) as reducer:
        t = start_ns()
        for i in range(2):
            home.ring(i, [(t, ENTER, 1)], tid=100 + i)
            proc.used(100 + i, 0)
        reducer.passes(t + MS)
        (proc.path / f"{os.getpid()}/task/100/schedstat").write_text(text)
        for i in range(1, 4):
            reducer.passes(t + i * 20 * MS)
        reducer.stop(t + 100 * MS)
        reducer.slices()
        [(_, _, time_ns, cpu_ns, _)] = reducer.rows()
        assert 0 <= cpu_ns <= time_ns


def test_threads_that_nobody_counts_have_all_their_time(home: Home, tmp_path: Path) -> None:
    with Reducer(home.path, proc=str(tmp_path / "none")) as reducer:
        t = start_ns()
        for i in range(2):
            home.ring(i, [(t, ENTER, 1)])
        for i in range(4):
            reducer.passes(t + i * 20 * MS)
        reducer.stop(t + 100 * MS)
        assert cpu_by_path(reducer) == {("a",): 1}


def test_a_process_that_was_killed_inside(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        home = Home(tmp_path, NAMES, pid=child.pid)
        with Reducer(tmp_path, lag_ns=0) as reducer:
            t = time.monotonic_ns()
            home.ring(0, [(t, ENTER, 1)])
            reducer.passes(time.monotonic_ns())
            assert reducer.counts["killed_inside"] == 0
            child.kill()
            child.wait()
            for _ in range(100):
                reducer.passes(time.monotonic_ns())
                if reducer.counts["killed_inside"]:
                    break
                time.sleep(0.01)
            dead = time.monotonic_ns()
            assert reducer.counts["killed_inside"] == 1
            reducer.stop(dead + 10**9)
            reducer.slices()
            assert sum(ns for _, _, ns, _, _ in reducer.rows()) <= dead - t + SLACK_NS
            assert not any(tmp_path.glob("marks-*"))


def test_a_process_killed_is_counted_by_the_threads_within_a_region(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        home = Home(tmp_path, NAMES, pid=child.pid)
        with Reducer(tmp_path) as reducer:
            t = time.monotonic_ns()
            for i in range(3):
                home.ring(i, [(t, ENTER, 1)])
            home.ring(3, [(t, ENTER, 1), (t, LEAVE, 1)])
            reducer.passes(time.monotonic_ns())
            child.kill()
            child.wait()
            reducer.stop(time.monotonic_ns() + 20 * MS)
            assert (reducer.counts["killed_inside"], reducer.counts["open_at_end"]) == (3, 0)
    assert not any(tmp_path.iterdir())


def test_processes_of_another_namespace_are_never_taken_for_dead(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    home = Home(tmp_path, NAMES, pid=child.pid, namespace=1)
    with Reducer(tmp_path) as reducer:
        t = start_ns()
        ring = home.ring(0, [(t, ENTER, 1)])
        for i in range(1, 200, 20):
            reducer.passes(t + i * 10 * MS)
        assert ring.exists() and reducer.counts["killed_inside"] == 0
        reducer.stop(t + 3000 * MS)
        assert (reducer.counts["killed_inside"], reducer.counts["open_at_end"]) == (0, 1)


@pytest.mark.parametrize("head", [0, 1, 67, 10**9, (1 << 64) - 1])
def test_a_ring_that_contradicts_itself_ends_there_and_stays(head: int, home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        ring = home.ring(0, [(t, ENTER, 1), (t + MS, ENTER, 2)])
        reducer.passes(t + 5 * MS)
        poke(ring, HEAD, "<Q", head)
        reducer.passes(t + 10 * MS)
        reducer.stop(t + 20 * MS)
        reducer.slices()
        assert reducer.counts["bad_rings"] == 1 and ring.exists()
        assert abs(sum(row[2] for row in reducer.rows()) - 5 * MS) <= SLACK_NS
        assert [(path, kind) for _, path, _, kind in reducer.marks()] == [
            (("a",), ENTER), (("a", "b"), ENTER), (("a", "b"), LEAVE), (("a",), LEAVE)
        ]  # fmt: skip


def test_a_ring_that_goes_on_nowhere_ends_its_thread(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        home.ring(0, [(t, ENTER, 1)], state=CONTINUED, closed_ns=t + 3000 * MS)
        for i in range(5):
            reducer.passes(t + i * 10 * MS)
        assert reducer.counts["bad_rings"] == 1 and reducer.counts["died_inside"] == 1


def test_dropped_marks_are_counted_over_all_rings(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        first = home.ring(0, [(t, ENTER, 1)], dropped=3)
        reducer.passes(t + MS)
        poke(first, DROPPED, "<Q", 5)
        reducer.passes(t + 2 * MS)
        assert reducer.counts["dropped"] == 5
        home.ring(0, [], number=1, dropped=2)
        poke(first, CLOSED_STATE, "<QI", 0, CONTINUED)
        reducer.passes(t + 3 * MS)
        assert reducer.counts["dropped"] == 7
        poke(home.path / f"marks-{home.process:016x}-0-1", DROPPED, "<Q", 1)
        reducer.stop(t + 10 * MS)
        assert reducer.counts["dropped"] == 7


def test_a_label_that_is_half_written_waits(home: Home) -> None:
    [labels] = home.path.glob("labels-*")
    whole = labels.read_bytes() + struct.pack("<I", 5) + b"later"
    labels.write_bytes(whole[:-2])
    with Reducer(home.path) as reducer:
        t = start_ns()
        home.ring(0, [(t, ENTER, 1), (t + MS, LEAVE, 1), (t + 20 * MS, ENTER, 3), (t + 21 * MS, LEAVE, 3)])
        reducer.passes(t + 10 * MS)
        labels.write_bytes(whole)
        reducer.stop(t + 30 * MS)
        assert reducer.paths() == [("a",), ("later",)]


def test_labels_that_were_read_go_when_their_process_is_dead(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    home = Home(tmp_path, NAMES, pid=child.pid)
    (tmp_path / "notes").write_text("of somebody else")
    with Reducer(tmp_path) as reducer:
        t = start_ns()
        home.ring(0, [(t, ENTER, 1), (t + MS, LEAVE, 1)])
        reducer.stop(t + 20 * MS)
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_labels_of_processes_are_merged_by_name(tmp_path: Path) -> None:
    with Reducer(tmp_path) as reducer:
        t = start_ns()
        Home(tmp_path, ["x", "y"], process=1).ring(0, [(t, ENTER, 2), (t + MS, LEAVE, 2)])
        Home(tmp_path, ["y", "x"], process=2).ring(0, [(t, ENTER, 1), (t + MS, LEAVE, 1)])
        reducer.stop(t + 10 * MS)
        reducer.slices()
        [(_, path, _, _, calls)] = reducer.rows()
        assert path == ("y",) and calls == 2 and reducer.counts["processes"] == 2


def test_labels_that_were_never_written_have_their_number(home: Home) -> None:
    with Reducer(home.path) as reducer:
        t = start_ns()
        home.ring(0, [(t, ENTER, 9), (t + MS, LEAVE, 9), (t + 2 * MS, ENTER, 0), (t + 3 * MS, LEAVE, 0)])
        reducer.stop(t + 10 * MS)
        assert set(reducer.paths()) == {("(label 9)",), ("(other labels)",)}
        assert (reducer.counts["unnamed"], reducer.counts["other_label"]) == (2, 2)


def test_labels_beyond_those_of_a_run_are_counted(tmp_path: Path) -> None:
    with Reducer(tmp_path) as reducer:
        t = start_ns()
        for process, name in enumerate("xy", 1):
            home = Home(tmp_path, [f"{name}{i}" for i in range(1, 10_001)], process=process)
            home.ring(
                0, [(t, ENTER, 10_000), (t + MS, LEAVE, 10_000), (t + 2 * MS, ENTER, 1), (t + 3 * MS, LEAVE, 1)]
            )
        reducer.stop(t + 10 * MS)
        names = {name for (name,) in reducer.paths()}
        assert reducer.counts["other_label"] == 2 and "(other labels)" in names and len(names) == 4


@pytest.mark.parametrize(("at_once", "names"), [(False, (1, 2)), (True, (1, 2)), (True, (2, 1))])
def test_a_program_that_replaces_another(at_once: bool, names: tuple[int, int], tmp_path: Path) -> None:
    with Reducer(tmp_path) as reducer:
        # GIVEN a process within a region, in which another program begins, with regions of its own
        t, rings = start_ns(), []
        for name, began_ns in zip(names, (t, t + 20 * MS), strict=True):
            rings.append(Home(tmp_path, NAMES, name).ring(0, [(began_ns + 5 * MS, ENTER, len(rings) + 1)]))
            poke(rings[-1], OPENED, "<Q", to_ticks(began_ns))
            if not at_once:
                reducer.passes(began_ns + 10 * MS)
        # WHEN they are found THEN the first ended where the other began, and that goes on
        reducer.passes(t + 40 * MS)
        assert [ring.exists() for ring in rings] == [False, True]
        reducer.stop(t + 55 * MS)
        reducer.slices()
        assert {path: round(ns / MS) for _, path, ns, _, _ in reducer.rows()} == {("a",): 15, ("b",): 30}
        assert (reducer.counts["killed_inside"], reducer.counts["open_at_end"]) == (1, 1)


@pytest.mark.parametrize("free", [0, 1])
def test_a_thread_is_not_lost_for_want_of_a_descriptor(free: int, home: Home) -> None:
    with Reducer(home.path) as reducer:
        # GIVEN a recorder that can open no more than the folder, or not even that
        t, lowest = start_ns(), os.dup(0)
        os.close(lowest)
        home.ring(0, [(t, ENTER, 1), (t + MS, LEAVE, 1)])
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + free, hard))
        reducer.passes(t + 5 * MS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        # WHEN it can again THEN the thread is there
        reducer.passes(t + 10 * MS)
        assert (reducer.counts["marks"], reducer.counts["bad_rings"]) == (2, 0) and reducer.paths() == [("a",)]


def test_a_thread_is_found_where_times_of_folders_are_whole_seconds(home: Home) -> None:
    with Reducer(home.path) as reducer:
        # GIVEN a folder that was looked through a moment after it changed
        whole_ns = 0
        while time.time_ns() - whole_ns > 2 * 10**9:  # again, where the machine stood still meanwhile
            whole_ns = (time.time_ns() - 60 * MS) // 10**9 * 10**9
            os.utime(home.path, ns=(whole_ns, whole_ns))
            reducer.passes(start_ns())
        # WHEN a thread comes in the same second
        t = start_ns()
        home.ring(0, [(t, ENTER, 1)])
        os.utime(home.path, ns=(whole_ns, whole_ns))
        # THEN it is found
        reducer.passes(t + 10 * MS)
        assert reducer.counts["threads"] == 1


def test_the_last_look_believes_no_time_of_a_folder(home: Home) -> None:
    with Reducer(home.path) as reducer:
        # GIVEN a folder that was looked through long after it changed
        ago_ns = time.time_ns() - 10**10
        os.utime(home.path, ns=(ago_ns, ago_ns))
        t = start_ns()
        reducer.passes(t)
        # WHEN a thread comes, and its time says nothing of that
        home.ring(0, [(t, ENTER, 1)])
        os.utime(home.path, ns=(ago_ns, ago_ns))
        # THEN it is found in the end
        reducer.stop(t + 10 * MS)
        assert (reducer.counts["threads"], reducer.counts["open_at_end"]) == (1, 1)


BAD = {
    "empty": b"",
    "short": b"pcmark\r\n",
    "other magic": b"x" * 8192,
    "zeros": bytes(8192),
    "text": b"marks of no kind\n" * 1000,
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_a_file_that_is_no_ring_is_left_alone(content: bytes, home: Home) -> None:
    bad = home.path / f"marks-{7:016x}-0-0"
    bad.write_bytes(content)
    with Reducer(home.path) as reducer:
        t = start_ns()
        home.ring(0, [(t, ENTER, 1), (t + MS, LEAVE, 1)])
        reducer.passes(t + 5 * MS)
        reducer.stop(t + 10 * MS)
        assert reducer.counts["bad_rings"] == 1 and reducer.counts["marks"] == 2
    assert bad.read_bytes() == content


@settings(max_examples=40)
@given(data=st.data())
def test_a_hostile_ring_never_harms(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder, Reducer(Path(folder)) as reducer:
        t = start_ns()
        home = Home(Path(folder), NAMES)
        path = home.ring(0, [(t + i * MS, i % 4, 1 + i % 4) for i in range(20)])
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            where = data.draw(st.integers(0, 200) | st.integers(4096, len(content) - 1))
            content[where] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        labels = next(Path(folder).glob("labels-*"))
        labels.write_bytes(data.draw(st.binary(max_size=30)))
        end = t + 100 * MS
        reducer.passes(t + 50 * MS)
        reducer.stop(end)
        slices = reducer.slices()
        assert all(a[1] == b[0] for a, b in itertools.pairwise(slices)) and slices[-1][1] == end
        assert sum(ns for _, _, ns, _, _ in reducer.rows()) <= end - slices[0][0]


def test_a_folder_of_other_things_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "marks-xyz-0-0").write_text("")
    (tmp_path / f"marks-{1:016x}-0-0-more").write_text("")
    (tmp_path / f"marks-{2:016x}-0-0").mkdir()
    os.mkfifo(tmp_path / f"marks-{3:016x}-0-0")
    (tmp_path / f"marks-{4:016x}-0-0").symlink_to("/dev/zero")
    (tmp_path / f"lost-{5:016x}-0").touch()
    with Reducer(tmp_path) as reducer:
        reducer.stop(time.monotonic_ns() + MS)
        counts = reducer.counts
        assert (counts["threads"], counts["bad_rings"], counts["ringless"]) == (0, 3, 1)
