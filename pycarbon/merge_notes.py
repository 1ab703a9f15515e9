"""What a reader of merged figures must know, and what the runs are called there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from pycarbon.analysis import Run
from pycarbon.coverage import Timed, at_once, within
from pycarbon.job import MergedRun

Naming = Callable[[Timed], str]

MOST_NAMED = 8


def named(run: Run) -> str:
    """Name a run as whoever gave it knows it."""
    return str(run.path) if run.path is not None else run.name or run.id or "a run without a name"


def labels(runs: Sequence[Timed]) -> list[str]:
    """Name runs briefly, each differently: by machine or by file, by both, or by their id."""
    hosts = [str(timed.run.machine.hostname or "") for timed in runs]
    files = [timed.run.path.name.split(".", 1)[0] if timed.run.path else "" for timed in runs]
    both = [f"{host} {file}" for host, file in zip(hosts, files, strict=True)]
    for some in (hosts, files, both, [timed.run.id for timed in runs]):
        if len(set(some)) == len(runs) and all(label.strip() for label in some):
            return some
    return [f"run {number}" for number in range(1, len(runs) + 1)]


def machine_labels(firsts: Sequence[Timed], label: Naming) -> list[str]:
    """Name machines by their host names; where these do not tell them apart, with their first run."""
    hosts = [str(timed.run.machine.hostname or "") for timed in firsts]
    return [
        host if host and hosts.count(host) == 1 else f"{host} ({label(timed)})".strip()
        for host, timed in zip(hosts, firsts, strict=True)
    ]


def nested_in_others(group: Sequence[Timed]) -> bool:
    """Say whether a run may be part of another's processes, and how far nothing tells.

    The run between them is not there, or the outer one was cut off first.
    """
    outermost = [timed for timed in group if not any(within(timed, other) for other in group)]
    return at_once(group) and len({timed.run.data.meta.get("inside") for timed in outermost}) > 1


def notes(groups: Sequence[Sequence[Timed]], runs: Sequence[MergedRun], label: Naming) -> list[str]:
    """Say what is odd about the runs taken together, then what each says of itself; what several say is said once."""
    found = [*_clocks(runs), *_times(runs), *_machines(groups, label), *_doubles(groups, runs)]
    said: dict[str, list[str]] = {}
    for run in runs:
        for note in run.run.notes:
            said.setdefault(note, []).append(run.label)
        if math.isnan(run.run.energy.total_j):
            said.setdefault("its energy is not known, and in no sum", []).append(run.label)
    return found + [f"{_list(some)}: {note}" for note, some in said.items()]


def _list(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _clocks(runs: Sequence[MergedRun]) -> Iterator[str]:
    reasons = {
        "was recorded without asking how far the clock may be from true time": [
            run.label for run in runs if not run.clock.asked and run.clock.basis != "started_at"
        ],
        "says when it began to the second or so, and not on which clock": [
            run.label for run in runs if run.clock.basis == "started_at"
        ],
        "ran on a clock that nobody kept (no NTP)": [
            run.label for run in runs if run.clock.asked and not run.clock.vouched
        ],
    }
    for reason, some in reasons.items():
        if some:
            yield f"how far the common clock may be off is not known: {_list(some)} {reason}"


def _times(runs: Sequence[MergedRun]) -> Iterator[str]:
    """Say which runs were at a time of their own: a wrong file, perhaps."""
    alone = [
        run.label
        for run in runs
        if not any(
            other is not run and max(run.start_ns, other.start_ns) <= min(run.end_ns, other.end_ns) for other in runs
        )
    ]
    if len(runs) == 1:
        return
    if len(alone) == len(runs):
        yield "no two of these runs were at the same time: are they of one job?"
    elif alone:
        yield f"{_list(alone)} ran at no time when another did: of the same job?"


def _machines(groups: Sequence[Sequence[Timed]], label: Naming) -> Iterator[str]:
    shared = [group for group in groups if at_once(group)]
    if shared:
        hosts = _list(machine_labels([group[0] for group in shared], label))
        yield f"several runs were recorded at the same time on {hosts}: what a machine used meanwhile counts once"
    for group in groups:
        if at_once(group) and any(timed.run.machine.boot is None for timed in group):
            yield f"{_list([label(timed) for timed in group])} are taken for one machine by its name and start"
        if nested_in_others(group):
            yield (
                f"{_list([label(timed) for timed in group])}: one may be part of another, through a run that is not "
                "here or was cut off, so that calls and times may count twice, and the processes' share is not known"
            )


def _doubles(groups: Sequence[Sequence[Timed]], runs: Sequence[MergedRun]) -> Iterator[str]:
    """Say which machines may be one, although nothing proves it: then their energy counts twice."""
    placed = {id(run.run): run for run in runs}
    for one, other in combinations(groups, 2):
        unsure = [[timed for timed in group if timed.run.machine.boot is None] for group in (one, other)]
        hosts = {timed.run.machine.hostname for timed in (one[0], other[0])}
        if len(hosts) > 1 or not any(unsure):
            continue
        for first in one:
            for second in other:
                a, b = placed[id(first.run)], placed[id(second.run)]
                if max(a.start_ns, b.start_ns) < min(a.end_ns, b.end_ns):
                    yield (
                        f"{a.label} and {b.label} may be of one machine, nothing tells: what it used while both ran "
                        "would then be counted twice"
                    )
