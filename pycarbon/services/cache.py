"""Answers of services on disk, each for as long as it is good and no longer; keys never get here.

An entry is one small JSON file with the readings as they were understood, not the answer itself,
which may echo the request. Its name is a hash of the question without its keys.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pycarbon.services.reading import Reading

Kind = Literal["live", "history", "forecast"]

LIVE = timedelta(minutes=5)
FORECAST = timedelta(minutes=30)
REVISED = timedelta(hours=1)
FINAL = timedelta(days=180)
FINAL_AFTER = timedelta(days=7)
"""Services revise the last days; what is older, and no estimate, stays."""
MOST_ENTRIES = 200
_MOST_BYTES = 4 * 2**20
_TIMES = ("start", "end", "issued_at")
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "start": str,
    "end": str,
    "g_per_kwh": (int, float),
    "zone": str,
    "source": str,
    "estimated": bool,
    "forecast": bool,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Readings as they were answered at `fetched_at`; good until `until`."""

    readings: tuple[Reading, ...]
    fetched_at: datetime
    until: datetime

    def good(self, now: datetime) -> bool:
        """Whether it may stand for an answer; one from the future, by a clock set back since, may not."""
        return self.fetched_at <= now < self.until


def home(environ: Mapping[str, str]) -> Path | None:
    """`$XDG_CACHE_HOME/pycarbon`, else `~/.cache/pycarbon`; None where neither variable names a folder."""
    for base in (Path(environ.get("XDG_CACHE_HOME", "")), Path(environ.get("HOME", "")) / ".cache"):
        if base.is_absolute():
            return base / "pycarbon"
    return None


def good_until(kind: Kind, readings: Sequence[Reading], now: datetime) -> datetime:
    """How long an answer is good.

    Live: five minutes, or until its last period ends. A forecast: half an hour, or until its first
    period that is not over ends. History: an hour, and half a year where all of it is older than a
    week and measured.
    """
    running = [reading.end for reading in readings if reading.end > now]
    if kind == "forecast":
        return min([now + FORECAST, *running])
    if kind == "live" or running:
        return min([now + LIVE, *running[-1:]])
    final = all(reading.end < now - FINAL_AFTER and not reading.estimated for reading in readings)
    return now + (FINAL if final else REVISED)


@dataclass(frozen=True, slots=True)
class Cache:
    """The folder that holds the entries; one that cannot be written is as good as none."""

    folder: Path

    def find(self, service: str, where: str, params: Mapping[str, str]) -> Entry | None:
        """The entry of a question, also one that is too old; None where there is none that can be read."""
        path = self._path(service, where, params)
        try:
            if path.stat().st_size > _MOST_BYTES:
                return None
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["question"] != _question(service, where, params):
                return None
            readings = tuple(_reading(fields) for fields in found["readings"])
            entry = Entry(readings, _time(found["fetched_at"]), _time(found["until"]))
            return entry if readings else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None

    def keep(self, service: str, where: str, params: Mapping[str, str], entry: Entry) -> None:
        """Write an entry in one step, or not at all; beyond 200 of a service the oldest goes."""
        path = self._path(service, where, params)
        issued = [reading.issued_at for reading in entry.readings if reading.issued_at is not None]
        text = json.dumps(
            {
                "question": _question(service, where, params),
                "fetched_at": entry.fetched_at.isoformat(),
                "issued_at": max(issued).isoformat() if issued else None,
                "until": entry.until.isoformat(),
                "readings": [_fields(reading) for reading in entry.readings],
            }
        )
        temporary = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".new")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).replace(path)
            self._prune(path.parent)
        except OSError:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()

    def _path(self, service: str, where: str, params: Mapping[str, str]) -> Path:
        name = hashlib.sha256(json.dumps(_question(service, where, params)).encode()).hexdigest()[:32]
        return self.folder / service / f"{name}.json"

    def _prune(self, folder: Path) -> None:
        files = list(folder.iterdir())
        if len(files) > MOST_ENTRIES:
            files.sort(key=lambda path: path.stat().st_mtime)
            for path in files[: len(files) - MOST_ENTRIES]:
                path.unlink(missing_ok=True)


def _question(service: str, where: str, params: Mapping[str, str]) -> list[Any]:
    return [service, where, [list(pair) for pair in sorted(params.items())]]


def _fields(reading: Reading) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(reading).items()
    }


def _reading(fields: dict[str, Any]) -> Reading:
    """A reading as it was kept; raises ValueError, TypeError or KeyError for anything else."""
    for name, kinds in _FIELDS.items():
        if not isinstance(fields[name], kinds):
            raise TypeError(name)
    times = {name: None if fields[name] is None else _time(fields[name]) for name in _TIMES}
    return Reading(**{**fields, **times})


def _time(text: str) -> datetime:
    """A time with its offset; raises ValueError for one without, which cannot be compared."""
    found = datetime.fromisoformat(text)
    if found.utcoffset() is None:
        raise ValueError(text)
    return found
