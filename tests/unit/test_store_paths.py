"""Names of run files: any text becomes one that every file system takes."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pycarbon.store.paths import file_name_part, new_path, project_folder

STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def test_a_path_says_project_time_and_name():
    path = new_path(Path("/runs"), "my org", "my project", "train/it", STARTED, "0123456789abcdef")
    assert path == Path("/runs/my-org/my-project/20260102-030405-train-it-012345.pcr")
    assert path.parent == project_folder(Path("/runs"), "my org", "my project")


@settings(deadline=None)
@given(st.text(st.characters(codec=None), max_size=300))
@example("\U00020000" * 100)  # letters of four bytes
@example("..")
def test_any_text_becomes_a_part_of_a_name(text):
    part = file_name_part(text)
    assert part not in ("", ".", "..") and not set(part) & set("/\\\0\n ")
    path = new_path(Path("/runs"), text, text, text, STARTED, "0" * 16)
    assert path.parents[2] == Path("/runs")
    assert len(path.name.encode()) + len(".live-01234567") <= 255


@pytest.mark.parametrize(
    "text", ["index.sqlite", "Index.SQLite-journal", "server.sqlite-wal", "outbox", "my.live", "x.pcr", "x.pcr.LIVE"]
)
def test_no_folder_has_a_name_that_the_store_needs_or_passes_over(text):
    assert file_name_part(text) == f"{text}_" and file_name_part(f"{text}-2") in (f"{text}-2", f"{text}-2_")
