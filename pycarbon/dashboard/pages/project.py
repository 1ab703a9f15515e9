"""One project: what its runs used in all, and which of its experiments used it."""

from __future__ import annotations

from typing import Any

from pycarbon.dashboard import places
from pycarbon.dashboard.filtering import given
from pycarbon.dashboard.hints import hints
from pycarbon.dashboard.notes import notes
from pycarbon.dashboard.page import Missing, Pairs
from pycarbon.dashboard.rows import RUN, SUMS, of_run
from pycarbon.dashboard.splits import splits
from pycarbon.errors import PyCarbonError
from pycarbon.store.filters import Filter, from_query
from pycarbon.store.index import Store

NEWEST = 8
MOST_TAGS = 50

TABLES = {
    "by_experiment": {"organisation": "text", "experiment": "text", **SUMS},
    "by_month": {"month": "text", **SUMS},
    "by_device": {"device": "text", **SUMS},
    "by_machine": {"machine": "text", **SUMS},
    "by_country": places.REGION,
    "runs": RUN,
    "tags": {"key": "text", "value": "text", "runs": "int"},
}


def view(store: Store, pairs: Pairs) -> dict[str, Any]:
    """Give the sums of a project's runs that fit, divided by month, experiment, device, machine and place."""
    chosen = from_query(pairs)
    if chosen.project is None:
        raise PyCarbonError("which project? the address ends in /project?organisation=NAME&project=NAME")
    found = splits(store, chosen, "experiment")
    if not found["totals"]["runs"]:
        check_project(store, chosen)
    return {
        "filter": given(chosen),
        "organisation": chosen.organisation,
        "project": chosen.project,
        **found,
        "by_country": [row for continent in found["by_continent"] for row in continent["countries"]],
        "hints": hints(found, "experiment"),
        "notes": notes(found["totals"], found["by_month"]),
        "tags": [{"key": key, "value": value, "runs": runs} for key, value, runs in store.tags(chosen, MOST_TAGS)],
        "runs": [of_run(listed) for listed in store.runs(chosen, limit=NEWEST)],
    }


def check_project(store: Store, chosen: Filter) -> None:
    """Raise Missing where there is no such project at all, whatever else is asked for."""
    only = Filter(organisation=chosen.organisation, project=chosen.project)
    if not store.totals(only).runs:
        of = "" if chosen.organisation is None else f" of the organisation {chosen.organisation[:80]!r}"
        raise Missing(f"there is no project {str(chosen.project)[:80]!r}{of} in the store; the overview lists all")
