"""A run file while it grows: each batch of frames is one write(); what the disk refuses is held and tried again.

Invariant: what lies in the file is whole frames, and what is held follows it.
Hazard: a fork shares the lock that says "being recorded"; the child lets go of its copy at once, so that the lock
ends with the recorder and not with the last of its children.
"""

from __future__ import annotations

import errno
import os
import sys
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pycarbon.frame import Frame, file_header


class GrowingFile:
    """A run file that is being written; with path None it lives in memory only."""

    def __init__(self, path: Path | None) -> None:
        """Create the file, which must not exist, and lock it; OSError where that cannot be."""
        self.path = path
        self.why_not = ""
        self._sequence = 0
        self._held: list[bytes] = [file_header()]
        self._last = 0
        self._descriptor: int | None = None
        self._written = 0
        if path is not None:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
            self._descriptor = os.open(path, flags, 0o644)
            lock(self._descriptor)
            _open_files.add(self)

    def append(self, frames: Sequence[Frame]) -> bool:
        """Write the frames after whatever is held; False where they had to be held themselves."""
        encoded = b"".join(frame.encode(self._sequence + i) for i, frame in enumerate(frames))
        self._sequence += len(frames)
        self._last = len(frames)
        self._held.append(encoded)
        return self._flush()

    def forget_last(self) -> None:
        """Take back the latest append, which was held: the caller keeps the data itself and comes again."""
        self._held.pop()
        self._sequence -= self._last

    def _flush(self) -> bool:
        if self._descriptor is None:
            return False
        data = b"".join(self._held)
        try:
            written = os.pwrite(self._descriptor, data, self._written)
            if written != len(data):  # a full disk takes a part: keep the file whole
                os.ftruncate(self._descriptor, self._written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self.why_not = error.strerror or str(error)
            return False
        self._written += written
        self._held = []
        return True

    def sync(self) -> bool:
        """Have what was written on the disk, against power failures; False where the disk refuses that."""
        if self._descriptor is None:
            return True
        try:
            getattr(os, "fdatasync", os.fsync)(self._descriptor)
        except OSError as error:
            self.why_not = error.strerror or str(error)
            return False
        return True

    @property
    def is_whole(self) -> bool:
        """Whether everything that was appended lies in the file."""
        return self._descriptor is not None and not self._held

    def finish(self, target: Path, folded: Path | None = None) -> bool:
        """Give the file its name, or the one that it was folded to; False where that cannot be."""
        if self._descriptor is None or self.path is None:
            return False
        if self._held and not self._flush():
            return False
        try:
            publish(folded or self.path, target)
        except OSError as error:
            self.why_not = error.strerror or str(error)
            return False
        return True

    def everything(self) -> bytes:
        """Give the whole file as it stands, what is held included."""
        head = b"" if self._descriptor is None else os.pread(self._descriptor, self._written, 0)
        return head + b"".join(self._held)

    def close(self) -> None:
        """Close the file, which ends its lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def publish(source: Path, target: Path) -> None:
    """Have a finished file on the disk, and give it its name in one step; OSError where that cannot be.

    An earlier run of that name becomes NAME.old; anything but a plain file is left alone.
    """
    sync(source, os.O_RDWR)
    refuse_special(target)
    if target.exists():
        target.replace(target.with_name(f"{target.name}.old"))
    source.replace(target)
    if sys.platform != "win32":
        with suppress(OSError):  # not every file system can
            sync(target.parent, os.O_RDONLY)


def sync(path: Path, flags: int) -> None:
    """Have a file, or what a folder says of its files, on the disk; OSError where that cannot be."""
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_special(target: Path) -> None:
    """Raise the OSError for a target that is there and no plain file: a run must not take the place of a folder."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder; name a file in it")
    if target.exists() and not target.is_file():
        raise FileExistsError(errno.EEXIST, "it is no plain file")


def lock(descriptor: int) -> bool:
    """Take the lock that says "being recorded"; the kernel lets it go when its holder dies.

    False where somebody else holds it, or the file system has none: then nobody can know.
    """
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


_open_files: weakref.WeakSet[GrowingFile] = weakref.WeakSet()


def _close_in_child() -> None:
    for file in list(_open_files):
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
