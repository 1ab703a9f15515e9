"""What is said of a project is what the index adds up, its months without a hole."""

from __future__ import annotations

import json

import pytest
from store_files import recorded

from pycarbon.store.filters import Filter
from pycarbon.store.index import Store
from pycarbon.store.overview import overview


@pytest.fixture
def store(tmp_path) -> Store:
    for number, (project, experiment, month) in enumerate(
        [("p", "a", "2025-11"), ("p", "b", "2026-02"), ("q", "", "2026-03")]
    ):
        id = f"{number}" * 8
        said = {"organisation": "o", "project": project, "experiment": experiment}
        recorded(tmp_path / f"{id}.pcr", id, started_at=f"{month}-03T00:00:00+00:00", **said)
    return Store(tmp_path)


def test_a_project_is_split_by_its_experiments(store):
    seen = overview(store, Filter(organisation="o", project="p"))
    assert seen.names == [("organisation", "o"), ("project", "p")] and seen.totals.runs == 2
    assert {group.key for group in seen.splits["experiment"]} == {"a", "b"}
    assert list(seen.splits) == ["experiment", "device", "zone"]
    # THEN months in which nothing ran are there
    assert [(group.key, group.sums.runs) for group in seen.months] == [
        ("2025-11", 1),
        ("2025-12", 0),
        ("2026-01", 0),
        ("2026-02", 1),
    ]
    assert seen.totals.energy_j == pytest.approx(sum(group.sums.energy_j for group in seen.kinds))


def test_everything_is_split_by_organisation_and_project(store):
    seen = overview(store, Filter())
    assert seen.names == [("store", str(store.folder))] and list(seen.splits)[:2] == ["organisation", "project"]
    assert list(overview(store, Filter(organisation="o", project="p", experiment="a")).splits) == ["device", "zone"]


def test_it_is_json_with_what_it_is_like(store):
    values = json.loads(json.dumps(overview(store, Filter(project="q")).to_dict(), allow_nan=False))
    assert values["project"] == "q" and values["equivalents"] and values["zones"][0]["key"] == "FRA"
    assert overview(store, Filter(project="none")).to_dict()["equivalents"] == []
