"""An installation whose tables are gone: what was to run runs, and one line says what is wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from pycarbon import shipped

PROGRAM = """
import sys
from pathlib import Path
from pycarbon import commands, shipped
tables, *words = sys.argv[1:]
shipped.TABLES = Path(tables)
sys.exit(commands.main(words))
"""


def pycarbon(tmp_path, without, *words):
    """Run a command with the tables but for one."""
    tables = tmp_path / "tables"
    shutil.copytree(shipped.TABLES, tables, dirs_exist_ok=True)
    (tables / without).unlink(missing_ok=True)
    command = [sys.executable, "-c", PROGRAM, tables, *words]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)


@pytest.mark.parametrize("name", ["grid", "zones", "hours", "sources", "equivalents", "cloud"])
def test_a_command_runs_without_a_table(tmp_path, name):
    table = f"{name}.csv"
    # GIVEN an installation that lacks a table WHEN a command is recorded
    told = pycarbon(tmp_path, table, "run", "--zone", "FRA", "-o", "run.pcr", "--", "sh", "-c", "echo ran; exit 7")
    # THEN it runs and ends as it does, and one line says what is wrong
    assert (told.stdout, told.returncode) == ("ran\n", 7), told.stderr
    lines = [line for line in told.stderr.splitlines() if line.startswith("pycarbon:")]
    assert len(lines) == 1 and table in lines[0] and "reinstall pycarbon" in lines[0], told.stderr


def test_what_shows_equivalents_says_in_a_line_that_their_table_is_gone(tmp_path):
    pycarbon(tmp_path, "none", "run", "--zone", "FRA", "-o", "run.pcr", "--", "true")
    told = pycarbon(tmp_path, "equivalents.csv", "report", "run.pcr")
    assert told.returncode == 1 and told.stdout == ""
    assert told.stderr.startswith("pycarbon: cannot read the table") and told.stderr.count("\n") == 1
