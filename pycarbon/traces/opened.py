"""A trace's file as a stream of plain bytes, unzipped on the way, which tells how far it is."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from pycarbon.errors import TraceError

Progress = Callable[[int, int], None]
"""Called with the bytes of the file that are read, and those that it has."""

GZIP = b"\x1f\x8b"


class _Counted:
    """What gzip and the scanner need of a file, and where it is told on."""

    def __init__(self, file: BinaryIO, size: int, progress: Progress | None) -> None:
        self._file = file
        self._size = size
        self._progress = progress
        self._done = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._done += len(data)
        if self._progress:
            self._progress(self._done, self._size)
        return data


@contextlib.contextmanager
def opened(path: Path, progress: Progress | None = None) -> Iterator[BinaryIO]:
    """Open a file, zipped or not; TraceError where it cannot be read, also while it is read."""
    with readable(path), path.open("rb") as file:
        is_zipped = file.read(len(GZIP)) == GZIP
        file.seek(0)
        counted = cast(BinaryIO, _Counted(file, path.stat().st_size, progress))
        if not is_zipped:
            yield counted
            return
        with gzip.GzipFile(fileobj=counted) as unzipped:
            yield cast(BinaryIO, unzipped)


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say in one line why a file cannot be read."""
    try:
        yield
    except EOFError:
        raise TraceError(f"{path} is cut short: its gzip has no end; record it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise TraceError(f"{path} is damaged: {error}") from None
    except (OSError, ValueError) as error:  # a name no file can have
        raise TraceError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
