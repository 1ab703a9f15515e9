"""How long processes kept a GPU busy adds up to the truth, and each is or is not of the recorded tree."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from core import ffi, lib
from hypothesis import given, settings
from hypothesis import strategies as st

START_US = 1_700_000_000_000_000
STEP_US = 200_000


class World:
    """A driver's samples, a /proc written by hand, and the use that is made of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.proc = ffi.new("char[]", os.fsencode(root))
        self.use = ffi.new("struct pc_gpu_use *")
        self.family = ffi.new("struct pc_family *", {"proc": self.proc})
        self.now_us = START_US
        lib.pc_gpu_use_start(self.use, START_US)

    def process(self, pid: int, parent: int, start: int = 1) -> None:
        (self.root / str(pid)).mkdir(parents=True, exist_ok=True)
        (self.root / str(pid) / "stat").write_text(
            f"{pid} (a) b (c) S {parent} 2 3 4 -1 4194560 100 200 300 400 5 6 7 8 20 0 1 0 {start} 2000000 500\n"
        )

    def end(self, pid: int) -> None:
        shutil.rmtree(self.root / str(pid))

    def ask(self, *samples: tuple[int, int, int]) -> tuple[int, int]:
        """Take samples (pid, us since the start, percent) at `now_us`; returns the busy time in us, all and tree."""
        since_us = lib.pc_gpu_use_since_us(self.use, self.now_us)
        due = [sample for sample in samples if START_US + sample[1] > since_us]
        given_ = ffi.new("struct pc_nvml_process[]", max(len(due), 1))
        for each, (pid, time_us, percent) in zip(given_, due, strict=False):
            each.pid, each.time_us, each.processors_percent = pid, START_US + time_us, percent
        assert lib.pc_gpu_use_add(self.use, self.family, since_us, self.now_us, given_, len(due)) == 0
        return self.use.all_percent_us // 100, self.use.tree_percent_us // 100

    def pass_us(self, elapsed_us: int) -> None:
        self.now_us += elapsed_us


@pytest.fixture
def world(ram_path) -> Iterator[World]:
    made = World(ram_path / "proc")
    yield made
    lib.pc_gpu_use_free(made.use)


@given(
    percents=st.lists(st.tuples(st.integers(1, 100), st.integers(0, 100)), min_size=1, max_size=30),
    polls=st.lists(st.integers(20_000, 700_000), min_size=1, max_size=10),
)
@settings(deadline=None)
def test_what_is_asked_often_enough_adds_up_to_the_truth(percents, polls):
    # GIVEN two processes whose use the driver samples five times a second, and tells of those that used it
    world = World(Path("/nonexistent"))
    try:
        samples = [
            (pid, (i + 1) * STEP_US, both[pid - 1])
            for i, both in enumerate(percents)
            for pid in (1, 2)
            if both[pid - 1]
        ]
        end_us, i = len(percents) * STEP_US, 0
        # WHEN it is asked now and then, and tells what is new of each
        told = (0, 0)
        while world.now_us < START_US + end_us:
            world.pass_us(polls[i % len(polls)])
            i += 1
            told = world.ask(*(sample for sample in samples if START_US + sample[1] <= world.now_us))
        # THEN what was busy all the time is exact, and each time that one begins anew is within an interval
        exact = sum(first + second for first, second in percents) * STEP_US // 100
        anew = sum(before[1] == 0 for before in [(0, 0), *percents][:-1])
        assert exact - 1 <= told[0] <= exact + anew * 1_000_000
        assert told[1] == 0
    finally:
        lib.pc_gpu_use_free(world.use)


def test_a_process_that_was_idle_begins_with_one_interval(world):
    # GIVEN a process that was busy for a second, so that the interval is known
    for i in range(1, 6):
        world.pass_us(STEP_US)
        told = world.ask((7, i * STEP_US, 50))
    assert told == (500_000, 0)
    # WHEN it is idle for nearly a minute, and asked after
    for _ in range(250):
        world.pass_us(STEP_US)
        world.ask()
    # THEN what it begins with is of an interval or two
    world.pass_us(STEP_US)
    assert 600_000 <= world.ask((7, 256 * STEP_US, 50))[0] <= 700_000


def test_those_whose_ancestor_is_followed_are_the_tree(world):
    for pid, parent in [(10, 1), (11, 10), (12, 11), (20, 1), (21, 20)]:
        world.process(pid, parent)
    world.family.follow = 10
    world.pass_us(STEP_US)
    samples = [(pid, STEP_US, percent) for pid, percent in [(10, 10), (12, 20), (20, 30), (21, 40)]]
    assert world.ask(*samples) == (200_000, 60_000)
    # WHEN another is followed, THEN the tree is another from then on
    world.family.follow = 20
    world.pass_us(STEP_US)
    assert world.ask(*((pid, 2 * STEP_US, percent) for pid, _, percent in samples)) == (400_000, 200_000)


def test_children_of_who_adopts_are_the_tree_and_it_is_not(world):
    world.family.adopter = 10
    for pid, parent in [(10, 1), (11, 10), (20, 1)]:
        world.process(pid, parent)
    world.pass_us(STEP_US)
    assert world.ask((10, STEP_US, 10), (11, STEP_US, 20), (20, STEP_US, 30))[1] == 40_000


def test_one_of_the_tree_stays_one_as_orphan_and_in_its_last_sample(world):
    world.process(10, 1)
    world.process(11, 10)
    world.family.follow = 10
    told = []
    for i, change in enumerate([lambda: None, lambda: (world.end(10), world.process(11, 1)), lambda: world.end(11)]):
        change()
        world.pass_us(STEP_US)
        told.append(world.ask((11, (i + 1) * STEP_US, 50))[1])
    assert told == [100_000, 200_000, 300_000]


def test_a_pid_that_comes_round_again_is_another_process(world):
    world.process(10, 1)
    world.process(11, 10)
    world.family.follow = 10
    world.pass_us(STEP_US)
    world.ask((11, STEP_US, 50))
    world.process(11, 1, start=2)
    world.pass_us(STEP_US)
    assert world.ask((11, 2 * STEP_US, 50)) == (200_000, 100_000)


def test_a_circle_of_parents_ends(world):
    world.process(10, 11)
    world.process(11, 10)
    world.family.follow = 12
    world.pass_us(STEP_US)
    assert world.ask((10, STEP_US, 50)) == (100_000, 0)


def test_what_no_driver_means_is_left_out(world):
    world.pass_us(STEP_US)
    # entries never written, of the far future, of more than all, and told twice
    assert world.ask((0, -START_US, 0), (5, 3600 * 10**6, 50), (6, STEP_US, 4_000_000_000), (6, STEP_US, 100)) == (
        STEP_US,
        0,
    )


def test_a_clock_that_is_set_back_loses_nothing_after(world):
    world.pass_us(STEP_US)
    world.ask((7, STEP_US, 50))
    world.now_us -= 3600 * 10**6
    world.ask()
    world.pass_us(STEP_US)
    before = world.ask()[0]
    told = world.ask((7, world.now_us - START_US, 50))[0]
    assert told - before <= 500_000
    world.pass_us(STEP_US)
    assert world.ask((7, world.now_us - START_US, 50))[0] - told == STEP_US // 2


def test_thousands_that_came_and_went_are_forgotten(world):
    for i in range(1, 2000):
        world.pass_us(STEP_US)
        world.ask((i, i * STEP_US, 50))
    assert world.use.user_count <= 60 * 10**6 // STEP_US + 1
