"""The file of a process's labels: whatever fails, it holds the first of them, whole and in order."""

import os
import resource
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core import ffi, lib
from handles import limited, open_files
from hypothesis import given
from hypothesis import strategies as st

PROCESS = 0xABC
LONGEST = 1024


class Roster:
    """A process's labels, and the file that they are written to."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.file = home / f"labels-{PROCESS:016x}"
        self.names: list[bytes] = []
        self._labels = ffi.new("struct pc_labels *")
        self.raw = ffi.new("struct pc_roster *", {"process": PROCESS})

    def __enter__(self) -> "Roster":
        return self

    def __exit__(self, *error: object) -> None:
        lib.pc_labels_free(self._labels)

    def name(self, length: int) -> None:
        """Name one more label, of about this length."""
        name = f"{len(self.names)}:".encode().ljust(length, b"x")
        self.names.append(name)
        assert lib.pc_labels_find(self._labels, name, len(name)) == len(self.names)

    def write(self) -> None:
        lib.pc_roster_write(self.raw, os.fsencode(self.home), self._labels)

    def held(self) -> list[bytes]:
        """The names in the file, which must be whole."""
        data = self.file.read_bytes() if self.file.exists() else b""
        found, offset = [], 0
        while offset < len(data):
            (length,) = struct.unpack_from("<I", data, offset)
            offset += 4 + length
            assert offset <= len(data), "a record is torn"
            found.append(data[offset - length : offset])
        return found


@contextmanager
def too_large_beyond(roster: Roster, room: int) -> Iterator[None]:
    """The file can grow by `room` bytes, and then no more."""
    size = roster.file.stat().st_size if roster.file.exists() else 0
    with limited(resource.RLIMIT_FSIZE, size + room):
        yield


@contextmanager
def without_home(roster: Roster, _: int) -> Iterator[None]:
    away = roster.home.with_name("away")
    roster.home.rename(away)
    try:
        yield
    finally:
        away.rename(roster.home)


@contextmanager
def without_descriptors(_: Roster, __: int) -> Iterator[None]:
    with limited(resource.RLIMIT_NOFILE, 0):
        yield


@contextmanager
def without_trouble(_: Roster, __: int) -> Iterator[None]:
    yield


TROUBLES = st.sampled_from([too_large_beyond, too_large_beyond, without_home, without_descriptors, without_trouble])
LENGTHS = st.integers(0, 40) | st.integers(0, LONGEST)
STEPS = st.tuples(st.lists(LENGTHS, max_size=3), TROUBLES, st.integers(0, 60) | st.integers(0, 3 * LONGEST))


@given(st.lists(STEPS, max_size=8))
def test_whatever_fails_the_file_holds_the_first_labels_and_in_the_end_all(
    steps: list[tuple[list[int], object, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        with Roster(home) as roster:
            # GIVEN labels that come a few at a time
            for lengths, trouble, room in steps:
                for length in lengths:
                    roster.name(length)
                # WHEN writing them fails at any point
                with trouble(roster, room):  # type: ignore[operator]
                    roster.write()
                # THEN those before that point are there
                held = roster.held()
                assert held == roster.names[: len(held)] and roster.raw.written == len(held)
                assert trouble is not without_trouble or held == roster.names
            # AND once nothing fails, all are
            roster.write()
            assert roster.held() == roster.names


def test_what_there_is_room_for_is_written(tmp_path: Path) -> None:
    with Roster(tmp_path) as roster:
        for _ in range(5):
            roster.name(96)
        with limited(resource.RLIMIT_FSIZE, 350):
            roster.write()
        assert roster.held() == roster.names[:3]


def test_nothing_is_written_where_there_is_nothing_new(tmp_path: Path) -> None:
    with Roster(tmp_path) as roster:
        roster.write()
        assert not any(tmp_path.iterdir())
        roster.name(10)
        roster.write()
        roster.file.unlink()
        roster.write()
        assert not any(tmp_path.iterdir())


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = open_files()
    with Roster(tmp_path) as roster:
        for most in (None, 200, 10):
            roster.name(96)
            with limited(resource.RLIMIT_FSIZE, most or resource.getrlimit(resource.RLIMIT_FSIZE)[0]):
                roster.write()
            assert open_files() == before


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    theirs = tmp_path / "of somebody else"
    theirs.write_text("precious")
    with Roster(tmp_path) as roster:
        roster.file.symlink_to(theirs)
        roster.name(10)
        roster.write()
    assert theirs.read_text() == "precious"
