"""What is shown, for other programs: the whole of a page as JSON, one of its tables as CSV or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from pycarbon.dashboard.page import Columns, Page
from pycarbon.errors import PyCarbonError
from pycarbon.exports.extras import needed
from pycarbon.exports.text import clean

FORMATS = ("json", "csv", "parquet")
_OBEYED = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""

Exported = tuple[bytes, str, dict[str, str]]
"""The contents, their media type, and headers."""


def exported(page: Page, data: dict[str, Any], form: str, table: str | None) -> Exported:
    """Write a page's figures; PyCarbonError for a format or a table that there is none of."""
    if form == "json":
        return (
            json.dumps(data, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace"),
            "application/json",
            {},
        )
    if form not in FORMATS or not page.tables:
        there = ", ".join(FORMATS if page.tables else FORMATS[:1])
        raise PyCarbonError(f"{form[:40]!r} is no format of this page; there are html, {there}")
    name = table or next(iter(page.tables))
    if name not in page.tables:
        raise PyCarbonError(f"{name[:40]!r} is no table of this page; there are {', '.join(page.tables)}")
    write, media_type = {"csv": (_csv, "text/csv; charset=utf-8"), "parquet": (_parquet, _PARQUET)}[form]
    headers = {"content-disposition": f'attachment; filename="pycarbon-{name}.{form}"'}
    return write(data[name], page.tables[name]), media_type, headers


_PARQUET = "application/vnd.apache.parquet"


def _csv(rows: Sequence[dict[str, Any]], columns: Columns) -> bytes:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")  # RFC 4180; else a lone CR in a text would end its row
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name], kind) for name, kind in columns.items()])
    return sink.getvalue().encode()


def _cell(value: Any, kind: str) -> Any:
    if value is None:
        return ""
    if kind != "text":
        return str(value).lower() if isinstance(value, bool) else value
    text = clean(_text(value))
    return f"'{text}" if text.startswith(_OBEYED) else text


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}={text}" for key, text in value.items())
    if isinstance(value, list):
        return " ".join(value)
    return str(value)


def _parquet(rows: Sequence[dict[str, Any]], columns: Columns) -> bytes:
    arrow, parquet = needed("pyarrow", "parquet"), needed("pyarrow.parquet", "parquet")
    types = {"text": arrow.string(), "float": arrow.float64(), "int": arrow.int64(), "bool": arrow.bool_()}
    arrays = [
        arrow.array(
            [row[name] if row[name] is None or kind != "text" else clean(_text(row[name])) for row in rows],
            types[kind],
        )
        for name, kind in columns.items()
    ]
    sink = io.BytesIO()
    parquet.write_table(arrow.table(arrays, names=list(columns)), sink)
    return sink.getvalue()
