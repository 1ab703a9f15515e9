"""A list of runs needs their footers only."""

from __future__ import annotations

import pytest
from test_repair import parts
from test_runfile import GOLDEN, encoded

import pycarbon
from pycarbon import fold
from pycarbon.errors import RunFileError
from pycarbon.frame import FRAME_HEADER_BYTES
from pycarbon.runfile import read, read_footer


def test_a_footer_is_what_the_whole_file_has(tmp_path):
    # GIVEN a folded file, one without a trailer, and one that was cut off
    fold.write(parts(), tmp_path / "folded.pcr")
    (tmp_path / "live.pcr").write_bytes(encoded(parts()))
    (tmp_path / "cut.pcr").write_bytes(encoded(parts())[:-5])
    # THEN read alone it is what it is in the run
    for name in ("folded", "live", "cut"):
        assert read_footer(tmp_path / f"{name}.pcr") == read(tmp_path / f"{name}.pcr").footer
    assert read_footer(GOLDEN / "run-v1.pcr") == read(GOLDEN / "run-v1.pcr").footer


def test_nothing_else_of_the_file_is_read(tmp_path):
    fold.write(parts(), tmp_path / "a.pcr")
    data = bytearray((tmp_path / "a.pcr").read_bytes())
    data[16 + FRAME_HEADER_BYTES + 3] ^= 1
    (tmp_path / "a.pcr").write_bytes(data)
    assert read_footer(tmp_path / "a.pcr")["notes"] == ["hello"]
    with pytest.raises(RunFileError):
        read(tmp_path / "a.pcr")


def test_a_recorded_run_says_in_its_footer_what_a_list_shows(tmp_path):
    with pycarbon.record(
        "name", organisation="o", project="p", experiment="e", path=tmp_path / "a.pcr", tags={"k": "v"}
    ) as run:
        pass
    footer = read_footer(tmp_path / "a.pcr")
    assert footer["run"] == {
        "id": run.id, "organisation": "o", "project": "p", "experiment": "e", "name": "name",
        "started_at": run.started_at, "tags": {"k": "v"},
    }  # fmt: skip
    assert footer["totals"]["energy"]["total_j"] == run.energy.total_j
