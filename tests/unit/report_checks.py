"""What must hold of every report of any file: no exception but RunFileError, and figures within their bounds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pycarbon import runfile
from pycarbon.analysis import Run
from pycarbon.errors import RunFileError


def check_reports(file):
    """RunFileError in one line, or reports that can be made."""
    from pycarbon.reports.as_json import JsonReport
    from pycarbon.reports.text import TextReport

    try:
        run = Run(runfile.parse(file, "here"), Path("here"))
    except RunFileError as error:
        assert str(error).startswith("here holds") and "\n" not in str(error)
        return
    # THEN nothing but RunFileError is raised
    assert all(line.isprintable() for line in TextReport().render(run).split("\n"))
    values = json.loads(JsonReport().render(run), parse_constant=pytest.fail)
    energy = values["energy"]
    for part in [energy, *energy["channels"]]:
        best = part.get("total_j", part.get("energy_j"))
        assert best is None or 0 <= part["low_j"] <= best <= part["high_j"]
    for channel in energy["channels"]:
        run.power(channel["domain"])
        run.edges(channel["domain"])
