"""Joules from edges: what a counter says about any span of time, and between which bounds.

A counter that is updated now and then shows, right after an update, the true energy up to that moment. So at any
time t the true energy is at least what the counter had shown before t and at most what it shows at its first
update after t. Those two are the interval, and it holds whatever the power did in between. The best estimate
interpolates linearly between updates, each taken to lie midway between the two looks that bracket it. Where those
lie far apart, several updates may have passed unseen: the one that was found lies on the grid of those that were
seen closely before and after it, or else half a period before the look that found it.

Where nothing was seen (before the first reading, across a reset, after the last update) nothing bounds the energy
but the largest power that was seen elsewhere, and the interval is widened by that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pycarbon.interval import Range
from pycarbon.run import Channel, Flag, Kind, RunData
from pycarbon.updates import counter_period_ns, median, update_times

COARSEST_GRAIN_J = 2.0**-14
"""Hardware counts in units of its own, which the kernel converts to micro-joules: RAPL's are at most this coarse."""

SILENT_PERIODS, SILENT_NS = 10, 10_000_000
"""A counter that moved and then stood still for so many of its periods, and 10 ms, has stopped telling."""

NEARBY_UPDATES = 10
"""How many updates at the rim of a recording tell the power just outside it."""

SHORTEST_WINDOW_S = 1e-6
MOST_WINDOWS = 10**7
"""Times are nanoseconds since boot as floats: after years of uptime these step by a few hundred."""

MOST_SHOWN = 1000
"""So many windows are as fine as most plots are wide."""

ORDINARY_POWER_W = 500.0
"""A package may take as much at any time: a counter that cannot tell so much from nothing tells nothing."""

UPDATES_PER_WINDOW = 50
"""Power is a mean over at least so many updates: each border of a window may be off by one, here by 2 %."""

LINE_DTYPE = np.dtype([("time_ns", "<i8"), ("t_before_ns", "<i8"), ("t_seen_ns", "<i8"), ("energy_j", "<f8")])


@dataclass(frozen=True, slots=True)
class ChannelEnergy:
    """What one channel used. `low_j` and `high_j` enclose the truth, and are NaN where nobody knows them;
    `peak_power_w` is None where unresolved.

    An ambiguous one may have gone round its range unseen at every update: nobody knows its energy.
    """

    domain: str
    source: str
    kind: Kind
    energy_j: float
    low_j: float
    high_j: float
    mean_power_w: float
    peak_power_w: float | None
    edges: int
    gap_s: float
    in_total: bool
    is_ambiguous: bool = False


class Timeline:
    """A channel's edges as cumulative energy (or CPU time) over time."""

    def __init__(self, run: RunData, channel: Channel) -> None:
        """Unwrap the channel's edges; an empty timeline where it has none."""
        edges = run.edges_of(channel)
        self.lost_ns, self.ends_lost = _lost_spans(edges, run.end_ns)
        edges = edges[(edges["flags"] & (Flag.GAP | Flag.LOST)) == 0]
        flags = edges["flags"]
        unit = float(channel.unit)
        # The hardware counts in its own grain, and the kernel shows whole units of that.
        self.grain_j = COARSEST_GRAIN_J + unit if channel.quantity == "energy" else unit
        self._is_time = channel.quantity != "energy"
        self._accuracy = channel.accuracy
        self._lag_ns = channel.averaged_s * 1e9
        self._range_j = (channel.range_raw + 1) * unit if channel.range_raw else math.inf
        raw = edges["raw"].astype(np.int64)
        rises = np.diff(raw, prepend=raw[:1])
        self.reset = (flags & Flag.RESET) != 0
        if channel.range_raw:
            rises[(rises < 0) & ~self.reset] += channel.range_raw + 1
        rises[self.reset | (rises < 0)] = 0
        self.before_ns = edges["t_before_ns"].astype(np.int64)
        self.seen_ns = edges["t_seen_ns"].astype(np.int64)
        # whole numbers are exact up to 2^53, and never turn over
        self.level_j = np.cumsum(rises, dtype=np.float64) * unit
        self.is_update = (rises > 0) | self.reset
        self.counter_period_ns = counter_period_ns(self.before_ns[self.is_update], self.seen_ns[self.is_update])
        times_ns = update_times(self.before_ns[self.is_update], self.seen_ns[self.is_update], self.counter_period_ns)
        # What is a mean over the time before shows no more than was used by then, and no less than was before it.
        self.before_ns -= round(self._lag_ns)
        times_ns -= self._lag_ns / 2
        self.update_ns = np.maximum.accumulate(times_ns)  # a file may hold looks that overlap
        self.update_j = self.level_j[self.is_update]
        self.is_ambiguous = self._goes_round_too_often()
        self.largest_step_j = self._find_largest_step_j()
        self._largest_power_w = self._find_largest_power_w()
        self._unseen = self._unseen_spans(run.start_ns)

    @property
    def period_s(self) -> float | None:
        """The median time between updates that were seen; None with fewer than three."""
        return median(np.diff(self.update_ns)) / 1e9 if len(self.update_ns) >= 3 else None

    def best_j(self, time_ns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Estimate the energy up to each time: linear between updates, never outside low_j..high_j."""
        if len(self.level_j) == 0:
            return np.zeros(len(time_ns))
        if len(self.update_ns) == 0:
            return np.full(len(time_ns), self.level_j[-1])
        estimate = np.interp(time_ns, self.update_ns, self.update_j)
        if len(self.update_ns) > 1:
            head = slice(0, NEARBY_UPDATES)
            tail = slice(-NEARBY_UPDATES, None)
            early = time_ns < self.update_ns[0]
            late = (time_ns > self.update_ns[-1]) & (not self.ends_lost)
            estimate[early] -= (self.update_ns[0] - time_ns[early]) * self._slope(head)
            estimate[late] += (time_ns[late] - self.update_ns[-1]) * self._slope(tail)
        clipped: NDArray[np.float64] = np.clip(estimate, self.low_j(time_ns), self.high_j(time_ns))
        return clipped

    def low_j(self, time_ns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bound the energy up to each time from below: what the counter had been seen to show by then."""
        if len(self.level_j) == 0:
            return np.zeros(len(time_ns))
        seen = np.searchsorted(self.seen_ns, time_ns, side="right") - 1
        return np.where(seen >= 0, self.level_j[np.maximum(seen, 0)], self.level_j[0] - self.largest_step_j)

    def high_j(self, time_ns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bound it from above: the first update after that time, or where none was seen, the largest power so far."""
        if len(self.level_j) == 0:
            return np.zeros(len(time_ns))
        starts = np.maximum.accumulate(self.before_ns[self.is_update])
        index = np.searchsorted(starts, time_ns, side="left")
        beyond = index >= len(starts)
        last_j = self.level_j[-1]
        # Time that stands still is that of processors at rest; a counter of energy that does has stopped telling.
        told_ns = self.seen_ns if self._is_time else self.update_ns - self._lag_ns / 2
        since_ns = time_ns - (told_ns[-1] if len(told_ns) else self.seen_ns[0])
        rest_j = last_j + self.largest_step_j + self._largest_power_w * np.maximum(since_ns, 0) / 1e9
        inside = self.update_j[np.minimum(index, max(len(starts) - 1, 0))] if len(starts) else rest_j
        bound: NDArray[np.float64] = np.where(beyond, rest_j, inside) + self.grain_j
        return bound

    def between(self, start_ns: float, end_ns: float) -> Range:
        """Say how much was used between two times."""
        if len(self.level_j) == 0:
            return Range(0.0, 0.0, 0.0)
        times = np.array([start_ns, end_ns], dtype=np.float64)
        best, low, high = self.best_j(times), self.low_j(times), self.high_j(times)
        hidden_j = self._hidden_j(start_ns, end_ns)
        amount = max(float(best[1] - best[0]), 0.0)
        return self.doubted(
            min(max(float(low[1] - high[0]), 0.0), amount),
            amount,
            max(float(high[1] - low[0]) + hidden_j, amount),
        )

    def doubted(self, low_j: float, best_j: float, high_j: float) -> Range:
        """Widen an interval by what the sensor itself may be off."""
        return Range(low_j / (1 + self._accuracy), best_j, high_j / (1 - self._accuracy))

    def gap_s(self, start_ns: float, end_ns: float) -> float:
        """Sum the times within the span in which the counter was not read, was reset, or stood still at the end."""
        resets = zip(self.before_ns[self.reset].tolist(), self.seen_ns[self.reset].tolist(), strict=True)
        spans = [*self.lost_ns, *resets]
        if not self.ends_lost and self._stands_still(end_ns):
            spans.append((int(self.update_ns[-1]), int(end_ns)))
        return float(_covered_ns(spans, np.array([start_ns]), np.array([end_ns]))[0]) / 1e9

    def is_silent(self, time_ns: float) -> bool:
        """Say whether the counter had moved, and was lost or stood still by then and ever since."""
        lost = self.ends_lost and len(self.update_ns) > 0 and self.update_ns[-1] < time_ns
        return bool(lost) or self._stands_still(time_ns)

    def _stands_still(self, time_ns: float) -> bool:
        period_s = self.period_s
        if period_s is None:
            return False
        return bool(time_ns - self.update_ns[-1] > SILENT_PERIODS * period_s * 1e9 + SILENT_NS + self._lag_ns)

    def edges(self, start_ns: float, end_ns: float) -> int:
        """Count the updates seen within the span."""
        return int(((self.update_ns >= start_ns) & (self.update_ns <= end_ns)).sum())

    def line(self) -> NDArray[np.void]:
        """Give the updates as an array of LINE_DTYPE: when (and the two looks) and energy since the first."""
        line = np.zeros(int(self.is_update.sum()), LINE_DTYPE)
        line["time_ns"] = self.update_ns
        line["t_before_ns"] = self.before_ns[self.is_update]
        line["t_seen_ns"] = self.seen_ns[self.is_update]
        line["energy_j"] = self.update_j
        return line

    def _goes_round_too_often(self) -> bool:
        """Say whether the counter may go through its range more than once from one update to the next.

        What it shows then is the rest of a division: often above half of the range, or always the same.
        """
        if self._range_j < ORDINARY_POWER_W * self.counter_period_ns / 1e9:
            return True
        rises_j = np.diff(self.update_j)
        lasted = (self.seen_ns - self.before_ns)[self.is_update][1:] < 2 * self.counter_period_ns
        rises_j = rises_j[lasted & ~self.reset[self.is_update][1:]]
        return len(rises_j) >= 8 and float((rises_j > self._range_j / 2).mean()) > 0.1

    def _slope(self, part: slice) -> float:
        times, levels = self.update_ns[part], self.update_j[part]
        return float((levels[-1] - levels[0]) / (times[-1] - times[0])) if times[-1] > times[0] else 0.0

    def _find_largest_step_j(self) -> float:
        """Give the largest rise from one update of the counter to the next, where none between was left out."""
        rises_j = np.diff(self.update_j)
        single = np.diff(self.update_ns) < 1.5 * self.counter_period_ns
        if int(single.sum()) >= NEARBY_UPDATES:
            return float(rises_j[single].max())
        return float(np.diff(self.level_j, prepend=0.0).max(initial=0.0))

    def _find_largest_power_w(self) -> float:
        """Bound the power from what was seen, over windows long enough that the counter's grain does not matter."""
        if len(self.update_ns) < 2:
            return 0.0
        known_ns = np.cumsum(np.where(self.reset[self.is_update], 0.0, np.diff(self.update_ns, prepend=0.0)))
        reach = min(NEARBY_UPDATES, len(known_ns) - 1)
        rise_j = self.update_j[reach:] - self.update_j[:-reach]
        time_ns = known_ns[reach:] - known_ns[:-reach]
        return float(np.divide(rise_j, time_ns, out=np.zeros_like(rise_j), where=time_ns > 0).max() * 1e9)

    def reset_spans(self) -> list[tuple[int, int]]:
        """Give the times around resets, of which no reading tells: from the last update before each."""
        at, known = np.flatnonzero(self.reset), np.flatnonzero(self.is_update)
        before = np.searchsorted(known, at) - 1
        since = np.where(before >= 0, known[before], 0)
        return list(zip(self.before_ns[since].tolist(), self.seen_ns[at].tolist(), strict=True))

    def _unseen_spans(self, start_ns: int) -> list[tuple[int, int]]:
        """Give the times whose energy no reading tells: before the first, and around resets."""
        return [(start_ns, int(self.seen_ns[0])), *self.reset_spans()] if len(self.seen_ns) else []

    def _hidden_j(self, start_ns: float, end_ns: float) -> float:
        return float(self.hidden_j(np.array([start_ns]), np.array([end_ns]))[0])

    def hidden_j(self, start_ns: NDArray[np.float64], end_ns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bound what intervals must hold beside the counter's own bounds: unseen spans, and rounds not counted.

        A counter that nobody looked at for long may have gone through its range once more than it seems.
        """
        hidden_j = _covered_ns(self._unseen, start_ns, end_ns) / 1e9 * self._largest_power_w
        if not math.isfinite(self._range_j):
            return hidden_j
        look_j = (self.seen_ns - self.before_ns) / 1e9 * self._largest_power_w
        long = look_j > self._range_j / 2
        if not long.any():
            return hidden_j
        rounds = (look_j[long] + self.largest_step_j) // self._range_j
        ended = _sum_before(self.seen_ns[long], rounds, start_ns, "right")  # those that begin after an interval
        begun = _sum_before(self.before_ns[long], rounds, end_ns, "left")  # have not ended before it
        return hidden_j + (begun - ended) * self._range_j


def _sum_before(
    time_ns: NDArray[np.int64],
    values: NDArray[np.float64],
    at_ns: NDArray[np.float64],
    side: Literal["left", "right"],
) -> NDArray[np.float64]:
    """Add up, for each of some moments, the values of the times before it; with "right" also those at it."""
    order = np.argsort(time_ns, kind="stable")
    sums: NDArray[np.float64] = np.concatenate([[0.0], np.cumsum(values[order])])
    return sums[np.searchsorted(time_ns[order], at_ns, side=side)]


def _lost_spans(edges: NDArray[np.void], end_ns: int) -> tuple[list[tuple[int, int]], bool]:
    """Give the times in which the channel was not read (gaps of the sampler, failures of the source), and whether
    the last of them never ended.
    """
    flags = edges["flags"]
    gaps = edges[(flags & Flag.GAP) != 0]
    spans = list(zip(gaps["t_before_ns"].tolist(), gaps["t_seen_ns"].tolist(), strict=True))
    news = edges[((flags & (Flag.LOST | Flag.FOUND)) != 0) & ((flags & Flag.GAP) == 0)]
    lost = (news["flags"] & Flag.LOST) != 0
    back = np.flatnonzero(lost[:-1] & ~lost[1:])
    spans += zip(news["t_before_ns"][back].tolist(), news["t_seen_ns"][back + 1].tolist(), strict=True)
    if not len(lost) or not lost[-1]:
        return spans, False
    lost_at = int(news["t_before_ns"][-1])
    return [*spans, (lost_at, max(end_ns, lost_at))], True


def _covered_ns(
    spans: Sequence[tuple[float, float]], start_ns: NDArray[np.float64], end_ns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give how much of each start..end the spans cover together; where they overlap it counts once."""
    if not len(spans):
        return np.zeros(len(start_ns))
    first, last = np.array(spans, dtype=np.float64).T
    order = np.argsort(first, kind="stable")
    first, reached = first[order], np.maximum.accumulate(last[order])
    begins = np.append(True, first[1:] > reached[:-1])
    first, last = first[begins], reached[np.append(begins[1:], True)]
    covered = np.concatenate([[0.0], np.cumsum(np.maximum(last - first, 0.0))])
    border_ns, level_ns = np.stack([first, last], axis=1).reshape(-1), np.repeat(covered, 2)[1:-1]
    up_to = np.interp([start_ns, np.maximum(start_ns, end_ns)], border_ns, level_ns)
    covered_ns: NDArray[np.float64] = up_to[1] - up_to[0]
    return covered_ns


def channel_energy(run: RunData, channel: Channel, made: Timeline | None = None) -> ChannelEnergy:
    """Say what a counter's channel used over its run; `made` is its timeline, where there is one already."""
    timeline = Timeline(run, channel) if made is None else made
    start_ns, end_ns = run.start_ns, run.end_ns
    span = timeline.between(start_ns, end_ns)
    duration_s = (end_ns - start_ns) / 1e9
    _, power_w = power(timeline, start_ns, end_ns)
    return ChannelEnergy(
        channel.domain,
        channel.source,
        channel.kind,
        span.best,
        span.low,
        span.high,
        span.best / duration_s if duration_s > 0 else 0.0,
        float(power_w.max()) if len(power_w) else None,
        timeline.edges(start_ns, end_ns),
        timeline.gap_s(start_ns, end_ns),
        channel.in_total and not timeline.is_ambiguous and len(timeline.level_j) > 0,
        timeline.is_ambiguous,
    )


def told_energy(channel: Channel, energy_j: float, duration_s: float) -> ChannelEnergy:
    """Say what a channel used of which another tool told the energy alone: nobody knows its interval."""
    mean_w, unknown = energy_j / duration_s if duration_s > 0 else 0.0, math.nan
    return ChannelEnergy(
        channel.domain,
        channel.source,
        channel.kind,
        energy_j,
        unknown,
        unknown,
        mean_w,
        None,
        0,
        0.0,
        channel.in_total,
    )


def windows(start_ns: int, end_ns: int, shortest_s: float, most: int = MOST_SHOWN) -> NDArray[np.float64]:
    """Cut a span into equal windows, none shorter than `shortest_s`, at most `most`: the n + 1 borders in ns."""
    duration_s = max((end_ns - start_ns) / 1e9, 0.0)
    count = int(min(max(duration_s / max(shortest_s, SHORTEST_WINDOW_S) * (1 + 1e-9), 1), most))  # 10 / 1e-5 is 10^6
    borders: NDArray[np.float64] = np.linspace(start_ns, end_ns, count + 1, dtype=np.float64)
    return borders


def windows_of(start_ns: int, end_ns: int, every_s: float) -> NDArray[np.float64]:
    """Cut a span into windows of `every_s` seconds from its start, the last one shorter: the borders in ns.

    There are at most MOST_WINDOWS: of a long span they are longer than asked for.
    """
    step_ns = max(every_s * 1e9, SHORTEST_WINDOW_S * 1e9, (end_ns - start_ns) / MOST_WINDOWS)
    count = max(math.ceil((end_ns - start_ns) / step_ns - 1e-9), 1)
    borders = start_ns + step_ns * np.arange(count + 1, dtype=np.float64)
    borders[-1] = max(end_ns, start_ns)
    cut: NDArray[np.float64] = borders
    return cut


def power(
    timeline: Timeline, start_ns: int, end_ns: int, every_s: float | None = None, most: int = MOST_SHOWN
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give window borders (n + 1, ns) and mean power in each (n, W); both empty where the counter is too coarse.

    Without `every_s` there are at most `most`, and a window holds at least UPDATES_PER_WINDOW updates of the counter.
    """
    period_s = timeline.period_s
    if period_s is None or float(end_ns) <= float(start_ns):
        return np.empty(0), np.empty(0)
    if every_s is None:
        borders = windows(start_ns, end_ns, UPDATES_PER_WINDOW * period_s, most)
    else:
        borders = windows_of(start_ns, end_ns, every_s)
    power_w: NDArray[np.float64] = np.diff(timeline.best_j(borders)) / np.diff(borders) * 1e9
    return borders, power_w
