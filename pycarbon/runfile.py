"""Run files (.pcr): a header, then frames that each stand alone; docs/run-file.md is the format's description."""

from __future__ import annotations

import mmap
import os
import stat
from pathlib import Path
from typing import Any

from pycarbon import scanning, stored
from pycarbon.errors import RunFileError
from pycarbon.frame import Bytes, Data, check_header
from pycarbon.run import RunData

SUFFIX = ".pcr"

READ_AT_ONCE_BYTES = 1 << 20
"""What is larger is mapped."""

MOST_PIPED_BYTES = 1 << 30


def parse(data: Bytes, where: str) -> RunData:
    """Read a file's bytes: one that was closed in order is decoded when asked, what was cut off up to the cut.

    RunFileError where nothing can be read, or a frame is of a kind this version must know and does not, or what a
    whole frame holds makes no sense; of what is decoded later, then.
    """
    if check_header(data, where):
        whole = stored.open_whole(data, where)
        if whole is not None:
            return whole
    return scanning.scan(data, where)


def read(path: Path) -> RunData:
    """Read a run file; RunFileError in one line where that cannot be done."""
    return parse(contents(path), _named(path))


def read_footer(path: Path) -> dict[str, Any]:
    """Read only a run's footer, with its totals: enough for a list of many runs, and half the work of read().

    Empty where the run was cut off; RunFileError as read.
    """
    data = contents(path)
    if check_header(data, str(path)):
        footer = stored.footer_of(data, str(path))
        if footer is not None:
            return footer
    return parse(data, str(path)).footer


def contents(path: Path) -> Data:
    """Give a file's bytes, of a large one mapped; RunFileError in one line where that cannot be done."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise RunFileError(f"there is no file {_named(path)}") from None
    except OSError as error:
        raise RunFileError(f"{_named(path)} cannot be read: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise RunFileError(f"{_named(path)} is a folder, not a run file")
        if stat.S_ISREG(status.st_mode) and status.st_size > READ_AT_ONCE_BYTES:
            return memoryview(mmap.mmap(descriptor, status.st_size, access=mmap.ACCESS_READ))
        return _read(descriptor, path)
    except OSError as error:
        raise RunFileError(f"{_named(path)} cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _named(path: Path) -> str:
    """Give a file's name as one line can hold it."""
    name = str(path)
    return name if name.isprintable() else repr(name)


def _read(descriptor: int, path: Path) -> bytes:
    parts, taken = [], 0
    while part := os.read(descriptor, READ_AT_ONCE_BYTES + 1):
        parts.append(part)
        taken += len(part)
        if taken > MOST_PIPED_BYTES:
            raise RunFileError(f"{_named(path)} does not end: it is no run file")
    return b"".join(parts)
