"""A table of a run as CSV: a header, then a row each; what is not known is empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from pycarbon.exports.recorded import Recorded
from pycarbon.exports.tables import Column, Table, Values, Words, table

ROWS = 1 << 14


def write(run: Recorded, sink: BinaryIO, name: str, every: str | float | None) -> None:
    """Write the table in UTF-8, lines end as RFC 4180 says."""
    made = table(run, name, every)
    for lines in _lines(made):
        sink.write(lines.encode("utf-8"))


def _lines(made: Table) -> Iterator[str]:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([column.name for column in made.columns])
    for part in made.batches(ROWS):
        columns = [cells(column, part[column.name], "") for column in made.columns]
        writer.writerows(zip(*columns, strict=True))
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def cells(column: Column, values: Values, unknown: Any) -> list[Any]:
    """Give a column's values as Python's, times of the wall clock as RFC 3339, `unknown` where there is none."""
    if isinstance(values, Words):
        return values.tolist()
    plain: list[Any] = values.tolist()
    if column.type == "utc":
        return [unknown if text == "NaT" else f"{text}Z" for text in np.datetime_as_string(values).tolist()]
    if column.type == "float" and not np.isfinite(values).all():
        return [value if known else unknown for value, known in zip(plain, np.isfinite(values).tolist(), strict=True)]
    return plain
