"""What is asked of the index: lists of runs, and sums by anything.

Sums over whole months come from the roll-ups, whatever the number of runs; what is left of a span at its ends, and
whatever is asked by tag or day, from the runs themselves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any, Literal, get_args

from pycarbon.errors import PyCarbonError
from pycarbon.store.filters import Filter, sorted_tags
from pycarbon.store.rollup import Group, RollUp
from pycarbon.store.rows import clean
from pycarbon.store.schema import ADDED, OF_FILE, OF_RUN, added
from pycarbon.store.summary import RunSummary, month_of

Dimension = Literal["organisation", "project", "experiment", "month", "day", "kind", "zone", "machine", "device"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
Order = Literal["started", "energy", "co2e", "duration", "name"]
_ORDERS = {"started": "started_s", "energy": "energy_j", "co2e": "co2e_g", "duration": "duration_s", "name": "name"}
ORDERS: tuple[Order, ...] = get_args(Order)

_SAME = ("organisation", "project", "experiment", "machine", "device", "zone", "kind")
_DAY = "date(started_s, 'unixepoch')"
SHORTEST_ID = 4


@dataclass(frozen=True, slots=True)
class Listed:
    """One run of the index, and where its file is: a path within a source ("" is the store itself)."""

    summary: RunSummary
    source: str
    path: str
    size_bytes: int
    mtime_ns: int
    beside: int


def runs(
    connection: sqlite3.Connection,
    chosen: Filter,
    order: Order = "started",
    descending: bool = True,
    limit: int = 100,
    offset: int = 0,
) -> list[Listed]:
    """Give runs that fit, in order; those of which the order knows nothing come last."""
    where, values = _of_runs(chosen)
    direction = "DESC" if descending else "ASC"
    column = _ORDERS[order]
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE {where} ORDER BY {column} {direction} NULLS LAST, id LIMIT ? OFFSET ?",
        [*values, limit, offset],
    ).fetchall()
    return _listed(connection, found)


def run(connection: sqlite3.Connection, name: str) -> Listed:
    """Give the run with an id, or the only one whose id begins so; PyCarbonError where there is none, or several."""
    name = clean(name)
    found = connection.execute(f"SELECT {_COLUMNS} FROM runs WHERE id = ?", [name]).fetchall()
    if not found and len(name) < SHORTEST_ID:
        raise PyCarbonError(f"{name!r} is too short for a run's id: write {SHORTEST_ID} letters of it or more")
    if not found:
        # a range, since LIKE would read what a name may hold as a pattern
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM runs WHERE id >= ? AND id < ? LIMIT 2", [name, name + "\U0010ffff"]
        ).fetchall()
    if not found:
        raise PyCarbonError(f"no run in the store has the id {name[:80]!r}; `pycarbon ls` lists them")
    if len(found) > 1:
        raise PyCarbonError(f"several runs have ids that begin with {name!r}; write more of it")
    return _listed(connection, found)[0]


def totals(connection: sqlite3.Connection, chosen: Filter) -> RollUp:
    """Add up all runs that fit."""
    return next((group.sums for group in _grouped(connection, chosen, None)), RollUp())


def by(connection: sqlite3.Connection, chosen: Filter, dimension: Dimension) -> list[Group]:
    """Add up the runs that fit, by something: in order of time, of anything else largest emissions first."""
    groups = _grouped(connection, chosen, dimension)
    if dimension in ("month", "day"):
        return sorted(groups, key=lambda group: group.key)
    return sorted(groups, key=lambda group: (-group.sums.co2e_g, -group.sums.energy_j, group.key))


def tags(connection: sqlite3.Connection, chosen: Filter, limit: int = 200) -> list[tuple[str, str, int]]:
    """Give the tags of the runs that fit, each with how many have it, the commonest first."""
    where, values = _of_runs(chosen)
    some = "" if where == "1" else f"WHERE id IN (SELECT id FROM runs WHERE {where})"
    return connection.execute(
        f"SELECT key, value, count(*) AS n FROM tags {some} GROUP BY key, value ORDER BY n DESC, key, value LIMIT ?",
        [*values, limit],
    ).fetchall()


def refused(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Give the files that hold no run that can be used, each with the reason."""
    found = connection.execute("SELECT source, path, why FROM refused ORDER BY source, path").fetchall()
    return [("/".join(filter(None, (source, path))), why) for source, path, why in found]


_COLUMNS = ", ".join((*OF_RUN, *OF_FILE, "beside"))


def _listed(connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> list[Listed]:
    tags_of: dict[str, dict[str, str]] = {row[0]: {} for row in rows}
    ids = list(tags_of)
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        marks = ", ".join("?" * len(part))
        for id, key, value in connection.execute(f"SELECT id, key, value FROM tags WHERE id IN ({marks})", part):
            tags_of[id][key] = value
    found = []
    for row in rows:
        values = dict(zip(OF_RUN, row, strict=False))
        values["complete"], values["place_known"] = bool(values["complete"]), bool(values["place_known"])
        found.append(Listed(RunSummary(**values, tags=tags_of[row[0]]), *row[len(OF_RUN) :]))
    return found


def _grouped(connection: sqlite3.Connection, chosen: Filter, dimension: Dimension | None) -> list[Group]:
    parts, values = [], []
    for part, of_part in _parts(chosen, dimension):
        parts.append(part)
        values += of_part
    sums = ", ".join(f"total({name}) / {scale}" for name, (_, scale) in ADDED.items())
    found = connection.execute(
        f"SELECT key, {sums} FROM ({' UNION ALL '.join(parts)}) GROUP BY key HAVING total(runs) > 0", values
    )
    return [Group(key, _rollup(numbers)) for key, *numbers in found]


def _rollup(numbers: Sequence[float]) -> RollUp:
    values: dict[str, Any] = dict(zip(ADDED, numbers, strict=True))
    for name in ("runs", "unknown", "without_interval", "beside"):
        values[name] = round(values[name])
    return RollUp(**values)


def _parts(chosen: Filter, dimension: Dimension | None) -> list[tuple[str, list[Any]]]:
    """Give the queries whose rows are to be added up: of roll-ups where whole months are meant, else of runs."""
    start_s, end_s = chosen.since_s, chosen.until_s
    if chosen.tags or dimension == "day":
        return [_part_of_runs(chosen, dimension)]
    if start_s is None and end_s is None:
        return [_part_of_months(chosen, dimension, None, None)]
    first = None if chosen.since is None else _month_from(chosen.since)
    after = None if chosen.until is None else _month_after(chosen.until)
    if first is not None and after is not None and first >= after:
        return [_part_of_runs(chosen, dimension)]
    parts = [_part_of_months(chosen, dimension, first, after)]
    if first is not None and chosen.since != first:
        parts.append(_part_of_runs(chosen.but(until=first - timedelta(days=1)), dimension))
    if after is not None and chosen.until != after - timedelta(days=1):
        parts.append(_part_of_runs(chosen.but(since=after), dimension))
    return parts


def _part_of_months(
    chosen: Filter, dimension: Dimension | None, first: date | None, after: date | None
) -> tuple[str, list[Any]]:
    table = "by_experiment" if chosen.experiment is not None or dimension == "experiment" else "by_project"
    where, values = _same(chosen)
    if first is not None or after is not None:
        where.append("month <> ''")
    if first is not None:
        where.append("month >= ?")
        values.append(f"{first:%Y-%m}")
    if after is not None:
        where.append("month < ?")
        values.append(f"{after:%Y-%m}")
    key = "''" if dimension is None else dimension
    return f"SELECT {key} AS key, {', '.join(ADDED)} FROM {table} WHERE {' AND '.join(where) or '1'}", values


def _part_of_runs(chosen: Filter, dimension: Dimension | None) -> tuple[str, list[Any]]:
    where, values = _of_runs(chosen)
    key = "''" if dimension is None else f"ifnull({_DAY}, '')" if dimension == "day" else dimension
    columns = ", ".join(f"{value} AS {name}" for name, value in zip(ADDED, added(""), strict=True))
    return f"SELECT {key} AS key, {columns} FROM runs WHERE {where}", values


def _of_runs(chosen: Filter) -> tuple[str, list[Any]]:
    where, values = _same(chosen)
    if chosen.since_s is not None:
        where.append("started_s >= ?")
        values.append(chosen.since_s)
    if chosen.until_s is not None:
        where.append("started_s < ?")
        values.append(chosen.until_s)
    for key, value in sorted_tags(chosen.tags):
        where.append(f"id IN (SELECT id FROM tags WHERE key = ?{'' if value is None else ' AND value = ?'})")
        values += map(clean, [key] if value is None else [key, value])
    return " AND ".join(where) or "1", values


def _same(chosen: Filter) -> tuple[list[str], list[Any]]:
    asked = [(name, getattr(chosen, name)) for name in _SAME]
    asked = [(name, clean(value)) for name, value in asked if value is not None]
    return [f"{name} = ?" for name, _ in asked], [value for _, value in asked]


def _month_from(day: date) -> date:
    """The first month that begins on a day or after it."""
    return day if day.day == 1 else _next_month(day)


def _month_after(day: date) -> date:
    """The first month that is not over on the evening of a day."""
    return _next_month(day) if (day + timedelta(days=1)).day == 1 else day.replace(day=1)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def this_month() -> str:
    """The UTC month that it is now."""
    return month_of(datetime.now(timezone.utc).timestamp())
