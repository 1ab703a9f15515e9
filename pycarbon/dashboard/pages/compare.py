"""Runs side by side: what became of the first one's figures in the others, by total, domain and region."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pycarbon.change import Change, Value
from pycarbon.dashboard.filtering import given
from pycarbon.dashboard.opened import find, opened
from pycarbon.dashboard.page import Pairs
from pycarbon.dashboard.rows import RUN, of_run
from pycarbon.errors import PyCarbonError
from pycarbon.reports import changes, compared_csv, compared_rows
from pycarbon.reports.as_json import without_nan
from pycarbon.run_differences import Row, RunDifferences, differences
from pycarbon.store.filters import from_query
from pycarbon.store.index import Store

MOST_RUNS = 8
OFFERED = 30

_TEXTS = ("scope", "label", "figure", "run", "kind", "verdict")
FIGURES = {name: "text" if name in _TEXTS else "float" for name in compared_csv.COLUMNS}
TABLES = {"figures": FIGURES, "runs": {"letter": "text", **RUN}}


def view(store: Store, pairs: Pairs) -> dict[str, Any]:
    """Compare the runs whose ids are asked for as `run`, in that order; of fewer than two there is nothing to say.

    `offered` are the newest runs that fit the filter. PyCarbonError for more than MOST_RUNS, and for one twice.
    """
    chosen = from_query(pairs)
    names = [value.strip() for name, value in pairs if name == "run" and value.strip()]
    if len(names) > MOST_RUNS:
        raise PyCarbonError(f"{len(names)} runs are too many to compare at once: choose {MOST_RUNS} at most")
    found = [find(store, name) for name in names]
    compared = differences([opened(store, listed) for listed in found]) if len(found) > 1 else None
    letters = ["A"] if compared is None else compared.letters
    values = {
        "filter": given(chosen),
        "chosen": [listed.summary.id for listed in found],
        "runs": [{"letter": letter, **of_run(listed)} for letter, listed in zip(letters, found, strict=False)],
        "offered": [of_run(listed) for listed in store.runs(chosen, limit=OFFERED)],
        "most": MOST_RUNS,
        "by_time": compared is not None and compared.by_time,
        "tables": [] if compared is None else list(_tables(compared)),
        "figures": []
        if compared is None
        else [dict(zip(FIGURES, row, strict=True)) for row in compared_csv.rows(compared)],
        "notes": [] if compared is None else list(compared.notes),
    }
    cleaned: dict[str, Any] = without_nan(values)
    return cleaned


def _figures(compared: RunDifferences) -> list[dict[str, Any]]:
    return [dict(zip(FIGURES, row, strict=True)) for row in compared_csv.rows(compared)]


def _tables(compared: RunDifferences) -> Iterator[dict[str, Any]]:
    """Lay out what is compared: each row a name, and for each run a value in words and what became of it."""
    yield {
        "title": "Totals and domains",
        "rows": [
            _line(name.strip(), row, is_part=name != name.strip()) for name, row in compared_rows.of_runs(compared)
        ],
        "left_out": "",
    }
    if compared.outside is None:
        return
    rows = []
    for region in [*compared.regions, compared.outside]:
        rows.append(_line(region.label or "(no name)", compared.deciding(region)))
        rows += [_line(name, row, is_part=True) for name, row in compared_rows.below(compared, region)]
    yield {"title": "Regions, by time" if compared.by_time else "Regions, by energy", "rows": rows, "left_out": ""}


def _line(name: str, row: Row, *, is_part: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "is_part": is_part,
        "unit": row.unit,
        "values": [_value(value, row.unit) for value in row.values],
        "changes": [_change(found, row.unit) for found in row.changes],
    }


def _value(value: Value | None, unit: str) -> dict[str, Any]:
    return {
        "value": None if value is None else value.best,
        "low": None if value is None else value.low,
        "high": None if value is None else value.high,
        "kind": "" if value is None or value.low == value.high else value.kind,
        "text": "not known" if value is None else changes.amount(value, unit),
        "between": "" if value is None else changes.between(value, unit),
    }


def _change(found: Change, unit: str) -> dict[str, Any]:
    is_said = found.verdict not in changes.UNSAID
    text, between = changes.change(found, unit) if is_said else ("", "")
    return {"verdict": changes.verdict(found), "text": text, "between": between}
