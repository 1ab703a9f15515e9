"""A run that comes from elsewhere: its bytes in a file that nobody reads yet, then checked, then a run of the store.

    .incoming/RANDOM.part  --checked, synced-->  ORGANISATION/PROJECT/TIME-NAME-ID.pcr  -->  the index

Roles: whoever receives holds the lock of its part; whoever starts to receive clears away the parts of the dead.
Invariant: a file that ends in .pcr is whole and on the disk. It gets its name by one link(2), which fails where that
name is taken, and the name follows from what it holds: the same run sent twice meets itself, also after a kill.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from pycarbon import runfile
from pycarbon.analysis import Run
from pycarbon.errors import PyCarbonError
from pycarbon.growing import lock
from pycarbon.settings import DEFAULT
from pycarbon.store.index import Store
from pycarbon.store.paths import new_path
from pycarbon.store.queries import Listed
from pycarbon.stored import StoredRun

FOLDER, SUFFIX = ".incoming", ".part"
ID = re.compile(r"[0-9A-Za-z_-]{4,64}")
"""What a run's own id must look like to be taken: it becomes a part of a file's name, and of addresses."""

AHEAD_S = 24 * 3600
"""A run that began so much later than now was recorded by a clock that is wrong."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a run: an HTTP status, the state in a word, and one line for whoever sent it."""

    status: int
    state: str
    message: str


class Part:
    """The file that receives one run. Its lock goes with its holder, so that what a kill leaves is known as such."""

    def __init__(self, folder: Path) -> None:
        """Begin one in the store `folder`; OSError where that cannot be."""
        top = folder / FOLDER
        top.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            self.path = top / f"{secrets.token_hex(8)}{SUFFIX}"
            self._descriptor = os.open(self.path, _NEW, 0o666)
            lock(self._descriptor)
            if self.path.exists():
                return
            os.close(self._descriptor)  # whoever clears away saw it before it was locked

    def write(self, piece: bytes) -> None:
        """Add to it; OSError where the disk does not take it."""
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def close(self) -> None:
        """Let go of it; what was taken into the store has another name by now."""
        os.close(self._descriptor)
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def clear(folder: Path) -> int:
    """Remove the parts whose receivers are dead, and count them."""
    removed = 0
    for path in sorted((folder / FOLDER).glob(f"*{SUFFIX}")):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0))
            try:
                if lock(descriptor):
                    path.unlink(missing_ok=True)
                    removed += 1
            finally:
                os.close(descriptor)
    return removed


def take_in(store: Store, part: Path, id: str, now_s: float) -> Taken:
    """Check a received file, which says of itself that it is the run `id`, and make it a run of the store.

    Nobody is trusted: every frame is decoded, so that memory and time are spent here, in a process with limits.
    OSError where the disk does not take it.
    """
    try:
        run = _whole(part, id)
    except PyCarbonError as error:
        return Taken(400, "refused", str(error))
    _sync(part)
    known = _known(store, id)
    if known is not None:
        return _compare(store, known, part, id)
    started = _moment(run)
    path = new_path(store.folder, run.organisation or DEFAULT, run.project or DEFAULT, run.name, started, id)
    for target in (path, path.with_name(f"{path.stem}-{id}{path.suffix}")):
        if _link(part, target):
            return _index(store, target, part, id, Taken(201, "stored", _note(run, now_s)))
        if _digest(target) == _digest(part):  # it came before, and a kill kept it out of the index
            return _index(store, target, part, id, _HERE)
    return _ANOTHER


_HERE = Taken(200, "already here", "this run is here already, and nothing was changed")
_ANOTHER = Taken(
    409,
    "another",
    "this run is here already with other contents, perhaps other tags; to replace it, `pycarbon rm` it where the"
    " server keeps it, and push again",
)


def _whole(part: Path, id: str) -> Run:
    """Read all there is in a file; RunFileError, or another PyCarbonError, where a page could not."""
    data = runfile.parse(runfile.contents(part), "the file")
    if not isinstance(data, StoredRun):  # else what is cut off within its end would be another run of the same id
        raise PyCarbonError("the file was cut off, or never closed; `pycarbon repair` makes a whole one of it")
    run = Run(data)
    if run.id != id:
        raise PyCarbonError(f"the file is the run {run.id[:80]!r}, and was sent as {id!r}")
    for channel in run.data.edges:
        run.data.edges[channel]
    _ = (run.data.events, run.data.ledger, run.data.kernels, run.energy, run.emissions, run.notes)
    return run


def _moment(run: Run) -> datetime:
    try:
        return run.started
    except PyCarbonError:  # it does not say
        return datetime.fromtimestamp(0, timezone.utc)


def _note(run: Run, now_s: float) -> str:
    """A wrong clock spoils a run's date, and the hours of its grid, but not its energy: it is kept, and told."""
    ahead_s = _moment(run).timestamp() - now_s
    if ahead_s <= AHEAD_S:
        return "stored"
    return (
        f"stored, but it says that it began {ahead_s / 86400:.0f} days later than this server's clock says it is now"
        f" ({datetime.fromtimestamp(now_s, timezone.utc):%Y-%m-%d %H:%M} UTC): set the clock of the machine"
    )


def _known(store: Store, id: str) -> Listed | None:
    try:
        found = store.run(id)
    except PyCarbonError:
        return None
    return found if found.summary.id == id else None


def _compare(store: Store, known: Listed, part: Path, id: str) -> Taken:
    if known.source:
        return Taken(409, "another", f"this run is here already, in the source {known.source}, which is only read")
    there = _digest(store.path_of(known))
    return _HERE if there is not None and there == _digest(part) else _ANOTHER


def _index(store: Store, target: Path, part: Path, id: str, taken: Taken) -> Taken:
    """Take a file into the index; where that cannot be now, the next look at the files finds it."""
    try:
        store.add(target)
    except PyCarbonError:
        known = _known(store, id)
        if known is not None and store.folder / known.path != target and not known.source:
            target.unlink(missing_ok=True)  # the same run came another way, at the same time
            return _compare(store, known, part, id)
    return taken


def _digest(path: Path) -> bytes | None:
    """The SHA-256 of a file; None where there is none."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except FileNotFoundError:
        return None
    return digest.digest()


def _link(part: Path, target: Path) -> bool:
    """Give a file its place; False where there is one of that name. Its folders are on the disk afterwards, too."""
    missing = [folder for folder in (target.parent, target.parent.parent) if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(part, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if target.exists():
            return False
        part.replace(target)
    for folder in (target.parent, *(folder.parent for folder in missing)):
        _sync(folder)
    return True


def _sync(path: Path) -> None:
    """Have a file, or a folder's names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
