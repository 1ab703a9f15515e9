"""The home folder of a live run: the growing file and the rings, beside where the finished file will be.

    train.pcr.live/
        run.pcr          frames written so far; locked as long as its recorder lives
        counters.ring    edges not yet in a frame, shared pages: they outlive a SIGKILL
        cpu-time.ring
        marks-RANDOM/    what the recorded programs say of their regions: csrc/marks.h
        kernels-...      what they say of kernels on their GPUs: kernel_files.py

At the end run.pcr is folded (fold.py) to train.pcr and the folder goes. Of a recorder that was killed the folder
stays, and `recover` reads the frames and what the rings still hold.

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

from pycarbon import fold, kernel_files, runfile
from pycarbon.errors import RunFileError
from pycarbon.growing import GrowingFile, lock, refuse_special
from pycarbon.run import EDGE_DTYPE, RunData, gaps_by_channel, group_by_channel, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIVE_SUFFIX = ".live"
RUN_FILE, FOLDED_FILE = "run.pcr", "folded.pcr"
CLEARED_WITHIN_S = 60
"""A home that has had no run file for so long was left by an owner that died while clearing it away."""


def home_of(target: Path) -> Path:
    """Say where the home of the run that will be `target` lies."""
    return target.with_name(target.name + LIVE_SUFFIX)


def target_of(home: Path) -> Path:
    """Say which file the run of a home will be."""
    return home.with_name(home.name.removesuffix(LIVE_SUFFIX))


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


def is_recorded(home: Path) -> bool | None:
    """Say whether the recorder of a home lives, without touching anything; None where nobody can know.

    It asks for a shared lock of a file that is open for reading, and lets it go at once: a recorder, which has its
    lock from before the home appears, cannot notice. RunFileError where the home has just gone.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        descriptor = os.open(home / RUN_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise RunFileError(f"{home} cannot be read: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    else:
        return False
    finally:
        os.close(descriptor)


def recover(home: Path) -> RunData:
    """Read a home whose run has not ended: its frames, and the edges its rings still hold."""
    rings = runfile.read(home / RUN_FILE).meta.get("rings", {})
    waiting = {name: _ring_edges(home / name, channels) for name, channels in rings.items()}
    run = runfile.read(home / RUN_FILE)  # after the rings: a live recorder moves edges from those to here
    edges_of = dict(run.edges)
    for edges in waiting.values():
        for channel, found in group_by_channel(edges).items():
            known = edges_of.get(channel)
            if known is not None and len(known):
                found = found[found["t_seen_ns"] > known["t_seen_ns"][-1]]
                found = np.concatenate([known, found])
            edges_of[channel] = found
    run.edges = edges_of
    if run.kernels is None:  # else its recorder came to write them there
        run.kernels = kernel_files.timeline(home)
    return run


def _ring_edges(path: Path, channels: Sequence[int]) -> NDArray[np.void]:
    from pycarbon import _native

    try:
        ring = _native.Ring.open(path)
    except OSError:  # never made, or not whole: the frames are all there is
        return np.empty(0, EDGE_DTYPE)
    edges: NDArray[np.void] = np.frombuffer(ring.peek(), EDGE_DTYPE)
    return gaps_by_channel(edges, channels)


def load(path: Path) -> tuple[RunData, Path]:
    """Read a run: a finished file, or the home of one that is live or was cut off; and say which it was."""
    if path.name.endswith(LIVE_SUFFIX) and path.is_dir():
        return recover(path), path
    try:
        return runfile.read(path), path
    except RunFileError:
        live = home_of(path)
        if path.exists() or not live.is_dir():
            raise
    try:
        return recover(live), live
    except RunFileError:
        if not path.exists():  # it did not just end either
            raise
    return runfile.read(path), path


def set_aside(target: Path) -> Path | None:
    """Make room for a new home beside `target`: what a killed recorder left becomes a file of its own.

    Returns that file, or None where there was nothing to keep. FileExistsError where the run is still live, and
    OSError where the file cannot be written: the home then stays.
    """
    home = home_of(target)
    if not home.exists():
        return None
    rescued = _free_name(target)
    with contextlib.suppress(RunFileError):  # it died before it wrote anything
        settle(home, rescued)
        return rescued
    remove(home)
    return None


def settle(home: Path, path: Path, figures: fold.Figures = fold.no_figures) -> None:
    """Write what a dead recorder left as one file, and clear its home away; FileExistsError where it is still live.

    OSError where the file cannot be written, RunFileError where nothing can be read: the home then stays.
    """
    with _claimed(home) as claimed:
        if not claimed:
            raise FileExistsError(errno.EEXIST, "it is being recorded by another pycarbon; choose another name")
        rescue(home, path, figures)
        _clear(home)


def _free_name(target: Path) -> Path:
    number = 1
    while True:
        candidate = target.with_name(f"{target.stem}-cut-off-{number}{target.suffix}")
        if not candidate.exists():
            return candidate
        number += 1


def rescue(home: Path, path: Path, figures: fold.Figures = fold.no_figures) -> None:
    """Write what a dead recorder left as one file, marked as cut off unless the recorder had come to the footer.

    OSError where it cannot be written, and then there is no file; RunFileError where nothing can be read.
    """
    run = recover(home)
    cut_off = {"run": listed(run.meta), "end_ns": run.end_ns, "complete": False}
    fold.write(fold.frames_of(run), path, None if run.complete else lambda: cut_off, figures)


def remove(home: Path) -> None:
    """Remove a home; what cannot be removed stays."""
    with contextlib.suppress(OSError):
        _clear(home)


def _clear(home: Path) -> None:
    """Remove a home under another name, so that a program that outlives the run can put nothing new in it."""
    leaving = home.with_name(f"{home.name}-{os.urandom(4).hex()}")
    home.rename(leaving)
    shutil.rmtree(leaving)
