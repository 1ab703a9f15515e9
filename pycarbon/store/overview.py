"""What is said of an organisation, a project or an experiment: sums, their trend, what they are made up of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pycarbon.equivalents import equivalents
from pycarbon.interval import Range
from pycarbon.store.filters import Filter
from pycarbon.store.index import Store
from pycarbon.store.queries import Dimension
from pycarbon.store.rollup import Group, RollUp

_WITHIN: dict[str, Dimension] = {"": "project", "organisation": "project", "project": "experiment"}


@dataclass(frozen=True, slots=True)
class Overview:
    """Sums of runs that belong to something. `names` say to what: kinds of names and names, outermost first.

    `months` go from the first to the last without a hole; runs of an unknown month are in none of them.
    """

    names: list[tuple[str, str]]
    totals: RollUp
    kinds: list[Group]
    months: list[Group]
    splits: dict[str, list[Group]]

    def equivalents(self) -> list[dict[str, Any]]:
        """Say what it is like in daily life; nothing where it is not known."""
        totals = self.totals
        if totals.unknown >= totals.runs:
            return []
        joules = Range(totals.low_j, totals.energy_j, totals.high_j)
        return [asdict(each) for each in equivalents(joules, Range(totals.low_g, totals.co2e_g, totals.high_g))]

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON can hold it."""
        return {
            **dict(self.names),
            "totals": self.totals.to_dict(),
            "kinds": _plain(self.kinds),
            "months": _plain(self.months),
            "equivalents": self.equivalents(),
            **{f"{dimension}s": _plain(groups) for dimension, groups in self.splits.items()},
        }


def overview(store: Store, chosen: Filter) -> Overview:
    """Add up what belongs to an organisation, a project or an experiment, or without any of these everything."""
    levels = ("organisation", "project", "experiment")
    names = [(level, name) for level in levels if (name := getattr(chosen, level)) is not None]
    within = _WITHIN.get(names[-1][0] if names else "")
    inner: list[Dimension] = [*([] if within is None else [within]), "device", "zone"]
    if not names:
        inner.insert(0, "organisation")
    return Overview(
        names or [("store", str(store.folder))],
        store.totals(chosen),
        store.by("kind", chosen),
        _without_holes([group for group in store.by("month", chosen) if group.key]),
        {dimension: store.by(dimension, chosen) for dimension in inner},
    )


def _without_holes(months: list[Group]) -> list[Group]:
    """Put in months in which nothing ran."""
    if not months:
        return []
    known = {group.key: group for group in months}
    filled, month = [], months[0].key
    while month <= months[-1].key:
        filled.append(known.get(month, Group(month, RollUp())))
        year, number = map(int, month.split("-"))
        month = f"{year + number // 12:04d}-{number % 12 + 1:02d}"
    return filled


def _plain(groups: list[Group]) -> list[dict[str, Any]]:
    return [{"key": group.key, **group.sums.to_dict()} for group in groups]
