"""What measuring a command adds to its time: pycarbon bench's runner beside the least that starts and waits."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from powercap_emulator import PowercapEmulator
from ratios import Report, compare

from pycarbon.command_trials import Runner
from pycarbon.feeds import Sampling
from pycarbon.interrupts import Interrupts
from pycarbon.metering import Metering
from pycarbon.sources import Roots, discover

ROUNDS = 60
QUIET = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]


@pytest.fixture
def runner(emulator: PowercapEmulator) -> Iterator[Runner]:
    """Runs commands while counters are sampled, as within a comparison."""
    with Interrupts() as interrupts, Metering(discover(Roots.under(emulator.root)), Sampling()):
        made = Runner(os.environ, show_output=False, deadline_s=time.monotonic() + 3600, interrupts=interrupts)
        yield made
        made.close()


def bare_s(argv: list[str]) -> float:
    start_ns = time.monotonic_ns()
    process = os.posix_spawnp(argv[0], argv, os.environ, file_actions=QUIET)
    os.waitpid(process, 0)
    return (time.monotonic_ns() - start_ns) / 1e9


def measured_s(runner: Runner, argv: list[str]) -> float:
    ended = runner.run(argv)
    return (ended.end_ns - ended.start_ns) / 1e9


@pytest.mark.parametrize(
    ("name", "argv", "target"),
    [
        ("sleep 0.1", ["sleep", "0.1"], 1.01),
        ("sleep 0.1, a hundred lines", ["sh", "-c", "sleep 0.1; seq 100"], 1.01),
        ("true", ["true"], None),
        ("2 MB of output", ["seq", "300000"], None),
    ],
)
def test_measured_time_of_a_command(benchmark, report: Report, runner: Runner, name: str, argv: list[str], target):
    compare(
        benchmark,
        report,
        f"time of {name}, measured by bench",
        lambda: measured_s(runner, argv),
        "posix_spawn and wait, to /dev/null",
        lambda: bare_s(argv),
        rounds=ROUNDS,
        target=target,
    )
