"""A table of a run as one JSON object: what it is from, and its columns; strict, in ASCII."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import BinaryIO

from pycarbon.exports.about import about
from pycarbon.exports.as_csv import cells
from pycarbon.exports.recorded import Recorded
from pycarbon.exports.tables import Column, Part, table

ROWS = 1 << 14


def write(run: Recorded, sink: BinaryIO, name: str, every: str | float | None) -> None:
    """Write the table, column by column; what is not known is null."""
    made = table(run, name, every)
    units = {column.name: column.unit for column in made.columns if column.unit}
    heading = json.dumps(about(run) | {"table": name, "units": units}, indent=1, allow_nan=False)
    sink.write(heading.removesuffix("\n}").encode("ascii") + b',\n "columns": {')
    parts = list(made.batches(ROWS))
    for i, column in enumerate(made.columns):
        sink.write(f"{',' if i else ''}\n  {json.dumps(column.name)}: [".encode("ascii"))
        for text in _values(column, parts):
            sink.write(text.encode("ascii"))
        sink.write(b"]")
    sink.write(b"\n }\n}\n")


def _values(column: Column, parts: list[Part]) -> Iterator[str]:
    between = ""
    for part in parts:
        plain = cells(column, part[column.name], None)
        if plain:
            yield between + json.dumps(plain, allow_nan=False, separators=(",", ":"))[1:-1]
            between = ","
