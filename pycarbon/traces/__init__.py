"""Timelines of kernels as tracers of GPUs write them, read into one form."""

from __future__ import annotations

from pathlib import Path

from pycarbon.errors import TraceError
from pycarbon.kernel_timeline import KernelTimeline
from pycarbon.traces import kineto, nsight
from pycarbon.traces.opened import Progress, opened, readable

REPORTS = (".nsys-rep", ".qdrep", ".qdstrm")
"""What Nsight Systems writes first; its form is not public."""

BLANKS = b" \t\r\n\xef\xbb\xbf"


def read(path: str | Path, progress: Progress | None = None) -> KernelTimeline:
    """Read a trace of torch.profiler (JSON, also zipped) or an SQLite export of Nsight Systems.

    What it is, is seen from its content. TraceError, one line, where it is neither, or has no kernels to tell of.
    """
    path = Path(path)
    return nsight.read(path, progress) if is_nsight(path) else kineto.read(path, progress)


def is_nsight(path: Path) -> bool:
    """Say whether a trace is an SQLite file; TraceError where it is that no more than JSON."""
    with readable(path):
        if not path.is_file():
            why = "is a directory" if path.is_dir() else "is no regular file" if path.exists() else "does not exist"
            raise TraceError(f"{path} {why}: give the file that the profiler wrote")
    with opened(path) as stream:
        first = b""
        while len(first) < len(nsight.SQLITE) and (more := stream.read(1 << 10)):
            first = (first + more).lstrip(BLANKS)
    if not first:
        raise TraceError(f"{path} is empty: was the program still running? Record it again")
    if first.startswith(b"{"):
        return False
    if first.startswith(nsight.SQLITE):
        with path.open("rb") as file:
            if file.read(1) != first[:1]:
                raise TraceError(f"{path} is a zipped SQLite file; type: gunzip {path}")
        return True
    if path.suffix in REPORTS:
        raise TraceError(f"{path} is a report of Nsight Systems; export it first: nsys export --type sqlite {path}")
    if first.startswith(b"["):
        raise TraceError(f"{path} is a list of events without times of day: torch.profiler of today writes an object")
    raise TraceError(f"{path} is no trace: neither JSON of torch.profiler nor an SQLite export of Nsight Systems")
