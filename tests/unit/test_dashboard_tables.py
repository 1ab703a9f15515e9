"""Tables of pages as CSV and Parquet."""

from __future__ import annotations

import csv
import io

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.dashboard.page import Page
from pycarbon.dashboard.tables import exported
from pycarbon.errors import PyCarbonError

COLUMNS = {"name": "text", "energy_j": "float", "runs": "int", "whole": "bool"}
PAGE = Page(
    "/x", "/api/v1/x", lambda store, pairs: {}, "x.html", tables={"rows": COLUMNS, "others": {"name": "text"}}
)


def as_csv(rows: list[dict]) -> list[dict[str, str]]:
    content, media_type, headers = exported(PAGE, {"rows": rows}, "csv", None)
    assert media_type.startswith("text/csv") and headers["content-disposition"].endswith('"pycarbon-rows.csv"')
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


@given(st.text(st.characters(exclude_categories=()), max_size=12))
def test_no_text_is_a_formula(text):
    (row,) = as_csv([{"name": text, "energy_j": -1.5, "runs": 3, "whole": True}])

    assert not row["name"].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert row["energy_j"] == "-1.5" and row["runs"] == "3" and row["whole"] == "true"


def test_what_is_not_known_is_empty():
    (row,) = as_csv([{"name": "", "energy_j": None, "runs": None, "whole": None}])
    assert set(row.values()) == {""}


def test_parquet_has_the_types_of_the_columns_also_where_nothing_is_known():
    rows = [{"name": {"a": "b", "c": "d"}, "energy_j": None, "runs": None, "whole": None}]
    content, _, _ = exported(PAGE, {"rows": rows}, "parquet", "rows")

    table = pyarrow.parquet.read_table(io.BytesIO(content))
    assert {field.name: str(field.type) for field in table.schema} == {
        "name": "string",
        "energy_j": "double",
        "runs": "int64",
        "whole": "bool",
    }
    assert table.to_pylist() == [{"name": "a=b; c=d", "energy_j": None, "runs": None, "whole": None}]


def test_a_table_that_is_none_is_refused_with_those_there_are():
    with pytest.raises(PyCarbonError, match="'nothing' is no table of this page; there are rows, others"):
        exported(PAGE, {"rows": []}, "csv", "nothing")
    with pytest.raises(PyCarbonError, match="'csv' is no format of this page; there are html, json"):
        exported(Page("/y", "/api/v1/y", PAGE.view, "y.html"), {}, "csv", None)
