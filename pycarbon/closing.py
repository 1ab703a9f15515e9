"""Closing a recording: its live file becomes one whole run file, with the run's figures in it, under its name.

Nothing is lost on the way: where folding fails the live file itself gets the name, where the folder takes no file
another does, and where none does the run is in memory.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pycarbon import analysis, fold, home, runfile
from pycarbon.analysis import Run
from pycarbon.frame import frames
from pycarbon.growing import GrowingFile
from pycarbon.run import RunData


@dataclass(slots=True)
class Outcome:
    """What became of a recording: the run, its file (None where no folder took one), and its figures."""

    run: RunData
    path: Path | None
    shown: Run


def close(file: GrowingFile, folder: Path | None, target: Path, notes: list[str]) -> Outcome:
    """Fold what was recorded into `target`, and remove its home `folder`; what goes wrong is added to `notes`.

    A folder of None says that the file lives in memory only.
    """
    figures = _Figures(notes)
    path = None if folder is None else _named(file, folder, target, notes, figures)
    if path is None or not file.is_whole:
        data = runfile.parse(file.everything(), str(path or target))
    else:
        data = runfile.read(path)
    file.close()
    if folder is not None and path is not None:
        home.remove(folder)
    shown = Run(data, path) if figures.run is None else figures.run
    for run in (data, shown.data):
        run.footer["notes"] = notes  # with what closing the file added
    shown.path = path
    return Outcome(data, path, shown)


class _Figures:
    """Computes a run's figures once, for its file and for whoever shows them next."""

    def __init__(self, notes: list[str]) -> None:
        """Compute nothing yet."""
        self.run: Run | None = None
        self._notes = notes

    def __call__(self, data: RunData) -> dict[str, Any]:
        """Give what the footer keeps."""
        try:
            self.run = Run(data)
            return analysis.figures(self.run)
        except Exception as error:  # no error of ours may cost the run
            self.run = None
            self._notes.append(f"the run file has no figures in its footer: {error!r}")
            return {}


def _named(file: GrowingFile, folder: Path, target: Path, notes: list[str], figures: _Figures) -> Path | None:
    """Give the run its name, or the next best; None where no folder takes it."""
    if file.finish(target, _folded(file, folder, notes, figures)):
        return target
    notes.append(f"{target} could not be written: {file.why_not}")
    for other in candidates(target):
        if other == target:
            continue
        try:
            other.parent.mkdir(parents=True, exist_ok=True)
            with other.open("xb") as copy:
                copy.write(file.everything())
        except OSError:
            continue
        notes.append(f"the run is in {other} instead")
        return other
    return None


def _folded(file: GrowingFile, folder: Path, notes: list[str], figures: _Figures) -> Path | None:
    """Fold the live file; None where that cannot be: it is a run file, too."""
    if not file.is_whole or file.path is None:
        return None
    live, folded = file.path, folder / home.FOLDED_FILE
    try:
        fold.write((frame for _, frame in frames(runfile.contents(live), str(live))), folded, figures=figures)
    except Exception as error:
        notes.append(f"the run file is larger than it need be: {getattr(error, 'strerror', None) or repr(error)}")
        return None
    return folded


def candidates(target: Path) -> Iterator[Path]:
    """Give where a run file may go, best first: asked for, then the folder for temporary files."""
    yield target
    with suppress(OSError):  # a machine may have no such folder that takes a file
        import tempfile

        yield Path(tempfile.gettempdir()) / f"pycarbon-{os.getpid()}-{time.time_ns()}{target.suffix}"
