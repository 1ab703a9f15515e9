"""Changing what a finished run belongs to: its file is written anew with another footer, and nothing else differs.

    header, metadata, edges ... index | footer | trailer
    copied byte for byte               | `run` changed | its offsets, which stay

Roles: whoever has the lock of the run file itself is the only one who changes it, and leaves `.NAME.amended` behind
where it is killed; the next one overwrites that.
Invariant: under its name the file is at every moment the old one or the new one, whole.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pycarbon import analysis, home, metadata, runfile
from pycarbon.errors import PyCarbonError, RunFileError
from pycarbon.frame import FOOTER, MAX_JSON_BYTES, META, Data, check_header, frames, json_frame, sequence_at
from pycarbon.growing import sync
from pycarbon.index import TRAILER_BYTES, read_trailer
from pycarbon.run import listed
from pycarbon.scanning import json_of, telling
from pycarbon.settings import DEFAULT
from pycarbon.store.paths import project_folder
from pycarbon.stored import open_whole


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be said of a run from now on. None: as it was; an empty `experiment`: it belongs to none.

    `tags` are set, whatever they were, then those of `removed` taken away; others stay.
    """

    organisation: str | None = None
    project: str | None = None
    experiment: str | None = None
    name: str | None = None
    tags: Mapping[str, str] | None = None
    removed: tuple[str, ...] = ()

    def made(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """Give a footer's `run` with the changes made."""
        names = ("organisation", "project", "experiment", "name")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        tags = {**run.get("tags", {}), **(self.tags or {})}
        return {**run, **given, "tags": {key: value for key, value in tags.items() if key not in self.removed}}


def amend(path: Path, changes: Changes) -> None:
    """Write a finished run file anew, with changes made to what its footer says of the run.

    RunFileError, in one line, where it is live, was cut off, or cannot be read; PyCarbonError where it cannot be
    written: the file is then as it was.
    """
    try:
        path = path.resolve()  # of a link the file itself: the link stays
        live = path if path.name.endswith(home.LIVE_SUFFIX) else home.home_of(path)
        if not path.is_file() and live.is_dir():
            raise RunFileError(f"{path} is still being recorded, or was cut off; then type: pycarbon repair {path}")
        with _alone_with(path):
            _rewrite(path, changes)
    except FileNotFoundError:
        raise RunFileError(f"there is no file {path}") from None
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a name no file can have
        why = getattr(error, "strerror", None) or error
        raise PyCarbonError(f"{str(path)[:200]!r} cannot be changed: {why}") from None


def moved(folder: Path, path: Path, changes: Changes) -> Path:
    """Bring a file of the store in `folder` to the folder of what its run belongs to now, and say where it is.

    It stays where it is where nothing moved it, where it cannot go there, and where another has its name.
    """
    if changes.organisation is None and changes.project is None:
        return path
    run = analysis.load(path)
    target = project_folder(folder, run.organisation or DEFAULT, run.project or DEFAULT) / path.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            path.rename(target)
            return target
    except OSError:  # folders are for people to look into: what it belongs to stands in the file
        pass
    return path


def _rewrite(path: Path, changes: Changes) -> None:
    data = runfile.contents(path)
    footer_at, footer, tail = _end_of(data, str(path))
    changed = json_frame(FOOTER, {**footer, "run": changes.made(footer["run"])})
    if len(changed.payload) > MAX_JSON_BYTES:
        raise PyCarbonError(f"{path} is not changed: a run file has no room for so much text")
    new = path.with_name(f".{path.name}.amended")
    try:
        with new.open("wb") as file:
            new.chmod(path.stat().st_mode & 0o7777)
            file.write(data[:footer_at])
            file.write(changed.encode(sequence_at(data, footer_at)))
            file.write(tail)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    with contextlib.suppress(OSError):  # not every file system can
        sync(path.parent, os.O_RDONLY)


def _end_of(data: Data, where: str) -> tuple[int, dict[str, Any], Data]:
    """Give where a finished file's footer begins, what it says, with `run` in it, and the bytes of its trailer."""
    whole = open_whole(data, where) if check_header(data, where) else None
    found = read_trailer(bytes(data[-TRAILER_BYTES:]))
    if whole is not None and found is not None:
        run = {**listed(whole.meta), **whole.footer.get("run", {})}
        return found[1], {**whole.footer, "run": run}, data[-TRAILER_BYTES:]
    meta: dict[str, Any] = {}
    for offset, frame in frames(data, where):
        with telling(where):
            if frame.type == META:
                meta = json_of(frame, metadata.META_MEMBERS)
            elif frame.type == FOOTER:
                footer = json_of(frame, metadata.FOOTER_MEMBERS)
                return offset, {**footer, "run": {**listed(meta), **footer.get("run", {})}}, b""
    raise RunFileError(f"{where} was cut off and has no end to write that in; type: pycarbon repair {where}")


@contextlib.contextmanager
def _alone_with(path: Path) -> Iterator[None]:
    """Keep out others that change the file; who waited looks again, since it has been replaced meanwhile."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    while True:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with contextlib.suppress(OSError):  # not every file system has locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                yield
                return
        finally:
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing would not do where another thread forks meanwhile
            os.close(descriptor)
