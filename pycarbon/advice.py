"""One piece of advice, what it would save, and how sure that is.

The rule for the interval of a saving. A run used E joules, each of which meets a PUE p and an intensity i; somewhere
else, or later, the same joules meet q and j. What is saved is E (p i - q j). The energy is the same in both, so its
error cannot turn more into less: the bracket is bounded first, then multiplied by whichever end of E makes the
saving smaller, or larger. What both sides share is taken out of the bracket in the same way: a PUE, where the
building stays, and an intensity, where both are counted by the same figure. The rest may err either way on either
side, whatever ties the errors together: the bracket lies between low here less high there, and high here less low
there. So a saving with a low end above 0 is one under every error that the figures admit, and no other is resolved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pycarbon.emissions import JOULES_PER_KWH, Emissions
from pycarbon.hours import EnergyByHour
from pycarbon.interval import Range
from pycarbon.rating import Rating

Kind = Literal["elsewhere", "hour", "idle-cpu", "idle-gpu", "shared", "region"]
WASTE: tuple[Kind, ...] = ("idle-cpu", "idle-gpu", "shared", "region")


class Saving(NamedTuple):
    """What is saved, with its ends: below 0 where it costs more. In g CO2e, or before energy in any unit."""

    low: float
    best: float
    high: float

    def times(self, factor: Range) -> Saving:
        """Multiply by what both sides share, which is not negative: each end by the end of it that goes further."""
        low = self.low * (factor.low if self.low >= 0 else factor.high)
        high = self.high * (factor.high if self.high >= 0 else factor.low)
        best = self.best * factor.best
        return Saving(min(low, best), best, max(high, best))

    def __neg__(self) -> Saving:
        """Give what the way back saves."""
        return Saving(-self.high, -self.best, -self.low)


@dataclass(frozen=True, slots=True)
class Used:
    """The energy of a run in J, when it was used where that is known, and what it emitted by which rating."""

    energy: Range
    emissions: Emissions
    rating: Rating
    by_hour: EnergyByHour | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do, or what was waste, and the saving in g CO2e with its interval.

    `share` is the saving by what the run emitted. `facts` are what else is known, by names of docs/json.md.
    """

    kind: Kind
    what: str
    zone: str | None
    saved_g: float
    low_g: float
    high_g: float
    share: float
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def resolved(self) -> bool:
        """Whether it saves something under every error: else it is no better than noise."""
        return self.low_g > 0


def advice(kind: Kind, what: str, zone: str | None, saving: Saving, emissions: Emissions, **facts: Any) -> Advice:
    """Make a piece of advice for a run with these emissions."""
    share = saving.best / emissions.co2e_g if emissions.co2e_g > 0 else 0.0
    return Advice(kind, what, zone, saving.best, saving.low, saving.high, share, facts)


def ranked(found: Iterable[Advice]) -> list[Advice]:
    """Order advice: what is resolved first, and of that what saves most by the best estimate."""
    return sorted(found, key=lambda one: (not one.resolved, -one.saved_g, one.kind, one.what))


def difference(here: Range, there: Range) -> Saving:
    """What is less there, where the two err each in its own way."""
    return Saving(here.low - there.high, here.best - there.best, here.high - there.low)


def moved(energy: Range, here: Emissions, there: Emissions, *, same_building: bool) -> Saving:
    """What the same energy in J emits less there; `same_building` where one PUE, whatever it is, holds for both."""
    if _same_figure(here, there):
        per_kwh = (Saving(0.0, 0.0, 0.0) if same_building else difference(_pue(here), _pue(there))).times(_grid(here))
    elif same_building:
        per_kwh = difference(_grid(here), _grid(there)).times(_pue(here))
    else:
        per_kwh = difference(_carried(here), _carried(there))
    return per_kwh.times(energy.times(1 / JOULES_PER_KWH))


def of_energy(energy: Range, emissions: Emissions) -> Saving:
    """What an energy in J that need not have been used emitted, as a part of a run with these emissions."""
    carried = _carried(emissions)
    return Saving(carried.low, carried.best, carried.high).times(energy.times(1 / JOULES_PER_KWH))


def _same_figure(here: Emissions, there: Emissions) -> bool:
    names = ("zone", "year", "method", "source", "intensity_g_per_kwh", "place_known")
    return all(getattr(here, name) == getattr(there, name) for name in names)


def _pue(emissions: Emissions) -> Range:
    return Range(emissions.low_pue, emissions.pue, emissions.high_pue)


def _grid(emissions: Emissions) -> Range:
    return Range(emissions.low_g_per_kwh, emissions.intensity_g_per_kwh, emissions.high_g_per_kwh)


def _carried(emissions: Emissions) -> Range:
    """What a kWh of the computer emits, in g: that of the building with it."""
    grid, pue = _grid(emissions), _pue(emissions)
    return Range(grid.low * pue.low, grid.best * pue.best, grid.high * pue.high)
