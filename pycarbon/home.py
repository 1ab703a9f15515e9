"""The home folder of a live run: the growing file and the rings, beside where the finished file will be.

    train.pcr.live/
        run.pcr          frames written so far; locked as long as its recorder lives
        counters.ring    edges not yet in a frame, shared pages: they outlive a SIGKILL
        cpu-time.ring

At the end run.pcr is renamed to train.pcr and the folder goes. Of a recorder that was killed the folder stays,
and `recover` reads the frames and what the rings still hold.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pycarbon import runfile
from pycarbon.errors import RunFileError
from pycarbon.run import EDGE_DTYPE, Flag, RunData, group_by_channel

if TYPE_CHECKING:
    from collections.abc import Sequence

LIVE_SUFFIX = ".live"


def home_of(target: Path) -> Path:
    """Say where the home of the run that will be `target` lies."""
    return target.with_name(target.name + LIVE_SUFFIX)


def gaps_by_channel(edges: NDArray[np.void], channels: Sequence[int]) -> NDArray[np.void]:
    """Give each of a ring's channels its own copy of the gaps its sampler reported for all of them."""
    gaps = (edges["flags"] & Flag.GAP) != 0
    if not gaps.any():
        return edges
    copies = np.repeat(edges, np.where(gaps, len(channels), 1))
    copies["channel"][(copies["flags"] & Flag.GAP) != 0] = np.tile(channels, int(gaps.sum()))
    return copies


def lock(descriptor: int) -> bool:
    """Take the lock that says "being recorded"; the kernel lets it go when its holder dies."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: the folder's existence has to do
        return True
    return True


def is_live(home: Path) -> bool:
    """Say whether somebody is still recording into this home."""
    try:
        descriptor = os.open(home / "run.pcr", os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return False
    try:
        return not lock(descriptor)
    finally:
        os.close(descriptor)


def recover(home: Path) -> RunData:
    """Read a home whose run has not ended: its frames, and the edges its rings still hold."""
    run = runfile.read(home / "run.pcr")
    for name, channels in run.meta.get("rings", {}).items():
        for channel, found in group_by_channel(_ring_edges(home / name, channels)).items():
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
        return recover(home_of(path))
    return runfile.read(path)


def set_aside(target: Path) -> Path | None:
    """Make room for a new home beside `target`: what a killed recorder left becomes a file of its own.

    Returns that file, or None where nothing stood in the way. FileExistsError where the run is still live.
    """
    home = home_of(target)
    if not home.exists():
        return None
    if is_live(home):
        raise FileExistsError(f"{target} is being recorded by another pycarbon; choose another name")
    rescued = _free_name(target)
    try:
        run = recover(home)
    except RunFileError:  # it died before it wrote anything
        shutil.rmtree(home)
        return None
    fold(run, rescued)
    shutil.rmtree(home)
    return rescued


def _free_name(target: Path) -> Path:
    number = 1
    while True:
        candidate = target.with_name(f"{target.stem}-cut-off-{number}{target.suffix}")
        if not candidate.exists():
            return candidate
        number += 1


def fold(run: RunData, path: Path) -> None:
    """Write a run that was cut off as one file, still without a footer: it stays marked as cut off."""
    frames = [runfile.json_frame(runfile.META, run.meta)]
    for channel, edges in run.edges.items():
        step = runfile.MAX_EDGES_PER_FRAME
        frames += [runfile.edges_frame(channel, edges[i : i + step]) for i in range(0, len(edges), step)]
    with path.open("xb") as file:
        file.write(runfile.file_header())
        file.writelines(frame.encode(number) for number, frame in enumerate(frames))


def remove(home: Path) -> None:
    """Remove a home; what cannot be removed stays."""
    with contextlib.suppress(OSError):
        shutil.rmtree(home)
