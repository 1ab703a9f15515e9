"""The door for pytest: its options, its marker and its fixture.

Everybody who has pycarbon installed loads this with every pytest run, so it brings nothing else: what it needs comes
when somebody asks for energy, by an option, the marker or the fixture, or when workers of pytest-xdist might.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pycarbon.integrations.spending import Energy
    from pycarbon.integrations.tests_energy import TestsEnergy

MARKER = "energy_limit"
HELP = (
    'energy_limit(limit): fail the test if its call used more, such as "5 J" or "200 mJ"; only what counters tell, '
    "and with its whole interval, is too much (pycarbon)."
)
_NAME = "pycarbon-energy"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Describe the options."""
    group = parser.getgroup("energy", "energy and carbon of tests (pycarbon)")
    group.addoption("--energy", action="store_true", help="show the joules of tests, the most first")
    group.addoption(
        "--energy-top", type=_count, default=10, metavar="N", help="show so many (default: %(default)s; 0: all)"
    )
    group.addoption("--energy-json", type=Path, metavar="FILE", help="write the figures of all tests to FILE")
    group.addoption("--energy-root", type=Path, metavar="DIR", help="read counters under DIR/sys instead of /sys")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and begin where an option asks for energy."""
    config.addinivalue_line("markers", HELP)
    root = config.getoption("energy_root")
    if root is not None and not (root / "sys").is_dir():
        raise pytest.UsageError(f"--energy-root: {root} has no folder sys in it, so it cannot stand for /")
    if config.getoption("energy") or config.getoption("energy_json"):
        tests_energy(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist whom to ask: the machine's counters are read by one process."""
    node.workerinput["pycarbon"] = tests_energy(node.config).address()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin where some test has a limit."""
    limited = [item for item in items if item.get_closest_marker(MARKER)]
    if limited:
        tests_energy(config).take_limits(limited)


@pytest.fixture(scope="session")
def energy(request: pytest.FixtureRequest) -> Energy:
    """What a block of code uses: `with energy() as used: work()`, then `used.energy_j`, `used.low_j`, `used.kind`."""
    return tests_energy(request.config).energy


def tests_energy(config: pytest.Config) -> TestsEnergy:
    """Give what follows the energy of this session's tests; it begins with the first call."""
    from pycarbon.integrations.tests_energy import TestsEnergy

    found = config.pluginmanager.get_plugin(_NAME)
    if found is None:
        found = TestsEnergy(config)
        config.pluginmanager.register(found, _NAME)
    return found
