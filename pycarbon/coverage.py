"""Which of several runs tells a machine's energy, moment by moment: those of one machine read the same counters.

Two runs are of one machine where they have one boot in common (machine.py): they then share its counters and its
CLOCK_MONOTONIC, so that nothing here depends on wall clocks. Each moment that was recorded is told by one run, by one
that measures before one that has a model, and by the longest, since every border adds to an interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from pycarbon.analysis import Run
from pycarbon.wall_clock import WallClock

Span = tuple[int, int]

SAME_BOOT_NS = 1_000_000_000
"""Without a boot id: machines of one name that were started within as much of each other are one."""

LAST_SEEN_NS = 1_000_000_000
"""Of two recorders that were killed together one may have seen so much more than the other."""


@dataclass(frozen=True, slots=True)
class Timed:
    """A run with its clock."""

    run: Run
    clock: WallClock

    @property
    def span(self) -> Span:
        """From when to when it was, on CLOCK_MONOTONIC."""
        return self.run.data.start_ns, max(self.run.data.end_ns, self.run.data.start_ns)


@dataclass(frozen=True, slots=True)
class Part:
    """From when to when a run tells its machine's energy; `told` has the figures of that time."""

    run: Run
    told: Run
    span: Span


def same_machine(one: Timed, other: Timed) -> bool:
    """Say whether two runs read the same counters, if they did so at one time."""
    first, second = one.run.machine, other.run.machine
    if first.boot and second.boot:
        return first.boot == second.boot
    if not first.hostname or first.hostname != second.hostname:
        return False
    booted_ns, other_ns = one.clock.booted_ns, other.clock.booted_ns
    return booted_ns is not None and other_ns is not None and abs(booted_ns - other_ns) <= SAME_BOOT_NS


def grouped(runs: Sequence[Timed]) -> list[list[Timed]]:
    """Put the runs of each machine together, in the order of the first of each."""
    groups: list[list[Timed]] = []
    for run in runs:
        for group in groups:
            if same_machine(group[0], run):
                group.append(run)
                break
        else:
            groups.append([run])
    return groups


def at_once(group: Sequence[Timed]) -> bool:
    """Say whether any two runs of one machine were recorded at the same time."""
    spans = sorted(timed.span for timed in group if timed.span[0] < timed.span[1])
    return any(following[0] < reached for following, reached in zip(spans[1:], _reached(spans), strict=False))


def _reached(spans: Sequence[Span]) -> list[int]:
    """Give the latest end of each span and of those before it."""
    return list(accumulate((end for _, end in spans), max))


def parts(group: Sequence[Timed]) -> list[Part]:
    """Divide the time in which a machine was recorded among its runs; one that has nothing to tell gets none."""
    known = [timed for timed in group if not math.isnan(timed.run.energy.total_j)]
    known.sort(key=lambda timed: (timed.run.energy.kind != "measured", timed.span[0] - timed.span[1], timed.run.id))
    covered: list[Span] = []
    found = []
    for timed in known:
        for span in _left(timed.span, covered):
            found.append(Part(timed.run, _between(timed.run, timed.span, span), span))
            covered.append(span)
        covered.sort()
    return sorted(found, key=lambda part: part.span)


def within(inner: Timed, outer: Timed) -> bool:
    """Say whether a run was made within another of its machine, which then has its processes and regions too.

    One that went on when the other had been cut off was not: the rest is its own.
    """
    inside = inner.run.data.meta.get("inside")
    return bool(inside) and inside == outer.run.id and inner.span[1] <= outer.span[1] + LAST_SEEN_NS


def length_ns(spans: Sequence[Span]) -> int:
    """Give how long spans take together; what several cover counts once."""
    total, reached = 0, None
    for start, end in sorted(spans):
        start = start if reached is None else max(start, reached)
        total += max(end - start, 0)
        reached = end if reached is None else max(reached, end)
    return total


def _left(span: Span, covered: Sequence[Span]) -> list[Span]:
    """Give what of a span the others, sorted and apart, do not cover."""
    start, end = span
    left = []
    for first, last in covered:
        if last < start or first > end:
            continue
        if first > start:
            left.append((start, first))
        start = max(start, last)
    if start < end or (start == span[0] == end and not any(first <= start <= last for first, last in covered)):
        left.append((start, end))
    return left


def _between(run: Run, whole: Span, span: Span) -> Run:
    """Give the run as it would be had only that time of it been recorded; its regions and notes are the whole's."""
    if span == whole:
        return run
    return Run(run.data.between(*span), run.path)
