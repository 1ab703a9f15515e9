"""What a comparison shows, and in which order: the same for the terminal and for Markdown."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from pycarbon.analysis import Run
from pycarbon.change import Change
from pycarbon.reports import figures
from pycarbon.run_differences import RegionRow, Row, RunDifferences

MOST_REGIONS = 20
MOST_OF_A_COMMAND = 100

_SIGNS = {"more": "+", "new": "+", "less": "-", "gone": "-", "same within its interval": "="}


def described(compared: RunDifferences) -> list[list[str]]:
    """Say of each run what tells it from the others: name, length, end, start, file; its command where these differ.

    The file is with its folder where another run's has the same name.
    """
    names = [run.path.name for run in compared.runs if run.path is not None]
    differ = len({tuple(run.command) for run in compared.runs}) > 1
    found = []
    for run in compared.runs:
        file = "" if run.path is None else run.path.name if names.count(run.path.name) == 1 else str(run.path)
        started = run.started_at[:19].replace("T", " ")
        command = shlex.join(run.command) if differ else ""
        command = command if len(command) <= MOST_OF_A_COMMAND else f"{command[:MOST_OF_A_COMMAND]} ..."
        words = (run.name, figures.duration(run.duration_s), *_ended(run), started, file, command)
        found.append([word for word in words if word.strip()])
    return found


def _ended(run: Run) -> list[str]:
    state = [] if run.complete else ["cut off"]
    if run.exit_status:
        state.append(f"exit {run.exit_status}" if run.exit_status > 0 else f"signal {-run.exit_status}")
    return state


def of_runs(compared: RunDifferences) -> list[tuple[str, Row]]:
    """Name the figures of whole runs: energy first, or what is compared in its stead; none that no run knows."""
    energy = [
        ("Energy", compared.energy),
        *((f"  {one.domain}" if one.in_total else f" ({one.domain})", one.energy) for one in compared.domains),
        ("Process share", compared.process),
        ("CO2e", compared.emissions),
    ]
    time = [("Duration", compared.duration), ("CPU time", compared.process_cpu)]
    rows = [*reversed(time), *energy] if compared.by_time else [*energy, *time]
    return [
        (figures.printable(name.strip()).rjust(len(name)), row)
        for name, row in rows
        if any(value is not None for value in row.values)
    ]


def below(compared: RunDifferences, region: RegionRow) -> list[tuple[str, Row]]:
    """Name what is said below a region's own row: its calls where they differ, what one took then, and its time."""
    rows = []
    if any(found.verdict in ("more", "less") for found in region.calls.changes):
        per_call = region.time_per_call if compared.by_time else region.energy_per_call
        rows = [("calls", region.calls), ("a call", per_call)]
    if compared.is_changed(region) and not compared.by_time:
        rows.append(("time", region.time))
    return rows


def shown(compared: RunDifferences, everything: bool) -> tuple[Sequence[RegionRow], str]:
    """Choose the regions that changed the most, and say what is left out; empty where nothing is."""
    if everything or len(compared.regions) <= MOST_REGIONS:
        return compared.regions, ""
    rest = compared.regions[MOST_REGIONS:]
    changed = sum(map(compared.is_changed, rest))
    of_them = "" if compared.by_time else f", {changed or 'none'} of them changed"
    return compared.regions[:MOST_REGIONS], f"and {len(rest)} more{of_them}; --all shows them"


def sign(compared: RunDifferences, changes: Sequence[Change]) -> str:
    """Mark a region as in a diff: + and - where it grew or shrank, = where no change is seen, * where runs differ.

    Times have no interval, so that any two differ: by time only what is new and what is gone is marked.
    """
    judged = [found for found in changes if found.verdict != "not known"]
    if compared.by_time:
        judged = [found for found in judged if found.verdict in ("new", "gone")]
    marks = {_SIGNS.get(found.verdict, "?") for found in judged}
    if len(marks) == 1:
        return marks.pop()
    return "*" if marks else " "


def kinds(compared: RunDifferences, regions: Sequence[RegionRow]) -> list[str]:
    """Give the kinds of what regions are compared by, each once."""
    rows = [compared.deciding(region) for region in regions]
    if compared.by_time:
        return ["time"]
    return sorted({value.kind for row in rows for value in row.values if value is not None})
