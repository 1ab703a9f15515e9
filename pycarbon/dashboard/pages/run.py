"""One run: its figures, power over time, regions, what is advised, and where it belongs."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any

from pycarbon.advising import advise
from pycarbon.analysis import Run
from pycarbon.dashboard.filtering import given, last, number
from pycarbon.dashboard.opened import find, of_run, opened
from pycarbon.dashboard.page import Pairs
from pycarbon.dashboard.rows import of_run as row_of
from pycarbon.errors import PyCarbonError
from pycarbon.reports import advice_json, power_view, run_view
from pycarbon.reports.as_json import without_nan
from pycarbon.store.filters import Filter, from_query
from pycarbon.store.index import Store
from pycarbon.store.queries import Listed

POINTS, MOST_POINTS = 800, power_view.MOST_POINTS
SEARCHED = 200
MOST_ADVICE = 12

REGIONS = {
    "label": "text",
    "calls": "int",
    "time_s": "float",
    "energy_j": "float",
    "low_j": "float",
    "high_j": "float",
    "energy_per_call_j": "float",
    "co2e_g": "float",
    "kind": "text",
    "method": "text",
    "resolved": "bool",
}
POWER = {
    "domain": "text",
    "kind": "text",
    "t_s": "float",
    "window_s": "float",
    "min_w": "float",
    "mean_w": "float",
    "max_w": "float",
}
DOMAINS = {
    "domain": "text",
    "source": "text",
    "kind": "text",
    "energy_j": "float",
    "low_j": "float",
    "high_j": "float",
    "in_total": "bool",
}
TABLES = {"regions": REGIONS, "domains": DOMAINS}
POWER_TABLES = {"windows": POWER}


def view(store: Store, pairs: Pairs, id: str) -> dict[str, Any]:
    """Give everything that a run's page shows: `run_view.view` of it, its row in the index, advice, and neighbours.

    Missing where there is no such run.
    """
    listed = find(store, id)
    shown: dict[str, Any] = of_run(store, listed, "page", _shown)
    return {
        **shown,
        "row": row_of(listed),
        "filter": given(from_query(pairs)),
        "previous": _previous(store, listed),
        "source": listed.source,
    }


def power(store: Store, pairs: Pairs, id: str) -> dict[str, Any]:
    """Give a part of a run's power, `from` and `to` seconds of it, in at most `points` windows for each domain.

    PyCarbonError for what is no number, or too many points; Missing where there is no such run.
    """
    listed = find(store, id)
    from_s, to_s = _seconds(pairs, "from", 0.0), _seconds(pairs, "to", math.inf)
    points = number(pairs, "points", POINTS, MOST_POINTS)
    if to_s < from_s:
        raise PyCarbonError(f"from {from_s:g} to {to_s:g} is no part of a run: it ends before it begins")
    found = power_view.power(opened(store, listed), from_s, to_s, points)
    return {**found, "windows": [row for domain in found["domains"] for row in _windows(domain)]}


def _seconds(pairs: Pairs, name: str, default: float) -> float:
    text = last(pairs, name)
    try:
        value = float(text) if text else default
    except ValueError:
        value = math.nan
    if math.isnan(value) or value < 0 or (text and math.isinf(value)):
        raise PyCarbonError(f"{name} {text[:40]!r} is no good: write seconds since the run began, such as 12.5")
    return value


def _windows(domain: dict[str, Any]) -> list[dict[str, Any]]:
    names = ("t_s", "min_w", "mean_w", "max_w")
    same = {name: domain[name] for name in ("domain", "kind", "window_s")}
    columns = zip(*(domain[name] for name in names), strict=True)
    return [same | dict(zip(names, values, strict=True)) for values in columns]


def _shown(run: Run) -> dict[str, Any]:
    shown: dict[str, Any] = without_nan({**run_view.view(run), "advice": _advice(run)})
    in_joules = {one.domain: one for one in reversed(run.energy.channels)}
    for row in shown["domains"]:
        used = in_joules.get(row["domain"])
        row |= without_nan(
            {"low_j": None if used is None else used.low_j, "high_j": None if used is None else used.high_j}
        )
    return shown


def _advice(run: Run) -> dict[str, Any]:
    """Give what is advised, the best few; where nothing is, why."""
    try:
        found = advice_json.as_dict(advise(run))
    except PyCarbonError as error:
        return {"advice": [], "verdict": str(error), "nothing": {}, "assumptions": [], "left_out": 0}
    told = found["advice"]
    return {
        "advice": told[:MOST_ADVICE],
        "verdict": found["verdict"],
        "nothing": found["nothing"],
        "assumptions": found["assumptions"],
        "left_out": max(len(told) - MOST_ADVICE, 0),
    }


def _previous(store: Store, listed: Listed) -> dict[str, Any] | None:
    """Give the latest run of the same name and project that began before this one; None where there is none."""
    run = listed.summary
    if run.started_s is None or not run.name:
        return None
    day = datetime.fromtimestamp(run.started_s, timezone.utc).date()
    same = Filter(organisation=run.organisation, project=run.project, until=day)
    for other in store.runs(same, "started", limit=SEARCHED):
        it = other.summary
        if it.id != run.id and it.name == run.name and (it.started_s or math.inf) < run.started_s:
            return row_of(other)
    return None
