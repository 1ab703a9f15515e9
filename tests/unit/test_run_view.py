"""The view of a run's page: the JSON report's figures and words beside them; it is JSON, and bounded."""

from __future__ import annotations

import json
import math

import pytest
from report_world import example
from test_icicle import many
from test_reports import cut_off, measured, modelled, no_energy, with_regions, zero_energy

from pycarbon.analysis import Run
from pycarbon.reports.as_json import as_dict
from pycarbon.reports.run_view import MOST_NOTES, MOST_REGIONS, OF_REPORT, view

ALL = [measured, modelled, cut_off, zero_energy, no_energy, with_regions, example]


@pytest.mark.parametrize("make", ALL)
def test_it_has_the_figures_of_the_json_report(make):
    # GIVEN any run WHEN its page is prepared
    found, report = view(Run(make())), as_dict(Run(make()))
    json.dumps(found, allow_nan=False)
    # THEN its figures are the report's, and so are those of its regions
    first = found["figures"][0]
    assert [first["value"], first["low"], first["high"]] == [
        report["energy"][name] for name in ("total_j", "low_j", "high_j")
    ]
    assert found["report"] == {name: report[name] for name in OF_REPORT}
    for row, region in zip(found["regions"], report["regions"], strict=True):
        assert {name: row[name] for name in region} == region
    for row, used in zip(found["domains"], report["energy"]["channels"], strict=True):
        assert row["energy_j"] == used["energy_j"] or not all(one["in_total"] for one in report["energy"]["channels"])


def test_what_is_not_known_is_said():
    found = view(Run(no_energy()))
    assert [one["text"] for one in found["figures"]] == ["not known"]
    assert found["like"] == "" and found["power"]["domains"] == []
    assert "nobody named a place" in dict(found["intensity"]["facts"])["Chosen"]
    assert found["said"]["ended"] == "ended by signal 9"
    assert dict(view(Run(measured()))["recorded"])["Cost of looking"] is None


def test_a_run_that_was_cut_off_says_so():
    assert view(Run(cut_off()))["said"]["complete"] is False


def test_a_model_says_what_would_measure():
    assert "to measure: sudo chmod a+r energy_uj" in view(Run(modelled()))["remedy"]
    assert view(Run(measured()))["remedy"] == ""


def test_many_of_anything_are_bounded_and_counted():
    data = many(2000, False)
    data.meta |= {"notes": [f"note {number}" for number in range(500)], "name": "n" * 10**6, "command": ["c" * 10**6]}
    found = view(Run(data))
    assert len(found["regions"]) == MOST_REGIONS and found["regions_left_out"] == 2000 - MOST_REGIONS
    assert len(found["notes"]) == MOST_NOTES and found["notes_left_out"] >= 450
    assert len(found["title"]) <= 500 and len(json.dumps(found)) < 400_000


def test_whatever_a_run_says_of_itself_is_taken():
    data = measured()
    data.meta |= {
        "sampling": "x",
        "choice": [1],
        "settings_from": 3,
        "gpus": [{"domain": "<g>", "name": ["a"], "memory_bytes": "z"}],
        "machine": {"memory_bytes": "x", "brand": 5},
        "pycarbon": {"a": 1},
    }
    data.footer["sampler_cpu_s"] = "x"
    found = view(Run(data))
    json.dumps(found, allow_nan=False)
    assert found["gpus"][0]["memory"] is None and dict(found["machine"])["Memory"] is None


def test_texts_of_a_region_say_its_interval():
    rows = {row["label"]: row for row in view(Run(example()))["regions"]}
    row = rows["backward"]
    assert row["resolved"] and row["energy"].endswith("J") and " to " in row["between"] and row["per_call"]
    assert rows["optimise"]["energy"] == "" and rows["optimise"]["remedy"] and " to " in rows["optimise"]["bounds"]
    assert math.isclose(rows["epoch"]["share"], rows["epoch"]["energy_j"] / Run(example()).energy.total_j)
