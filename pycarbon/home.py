"""The home folder of a live run: the growing file and the rings, beside where the finished file will be.

    train.pcr.live/
        run.pcr          frames written so far; locked as long as its recorder lives
        counters.ring    edges not yet in a frame, shared pages: they outlive a SIGKILL
        cpu-time.ring
        marks-RANDOM/    what the recorded programs say of their regions: csrc/marks.h

At the end run.pcr is renamed to train.pcr and the folder goes. Of a recorder that was killed the folder stays,
and `recover` reads the frames and what the rings still hold.

Roles: the recorder that holds the lock of run.pcr owns the folder; whoever takes the lock of a dead one may clear it.
Invariant: a home appears with its locked run.pcr in it (it is made under another name first).
Hazard: a home without run.pcr is one that its owner is just clearing away, so nobody else touches it for a while.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pycarbon import runfile
from pycarbon.errors import RunFileError
from pycarbon.growing import GrowingFile, lock, refuse_special
from pycarbon.run import EDGE_DTYPE, RunData, gaps_by_channel, group_by_channel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIVE_SUFFIX = ".live"
RUN_FILE = "run.pcr"
CLEARED_WITHIN_S = 60
"""A home that has had no run file for so long was left by an owner that died while clearing it away."""


def home_of(target: Path) -> Path:
    """Say where the home of the run that will be `target` lies."""
    return target.with_name(target.name + LIVE_SUFFIX)


def make(target: Path) -> tuple[Path, GrowingFile]:
    """Make the home of a run that begins, with its locked file; OSError where it cannot be, or is there already."""
    refuse_special(target)
    home = home_of(target)
    unfinished = home if sys.platform == "win32" else home.with_name(f"{home.name}-{os.urandom(4).hex()}")
    unfinished.mkdir()
    try:
        file = GrowingFile(unfinished / RUN_FILE)
        try:
            if home.exists() and home != unfinished:  # rename(2) would replace one that is empty
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            unfinished.rename(home)
        except OSError:
            file.close()
            raise
    except OSError:
        remove(unfinished)
        raise
    file.path = home / RUN_FILE
    return home, file


@contextlib.contextmanager
def _claimed(home: Path) -> Iterator[bool]:
    """Hold the lock of a home whose recorder is dead; gives False where it lives, or nobody can know."""
    path = home / RUN_FILE
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        yield time.time() - home.stat().st_mtime > CLEARED_WITHIN_S
        return
    except OSError:
        yield False
        return
    try:
        # Between open and lock somebody else may have cleared it away and begun anew.
        yield lock(descriptor) and path.exists() and os.path.samestat(os.fstat(descriptor), path.stat())
    finally:
        os.close(descriptor)


def recover(home: Path) -> RunData:
    """Read a home whose run has not ended: its frames, and the edges its rings still hold."""
    rings = runfile.read(home / RUN_FILE).meta.get("rings", {})
    waiting = {name: _ring_edges(home / name, channels) for name, channels in rings.items()}
    run = runfile.read(home / RUN_FILE)  # after the rings: a live recorder moves edges from those to here
    for edges in waiting.values():
        for channel, found in group_by_channel(edges).items():
            known = run.edges.get(channel)
            if known is not None and len(known):
                found = found[found["t_seen_ns"] > known["t_seen_ns"][-1]]
                found = np.concatenate([known, found])
            run.edges[channel] = found
    return run


def _ring_edges(path: Path, channels: Sequence[int]) -> NDArray[np.void]:
    from pycarbon import _native

    try:
        ring = _native.Ring.open(path)
    except OSError:  # never made, or not whole: the frames are all there is
        return np.empty(0, EDGE_DTYPE)
    edges: NDArray[np.void] = np.frombuffer(ring.peek(), EDGE_DTYPE)
    return gaps_by_channel(edges, channels)


def load(path: Path) -> RunData:
    """Read a run: a finished file, or the home of one that is live or was cut off."""
    if path.is_dir() and path.name.endswith(LIVE_SUFFIX):
        return recover(path)
    if not path.exists() and home_of(path).is_dir():
        try:
            return recover(home_of(path))
        except RunFileError:
            if not path.exists():  # it did not just end either
                raise
    return runfile.read(path)


def set_aside(target: Path) -> Path | None:
    """Make room for a new home beside `target`: what a killed recorder left becomes a file of its own.

    Returns that file, or None where there was nothing to keep. FileExistsError where the run is still live, and
    OSError where the file cannot be written: the home then stays.
    """
    home = home_of(target)
    if not home.exists():
        return None
    with _claimed(home) as claimed:
        if not claimed:
            raise FileExistsError(errno.EEXIST, "it is being recorded by another pycarbon; choose another name")
        try:
            run = recover(home)
        except RunFileError:  # it died before it wrote anything
            rescued = None
        else:
            rescued = _free_name(target)
            fold(run, rescued)
        _clear(home)
    return rescued


def _free_name(target: Path) -> Path:
    number = 1
    while True:
        candidate = target.with_name(f"{target.stem}-cut-off-{number}{target.suffix}")
        if not candidate.exists():
            return candidate
        number += 1


def fold(run: RunData, path: Path) -> None:
    """Write what a dead recorder left as one file; without a footer it stays marked as cut off.

    OSError where it cannot be written, and then there is no file.
    """
    frames = [runfile.json_frame(runfile.META, run.meta)]
    for channel, edges in run.edges.items():
        step = runfile.MAX_EDGES_PER_FRAME
        frames += [runfile.edges_frame(channel, edges[i : i + step]) for i in range(0, len(edges), step)]
    frames += [runfile.json_frame(runfile.EVENT, event) for event in run.events]
    frames += runfile.ledger_frames(run.ledger) if run.ledger is not None else []
    if run.complete:  # it died between its last frame and the file's name
        frames.append(runfile.json_frame(runfile.FOOTER, run.footer))
    try:
        with path.open("xb") as file:
            file.write(runfile.file_header())
            file.writelines(frame.encode(number) for number, frame in enumerate(frames))
    except FileExistsError:
        raise
    except OSError:
        path.unlink(missing_ok=True)
        raise


def remove(home: Path) -> None:
    """Remove a home; what cannot be removed stays."""
    with contextlib.suppress(OSError):
        _clear(home)


def _clear(home: Path) -> None:
    """Remove a home under another name, so that a program that outlives the run can put nothing new in it."""
    leaving = home.with_name(f"{home.name}-{os.urandom(4).hex()}")
    home.rename(leaving)
    shutil.rmtree(leaving)
