"""A clock that nobody waits for, and what every error of a service has to be like."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from pycarbon.services.client import Clocks

NOW = datetime(2026, 3, 10, 12, 20, tzinfo=timezone.utc)
KEY = "k3y/with+odd&letters=="


@dataclass
class Time:
    """Sleeping moves it on; `slept_s` is what it was asked to sleep."""

    at: datetime = NOW
    slept_s: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.at += timedelta(seconds=seconds)

    @property
    def clocks(self) -> Clocks:
        return Clocks(lambda: self.at, lambda: self.at.timestamp(), self.sleep, lambda: 0.5)

    @property
    def handed(self) -> dict[str, Any]:
        """What `readings` takes of it."""
        return {"now": self.clocks.now, "sleep": self.sleep}


def at(hour: float, day: int = 10) -> datetime:
    """A time of March 2026, which NOW is in the 10th of."""
    return datetime(2026, 3, day, tzinfo=timezone.utc) + timedelta(hours=hour)


def is_one_clear_line(text: str) -> bool:
    return text.isprintable() and 10 < len(text) < 700
