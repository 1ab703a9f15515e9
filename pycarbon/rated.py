"""A run's carbon: how its joules become grams, and what else its work left behind."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from pycarbon import rating
from pycarbon.described import Described
from pycarbon.emissions import Emissions, from_energy
from pycarbon.errors import PyCarbonError
from pycarbon.footprint import Footprint, Functional, Sci, footprint
from pycarbon.hours import EnergyByHour
from pycarbon.intensity import Intensity
from pycarbon.interval import Range
from pycarbon.rating import Rating
from pycarbon.totals import Energy, Region

if TYPE_CHECKING:
    from collections.abc import Sequence

AnyRated = TypeVar("AnyRated", bound="Rated")

Boundary = Literal["machine", "process"]
BOUNDARIES: dict[Boundary, str] = {
    "machine": "the whole machine while it ran, whatever else ran there",
    "process": "the recorded process tree's share of the machine, by CPU time",
}


class Rated(Described):
    """A recorded run whose energy is known, as far as carbon goes."""

    _rated_anew = False

    @property
    def energy(self) -> Energy:
        """What it used."""
        raise NotImplementedError

    @property
    def energy_by_hour(self) -> EnergyByHour | None:
        """What it used in each UTC hour."""
        raise NotImplementedError

    @property
    def regions(self) -> Sequence[Region]:
        """The regions of the code."""
        raise NotImplementedError

    @cached_property
    def rating(self) -> Rating:
        """How its joules become grams: the factor chosen when it was recorded, those not taken, and the PUE."""
        return rating.from_meta(self.data.meta, self.data.footer)

    def rated(self: AnyRated, other: Rating) -> AnyRated:
        """Give the same run with its grams counted in another way."""
        again = copy(self)
        again.rating, again._rated_anew = other, True
        for name in ("emissions", "marginal", "_left_behind", "_figures"):
            vars(again).pop(name, None)
        return again

    def recounted(
        self: AnyRated,
        zone: str | None = None,
        *,
        year: int | None = None,
        scope: str | None = None,
        flow: str | None = None,
        pue: float | str | None = None,
        factors: str | Path | None = None,
    ) -> AnyRated:
        """Give the same run with its grams counted in another place, year, method or building; the file stays.

        What is not given stays as it was, but for the year: without one it is the newest that the method has.
        `factors` is a CSV file of your own. IntensityError, in one line, for what is no good.
        """
        from pycarbon.intensity import Method
        from pycarbon.siting import rated_again

        method = None
        if scope is not None or flow is not None:
            method = Method(scope or self.intensity.scope, flow)
        own = None if factors is None else Path(factors)
        return self.rated(
            rated_again(self.rating, zone=zone, year=year, method=method, pue=pue, own=own, at=self.started)
        )

    @property
    def intensity(self) -> Intensity:
        """The grid factor of `rating`."""
        return self.rating.intensity

    @cached_property
    def emissions(self) -> Emissions:
        """What it emitted; NaN grams where no energy is known, so that asking never fails the program."""
        energy = self.energy
        if math.isnan(energy.total_j):
            return replace(self._emissions(0.0, 0.0, 0.0), co2e_g=math.nan, low_g=math.nan, high_g=math.nan)
        return self._emissions(energy.total_j, energy.low_j, energy.high_j)

    @cached_property
    def marginal(self) -> Emissions | None:
        """What a kilowatt-hour more or less changed, where a service told it: never a part of `emissions`."""
        energy = self.energy
        told = next((other for other in self.rating.others if other.type == "marginal"), None)
        if told is None or math.isnan(energy.total_j):
            return None
        by_hour = None if told.hours is None else self.energy_by_hour
        return from_energy(energy.total_j, energy.low_j, energy.high_j, told, self.rating.pue, by_hour)

    def _emissions(self, total_j: float, low_j: float, high_j: float) -> Emissions:
        by_hour = None if self.intensity.hours is None else self.energy_by_hour
        return from_energy(total_j, low_j, high_j, self.intensity, self.rating.pue, by_hour)

    @property
    def _grams_per_j(self) -> float:
        """What a joule of this run emitted, over all of it: the hour of a single region is not looked at."""
        return self._emissions(1.0, 1.0, 1.0).co2e_g

    def _with_grams(self, region: Region) -> Region:
        """Give a region of the file as this run counts its grams: there they are as counted when it ended."""
        if not self._rated_anew:
            return region
        return replace(region, co2e_g=None if region.energy_j is None else region.energy_j * self._grams_per_j)

    @property
    def footprint(self) -> Footprint | None:
        """Its emissions with the device's part and the site's water, as far as somebody said what they follow from.

        None where no energy is known, and where the run is longer than the device was said to live: a note says so.
        """
        return self._left_behind[0]

    @cached_property
    def _left_behind(self) -> tuple[Footprint | None, str]:
        """The footprint, or None and why there is none."""
        if math.isnan(self.energy.total_j):
            return None, ""
        try:
            return self._footprint("machine"), ""
        except PyCarbonError as error:  # no reason to show nothing of the run
            return None, f"nothing is said of its device and its water: {error}"

    def sci(self, unit: str, count: float | None = None, boundary: Boundary = "machine") -> Sci:
        """Its software carbon intensity (ISO/IEC 21031), (E * I + M) per functional unit.

        `count` is how many `unit`s the run did; without it `unit` is a region, whose calls count. `boundary` says
        what E is: the machine's energy, or the recorded process tree's share. PyCarbonError where that is not known.
        """
        if count is None:
            count = next((float(region.calls) for region in self.regions if region.label == unit), None)
        if count is None:
            known = ", ".join(repr(region.label) for region in self.regions[:5]) or "none"
            raise PyCarbonError(f"how many {unit!r}? give a count, or a region of the run, which has {known}")
        if math.isnan(self.energy.total_j):
            raise PyCarbonError("this run has no score: no energy is known")
        try:
            return self._footprint(boundary).sci(Functional(unit, count, BOUNDARIES[boundary]))
        except ValueError as error:
            raise PyCarbonError(str(error)) from None

    def _footprint(self, boundary: Boundary) -> Footprint:
        energy = self.energy
        used = Range(energy.low_j, energy.total_j, energy.high_j)
        if boundary == "process":
            if energy.process_j is None or energy.process_low_j is None or energy.process_high_j is None:
                raise PyCarbonError("the process tree's share is not known of this run; take the machine's energy")
            used = Range(energy.process_low_j, energy.process_j, energy.process_high_j)
        emitted = self._emissions(used.best, used.low, used.high)
        try:
            return footprint(used, emitted, self.duration_s, self.rating.device, self.rating.wue_l_per_kwh)
        except ValueError as error:
            raise PyCarbonError(str(error)) from None
