"""A counter followed for hours in constant memory: what it used so far, and its power just now.

    edges:   [ head ]........ dropped ........[ tail ]
               tells the counter's period,      tells the level now, and the windows of power
               and the level at the start

What was used so far is the level now less the level at the start, and each of the two follows from the edges around
it. So those in between need not be kept, but for what they say of the whole: the largest step and power that were
seen, and the spans that nobody saw.

Invariant: however the edges were cut into pieces on their way here, the energy so far, with its interval, is that of
a recording of the same edges.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pycarbon.energy import NEARBY_UPDATES, UPDATES_PER_WINDOW, Timeline
from pycarbon.interval import Range
from pycarbon.run import EDGE_DTYPE, Channel, Flag, RunData, joined
from pycarbon.sources import MAX_PLAUSIBLE_POWER_W
from pycarbon.updates import CLOSE, FIRST_UPDATES

KEPT_UPDATES = 2 * UPDATES_PER_WINDOW
MOST_HEAD = 1024
"""A head that does not tell the period with so many readings never will."""

MOST_SPANS = 1000
LONGEST_WINDOW_S = 10.0
"""A counter that needs longer to tell its power does not tell what it is now."""

RIM = 4
"""So many updates around the border that a window should have are tried: a small rise marks one seen closely."""

NO_READING, LOST, RESET = int(Flag.GAP | Flag.LOST), int(Flag.LOST), int(Flag.RESET)

Spans = list[tuple[int, int]]


@dataclass(slots=True)
class _Dropped:
    """What the edges that were dropped say of the whole; `join` readings lie before them."""

    join: int = 0
    largest_step_j: float = 0.0
    single_steps: int = 0
    largest_single_j: float = 0.0
    largest_power_w: float = 0.0
    unseen: Spans = field(default_factory=list)
    long_looks: Spans = field(default_factory=list)


class Kept(Timeline):
    """The timeline of head and tail, which knows what lay between."""

    def __init__(self, run: RunData, channel: Channel, dropped: _Dropped) -> None:
        """Unwrap what was kept; from the head to the tail it rises by all that was dropped."""
        self._dropped = dropped
        super().__init__(run, channel)

    @cached_property
    def tail(self) -> slice:
        """The updates of the tail, among all."""
        return slice(int(np.count_nonzero(self.is_update[: self._dropped.join])), None)

    def largest_power_w(self, part: slice) -> float:
        """Bound the power as Timeline does, from some of the updates alone."""
        times_ns, levels_j = self.update_ns[part], self.update_j[part]
        if len(times_ns) < 2:
            return 0.0
        resets = self.reset[self.is_update][part]
        known_ns = times_ns
        if resets.any():
            known_ns = np.cumsum(np.where(resets, 0.0, np.diff(times_ns, prepend=times_ns[0])))
        reach = min(NEARBY_UPDATES, len(known_ns) - 1)
        rise_j, time_ns = levels_j[reach:] - levels_j[:-reach], known_ns[reach:] - known_ns[:-reach]
        return float(np.divide(rise_j, time_ns, out=np.zeros_like(rise_j), where=time_ns > 0).max() * 1e9)

    def _steps(self, readings: slice, updates: slice) -> tuple[float, int, float]:
        """Give the largest rise in a part; from one update of the counter to the next, how many, and the largest."""
        levels_j, times_ns, updates_j = self.level_j[readings], self.update_ns[updates], self.update_j[updates]
        any_j = levels_j[1:] - levels_j[:-1]
        single_j = (updates_j[1:] - updates_j[:-1])[times_ns[1:] - times_ns[:-1] < 1.5 * self.counter_period_ns]
        return float(any_j.max(initial=0.0)), len(single_j), float(single_j.max(initial=0.0))

    def _find_largest_step_j(self) -> float:
        old = self._dropped
        any_j, single, single_j = self._steps(slice(old.join, None), self.tail)
        if old.single_steps + single >= NEARBY_UPDATES:
            return max(old.largest_single_j, single_j)
        return max(old.largest_step_j, any_j)

    def _find_largest_power_w(self) -> float:
        return max(self._dropped.largest_power_w, self.largest_power_w(self.tail))

    def _unseen_spans(self, start_ns: int) -> Spans:
        return super()._unseen_spans(start_ns) + self._dropped.unseen

    def _hidden_j(self, start_ns: float, end_ns: float) -> float:
        hidden_j = super()._hidden_j(start_ns, end_ns)
        for before_ns, seen_ns in self._dropped.long_looks:
            most_j = (seen_ns - before_ns) / 1e9 * self._largest_power_w
            if most_j > self._range_j / 2 and seen_ns > start_ns and before_ns < end_ns:
                hidden_j += (most_j + self.largest_step_j) // self._range_j * self._range_j
        return hidden_j

    def drop(self, first: int, head: int) -> _Dropped:
        """Say of the readings from `head` on and before `first` what the whole must know."""
        old, seen_ns = self._dropped, self.seen_ns
        part = slice(old.join or head, first)
        looks = zip(self.before_ns[part].tolist(), seen_ns[part].tolist(), strict=True)
        most_ns = self._range_j / 2 / MAX_PLAUSIBLE_POWER_W * 1e9
        long_looks = old.long_looks + [(a, b) for a, b in looks if b - a > most_ns]
        last = int(self.is_update[:first].sum())
        any_j, single, single_j = self._steps(slice(old.join, first + 1), slice(self.tail.start, last + 1))
        updates = slice(self.tail.start, -1)  # when the last one came, the next will tell
        return _Dropped(
            head,
            max(old.largest_step_j, any_j),
            old.single_steps + single,
            max(old.largest_single_j, single_j),
            max(old.largest_power_w, self.largest_power_w(updates)),
            _bounded([span for span in self._unseen if seen_ns[head - 1] < span[1] <= seen_ns[first]]),
            sorted(long_looks, key=lambda look: look[0] - look[1])[:MOST_SPANS],
        )


@dataclass(frozen=True, slots=True)
class Window:
    """Mean power between two times (CLOCK_MONOTONIC)."""

    start_ns: int
    end_ns: int
    power_w: Range

    @property
    def length_s(self) -> float:
        """How long it is."""
        return (self.end_ns - self.start_ns) / 1e9


class Meter:
    """One counter's channel, from `start_ns` on."""

    def __init__(self, channel: Channel, start_ns: int, shortest_s: float, keep: int = KEPT_UPDATES) -> None:
        """Begin with no edges. Windows of power are `shortest_s` long or more; `keep` is of updates in the tail."""
        self.channel = channel
        self.error = 0
        self._start_ns = start_ns
        self._shortest_s = shortest_s
        self._keep = keep
        self._edges = np.empty(0, EDGE_DTYPE)
        self._head = 0
        self._dropped = _Dropped()
        self._last_raw: int | None = None
        self._counted = 0
        self._window_s = shortest_s

    def add(self, edges: NDArray[np.void]) -> None:
        """Take the channel's next edges, in their order."""
        if not len(edges):
            return
        edges = edges.copy()
        flags = edges["flags"]
        readings = (flags & NO_READING) == 0
        raw = edges["raw"][readings].astype(np.int64)
        if len(raw):
            rises = np.diff(raw, prepend=raw[0] if self._last_raw is None else self._last_raw)
            resets = (flags[readings] & RESET) != 0
            if self.channel.range_raw:
                rises[(rises < 0) & ~resets] += self.channel.range_raw + 1
            rises[resets | (rises < 0)] = 0
            counted = self._counted + np.cumsum(rises)
            self._last_raw, self._counted = int(raw[-1]), int(counted[-1])
            edges["raw"][readings] = counted.astype(np.uint64)
        lost = edges["error"][(flags & LOST) != 0]
        self.error = int(lost[-1]) if len(lost) else self.error
        self._edges = joined(self._edges, edges)

    def timeline(self, now_ns: int) -> Kept:
        """Give what is known now, and drop what later answers do not need."""
        kept = self._kept(now_ns)
        return self._kept(now_ns) if self._trim(kept) else kept

    def energy(self, timeline: Kept, now_ns: int) -> Range | None:
        """Say what was used so far; None where the counter was never read."""
        return timeline.between(self._start_ns, now_ns) if len(timeline.level_j) else None

    def window(self, timeline: Kept) -> Window | None:
        """Give the latest window in which the counter tells the power; None where there is none yet.

        It begins and ends where an update was seen closely, so that its interval is narrow.
        """
        tail = timeline.tail
        update_ns, level_j = timeline.update_ns[tail], timeline.update_j[tail]
        if len(update_ns) < RIM + 2:
            return None
        needed_s = max(
            self._shortest_s,
            UPDATES_PER_WINDOW * timeline.counter_period_ns / 1e9,
            RIM * usual_gap_s(update_ns),
        )
        if not 0.6 * self._window_s < needed_s <= self._window_s:  # calm: it does not follow every tremble
            self._window_s = float(np.ceil(needed_s / self._shortest_s - 1e-6)) * self._shortest_s
        if self._window_s > max(LONGEST_WINDOW_S, self._shortest_s):
            return None
        before_ns, rises_j = timeline.before_ns[timeline.is_update][tail], level_j[1:] - level_j[:-1]
        last = _closest(rises_j, len(rises_j))
        border_ns = before_ns[last] - self._window_s * 1e9
        first = int(np.searchsorted(before_ns, border_ns, side="right")) - 1
        if first < 1:
            return None
        first = _closest(rises_j, first)
        start_ns, end_ns = int(before_ns[first]), int(before_ns[last])
        resets = timeline.reset[timeline.is_update][tail]
        if start_ns < self._start_ns or end_ns - start_ns > 2e9 * self._window_s or resets[first : last + 1].any():
            return None
        used = timeline.between(start_ns, end_ns)
        if used.high - used.low > used.best:
            return None
        return Window(start_ns, end_ns, used.times(1e9 / (end_ns - start_ns)))

    @property
    def window_s(self) -> float:
        """How long a window of power must be, as far as is known."""
        return self._window_s

    def silent_s(self, timeline: Kept, now_ns: int) -> float:
        """Say how long ago the counter last moved."""
        last_ns = timeline.update_ns[-1] if len(timeline.update_ns) else self._start_ns
        return float(max(now_ns - last_ns, 0) / 1e9)

    def settled_ns(self, timeline: Kept) -> int:
        """Say up to when no later edge will change what the counter used."""
        updates_ns = timeline.before_ns[timeline.is_update]
        return int(updates_ns[-3]) if self._head and len(updates_ns) > 2 else self._start_ns

    @property
    def held(self) -> int:
        """Count the edges in memory."""
        return len(self._edges)

    def _kept(self, now_ns: int) -> Kept:
        run = RunData({"start_ns": self._start_ns}, [], {self.channel.id: self._edges}, {"end_ns": now_ns})
        return Kept(run, self.channel, self._dropped)

    def _trim(self, kept: Kept) -> bool:
        if not self._head:
            self._head = self._head_of(kept)
        updates = np.flatnonzero(kept.is_update)
        updates = updates[updates > (self._dropped.join or self._head)]
        if not self._head or len(updates) <= 2 * self._keep:
            return False
        least_ns = kept.seen_ns[-1] - 3e9 * self._window_s
        may_go = updates[: -self._keep]
        may_go = may_go[(kept.seen_ns[may_go] < least_ns) & ~kept.reset[may_go]]
        width_ns = kept.seen_ns[may_go] - kept.before_ns[may_go]
        close = width_ns < CLOSE * kept.counter_period_ns  # the tail begins with a mark of the counter's grid,
        may_go = may_go[close] if close.any() else may_go  # by which those after it are placed
        if not len(may_go):
            return False
        first = int(may_go[-1])
        self._dropped = kept.drop(first, self._head)
        readings = np.flatnonzero((self._edges["flags"] & NO_READING) == 0)
        self._edges = joined(self._edges[: readings[self._head - 1] + 1], self._edges[readings[first] :])
        return True

    def _head_of(self, kept: Kept) -> int:
        """Count the readings that tell the counter's period and the level at the start; 0 while they do not."""
        updates = np.flatnonzero(kept.is_update)
        if len(updates) <= 2 * FIRST_UPDATES or kept.before_ns[updates[-3]] <= self._start_ns:
            return 0
        widths_ns = (kept.seen_ns - kept.before_ns)[updates]
        close = widths_ns <= 4 * np.sort(widths_ns[:FIRST_UPDATES])[FIRST_UPDATES // 4]
        if close[:-2].sum() < FIRST_UPDATES and len(kept.level_j) < MOST_HEAD:
            return 0
        return len(kept.level_j)


def usual_gap_s(update_ns: NDArray[np.float64]) -> float:
    """Give the median time between the latest updates."""
    apart_ns = np.sort(np.diff(update_ns[-FIRST_UPDATES:]))
    return float(apart_ns[len(apart_ns) // 2]) / 1e9


def _closest(rises_j: NDArray[np.float64], last: int) -> int:
    """Choose, of the updates up to `last`, the one that was seen closely: the counter rose least with it."""
    first = max(last - RIM, 0)
    some = rises_j[first:last]
    return last - int(np.argmin(some[::-1]))


def _bounded(spans: Spans) -> Spans:
    """Join spans that overlap, and the oldest where there are too many."""
    joined: Spans = []
    for span in sorted(spans):
        if joined and span[0] <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], span[1]))
        else:
            joined.append(span)
    while len(joined) > MOST_SPANS:
        joined[:2] = [(joined[0][0], joined[1][1])]
    return joined
