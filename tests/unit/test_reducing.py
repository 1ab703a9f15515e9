"""What a recording does with its reducer: homes by environment, and frames of what is new."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pycarbon
from pycarbon import _marks
from pycarbon.feeds import Sampling
from pycarbon.frame import LEDGER_NAMES
from pycarbon.ledger_frames import LedgerReader
from pycarbon.reducing import LIVE, Reducing, among, without

PATHS = st.lists(st.text("abc/: .", min_size=1).map(lambda text: f"/{text}"), max_size=4, unique=True)


@given(PATHS, st.just("/home of this") | st.just("/a:b"))
def test_a_home_comes_and_goes_beside_the_others(others: list[str], mine: str) -> None:
    before = "\n".join(other for other in others if other != mine) or None
    named = among(before, Path(mine))
    assert named.split("\n") == [*(before or "").split("\n"), mine] if before else named == mine
    assert without(named, Path(mine)) == (before or "")


def ledger_of(reducing: Reducing) -> tuple[LedgerReader, list[int]]:
    reader, types = LedgerReader(), []
    for frame in reducing.drain():
        types.append(frame.type)
        reader.add(frame)
    return reader, types


def test_what_was_marked_here_becomes_frames(tmp_path: Path) -> None:
    # GIVEN a reducer without any counter, in a process that marks
    reducing = Reducing(tmp_path, Path("/proc"), [], [], Sampling())
    reducing.start(here=True)
    assert os.environ[LIVE].split("\n")[-1] == str(reducing.home)
    assert (reducing.home / "libpycarbon.so.1").exists()
    for _ in range(5):
        with pycarbon.region("reduced"):
            pass
    # WHEN it ends
    reducing.stop(time.monotonic_ns())
    reader, types = ledger_of(reducing)
    # THEN names come first, and everything is there
    assert types[0] == LEDGER_NAMES and reader.seen
    assert reducing.counts["marks"] == 10 and reducing.cpu_ns > 0
    assert str(tmp_path) not in os.environ.get(LIVE, "").split("\n")
    reducing.stop(time.monotonic_ns())  # a second time is nothing


def test_without_regions_there_is_nothing_to_write(tmp_path: Path) -> None:
    reducing = Reducing(tmp_path, Path("/proc"), [], [], Sampling())
    reducing.start(here=False)
    assert str(tmp_path) not in os.environ.get(LIVE, "")
    reducing.stop(time.monotonic_ns())
    assert list(reducing.drain()) == [] and reducing.counts == {}


def test_each_run_has_a_folder_for_marks_of_its_own(tmp_path: Path) -> None:
    folders = [Reducing(tmp_path, Path("/proc"), [], [], Sampling()).home for _ in range(3)]
    assert len(set(folders)) == 3 and all(folder.parent == tmp_path and folder.is_dir() for folder in folders)


def test_beyond_the_most_homes_a_recording_says_so(tmp_path: Path) -> None:
    # GIVEN a process that is recorded as often as can be
    before = os.environ.get(LIVE)
    others = [tmp_path / str(i) for i in range(4)]
    for other in others:
        other.mkdir()
    numbers = [_marks.attach(other) for other in others]
    try:
        # WHEN one more begins THEN it has no regions, and nobody is told of it
        reducing = Reducing(tmp_path, Path("/proc"), [], [], Sampling())
        with pytest.raises(OSError, match="too many other recordings"):
            reducing.start(here=True)
        assert os.environ.get(LIVE) == before
        reducing.stop(time.monotonic_ns())
        assert list(reducing.drain()) == [] and reducing.counts == {}
    finally:
        for number in numbers:
            _marks.detach(number)
    # AND once there is room it can
    reducing = Reducing(tmp_path, Path("/proc"), [], [], Sampling())
    reducing.start(here=True)
    reducing.stop(time.monotonic_ns())


def test_threads_without_a_ring_are_counted_even_where_no_region_came(tmp_path: Path) -> None:
    reducing = Reducing(tmp_path, Path("/proc"), [], [], Sampling())
    reducing.start(here=False)
    for thread in range(2):
        (reducing.home / f"lost-{7:016x}-{thread}").touch()
    reducing.stop(time.monotonic_ns())
    assert list(reducing.drain()) == [] and reducing.counts["ringless"] == 2
