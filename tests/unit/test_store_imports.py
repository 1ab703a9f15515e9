"""An emissions.csv in the store: each run once, in its last state, whatever is imported how often."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from emissions_files import V31, cells, write

from pycarbon.analysis import load
from pycarbon.commands import main
from pycarbon.errors import PyCarbonError
from pycarbon.store.imports import Imported, take
from pycarbon.store.index import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def flushed(number: int, hours: int, **changes: object) -> dict[str, str]:
    """A row of a run after some hours, of 0.1 kWh each."""
    energy = {"energy_consumed": 0.1 * hours, "cpu_energy": 0.1 * hours, "gpu_energy": 0, "ram_energy": 0}
    at = {"timestamp": f"2025-11-{number + 1:02d}T{hours:02d}:00:00", "duration": 3600 * hours}
    return cells("3.1.0", run_id=f"run {number}", emissions=0.0056 * hours, **energy, **at, **changes)


def counts(found: Imported) -> tuple[int, int, int, int, int]:
    return len(found.added), len(found.updated), found.present, found.earlier, len(found.refused)


def test_rows_of_a_run_are_its_states_and_the_last_one_counts(store: Store, tmp_path: Path) -> None:
    # GIVEN two runs whose rows lie between each other's, and copies
    rows = [flushed(0, 1), flushed(1, 1), flushed(0, 3), flushed(1, 2), flushed(0, 2), flushed(0, 3)]

    found = take(store, write(tmp_path / "e.csv", *rows))

    assert counts(found) == (2, 0, 0, 4, 0)
    assert store.totals().energy_j == pytest.approx(5 * 360e3)
    assert store.totals().without_interval == 2


def test_importing_twice_adds_nothing(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "e.csv", flushed(0, 1), flushed(1, 1))
    take(store, path)

    assert counts(take(store, path)) == (0, 0, 2, 0, 0)
    assert store.totals().runs == 2


def test_a_file_that_has_grown_brings_its_runs_up_to_date(store: Store, tmp_path: Path) -> None:
    # GIVEN a run that was imported, and moved and tagged since
    take(store, write(tmp_path / "e.csv", flushed(0, 1)), {"project": "first"})
    (before,) = store.runs()

    # WHEN a later state of it is imported for another project
    found = take(store, write(tmp_path / "e.csv", flushed(0, 1), flushed(0, 2)), {"project": "second"})

    # THEN it is the same run, of the project it was in
    assert counts(found) == (0, 1, 0, 1, 0)
    (after,) = store.runs()
    assert after.summary.id == before.summary.id and after.summary.project == "first"
    assert after.summary.energy_j == pytest.approx(720e3)
    assert len(list(store.folder.rglob("*.pcr"))) == 1 and not list(store.folder.rglob("*.part"))


def test_an_older_copy_of_the_file_changes_nothing(store: Store, tmp_path: Path) -> None:
    take(store, write(tmp_path / "e.csv", flushed(0, 2)))

    assert counts(take(store, write(tmp_path / "old.csv", flushed(0, 1)))) == (0, 0, 1, 0, 0)
    assert store.totals().energy_j == pytest.approx(720e3)


def test_the_index_can_be_made_anew_from_the_files(store: Store, tmp_path: Path) -> None:
    take(store, write(tmp_path / "e.csv", *(flushed(number, 1) for number in range(3))), {"experiment": "sweep"})
    before = store.runs()
    store.close()
    for path in store.folder.glob("index.sqlite*"):
        path.unlink()

    again = Store(store.folder)

    assert [each.summary for each in again.runs()] == [each.summary for each in before]
    assert all(load(again.path_of(each)).experiment == "sweep" for each in again.runs())


def test_a_dry_run_writes_nothing(store: Store, tmp_path: Path) -> None:
    found = take(store, write(tmp_path / "e.csv", flushed(0, 1)), dry_run=True)

    assert counts(found) == (1, 0, 0, 0, 0) and found.added[0].energy_j == pytest.approx(360e3)
    assert store.totals().runs == 0 and not list(store.folder.rglob("*.pcr"))


def test_names_come_from_whoever_asked_then_from_the_file(store: Store, tmp_path: Path) -> None:
    take(store, write(tmp_path / "a.csv", flushed(0, 1, project_name="")), {"organisation": "lab"})
    take(store, write(tmp_path / "b.csv", flushed(1, 1)))
    take(store, write(tmp_path / "c.csv", flushed(2, 1)), {"project": "=mine", "experiment": "e"})

    found = {(each.summary.organisation, each.summary.project, each.summary.experiment) for each in store.runs()}
    assert found == {("lab", "default", ""), ("default", "vision", ""), ("default", "=mine", "e")}


def test_a_file_without_any_sound_row_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(PyCarbonError, match=r"no line of .* can be imported; line 2: emissions is -1"):
        take(store, write(tmp_path / "e.csv", flushed(0, 1) | {"emissions": "-1"}))


def test_a_file_without_rows_is_imported_to_no_effect(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text(",".join(V31) + "\n")

    assert counts(take(store, path)) == (0, 0, 0, 0, 0)


def test_the_command_says_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN a file with a run, an earlier state of it, and a line without sense
    monkeypatch.setenv("PYCARBON_DATA_DIR", str(tmp_path / "store"))
    path = write(tmp_path / "e.csv", flushed(0, 1), flushed(0, 2), flushed(1, 1) | {"duration": "\x1b[2J"})

    assert main(["import", str(path), "--dry-run"]) == 0
    assert "1 run would be imported, 1 row of earlier states" in capsys.readouterr().out
    assert main(["import", str(path), "--project", "mine"]) == 0
    told = capsys.readouterr()
    assert "720 kJ and 11.2 g CO2e, modelled, interval not known" in told.out
    assert f"pycarbon: line 4 of {path} is not imported: duration is" in told.err and "\x1b" not in told.err

    # THEN once more it is there already, and JSON says the same
    assert main(["import", str(path), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["added"], values["present"], values["earlier"]) == ([], 1, 1)
    assert values["refused"][0]["line"] == 4
    assert main(["import", str(tmp_path / "none.csv")]) == 1
    assert "none.csv cannot be read: No such file or directory" in capsys.readouterr().err


def test_a_store_that_takes_no_file_is_said(store: Store, tmp_path: Path) -> None:
    (store.folder / "default").write_text("a file where a folder should be")

    with pytest.raises(PyCarbonError, match="cannot be written"):
        take(store, write(tmp_path / "e.csv", flushed(0, 1)))
