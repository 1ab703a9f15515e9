"""How much carbon a kilowatt-hour carries at a place: the table of factors, and which of them is taken.

`choose` is the whole policy. A factor is one zone's mean of one year by one method: what is counted (scope), whether
imports are followed (flow), which gases. The table says how well each mean is known; how far the year of a run may
have moved on from it is added here.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, NamedTuple

from pycarbon import hours, shipped, zones
from pycarbon.errors import IntensityError
from pycarbon.hours import Hours
from pycarbon.zones import WORLD, Zone

TABLE, SOURCES = "grid.csv", "sources.csv"

SCOPES, FLOWS, GASES = ("lifecycle", "direct"), ("production", "consumption"), ("CO2e", "CO2")
"""In the order in which they are preferred."""

AVERAGE, MARGINAL, OWN = "average", "marginal", "own"
"""Of a grid's mix; of what a kWh more or less changes; a figure of the user's, such as a supplier's contract."""

_UNKNOWN = "UNKNOWN"  # the table's row for a place nobody named: the world's value, wide range


@dataclass(frozen=True, slots=True)
class Intensity:
    """The carbon intensity of a zone's electricity, in g CO2e per kWh generated.

    `low_g_per_kwh` and `high_g_per_kwh` bound how well the mean of `year` describes the zone in use; of a zone with
    `hours`, those bound each hour. Both are NaN (None in a file) where nobody knows them. `place_known` is False
    where nobody named a place and the world's value with its wide range stands in. `asked` is the zone somebody asked
    for where it is another, `note` what a reader must know. `type` is AVERAGE, MARGINAL or OWN.
    `dataclasses.asdict(x)` is JSON, and `from_dict(that)` is equal to x.
    """

    zone: str
    name: str
    intensity_g_per_kwh: float
    low_g_per_kwh: float
    high_g_per_kwh: float
    year: int
    method: str
    source: str
    place_known: bool = True
    scope: str = "lifecycle"
    flow: str = "production"
    gas: str = "CO2e"
    type: str = "average"
    asked: str | None = None
    note: str = ""
    hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """By what method a figure is wanted; None: either, the first of FLOWS and GASES being preferred."""

    scope: str = "lifecycle"
    flow: str | None = None
    gas: str | None = None

    def takes(self, row: Row) -> bool:
        """Whether a row is by this method."""
        return row.scope == self.scope and self.flow in (None, row.flow) and self.gas in (None, row.gas)


class Row(NamedTuple):
    """One row of the table: a zone's mean of one year by one method, in g/kWh; the interval is that year's."""

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


Rank = tuple[int, int]
"""How far a row's zone is from the one asked for, in zones; then 0 for a user's row, 1 for the table's."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The factor taken, and those not taken: every other method and every larger zone, each with its newest year."""

    taken: Intensity
    others: tuple[Intensity, ...]


def method_text(scope: str, flow: str, gas: str, kind: str = AVERAGE) -> str:
    """A method in words, such as "average lifecycle production"."""
    return f"{kind} {scope} {flow}" + ("" if gas == GASES[0] else f", {gas} only")


def choose(
    zone: str | None,
    method: Method = Method(),
    *,
    year: int | None = None,
    at: datetime | None = None,
    own: Mapping[str, Sequence[Row]] | None = None,
) -> Choice:
    """Take the factor for a zone: one method throughout, the most specific zone, the newest year.

    The method is given and never left: of the zone asked for, then of the zones it lies in, from the smallest to its
    country, the first that has a figure by that method (and of `year`, where one is given) is taken, and of its
    figures the newest. Rows of `own` (a user's, by zone) go before those of the table for the same zone. Where a
    smaller zone was passed over because its figures are by another method, the note says so, and the range is
    widened to hold them; of a cloud's region only where they are above it. `zone` None stands for a place nobody
    named, and never for a guess: it is the world, with the range of its countries. `at`, by default now, is when the
    energy was used.

    IntensityError, in one line, where the zone is not known, or has no such figure.
    """
    used_in = (at or datetime.now(timezone.utc)).year
    return _chosen(zone, method, year, used_in, own) if own else _of_table(zone, method, year, used_in)


@lru_cache(maxsize=4096)
def _of_table(zone: str | None, method: Method, year: int | None, used_in: int) -> Choice:
    return _chosen(zone, method, year, used_in, {})


def _chosen(
    zone: str | None, method: Method, year: int | None, used_in: int, own: Mapping[str, Sequence[Row]]
) -> Choice:
    place = _place(zone, own)
    chain = (place.zone, *place.within)
    found: list[tuple[Rank, Row]] = []
    for i, name in enumerate(chain):
        found += [((i, 0), row) for row in own.get(name, ())]
        found += [((i, 1), row) for row in rows(name)]
    fitting = [(rank, row) for rank, row in found if method.takes(row) and year in (None, row.year)]
    if not fitting:
        raise IntensityError(_no_figure(place, method, year, [row for _, row in found]))
    (level, of_table), row = min(fitting, key=lambda pair: (pair[0], *_order(pair[1])))
    taken = _intensity(row, used_in, place, own=not of_table)
    if of_table:
        taken = _beside_own(taken, [other for (_, table), other in found if not table], method, year)
    newest = _newest(found)
    # Google's regions have direct figures only: a part of a lifecycle one, which contradicts it where it is larger.
    passed = [
        (rank, other)
        for rank, other in newest
        if rank[0] < level and (zone_kind(other.zone) != "cloud" or other.value > taken.high_g_per_kwh)
    ]
    if passed:
        taken = _widened(taken, passed, method, year, used_in)
    if of_table:
        taken = _with_hours(taken)
    others = [
        _intensity(other, used_in, place, own=not rank[1])
        for rank, other in newest
        if (rank, other) != ((level, of_table), row)
    ]
    return Choice(taken, tuple(others))


def lookup(zone: str | None, *, year: int | None = None, scope: str = "lifecycle") -> Intensity:
    """The intensity of a zone, as `choose` takes it. Never uses the network."""
    return choose(zone, Method(scope), year=year).taken


def from_dict(values: Mapping[str, Any]) -> Intensity:
    """Read what dataclasses.asdict made of an Intensity, also an older version's."""
    known = {field.name: values[field.name] for field in fields(Intensity) if field.name in values}
    ends = {name: math.nan for name in ("low_g_per_kwh", "high_g_per_kwh") if values.get(name, 0.0) is None}
    return Intensity(**known | ends | {"hours": hours.from_dict(values.get("hours"))})


def zone_kind(zone: str) -> str:
    """What kind of zone it is; "own" for one that only the user's factors have."""
    try:
        return zones.by_id(zone).kind
    except KeyError:
        return "own"


def _place(zone: str | None, own: Mapping[str, Sequence[Row]]) -> Zone:
    if zone is None:
        return Zone(_UNKNOWN, "world", (), "unknown place", (), None, None)
    asked = zone.strip().casefold()
    named = next((name for name in own if name.casefold() == asked), None)
    try:
        return zones.find(zone)
    except IntensityError:
        if named is None:
            raise
        return Zone(named, "own", (), named, (), None, None)


def _order(row: Row) -> tuple[int, int, int, str]:
    """Of one zone's figures: the newest, then as methods are preferred; the source only makes it one order."""
    return -row.year, FLOWS.index(row.flow), GASES.index(row.gas), row.source


def _newest(found: Iterable[tuple[Rank, Row]]) -> list[tuple[Rank, Row]]:
    """Of each zone and method the newest figure, a user's and the table's apart."""
    best: dict[tuple[object, ...], tuple[Rank, Row]] = {}
    for rank, row in found:
        key = (rank, row.scope, row.flow, row.gas)
        other = best.get(key)
        if other is None or (row.year, other[1].source) > (other[1].year, row.source):
            best[key] = (rank, row)
    return list(best.values())


def _intensity(row: Row, used_in: int, place: Zone, *, own: bool = False) -> Intensity:
    """A row as it stands for energy used in a year: its interval is widened by the years in between.

    The yearly changes are taken for a random walk: their root mean square times the square root of the years.
    """
    moved = row.yearly_change * math.sqrt(abs(used_in - row.year))
    low = max(0.0, min(row.low, row.value - math.hypot(row.value - row.low, moved)))
    high = max(row.high, row.value + math.hypot(row.high - row.value, moved))
    known = row.zone != _UNKNOWN
    return Intensity(
        row.zone if known else WORLD,
        _name(row.zone) if known else place.name,
        row.value,
        low,
        high,
        row.year,
        method_text(row.scope, row.flow, row.gas, OWN if own else AVERAGE),
        _citation(row.source),
        known,
        row.scope,
        row.flow,
        row.gas,
        OWN if own else AVERAGE,
        asked=None if row.zone == place.zone else place.zone,
    )


def _with_hours(taken: Intensity) -> Intensity:
    """The intensity with its typical hours, where it has them: they err as their mean does, and each by its own."""
    typical = hours.typical(taken.zone, taken.year, taken.scope, taken.flow, taken.gas)
    value = taken.intensity_g_per_kwh
    if typical is None or value <= 0:
        return taken
    return replace(taken, hours=typical.widened(1 - taken.low_g_per_kwh / value, taken.high_g_per_kwh / value - 1))


def _widened(
    taken: Intensity, passed: Sequence[tuple[Rank, Row]], method: Method, year: int | None, used_in: int
) -> Intensity:
    smallest = passed[0][1].zone
    place = Zone(smallest, "", (), "", (), None, None)
    its = [_intensity(row, used_in, place, own=not table) for (_, table), row in passed if row.zone == smallest]
    has = " and ".join(f"{one.intensity_g_per_kwh:.4g} g/kWh ({one.method}, {one.year})" for one in its)
    wanted = " ".join(filter(None, (method.scope, method.flow, method.gas)))
    of_year = "" if year is None else f" of {year}"
    why = f"{smallest} has no {wanted} figure{of_year}, it has {has}: {taken.zone}'s is used, widened to hold both"
    return replace(
        taken,
        low_g_per_kwh=min(taken.low_g_per_kwh, *(one.low_g_per_kwh for one in its)),
        high_g_per_kwh=max(taken.high_g_per_kwh, *(one.high_g_per_kwh for one in its)),
        note="; ".join(filter(None, (taken.note, why))),
    )


def _beside_own(taken: Intensity, own: Sequence[Row], method: Method, year: int | None) -> Intensity:
    """Say that the user's own factors, of the zone or one around it, were not used: a smaller zone went before them,
    or they are by another method, or of another year.
    """
    if not own:
        return taken
    has = ", ".join(
        dict.fromkeys(f"{row.zone} {method_text(row.scope, row.flow, row.gas, OWN)} {row.year}" for row in own)
    )
    wanted = " ".join(filter(None, (method.scope, method.flow, method.gas, None if year is None else str(year))))
    return replace(taken, note=f"own factors are not used: {has}; wanted is {taken.asked or taken.zone} {wanted}")


def _no_figure(place: Zone, method: Method, year: int | None, found: Sequence[Row]) -> str:
    wanted = " ".join(filter(None, (method.scope, method.flow, method.gas)))
    years: dict[str, list[int]] = {}
    for row in found:
        words = f"{row.zone} {method_text(row.scope, row.flow, row.gas)}"
        years.setdefault(words, []).append(row.year)
    has = "; ".join(f"{words} {_span(some)}" for words, some in years.items())
    of_year = "" if year is None else f" of {year}"
    where = "a place nobody named" if place.zone == _UNKNOWN else place.zone
    return f"there is no {wanted} figure{of_year} for {where}: there is {has or 'none at all'}"


def _span(years: Sequence[int]) -> str:
    return str(years[0]) if len(years) == 1 else f"{min(years)} to {max(years)}"


def _name(zone: str) -> str:
    try:
        return zones.by_id(zone).name
    except KeyError:
        return zone


@lru_cache(maxsize=1024)
def rows(zone: str) -> tuple[Row, ...]:
    """All of the table's rows for a zone, by its exact code; empty where there are none.

    Raises IntensityError where the table cannot be read.
    """
    found = []
    try:
        for line in shipped.lines_of(TABLE, zone):
            _, year, scope, flow, gas, source, *numbers = line.split(",")
            value, low, high, change = map(float, numbers)
            found.append(Row(zone, int(year), scope, flow, gas, source, value, low, high, change))
    except ValueError as error:
        raise shipped.broken(TABLE, error) from error
    return tuple(found)


def _citation(source: str) -> str:
    """How to cite a source of the table; a user's own source is its own citation."""
    return _citations().get(source, source)


@lru_cache(maxsize=1)
def _citations() -> dict[str, str]:
    try:
        return {row["source"]: row["citation"] for row in csv.DictReader(shipped.text(SOURCES).splitlines())}
    except KeyError as error:
        raise shipped.broken(SOURCES, error) from error
