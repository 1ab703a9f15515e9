"""What lists, sums and pages show of one run: a row of the index, made from the run's metadata and footer alone."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pycarbon.analysis import Run
from pycarbon.errors import PyCarbonError
from pycarbon.gpu import Gpu
from pycarbon.machine import Machine
from pycarbon.settings import DEFAULT
from pycarbon.store.filters import LAST_YEAR

MOST_J, MOST_G = 1e12, 5e9
"""Of one run (278 GWh, 5000 tonnes): whole µJ and ng, of which sums are made, fit 64 bits."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run. Energies in joules, masses in g CO2e; what is not known is None, or an empty text.

    `low_...` and `high_...` are None where the figure has no interval that anybody knows. `kind` is "measured" or
    "modelled", and empty without energy. `started_s` counts from 1970 UTC, `started_at` is RFC 3339. `boot` is the
    same for all runs that shared a machine's counters. `origin` is what recorded it, with its version. `device` says
    what did the work: "AMD EPYC 9V74" or "Intel Xeon 8481C, 4 x NVIDIA H100".
    """

    id: str
    organisation: str = DEFAULT
    project: str = DEFAULT
    experiment: str = ""
    name: str = ""
    started_at: str = ""
    started_s: float | None = None
    ended_s: float | None = None
    duration_s: float = 0.0
    complete: bool = True
    exit_status: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    machine: str = ""
    boot: str = ""
    device: str = ""
    zone: str = ""
    place_known: bool = False
    kind: str = ""
    energy_j: float | None = None
    low_j: float | None = None
    high_j: float | None = None
    process_j: float | None = None
    co2e_g: float | None = None
    low_g: float | None = None
    high_g: float | None = None
    intensity_g_per_kwh: float | None = None
    pue: float | None = None
    origin: str = ""

    @property
    def day(self) -> str:
        """The UTC day on which it began, such as "2026-11-27"; empty where it does not say."""
        return "" if self.started_s is None else day_of(self.started_s)


def day_of(moment_s: float) -> str:
    """The UTC day of a moment, seconds since 1970."""
    moment = time.gmtime(moment_s)
    return f"{moment.tm_year:04d}-{moment.tm_mon:02d}-{moment.tm_mday:02d}"


def summary(run: Run) -> RunSummary:
    """Say of a run what the index keeps; PyCarbonError where its figures are beyond all reason."""
    try:
        started_s: float | None = run.started.timestamp()
        ended_s: float | None = run.ended.timestamp()
        if not 1 < run.started.year <= LAST_YEAR:  # there is no month before it, or none after it
            started_s = ended_s = None
    except PyCarbonError:
        started_s = ended_s = None
    energy, emissions, machine = run.energy, run.emissions, run.machine
    known = math.isfinite(energy.total_j)
    amounts_j = [amount for amount in (energy.total_j, energy.high_j, energy.process_j) if amount is not None]
    if max(amounts_j) > MOST_J or max(emissions.co2e_g, emissions.high_g) > MOST_G:
        raise PyCarbonError("it says of itself more energy or carbon than any run can have")
    return RunSummary(
        id=run.id,
        organisation=run.organisation or DEFAULT,
        project=run.project or DEFAULT,
        experiment=run.experiment,
        name=run.name,
        started_at=run.started_at,
        started_s=started_s,
        ended_s=ended_s,
        duration_s=run.duration_s,
        complete=run.complete,
        exit_status=run.exit_status,
        tags=run.tags,
        machine=machine.hostname or "",
        boot=machine.boot or "",
        device=device_of(machine, run.gpus),
        zone=emissions.zone,
        place_known=emissions.place_known,
        kind=energy.kind if known else "",
        energy_j=_finite(energy.total_j),
        low_j=_finite(energy.low_j),
        high_j=_finite(energy.high_j),
        process_j=_finite(energy.process_j),
        co2e_g=_finite(emissions.co2e_g),
        low_g=_finite(emissions.low_g),
        high_g=_finite(emissions.high_g),
        intensity_g_per_kwh=_finite(emissions.intensity_g_per_kwh),
        pue=_finite(emissions.pue),
        origin=origin_of(run),
    )


def device_of(machine: Machine, gpus: Sequence[Gpu]) -> str:
    """Name the processors that did the work, CPU first, GPUs of a name together."""
    counts = Counter(gpu.name or "GPU" for gpu in gpus)
    named = [name if count == 1 else f"{count} x {name}" for name, count in counts.items()]
    return ", ".join(filter(None, [machine.brand or machine.arch or "", *named]))


def origin_of(run: Run) -> str:
    """Say what recorded it, with its version."""
    origin = run.data.meta.get("origin")
    if origin:
        return str(origin)
    return f"pycarbon {run.data.meta.get('pycarbon', '')}".strip()


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
