"""A table of a run as CSV: a header, then a row each; what is not known is empty."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np

from pycarbon.exports.recorded import Recorded
from pycarbon.exports.tables import Column, Values, Words, table
from pycarbon.exports.text import quoted

ROWS = 1 << 14


def write(run: Recorded, sink: BinaryIO, name: str, every: str | float | None) -> None:
    """Write the table in UTF-8."""
    made = table(run, name, every)
    sink.write((",".join(column.name for column in made.columns) + "\n").encode("ascii"))
    for part in made.batches(ROWS):
        columns = [_fields(column, part[column.name]) for column in made.columns]
        sink.write("".join(f"{line}\n" for line in map(",".join, zip(*columns, strict=True))).encode("utf-8"))


def _fields(column: Column, values: Values) -> list[str]:
    if isinstance(values, Words):  # quoted once for each word, not for each row: this is millions of rows
        return Words(values.codes, [quoted(word) for word in values.words]).tolist()
    return list(map(str, cells(column, values, "")))


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
