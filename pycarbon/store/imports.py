"""Taking another tool's file into the store: each run becomes a run file, so that the index can always be made anew.

The file is read twice: once to find each run's last row, then to write those, so that memory is bounded by the number
of runs and not by that of rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pycarbon import codecarbon, fold, imported, totals
from pycarbon.analysis import Run
from pycarbon.codecarbon import Refused, Row
from pycarbon.errors import PyCarbonError
from pycarbon.run import RunData
from pycarbon.settings import DEFAULT
from pycarbon.store.index import Store
from pycarbon.store.paths import new_path
from pycarbon.store.queries import Listed
from pycarbon.store.summary import RunSummary, summary
from pycarbon.totals import Totals

SAME = 1e-9
"""A run whose energy differs by less from what is known of it is in the state that is known."""


@dataclass(slots=True)
class Imported:
    """What became of a file's rows. `added` are runs that are new, `updated` those of which it had a later state.

    `present` counts runs that were there already, `earlier` rows that are earlier states of their run, or copies.
    """

    added: list[RunSummary] = field(default_factory=list)
    updated: list[RunSummary] = field(default_factory=list)
    present: int = 0
    earlier: int = 0
    refused: list[Refused] = field(default_factory=list)


@dataclass(slots=True)
class _Last:
    """The last row of a run that was seen so far: its line, and what tells it from those before."""

    line: int
    order: tuple[float, float]
    rows: int = 1


def take(
    store: Store,
    path: Path,
    names: Mapping[str, str] | None = None,
    *,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Imported:
    """Import CodeCarbon's emissions.csv. `names` are the organisation, project and experiment of all of its runs.

    With `dry_run` nothing is written. `progress` is told how many runs were looked at. PyCarbonError, in one line,
    where the file cannot be read, is another tool's, or has no row that makes sense; or the store takes no file.
    """
    found = Imported()
    last = _last_rows(path, found)
    if not last and found.refused:
        first = found.refused[0]
        raise PyCarbonError(f"no line of {path} can be imported; line {first.line}: {first.why}")
    lines = {each.line: each.rows for each in last.values()}
    done = 0
    for row in _sound(path):
        if row.line in lines:
            _take(store, row, lines[row.line], dict(names or {}), dry_run, found)
            done += 1
            if progress is not None:
                progress(done)
    return found


def _sound(path: Path) -> Iterator[Row]:
    return (row for row in codecarbon.rows(path) if isinstance(row, Row))


def _last_rows(path: Path, found: Imported) -> dict[str, _Last]:
    last: dict[str, _Last] = {}
    for row in codecarbon.rows(path):
        if isinstance(row, Refused):
            found.refused.append(row)
            continue
        order = (row.energy_j, row.ended.timestamp())
        known = last.setdefault(imported.run_id(row), _Last(row.line, order, 0))
        known.rows += 1
        if order >= known.order:
            known.line, known.order = row.line, order
    found.earlier = sum(each.rows - 1 for each in last.values())
    return last


def _take(store: Store, row: Row, rows: int, names: dict[str, str], dry_run: bool, found: Imported) -> None:
    known = _known(store, imported.run_id(row))
    if known is not None and (known.source or not _is_later(row, known)):
        found.present += 1
        return
    if known is not None:  # it may have been moved and tagged since
        kept = ("organisation", "project", "experiment", "name", "tags")
        wanted = {name: getattr(known.summary, name) for name in kept}
    else:
        wanted = {"organisation": DEFAULT, "project": DEFAULT, **imported.names_of(row), **names}
    data = imported.run_of(row, wanted, rows)
    made = summary(Run(data)) if dry_run else _write(store, data, known)
    (found.added if known is None else found.updated).append(made)


def _known(store: Store, run_id: str) -> Listed | None:
    try:
        return store.run(run_id)
    except PyCarbonError:
        return None


def _is_later(row: Row, known: Listed) -> bool:
    return row.energy_j > (known.summary.energy_j or 0.0) * (1 + SAME)


def _write(store: Store, data: RunData, known: Listed | None) -> RunSummary:
    """Write a run's file, in place of that of an earlier state, and take it into the index."""
    run = Run(data)
    if known is None:
        path = new_path(store.folder, run.organisation, run.project, run.name, run.started, run.id)
    else:
        path = store.path_of(known)
    figures = Totals(run.energy, (), (), None)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        fold.write(fold.frames_of(data), part, figures=lambda _: {"totals": totals.to_dict(figures)})
        part.replace(path)
    except OSError as error:
        raise PyCarbonError(f"{path} cannot be written: {error.strerror or error}; what was imported stays") from None
    return store.add(path)
