"""perf's energy events: as a PMU describes them, whatever it says, and opened by the kernel for real."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycarbon import _native, source_perf
from pycarbon.counters import Roots
from pycarbon.machine import Machine
from pycarbon.source_perf import Lie, config_of, unit_of

INTEL = Machine(arch="x86_64", vendor="GenuineIntel", family=6, model=106)
AMD = Machine(arch="x86_64", vendor="AuthenticAMD", family=25, model=1)


def may_count() -> bool:
    try:
        _native.Source.perf([(1, 0, 0)])
    except OSError:
        return False
    return True


needs_perf = pytest.mark.skipif(not may_count(), reason="perf events of a CPU cannot be opened here (EACCES)")


class Pmu:
    """A tree with a PMU of the type software, whose event 0 is cpu-clock: 1e9 a second on each CPU."""

    def __init__(self, root, name="power", cpumask="0", packages=None):
        self.roots = Roots(root / "sys", root / "proc", root / "dev")
        self.folder = root / "sys/bus/event_source/devices" / name
        (self.folder / "events").mkdir(parents=True)
        (self.folder / "format").mkdir()
        self.write("type", "1")
        self.write("cpumask", cpumask)
        self.write("format/event", "config:0-7")
        for cpu, (package, die) in (packages or {}).items():
            topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
            topology.mkdir(parents=True)
            (topology / "physical_package_id").write_text(f"{package}\n")
            (topology / "die_id").write_text(f"{die}\n")

    def write(self, name, text):
        (self.folder / name).write_text(f"{text}\n")

    def event(self, name="energy-pkg", event="event=0x00", scale="1e-9", unit="Joules"):
        for suffix, text in (("", event), (".scale", scale), (".unit", unit)):
            if text is not None:
                self.write(f"events/{name}{suffix}", text)

    def find(self, facts=INTEL):
        return source_perf.find(self.roots, facts)


@needs_perf
@pytest.mark.parametrize("scale, watts", [("1e-9", 1), ("5e-8", 50)])
def test_the_kernel_counts_the_power_that_the_scale_makes_of_a_clock(tmp_path, scale, watts):
    # GIVEN a PMU whose event is the kernel's cpu-clock
    pmu = Pmu(tmp_path)
    pmu.event(scale=scale)
    (counter,), obstacles = pmu.find()
    assert not obstacles and counter.domain == "package-0" and counter.in_total and counter.range_raw == 0
    assert counter.near == {0} and str(counter.address) == "power/energy-pkg/ on cpu 0"
    # WHEN it is read twice
    source = counter.address.open()
    before_ns, first, between_ns = time.monotonic_ns(), source.read(0), time.monotonic_ns()
    time.sleep(0.05)
    later_ns, second, after_ns = time.monotonic_ns(), source.read(0), time.monotonic_ns()
    # THEN the energy is the time between the readings at that power, give or take a clock's slewing
    energy_j = float((second - first) * counter.unit)
    assert watts * (later_ns - between_ns) / 1e9 * 0.99 < energy_j < watts * (after_ns - before_ns) / 1e9 * 1.01


def test_the_kernels_own_scale_is_exact():
    assert unit_of("2.3283064365386962890625e-10") == Fraction(1, 2**32)


@pytest.mark.parametrize(
    "scale", [None, "", "0", "-1e-9", "abc", "nan", "inf", "1e-30", "1e9", "1e-999", "1_0", "9" * 99]
)
def test_a_scale_that_no_counter_has(scale):
    with pytest.raises(Lie):
        unit_of(scale)


@settings(deadline=None)
@given(st.integers(1, 2**31), st.integers(-20, -9))
def test_a_scale_is_read_as_it_is_written(mantissa, exponent):
    value = Fraction(mantissa) * Fraction(10) ** exponent
    try:
        unit = unit_of(f"{mantissa}e{exponent}")
    except Lie:
        assert not Fraction(1, 10**12) <= value <= Fraction(1, 1000)
    else:
        assert abs(unit / value - 1) < Fraction(1, 10**12)
        assert unit.denominator < 10**15


@settings(deadline=None)
@given(st.integers(0, 255), st.integers(0, 15), st.booleans())
def test_a_value_lands_on_the_bits_its_format_names(event, umask, in_hex):
    formats = {"event": "config:0-3,8-11", "umask": "config:4-7"}
    text = f"event={event:#x},umask={umask}" if in_hex else f"event={event},umask={umask:#x}"
    config = config_of(text, formats)
    assert config & 15 == event & 15 and config >> 8 == event >> 4 and config >> 4 & 15 == umask


@settings(deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_of_an_event_is_a_config_or_a_lie(event, place):
    with contextlib.suppress(Lie):
        assert 0 <= config_of(event, {"event": place, "a": "config:0"}) < 2**64


@needs_perf
@pytest.mark.parametrize(
    "change, told",
    [
        ({"scale": "0"}, "energy-pkg.scale says that a count is worth 0 J"),
        ({"scale": "-1e-9"}, "energy-pkg.scale says that a count is worth -1e-9 J"),
        ({"scale": "much"}, "energy-pkg.scale holds 'much' where a number belongs"),
        ({"scale": None}, "energy-pkg.scale is missing"),
        ({"unit": "Watts"}, "energy-pkg.unit says 'Watts', not Joules"),
        ({"unit": None}, "energy-pkg.unit is missing"),
        ({"event": "frob=1"}, "energy-pkg: 'frob=1' cannot be understood"),
        ({"event": "event=0x1ff"}, "does not fit 'config:0-7'"),
        ({"event": "event=0x77"}, "cannot be opened"),
    ],
)
def test_an_event_that_lies_is_named_and_the_others_are_read(tmp_path, change, told):
    pmu = Pmu(tmp_path)
    pmu.event(**change)
    pmu.event("energy-ram")
    counters, (obstacle,) = pmu.find()
    assert [counter.domain for counter in counters] == ["dram-0"]
    assert told in obstacle.what and "\n" not in obstacle.what and obstacle.domains == ("package-0",)


@pytest.mark.parametrize(
    "file, text, told",
    [
        ("type", "many", "holds 'many', no type"),
        ("cpumask", "", "is empty"),
        ("cpumask", "0-", "holds '0-'"),
        ("cpumask", "0,7", "names cpu 7, which is not online"),
    ],
)
def test_a_pmu_that_lies_is_named(tmp_path, file, text, told):
    pmu = Pmu(tmp_path, packages={0: (0, 0)})
    (tmp_path / "sys/devices/system/cpu/online").write_text("0-3\n")
    pmu.event()
    pmu.write(file, text)
    counters, (obstacle,) = pmu.find()
    assert not counters and told in obstacle.what and str(pmu.folder / file) in obstacle.what


@needs_perf
def test_an_event_that_nobody_knows_is_named(tmp_path):
    pmu = Pmu(tmp_path)
    pmu.event()
    pmu.event("energy-flux")
    (counter,), (obstacle,) = pmu.find()
    assert "energy-flux is not known" in obstacle.what and obstacle.minor and counter.domain == "package-0"


@needs_perf
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two CPUs")
@pytest.mark.parametrize(
    "facts, packages, domains",
    [
        (INTEL, {0: (0, 0), 1: (1, 0)}, ["core", "core-1", "package-0", "package-1", "psys"]),
        (
            INTEL,
            {0: (0, 0), 1: (0, 1)},
            ["core-0-die-0", "core-0-die-1", "package-0-die-0", "package-0-die-1", "psys"],
        ),
        (AMD, {0: (0, 0), 1: (0, 1)}, ["core", "package-0", "psys"]),
    ],
)
def test_one_reader_for_each_package_or_die(tmp_path, facts, packages, domains):
    pmu = Pmu(tmp_path, cpumask="0-1", packages=packages)
    for name in ("energy-pkg", "energy-cores", "energy-psys"):
        pmu.event(name)
    counters, obstacles = pmu.find(facts)
    assert sorted(counter.domain for counter in counters) == domains and not obstacles


@needs_perf
def test_cores_of_amd_are_read_now_and_then_and_not_added(tmp_path):
    pmu = Pmu(tmp_path, "power_core")
    pmu.event("energy-core")
    (counter,), _ = pmu.find(AMD)
    assert (counter.domain, counter.in_total, counter.closely) == ("core-cpu-0", False, False)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_who_may_not_count_is_told_what_to_type(tmp_path):
    # GIVEN a kernel that forbids it to others than root
    with open("/proc/sys/kernel/perf_event_paranoid", encoding="ascii") as file:  # noqa: PTH123
        if int(file.read()) < 1:
            pytest.skip("kernel.perf_event_paranoid lets everybody count")
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o055)
    pmu = Pmu(tmp_path)
    pmu.event()
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/perf_event_paranoid").write_text("2\n")
    child = os.fork()
    if child == 0:  # pragma: no cover
        status = 1
        try:
            os.setuid(65534)
            counters, (obstacle,) = pmu.find()
            told = "kernel.perf_event_paranoid is 2" in obstacle.what and "sudo sysctl" in obstacle.remedy
            status = 0 if told and not counters and "cap_perfmon" in obstacle.remedy else 2
        finally:
            os._exit(status)
    # WHEN nobody looks THEN one obstacle for the whole source says so
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


GUEST = dataclasses.replace(INTEL, hypervisor=True)
IN_A_GUEST = "; a virtual machine shows no energy counters"
DUMMY = "event=0x09"
"""The kernel's PERF_COUNT_SW_DUMMY, which counts nothing."""


@needs_perf
@pytest.mark.parametrize(
    ("facts", "name", "said"),
    [
        (GUEST, "energy-psys", f"power/energy-psys/ on cpu 0 stands still{IN_A_GUEST}"),
        (GUEST, "energy-pkg", f"power/energy-pkg/ on cpu 0 stands still{IN_A_GUEST}"),
        (INTEL, "energy-psys", "power/energy-psys/ on cpu 0 stands still"),
    ],
)
def test_a_counter_that_nothing_drives_is_none(tmp_path, facts, name, said):
    # GIVEN an event that stands still, as a virtual machine's psys does, beside one that moves
    pmu = Pmu(tmp_path)
    pmu.event("energy-ram")
    pmu.event(name, event=DUMMY)
    counters, obstacles = pmu.find(facts)
    # THEN it is left out, for a reason, and takes nothing from the other
    assert [counter.domain for counter in counters] == ["dram-0"]
    assert [(obstacle.what, obstacle.minor) for obstacle in obstacles] == [(said, True)]
