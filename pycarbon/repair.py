"""Repairing: a damaged or cut file, or what a killed recorder left, becomes a whole file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pycarbon import analysis, fold, growing, home, metadata, runfile
from pycarbon.errors import PyCarbonError, RunFileError
from pycarbon.frame import META, TURNS_ZSTD, Data, Frame
from pycarbon.run import RunData, listed
from pycarbon.salvage import Salvage, salvage
from pycarbon.scanning import begin, json_of, telling


@dataclass(frozen=True, slots=True)
class Repaired:
    """The file that was written, None where there was nothing to repair; and a line for each thing that was lost."""

    path: Path | None
    lost: tuple[str, ...]


def repair(source: Path, target: Path | None = None, codec: int = TURNS_ZSTD) -> Repaired:
    """Write what is whole in `source` as a whole file, `target`, which must not exist; the source is left alone.

    A source that is whole is written only where a target or another codec was asked for. Of a killed recorder the
    file gets the name that it was to have, and its folder goes. RunFileError where nothing can be kept; PyCarbonError
    where the file cannot be written.
    """
    live = _home_of(source)
    path = target or (
        source.with_name(f"{source.stem}-repaired{source.suffix}") if live is None else home.target_of(live)
    )
    try:
        if live is not None:
            home.settle(live, path, _figures)
            return Repaired(path, ())
        data = runfile.contents(source)
        found = _looked_through(data, str(source))
        if not found.lost and found.footer is not None and target is None and codec == TURNS_ZSTD:
            return Repaired(None, ())
        again = _Mended(data, str(source))
        fold.write(again.frames(), path, again.footer, _figures, codec)
        growing.sync(path, os.O_RDWR)
        return Repaired(path, tuple(found.lost))
    except FileExistsError as error:
        why = error.strerror if live is not None and not path.exists() else "it exists; name another with -o"
        raise PyCarbonError(f"{path} is not written: {why}") from None
    except OSError as error:
        raise PyCarbonError(f"{path} cannot be written: {error.strerror or error}") from None


def _home_of(source: Path) -> Path | None:
    """Give the home of a run that has no file of its own yet."""
    if source.is_dir() and source.name.endswith(home.LIVE_SUFFIX):
        return source
    return home.home_of(source) if not source.exists() and home.home_of(source).is_dir() else None


def _looked_through(data: Data, where: str) -> Salvage:
    found = Salvage()
    for _ in salvage(data, where, found):
        pass
    return found


class _Mended:
    """A damaged file's frames, and the footer that goes with them."""

    def __init__(self, data: Data, where: str) -> None:
        """Take a file's bytes."""
        self._data, self._where = data, where
        self._found = Salvage()
        self._run = RunData({"start_ns": 0}, [], {})

    def frames(self) -> Iterator[Frame]:
        """Give what is whole."""
        for frame in salvage(self._data, self._where, self._found):
            if frame.type == META:
                self._run = begin(frame)
            yield frame

    def footer(self) -> dict[str, Any]:
        """Give the file's own footer, or one that says that it was cut off, with what was lost."""
        found = self._found
        footer: dict[str, Any] = {"run": listed(self._run.meta), "end_ns": max(found.end_ns, self._run.start_ns)}
        if found.footer is not None:
            with telling(self._where):
                footer = json_of(found.footer, metadata.FOOTER_MEMBERS)
            footer.pop("totals", None)
        if found.footer is None or found.lost:
            footer |= {"complete": False, "notes": [*footer.get("notes", []), *found.notes]}
        return footer


def _figures(data: RunData) -> dict[str, Any]:
    try:
        return analysis.figures(analysis.Run(data))
    except RunFileError:  # whoever reads the file is told
        return {}
