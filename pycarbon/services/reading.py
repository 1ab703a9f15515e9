"""What a service told of one period of one zone, and what is asked of a service."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

TYPES = ("average", "marginal")
SCOPES = ("lifecycle", "direct")
FLOWS = ("production", "consumption")
GASES = ("CO2e", "CO2")
MOST_G_PER_KWH = 3000.0
"""More than the worst lignite plant emits, losses included: a figure above it has another unit."""


class Unusable(ValueError):
    """An answer that is no good, with the reason in a few words; the client says whose it was."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One period of one zone as a service told it, in g per kWh; raises Unusable for what cannot be.

    `type` is never mixed: a marginal figure says what one more kWh causes, an average one what the
    mix emits. `zone` is the service's own name of the zone that it answered for, `source` a
    citation for people. `issued_at` is when a forecast was made, or a value last updated.
    """

    start: datetime
    end: datetime
    g_per_kwh: float
    low_g_per_kwh: float | None = None
    high_g_per_kwh: float | None = None
    type: str = "average"
    scope: str = "lifecycle"
    flow: str = "consumption"
    gas: str = "CO2e"
    zone: str = ""
    source: str = ""
    estimated: bool = False
    forecast: bool = False
    issued_at: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse what no later reader could make sense of."""
        for moment in (self.start, self.end, self.issued_at):
            if moment is not None and moment.utcoffset() != timedelta(0):
                raise Unusable(f"the time {moment.isoformat()} is not in UTC")
        if self.start >= self.end:
            raise Unusable(f"the period from {self.start.isoformat()} to {self.end.isoformat()} has no length")
        for value in (self.low_g_per_kwh, self.g_per_kwh, self.high_g_per_kwh):
            if value is not None and not 0 <= value <= MOST_G_PER_KWH:
                raise Unusable(f"an intensity of {value:g} g/kWh cannot be (0 to {MOST_G_PER_KWH:g})")
        low = -math.inf if self.low_g_per_kwh is None else self.low_g_per_kwh
        high = math.inf if self.high_g_per_kwh is None else self.high_g_per_kwh
        if not low <= self.g_per_kwh <= high:
            raise Unusable(f"{self.g_per_kwh:g} g/kWh lies outside its own range, {low:g} to {high:g}")
        for word, words in ((self.type, TYPES), (self.scope, SCOPES), (self.flow, FLOWS), (self.gas, GASES)):
            if word not in words:
                raise Unusable(f"{word!r} is not one of {', '.join(words)}")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a service: a zone by the service's own name, and the time [start, end) in UTC.

    `environ` is where its keys are looked for.
    """

    zone: str
    start: datetime
    end: datetime
    forecast: bool = False
    type: str = "average"
    scope: str = "lifecycle"
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
