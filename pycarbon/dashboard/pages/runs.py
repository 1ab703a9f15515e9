"""The list of runs, in any order, page by page."""

from __future__ import annotations

from typing import Any

from pycarbon.dashboard.filtering import given, last, number
from pycarbon.dashboard.page import Pairs
from pycarbon.dashboard.rows import RUN, of_run
from pycarbon.errors import PyCarbonError
from pycarbon.store.filters import from_query
from pycarbon.store.index import Store
from pycarbon.store.queries import ORDERS

PER_PAGE, MOST_PER_PAGE = 50, 1000
DIRECTIONS = ("down", "up")

TABLES = {"runs": RUN}


def view(store: Store, pairs: Pairs) -> dict[str, Any]:
    """Give one page of the runs that fit: `sort` one of ORDERS, `direction` down or up, `page` from 1, `per_page`."""
    chosen = from_query(pairs)
    order = last(pairs, "sort") or "started"
    direction = last(pairs, "direction") or DIRECTIONS[0]
    if order not in ORDERS:
        raise PyCarbonError(f"runs cannot be sorted by {order[:40]!r}; there are {', '.join(ORDERS)}")
    if direction not in DIRECTIONS:
        raise PyCarbonError(f"{direction[:40]!r} is no direction; there are {' and '.join(DIRECTIONS)}")
    page = number(pairs, "page", 1, 1_000_000)
    per_page = number(pairs, "per_page", PER_PAGE, MOST_PER_PAGE)
    totals = store.totals(chosen)
    found = store.runs(
        chosen,
        order,
        descending=direction == DIRECTIONS[0],
        limit=per_page,
        offset=(page - 1) * per_page,
    )
    return {
        "filter": given(chosen),
        "sort": order,
        "direction": direction,
        "page": page,
        "pages": max(1, -(-totals.runs // per_page)),
        "per_page": per_page,
        "totals": totals.to_dict(),
        "runs": [of_run(listed) for listed in found],
    }
