"""What was used in spans that have just passed, beside an emulator that knows the truth."""

from __future__ import annotations

import threading
import time

import pytest
from powercap_emulator import PowercapEmulator

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
    with Metering(discovery) as metering:
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
    with Metering(discovery) as metering:
        span = spend(0.1)
        sure, steady = metering.used(*span), metering.used(*span, steady=True)
    assert sure is not None and steady is not None
    assert steady.energy_j.high - steady.energy_j.low < (sure.energy_j.high - sure.energy_j.low) / 3


def test_several_threads_may_ask(machine) -> None:
    emulator, discovery = machine
    found = []
    with Metering(discovery) as metering:

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
    with Metering(discovery) as metering:
        assert not metering.measured
        assert metering.used(*spend(0.001)) is None
        idle, busy = metering.modelled_j(0.0, 1.0), metering.modelled_j(1.0, 1.0)
    assert 0 < idle.best < busy.best and idle.low < idle.best < idle.high
