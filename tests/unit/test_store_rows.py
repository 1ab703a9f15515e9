"""Rows of the index: sums are those of the rows whatever came and went, and `beside` counts both of two runs."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from store_world import is_beside, memory, put_all, summaries

from pycarbon.store import rows
from pycarbon.store.rows import Place
from pycarbon.store.schema import ADDED, KEYS, OF_RUN, added
from pycarbon.store.summary import RunSummary

IDS = st.sampled_from(["aaaa", "bbbb", "cccc", "dddd", "\udcffeee"])
PATHS = st.sampled_from(["o/p/1.pcr", "o/p/2.pcr", "o/q/3.pcr", "4.pcr"])


def all_of(connection, table):
    query = f"SELECT * FROM {table}"
    if table == "runs":  # the number says who came first
        query = f"SELECT {', '.join(OF_RUN)}, day, month, beside, path FROM runs"
    if table == "tags":
        query = "SELECT id, key, value FROM tags JOIN runs ON run = number"
    return sorted(connection.execute(query).fetchall(), key=str)


def check_sums(connection):
    """The roll-ups are the sums of the rows, to the last digit."""
    for table, keys in KEYS.items():
        names = ", ".join(keys)
        sums = ", ".join(f"sum({value})" for value in added(""))
        direct = connection.execute(f"SELECT {names}, {sums} FROM runs GROUP BY {names}").fetchall()
        kept = connection.execute(f"SELECT {names}, {', '.join(ADDED)} FROM {table}").fetchall()
        assert sorted(kept) == sorted(direct)


class Changes(RuleBasedStateMachine):
    """Files come, change and go; several may hold the same run."""

    def __init__(self):
        super().__init__()
        self.connection = memory()
        self.files: dict[str, RunSummary] = {}

    @rule(path=PATHS, run=summaries(IDS))
    def write(self, path, run):
        self.files[path] = run
        rows.put(self.connection, run, Place("", path, 1, 1))
        self.read_again()

    @rule(path=PATHS)
    def remove(self, path):
        self.files.pop(path, None)
        rows.remove(self.connection, "", path)
        self.read_again()

    @rule(path=PATHS)
    def damage(self, path):
        self.files.pop(path, None)
        rows.refuse(self.connection, Place("", path, 1, 1), "it is damaged")
        self.read_again()

    def read_again(self):
        """As a look at the files ends."""
        for path in rows.unread(self.connection, ""):
            rows.put(self.connection, self.files[path], Place("", path, 1, 1))

    @invariant()
    def sums_are_those_of_the_rows(self):
        check_sums(self.connection)

    @invariant()
    def each_run_counts_once(self):
        counted = {id for (id,) in self.connection.execute("SELECT id FROM runs")}
        assert counted == {rows.clean(run.id) for run in self.files.values()}
        known = self.connection.execute("SELECT path FROM runs UNION ALL SELECT path FROM refused").fetchall()
        assert len(known) == len(set(known)) and set(self.files) <= {path for (path,) in known}

    @invariant()
    def it_is_as_if_made_anew(self):
        chosen = [(path, self.files[path]) for (path,) in self.connection.execute("SELECT path FROM runs")]
        random.Random(len(chosen)).shuffle(chosen)
        anew = memory()
        put_all(anew, dict(chosen))
        for table in ("runs", "tags", "tag_runs", *KEYS):
            assert all_of(self.connection, table) == all_of(anew, table)
        anew.close()

    def teardown(self):
        self.connection.close()


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=12, stateful_step_count=12)


@settings(max_examples=60)
@given(st.lists(summaries(st.just("")), max_size=6), st.randoms())
def test_beside_counts_both_in_any_order(runs, shuffle):
    runs = {f"{i}.pcr": RunSummary(id=f"run-{i}", **members(run)) for i, run in enumerate(runs)}
    order = list(runs.items())
    shuffle.shuffle(order)
    connection = memory()
    put_all(connection, dict(order))
    for id, beside in connection.execute("SELECT id, beside FROM runs"):
        [run] = [run for run in runs.values() if run.id == id]
        assert beside == sum(is_beside(run, other) for other in runs.values() if other is not run)
    connection.close()


def members(run):
    return {name: getattr(run, name) for name in RunSummary.__slots__ if name != "id"}


def test_a_duplicate_waits_for_the_first_to_go():
    # GIVEN two files with one run
    connection = memory()
    run = RunSummary(id="aaaa")
    assert rows.put(connection, run, Place("", "1.pcr", 1, 1)) is None
    assert rows.put(connection, run, Place("lab", "o/2.pcr", 1, 1)) == "1.pcr"
    assert rows.unread(connection, "lab") == []
    # WHEN the first one goes
    rows.remove(connection, "", "1.pcr")
    # THEN the other is to be read again, and counts
    assert rows.unread(connection, "lab") == ["o/2.pcr"]
    assert rows.put(connection, run, Place("lab", "o/2.pcr", 1, 1)) is None
    assert rows.unread(connection, "lab") == []
    connection.close()


@pytest.mark.parametrize(
    ("value", "kept"), [("train", "train"), ("Übung 训练", "Übung 训练"), ("a\udcff", "a?"), (1, 1), (None, None)]
)
def test_clean_text(value, kept):
    assert rows.clean(value) == kept
