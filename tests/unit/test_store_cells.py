"""Sums by several things at once are those by each of them."""

from __future__ import annotations

import pytest
from demo_store import write_run

from pycarbon.store.filters import Filter, from_query
from pycarbon.store.index import Store
from pycarbon.store.rollup import RollUp, summed

FILTERS = ([], [("machine", "node-0")], [("tag", "user=ada")], [("since", "2026-05-20"), ("until", "2026-08-10")])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cells")
    for number in range(6):
        write_run(
            folder,
            f"a{number}00000000000000",
            power_w=50.0 + 10 * number,
            zone=("FRA", "DEU")[number % 2],
            experiment=("first", "second", "")[number % 3],
            started=f"2026-{4 + number:02d}-15T08:00:00+00:00",
            tags={"user": "ada"} if number < 4 else {},
            machine={"hostname": f"node-{number % 2}"},
        )
    made = Store(folder)
    yield made
    made.close()


@pytest.mark.parametrize("pairs", FILTERS)
def test_cells_add_up_to_what_is_asked_alone(store, pairs):
    chosen = from_query(pairs)
    asked = [("month", "zone"), ("organisation", "experiment"), ("machine", "device", "kind"), ("zone",)]

    found = store.several(asked, chosen)

    for names, cells in zip(asked, found, strict=True):
        assert cells
        assert summed(sums for _, sums in cells) == store.totals(chosen)
        for place, name in enumerate(names):
            for group in store.by(name, chosen):
                assert summed(sums for key, sums in cells if key[place] == group.key) == group.sums


@pytest.mark.parametrize("tags", [{}, {"user": None}])
def test_nothing_that_fits_has_no_cells(store, tags):
    nothing = Filter(machine="none", tags=tags)
    assert store.several([("zone",), ("kind", "month")], nothing) == [[], []]
    assert store.totals(nothing) == RollUp()


def test_energies_are_in_order(store):
    energies = store.energies(Filter(experiment="first"))
    runs = store.runs(Filter(experiment="first"), "energy", descending=False)
    assert energies == [run.summary.energy_j for run in runs] and len(energies) == 2
