"""What the benchmarks share: the environments, the live counter tree, and the table at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import surroundings
from powercap_emulator import PowercapEmulator
from ratios import Report

REPORT = pytest.StashKey[Report]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORT] = Report()


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """The table that this session prints."""
    return pytestconfig.stash[REPORT]


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that starts as a user's does."""
    return surroundings.plain_environment(tmp_path_factory.mktemp("plain") / "venv")


@pytest.fixture(scope="session")
def peers() -> Path:
    """The programs of the peers' environment; skips with the reason where they cannot be installed."""
    found, why_not = surroundings.peers_environment()
    if found is None:
        pytest.skip(why_not)
    return found


@pytest.fixture
def environ(programs: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a user without settings."""
    return surroundings.environ_for(programs, tmp_path)


@pytest.fixture
def emulator() -> Iterator[PowercapEmulator]:
    """Five counters that change about every millisecond."""
    with surroundings.live_tree(zones=("core", "uncore", "dram", "psys")) as tree:
        yield tree


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    report = config.stash[REPORT]
    if not report.lines and not report.remarks:
        return
    terminalreporter.section("ratios")
    terminalreporter.write_line(surroundings.conditions())
    terminalreporter.write_line("")
    for line in [*(report.table() if report.lines else []), *report.remarks]:
        terminalreporter.write_line(line)
