"""The tables of a run, one place for all formats: which there are, their columns, and their rows part by part.

Units stand in the columns' names. Times are CLOCK_MONOTONIC; `..._utc` is what the wall clock showed then. A float
that is not known is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pycarbon.energy import ChannelEnergy
from pycarbon.errors import PyCarbonError
from pycarbon.exports.recorded import Recorded
from pycarbon.exports.text import clean
from pycarbon.totals import Region
from pycarbon.wall_clock import WallClock

Type = Literal["text", "int", "float", "bool", "utc"]
DTYPES = {"int": "<i8", "float": "<f8", "bool": "?", "utc": "M8[ns]"}
MOST = np.iinfo(np.int64).max

_UNITS = (("_ns", "ns"), ("_j", "J"), ("_w", "W"), ("_s", "s"), ("_g", "g"))


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its unit follows from its name."""

    name: str
    type: Type

    @property
    def unit(self) -> str:
        """The unit of its numbers; empty where they have none."""
        return next((unit for end, unit in _UNITS if self.name.endswith(end)), "")


@dataclass(frozen=True, slots=True)
class Words:
    """A column of text: `codes` are indices in `words`, all of which any encoding can take."""

    codes: NDArray[np.int32]
    words: Sequence[str]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.codes)

    def __getitem__(self, rows: slice) -> Words:
        """Give some of the rows."""
        return Words(self.codes[rows], self.words)

    def tolist(self) -> list[str]:
        """Give the text of each row."""
        return [self.words[code] for code in self.codes.tolist()]


Values = Words | NDArray[Any]
Part = dict[str, Values]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns, and its rows in parts whose columns are equally long, made when they are asked for."""

    name: str
    columns: tuple[Column, ...]
    parts: Callable[[], Iterator[Part]]

    def batches(self, rows: int) -> Iterator[Part]:
        """Give the rows in parts of at most so many."""
        for part in self.parts():
            for i in range(0, len(part[self.columns[0].name]), rows):
                yield {name: values[i : i + rows] for name, values in part.items()}


def table(run: Recorded, name: str, every: str | float | None = None) -> Table:
    """Give a table of a run; `every` is the length of the windows of `power`. PyCarbonError for another name."""
    if name not in TABLES:
        raise PyCarbonError(f"there is no table {name!r}; there are {', '.join(TABLES)}")
    if every is not None and name != "power":
        raise PyCarbonError(f"the table {name!r} has no windows, only that of power has")
    columns, parts = TABLES[name]
    return Table(name, columns, lambda: parts(run, every))


def domains(run: Recorded) -> list[str]:
    """Give the domains that have energy, as run.edges() and run.power() know them."""
    return list(dict.fromkeys(channel.domain for channel in run.data.channels if channel.quantity == "energy"))


def labels(run: Recorded) -> list[str]:
    """Give the labels of the regions, as run.calls() knows them, in order of the tree."""
    ledger = run.data.ledger
    return [] if ledger is None else list(dict.fromkeys(ledger.labels[i] for i in ledger.nodes["label"].tolist()))


def _columns(text: str) -> tuple[Column, ...]:
    """Read names, each with its type unless it is that of its ending."""
    made = []
    for word in text.split():
        name, _, kind = word.partition(":")
        ends = {"ns": "int", "j": "float", "w": "float", "s": "float", "utc": "utc"}
        made.append(Column(name, kind or ends[name.rpartition("_")[2]]))  # type: ignore[arg-type]
    return tuple(made)


def _of_class(kind: type) -> tuple[Column, ...]:
    """Give a column for each member of a class of figures."""
    types: dict[str, Type] = {"int": "int", "bool": "bool", "float": "float", "float | None": "float"}
    return tuple(Column(field.name, types.get(str(field.type), "text")) for field in fields(kind))


def _same(text: str, rows: int) -> Words:
    """Give a column that says the same in each row, in no memory."""
    return Words(np.broadcast_to(np.int32(0), rows), [clean(text)])


def _heading(run: Recorded, domain: str, rows: int) -> Part:
    channel = next(one for one in run.data.channels if one.domain == domain and one.quantity == "energy")
    return {name: _same(str(getattr(channel, name)), rows) for name in ("domain", "source", "kind")}


def _utc(run: Recorded) -> Callable[[NDArray[np.int64]], NDArray[np.datetime64]]:
    """Give what makes times of day of a run's times; NaT where the run does not say when it was."""
    try:
        clock = WallClock(run.data)
    except ValueError:
        return lambda time_ns: np.full(len(time_ns), np.iinfo(np.int64).min).view("M8[ns]")
    return lambda time_ns: clock.wall_ns(time_ns).view("M8[ns]")


def _edges(run: Recorded, _: str | float | None) -> Iterator[Part]:
    utc = _utc(run)
    for domain in domains(run):
        line = run.edges(domain)
        times = {name: line[name] for name in ("time_ns", "t_before_ns", "t_seen_ns")}
        yield (
            _heading(run, domain, len(line))
            | times
            | {
                "energy_j": line["energy_j"],
                "time_utc": utc(line["time_ns"]),
            }
        )


def _power(run: Recorded, every: str | float | None) -> Iterator[Part]:
    utc = _utc(run)
    for domain in domains(run):
        series = run.power(domain, every)
        time_ns = series["time_ns"]
        window_s = np.diff(time_ns, append=run.data.end_ns) / 1e9
        yield _heading(run, domain, len(series)) | {
            "time_ns": time_ns,
            "window_s": window_s,
            **{name: series[name] for name in ("power_w", "min_w", "max_w")},
            "time_utc": utc(time_ns),
        }


def _calls(run: Recorded, _: str | float | None) -> Iterator[Part]:
    utc = _utc(run)
    for label in labels(run):
        calls = run.calls(label)
        part: Part = {"label": _same(label, len(calls)), "kind": _same(run.energy.kind, len(calls))}
        part |= {name: calls[name] for name in ("start_ns", "end_ns")}
        part["thread"] = calls["thread"].astype(np.int64)
        part |= {name: calls[name] for name in ("energy_j", "low_j", "high_j")}
        yield part | {"start_utc": utc(calls["start_ns"])}


def _regions(run: Recorded, _: str | float | None) -> Iterator[Part]:
    yield _figures(run.regions, Region)


def _channels(run: Recorded, _: str | float | None) -> Iterator[Part]:
    yield _figures(run.energy.channels, ChannelEnergy)


def _figures(rows: Sequence[object], kind: type) -> Part:
    part: Part = {}
    for column in _of_class(kind):
        values = [getattr(row, column.name) for row in rows]
        if column.type == "text":
            words = {clean(value): None for value in values}
            number = {word: i for i, word in enumerate(words)}
            part[column.name] = Words(np.array([number[clean(v)] for v in values], dtype=np.int32), list(words))
        elif column.type == "float":
            part[column.name] = np.array([np.nan if value is None else value for value in values], dtype="<f8")
        else:
            within = [min(value, MOST) for value in values]  # a file may hold any count
            part[column.name] = np.array(within, dtype=DTYPES[column.type])
    return part


TABLES: dict[str, tuple[tuple[Column, ...], Callable[[Recorded, str | float | None], Iterator[Part]]]] = {
    "edges": (
        _columns("domain:text source:text kind:text time_ns t_before_ns t_seen_ns energy_j time_utc"),
        _edges,
    ),
    "power": (_columns("domain:text source:text kind:text time_ns window_s power_w min_w max_w time_utc"), _power),
    "channels": (_of_class(ChannelEnergy), _channels),
    "regions": (_of_class(Region), _regions),
    "calls": (_columns("label:text kind:text start_ns end_ns thread:int energy_j low_j high_j start_utc"), _calls),
}
"""The first is what is exported where nobody says which."""
