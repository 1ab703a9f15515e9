"""The organisation, or all of them: what its runs used in all, when, where and for what."""

from __future__ import annotations

from typing import Any

from pycarbon.dashboard.page import Pairs
from pycarbon.store.filters import from_query
from pycarbon.store.index import Store


def view(store: Store, pairs: Pairs) -> dict[str, Any]:
    """Give the figures of the overview."""
    chosen = from_query(pairs)
    return {"totals": store.totals(chosen).to_dict()}
