"""Runs that go on now, and one of them."""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakKeyDictionary

from pycarbon.dashboard.filtering import given
from pycarbon.dashboard.live_runs import COLUMNS, NOW_S, LiveRuns
from pycarbon.dashboard.page import Missing, Pairs
from pycarbon.errors import PyCarbonError
from pycarbon.reports.power_view import embedded
from pycarbon.store.filters import Filter, from_query
from pycarbon.store.index import Store

EVERY_S = 2

TABLES = {"runs": COLUMNS}

_lock = threading.Lock()
_live: WeakKeyDictionary[Store, LiveRuns] = WeakKeyDictionary()


def view(store: Store, pairs: Pairs) -> dict[str, Any]:
    """Give the runs that go on in the store and fit, the latest first; also those whose recorder is dead."""
    chosen = from_query(pairs)
    rows = [row for row in _of(store).rows() if _fits(row, chosen)]
    counts = {state: sum(row["state"] == state for row in rows) for state in ("recording", "cut off", "not known")}
    return {
        "filter": given(chosen),
        "runs": rows,
        "recording": counts["recording"] + counts["not known"],
        "cut_off": counts["cut off"],
        "said": _said(counts),
        "every_s": EVERY_S,
        "power_of_s": NOW_S,
    }


def view_one(store: Store, pairs: Pairs, id: str) -> dict[str, Any]:
    """Give one run that goes on, with its power so far; of one that has ended its place in the index.

    Missing where there is neither.
    """
    found = _of(store).one(id)
    if found is None:
        return {"run": None, "power": None, "ended": _ended(store, id), "every_s": EVERY_S}
    run, drawn = found
    return {"run": run, "power": drawn, "ended": None, "every_s": EVERY_S}


def _of(store: Store) -> LiveRuns:
    with _lock:
        return _live.setdefault(store, LiveRuns(store.folder, embedded))


def _ended(store: Store, run_id: str) -> str:
    try:
        return store.run(run_id).summary.id
    except PyCarbonError:
        raise Missing(
            f"no run {run_id[:80]!r} goes on here, and none has ended (or just now); /live lists them"
        ) from None


def _fits(row: dict[str, Any], chosen: Filter) -> bool:
    """Say whether a run fits what is known of it while it goes on: all but days and devices."""
    names = ("organisation", "project", "experiment", "machine", "zone", "kind")
    asked = [(name, getattr(chosen, name)) for name in names]
    tags: dict[str, str] = row["tags"]
    return all(value is None or row[name] == value for name, value in asked) and all(
        key in tags and value in (None, tags[key]) for key, value in chosen.tags.items()
    )


def _said(counts: dict[str, int]) -> str:
    """Say in a line how many there are: what a screen reader hears when it changes."""
    going = counts["recording"] + counts["not known"]
    words = "No run goes on now" if not going else "1 run goes on now" if going == 1 else f"{going} runs go on now"
    cut_off = counts["cut off"]
    return words + (f"; {cut_off} {'was' if cut_off == 1 else 'were'} cut off" if cut_off else "")
