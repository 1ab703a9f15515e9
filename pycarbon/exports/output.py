"""Where an export goes: a file that appears when it is whole, and replaces none unasked, or standard output."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pycarbon.errors import PyCarbonError


@contextlib.contextmanager
def to_file(path: Path, force: bool, never: Path | None) -> Iterator[BinaryIO]:
    """Write a file beside `path` and rename it when all went well; PyCarbonError where it cannot be, or is there.

    What is no regular file (a device, a pipe) is written into. `never` is not replaced, whatever `force` says.
    """
    try:
        target = Path(os.path.realpath(path))
        mode = _mode(target)
        if mode is not None and not stat.S_ISREG(mode):
            with target.open("wb") as stream:
                yield stream
            return
        if mode is not None and never is not None and never.exists() and target.samefile(never):
            raise PyCarbonError(f"{str(path)!r} is the run itself: -o names another file")
        if mode is not None and not force:
            raise FileExistsError
        with _written(target, mode, force) as stream:
            yield stream
    except FileExistsError:
        raise PyCarbonError(f"{str(path)!r} exists: --force replaces it") from None
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:  # a name no file can have
        raise PyCarbonError(
            f"{str(path)[:200]!r} cannot be written: {getattr(error, 'strerror', None) or error}"
        ) from None


def standard_output(is_text: bool) -> BinaryIO:
    """Give standard output; PyCarbonError where it is closed, or a terminal that could not show the format."""
    if sys.stdout is None:
        raise PyCarbonError("standard output is closed: -o FILE writes a file")
    if not is_text and sys.stdout.isatty():
        raise PyCarbonError("this format is not for a terminal: -o FILE writes a file")
    sys.stdout.flush()
    return sys.stdout.buffer


def _mode(target: Path) -> int | None:
    try:
        return target.stat().st_mode
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _written(target: Path, mode: int | None, force: bool) -> Iterator[BinaryIO]:
    temporary = target.with_name(f".pycarbon-{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)  # some file systems say only now that there is no room
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))
        _publish(temporary, target, force)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _publish(temporary: Path, target: Path, force: bool) -> None:
    """Give the file its name; FileExistsError where somebody else made one of that name meanwhile."""
    if not force:
        try:
            os.link(temporary, target)
            return
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if target.exists():
                raise FileExistsError from None
    temporary.replace(target)
