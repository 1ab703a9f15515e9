"""Questions to the index: sums by months are sums by runs, for any filter, and lists are what the filter says."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_world import DAYS, FIRST_S, fits, memory, put_all, summaries, sums_of

from pycarbon.errors import PyCarbonError
from pycarbon.store import queries, rows
from pycarbon.store.filters import Filter
from pycarbon.store.rollup import RollUp
from pycarbon.store.summary import RunSummary

FIRST = datetime.fromtimestamp(FIRST_S, timezone.utc).date()
WORDS = st.none() | st.sampled_from(["", "a", "ü\udcff", "no such"])
DAY = st.none() | st.integers(-3, DAYS + 3).map(lambda days: FIRST + timedelta(days=days))
FILTERS = st.builds(
    Filter,
    organisation=WORDS,
    project=WORDS,
    experiment=WORDS,
    since=DAY,
    until=DAY,
    machine=WORDS,
    device=WORDS,
    zone=st.none() | st.just("FRA"),
    kind=st.none() | st.sampled_from(["measured", "modelled"]),
    tags=st.dictionaries(st.sampled_from(["user", "k\udcff"]), st.none() | st.sampled_from(["", "ada"]), max_size=2),
)
# mostly two members of a filter: with all of them hardly a run fits
SPARSE = st.builds(
    lambda chosen, names: Filter(**{name: getattr(chosen, name) for name in names}),
    FILTERS,
    st.sets(st.sampled_from(["organisation", "experiment", "since", "until", "zone", "kind", "tags"]), max_size=3),
)
RUNS = st.lists(summaries(st.just("")), max_size=12).map(
    lambda runs: [RunSummary(id=f"run-{i:02d}", **_members(run)) for i, run in enumerate(runs)]
)


def _members(run):
    return {name: getattr(run, name) for name in RunSummary.__slots__ if name != "id"}


def key_of(run, dimension):
    if dimension in ("month", "day"):
        if run.started_s is None:
            return ""
        day = datetime.fromtimestamp(run.started_s, timezone.utc).date().isoformat()
        return day if dimension == "day" else day[:7]
    return rows.clean(getattr(run, dimension))


def close(found: RollUp, true: RollUp) -> bool:
    return found.to_dict() == pytest.approx(true.to_dict(), rel=1e-12, abs=1e-9)


@settings(max_examples=80)
@given(RUNS, FILTERS | SPARSE, st.sampled_from(queries.DIMENSIONS), st.sampled_from(queries.ORDERS), st.booleans())
def test_sums_and_lists_of_any_filter(runs, chosen, dimension, order, descending):
    # GIVEN some runs
    connection = memory()
    put_all(connection, {f"{run.id}.pcr": run for run in runs})
    true = [run for run in runs if fits(run, chosen)]
    # WHEN those that fit are asked for, their sums, their sums by something, and their tags
    listed = queries.runs(connection, chosen, order, descending)
    pages = [queries.runs(connection, chosen, order, descending, limit=2, offset=offset) for offset in (1, 3)]
    totals = queries.totals(connection, chosen)
    groups = queries.by(connection, chosen, dimension)
    tags = queries.tags(connection, chosen)
    connection.close()
    # THEN they are those that a look at each run gives
    assert {each.summary.id for each in listed} == {run.id for run in true}
    assert [*pages[0], *pages[1]] == listed[1:5]
    if order == "started":
        times = [each.summary.started_s for each in listed if each.summary.started_s is not None]
        assert times == sorted(times, reverse=descending)
        assert all(each.summary.started_s is None for each in listed[len(times) :])
    assert close(totals, sums_of(true, runs))
    assert {group.key for group in groups} == {key_of(run, dimension) for run in true}
    for group in groups:
        assert close(group.sums, sums_of([run for run in true if key_of(run, dimension) == group.key], runs))
    pairs = Counter((rows.clean(key), rows.clean(value)) for run in true for key, value in run.tags.items())
    assert tags == sorted(((*pair, count) for pair, count in pairs.items()), key=lambda tag: (-tag[2], *tag[:2]))


def test_lists_are_in_order_and_the_unknown_comes_last():
    connection = memory()
    known = [RunSummary(id=f"run-{i}", energy_j=float(i % 3), kind="measured", started_s=float(i)) for i in range(6)]
    put_all(connection, {f"{run.id}.pcr": run for run in [RunSummary(id="none"), *known]})

    def ids(order, descending, **part):
        found = queries.runs(connection, Filter(), order, descending, **part)
        return [each.summary.id.removeprefix("run-") for each in found]

    assert ids("energy", True) == ["2", "5", "1", "4", "0", "3", "none"]
    assert ids("energy", False) == ["0", "3", "1", "4", "2", "5", "none"]
    assert ids("started", True, limit=2, offset=1) == ["4", "3"]
    assert ids("started", False, limit=2, offset=6) == ["none"]
    connection.close()


def test_groups_are_in_order_of_time_or_of_emissions():
    connection = memory()
    amounts = {"b": 2.0, "a": 2.0, "c": 9.0}
    put_all(
        connection,
        {
            f"{name}.pcr": RunSummary(
                id=name * 4, project=name, energy_j=grams, co2e_g=grams, kind="measured", started_s=86400.0 * grams
            )
            for name, grams in amounts.items()
        },
    )
    assert [group.key for group in queries.by(connection, Filter(), "project")] == ["c", "a", "b"]
    assert [group.key for group in queries.by(connection, Filter(), "day")] == ["1970-01-03", "1970-01-10"]
    connection.close()


def test_a_run_is_found_by_the_beginning_of_its_id():
    connection = memory()
    put_all(connection, {f"{id}.pcr": RunSummary(id=id) for id in ("abcd0001", "abcd0002", "abcd", "ab", "%_%_")})
    assert queries.run(connection, "abcd0001").path == "abcd0001.pcr"
    assert queries.run(connection, "abcd").path == "abcd.pcr"  # a whole id, though two begin so
    assert queries.run(connection, "ab").path == "ab.pcr"
    assert queries.run(connection, "%_%_").path == "%_%_.pcr"
    for name, why in {
        "abcd000": "several runs",
        "abc": "too short",
        "abce": "no run in the store",
        "____": "no run in the store",
        "\udcff" * 9: "no run in the store",
    }.items():
        with pytest.raises(PyCarbonError, match=why):
            queries.run(connection, name)
    connection.close()


def test_nothing_adds_up_to_nothing():
    connection = memory()
    assert queries.totals(connection, Filter()) == RollUp()
    assert queries.by(connection, Filter(since=date(2026, 1, 2)), "month") == []
    connection.close()
