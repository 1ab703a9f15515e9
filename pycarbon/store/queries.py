"""What is asked of the index: lists of runs, and sums by anything.

Sums come from the smallest table that knows all of what a question is about, however many runs there are: of months
where whole ones are meant, of days at the ends of a span. Only what is asked by tag, or at such ends by what no table
of days knows, is added up from the runs themselves.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, get_args

from pycarbon.errors import PyCarbonError
from pycarbon.store.filters import Filter, moment_s, sorted_tags
from pycarbon.store.rollup import Group, RollUp
from pycarbon.store.rows import clean
from pycarbon.store.schema import ADDED, KEYS, OF_FILE, OF_RUN, added
from pycarbon.store.summary import RunSummary

Dimension = Literal["organisation", "project", "experiment", "month", "day", "kind", "zone", "machine", "device"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
Order = Literal["started", "energy", "co2e", "duration", "name"]
_ORDERS = {"started": "started_s", "energy": "energy_j", "co2e": "co2e_g", "duration": "duration_s", "name": "name"}
ORDERS: tuple[Order, ...] = get_args(Order)

_SAME = ("organisation", "project", "experiment", "machine", "device", "zone", "kind")
SHORTEST_ID = 4
Part = tuple[str, list[Any]]


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
    if order == "started" and not chosen.tags:
        return _listed(connection, _in_order_of_time(connection, chosen, descending, limit, offset))
    where, values = _of_runs(chosen)
    # the plus keeps SQLite from going through all runs in this order until enough of them fit
    column = _ORDERS[order] if where == "1" else f"+{_ORDERS[order]}"
    direction = "DESC" if descending else "ASC"
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE {where} ORDER BY {column} {direction} NULLS LAST, id LIMIT ? OFFSET ?",
        [*values, limit, offset],
    ).fetchall()
    return _listed(connection, found)


def _in_order_of_time(
    connection: sqlite3.Connection, chosen: Filter, descending: bool, limit: int, offset: int
) -> list[Sequence[Any]]:
    """Look only into months that have runs that fit: the sums tell how many, so that whole ones are skipped."""
    where, values = _of_runs(chosen)
    direction = "DESC" if descending else "ASC"
    counts = {month: sums.runs for (month,), sums in cells(connection, chosen, ("month",))}
    found: list[Sequence[Any]] = []
    for month in [*sorted(filter(None, counts), reverse=descending), ""]:
        if offset >= counts.get(month, 0):
            offset -= counts.get(month, 0)
            continue
        span = _span(month) if month else ()
        within = "started_s >= ? AND started_s < ?" if month else "started_s IS NULL"
        found += connection.execute(
            f"SELECT {_COLUMNS} FROM runs WHERE {where} AND {within} ORDER BY started_s {direction}, id"
            " LIMIT ? OFFSET ?",
            [*values, *span, limit - len(found), offset],
        )
        offset = 0
        if len(found) >= limit:
            break
    return found


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
    return next((sums for _, sums in cells(connection, chosen, ())), RollUp())


def cells(
    connection: sqlite3.Connection, chosen: Filter, dimensions: Sequence[Dimension]
) -> list[tuple[tuple[str, ...], RollUp]]:
    """Add up the runs that fit by several things at once: keys that occur together, and their sums, in any order."""
    parts, values = _united(_parts(chosen, dimensions))
    return _added_up(connection, parts, values, [f"k{number}" for number in range(len(dimensions))])


def several(
    connection: sqlite3.Connection, chosen: Filter, asked: Sequence[Sequence[Dimension]]
) -> list[list[tuple[tuple[str, ...], RollUp]]]:
    """Give `cells` for each of several lots of dimensions; runs that are to be looked through are so but once."""
    if all(_is_kept(chosen, dimensions) for dimensions in asked):
        return [cells(connection, chosen, dimensions) for dimensions in asked]
    names = sorted({name for dimensions in asked for name in dimensions})
    parts, values = _united(_parts(chosen, names))
    keys = [f"k{number}" for number in range(len(names))]
    once = f"several_{threading.get_ident()}"  # threads may share a connection
    sums = ", ".join(f"sum({name}) AS {name}" for name in ADDED)
    connection.execute(
        f"CREATE TEMP TABLE {once} AS SELECT {', '.join([*keys, sums])} FROM ({parts}) GROUP BY {', '.join(keys)}",
        values,
    )
    try:
        key_of = dict(zip(names, keys, strict=True))
        return [
            _added_up(connection, f"SELECT * FROM {once}", [], [key_of[name] for name in dimensions])
            for dimensions in asked
        ]
    finally:
        connection.execute(f"DROP TABLE {once}")


def _united(parts: list[tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
    return " UNION ALL ".join(part for part, _ in parts), [value for _, values in parts for value in values]


def _added_up(
    connection: sqlite3.Connection, rows: str, values: list[Any], keys: list[str]
) -> list[tuple[tuple[str, ...], RollUp]]:
    columns = ", ".join([*keys, *(f"total({name}) / {scale}" for name, (_, scale) in ADDED.items())])
    query = f"SELECT {columns} FROM ({rows}) GROUP BY {', '.join(keys) or 'NULL'} HAVING total(runs) > 0"
    found = connection.execute(query, values)
    return [(row[: len(keys)], _rollup(row[len(keys) :])) for row in found]


def by(connection: sqlite3.Connection, chosen: Filter, dimension: Dimension) -> list[Group]:
    """Add up the runs that fit, by something: in order of time, of anything else largest emissions first."""
    found = cells(connection, chosen, (dimension,))
    if dimension in ("month", "day"):
        found.sort(key=lambda cell: cell[0])
    else:
        found.sort(key=largest_first)
    return [Group(key, sums) for (key,), sums in found]


def largest_first(cell: tuple[tuple[str, ...], RollUp]) -> Any:
    """Sort sums by it: largest emissions first."""
    key, sums = cell
    return -sums.co2e_g, -sums.energy_j, key


def tags(connection: sqlite3.Connection, chosen: Filter, limit: int = 200) -> list[tuple[str, str, int]]:
    """Give the tags of the runs that fit, each with how many have it, the commonest first."""
    if chosen == Filter(organisation=chosen.organisation, project=chosen.project):
        where, values = _same(chosen)
        query = f"SELECT key, value, sum(runs) AS n FROM tag_runs WHERE {' AND '.join(where) or '1'}"
    else:
        some, values = _of_runs(chosen)
        query = f"SELECT key, value, count(*) AS n FROM tags WHERE run IN (SELECT number FROM runs WHERE {some})"
    return connection.execute(
        f"{query} GROUP BY key, value ORDER BY n DESC, key, value LIMIT ?", [*values, limit]
    ).fetchall()


def energies(connection: sqlite3.Connection, chosen: Filter) -> list[float]:
    """Give the energies in J of the runs that fit and have one, the smallest first."""
    where, values = _of_runs(chosen)
    found = connection.execute(
        f"SELECT energy_j FROM runs WHERE {where} AND energy_j IS NOT NULL ORDER BY energy_j", values
    )
    return [energy_j for (energy_j,) in found]


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
        for id, key, value in connection.execute(
            f"SELECT id, key, value FROM runs JOIN tags ON run = number WHERE id IN ({marks})", part
        ):
            tags_of[id][key] = value
    found = []
    for row in rows:
        values = dict(zip(OF_RUN, row, strict=False))
        values["complete"], values["place_known"] = bool(values["complete"]), bool(values["place_known"])
        found.append(Listed(RunSummary(**values, tags=tags_of[row[0]]), *row[len(OF_RUN) :]))
    return found


def _rollup(numbers: Sequence[float]) -> RollUp:
    values: dict[str, Any] = dict(zip(ADDED, numbers, strict=True))
    for name in ("runs", "unknown", "without_interval", "beside"):
        values[name] = round(values[name])
    return RollUp(**values)


def _parts(chosen: Filter, dimensions: Sequence[Dimension]) -> list[Part]:
    """Give the queries whose rows are to be added up."""
    if chosen.tags:
        return [_part_of_runs(chosen, dimensions)]
    if "day" in dimensions:
        return [_part_of_days(chosen, dimensions)]
    first = None if chosen.since is None else _month_from(chosen.since)
    after = None if chosen.until is None else _month_after(chosen.until)
    if first is not None and after is not None and first >= after:
        return [_part_of_days(chosen, dimensions)]
    parts = [_part_of_months(chosen, dimensions, first, after)]
    if first is not None and chosen.since != first:
        parts.append(_part_of_days(chosen.but(until=first - timedelta(days=1)), dimensions))
    if after is not None and chosen.until != after - timedelta(days=1):
        parts.append(_part_of_days(chosen.but(since=after), dimensions))
    return parts


def _part_of_months(chosen: Filter, dimensions: Sequence[Dimension], first: date | None, after: date | None) -> Part:
    where, values = _same(chosen)
    if first is not None or after is not None:
        where.append("month <> ''")
    if first is not None:
        where.append("month >= ?")
        values.append(f"{first:%Y-%m}")
    if after is not None:
        where.append("month < ?")
        values.append(f"{after:%Y-%m}")
    table = _table(chosen, dimensions, "month")
    return f"SELECT {_named(dimensions)} FROM {table} WHERE {' AND '.join(where) or '1'}", values


def _part_of_days(chosen: Filter, dimensions: Sequence[Dimension]) -> Part:
    table = _table(chosen, dimensions, "day")
    if table is None:
        return _part_of_runs(chosen, dimensions)
    where, values = _same(chosen)
    if chosen.since is not None or chosen.until is not None:
        where.append("day <> ''")
    if chosen.since is not None:
        where.append("day >= ?")
        values.append(chosen.since.isoformat())
    if chosen.until is not None:
        where.append("day <= ?")
        values.append(chosen.until.isoformat())
    columns = _named("substr(day, 1, 7)" if name == "month" else name for name in dimensions)
    return f"SELECT {columns} FROM {table} WHERE {' AND '.join(where) or '1'}", values


def _part_of_runs(chosen: Filter, dimensions: Sequence[Dimension]) -> Part:
    where, values = _of_runs(chosen)
    return f"SELECT {_named(dimensions, added(''))} FROM runs WHERE {where}", values


def _named(keys: Iterable[str], amounts: Iterable[str] = tuple(ADDED)) -> str:
    """Name columns in the same way for every table."""
    return ", ".join(
        [
            *(f"{key} AS k{number}" for number, key in enumerate(keys)),
            *(f"{amount} AS {name}" for amount, name in zip(amounts, ADDED, strict=True)),
        ]
    )


def _table(chosen: Filter, dimensions: Sequence[Dimension], time: Literal["month", "day"]) -> str | None:
    """Name the first table of sums that knows what is asked for, by months or by days; None where there is none."""
    asked = {name for name in _SAME if getattr(chosen, name) is not None} | {*dimensions, time}
    if time == "day":
        asked.discard("month")
    return next((table for table, keys in KEYS.items() if asked.issubset(keys)), None)


def _is_kept(chosen: Filter, dimensions: Sequence[Dimension]) -> bool:
    """Whether no run has to be looked at."""
    return not any("FROM runs" in query for query, _ in _parts(chosen, dimensions))


def _of_runs(chosen: Filter) -> tuple[str, list[Any]]:
    where, values = _same(chosen)
    if chosen.since_s is not None:
        where.append("started_s >= ?")
        values.append(chosen.since_s)
    if chosen.until_s is not None:
        where.append("started_s < ?")
        values.append(chosen.until_s)
    for key, value in sorted_tags(chosen.tags):
        where.append(f"number IN (SELECT run FROM tags WHERE key = ?{'' if value is None else ' AND value = ?'})")
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


def _span(month: str) -> tuple[float, float]:
    """The first moment of a month such as "2026-11", and the one after its last, seconds since 1970."""
    first = date.fromisoformat(f"{month}-01")
    return moment_s(first), moment_s(_next_month(first))


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
