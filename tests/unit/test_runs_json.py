"""Runs of the store as JSON: every figure in full, and what no JSON holds is null."""

from __future__ import annotations

import json
import math

import pytest
from listed_runs import ALL, KINDS, RUNS, listed

from pycarbon.reports import runs_json


def test_a_list_and_its_sums():
    found = json.loads(
        runs_json.render([*RUNS, listed(9, energy_j=math.nan)], KINDS, ALL, 2), parse_constant=pytest.fail
    )
    assert list(found) == ["schema", "runs", "kinds", "totals", "refused_files"] and found["refused_files"] == 2
    assert found["runs"][0]["organisation"] == "acme\x1b[2J" and found["runs"][0]["energy_j"] == 209200.0
    assert found["runs"][-1]["energy_j"] is None and found["runs"][-1]["path"] == "o/p/9.pcr"
    assert [kind["key"] for kind in found["kinds"]] == ["measured", "modelled", ""]
    assert found["totals"] == ALL.to_dict()


def test_sums_by_something():
    found = json.loads(runs_json.render_sums("month", KINDS, ALL, 0))
    assert found["by"] == "month" and found["groups"][0] == {"key": "measured", **KINDS[0].sums.to_dict()}
