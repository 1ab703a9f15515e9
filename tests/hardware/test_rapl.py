"""Where RAPL counters can be read: what they say is plausible. Elsewhere it skips, and says what is missing."""

import time

import pytest

import pycarbon
from pycarbon.sources import discover

DISCOVERY = discover()
REASON = "; ".join(f"{o.what} {o.remedy}".strip() for o in DISCOVERY.obstacles) or "no counter"

pytestmark = pytest.mark.skipif(not DISCOVERY.measured, reason=f"no energy counter here: {REASON}")


def test_a_busy_second_takes_a_plausible_power_and_more_than_an_idle_one(tmp_path):
    # GIVEN real counters
    # WHEN a second is slept through and another spent computing
    with pycarbon.record("idle", path=tmp_path / "idle.pcr") as idle:
        time.sleep(1)
    with pycarbon.record("busy", path=tmp_path / "busy.pcr") as busy:
        end = time.monotonic() + 1
        while time.monotonic() < end:
            sum(range(10_000))

    # THEN both are measured, the busy one took more, and neither what no machine takes
    assert idle.energy.kind == busy.energy.kind == "measured"
    assert 0.1 < idle.energy.total_j < busy.energy.high_j < 5000


def test_a_package_counter_is_updated_about_every_millisecond(tmp_path):
    with pycarbon.record("wait", path=tmp_path / "wait.pcr") as run:
        time.sleep(1)
    package = next(channel for channel in run.energy.channels if channel.domain == "package-0")
    assert 300 < package.edges <= 1050
