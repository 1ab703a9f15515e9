"""Settings of this folder's tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Chosen by test_sanitizers.py: there each example is some ten times as slow.
settings.register_profile("sanitizer", max_examples=20)


RAM = Path("/dev/shm")


@pytest.fixture
def ram_path(tmp_path: Path) -> Iterator[Path]:
    """A folder for hundreds of small files: in memory where there is such a file system."""
    if not RAM.is_dir() or tmp_path.is_relative_to(RAM):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="pycarbon-test-", dir=RAM) as folder:
        yield Path(folder)
