"""A counter whose true energy is known, and a sampler that looks at it as csrc/sampler.c does."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np

from pycarbon.run import EDGE_DTYPE, Channel, Flag, RunData
from pycarbon.sources import MAX_PLAUSIBLE_POWER_W

MICROJOULE = Fraction(1, 1_000_000)
MILLISECOND = 1_000_000


@dataclass
class World:
    """Power over time as (duration in ns, watts) pieces, and when the hardware brings its counter up to date.

    The hardware counts `grain_j` at a time and the kernel shows whole micro-joules of that, from `start_raw` on,
    modulo `range_raw` + 1. At `reset_ns` the counter starts anew at `reset_raw`. Pieces and updates stay as they are.
    """

    pieces: Sequence[tuple[int, float]]
    updates_ns: np.ndarray
    grain_j: float = 2.0**-14
    start_raw: int = 0
    range_raw: int = 0
    reset_ns: int | None = None
    reset_raw: int = 0
    origin_ns: int = 10**12

    @cached_property
    def _course(self) -> tuple[np.ndarray, np.ndarray]:
        """The borders of the pieces, in ns since the origin, and the energy up to them."""
        lengths, watts = np.array(self.pieces, dtype=np.float64).T
        return np.append(0.0, np.cumsum(lengths)), np.append(0.0, np.cumsum(lengths * watts / 1e9))

    @cached_property
    def _updates(self) -> tuple[list[int], list[float]]:
        """When each update comes, and the energy up to there: asked for at each of a hundred thousand looks."""
        return self.updates_ns.tolist(), self.true_j(self.updates_ns).tolist()

    def true_j(self, time_ns) -> np.ndarray:
        """Energy since the origin."""
        return np.interp(np.asarray(time_ns) - self.origin_ns, *self._course)

    @property
    def most_w(self) -> float:
        return max(watts for _, watts in self.pieces)

    @property
    def end_ns(self) -> int:
        return self.origin_ns + sum(length for length, _ in self.pieces)

    def shown_uj(self, time_ns: int) -> int:
        """What the counter would show without a limit to its range."""
        updates_ns, updates_j = self._updates
        index = bisect_right(updates_ns, time_ns) - 1
        since_j = 0.0
        base = self.start_raw
        if self.reset_ns is not None and time_ns >= self.reset_ns:
            since_j, base = float(self.true_j(self.reset_ns)), self.reset_raw
        energy_j = updates_j[index] if index >= 0 else 0.0
        return base + int(max(int((energy_j - since_j) / self.grain_j + 1e-9), 0) * self.grain_j * 1e6)

    def raw(self, time_ns: int) -> int:
        shown = self.shown_uj(time_ns)
        return shown % (self.range_raw + 1) if self.range_raw else shown


def updates(start_ns: int, end_ns: int, period_ns: int, jitter: float = 0.0, seed: int = 0) -> np.ndarray:
    """Times about one period apart, each up to `jitter` of a period early or late, to two periods after the end."""
    count = (end_ns - start_ns) // period_ns + 3
    shift = np.random.default_rng(seed).uniform(-jitter / 2, jitter / 2, count)
    return (start_ns + (np.arange(count) + shift) * period_ns).astype(np.int64)


@dataclass
class Looks:
    """When the sampler looks, how long a read takes, and in which spans reading fails."""

    times_ns: np.ndarray
    read_ns: int = 2_000
    failing: Sequence[tuple[int, int]] = field(default_factory=list)
    period_ns: int = MILLISECOND


def sample(world: World, looks: Looks) -> np.ndarray:
    """Give the edges, in the steps of pc_sampler_sweep, counter_update and say_where_counters_stand."""
    found: list[tuple[int, int, int, int, int, int]] = []
    last, last_ns, good_ns, failed, looked_ns = None, 0, 0, False, None
    for start in looks.times_ns.tolist():
        end = start + looks.read_ns
        if looked_ns is not None and start - looked_ns > 11 * looks.period_ns:
            found.append((looked_ns, start, 0, 0, Flag.GAP, 0))
        looked_ns = end
        if any(a <= start < b for a, b in looks.failing):
            if not failed:
                found.append((start if last is None else good_ns, end, last or 0, 0, Flag.LOST, 5))
            failed = True
            continue
        raw = world.raw(start + looks.read_ns // 2)
        flags = Flag.FOUND if failed else Flag(0)
        if last is None:
            found.append((start, end, raw, 0, flags | Flag.FIRST, 0))
            last_ns = end
        elif raw != last or failed:
            flags |= _step(world, last, raw, end - last_ns)
            found.append((good_ns, end, raw, 0, flags, 0))
            last_ns = end if raw != last else last_ns
        last, good_ns, failed = raw, start, False
    if last is not None and not failed:
        found.append((good_ns, looked_ns, last, 0, Flag.LAST, 0))
    return np.array([(*row[:4], int(row[4]), row[5]) for row in found], EDGE_DTYPE)


def _step(world: World, last: int, raw: int, elapsed_ns: int) -> Flag:
    fell = raw < last
    if fell and (world.range_raw == 0 or last > world.range_raw):
        return Flag.RESET
    rise = world.range_raw - last + raw + 1 if fell else raw - last
    if rise > MAX_PLAUSIBLE_POWER_W * 1e6 * (elapsed_ns * 1e-9 + 0.1):
        return Flag.RESET
    return Flag.WRAPPED if fell else Flag(0)


PACKAGE = Channel(0, "package-0", "powercap", "measured", "energy", MICROJOULE, 0, True)


def as_run(world: World, edges: np.ndarray, start_ns: int | None = None, end_ns: int | None = None) -> RunData:
    """A run of one channel; without an end it was cut off."""
    channel = Channel(0, "package-0", "powercap", "measured", "energy", MICROJOULE, world.range_raw, True)
    meta = {"start_ns": world.origin_ns if start_ns is None else start_ns}
    return RunData(meta, [channel], {0: edges}, {} if end_ns is None else {"end_ns": end_ns}, end_ns is not None)


def looks_at_edges(world: World, every: int, early_ns: int = 60_000, read_ns: int = 500, first: int = 70) -> Looks:
    """When a sampler of edges looks: closely at the first edges, then at every so-manieth of them."""
    shown = [world.shown_uj(int(time_ns)) for time_ns in world.updates_ns]
    changes = [int(t) for t, was, now in zip(world.updates_ns[1:], shown, shown[1:], strict=False) if now != was]
    looked = [n for n in range(len(changes)) if n < first or n % every == 0]
    times: list[int] = []
    for n in looked:
        spin = np.arange(changes[n] - early_ns, changes[n] + 2 * read_ns, read_ns).tolist()
        times += [t for t in spin if not times or t > times[-1]]
    inside = [t for t in times if world.origin_ns <= t < world.end_ns]
    return Looks(np.array([world.origin_ns, *inside, world.end_ns]), read_ns, period_ns=100 * MILLISECOND)
