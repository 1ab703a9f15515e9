"""Invented runs by the million, and an index that holds them without files: what an organisation has after years.

    python bench/store_rows.py FOLDER [ROWS]        makes FOLDER/index.sqlite

The index is filled by the tables' own statements: rows first, then the sums that the triggers would have kept.
"""

from __future__ import annotations

import random
import sys
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from pycarbon.store.database import Database
from pycarbon.store.rows import INSERT, INSERT_TAG, Place, values_of
from pycarbon.store.schema import ADDED, KEYS, added, statements
from pycarbon.store.summary import RunSummary

FIRST_S = 1_704_067_200.0  # 2024-01-01
DAYS = 3 * 365
PROJECTS, EXPERIMENTS, MACHINES = 40, 20, 12
ZONES = ("FRA", "DEU", "US-WY", "SWE", "IND", "CN-SC")
DEVICES = ("AMD EPYC 9V74", "Intel Xeon 8481C, 4 x NVIDIA H100", "Ampere Altra")
USERS = ("ada", "grace", "edsger", "barbara", "alan")


def summaries(count: int, seed: int = 1) -> Iterator[RunSummary]:
    """Give runs in order of time, the same ones for the same arguments; few of a machine overlap."""
    draw = random.Random(seed)
    step_s = DAYS * 86400 / count
    for number in range(count):
        machine = draw.randrange(MACHINES)
        started_s = FIRST_S + number * step_s
        duration_s = draw.expovariate(1 / (3 * step_s))
        energy_j = duration_s * draw.uniform(40, 900)
        grams = energy_j / 3.6e6 * draw.uniform(20, 700)
        known = number % 50 > 0
        yield RunSummary(
            id=f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}",
            organisation="acme",
            project=f"project-{min(draw.randrange(PROJECTS), draw.randrange(PROJECTS))}",
            experiment=f"experiment-{draw.randrange(EXPERIMENTS)}",
            name="train",
            started_at="2024-01-01T00:00:00Z",
            started_s=started_s,
            ended_s=started_s + duration_s,
            duration_s=duration_s,
            exit_status=0,
            tags={"user": draw.choice(USERS), "batch": str(2 ** draw.randrange(4, 12))} if number % 2 else {},
            machine=f"node-{machine}",
            boot=f"{machine:02d}-{int(started_s / 2e6):030d}",
            device=DEVICES[machine % len(DEVICES)],
            zone=ZONES[machine % len(ZONES)],
            place_known=True,
            kind=("measured" if machine % 4 else "modelled") if known else "",
            energy_j=energy_j if known else None,
            low_j=energy_j * 0.97 if known else None,
            high_j=energy_j * 1.03 if known else None,
            process_j=energy_j * 0.6 if known else None,
            co2e_g=grams if known else None,
            low_g=grams * 0.7 if known else None,
            high_g=grams * 1.4 if known else None,
            intensity_g_per_kwh=350.0,
            pue=1.2,
            origin="pycarbon 1.0",
        )


def with_neighbours(count: int) -> Iterator[tuple[RunSummary, int]]:
    """Give each run with the number of those that were beside it; they are drawn twice, since a million is much."""
    starts, ends = defaultdict(list), defaultdict(list)
    for run in summaries(count):
        starts[run.boot].append(run.started_s)
        ends[run.boot].append(run.ended_s)
    for moments in ends.values():
        moments.sort()
    for run in summaries(count):
        begun = bisect_left(starts[run.boot], run.ended_s)
        over = bisect_right(ends[run.boot], run.started_s)
        yield run, begun - over - 1


def fill(folder: Path, count: int) -> None:
    """Make an index of invented runs, each beside as many as put() would have counted."""
    database = Database(folder)
    with database.transaction() as connection:
        connection.execute("PRAGMA cache_size = -500000")
        extras = [text for text in statements() if text.startswith(("CREATE TRIGGER", "CREATE INDEX"))]
        for kind, name in connection.execute(
            "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'index') AND sql IS NOT NULL"
        ).fetchall():
            if name != "runs_file":
                connection.execute(f"DROP {kind} {name}")
        tags: list[tuple[str, str, int | None]] = []
        for number, (each, beside) in enumerate(with_neighbours(count)):
            place = Place("", f"acme/{each.project}/{number:08d}.pcr", 6000, number)
            row = connection.execute(INSERT, values_of(each, place, beside)).lastrowid
            tags += [(key, value, row) for key, value in each.tags.items()]
        connection.executemany(INSERT_TAG, sorted(tags))
        for text in extras:
            if text.startswith("CREATE INDEX"):
                connection.execute(text)
        connection.execute("UPDATE state SET is_whole = 1")
        for table, keys in KEYS.items():
            sums = ", ".join(f"sum({value})" for value in added(""))
            names = ", ".join((*keys, *ADDED))
            connection.execute(
                f"INSERT INTO {table} ({names}) SELECT {', '.join(keys)}, {sums} FROM runs GROUP BY {', '.join(keys)}"
            )
        connection.execute(
            "INSERT INTO tag_runs SELECT key, value, project, organisation, count(*)"
            " FROM tags JOIN runs ON number = run GROUP BY key, value, project, organisation"
        )
        for text in extras:
            if text.startswith("CREATE TRIGGER"):
                connection.execute(text)
    database.close()


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
