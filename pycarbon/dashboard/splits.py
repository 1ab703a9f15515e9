"""What some runs used in all, and by month, device, place and machine."""

from __future__ import annotations

from typing import Any

from pycarbon.dashboard import places
from pycarbon.dashboard.rows import of_sums
from pycarbon.equivalents import equivalents
from pycarbon.interval import Range
from pycarbon.store.filters import Filter
from pycarbon.store.index import Store
from pycarbon.store.queries import Dimension, largest_first
from pycarbon.store.rollup import Group, RollUp, summed

LIKE = ("car", "television", "us_household")
"""The comparisons that pages make."""


def splits(store: Store, chosen: Filter, inner: Dimension) -> dict[str, Any]:
    """Give the sums of the runs that fit, in all and by everything that pages show.

    `inner` is what they are divided by first: "project", or "experiment".
    """
    asked: list[tuple[Dimension, ...]] = [
        ("kind",),
        ("month",),
        ("organisation", inner),
        ("device",),
        ("zone",),
        ("machine",),
    ]
    kinds, months, inners, devices, zones, machines = store.several(asked, chosen)
    of_kind = {key: sums for (key,), sums in kinds}
    totals = summed(of_kind.values())
    return {
        "totals": totals.to_dict(),
        "measured": of_kind.get("measured", RollUp()).to_dict(),
        "modelled": of_kind.get("modelled", RollUp()).to_dict(),
        "equivalents": like(totals),
        "by_month": _rows(sorted(months, key=lambda cell: cell[0]), "month"),
        f"by_{inner}": _rows(sorted(inners, key=largest_first), "organisation", inner),
        "by_device": _rows(sorted(devices, key=largest_first), "device"),
        "by_continent": places.by_continent(Group(key, sums) for (key,), sums in zones),
        "by_machine": _rows(sorted(machines, key=largest_first), "machine"),
    }


def like(sums: RollUp) -> list[dict[str, Any]]:
    """Say what an energy and its emissions are like in daily life."""
    found = equivalents(Range(sums.low_j, sums.energy_j, sums.high_j), Range(sums.low_g, sums.co2e_g, sums.high_g))
    names = ("id", "value", "low", "high", "unit", "text", "source", "year")
    return [{name: getattr(each, name) for name in names} for each in found if each.id in LIKE]


def _rows(cells: list[tuple[tuple[str, ...], RollUp]], *names: str) -> list[dict[str, Any]]:
    return [of_sums(sums, **dict(zip(names, key, strict=True))) for key, sums in cells]
