"""What CodeCarbon told of a run, as a run of pycarbon's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from emissions_files import VERSIONS, cells, write

from pycarbon import imported
from pycarbon.analysis import Run
from pycarbon.codecarbon import Row, rows
from pycarbon.store.summary import summary


def row(tmp_path: Path, version: str = "3.1.0", **changes: object) -> Row:
    (found,) = rows(write(tmp_path / "emissions.csv", cells(version, **changes)))
    assert isinstance(found, Row)
    return found


def run(tmp_path: Path, version: str = "3.1.0", **changes: object) -> Run:
    return Run(imported.run_of(row(tmp_path, version, **changes), {}))


@pytest.mark.parametrize("version", VERSIONS)
def test_its_figures_are_kept_as_they_were_counted(tmp_path: Path, version: str) -> None:
    made = run(tmp_path, version)

    assert made.energy.total_j == pytest.approx(360e3) and made.energy.kind == "modelled"
    assert made.emissions.co2e_g == pytest.approx(5.6)
    assert {channel.source for channel in made.energy.channels} == {"codecarbon"}
    found = summary(made)
    assert (found.low_j, found.high_j, found.low_g, found.high_g) == (None, None, None, None)
    assert found.zone == "FRA" and found.place_known and found.kind == "modelled"
    assert found.origin == ("CodeCarbon 1" if version == "1.2.0" else f"CodeCarbon {version}")


def test_grams_hold_the_building_once(tmp_path: Path) -> None:
    made = run(tmp_path, pue=1.25)

    assert made.emissions.pue == 1.25 and made.emissions.co2e_g == pytest.approx(5.6)
    assert made.energy.total_j == pytest.approx(288e3)


def test_it_says_when_on_what_and_by_whom(tmp_path: Path) -> None:
    made = run(tmp_path)

    assert made.duration_s == 3600 and made.started_at.startswith("2025-11-03T09:00:00.000")
    assert (made.project, made.experiment, made.name) == ("vision", "", "vision")
    assert made.tags == {"run_id": "0c4e6c3c-6f0a-4ad4-8f39-6bb3d0b6a9f1", "tracking_mode": "machine"}
    assert made.machine.n_threads == 64 and made.machine.brand == "AMD EPYC 7513 32-Core Processor"
    assert summary(made).device == "AMD EPYC 7513 32-Core Processor, 2 x NVIDIA A100-SXM4-40GB"


def test_an_experiment_is_one_that_somebody_made(tmp_path: Path) -> None:
    assert run(tmp_path, experiment_id="sweep").experiment == "sweep"
    assert run(tmp_path, "1.2.0", experiment_id="another for each row").experiment == ""


def test_notes_say_what_nobody_knows(tmp_path: Path) -> None:
    notes = " ".join(run(tmp_path, tracking_mode="process", water_consumed=0.2).notes)

    for words in ("no interval is known", "of which year", "without its zone", "a process", "0.2 L of water"):
        assert words in notes


def test_nobody_learns_where_somebody_lives(tmp_path: Path) -> None:
    text = json.dumps(run(tmp_path).data.meta)

    assert "3.12" not in text and "2.3488" not in text and "48.8534" not in text
    assert "3.11.2" in text, "the rest of the row is there"


@pytest.mark.parametrize(
    ("told", "zone"),
    [
        ({}, "FRA"),
        ({"country_iso_code": "USA", "region": "new york"}, "US-NY"),
        ({"country_iso_code": "USA", "region": "georgia"}, "US-GA"),
        ({"country_iso_code": "USA", "region": "nowhere"}, "USA"),
        ({"country_iso_code": "CAN", "region": "quebec"}, "CA-QC"),
        ({"country_iso_code": "FRA", "region": "quebec"}, "FRA"),
        ({"country_iso_code": "USA", "cloud_provider": "aws", "cloud_region": "us-east-1"}, "aws:us-east-1"),
        ({"country_iso_code": "DEU", "cloud_provider": "ovh", "cloud_region": "x"}, "DEU"),
        ({"country_iso_code": ""}, None),
        ({"country_iso_code": "Atlantis"}, None),
    ],
)
def test_its_place_is_the_smallest_that_is_known(tmp_path: Path, told: dict[str, str], zone: str | None) -> None:
    made = run(tmp_path, **told)

    assert made.emissions.zone == (zone or "WORLD") and made.emissions.place_known == (zone is not None)
    assert made.emissions.co2e_g == pytest.approx(5.6), "whatever the place: its grams stay"


def test_a_run_of_nothing_is_one(tmp_path: Path) -> None:
    made = run(tmp_path, energy_consumed=0, emissions=0, duration=0)

    assert made.energy.total_j == 0 and made.emissions.co2e_g == 0 and made.duration_s == 0


def test_its_id_is_that_of_its_run(tmp_path: Path) -> None:
    early, late, other = row(tmp_path), row(tmp_path, timestamp="2025-11-03T11:00:00"), row(tmp_path, run_id="other")

    assert imported.run_id(early) == imported.run_id(late) != imported.run_id(other)
    assert imported.run_id(row(tmp_path, "1.2.0", experiment_id="a")) != imported.run_id(row(tmp_path, "1.2.0"))
    assert imported.run_id(row(tmp_path, run_id="")) == imported.run_id(row(tmp_path, run_id=""))
