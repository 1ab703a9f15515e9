"""One figure of the grid table, and what no figure may be: the laws that hold for every source."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from intensity import registry
from intensity.registry import BuildError

OLDEST_YEAR = 2015
LOWEST_LIFECYCLE_G_PER_KWH = 5.0
# Above the worst published mean of a country (1306); below the smallest unit slip of a coal grid.
HIGHEST_G_PER_KWH = 1400.0
# Below the smallest unit slip there is (pounds for kilograms, 2.2).
LARGEST_STEP = 1.6
RECENT_STEPS = 5
# Where nothing is burnt a little oil doubles the mean: a direct step below this is no slip.
SMALL_DIRECT_STEP_G_PER_KWH = 30.0
# How far one year lies from the next where a series is too short: the third quartile of US states.
DEFAULT_YEARLY_SHARE = 0.10
LEAST_YEARLY_SHARE = 0.01
LEAST_YEARLY_G_PER_KWH = 0.5


@dataclass(frozen=True)
class Figure:
    """The mean intensity of a zone in a year by one method and source, in g per kWh.

    `where` is the raw file and row for messages; `rounding` is how much of a step between two
    years may come from rounding alone; `change_known` is False where the yearly change is assumed.
    """

    where: str
    zone: str
    year: int
    scope: str
    flow: str
    gas: str
    source: str
    value: float
    low: float
    high: float
    yearly_change: float
    rounding: float = 0.0
    change_known: bool = True

    def key(self) -> tuple[str, str, str, str, int, str]:
        """What no two figures share, in the order of the table."""
        return (self.zone, self.scope, self.flow, self.gas, self.year, self.source)

    def cells(self) -> list[str]:
        """The figure as the table spells it."""
        numbers = (self.value, self.low, self.high, self.yearly_change)
        names = [self.zone, str(self.year), self.scope, self.flow, self.gas, self.source]
        return [*names, *(f"{number:.2f}" for number in numbers)]


def figure(
    where: str,
    method: tuple[str, str, str],
    source: str,
    zone: str,
    year: int,
    value: float,
    below: float,
    above: float,
    change: float | None = None,
    rounding: float = 0.0,
) -> Figure:
    """A figure from widths below and above, with the default yearly change where none is known."""
    scope, flow, gas = method
    floor = min(value, LOWEST_LIFECYCLE_G_PER_KWH if scope == "lifecycle" else 0.0)
    yearly = DEFAULT_YEARLY_SHARE * value if change is None else change
    yearly = max(yearly, LEAST_YEARLY_SHARE * value, LEAST_YEARLY_G_PER_KWH)
    low, high = max(value - below, floor), value + above
    known = change is not None
    return Figure(where, zone, year, scope, flow, gas, source, value, low, high, yearly, rounding, known)


def yearly_change(series: Mapping[int, float], year: int) -> float | None:
    """Root mean square of the last five yearly changes up to `year`, in g/kWh; None for one year."""
    years = [y for y in sorted(series) if y <= year][-(RECENT_STEPS + 1) :]
    changes = [(series[after] - series[before]) / math.sqrt(after - before) for before, after in pairwise(years)]
    if not changes:
        return None
    return math.sqrt(math.fsum(change**2 for change in changes) / len(changes))


def lend_changes(found: Iterable[Figure]) -> list[Figure]:
    """The figures, those of one year with the relative change of their own zone's lifecycle series."""
    found = list(found)
    shares = {
        (one.zone, one.year): one.yearly_change / one.value
        for one in found
        if one.scope == "lifecycle" and one.change_known
    }
    lent = []
    for one in found:
        share = shares.get((one.zone, one.year))
        if not one.change_known and share is not None:
            yearly = max(share * one.value, LEAST_YEARLY_G_PER_KWH)
            one = replace(one, yearly_change=yearly, change_known=True)
        lent.append(one)
    return lent


def contain_direct(found: Iterable[Figure]) -> list[Figure]:
    """The figures, those of a lifecycle no longer ending below what is emitted at the stack, which is part of it.

    In a year with both, the high end is at least the direct value. Where that is above the lifecycle value, by a
    ratio, the factors flatter the zone's plants; these stand in other years too, so there it is at least the value
    times the largest such ratio.
    """
    found = list(found)
    stack: dict[tuple[str, int], float] = defaultdict(float)
    for one in found:
        if one.scope == "direct":
            stack[one.zone, one.year] = max(stack[one.zone, one.year], one.value)
    ratios: dict[str, float] = defaultdict(lambda: 1.0)
    for one in found:
        if one.scope == "lifecycle":
            ratios[one.zone] = max(ratios[one.zone], stack.get((one.zone, one.year), 0.0) / one.value)
    contained = []
    for one in found:
        if one.scope == "lifecycle":
            least = max(ratios[one.zone] * one.value, stack.get((one.zone, one.year), 0.0))
            one = replace(one, high=max(one.high, least))
        contained.append(one)
    return contained


class Reasons:
    """The steps and revisions that sources.toml explains; knows which reasons were needed."""

    def __init__(self, known: dict[str, Any]) -> None:
        """The `grid.explained` of the registry, by zone and year."""
        self._reasons = {(item["zone"], item["year"]): item["reason"] for item in known["grid"]["explained"]}
        self._needed: set[tuple[str, int]] = set()

    def explain(self, zone: str, year: int) -> bool:
        """Whether there is a reason; it counts as needed from now on."""
        self._needed.add((zone, year))
        return bool(self._reasons.get((zone, year)))

    def check_needed(self) -> None:
        """Refuse a reason for nothing: it would hide the next slip."""
        for zone, year in self._reasons:
            if (zone, year) not in self._needed:
                raise BuildError(f"sources.toml: {zone} {year}: explained, but there is no step to explain")


def check(figures: Iterable[Figure], known: dict[str, Any], reasons: Reasons, zones: Collection[str]) -> list[Figure]:
    """The figures in the table's order; refuses what contradicts its source, its range or its past."""
    ordered = sorted(figures, key=Figure.key)
    for one in ordered:
        check_one(one, known, zones)
    for before, after in pairwise(ordered):
        if before.key() == after.key():
            raise BuildError(f"{after.where}: duplicate, {before.where} has the same zone, year and method")
    check_steps(ordered, reasons)
    return ordered


def check_one(one: Figure, known: dict[str, Any], zones: Collection[str]) -> None:
    """Refuse a figure out of range, of an unknown zone, or by another method than its source's."""
    series = registry.series(known, one.source)
    declared = tuple(series[key] for key in ("scope", "flow", "gas"))
    if (one.scope, one.flow, one.gas) != declared:
        raise BuildError(
            f"{one.where}: {one.scope} {one.flow} {one.gas}, but sources.toml says that"
            f" {one.source} is {' '.join(declared)}"
        )
    if one.zone not in zones and not one.zone.startswith("gcp:"):
        raise BuildError(f"{one.where}: {one.zone} is no zone of zones.csv")
    lowest = LOWEST_LIFECYCLE_G_PER_KWH if one.scope == "lifecycle" else 0.0
    if not lowest <= one.value <= HIGHEST_G_PER_KWH:
        raise BuildError(
            f"{one.where}: {one.value:g} g/kWh is outside {lowest:g} to {HIGHEST_G_PER_KWH:g}; is the unit right?"
        )
    if not one.low <= one.value <= one.high < 2 * HIGHEST_G_PER_KWH or not one.yearly_change > 0:
        raise BuildError(f"{one.where}: {one.low:g} to {one.high:g} is no interval around {one.value:g}")


def check_steps(ordered: Iterable[Figure], reasons: Reasons) -> None:
    """Refuse a jump between two years of one zone and method that has neither rounding nor a reason."""
    groups: dict[tuple[str, ...], list[Figure]] = defaultdict(list)
    for one in ordered:
        groups[one.zone, one.scope, one.flow, one.gas].append(one)
    for group in groups.values():
        for before, after in pairwise(group):
            small, large = sorted((before.value, after.value))
            allowed = before.rounding + after.rounding
            if after.scope == "direct":
                allowed = max(allowed, SMALL_DIRECT_STEP_G_PER_KWH)
            jumped = large > LARGEST_STEP * small and large - small > allowed
            if jumped and not reasons.explain(after.zone, after.year):
                raise BuildError(
                    f"{after.where}: {after.value:g} g/kWh after {before.value:g} in {before.year};"
                    " a slipped unit, or a reason is missing in sources.toml"
                )
