"""Settings of this folder's tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Chosen by test_sanitizers.py: there each example is some ten times as slow.
settings.register_profile("sanitizer", max_examples=20)


@pytest.fixture
def ram_path(tmp_path: Path) -> Iterator[Path]:
    """A folder for hundreds of small files: in memory where there is such a file system."""
    if not Path("/dev/shm").is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="pycarbon-test-", dir="/dev/shm") as folder:
        yield Path(folder)
