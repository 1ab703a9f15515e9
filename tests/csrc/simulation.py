"""Counters that change about a grid, and readers of them, on clocks of their own."""

import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from core import ffi, lib
from handles import Edge, FakeClock, created_ring, created_sampler, drain, opened, replay

US, MS, SECOND = 1_000, 1_000_000, 1_000_000_000

SEEKING, FOLLOWING = lib.PC_PHASE_SEEKING, lib.PC_PHASE_FOLLOWING
STILL, CONTINUOUS = lib.PC_PHASE_STILL, lib.PC_PHASE_CONTINUOUS


def grid(
    rng: random.Random,
    period_ns: float,
    until_ns: float,
    *,
    start_ns: float = 0,
    jitter_ns: float = 0,
    bounded: bool = False,
    drift_ppm: float = 0,
    dropped: float = 0,
) -> list[int]:
    """When a counter changes: jitter is a standard deviation; the period drifts by so much up to the end."""
    times, time_ns = [], start_ns
    while time_ns < until_ns:
        jitter = rng.uniform(-1.7, 1.7) if bounded else rng.gauss(0, 1)
        if rng.random() >= dropped:
            times.append(int(time_ns + jitter * jitter_ns))
        time_ns += period_ns * (1 + drift_ppm * 1e-6 * time_ns / until_ns)
    return sorted(times)


def series(rng: random.Random, times_ns: Sequence[int], *, start: int = 0, most: int = 100_000) -> list[Any]:
    """A replay that rises by 1 to `most` at each of the times after 0."""
    out = [(0, start, 0)]
    for time_ns in sorted({time_ns for time_ns in times_ns if time_ns > 0}):
        out.append((time_ns, out[-1][1] + rng.randint(1, most), 0))
    return out


def exactly(_: int) -> int:
    return 0


class Reader:
    """Reads a counter that changes at `times_ns` when its phase says so, on time or late; each reading takes 1 us."""

    def __init__(
        self,
        times_ns: Sequence[int],
        late_ns: Callable[[int], int] = exactly,
        *,
        now_ns: int = 0,
        thorough: bool = True,
    ) -> None:
        self.times_ns, self.late_ns, self.now_ns = times_ns, late_ns, now_ns
        self.before_ns, self.seen, self.readings = now_ns, bisect_right(times_ns, now_ns), 0
        self.phase = ffi.new("struct pc_phase *")
        lib.pc_phase_start(self.phase, now_ns, thorough)

    def read(self) -> None:
        start_ns = self.phase.next_ns
        if start_ns > self.now_ns:
            start_ns += self.late_ns(start_ns)
        start_ns = max(start_ns, self.now_ns)
        seen = bisect_right(self.times_ns, start_ns + 500)
        self.now_ns = start_ns + 1000
        lib.pc_phase_read(self.phase, self.before_ns, start_ns, self.now_ns, seen != self.seen)
        lib.pc_phase_plan(self.phase, self.now_ns, self.now_ns, self.now_ns)
        self.before_ns, self.seen = start_ns, seen
        self.readings += 1

    def until(self, time_ns: float, truth: Callable[[], bool] = lambda: False) -> int:
        """Read until then, or until it is so; returns how many readings that took."""
        before = self.readings
        while self.now_ns < time_ns and not truth():
            self.read()
        return self.readings - before

    @property
    def looks(self) -> int:
        return self.phase.met + self.phase.late + self.phase.empty


class Life:
    """A sampler at edges and its clock; `lateness_ns` is by how much its wake-ups come late, in turn."""

    def __init__(self, sampler: Any, ring: Any, clock: FakeClock, lateness_ns: Sequence[int]) -> None:
        self.sampler, self.ring, self.clock = sampler, ring, clock
        self.lateness_ns = list(lateness_ns)

    def until(self, time_ns: int) -> tuple[list[Edge], int]:
        """Its edges up to then, and the time it spent on looking."""
        late = self.lateness_ns
        spent_ns = lib.test_live(self.sampler, self.clock.clock, time_ns, late, len(late))
        return drain(self.ring), spent_ns


@contextmanager
def living(
    replays: Sequence[Any], *, lateness_ns: Sequence[int] = (0,), reading_ns: int = 0, **options: Any
) -> Iterator[Life]:
    """A sampler of these replays, at edges unless told otherwise.

    Each look at the clock takes 500 ns, and each reading of a counter `reading_ns` more.
    """
    clock = FakeClock(0, reading_ns=500, sleeps=True)
    options = {"period_ns": 0, "gap_ns": SECOND} | options
    with ExitStack() as stack:
        ring = stack.enter_context(created_ring(2**17))
        slow = [ffi.new("struct test_slow *") for _ in replays]
        for each, series_ in zip(slow, replays, strict=True):
            lib.test_slow_init(each, replay(clock.pointer, series_), clock.clock, reading_ns)
        sources = [stack.enter_context(opened(ffi.addressof(each, "source"))) for each in slow]
        sampler = stack.enter_context(created_sampler(ring, sources, clock.pointer, **options))
        yield Life(sampler, ring, clock, lateness_ns)


def lateness(rng: random.Random, most_ns: int = 60 * US) -> list[int]:
    return [int(rng.uniform(0, most_ns)) for _ in range(997)]
