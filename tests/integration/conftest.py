"""What every test here gets: a folder to be in, and no setting of whoever runs the suite."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from browsing import browser, tab  # noqa: F401 (fixtures of every test of a page)
from powercap_emulator import can_unshare


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test and all it starts stand in `tmp_path`, with a run store and a temporary folder under it.

    What a test starts is no part of the pytest-xdist that may run the test itself.
    """
    for name in [name for name in os.environ if name.startswith(("PYCARBON_", "PYTEST_XDIST_"))]:
        monkeypatch.delenv(name)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))  # this process may have asked already
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def namespaces() -> None:
    """Skips where no mount namespace can be made; a CI machine where we are root must be able to."""
    if can_unshare():
        return
    if os.environ.get("CI") and os.geteuid() == 0:
        pytest.fail("root on CI, and yet no mount namespace")
    pytest.skip("no mount namespace can be made here: it wants root or unprivileged user namespaces")
