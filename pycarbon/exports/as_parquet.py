"""A table of a run as Parquet, by pyarrow: typed columns with their units, and what run they are from."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

import numpy as np

from pycarbon.exports.about import about
from pycarbon.exports.extras import needed
from pycarbon.exports.recorded import Recorded
from pycarbon.exports.tables import Column, Table, Values, Words, table

ROWS = 1 << 20
"""Of a row group: what is in memory at once, and what a reader can leave out."""


def write(run: Recorded, sink: BinaryIO, name: str, every: str | float | None) -> None:
    """Write the table; the schema's metadata hold `pycarbon`, JSON. PyCarbonError without pyarrow."""
    arrow, parquet = needed("pyarrow", "parquet"), needed("pyarrow.parquet", "parquet")
    made = table(run, name, every)
    schema = _schema(made, about(run) | {"table": name}, arrow)
    whole = [column.name for column in made.columns if column.type in ("int", "utc")]
    text = [column.name for column in made.columns if column.type == "text"]
    ways = dict.fromkeys(whole, "DELTA_BINARY_PACKED")  # times grow evenly: a fraction of their size
    with parquet.ParquetWriter(
        sink, schema, compression="zstd", use_dictionary=text, column_encoding=ways, store_schema=True
    ) as writer:
        for part in made.batches(ROWS):
            arrays = [_array(column, part[column.name], arrow) for column in made.columns]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


def _schema(made: Table, said: dict[str, Any], arrow: Any) -> Any:
    types = {
        "text": arrow.dictionary(arrow.int32(), arrow.string()),
        "int": arrow.int64(),
        "float": arrow.float64(),
        "bool": arrow.bool_(),
        "utc": arrow.timestamp("ns", tz="UTC"),
    }
    return arrow.schema(
        [
            arrow.field(column.name, types[column.type], metadata={"unit": column.unit} if column.unit else None)
            for column in made.columns
        ],
        metadata={"pycarbon": json.dumps(said, allow_nan=False)},
    )


def _array(column: Column, values: Values, arrow: Any) -> Any:
    if isinstance(values, Words):
        codes = arrow.array(np.ascontiguousarray(values.codes))
        return arrow.DictionaryArray.from_arrays(codes, arrow.array(list(values.words), arrow.string()))
    if column.type == "utc":
        return arrow.array(values, arrow.timestamp("ns", tz="UTC"))
    return arrow.array(np.ascontiguousarray(values), from_pandas=True)  # NaN is null
