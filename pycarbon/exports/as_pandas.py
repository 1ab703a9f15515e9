"""A table of a run as a pandas DataFrame."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycarbon.exports.about import about
from pycarbon.exports.extras import needed
from pycarbon.exports.recorded import Recorded
from pycarbon.exports.tables import DTYPES, Table, Words, table


def to_pandas(run: Recorded, name: str, every: str | float | None) -> Any:
    """Give the table as a DataFrame; its `attrs` say which run it is from.

    Text is categorical, times of the wall clock are datetime64[ns, UTC]. PyCarbonError without pandas.
    """
    pandas = needed("pandas", "pandas")
    made = table(run, name, every)
    frame = pandas.DataFrame(_columns(made, pandas), columns=[column.name for column in made.columns])
    frame.attrs.update(about(run), table=name, units={c.name: c.unit for c in made.columns if c.unit})
    return frame


def _columns(made: Table, pandas: Any) -> dict[str, Any]:
    parts = list(made.parts())
    columns = {}
    for column in made.columns:
        values = [part[column.name] for part in parts]
        if column.type == "text":
            columns[column.name] = _categorical([part for part in values if isinstance(part, Words)], pandas)
            continue
        joined = np.concatenate([np.empty(0, DTYPES[column.type]), *values])
        columns[column.name] = pandas.Series(joined).dt.tz_localize("UTC") if column.type == "utc" else joined
    return columns


def _categorical(parts: list[Words], pandas: Any) -> Any:
    words = {word: None for part in parts for word in part.words}
    number = {word: i for i, word in enumerate(words)}
    codes = [np.array([number[word] for word in part.words] or [0], dtype=np.int32)[part.codes] for part in parts]
    joined = np.concatenate([np.empty(0, np.int32), *codes])
    return pandas.Categorical.from_codes(joined, pandas.Index(list(words), dtype=object))
