"""One experiment: its runs side by side, how far their energies lie apart, the best and the worst."""

from __future__ import annotations

from typing import Any

from pycarbon.dashboard.filtering import given, number
from pycarbon.dashboard.notes import notes
from pycarbon.dashboard.page import Missing, Pairs
from pycarbon.dashboard.pages.project import check_project
from pycarbon.dashboard.rows import RUN, of_run
from pycarbon.dashboard.splits import splits
from pycarbon.errors import PyCarbonError
from pycarbon.store.filters import Filter, from_query
from pycarbon.store.index import Store

PER_PAGE = 100
_CANDIDATES = 50

TABLES = {"runs": {**RUN, "of_median": "float"}}


def view(store: Store, pairs: Pairs) -> dict[str, Any]:
    """Give an experiment's runs that fit, the newest first, each against the median of their energies.

    `best` and `worst` are those with the least and the most energy that ended well; None where none did.
    """
    chosen = from_query(pairs)
    if chosen.project is None or chosen.experiment is None:
        raise PyCarbonError(
            "which experiment? the address ends in /experiment?organisation=NAME&project=NAME&experiment=NAME"
        )
    page = number(pairs, "page", 1, 1_000_000)
    found = splits(store, chosen, "experiment")
    if not found["totals"]["runs"]:
        _check(store, chosen)
    spread = _spread(store.energies(chosen))
    median_j = None if spread is None else spread["median_j"]
    rows = [of_run(listed) for listed in store.runs(chosen, limit=PER_PAGE, offset=(page - 1) * PER_PAGE)]
    for row in rows:
        row["of_median"] = row["energy_j"] / median_j if median_j and row["energy_j"] is not None else None
    return {
        "filter": given(chosen),
        "organisation": chosen.organisation,
        "project": chosen.project,
        "experiment": chosen.experiment,
        **{
            name: found[name] for name in ("totals", "measured", "modelled", "equivalents", "by_device", "by_machine")
        },
        "by_continent": found["by_continent"],
        "notes": [*notes(found["totals"], found["by_month"]), *_apart(found)],
        "spread": spread,
        "best": _ended_well(store, chosen, descending=False),
        "worst": _ended_well(store, chosen, descending=True),
        "runs": rows,
        "page": page,
        "pages": max(1, -(-found["totals"]["runs"] // PER_PAGE)),
    }


def _check(store: Store, chosen: Filter) -> None:
    check_project(store, chosen)
    only = Filter(organisation=chosen.organisation, project=chosen.project, experiment=chosen.experiment)
    if not store.totals(only).runs:
        raise Missing(
            f"there is no experiment {str(chosen.experiment)[:80]!r} in the project {str(chosen.project)[:80]!r};"
            " the project's page lists all"
        )


def _spread(energies: list[float]) -> dict[str, Any] | None:
    """Give the quartiles (by linear interpolation) and ends of energies in order; None where there are none."""
    if not energies:
        return None

    def at(part: float) -> float:
        place = part * (len(energies) - 1)
        below = int(place)
        above = min(below + 1, len(energies) - 1)
        return energies[below] + (energies[above] - energies[below]) * (place - below)

    names = ("least_j", "quarter_j", "median_j", "three_quarters_j", "most_j")
    return {"runs": len(energies)} | {name: at(number / 4) for number, name in enumerate(names)}


def _ended_well(store: Store, chosen: Filter, *, descending: bool) -> dict[str, Any] | None:
    for listed in store.runs(chosen, "energy", descending=descending, limit=_CANDIDATES):
        run = listed.summary
        if run.energy_j is not None and run.complete and run.exit_status in (0, None):
            return of_run(listed)
    return None


def _apart(found: dict[str, Any]) -> list[str]:
    """Say what makes runs hard to compare."""
    said = []
    if len(found["by_device"]) > 1:
        said.append(
            f"These runs ran on {len(found['by_device'])} different devices: compare those of one, by the filter."
        )
    if found["measured"]["runs"] and found["modelled"]["runs"]:
        said.append("Some of these runs are measured and others modelled: a difference may be the model's.")
    return said
