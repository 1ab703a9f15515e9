"""The energy and the emissions of a span, as a test, a report of pytest and a JSON file carry them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

MEASURED, ATTRIBUTED, MODELLED, UNKNOWN = "measured", "attributed", "modelled", "unknown"


@dataclass(frozen=True, slots=True)
class Figure:
    """Joules and grams of CO2e, each between its low and its high; NaN where `kind` is "unknown".

    `resolved` says that counters tell the machine's energy in that span to within half of it; `note` why not, or
    what else to know.
    """

    energy_j: float
    low_j: float
    high_j: float
    kind: str
    co2e_g: float
    co2e_low_g: float
    co2e_high_g: float
    time_s: float
    resolved: bool
    note: str = ""

    @property
    def known(self) -> bool:
        """Whether there is any figure."""
        return self.kind != UNKNOWN

    def to_json(self) -> dict[str, Any]:
        """Give what JSON can hold: null for what is not known."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }


def from_json(values: Mapping[str, Any]) -> Figure:
    """Read what to_json gave."""
    read: dict[str, Any] = {name: math.nan if value is None else value for name, value in values.items()}
    return Figure(**read)


def unknown(time_s: float, why: str) -> Figure:
    """Give the figure of a span of which nothing can be told."""
    nan = math.nan
    return Figure(nan, nan, nan, UNKNOWN, nan, nan, nan, time_s, False, why)
