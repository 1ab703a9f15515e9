"""What a program leaves in the home of a live run about its kernels: a file for each traced block.

    kernels-PID-RANDOM    a run file's header, and the frames of one trace (kernel_frames.py)

Roles: the traced program writes it under another name and renames it; the recorder reads it when the run ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pycarbon import runfile
from pycarbon.errors import RunFileError
from pycarbon.frame import FRAME_HEADER_BYTES, Frame, file_header, frames
from pycarbon.kernel_frames import KernelReader, kernel_frames
from pycarbon.kernel_timeline import KernelTimeline
from pycarbon.scanning import TRACED, is_known, telling

PREFIX = "kernels-"


def write(timeline: KernelTimeline, home: Path) -> None:
    """Leave a timeline in a home; OSError where that cannot be."""
    name = f"{PREFIX}{os.getpid()}-{os.urandom(4).hex()}"
    unfinished = home / f".{name}"
    try:
        with unfinished.open("xb") as file:
            file.write(file_header())
            for number, frame in enumerate(kernel_frames(timeline)):
                file.write(frame.encode(number))
        unfinished.rename(home / name)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise


def found(home: Path) -> list[Path]:
    """Give the files in a home, in order of their names."""
    return sorted(home.glob(f"{PREFIX}*"))


def read(path: Path) -> list[Frame]:
    """Give the frames of a file, each of which was looked through; RunFileError where one cannot be read."""
    reader = KernelReader()
    data = runfile.contents(path)
    whole, end = list[Frame](), 0
    with telling(str(path)):
        for offset, frame in frames(data, str(path)):
            if frame.type not in TRACED or not is_known(frame):
                raise RunFileError(f"a frame of type {frame.type} that no tracer writes")
            reader.add(frame)
            reader.forget()
            whole.append(frame)
            end = offset + FRAME_HEADER_BYTES + len(frame.payload)
        if end != len(data):
            raise RunFileError("bytes that are no frame")
    return whole


def all_frames(home: Path, notes: list[str]) -> Iterator[Frame]:
    """Give the frames of all files in a home; of one that cannot be read a note says why."""
    for path in found(home):
        try:
            yield from read(path)
        except RunFileError as error:
            notes.append(f"the kernels of a traced program are missing: {error}")


def timeline(home: Path) -> KernelTimeline | None:
    """Give what the files in a home tell together; None where they tell nothing."""
    reader = KernelReader()
    for frame in all_frames(home, []):
        reader.add(frame)
    return reader.timeline()
