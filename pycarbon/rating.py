"""How a run's joules become grams: the factor taken, those not taken, and the PUE, as a run's file keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pycarbon import intensity
from pycarbon.emissions import EXACT_PUE
from pycarbon.footprint import Hardware
from pycarbon.intensity import Choice, Intensity
from pycarbon.interval import Range

MACHINE_ALONE = "the machine alone, without a building"
_KEPT_OF_OTHERS = (
    "zone",
    "name",
    "intensity_g_per_kwh",
    "low_g_per_kwh",
    "high_g_per_kwh",
    "year",
    "method",
    "source",
    "scope",
    "flow",
    "gas",
    "type",
)


@dataclass(frozen=True, slots=True)
class Rating:
    """Everything that a run's emissions follow from beside its energy. `others` are factors that were not taken.

    `device` is the hardware that did the work, `wue_l_per_kwh` the site's water for its energy; None: nobody said.

    `place` is what was found out about where the machine is, of `how`, `zone`, `provider` and `instance_type`.
    """

    intensity: Intensity
    others: tuple[Intensity, ...] = ()
    pue: Range = EXACT_PUE
    pue_source: str = MACHINE_ALONE
    device: Hardware | None = None
    wue_l_per_kwh: Range | None = None
    wue_source: str = ""
    place: Mapping[str, str] = field(default_factory=dict)
    device_source: str = ""

    @property
    def asked(self) -> str | None:
        """The zone that was asked for; None where nobody named one."""
        if not self.intensity.place_known:
            return None
        return self.intensity.asked or self.intensity.zone

    def to_meta(self) -> dict[str, Any]:
        """Give the members of a run's metadata."""
        return {
            "intensity": asdict(self.intensity),
            "intensity_alternatives": [
                {
                    name: value
                    for name, value in asdict(other).items()
                    if name in _KEPT_OF_OTHERS or (name == "hours" and other.type == "marginal")
                }
                for other in self.others
            ],
            "pue": self.pue.best,
            "pue_range": [self.pue.low, self.pue.high],
            "pue_source": self.pue_source,
            "device": None if self.device is None else asdict(self.device),
            "device_source": self.device_source,
            "wue_l_per_kwh": None if self.wue_l_per_kwh is None else asdict(self.wue_l_per_kwh),
            "wue_source": self.wue_source,
            "place": dict(self.place),
        }

    def taking(self, choice: Choice) -> Rating:
        """Give the rating with another factor."""
        return replace(self, intensity=choice.taken, others=choice.others)


def from_meta(meta: Mapping[str, Any], footer: Mapping[str, Any]) -> Rating:
    """Read the rating of a run, of any version; a run without one is at an unknown place.

    The footer's goes before: what a service told of the run's own hours is known at the end only.
    """
    meta = {**meta, **{name: footer[name] for name in ("intensity", "intensity_alternatives") if name in footer}}
    stored = meta.get("intensity")
    pue = float(meta.get("pue", 1.0))
    low, high = meta.get("pue_range", (pue, pue))
    return Rating(
        intensity.from_dict(stored) if stored else intensity.lookup(None),
        tuple(map(intensity.from_dict, meta.get("intensity_alternatives", ()))),
        Range(min(low, pue), pue, max(high, pue)),
        str(meta.get("pue_source", MACHINE_ALONE if pue == 1 else "as set")),
        _device(meta.get("device")),
        None if meta.get("wue_l_per_kwh") is None else Range(**meta["wue_l_per_kwh"]),
        str(meta.get("wue_source", "")),
        {name: str(value) for name, value in meta.get("place", {}).items()},
        str(meta.get("device_source", "")),
    )


def _device(values: Mapping[str, Any] | None) -> Hardware | None:
    return None if values is None else Hardware(**{name: Range(**value) for name, value in values.items()})
