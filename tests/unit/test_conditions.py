"""What else went on in a machine, from trees that show what a kernel shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycarbon import conditions
from pycarbon.conditions import Conditions
from pycarbon.counters import Roots
from pycarbon.machine import clock_ticks_per_s

TICKS = clock_ticks_per_s()


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    (tmp_path / "proc").mkdir()
    return Roots(sys=tmp_path / "sys", dev=tmp_path / "dev", proc=tmp_path / "proc")


def show(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def show_cpu(roots: Roots, number: int, name: str, text: str) -> None:
    show(roots.sys / f"devices/system/cpu/cpu{number}" / name, text)


def test_busy_time_is_all_that_cpus_did_and_guests_are_in_it_once(roots: Roots) -> None:
    # GIVEN user nice system idle iowait irq softirq steal guest guest_nice, of all CPUs and of the first
    seconds = [1, 2, 4, 1000, 2000, 8, 16, 32, 1, 2]
    line = " ".join(str(value * TICKS) for value in seconds)
    show(roots.proc / "stat", f"cpu  {line}\ncpu0 {line}\nintr 5\n")
    found = conditions.read(roots)
    assert found.busy_cpu_s == 31 and found.stolen_cpu_s == 32


@pytest.mark.parametrize("text", ["", "cpu", "cpu 1 2 3 4", "cpu 1 2 x 4 5 6 7 8", "\x00\n", "cpu  " + "9" * 30])
def test_a_kernel_that_shows_less_tells_nothing(roots: Roots, text: str) -> None:
    show(roots.proc / "stat", text)
    found = conditions.read(roots)
    assert found.busy_cpu_s is None and found.stolen_cpu_s is None and found.throttled is None
    assert conditions.clock_hz(roots) is None


def test_nothing_to_read_is_nothing_told(tmp_path: Path) -> None:
    nowhere = Roots(sys=tmp_path / "a", dev=tmp_path / "b", proc=tmp_path / "c")
    found = conditions.read(nowhere)
    assert (found.busy_cpu_s, found.stolen_cpu_s, found.throttled) == (None, None, None)
    assert conditions.disturbances(found, conditions.read(nowhere), 0.0) == []


def test_bytes_that_are_no_text_are_nothing_told(roots: Roots) -> None:
    (roots.proc / "stat").write_bytes(b"cpu \xff\xfe 1 2 3\n")
    assert conditions.read(roots).busy_cpu_s is None


def test_the_clock_rate_is_the_mean_of_those_that_are_shown(roots: Roots) -> None:
    show_cpu(roots, 0, "cpufreq/scaling_cur_freq", "2000000\n")
    show_cpu(roots, 1, "cpufreq/scaling_cur_freq", "3000000\n")
    show_cpu(roots, 2, "cpufreq/scaling_cur_freq", "<unknown>\n")
    assert conditions.clock_hz(roots) == 2.5e9


def test_no_more_cpus_are_asked_than_a_few(roots: Roots) -> None:
    for number in range(conditions.MOST_CPUS + 1):
        show_cpu(roots, number, "cpufreq/scaling_cur_freq", "1000000" if number < conditions.MOST_CPUS else "9000000")
    assert conditions.clock_hz(roots) == 1e9


def test_heat_is_told_where_a_kernel_counts_it(roots: Roots) -> None:
    show_cpu(roots, 0, "thermal_throttle/core_throttle_count", "3\n")
    show_cpu(roots, 0, "thermal_throttle/package_throttle_count", "4\n")
    before = conditions.read(roots)
    assert conditions.disturbances(before, conditions.read(roots), 0.0) == []
    show_cpu(roots, 0, "thermal_throttle/core_throttle_count", "5\n")
    [line] = conditions.disturbances(before, conditions.read(roots), 0.0)
    assert "slowed down for their heat" in line


def at(time_s: float, busy_s: float | None = None, stolen_s: float | None = None) -> Conditions:
    return Conditions(time_s, busy_s, stolen_s, None)


def test_other_programs_are_told_and_ones_own_are_none(roots: Roots) -> None:
    # GIVEN ten seconds in which CPUs were busy for 12, of which 11.8 were ours
    before, after = at(0.0, 100.0), at(10.0, 112.0)
    assert conditions.disturbances(before, after, 11.8) == []
    [line] = conditions.disturbances(before, after, 2.0)
    assert line.startswith("other programs kept 1 CPUs busy")
    # AND clocks that disagree are no other program
    assert conditions.disturbances(before, after, 13.0) == []


def test_what_a_host_took_is_told() -> None:
    assert conditions.disturbances(at(0.0, 0.0, 5.0), at(10.0, 0.0, 5.1), 0.0) == []
    [line] = conditions.disturbances(at(0.0, 0.0, 5.0), at(10.0, 0.0, 6.0), 0.0)
    assert line == "the host took 0.1 CPUs from this virtual machine meanwhile"


def test_no_time_at_all_divides_by_nothing() -> None:
    assert conditions.disturbances(at(1.0, 1.0, 1.0), at(1.0, 1.0, 1.0), 0.0) == []
