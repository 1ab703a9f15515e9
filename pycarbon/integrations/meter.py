"""What spans of a test session cost: this machine's counters, watched once, and the grid where it stands.

Roles: any thread may ask. Everything starts when a Meter is made and ends with close().
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from pycarbon import here
from pycarbon.emissions import Emissions, from_energy
from pycarbon.hours import HOUR_S, EnergyByHour
from pycarbon.integrations.figure import ATTRIBUTED, MEASURED, MODELLED, Figure, unknown
from pycarbon.integrations.span import Span, busy_s
from pycarbon.interval import Range
from pycarbon.machine import clock_ticks_per_s
from pycarbon.metering import Metering
from pycarbon.reports import figures
from pycarbon.reports.screen import advice

RESOLVED_WITHIN = 0.5
"""An interval that reaches so far to either side tells a figure, of which it is the share."""

CPU_BUDGET_PERCENT = 10.0
"""Tests are short: with the 3 % of a recording the second in which the sampler learns would be seen dimly."""

PART_S = 10.0
"""The session is added up in parts: what its earlier ones were told from need not be kept."""


class Meter:
    """The counters of this machine and the rating of its energy, until close()."""

    def __init__(self, root: Path | None = None) -> None:
        """Start. PyCarbonError or OSError where that cannot be; no thread is left then."""
        found = here.find({}, root, CPU_BUDGET_PERCENT)
        self._discovery, self.rating, self.notes = found.discovery, found.rating, list(found.complaints)
        self.metering = Metering(self._discovery, found.sampling)
        self.metering.__enter__()
        self._grain_s = (self._discovery.machine.n_threads or 1) / clock_ticks_per_s()
        self._lock = threading.Lock()
        self._start_ns = self._counted_ns = time.monotonic_ns()
        self._busy_s = busy_s()
        self._parts: list[Range] = []

    def close(self) -> None:
        """Stop the samplers and wait for all threads."""
        self.metering.__exit__(None, None, None)

    @property
    def measured(self) -> bool:
        """Whether counters tell the energy."""
        return self.metering.measured

    def place(self) -> str:
        """Say where the machine stands and what a kilowatt-hour emits there."""
        factor = self.rating.intensity
        where = factor.name if factor.place_known else "unknown place (set PYCARBON_ZONE)"
        return f"{where}, {figures.digits(factor.intensity_g_per_kwh)} g/kWh in {factor.year}"

    def about(self) -> str:
        """Say in a line what the figures are of."""
        if self.measured:
            sources = " and ".join(
                sorted({counter.source for counter in self._discovery.counters if counter.in_total})
            )
            return f"measured, {' + '.join(self.metering.domains)} of this machine through {sources}"
        return "modelled from CPU time, as no counter can be read"

    def remedy(self) -> str:
        """Say why nothing is measured and what to type; empty where it is, or nobody knows."""
        return "" if self.measured else advice(self._discovery.obstacles)

    def figures(self, spans: Sequence[Span]) -> list[Figure]:
        """Say what each span cost, the last of them just over."""
        return [self._figure(span) for span in spans]

    def emissions(self, energy_j: Range) -> Emissions:
        """Say what so much energy emits here and now."""
        hour = EnergyByHour(int(time.time() // HOUR_S), (1.0,))
        rating = self.rating
        return from_energy(energy_j.best, energy_j.low, energy_j.high, rating.intensity, rating.pue, hour)

    def advance(self, oldest_ns: int) -> None:
        """Add up the session so far where that is due, and forget what is older than any question to come."""
        now_ns = time.monotonic_ns()
        if not self.measured or now_ns - self._counted_ns < PART_S * 1e9:
            return
        self._count(now_ns)
        self.metering.forget(min(oldest_ns, now_ns))

    def session(self) -> Figure:
        """Say what the machine used since the start."""
        now_ns = time.monotonic_ns()
        time_s = (now_ns - self._start_ns) / 1e9
        if not self.measured:
            now_s = busy_s()
            busy = 0.0 if now_s is None or self._busy_s is None else max(now_s - self._busy_s, 0.0)
            return self._told(self.metering.modelled_j(busy, time_s), MODELLED, time_s, False, "")
        self._count(now_ns)
        with self._lock:
            parts = list(self._parts)
        if not parts:
            return unknown(time_s, "no counter told anything")
        energy_j = Range(*(sum(getattr(part, end) for part in parts) for end in ("low", "best", "high")))
        return self._told(energy_j, MEASURED, time_s, is_resolved(energy_j), "")

    def _count(self, now_ns: int) -> None:
        with self._lock:
            since_ns, self._counted_ns = self._counted_ns, now_ns
        used = self.metering.used(since_ns, now_ns)
        if used is not None:
            with self._lock:
                self._parts.append(used.energy_j)

    def _figure(self, span: Span) -> Figure:
        shared = span.busy_s is not None
        if not self.measured:
            energy_j = self.metering.modelled_j(max(span.busy_s or 0.0, span.cpu_s), span.time_s)
            if shared:
                energy_j = share(energy_j, span, self._grain_s)
            return self._told(energy_j, MODELLED, span.time_s, False, "modelled from CPU time")
        if span.start_ns < self._start_ns:
            return unknown(span.time_s, "the counters were not watched yet")
        used = self.metering.used(span.start_ns, span.end_ns)
        if used is None:
            return unknown(span.time_s, "no counter told of that time")
        resolved = is_resolved(used.energy_j)
        note = "" if resolved else f"the counters change every {figures.duration(used.period_s)} or so"
        if not shared:
            return self._told(used.energy_j, MEASURED, span.time_s, resolved, note)
        note = note or "other workers used the machine, too: without -n it is the test's alone"
        return self._told(share(used.energy_j, span, self._grain_s), ATTRIBUTED, span.time_s, resolved, note)

    def _told(self, energy_j: Range, kind: str, time_s: float, resolved: bool, note: str) -> Figure:
        emitted = self.emissions(energy_j)
        return Figure(
            energy_j.best,
            energy_j.low,
            energy_j.high,
            kind,
            emitted.co2e_g,
            emitted.low_g,
            emitted.high_g,
            time_s,
            resolved,
            note,
        )


def is_resolved(energy_j: Range) -> bool:
    """Whether an interval is narrow enough to tell its figure."""
    return energy_j.high - energy_j.low <= 2 * RESOLVED_WITHIN * energy_j.best and energy_j.best > 0


def share(energy_j: Range, span: Span, grain_s: float) -> Range:
    """Give a span's part of the machine's energy by CPU time (docs/decisions/0004), of which all is the upper end.

    The machine's busy time is known to `grain_s`.
    """
    busy_s = max(span.busy_s or 0.0, span.cpu_s, span.time_s)
    if busy_s <= 0:
        return Range(0.0, 0.0, energy_j.high)
    least, best = span.cpu_s / (busy_s + grain_s), span.cpu_s / busy_s
    return Range(energy_j.low * least, energy_j.best * best, energy_j.high)
