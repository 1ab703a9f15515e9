"""The powercap source reads one number per file, holds each file open, and finds one again that went away."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from core import ffi, lib
from handles import open_files, opened, read, read_error, renew
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st


def try_open(*paths: Path) -> tuple[int, Any]:
    """The code of pc_source_powercap_open, and the source if it is 0."""
    names = [ffi.new("char[]", os.fsencode(path)) for path in paths]
    out = ffi.new("struct pc_source **")
    code = lib.pc_source_powercap_open(out, ffi.new("char *[]", names), len(names))
    return code, out[0]


@contextmanager
def powercap(*paths: Path) -> Iterator[Any]:
    code, source = try_open(*paths)
    assert code == 0
    with opened(source):
        yield source


@pytest.fixture
def zone(ram_path):
    path = ram_path / "energy_uj"
    path.write_text("1\n")
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0\n", 0),
        ("262143328850\n", 262143328850),
        ("  42\n", 42),
        ("42", 42),
        ("0042\n", 42),
        ("42\nrest is not ours\n", 42),
        ("18446744073709551615\n", 2**64 - 1),
    ],
)
def test_a_number_is_read(zone, text, value):
    zone.write_text(text)
    with powercap(zone) as source:
        assert read(source) == value


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "ENODATA"),
        ("\n", "EBADMSG"),
        ("   ", "EBADMSG"),
        ("   \n", "EBADMSG"),
        ("joules\n", "EBADMSG"),
        ("-1\n", "EBADMSG"),
        ("+1\n", "EBADMSG"),
        ("0x10\n", "EBADMSG"),
        ("1.5\n", "EBADMSG"),
        ("12 34\n", "EBADMSG"),
        ("12\0\n", "EBADMSG"),
        ("\t12\n", "EBADMSG"),
        ("18446744073709551616\n", "ERANGE"),
        ("99999999999999999999999\n", "ERANGE"),
        (" " * 100, "EBADMSG"),
        ("9" * 100, "ERANGE"),
    ],
)
def test_what_is_no_number_is_refused(zone, text, error):
    zone.write_text(text)
    with powercap(zone) as source:
        assert read_error(source) == error


@given(st.binary(max_size=31) | st.from_regex(rb" {0,3}[0-9]{1,22}\n?", fullmatch=True))
@example(b"18446744073709551615\n")
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_its_number_or_an_error(zone, text):
    zone.write_bytes(text)
    with powercap(zone) as source:
        number = re.fullmatch(rb" *([0-9]+)(\n.*)?", text, re.DOTALL)
        if number is not None and int(number[1]) < 2**64:
            assert read(source) == int(number[1])
        else:
            assert read_error(source) in ("ENODATA", "EBADMSG", "ERANGE")


def test_a_number_longer_than_the_buffer_is_refused_not_cut(zone):
    zone.write_text(" " * 28 + "123456789\n")
    with powercap(zone) as source:
        assert read_error(source) == "EBADMSG"


def test_every_file_is_a_counter_of_its_own(tmp_path):
    paths = [tmp_path / str(n) for n in range(5)]
    for n, path in enumerate(paths):
        path.write_text(f"{n}\n")
    with powercap(*paths) as source:
        assert source.count == 5
        assert [read(source, n) for n in range(5)] == [0, 1, 2, 3, 4]


def test_a_reading_is_of_now(zone):
    with powercap(zone) as source:
        for value in (5, 7, 123456, 3):
            zone.write_text(f"{value}\n")
            assert read(source) == value


def test_files_are_open_until_closed(tmp_path, zone):
    before = open_files()
    other = tmp_path / "other"
    other.write_text("2\n")
    with powercap(zone, other):
        assert set(open_files()) - set(before) == {str(zone), str(other)}
    assert open_files() == before


def test_the_error_of_the_first_file_that_cannot_be_opened_is_said_and_nothing_stays_open(tmp_path, zone):
    before = open_files()
    code, source = try_open(zone, tmp_path / "absent", zone / "below a file")
    assert (code, source) == (-errno.ENOENT, ffi.NULL)
    assert open_files() == before


def test_a_removed_file_is_noticed_and_found_again(zone):
    # GIVEN a file that was read and removed; on most file systems an open one goes on answering
    with powercap(zone) as source:
        assert read(source) == 1
        zone.unlink()
        # WHEN it is renewed, THEN it answers ENODEV from then on
        for _ in range(3):
            renew(source)
            assert {read_error(source) for _ in range(3)} == {"ENODEV"}
        assert str(zone) not in " ".join(open_files())
        # WHEN it comes back, THEN it is read again once renewed, and stays
        zone.write_text("77\n")
        assert read_error(source) == "ENODEV"
        renew(source)
        assert read(source) == 77
        zone.write_text("78\n")
        assert read(source) == 78


def test_a_file_replaced_by_another_is_read_once_renewed(zone):
    with powercap(zone) as source:
        assert read(source) == 1
        zone.unlink()
        zone.write_text("500\n")
        assert read(source) == 1
        renew(source)
        assert read(source) == 500
        assert open_files().count(str(zone)) == 1


def test_a_counter_that_stands_still_is_no_error(zone):
    with powercap(zone) as source:
        before = open_files()
        for _ in range(3):
            renew(source)
            assert read(source) == 1
        assert open_files() == before
        assert open_files().count(str(zone)) == 1


def test_a_file_that_turns_bad_is_good_again_at_once(zone):
    with powercap(zone) as source:
        zone.write_text("")
        for _ in range(3):
            assert read_error(source) == "ENODATA"
            renew(source)
        zone.write_text("9\n")
        assert read(source) == 9
        assert open_files().count(str(zone)) == 1


def test_renewing_one_leaves_the_others_alone(tmp_path, zone):
    other = tmp_path / "other"
    other.write_text("2\n")
    with powercap(zone, other) as source:
        zone.unlink()
        other.unlink()
        renew(source, 1)
        assert [read_error(source, index) for index in (0, 1)] == [None, "ENODEV"]
