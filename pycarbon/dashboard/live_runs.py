"""Runs that go on now: what each used so far and what it draws, read from its home without touching it.

What was read is kept until the home's file grows, about once a second. A run whose reading takes long is read the
less often for it: at most a tenth of the time goes into it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pycarbon import home
from pycarbon.analysis import Run
from pycarbon.dashboard.homes import Homes
from pycarbon.errors import PyCarbonError
from pycarbon.reports.as_json import without_nan

NOW_S = 5.0
"""What it draws now is the mean of so many seconds."""

PART_OF_TIME = 10

STATES = {
    True: "recording",
    False: "cut off",
    None: "not known",
}
"""By whether its recorder lives."""

COLUMNS = {
    "id": "text",
    "state": "text",
    "organisation": "text",
    "project": "text",
    "experiment": "text",
    "name": "text",
    "command": "text",
    "started_at": "text",
    "duration_s": "float",
    "kind": "text",
    "energy_j": "float",
    "low_j": "float",
    "high_j": "float",
    "process_j": "float",
    "process_low_j": "float",
    "process_high_j": "float",
    "power_w": "float",
    "low_w": "float",
    "high_w": "float",
    "power_of_s": "float",
    "co2e_g": "float",
    "low_g": "float",
    "high_g": "float",
    "zone": "text",
    "place_known": "bool",
    "intensity_g_per_kwh": "float",
    "machine": "text",
    "repair": "text",
}

Power = Callable[[Run], Any]


@dataclass(slots=True)
class _Read:
    """What was read of a home, from which state of its file, and from when on it may be read again."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    state: tuple[int, int] | None = None
    due_s: float = 0.0
    row: dict[str, Any] = field(default_factory=dict)
    power: Any = None


class LiveRuns:
    """The runs that go on under a folder; used from any thread. `power` draws the power of a run so far."""

    def __init__(self, top: Path, power: Power, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Look at nothing yet."""
        self._top, self._power, self._clock_s = top, power, clock_s
        self._homes = Homes(top)
        self._lock = threading.Lock()
        self._read: dict[Path, _Read] = {}

    def rows(self) -> list[dict[str, Any]]:
        """Give all of them, the latest first; a home that cannot be read has nothing to show yet."""
        rows = [row for row, _ in self._all()]
        return sorted(rows, key=lambda row: (row["started_at"], row["id"]), reverse=True)

    def one(self, run_id: str) -> tuple[dict[str, Any], Any] | None:
        """Give the run with an id, and its power; None where none such goes on."""
        return next((found for found in self._all() if found[0]["id"] == run_id), None)

    def _all(self) -> list[tuple[dict[str, Any], Any]]:
        homes = self._homes()
        with self._lock:
            self._read = {path: self._read.get(path) or _Read() for path in homes}
            known = self._read
        found = []
        for path, read in known.items():
            try:
                found.append(self._figures(path, read))
            except (PyCarbonError, OSError):  # it is just beginning, or has just ended
                continue
        return found

    def _figures(self, path: Path, read: _Read) -> tuple[dict[str, Any], Any]:
        with read.lock:
            recorded = home.is_recorded(path)
            status = (path / home.RUN_FILE).stat()
            state = (status.st_mtime_ns, status.st_size)
            now_s = self._clock_s()
            if read.state is None or (read.state != state and now_s >= read.due_s):
                run = Run(home.recover(path), path)
                read.row, read.power = _row(run), self._power(run)
                spent_s = self._clock_s() - now_s
                read.state, read.due_s = state, now_s + PART_OF_TIME * spent_s
            row = {**read.row, "state": STATES[recorded], "repair": ""}
            if recorded is False:
                row |= dict.fromkeys(("power_w", "low_w", "high_w", "power_of_s"))
                row["repair"] = f"pycarbon repair {_quoted(str(path.relative_to(self._top)))}"
            return row, read.power


def _quoted(path: str) -> str:
    import shlex

    return shlex.quote(path)


def _row(run: Run) -> dict[str, Any]:
    energy, emissions = run.energy, run.emissions
    known = math.isfinite(energy.total_j)
    values = {
        "id": run.id,
        "organisation": run.organisation,
        "project": run.project,
        "experiment": run.experiment,
        "name": run.name,
        "command": " ".join(run.command),
        "tags": run.tags,
        "started_at": run.started_at,
        "duration_s": run.duration_s,
        "kind": energy.kind if known else "",
        "energy_j": energy.total_j,
        "low_j": energy.low_j,
        "high_j": energy.high_j,
        "process_j": energy.process_j,
        "process_low_j": energy.process_low_j,
        "process_high_j": energy.process_high_j,
        "co2e_g": emissions.co2e_g if known else None,
        "low_g": emissions.low_g if known else None,
        "high_g": emissions.high_g if known else None,
        "zone": emissions.zone,
        "place_known": emissions.place_known,
        "intensity_g_per_kwh": emissions.intensity_g_per_kwh,
        "machine": run.machine.hostname or "",
        **_power_now(run),
    }
    cleaned: dict[str, Any] = without_nan(values)
    return cleaned


def _power_now(run: Run) -> dict[str, float | None]:
    """Give the mean power of the last seconds that were seen, with its interval."""
    start_ns, end_ns = max(run.data.start_ns, run.data.end_ns - round(NOW_S * 1e9)), run.data.end_ns
    if end_ns <= start_ns:
        return dict.fromkeys(("power_w", "low_w", "high_w", "power_of_s"))
    energy, span_s = Run(run.data.between(start_ns, end_ns)).energy, (end_ns - start_ns) / 1e9
    return {
        "power_w": energy.total_j / span_s,
        "low_w": energy.low_j / span_s,
        "high_w": energy.high_j / span_s,
        "power_of_s": span_s,
    }
