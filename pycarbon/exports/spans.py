"""What a trace shows of the regions: when each call began and ended, thread by thread, from the marks that were kept.

Of each thread the spans nest. Nothing is made up: what was still entered at the last mark of a run that was cut off
has no end, and of marks beyond those kept there are no spans; what was entered when keeping ended, ends there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pycarbon.calls import UNTOLD
from pycarbon.exports.recorded import Recorded
from pycarbon.exports.tables import labels
from pycarbon.ledger import ENTER, LEAVE, RESUME, Ledger

MARKS = 1 << 14
MOST_WORK = 1 << 32
"""Labels times marks: beyond, the energies of single calls take minutes, and are left out."""

END = -1


class Event(NamedTuple):
    """A span begins, or the innermost of its thread ends (`label` is END)."""

    time_ns: int
    thread: int
    label: int
    resumed: bool = False
    cut: bool = False
    energy_j: float | None = None
    low_j: float | None = None
    high_j: float | None = None


def threads(run: Recorded) -> list[int]:
    """Give the numbers of the threads that have spans."""
    ledger = run.data.ledger
    if ledger is None:
        return []
    count = np.bincount(ledger.marks["thread"], minlength=UNTOLD + 1)
    return [int(number) for number in np.flatnonzero(count) if number != UNTOLD]


def missing(run: Recorded) -> list[str]:
    """Say what of the regions is in no span, a line each."""
    ledger = run.data.ledger
    if ledger is None:
        return []
    said = []
    if not_kept := ledger.counts.get("not_kept", 0):
        said.append(f"{not_kept} marks of regions were not kept one by one: their calls are not in it")
    if untold := int((ledger.marks["thread"] == UNTOLD).sum()):
        said.append(f"{untold} marks are of threads beyond the first {UNTOLD}: their calls are not in it")
    if len(ledger.marks) and not _affordable(ledger):
        said.append("there are too many labels and calls for the energy of each call")
    return said


def events(run: Recorded) -> Iterator[Event]:
    """Give all beginnings and ends, those of a thread in order; the energy of a call stands at its beginning.

    A call that waited (a generator) is several spans; the later ones are `resumed`.
    """
    ledger = run.data.ledger
    if ledger is None or not len(ledger.marks):
        return
    marks, label_of = ledger.marks, ledger.nodes["label"].tolist()
    figures = _energies(run, ledger)
    stacks: dict[int, list[int]] = {}
    reached: dict[int, int] = {}
    for i in range(0, len(marks), MARKS):
        rows = slice(i, i + MARKS)
        for (time_ns, node, thread, kind), (energy_j, low_j, high_j) in zip(
            marks[rows].tolist(), figures[rows].tolist(), strict=True
        ):
            if thread == UNTOLD:
                continue
            stack = stacks.setdefault(thread, [])
            time_ns = reached[thread] = max(time_ns, reached.get(thread, time_ns))
            if kind != LEAVE:
                stack.append(node)
                told = (energy_j, low_j, high_j) if energy_j == energy_j else ()  # not NaN
                yield Event(time_ns, thread, label_of[node], kind == RESUME, False, *told)
            elif stack and stack[-1] == node:
                stack.pop()
                yield Event(time_ns, thread, END)
    if ledger.counts.get("not_kept", 0) > 0:
        last_ns = max(reached.values(), default=0)
        for thread, stack in stacks.items():
            for _ in stack:
                yield Event(last_ns, thread, END, cut=True)


def _affordable(ledger: Ledger) -> bool:
    return len(ledger.labels) * len(ledger.marks) <= MOST_WORK


def _energies(run: Recorded, ledger: Ledger) -> NDArray[np.float64]:
    """Give energy, low and high for each mark: those of the call that it begins, else NaN."""
    marks = ledger.marks
    figures = np.full((len(marks), 3), np.nan)
    if not _affordable(ledger):
        return figures
    number = {name: i for i, name in enumerate(ledger.labels)}
    calls = {number[label]: run.calls(label) for label in labels(run)}
    begins = np.flatnonzero(marks["kind"] == ENTER)
    begun = [ledger.nodes["label"][marks["node"][begins]], marks["thread"][begins], marks["time_ns"][begins]]
    known = [np.repeat(list(calls), [len(some) for some in calls.values()])]
    known += [np.concatenate([some[name] for some in calls.values()]) for name in ("thread", "start_ns")]
    at = _places(begun, known)
    for i, name in enumerate(("energy_j", "low_j", "high_j")):
        figures[begins[at[at >= 0]], i] = np.concatenate([some[name] for some in calls.values()])[at >= 0]
    return figures


def _places(within: list[NDArray[Any]], rows: list[NDArray[Any]]) -> NDArray[np.int64]:
    """Find rows of keys (the first counts most) within others: of equal ones the nth at the nth; -1: nowhere."""
    count = len(within[0])
    keys = [np.concatenate([a, b]).astype(np.int64) for a, b in zip(within, rows, strict=True)]
    sought = np.arange(len(keys[0])) >= count
    order = np.lexsort((sought, *reversed(keys)))
    differs = np.any([np.diff(key[order], prepend=-1) != 0 for key in keys], axis=0)
    first = np.maximum.accumulate(np.where(differs, np.arange(len(order)), 0))
    group = np.cumsum(differs) - 1
    there = np.bincount(group, ~sought[order])[group].astype(np.int64)
    nth = np.arange(len(order)) - first - there
    last = len(order) - 1
    found = np.where(nth < there, order[np.minimum(first + np.maximum(nth, 0), last)], -1)
    places = np.empty(len(order) - count, np.int64)
    places[order[sought[order]] - count] = found[sought[order]]
    return places
