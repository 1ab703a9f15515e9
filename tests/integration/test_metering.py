"""What was used in spans that have just passed, beside an emulator that knows the truth."""

from __future__ import annotations

import threading
import time

import pytest
from powercap_emulator import PowercapEmulator

from pycarbon.feeds import Sampling
from pycarbon.metering import Metering
from pycarbon.sources import Roots, discover


def spend(seconds: float) -> tuple[int, int]:
    start_ns = time.monotonic_ns()
    while time.monotonic_ns() < start_ns + seconds * 1e9:
        time.sleep(0.001)
    return start_ns, time.monotonic_ns()


@pytest.fixture(scope="module")
def machine():
    with PowercapEmulator(power_w={"package": 50, "dram": 8}) as emulator:
        yield emulator, discover(Roots.under(emulator.root))


def truth_j(emulator: PowercapEmulator, start_ns: int, end_ns: int) -> float:
    return sum(emulator.true_energy_j(domain, start_ns, end_ns) for domain in ("package-0", "dram"))


def test_spans_in_turn_are_told_and_their_bounds_hold(machine) -> None:
    emulator, discovery = machine
    with Metering(discovery, Sampling()) as metering:
        assert metering.measured and sorted(metering.domains) == ["dram-0", "package-0"]
        spans = [spend(0.05) for _ in range(4)]
        for start_ns, end_ns in spans:
            # WHEN asked, also in the steady way THEN the truth is within what is said
            truth = truth_j(emulator, start_ns, end_ns)
            for steady in (False, True):
                used = metering.used(start_ns, end_ns, steady)
                assert used is not None
                assert used.energy_j.low <= truth <= used.energy_j.high
                assert used.energy_j.best == pytest.approx(truth, rel=0.02)
            # AND what was forgotten is not needed for what comes after
            metering.forget(end_ns)
        assert metering.notes == []


def test_a_steady_power_is_told_more_exactly_than_between_bounds(machine) -> None:
    _, discovery = machine
    widths_j = []
    with Metering(discovery, Sampling(cpu_budget_percent=0)) as metering:
        for _ in range(6):  # a busy machine may see too few updates in one
            span = spend(0.1)
            told = [metering.used(*span, steady) for steady in (False, True)]
            widths_j.append([used.energy_j.high - used.energy_j.low for used in told if used is not None])
    assert min(steady / sure for sure, steady in widths_j) < 1 / 3


def test_several_threads_may_ask(machine) -> None:
    emulator, discovery = machine
    found = []
    with Metering(discovery, Sampling()) as metering:

        def ask() -> None:
            span = spend(0.05)
            found.append((span, metering.used(*span)))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 4
    for span, used in found:
        assert used is not None and used.energy_j.low <= truth_j(emulator, *span) <= used.energy_j.high


def test_without_counters_nothing_is_measured_and_the_model_says_what_it_would_be(tmp_path) -> None:
    discovery = discover(Roots(sys=tmp_path, dev=tmp_path))
    with Metering(discovery, Sampling()) as metering:
        assert not metering.measured
        assert metering.used(*spend(0.001)) is None
        idle, busy = metering.modelled_j(0.0, 1.0), metering.modelled_j(1.0, 1.0)
    assert 0 < idle.best < busy.best and idle.low < idle.best < idle.high


def told_w(metering: Metering) -> float | None:
    start_ns, end_ns = spend(0.1)
    used = metering.used(start_ns, end_ns)
    return None if used is None else used.energy_j.best / (end_ns - start_ns) * 1e9


@pytest.mark.parametrize("fault", ["freeze", "remove", "garbage"])
def test_a_counter_that_stops_telling_ends_the_figures(fault: str) -> None:
    # GIVEN two counters that add up to the total, of which one stops half-way
    emulator = PowercapEmulator(power_w={"package": 50, "dram": 8})
    with emulator, Metering(discover(Roots.under(emulator.root)), Sampling()) as metering:
        assert told_w(metering) is not None
        emulator.command(f"{fault} {emulator.zone_id('dram')}")
        spend(0.05)
        # WHEN asked on THEN the rest is no total that could be compared with the first: nothing is told
        assert told_w(metering) is None and told_w(metering) is None
        assert metering.domains == ["package-0", "dram-0"]
        assert [line for line in metering.notes if "dram-0 told nothing for a while" in line]
        # AND the model knows of what was to be measured
        assert metering.modelled_j(0.1, 1.0).best > 0
