"""What a merger says of the job, of each machine and of each run: figures on a common wall clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from pycarbon.analysis import Run
from pycarbon.emissions import Emissions
from pycarbon.machine import Machine
from pycarbon.totals import Energy
from pycarbon.wall_clock import WallClock

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class SummedEmissions:
    """Emissions of several runs; `factors` has a row for each place and PUE, with what was emitted there."""

    co2e_g: float
    low_g: float
    high_g: float
    place_known: bool
    kind: str
    factors: tuple[Emissions, ...]


@dataclass(frozen=True, slots=True)
class MergedRun:
    """A run on the common clock: `start_ns` and `end_ns` are since 1970, UTC.

    An uncertainty is None where nobody knows how far the machine's clock was from true time. `counted_s` is how long
    the run tells its machine's energy; the rest of it another run tells. `inside` is the label of the run it is part
    of.
    """

    label: str
    run: Run
    clock: WallClock
    start_ns: int
    end_ns: int
    start_uncertainty_s: float | None
    end_uncertainty_s: float | None
    counted_s: float
    inside: str | None

    @property
    def start_at(self) -> str:
        """When it began on the common clock, RFC 3339."""
        return rfc3339(self.start_ns)

    @property
    def end_at(self) -> str:
        """When it ended on the common clock, RFC 3339."""
        return rfc3339(self.end_ns)


@dataclass(frozen=True, slots=True)
class MergedMachine:
    """What one machine used in all the time in which it was recorded, `duration_s`; `runs` are labels."""

    label: str
    machine: Machine
    runs: tuple[str, ...]
    duration_s: float
    energy: Energy
    emissions: SummedEmissions


@dataclass(frozen=True, slots=True)
class JobSpan:
    """From the earliest start to the latest end, on the common clock.

    `uncertainty_s` is the largest of any run's, None where one is not known: the length then has no interval either.
    At least one run was recorded for `any_s`, all of them for `all_s`.
    """

    start_ns: int
    end_ns: int
    uncertainty_s: float | None
    duration_s: float
    low_s: float | None
    high_s: float | None
    any_s: float
    all_s: float

    @property
    def started_at(self) -> str:
        """When it began, RFC 3339, UTC."""
        return rfc3339(self.start_ns)

    @property
    def ended_at(self) -> str:
        """When it ended, RFC 3339, UTC."""
        return rfc3339(self.end_ns)


def rfc3339(time_ns: int) -> str:
    """Write a time since 1970 with the digits that a clock of this world deserves: microseconds, UTC."""
    return (EPOCH + timedelta(microseconds=time_ns // 1000)).isoformat(timespec="microseconds")
