"""The same work elsewhere: what the runs that fit would have emitted in every country, or region of a cloud."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, time, timezone
from typing import Any

from pycarbon import zones
from pycarbon.dashboard.filtering import given, last
from pycarbon.dashboard.notes import notes
from pycarbon.dashboard.page import Pairs
from pycarbon.errors import IntensityError, PyCarbonError
from pycarbon.interval import Range
from pycarbon.reports.as_json import without_nan
from pycarbon.store.filters import Filter, from_query
from pycarbon.store.index import Store
from pycarbon.store.rollup import Group
from pycarbon.what_if import METHOD, PROVIDERS, There, WhatIf, what_if
from pycarbon.zones import WORLD

HIGHEST_PUE = 10.0

RANKING = {
    "rank": "int",
    "zone": "text",
    "name": "text",
    "continent": "text",
    "co2e_g": "float",
    "low_g": "float",
    "high_g": "float",
    "kind": "text",
    "ratio": "float",
    "low_ratio": "float",
    "high_ratio": "float",
    "verdict": "text",
    "intensity_g_per_kwh": "float",
    "low_g_per_kwh": "float",
    "high_g_per_kwh": "float",
    "counted_in": "text",
    "year": "int",
    "method": "text",
    "source": "text",
    "energy_used_there_j": "float",
    "note": "text",
}
"""The columns of the ranking; docs/dashboard-runs.md says what they mean."""

TABLES = {"ranking": RANKING}


def view(store: Store, pairs: Pairs) -> dict[str, Any]:
    """Rank places by what the work of the runs that fit would have emitted there.

    Beside a filter the address may have `from` and `to` (zones), `provider` (one of PROVIDERS) and `pue`.
    """
    start, end = _zone(last(pairs, "from")), _zone(last(pairs, "to"))
    provider, pue = _provider(last(pairs, "provider")), _pue(last(pairs, "pue"))
    chosen = from_query(pairs)
    totals, groups = store.totals(chosen), store.by("zone", chosen)
    used = _used(groups, start)
    also = [zone for zone in (start, end) if zone is not None]
    found = what_if(used, pue, provider=provider, also=also, at=_moment(chosen)) if used else None
    rows = [] if found is None else [_row(rank, there) for rank, there in enumerate(found.ranking, 1)]
    values = {
        "filter": given(chosen),
        "from": start,
        "to": end,
        "provider": provider,
        "providers": list(PROVIDERS),
        "pue": pue.best,
        "method": "average lifecycle production",
        "totals": totals.to_dict(),
        "kind": _kind(totals.measured_j, totals.energy_j),
        "ran": [_ran(group) for group in groups if group.sums.energy_j > 0],
        "here": None if found is None else {**asdict(found.here), "name": _here_name(used)},
        "unknown_place_j": 0.0 if found is None else found.unknown_j,
        "ranking": rows,
        "moved": next((row for row in rows if row["zone"] == end), None),
        "sources": sorted({row["source"] for row in rows}),
        "without": [] if found is None else list(found.without),
        "notes": [] if found is None else [*notes(totals.to_dict(), []), *_notes(found, start)],
    }
    cleaned: dict[str, Any] = without_nan(values)
    return cleaned


def _zone(text: str) -> str | None:
    return zones.find(text).zone if text.strip() else None


def _provider(text: str) -> str | None:
    if text and text not in PROVIDERS:
        raise PyCarbonError(f"{text[:40]!r} is no provider; there are {', '.join(PROVIDERS)}")
    return text or None


def _pue(text: str) -> Range:
    try:
        value = float(text) if text else 1.0
    except ValueError:
        value = math.nan
    if not 1 <= value <= HIGHEST_PUE:
        raise PyCarbonError(f"{text[:40]!r} is no PUE; write a number from 1 to {HIGHEST_PUE:g}, such as 1.2")
    return Range(value, value, value)


def _moment(chosen: Filter) -> datetime:
    """Say when the energy was used, as far as the filter tells: figures of another year are less sure."""
    day = chosen.until or chosen.since
    return datetime.now(timezone.utc) if day is None else datetime.combine(day, time(), timezone.utc)


def _used(groups: list[Group], start: str | None) -> dict[str | None, Range]:
    """Give the energy by zone, all of it at one place where that is asked for.

    Runs of no known place are counted at the world's mean, and so stand in the index.
    """
    used: dict[str | None, Range] = {}
    for group in groups:
        zone = start if start is not None else _known(group.key)
        before = used.get(zone, Range(0.0, 0.0, 0.0))
        sums = group.sums
        low, best, high = before.low + sums.low_j, before.best + sums.energy_j, before.high + sums.high_j
        if high > 0:
            used[zone] = Range(min(low, best), best, max(best, high))
    return used


def _known(key: str) -> str | None:
    if not key or key == WORLD:
        return None
    try:
        return zones.find(key).zone
    except IntensityError:  # one that only a user's own factors had
        return None


def _kind(measured_j: float, energy_j: float) -> str:
    return "measured" if energy_j > 0 and measured_j >= energy_j * (1 - 1e-9) else "modelled"


def _ran(group: Group) -> dict[str, Any]:
    zone = _known(group.key)
    place = None if zone is None else zones.by_id(zone)
    return {
        "zone": zone,
        "name": _unknown(group.key) if place is None else place.name,
        "latitude": None if place is None else place.latitude,
        "longitude": None if place is None else place.longitude,
        "runs": group.sums.runs,
        "energy_j": group.sums.energy_j,
        "co2e_g": group.sums.co2e_g,
    }


def _unknown(key: str) -> str:
    return "a place that is not known" if key in ("", WORLD) else f"{key}, a place that no table has"


def _here_name(used: Mapping[str | None, Range]) -> str:
    names = ["a place that is not known" if zone is None else zones.by_id(zone).name for zone in used]
    return names[0] if len(names) == 1 else f"{len(names)} places"


def _row(rank: int, there: There) -> dict[str, Any]:
    emissions, ratio = there.emissions, there.ratio
    return {
        "rank": rank,
        "zone": there.zone,
        "name": there.name,
        "continent": there.continent,
        "co2e_g": emissions.co2e_g,
        "low_g": emissions.low_g,
        "high_g": emissions.high_g,
        "kind": emissions.kind,
        "ratio": None if ratio is None else ratio.best,
        "low_ratio": None if ratio is None else ratio.low,
        "high_ratio": None if ratio is None else ratio.high,
        "verdict": there.verdict,
        "intensity_g_per_kwh": emissions.intensity_g_per_kwh,
        "low_g_per_kwh": emissions.low_g_per_kwh,
        "high_g_per_kwh": emissions.high_g_per_kwh,
        "counted_in": emissions.zone,
        "year": emissions.year,
        "method": emissions.method,
        "source": emissions.source,
        "energy_used_there_j": there.ran_j,
        "note": there.note,
    }


def _notes(found: WhatIf, start: str | None) -> list[str]:
    lines = [
        "Moving is taken to be free: the same machines use the same energy in a building with the same PUE, and"
        " nobody else's load moves with it.",
        f"Every place counts by its {METHOD.scope} mean of a year, never by another method: what runs recorded by"
        " hours, by another method or by a factor of their own is counted anew, so grams differ from those recorded.",
        "The energy and its error are the same everywhere, so the interval of a ratio is that of the two"
        " intensities alone; where it holds 1, no difference is told.",
    ]
    if start is not None:
        lines.append(f"Counted as if all of it had run in {zones.by_id(start).name}.")
    if found.unknown_j > 0:
        share = found.unknown_j / found.energy.best if found.energy.best > 0 else 1.0
        lines.append(
            f"Of {share:.0%} of the energy nobody said where it was used (or only that it was the world): it counts"
            " at the world's mean, with the range of all countries. Choose a place above, or record with --zone."
        )
    return lines
