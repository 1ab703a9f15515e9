"""Invented runs of a few projects, and the sums and choices that follow from them without any index."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timezone
from math import fsum

from hypothesis import strategies as st

from pycarbon.store import rows
from pycarbon.store.filters import Filter
from pycarbon.store.rollup import RollUp
from pycarbon.store.rows import Place
from pycarbon.store.schema import statements
from pycarbon.store.summary import RunSummary

FIRST_S = int(datetime(2026, 1, 30, tzinfo=timezone.utc).timestamp())
DAYS = 64
WORDS = st.sampled_from(["", "a", "b", "ü\udcff", "<b>", "=1+1"])
TAGS = st.dictionaries(st.sampled_from(["user", "k\udcff", "="]), st.sampled_from(["", "ada", "\udcfe"]), max_size=2)
# multiples of an eighth of a millionth or more are exact as floats, so that tests may ask for equal sums
AMOUNTS = st.integers(0, 10**9).map(lambda number: number / 1024)


@st.composite
def summaries(draw: st.DrawFn, ids: st.SearchStrategy[str]) -> RunSummary:
    """Draw a run: some overlap on a machine, some say no time, some used nobody knows how much."""
    started_s = draw(st.none() | st.integers(0, DAYS * 86400 - 1).map(lambda at: float(FIRST_S + at)))
    duration_s = draw(st.sampled_from([0.0, 1.5, 3600.0, 5 * 86400.0]))
    energy_j, low_j, high_j = draw(st.none() | AMOUNTS), draw(st.none() | AMOUNTS), draw(st.none() | AMOUNTS)
    return RunSummary(
        id=draw(ids),
        organisation=draw(WORDS),
        project=draw(WORDS),
        experiment=draw(WORDS),
        started_s=started_s,
        ended_s=None if started_s is None else started_s + duration_s,
        duration_s=duration_s,
        tags=draw(TAGS),
        machine=draw(WORDS),
        boot=draw(st.sampled_from(["", "one", "other"])),
        device=draw(WORDS),
        zone=draw(st.sampled_from(["FRA", "DEU"])),
        kind="" if energy_j is None else draw(st.sampled_from(["measured", "modelled"])),
        energy_j=energy_j,
        low_j=None if energy_j is None else low_j,
        high_j=None if energy_j is None else high_j,
        process_j=draw(st.none() | AMOUNTS),
        co2e_g=None if energy_j is None else draw(st.none() | AMOUNTS),
        low_g=draw(st.none() | AMOUNTS),
        high_g=draw(st.none() | AMOUNTS),
    )


def memory() -> sqlite3.Connection:
    """Give an empty index."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in statements():
        connection.execute(statement)
    return connection


def put_all(connection: sqlite3.Connection, runs: dict[str, RunSummary]) -> None:
    """Put runs, by their paths, into an index."""
    for path, run in runs.items():
        rows.put(connection, run, Place("", path, 1, 1))


def is_beside(run: RunSummary, other: RunSummary) -> bool:
    """Whether two runs had a machine's counters at the same time."""
    if not run.boot or run.boot != other.boot or None in (run.started_s, other.started_s):
        return False
    return run.ended_s > other.started_s and run.started_s < other.ended_s


def sums_of(chosen: list[RunSummary], all_: list[RunSummary]) -> RollUp:
    """Add up runs that are some of all."""
    known = [run for run in chosen if run.energy_j is not None]
    measured = [run for run in known if run.kind == "measured"]
    beside = [run for run in chosen if any(is_beside(run, other) for other in all_ if other is not run)]
    return RollUp(
        runs=len(chosen),
        duration_s=fsum(run.duration_s for run in chosen),
        energy_j=_sum(run.energy_j for run in chosen),
        low_j=_sum(_or(run.low_j, run.energy_j) for run in chosen),
        high_j=_sum(_or(run.high_j, run.energy_j) for run in chosen),
        measured_j=_sum(run.energy_j for run in measured),
        process_j=_sum(run.process_j for run in chosen),
        co2e_g=_sum((run.co2e_g for run in chosen), 1e9),
        low_g=_sum((_or(run.low_g, run.co2e_g) for run in chosen), 1e9),
        high_g=_sum((_or(run.high_g, run.co2e_g) for run in chosen), 1e9),
        measured_g=_sum((run.co2e_g for run in measured), 1e9),
        unknown=len(chosen) - len(known),
        without_interval=sum(None in (run.low_j, run.high_j) for run in known),
        beside=len(beside),
        beside_j=_sum(run.energy_j for run in beside),
    )


def _or(value, instead):
    return instead if value is None else value


def _sum(values, parts: float = 1e6) -> float:
    # each is rounded to whole µJ, or ng, as the index keeps them
    return sum(int((value or 0) * parts + 0.5) for value in values) / parts


def fits(run: RunSummary, chosen: Filter) -> bool:
    """Whether a filter lets a run through."""
    for name in ("organisation", "project", "experiment", "machine", "device", "zone", "kind"):
        asked = getattr(chosen, name)
        if asked is not None and rows.clean(asked) != rows.clean(getattr(run, name)):
            return False
    if chosen.since is not None or chosen.until is not None:
        if run.started_s is None:
            return False
        day = datetime.fromtimestamp(run.started_s, timezone.utc).date()
        if (chosen.since is not None and day < chosen.since) or (chosen.until is not None and day > chosen.until):
            return False
    tags = {rows.clean(key): rows.clean(value) for key, value in run.tags.items()}
    return all(
        rows.clean(key) in tags and (value is None or rows.clean(value) == tags[rows.clean(key)])
        for key, value in chosen.tags.items()
    )
