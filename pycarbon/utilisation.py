"""How busy a machine's CPUs are, followed for hours in constant memory, and what modelled domains use by that."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pycarbon.attribution import WINDOW_S
from pycarbon.interval import Range
from pycarbon.meter import Kept, Meter
from pycarbon.model import PowerCurve


class Utilisation:
    """The machine's busy share, in windows from `start_ns` on as a recording has them."""

    def __init__(self, meter: Meter | None, curves: Sequence[PowerCurve], n_threads: int, start_ns: int) -> None:
        """Without a meter of the machine's CPU time nothing is known of it: it may be anything from idle to full."""
        self._meter = meter
        self._curves = curves
        self._n_threads = n_threads
        self._start_ns = start_ns
        self._settled_ns = start_ns
        self._settled_j = np.zeros((len(curves), 3))
        self._energy_j = self._settled_j
        self._busy = np.array([0.0, 0.0, 1.0])
        self.state = "starting"
        self.why = ""

    def update(self, now_ns: int, window_s: float) -> None:
        """Look at the CPU time once more; the power now is a mean over `window_s`."""
        if self._meter is None:
            used_j = np.array([curve.power_w(self._busy).diagonal() for curve in self._curves]).reshape(-1, 3)
            self._energy_j = used_j * (now_ns - self._start_ns) / 1e9
            self.state = "ok"
            return
        timeline = self._meter.timeline(now_ns)
        if not len(timeline.level_j):
            return
        self._add_up(self._meter, timeline, now_ns)
        start_ns = now_ns - window_s * 1e9
        lost = timeline.ends_lost
        self.state = "lost" if lost else "starting" if start_ns < self._start_ns else "ok"
        self.why = os.strerror(self._meter.error) if lost else ""
        best = self._shares(timeline, np.array([start_ns, now_ns]))[0]
        grain = float(self._meter.channel.unit) / window_s
        self._busy = np.array([best - grain, best, best + grain])

    def power_w(self, number: int) -> Range:
        """Say what the curve of that number draws now."""
        low, best, high = self._curves[number].power_w(self._busy).diagonal().tolist()
        return Range(low, best, high)

    def energy_j(self, number: int) -> Range:
        """Say what it used since the start."""
        low, best, high = self._energy_j[number].tolist()
        return Range(min(low, best), best, max(high, best))

    def _add_up(self, meter: Meter, timeline: Kept, now_ns: int) -> None:
        """Add the windows since those that no later edge can change, and settle what it cannot change now."""
        step_ns = WINDOW_S * 1e9
        count = int((now_ns - self._settled_ns) / step_ns)
        borders_ns = self._settled_ns + step_ns * np.arange(count + 1, dtype=np.float64)
        if borders_ns[-1] < now_ns:
            borders_ns = np.append(borders_ns, now_ns)
        windows_j = self._windows_j(meter, timeline, borders_ns, now_ns)
        self._energy_j = self._settled_j + windows_j.sum(axis=1)
        settled = int(np.searchsorted(borders_ns[: count + 1], meter.settled_ns(timeline), side="right")) - 1
        if settled > 0:
            self._settled_j = self._settled_j + windows_j[:, :settled].sum(axis=1)
            self._settled_ns = int(borders_ns[settled])

    def _windows_j(
        self, meter: Meter, timeline: Kept, borders_ns: NDArray[np.float64], now_ns: int
    ) -> NDArray[np.float64]:
        """Give the energies in each window, low, best and high: shape (curves, windows, 3)."""
        shares = self._shares(timeline, borders_ns)
        grain = float(meter.channel.unit) / max((now_ns - self._start_ns) / 1e9, WINDOW_S)
        ends = np.stack([shares - grain, shares, shares + grain], axis=1)
        length_s = np.diff(borders_ns)[:, None] / 1e9
        used = np.empty((len(self._curves), len(shares), 3))
        for number, curve in enumerate(self._curves):
            by_end = curve.power_w(ends.ravel()).reshape(len(shares), 3, 3)
            used[number] = by_end[:, [0, 1, 2], [0, 1, 2]] * length_s
        return used

    def _shares(self, timeline: Kept, borders_ns: NDArray[np.float64]) -> NDArray[np.float64]:
        busy_s = np.diff(timeline.best_j(np.asarray(borders_ns, np.float64)))
        capacity_s = np.diff(borders_ns) / 1e9 * self._n_threads
        shares = np.divide(busy_s, capacity_s, out=np.zeros_like(busy_s), where=capacity_s > 0)
        return np.clip(shares, 0.0, 1.0)
