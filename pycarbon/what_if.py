"""What if the same work had run somewhere else: the same energy in every country, or region of a cloud, as a ranking.

Every place is counted by one method, average lifecycle production, and its newest year. The same joules are used
everywhere, on the same machines in the same building, so that the error of energy and PUE is the same on both sides:
a ratio between two places is one of their intensities alone. Where the work ran at several places, its own intensity
is their mean, weighted with the energy used at each; the ends of a ratio are those over all weights and intensities
that the intervals admit, a place that is on both sides having the same intensity there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pycarbon import clouds, zones
from pycarbon.continents import continent_of
from pycarbon.emissions import EXACT_PUE, Emissions, from_energy
from pycarbon.errors import IntensityError
from pycarbon.intensity import Intensity, Method, choose
from pycarbon.interval import Range

METHOD = Method("lifecycle", "production", "CO2e")
PROVIDERS = ("aws", "azure", "gcp")

Verdict = Literal["here", "less", "more", "not told"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure by another one, with its ends; `high` is infinite where the other one may be nothing."""

    low: float
    best: float
    high: float


@dataclass(frozen=True, slots=True)
class There:
    """A place where the same work might run, and what it would emit there.

    `ratio` is that by what it emits where it ran, None where that is nothing. `ran_j` is what was used there, None
    where nothing was.
    """

    zone: str
    name: str
    continent: str | None
    emissions: Emissions
    ratio: Ratio | None
    verdict: Verdict
    ran_j: float | None
    note: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The ranking, least emissions first, and where the work is from.

    `here` is what it emits where it ran, by the same method. `unknown_j` is the part whose place nobody named, which
    counts at the mean of the world, with the range of its countries. `without` are places that have no such figure.
    """

    energy: Range
    pue: Range
    here: Emissions
    unknown_j: float
    ranking: tuple[There, ...]
    without: tuple[str, ...]


def what_if(
    used: Mapping[str | None, Range],
    pue: Range = EXACT_PUE,
    *,
    provider: str | None = None,
    also: Iterable[str] = (),
    at: datetime | None = None,
) -> WhatIf:
    """Say what energy used at zones would have emitted in every country, or region of a cloud's `provider`.

    `used` has joules by zone; that of None is of a place nobody named. `also` are zones to rank with the others. `at`
    is when it was used. IntensityError, in one line, for a zone that is not known.
    """
    found = {zone: choose(zone, METHOD, at=at).taken for zone in used}
    weights = _by_figure([(found[zone], energy) for zone, energy in used.items()])
    energy = _added(used.values())
    ranked, without = [], []
    for zone in _places(provider, [*also, *(zone for zone in used if zone is not None)]):
        try:
            there = choose(zone, METHOD, at=at).taken
        except IntensityError:
            without.append(zone)
            continue
        ratio = _ratio(there, weights)
        here = len(weights) == 1 and _key(there) in weights
        emissions = from_energy(energy.best, energy.low, energy.high, there, pue)
        ran = used.get(zone)
        place = zones.by_id(zone)
        ranked.append(
            There(
                zone,
                place.name,
                continent_of(next(reversed((zone, *place.within)))),
                emissions,
                ratio,
                "here" if here else _verdict(ratio),
                None if ran is None else ran.best,
                there.note,
            )
        )
    ranked.sort(key=lambda one: (one.emissions.co2e_g, one.emissions.intensity_g_per_kwh, one.zone))
    unknown = used.get(None)
    return WhatIf(
        energy,
        pue,
        _here(used, found, energy, weights, pue),
        0.0 if unknown is None else unknown.best,
        tuple(ranked),
        tuple(without),
    )


def _places(provider: str | None, also: Sequence[str]) -> list[str]:
    if provider is None:
        wanted = [zone.zone for zone in zones.known() if zone.kind == "country"]
    else:
        wanted = [region.zone for region in clouds.regions() if region.provider == provider]
    return list(dict.fromkeys([*wanted, *(zones.find(zone).zone for zone in also)]))


Key = tuple[str, bool]
Weights = dict[Key, tuple[Range, Range]]
"""For each figure of intensity: the figure in g/kWh, and how much energy in J met it."""


def _key(intensity: Intensity) -> Key:
    return intensity.zone, intensity.place_known


def _by_figure(used: Iterable[tuple[Intensity, Range]]) -> Weights:
    """Add up the energy that met one figure: several zones may be counted by their country's."""
    found: Weights = {}
    for intensity, energy in used:
        grid = Range(intensity.low_g_per_kwh, intensity.intensity_g_per_kwh, intensity.high_g_per_kwh)
        before = found.get(_key(intensity))
        found[_key(intensity)] = (grid, energy if before is None else _added([before[1], energy]))
    return found


def _added(energies: Iterable[Range]) -> Range:
    known = list(energies)
    low, best, high = (math.fsum(getattr(one, end) for one in known) for end in ("low", "best", "high"))
    return Range(min(low, best), best, max(best, high))


def _ratio(there: Intensity, weights: Weights) -> Ratio | None:
    """Compare a place with the mean of those where it ran, which may be one of them."""
    its = Range(there.low_g_per_kwh, there.intensity_g_per_kwh, there.high_g_per_kwh)
    own = _key(there)
    best = _mean([(grid.best, energy.best, energy.best) for grid, energy in weights.values()], highest=True)
    if not best > 0:
        return None
    if len(weights) == 1 and own in weights:
        return Ratio(1.0, 1.0, 1.0)
    most = _mean(
        [(its.low if key == own else grid.high, *_ends(energy)) for key, (grid, energy) in weights.items()],
        highest=True,
    )
    least = _mean(
        [(its.high if key == own else grid.low, *_ends(energy)) for key, (grid, energy) in weights.items()],
        highest=False,
    )
    ratio = its.best / best
    low = its.low / most if most > 0 else 0.0
    high = its.high / least if least > 0 else math.inf
    return Ratio(min(low, ratio), ratio, max(high, ratio))


def _ends(energy: Range) -> tuple[float, float]:
    return energy.low, energy.high


def _mean(values: Sequence[tuple[float, float, float]], *, highest: bool) -> float:
    """Give the highest or lowest mean of values whose weights lie between two ends: at its best some weights are at
    their upper end and the others, whose values are less good, at their lower.
    """
    ordered = sorted(values, key=lambda one: one[0], reverse=highest)
    found = []
    for count in range(len(ordered) + 1):
        weights = [(value, high if number < count else low) for number, (value, low, high) in enumerate(ordered)]
        total = math.fsum(weight for _, weight in weights)
        if total > 0:
            found.append(math.fsum(value * weight for value, weight in weights) / total)
    if not found:
        return math.nan
    return max(found) if highest else min(found)


def _verdict(ratio: Ratio | None) -> Verdict:
    if ratio is None:
        return "not told"
    return "less" if ratio.high < 1 else "more" if ratio.low > 1 else "not told"


def _here(
    used: Mapping[str | None, Range],
    found: Mapping[str | None, Intensity],
    energy: Range,
    weights: Weights,
    pue: Range,
) -> Emissions:
    """Add up what the work emits where it ran."""
    each = [from_energy(one.best, one.low, one.high, found[zone], pue) for zone, one in used.items()]
    if len(each) == 1:
        return each[0]
    best = _mean([(grid.best, one.best, one.best) for grid, one in weights.values()], highest=True)
    low = _mean([(grid.low, *_ends(one)) for grid, one in weights.values()], highest=False)
    high = _mean([(grid.high, *_ends(one)) for grid, one in weights.values()], highest=True)
    return Emissions(
        co2e_g=math.fsum(one.co2e_g for one in each),
        low_g=math.fsum(one.low_g for one in each),
        high_g=math.fsum(one.high_g for one in each),
        intensity_g_per_kwh=best,
        zone=" + ".join(dict.fromkeys(one.zone for one in each)),
        pue=pue.best,
        source="; ".join(dict.fromkeys(one.source for one in each)),
        year=min((one.year for one in each), default=0),
        method=each[0].method if each else "",
        place_known=all(one.place_known for one in each),
        low_g_per_kwh=low,
        high_g_per_kwh=high,
        low_pue=pue.low,
        high_pue=pue.high,
    )
