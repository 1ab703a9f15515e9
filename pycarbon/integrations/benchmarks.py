"""Joules and grams of the benchmarks of pytest-benchmark: in `extra_info`, its saved JSON, and its table.

Of pytest-benchmark this uses its session (the plugin "pytest-benchmark"): the list `benchmarks`, to which each
benchmark's statistics are appended before its rounds run and whose `update(duration)` is called after each round; and
`display`, `groups`, `compared_mapping` for the table. Calibration and warm-up call no `update`.
"""

from __future__ import annotations

import time
from array import array
from typing import Any

from pycarbon.integrations.benchmark_rounds import Rounds, per_iteration
from pycarbon.integrations.benchmark_table import CO2E, ENERGY, IN_ROUNDS, KIND, NOTE, RESOLVED, widened
from pycarbon.integrations.figure import MEASURED, MODELLED
from pycarbon.integrations.meter import Meter
from pycarbon.integrations.span import Span
from pycarbon.interval import Range


class _Watch:
    """Stands before a benchmark's `update`, and takes the time of each round."""

    def __init__(self, stats: Any) -> None:
        self.stats = stats
        self._update = stats.update
        self._end_ns, self._time_ns = array("q"), array("q")
        stats.update = self

    def __call__(self, duration: float) -> Any:
        self._end_ns.append(time.monotonic_ns())
        self._time_ns.append(round(duration * 1e9))
        return self._update(duration)

    def rounds(self) -> Rounds | None:
        """Give the rounds; None where there were none."""
        del self.stats.update  # its class has it
        return Rounds(self._end_ns, self._time_ns, self.stats.iterations) if self._end_ns else None


class _Watched(list[Any]):
    """pytest-benchmark's list of statistics, which tells of those that come."""

    def __init__(self, before: list[Any]) -> None:
        super().__init__(before)
        self.latest: _Watch | None = None

    def append(self, stats: Any) -> None:
        super().append(stats)
        self.latest = _Watch(stats)


class Benchmarks:
    """Follows the benchmarks of one session."""

    def __init__(self, session: Any, meter: Meter) -> None:
        """Watch the session's list and widen its table."""
        self._meter = meter
        self._list = session.benchmarks = _Watched(session.benchmarks)
        session.display = widened(session, meter)

    def finish(self, test: str, call: Span | None) -> None:
        """Write what a benchmark used into its `extra_info`, when its test was called."""
        watch, self._list.latest = self._list.latest, None
        if watch is None:
            return
        rounds = watch.rounds()
        if rounds is not None and watch.stats.fullname == test and not watch.stats.has_error:
            watch.stats.extra_info.update(self._told(rounds, call))

    def _told(self, rounds: Rounds, call: Span | None) -> dict[str, Any]:
        if not self._meter.measured:
            return self._modelled(rounds, call)
        found = per_iteration(rounds, self._meter.metering.used)
        told: dict[str, Any] = {RESOLVED: found.energy_j is not None, KIND: MEASURED, IN_ROUNDS: found.in_rounds}
        if found.note:
            told[NOTE] = found.note
        return told if found.energy_j is None else {**self._figures(found.energy_j), **told}

    def _modelled(self, rounds: Rounds, call: Span | None) -> dict[str, Any]:
        """Take the model's power at the CPU time that the test used, which is mostly that of its rounds."""
        time_s = sum(rounds.time_ns) / 1e9
        busy = 1.0 if call is None or call.time_s <= 0 else call.cpu_s / call.time_s
        used = self._meter.metering.modelled_j(busy * time_s, time_s)
        energy_j = used.times(1 / (len(rounds.end_ns) * rounds.iterations))
        note = "modelled from CPU time: no counter can be read"
        told = {RESOLVED: False, KIND: MODELLED, IN_ROUNDS: rounds.in_rounds, NOTE: note}
        return {**self._figures(energy_j), **told}

    def _figures(self, energy_j: Range) -> dict[str, float]:
        emitted = self._meter.emissions(energy_j)
        grams = (emitted.low_g, emitted.co2e_g, emitted.high_g)
        joules = (energy_j.low, energy_j.best, energy_j.high)
        return dict(zip((*ENERGY, *CO2E), (*joules, *grams), strict=True))
