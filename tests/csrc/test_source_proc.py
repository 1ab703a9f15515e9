"""The proc source adds up the CPU time of the machine and of a tree of processes, and no tick is lost again."""

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from core import ffi, lib
from handles import opened, read, read_error
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MACHINE, TREE = lib.PC_PROC_MACHINE, lib.PC_PROC_TREE
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class FakeProc:
    """A /proc written by hand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        (root / "stat").write_text("cpu  0 0 0 0 0 0 0 0 0 0\n")

    def write(
        self, pid: int, *, name: str = "sh", own: tuple[int, int] = (0, 0), waited: tuple[int, int] = (0, 0),
        start: int = 1, children: Sequence[int] = (), threads: dict[int, Sequence[int]] | None = None,
    ) -> None:  # fmt: skip
        """The process `pid`; `children` are its main thread's, `threads` the other threads with theirs."""
        folder = self.root / str(pid)
        for thread, born in {pid: children, **(threads or {})}.items():
            (folder / "task" / str(thread)).mkdir(parents=True, exist_ok=True)
            (folder / "task" / str(thread) / "children").write_text("".join(f"{child} " for child in born))
        (folder / "stat").write_text(
            f"{pid} ({name}) S 1 2 3 4 -1 4194560 100 200 300 400 {own[0]} {own[1]} {waited[0]} {waited[1]} "
            f"20 0 1 0 {start} 2000000 500 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n"
        )

    def remove(self, pid: int) -> None:
        shutil.rmtree(self.root / str(pid), ignore_errors=True)

    def clear(self) -> None:
        for folder in self.root.glob("[0-9]*"):
            shutil.rmtree(folder)


@pytest.fixture
def proc(ram_path):
    return FakeProc(ram_path / "proc")


@contextmanager
def opened_proc(root: Path, follow: int = 0) -> Iterator[Any]:
    out = ffi.new("struct pc_source **")
    assert lib.pc_source_proc_open(out, os.fsencode(root)) == 0
    with opened(out[0]) as source:
        lib.pc_source_proc_follow(source, follow)
        yield source


def open_count() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


# ---- the machine


def test_busy_time_is_neither_idle_nor_waiting_nor_stolen_nor_counted_twice(proc):
    #                user nice system idle   iowait irq    softirq steal    guest guest_nice
    fields = "cpu  1 20 300 7000000 8000000 4000 50000 6000000 1 20\ncpu0 9 9 9 9 9 9 9 9 9 9\n"
    (proc.root / "stat").write_text(fields)
    with opened_proc(proc.root) as source:
        assert read(source, MACHINE) == 54321


@pytest.mark.parametrize("text", ["", "cpu", "cpu  1 2 3\n", "intr 1 2 3 4 5 6 7\n", "cpu a b c d e f\n", "\0" * 99])
def test_a_stat_file_without_its_seven_numbers_is_refused(proc, text):
    with opened_proc(proc.root) as source:
        (proc.root / "stat").write_text(text)
        assert read_error(source, MACHINE) == "EBADMSG"


def test_the_machines_time_is_the_kernels():
    def kernels() -> int:
        user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
        return user + nice + system + irq + softirq

    with opened_proc(Path("/proc")) as source:
        before = kernels()
        ticks = read(source, MACHINE)
        assert before <= ticks <= kernels()


def test_a_root_that_cannot_be_read_is_said_and_nothing_stays_open(tmp_path):
    before, out = open_count(), ffi.new("struct pc_source **")
    (tmp_path / "file").write_text("")
    for path, error in (
        (tmp_path / "absent", errno.ENOENT),
        (tmp_path / "file", errno.ENOTDIR),
        (tmp_path, errno.ENOENT),
    ):
        assert lib.pc_source_proc_open(out, os.fsencode(path)) == -error
    assert open_count() == before


def test_nothing_stays_open_while_reading_or_after_closing(proc):
    before = open_count()
    proc.write(1, children=[2], threads={3: [4]})
    for pid in (2, 4):
        proc.write(pid)
    with opened_proc(proc.root, follow=1) as source:
        while_open = open_count()
        for _ in range(20):
            read(source, TREE)
            read(source, MACHINE)
        assert open_count() == while_open
    assert open_count() == before


# ---- a tree written by hand


def test_a_tree_is_nobodys_until_followed(proc):
    proc.write(1, own=(5, 5))
    with opened_proc(proc.root) as source:
        assert read(source, TREE) == 0


def test_a_tree_is_own_and_waited_time_of_each_descendant_of_each_thread(proc):
    proc.write(10, own=(1, 20), waited=(300, 4000), children=[11], threads={99: [12]})
    proc.write(11, own=(50_000, 0), children=[13])
    proc.write(12, own=(0, 600_000))
    proc.write(13, waited=(7_000_000, 0))
    proc.write(14, own=(80_000_000, 0))  # nobody's child
    with opened_proc(proc.root, follow=10) as source:
        assert read(source, TREE) == 7_654_321


@pytest.mark.parametrize(
    "name", ["a b", "(sd-pam)", ")", "((", "a) R 1 2 3", "new\nline", ") S 9 9 9 9 9 9 9 9 9 9 9 9 9 9 (", "", "ü€"]
)
def test_a_process_may_have_any_name(proc, name):
    proc.write(10, name=name, own=(40, 2))
    with opened_proc(proc.root, follow=10) as source:
        assert read(source, TREE) == 42


@pytest.mark.parametrize(("first", "count"), [(8, 1100), (999_997, 600)])
def test_a_list_of_children_may_be_longer_than_a_read(proc, first, count):
    # GIVEN children whose list takes several reads, with a number across the end of the first
    children = range(first, first + count)
    proc.write(1, own=(1, 0), children=children)
    for child in children:
        proc.write(child, own=(1, 0), threads={})
    listed = (proc.root / "1" / "task" / "1" / "children").read_text()
    assert len(listed) > 4096 and " " not in listed[4094:4096]  # a read takes 4095
    # THEN each is in the tree
    with opened_proc(proc.root, follow=1) as source:
        assert read(source, TREE) == 1 + count


def test_a_child_that_was_waited_for_is_counted_once(proc):
    proc.write(1, own=(10, 0), children=[2])
    proc.write(2, own=(5, 0))
    with opened_proc(proc.root, follow=1) as source:
        assert read(source, TREE) == 15
        proc.remove(2)
        proc.write(1, own=(10, 0), waited=(6, 0))
        assert read(source, TREE) == 16


def test_a_child_that_nobody_waited_for_stays_counted(proc):
    proc.write(1, own=(10, 0), children=[2])
    proc.write(2, own=(5, 0))
    with opened_proc(proc.root, follow=1) as source:
        assert read(source, TREE) == 15
        proc.remove(2)
        proc.write(1, own=(10, 0))
        assert read(source, TREE) == 15
        proc.write(1, own=(12, 0))
        assert read(source, TREE) == 17


def test_an_orphan_stays_in_the_tree_with_its_children(proc):
    # GIVEN a process whose parent goes
    proc.write(1, children=[2])
    proc.write(2, own=(1, 0), children=[3])
    proc.write(3, own=(10, 0))
    with opened_proc(proc.root, follow=1) as source:
        assert read(source, TREE) == 11
        proc.remove(2)
        # WHEN it works on and has a child
        proc.write(1, waited=(1, 0))
        proc.write(3, own=(20, 0), children=[4])
        proc.write(4, own=(100, 0))
        # THEN both count
        assert read(source, TREE) == 121


def test_the_tree_outlives_the_followed_process(proc):
    proc.write(1, own=(10, 0), children=[2])
    proc.write(2, own=(5, 0))
    with opened_proc(proc.root, follow=1) as source:
        assert read(source, TREE) == 15
        proc.remove(1)
        assert read(source, TREE) == 15
        proc.write(2, own=(8, 0))
        assert read(source, TREE) == 18
        proc.remove(2)
        assert [read(source, TREE) for _ in range(3)] == [18] * 3


def test_a_pid_come_round_again_is_another_process(proc):
    # GIVEN a member that ended, and a stranger with its number
    proc.write(1, own=(10, 0), children=[2])
    proc.write(2, own=(5, 0), start=100)
    with opened_proc(proc.root, follow=1) as source:
        assert read(source, TREE) == 15
        proc.write(1, own=(10, 0), waited=(5, 0))
        proc.write(2, own=(1_000_000, 0), start=200)
        # THEN the stranger's time is not the tree's
        assert [read(source, TREE) for _ in range(3)] == [15] * 3


def test_a_pid_come_round_again_within_the_tree_counts(proc):
    proc.write(1, children=[2])
    proc.write(2, own=(5, 0), start=100)
    with opened_proc(proc.root, follow=1) as source:
        assert read(source, TREE) == 5
        proc.write(1, waited=(5, 0), children=[2])
        proc.write(2, own=(3, 0), start=200)
        read(source, TREE)  # may still take it for the one before
        assert read(source, TREE) == 8


def test_the_children_of_a_pid_come_round_again_are_strangers_too(proc):
    # GIVEN a member that ended, and a stranger with its number that has a child
    proc.write(1, own=(10, 0), children=[2])
    proc.write(2, own=(5, 0), start=100)
    with opened_proc(proc.root, follow=1) as source:
        assert read(source, TREE) == 15
        proc.write(1, own=(10, 0), waited=(5, 0))
        proc.write(2, start=200, children=[3])
        proc.write(3, own=(1_000_000, 0), start=201)
        # THEN the child's time is not the tree's
        assert [read(source, TREE) for _ in range(3)] == [15] * 3


def test_a_child_that_nobody_waited_for_stays_counted_while_others_work(proc):
    # GIVEN a child that vanishes while its parent works (SIGCHLD ignored, or reaped by init)
    proc.write(1, own=(10, 0), children=[2])
    proc.write(2, own=(5, 0))
    with opened_proc(proc.root, follow=1) as source:
        assert read(source, TREE) == 15
        proc.remove(2)
        proc.write(1, own=(20, 0))
        # THEN the parent's 20 and the child's 5 were both used
        assert read(source, TREE) == 25


def test_a_child_reaped_in_the_middle_of_a_reading_is_counted_once(proc):
    # GIVEN a reading that saw the parent before it waited for its child, and the child after
    proc.write(1, own=(10, 0), children=[2])
    proc.write(2, own=(5, 0))
    with opened_proc(proc.root, follow=1) as source:
        assert read(source, TREE) == 15
        proc.remove(2)
        assert read(source, TREE) == 15
        # WHEN the next reading sees the waited-for time, THEN it is the same time
        proc.write(1, own=(10, 0), waited=(5, 0))
        assert read(source, TREE) == 15


def test_an_unwaited_childs_debt_is_not_paid_with_a_later_childs_time(proc):
    # GIVEN a child that vanished and that nobody waited for
    proc.write(1, own=(10, 0), children=[2])
    proc.write(2, own=(5, 0))
    with opened_proc(proc.root, follow=1) as source:
        assert read(source, TREE) == 15
        proc.remove(2)
        proc.write(1, own=(10, 0))
        assert [read(source, TREE) for _ in range(2)] == [15, 15]
        # WHEN much later another, never seen, is waited for, THEN its time counts in full
        proc.write(1, own=(10, 0), waited=(4, 0))
        assert read(source, TREE) == 19


def test_a_process_that_is_not_there_yet_is_followed_once_it_is(proc):
    with opened_proc(proc.root, follow=1) as source:
        assert read(source, TREE) == 0
        proc.write(1, own=(7, 0))
        assert read(source, TREE) == 7


def test_following_another_goes_on_counting_from_where_it_stands(proc):
    proc.write(1, own=(10, 0))
    proc.write(2, own=(7, 0))
    with opened_proc(proc.root, follow=1) as source:
        assert read(source, TREE) == 10
        lib.pc_source_proc_follow(source, 2)
        stood = read(source, TREE)
        proc.write(1, own=(100, 0))
        proc.write(2, own=(9, 0))
        assert stood >= 10
        assert read(source, TREE) == stood + 2
        lib.pc_source_proc_follow(source, 0)
        proc.write(2, own=(90, 0))
        assert read(source, TREE) == stood + 2


TABLE = st.dictionaries(
    st.integers(1, 6),
    st.fixed_dictionaries(
        {
            "own": st.tuples(st.integers(0, 50), st.integers(0, 50)),
            "waited": st.tuples(st.integers(0, 50), st.integers(0, 50)),
            "start": st.integers(1, 2),
            "children": st.lists(st.integers(1, 6), max_size=4),
        }
    ),
)


@given(st.lists(st.tuples(TABLE, st.sampled_from([None, None, None, 0, 1, 2])), max_size=8))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_trees_time_never_falls_whatever_proc_shows(ram_path, tables):
    proc, before = FakeProc(ram_path / "proc"), 0
    with opened_proc(proc.root, follow=1) as source:
        for table, follow in tables:
            proc.clear()
            for pid, process in table.items():
                proc.write(pid, **process)
            if follow is not None:
                lib.pc_source_proc_follow(source, follow)
            ticks = read(source, TREE)
            assert ticks >= before
            before = ticks


@given(st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ticks_used_in_the_tree_count_once_and_all_of_them_if_read_after_each_event(ram_path, data):
    """Processes are born, work, and end as in Linux: a living parent waits, and orphans go unseen."""
    always = data.draw(st.booleans())
    # GIVEN one process: its own ticks, those it waited for, and its parent
    proc = FakeProc(ram_path / "proc")
    proc.clear()
    own, waited, parent, used = {1: 0}, {1: 0}, {1: 0}, 0
    proc.write(1, start=1)
    with opened_proc(proc.root, follow=1) as source:
        for born in range(2, data.draw(st.integers(2, 20))):
            # WHEN something happens
            changed: set[int] = set()
            if own:
                pid = data.draw(st.sampled_from(sorted(own)))
                changed = {pid, parent[pid], born}
                event = data.draw(st.sampled_from(["birth", "birth", "work", "work", "end"]))
                if event == "birth":
                    own[born], waited[born], parent[born] = 0, 0, pid
                elif event == "work":
                    ticks = data.draw(st.integers(1, 20))
                    own[pid] += ticks
                    used += ticks
                else:
                    if parent[pid] in own:
                        waited[parent[pid]] += own[pid] + waited[pid]
                    del own[pid], waited[pid]
                    proc.remove(pid)
            for pid in changed & own.keys():
                children = [child for child in own if parent[child] == pid]
                proc.write(pid, own=(own[pid], 0), waited=(0, waited[pid]), start=pid, children=children)
            # THEN the tree has used what its processes have used, or less where an end went unseen
            if always or data.draw(st.booleans()):
                ticks = read(source, TREE)
                assert ticks == used if always else ticks <= used


@given(st.binary(max_size=200), st.binary(max_size=200))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nonsense_in_proc_is_survived(ram_path, stat, children):
    proc = FakeProc(ram_path / "proc")
    proc.write(1, own=(10, 0), children=[2])
    proc.write(2)
    (proc.root / "2" / "stat").write_bytes(stat)
    (proc.root / "1" / "task" / "1" / "children").write_bytes(b"2 " + children)
    with opened_proc(proc.root, follow=1) as source:
        first = read(source, TREE)
        assert read(source, TREE) >= first >= 10
