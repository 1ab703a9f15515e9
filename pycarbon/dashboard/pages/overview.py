"""The organisation, or all of them: what its runs used in all, when, where and for what."""

from __future__ import annotations

from typing import Any

from pycarbon.dashboard import places
from pycarbon.dashboard.filtering import given
from pycarbon.dashboard.hints import hints
from pycarbon.dashboard.notes import notes
from pycarbon.dashboard.page import Pairs
from pycarbon.dashboard.rows import RUN, SUMS, of_run
from pycarbon.dashboard.splits import splits
from pycarbon.store.filters import from_query
from pycarbon.store.index import Store

NEWEST = 8
REFUSED = 50

TABLES = {
    "by_project": {"organisation": "text", "project": "text", **SUMS},
    "by_month": {"month": "text", **SUMS},
    "by_device": {"device": "text", **SUMS},
    "by_machine": {"machine": "text", **SUMS},
    "by_country": places.REGION,
    "runs": RUN,
    "refused": {"path": "text", "why": "text"},
}


def view(store: Store, pairs: Pairs) -> dict[str, Any]:
    """Give the sums of all runs that fit, divided by month, project, device, machine and place, and the newest."""
    chosen = from_query(pairs)
    found = splits(store, chosen, "project")
    refused = store.refused()
    folder = f"{store.folder}/"  # where the store lies is nobody's business
    return {
        "filter": given(chosen),
        "organisations": sorted({row["organisation"] for row in found["by_project"]}),
        **found,
        "by_country": [row for continent in found["by_continent"] for row in continent["countries"]],
        "hints": hints(found, "project"),
        "notes": notes(found["totals"], found["by_month"]),
        "runs": [of_run(listed) for listed in store.runs(chosen, limit=NEWEST)],
        "refused": [{"path": path, "why": why.replace(folder, "")} for path, why in refused[:REFUSED]],
        "refused_count": len(refused),
    }
