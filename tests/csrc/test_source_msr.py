"""The msr source reads the low half of a register from the first device file that can be read."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from core import ffi, lib
from handles import open_files, opened, read, read_error, renew
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

UNIT, PACKAGE, DRAM = 0x606, 0x611, 0x619  # Intel's
AMD_PACKAGE = 0xC001029B

Register = tuple[Sequence[Path], int]  # paths, number


def try_open(*registers: Register) -> tuple[int, Any]:
    """The code of pc_source_msr_open, and the source if it is 0; what it was given dies with this call."""
    names = [[ffi.new("char[]", os.fsencode(path)) for path in paths] for paths, _ in registers]
    lists = [ffi.new("char *[]", each) for each in names]
    given_ = ffi.new("struct pc_msr_register[]", len(registers))
    for each, paths, (_, number) in zip(given_, lists, registers, strict=True):
        each.paths, each.path_count, each.number = paths, len(paths), number
    out = ffi.new("struct pc_source **")
    code = lib.pc_source_msr_open(out, given_, len(registers))
    return code, out[0]


@contextmanager
def msr(*registers: Register) -> Iterator[Any]:
    code, source = try_open(*registers)
    assert code == 0, errno.errorcode[-code]
    with opened(source):
        yield source


def read_once(path: Path, number: int) -> tuple[int, int]:
    """The code of pc_msr_read, and the value."""
    value = ffi.new("uint64_t *")
    return lib.pc_msr_read(os.fsencode(path), number, value), value[0]


def write(path: Path, number: int, value: int) -> None:
    """Put a register into a file that has others, as a device file would show it."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        os.pwrite(fd, value.to_bytes(8, "little"), number)
    finally:
        os.close(fd)


@pytest.fixture
def cpus(ram_path):
    """The device files of three CPUs whose package counter stands at 100, 101 and 102."""
    paths = [ram_path / str(cpu) for cpu in range(3)]
    for cpu, path in enumerate(paths):
        write(path, UNIT, 0xA0E03)
        write(path, PACKAGE, 100 + cpu)
    return paths


def take_away(path: Path) -> None:
    """What a CPU's going offline does: who holds the file open gets nothing more from it."""
    os.truncate(path, 0)


@given(st.integers(0, 2**64 - 1), st.sampled_from([UNIT, PACKAGE, DRAM, AMD_PACKAGE]))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_counter_is_the_low_half_and_a_reading_of_once_the_whole(ram_path, value, number):
    path = ram_path / "msr"
    write(path, number, value)
    with msr(([path], number)) as source:
        assert read(source) == value % 2**32
    assert read_once(path, number) == (0, value)


def test_a_reading_is_of_now(cpus):
    with msr((cpus, PACKAGE)) as source:
        for value in (5, 7, 2**32 - 1, 0):
            write(cpus[0], PACKAGE, value)
            assert read(source) == value


def test_every_register_is_a_counter_of_its_own(cpus):
    write(cpus[0], DRAM, 7)
    with msr((cpus[:1], PACKAGE), (cpus[1:], PACKAGE), (cpus, DRAM), (cpus, UNIT)) as source:
        assert source.count == 4
        assert [read(source, index) for index in range(4)] == [100, 101, 7, 0xA0E03]


def test_the_first_path_that_can_be_read_is_read_at_the_opening(cpus, tmp_path):
    take_away(cpus[0])
    with msr(([tmp_path / "absent", *cpus], PACKAGE)) as source:
        assert read(source) == 101


def test_a_path_that_fails_is_replaced_at_that_very_reading(cpus):
    with msr((cpus, PACKAGE)) as source:
        assert read(source) == 100
        take_away(cpus[0])
        assert read(source) == 101
        # WHEN the first is back, THEN there is no need for it
        write(cpus[0], PACKAGE, 200)
        renew(source)
        assert read(source) == 101
        # until the one that is read fails
        take_away(cpus[1])
        assert read(source) == 200


@pytest.mark.parametrize(
    ("size", "error"),
    [(0, "ENODATA"), (PACKAGE, "ENODATA"), (PACKAGE + 1, "EBADMSG"), (PACKAGE + 7, "EBADMSG"), (PACKAGE + 8, None)],
)
def test_a_file_that_ends_too_soon_is_refused(cpus, size, error):
    with msr((cpus[:1], PACKAGE)) as source:
        os.truncate(cpus[0], size)
        assert read_error(source) == error
    assert read_once(cpus[0], PACKAGE)[0] == (0 if error is None else -getattr(errno, error))
    assert try_open((cpus[:1], PACKAGE))[0] == (0 if error is None else -getattr(errno, error))


def test_when_all_fail_the_first_ones_error_is_said_until_they_are_renewed(cpus):
    before = open_files()
    # GIVEN files of which each fails in its own way
    with msr((cpus, PACKAGE)) as source:
        os.truncate(cpus[0], PACKAGE + 4)
        take_away(cpus[1])
        cpus[2].unlink()
        # WHEN they are read on, THEN it is the first one's error, and nothing is kept open
        for _ in range(3):
            assert read_error(source) == "EBADMSG"
            renew(source)
        assert open_files() == before
        # WHEN another comes back, THEN it is read once renewed, and stays
        write(cpus[2], PACKAGE, 302)
        assert read_error(source) == "EBADMSG"
        renew(source)
        assert {read(source) for _ in range(3)} == {302}


def test_a_register_that_fails_leaves_the_others_alone(cpus):
    with msr((cpus[:1], PACKAGE), (cpus[1:], PACKAGE)) as source:
        take_away(cpus[0])
        assert [read_error(source, index) for index in (0, 1, 0, 1)] == ["ENODATA", None, "ENODATA", None]
        assert read(source, 1) == 101


def test_files_are_open_until_closed(cpus):
    before = open_files()
    for _ in range(20):
        with msr((cpus, PACKAGE), (cpus[1:], PACKAGE)):
            assert sorted(set(open_files()) - set(before)) == [str(cpus[0]), str(cpus[1])]
        assert open_files() == before


def test_the_error_of_the_first_register_that_cannot_be_read_is_said_and_nothing_stays_open(cpus, tmp_path):
    before = open_files()
    absent, below_a_file = tmp_path / "absent", cpus[0] / "below"
    code, source = try_open((cpus, PACKAGE), ([absent, below_a_file], PACKAGE), ([below_a_file], PACKAGE))
    assert (code, source) == (-errno.ENOENT, ffi.NULL)
    assert open_files() == before


def test_a_register_without_a_path_is_refused(cpus):
    assert try_open((cpus, PACKAGE), ([], PACKAGE))[0] == -errno.EINVAL


def test_a_reading_of_once_says_what_went_wrong_and_leaves_nothing_open(cpus, tmp_path):
    before = open_files()
    assert read_once(tmp_path / "absent", UNIT)[0] == -errno.ENOENT
    assert read_once(tmp_path, UNIT)[0] == -errno.EISDIR
    assert read_once(cpus[0], DRAM)[0] == -errno.ENODATA
    assert read_once(cpus[0], UNIT) == (0, 0xA0E03)
    assert open_files() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up what it may")
def test_who_may_not_read_is_told_so(cpus):
    cpus[0].chmod(0)
    os.seteuid(65534)
    try:
        codes = try_open((cpus[:1], PACKAGE))[0], read_once(cpus[0], UNIT)[0]
    finally:
        os.seteuid(0)
    assert codes == (-errno.EACCES, -errno.EACCES)


def test_the_machines_own_registers():
    # GIVEN the time-stamp counter, a register that every x86 CPU has
    path, number = Path("/dev/cpu/0/msr"), 0x10
    code, first = read_once(path, number)
    if code != 0:
        pytest.skip(f"{path} cannot be read here: {errno.errorcode[-code]}")
    # WHEN it is read again, THEN it rose, and a source shows its low half
    code, last = read_once(path, number)
    assert code == 0
    assert last > first
    with msr(([path], number)) as source:
        assert read(source) < 2**32
    # A register that no CPU has is an error of the reading, not of the file; some hypervisors answer 0
    assert read_once(path, 0x3FFF_FFFF) in [(-errno.EIO, 0), (0, 0)]
