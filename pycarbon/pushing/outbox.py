"""The runs that wait to be sent: a folder with one small file for each, which any number of processes add to.

    <data dir>/outbox/
        ID-SERVER.json   one run and the server it is for, see Entry
        pauses           servers that are left alone for a while, with the reason
        sent             a line for each run that a server has
        lock             locked by the one process that sends

Roles: anybody adds an entry; whoever holds the lock sends, changes entries, and is the only one to write the other
files. The kernel lets go of the lock when its holder dies.
Invariant: an entry stays until the server has said that it has the run, or a person was told why it never will.
Hazard: an entry may be removed or replaced under the holder's eyes, by a person who sends the same run again.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pycarbon.errors import PyCarbonError

_ID = re.compile(r"[0-9A-Za-z_-]{4,64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A run that waits. Times are in seconds since 1970; `answer` is what the last try came to, in one line.

    `refused`: it will not be tried again by itself.
    """

    id: str
    path: str
    server: str
    since_s: float
    tries: int = 0
    answer: str = ""
    next_s: float = 0.0
    refused: bool = False

    @property
    def name(self) -> str:
        """The entry's file: one for each run and server."""
        return f"{self.id}-{zlib.crc32(self.server.encode()):08x}.json"


@dataclass(frozen=True, slots=True)
class Pause:
    """A server that is left alone until `until_s`, after `tries` that failed. `stopped`: somebody has to act."""

    until_s: float
    tries: int
    answer: str
    stopped: bool


def is_id(text: str) -> bool:
    """Whether a run's id can be part of an address and of a file's name."""
    return _ID.fullmatch(text) is not None


class Outbox:
    """The folder; made when something is first put into it."""

    def __init__(self, data_dir: Path) -> None:
        """Name it; nothing is read yet."""
        self.folder = data_dir / "outbox"

    def put(self, entry: Entry) -> None:
        """Add an entry, or replace it, in one step; OSError where the folder takes none.

        It is not synced: what a power failure takes here is a file's name, and the run itself stays in its file.
        """
        if not is_id(entry.id):
            raise PyCarbonError(f"{entry.path} has an id that no server takes: {entry.id[:80]!r}")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write(entry.name, asdict(entry))

    def drop(self, entry: Entry) -> None:
        """Remove an entry."""
        (self.folder / entry.name).unlink(missing_ok=True)

    def get(self, entry: Entry) -> Entry | None:
        """Read an entry as it is now; None where there is none."""
        try:
            return _entry(self.folder / entry.name)
        except (OSError, ValueError, RecursionError):
            return None

    def entries(self) -> list[Entry]:
        """All that waits, oldest first."""
        return self.look()[0]

    def look(self) -> tuple[list[Entry], list[str]]:
        """All that waits, oldest first, and the names of files that are no entries, or of a later version."""
        found, odd = [], []
        for path in sorted(self.folder.glob("*.json")):
            try:
                found.append(_entry(path))
            except FileNotFoundError:  # sent meanwhile
                continue
            except (OSError, ValueError, RecursionError):
                odd.append(path.name)
        return sorted(found, key=lambda entry: entry.since_s), odd

    def pauses(self) -> dict[str, Pause]:
        """The servers that are left alone for a while."""
        try:
            found = json.loads((self.folder / "pauses").read_bytes())
            return {str(server): _made(Pause, members) for server, members in found.items()}
        except (OSError, ValueError, AttributeError, RecursionError):
            return {}

    def pause(self, server: str, pause: Pause | None) -> None:
        """Leave a server alone, or no longer; only for who holds the lock."""
        pauses = self.pauses()
        if pause is None and server not in pauses:
            return
        kept = {name: asdict(other) for name, other in pauses.items() if name != server}
        self._write("pauses", kept if pause is None else {**kept, server: asdict(pause)})

    def note_sent(self, entry: Entry) -> None:
        """Note that a server has a run; only for who holds the lock."""
        with (self.folder / "sent").open("a", encoding="utf-8") as file:
            file.write(f"{entry.id} {entry.server}\n")

    def sent(self, server: str) -> set[str]:
        """The ids of the runs that a server has, as far as they were sent from here."""
        try:
            lines = (self.folder / "sent").read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return set()
        return {line.partition(" ")[0] for line in lines if line.partition(" ")[2] == server}

    @contextlib.contextmanager
    def claimed(self, wait: bool = False) -> Iterator[bool]:
        """Be the one who sends; gives False where somebody else does, unless told to wait for them.

        Where the file system has no locks two may send the same run: the server answers the second that it is there.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            yield _locked(descriptor, wait)
        finally:
            _unlock(descriptor)  # not by closing alone: a child that was forked meanwhile has the descriptor, too
            os.close(descriptor)

    def is_claimed(self) -> bool:
        """Whether somebody is sending now."""
        try:
            with self.claimed() as claimed:
                return not claimed
        except OSError:
            return False

    def _write(self, name: str, members: Any) -> None:
        unfinished = self.folder / f".{name}-{os.urandom(4).hex()}"
        try:
            unfinished.write_text(json.dumps(members), encoding="utf-8")
            unfinished.replace(self.folder / name)
        except OSError:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise


def _entry(path: Path) -> Entry:
    """Read an entry; ValueError where the file is none, or has another's name."""
    found: Entry = _made(Entry, json.loads(path.read_bytes()))
    if not is_id(found.id) or found.name != path.name:
        raise ValueError(path)
    return found


def _made(kind: Any, members: Any) -> Any:
    """Make a dataclass of plain fields from JSON; ValueError where it is not of that kind."""
    types = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
    wanted = {field.name: types[str(field.type)] for field in fields(kind)}
    if not isinstance(members, dict) or not members.keys() >= wanted.keys():
        raise ValueError(members)
    if not all(type(members[name]) in allowed for name, allowed in wanted.items()):
        raise ValueError(members)
    return kind(**{name: members[name] for name in wanted})


def _locked(descriptor: int, wait: bool) -> bool:
    try:
        import fcntl
    except ImportError:  # no such locks here
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _unlock(descriptor: int) -> None:
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_UN)
