"""What is beside the grid's carbon: the making of the hardware, water, and the score of a piece of software.

Formulas, each with the interval from all lows to all highs, which holds whatever ties the errors together:

    M   = TE * TS * RS          embodied emissions of the work; TS = duration / lifetime
    SCI = (E * I + M) / R       E in kWh, PUE included; I in g/kWh; M in g; R counts functional units
    W   = E_IT * WUE            litres on the site; E_IT is the computers' energy, without PUE

M and SCI: Software Carbon Intensity specification 1.1, ISO/IEC 21031:2024; a year has 365 days there and here. The
location-based intensity belongs in it, never certificates or offsets. WUE: The Green Grid, white paper 35 (2011);
ISO/IEC 30134-9: water that the site uses in a year over the energy of its IT equipment, so PUE is no factor of it.
Water that power plants evaporate is not in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pycarbon.emissions import JOULES_PER_KWH, Emissions
from pycarbon.intensity import OWN
from pycarbon.interval import Range

SECONDS_PER_YEAR = 365 * 86400.0
GRAMS_PER_KG = 1000.0
INTENSITY_TYPE = "location-based average"
OWN_TYPE = "a factor of the user's own"
NO_EMBODIED = (
    "no SCI score yet: ISO/IEC 21031 demands the embodied emissions M, which nobody gave;"
    " this is (E * I) per R, to which M is still to be added"
)


@dataclass(frozen=True, slots=True)
class Hardware:
    """The device that did the work: what making and scrapping it emits, how long it lives, and the work's part of it.

    `embodied_kg` is TE in kg CO2e; `resource_share` is RS, such as the reserved CPUs over all of them. Raises
    ValueError for a lifetime of nothing and for a share outside (0, 1].
    """

    embodied_kg: Range
    lifetime_years: Range
    resource_share: Range

    def __post_init__(self) -> None:
        """Refuse what cannot be a device."""
        if not self.lifetime_years.low > 0:
            raise ValueError(f"a lifetime must be longer than nothing, not {self.lifetime_years.low:g} years")
        if not 0 < self.resource_share.low <= self.resource_share.high <= 1:
            share = self.resource_share
            raise ValueError(f"a resource share must be above 0 and at most 1, not {share.low:g} to {share.high:g}")

    def time_share(self, duration_s: float | Range) -> Range:
        """TS, the part of its lifetime for which the device was reserved; the upper end is never more than all of it.

        Raises ValueError for a duration that is negative, not finite or longer than the lifetime.
        """
        duration, life = _range("a duration in seconds", duration_s), self.lifetime_years.times(SECONDS_PER_YEAR)
        if duration.best > life.best:
            raise ValueError(
                f"{duration.best / SECONDS_PER_YEAR:.3g} years of work are longer than the device's lifetime of"
                f" {self.lifetime_years.best:g} years: give a longer one"
            )
        return Range(duration.low / life.high, duration.best / life.best, min(duration.high / life.low, 1.0))

    def embodied_g(self, duration_s: float | Range) -> Range:
        """M in g CO2e: TE * TS * RS."""
        return _product(self.embodied_kg.times(GRAMS_PER_KG), self.time_share(duration_s), self.resource_share)


def hardware(
    embodied_kg: float | Range, lifetime_years: float | Range = 4.0, resource_share: float | Range = 1.0
) -> Hardware:
    """Hardware of figures or intervals; raises ValueError for a figure that is negative, not finite or impossible."""
    return Hardware(
        _range("embodied emissions in kg", embodied_kg),
        _range("a lifetime in years", lifetime_years),
        _range("a resource share", resource_share),
    )


def water_l(it_energy_j: float | Range, wue_l_per_kwh: float | Range) -> Range:
    """Litres of water that the site used for so many joules of its computers (without PUE), by its WUE in L/kWh.

    Water of power plants is not counted. Raises ValueError for a figure that is negative or not finite.
    """
    energy_kwh = _kwh(_range("an energy in J", it_energy_j))
    return _product(energy_kwh, _range("a WUE in L/kWh", wue_l_per_kwh))


@dataclass(frozen=True, slots=True)
class Sci:
    """A score of software in g CO2e per functional unit, and everything that has to be said with it.

    `energy_kwh` (E, PUE included) times `intensity_g_per_kwh` (I, of `intensity_type` and `intensity_method`) is
    `operational_g`; with `embodied_g` (M) and over `count` (R) that is the score. Without M, which is None then,
    `embodied_known` is False, the score lacks it, and `note` says so. `boundary` says which parts of the software
    system are in it.
    """

    score_g_per_unit: float
    low_g_per_unit: float
    high_g_per_unit: float
    energy_kwh: float
    intensity_g_per_kwh: float
    operational_g: float
    embodied_g: float | None
    functional_unit: str
    count: float
    boundary: str
    intensity_method: str
    intensity_type: str = INTENSITY_TYPE
    embodied_known: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class Functional:
    """What a score is counted in: `count` (R) of a `unit` such as "request"; `boundary` names what is included.

    Raises ValueError for a count that is not above zero and finite, and for a unit or a boundary that says nothing.
    """

    unit: str
    count: float
    boundary: str

    def __post_init__(self) -> None:
        """Refuse what no score can be counted in."""
        if not 0 < self.count < math.inf:
            raise ValueError(f"a count of functional units must be above 0 and finite, not {self.count}")
        for name, text in (("functional unit", self.unit), ("boundary", self.boundary)):
            if not text.strip():
                raise ValueError(f"a score needs a {name} in words")


def sci(
    energy_kwh: float | Range,
    intensity_g_per_kwh: float | Range,
    embodied_g: float | Range | None,
    functional: Functional,
    intensity_method: str,
) -> Sci:
    """The score (E * I + M) per R.

    `energy_kwh` is what the software took, with PUE as used; the intensity is a location-based average, which
    `intensity_method` describes further. Raises ValueError for a figure that is negative or not finite.
    """
    energy, intensity = _range("an energy in kWh", energy_kwh), _range("an intensity in g/kWh", intensity_g_per_kwh)
    embodied = None if embodied_g is None else _range("embodied emissions in g", embodied_g)
    return _sci(energy.best, intensity.best, _product(energy, intensity), embodied, functional, intensity_method)


@dataclass(frozen=True, slots=True)
class Footprint:
    """Everything a piece of work leaves behind: operational emissions, its part of the hardware's, and water.

    `energy_kwh` is that of the computers, without PUE. `embodied_g` and `water_l` are None where nobody said what
    they follow from; `total_g`, in g CO2e, is without embodied emissions then.
    """

    operational: Emissions
    energy_kwh: Range
    embodied_g: Range | None
    total_g: Range
    water_l: Range | None

    def sci(self, functional: Functional) -> Sci:
        """The score of this work per functional unit."""
        operational = self.operational
        return _sci(
            self.energy_kwh.best * operational.pue,
            operational.intensity_g_per_kwh,
            Range(operational.low_g, operational.co2e_g, operational.high_g),
            self.embodied_g,
            functional,
            operational.method,
        )


def footprint(
    energy_j: float | Range,
    operational: Emissions,
    duration_s: float | Range,
    device: Hardware | None = None,
    wue_l_per_kwh: float | Range | None = None,
) -> Footprint:
    """The footprint of `energy_j` joules of computers, which emitted `operational`, in `duration_s` on a `device`.

    Raises ValueError for a figure that is negative, not finite or impossible.
    """
    energy = _range("an energy in J", energy_j)
    emitted_g = Range(operational.low_g, operational.co2e_g, operational.high_g)
    embodied_g = None if device is None else device.embodied_g(duration_s)
    return Footprint(
        operational=operational,
        energy_kwh=_kwh(energy),
        embodied_g=embodied_g,
        total_g=emitted_g if embodied_g is None else _sum(emitted_g, embodied_g),
        water_l=None if wue_l_per_kwh is None else water_l(energy, wue_l_per_kwh),
    )


def _sci(
    energy_kwh: float,
    intensity_g_per_kwh: float,
    operational_g: Range,
    embodied_g: Range | None,
    functional: Functional,
    intensity_method: str,
) -> Sci:
    total_g = operational_g if embodied_g is None else _sum(operational_g, embodied_g)
    return Sci(
        score_g_per_unit=total_g.best / functional.count,
        low_g_per_unit=total_g.low / functional.count,
        high_g_per_unit=total_g.high / functional.count,
        energy_kwh=energy_kwh,
        intensity_g_per_kwh=intensity_g_per_kwh,
        operational_g=operational_g.best,
        embodied_g=None if embodied_g is None else embodied_g.best,
        functional_unit=functional.unit,
        count=functional.count,
        boundary=functional.boundary,
        intensity_method=intensity_method,
        intensity_type=OWN_TYPE if intensity_method.startswith(f"{OWN} ") else INTENSITY_TYPE,
        embodied_known=embodied_g is not None,
        note=NO_EMBODIED if embodied_g is None else "",
    )


def _range(what: str, value: float | Range) -> Range:
    if isinstance(value, Range):
        return value
    if not 0 <= value < math.inf:
        raise ValueError(f"{what} must be finite and not negative, not {value}")
    return Range(value, value, value)


def _kwh(energy_j: Range) -> Range:
    """Division, not a product with the reciprocal: 3.6 MJ are 1 kWh to the last bit."""
    return Range(energy_j.low / JOULES_PER_KWH, energy_j.best / JOULES_PER_KWH, energy_j.high / JOULES_PER_KWH)


def _product(*factors: Range) -> Range:
    """Least times least to most times most; the same order in all three keeps low <= best <= high exact."""
    return Range(
        math.prod(factor.low for factor in factors),
        math.prod(factor.best for factor in factors),
        math.prod(factor.high for factor in factors),
    )


def _sum(one: Range, other: Range) -> Range:
    return Range(one.low + other.low, one.best + other.best, one.high + other.high)
