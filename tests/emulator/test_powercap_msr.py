"""Proves the emulator's registers: they show the energy of the powercap files, in the layout of the vendor."""

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from powercap_emulator import PowercapEmulator

INTEL = {"package": 0x611, "core": 0x639, "uncore": 0x641, "dram": 0x619, "psys": 0x64D}
AMD = {"package": 0xC001029B, "core": 0xC001029A}
WRAP = 2**32


@contextmanager
def registers(emulator: PowercapEmulator, cpu: int) -> Iterator[Any]:
    """A function that reads a register of this CPU, 8 bytes little-endian as on x86."""
    descriptor = os.open(emulator.msr_path(cpu), os.O_RDONLY)
    try:
        yield lambda number: int.from_bytes(os.pread(descriptor, 8, number), "little")
    finally:
        os.close(descriptor)


def assert_between(raw: int, lowest: float, highest: float, modulus: int) -> None:
    low, high = math.floor(lowest), math.ceil(highest)
    assert (raw - low) % modulus <= high - low, (low, raw, high)


@pytest.mark.parametrize("vendor", ["intel", "amd"])
@pytest.mark.parametrize("start", [0, WRAP - 3000], ids=["from 0", "over the wrap"])
def test_registers_and_energy_uj_agree_within_their_units(vendor, start):
    # GIVEN two packages at powers of their own, whose registers wrap early or late
    power_w = {"package": 50, "intel-rapl:1": 90, "core": 30, "uncore": 25, "dram": 28, "psys": 170}
    zones = ("core", "uncore", "dram", "psys")
    options = {"packages": 2, "zones": zones, "power_w": power_w, "jitter_us": 20}
    readings, seen = [], set()
    with PowercapEmulator(msr=vendor, msr_start=start, **options) as emulator:
        counters = emulator.live["msr"]["counters"]
        # WHEN each is read again and again, between two readings of its file and of the clock
        while time.monotonic_ns() < emulator.live["t0_ns"] + 700_000_000:
            for counter in counters:
                path = emulator.class_dir / counter["zone"] / "energy_uj"
                with registers(emulator, counter["cpu"]) as register:
                    before_ns, before_uj = time.monotonic_ns(), int(path.read_text())
                    raw = register(counter["number"])
                    after_uj, after_ns = int(path.read_text()), time.monotonic_ns()
                readings.append((counter, before_ns, before_uj, raw, after_uj, after_ns))
    # THEN it shows what the file shows, an update earlier at most where one came in between, and the truth
    for counter, before_ns, before_uj, raw, after_uj, after_ns in readings:
        zone, unit_uj = counter["zone"], counter["unit_uj"]
        file_unit_uj = emulator.zones[zone]["unit_uj"]
        oldest_ns = emulator.oldest_value_ns()
        an_update_uj = 1e6 * emulator.true_energy_j(zone, before_ns - oldest_ns, before_ns)
        lowest, highest = before_uj - an_update_uj - unit_uj, after_uj + file_unit_uj + 1
        assert_between(raw - start, lowest / unit_uj, highest / unit_uj, WRAP)
        since_ns = emulator.live["t0_ns"]
        lowest = 1e6 * emulator.true_energy_j(zone, since_ns, before_ns - oldest_ns) - unit_uj
        highest = 1e6 * emulator.true_energy_j(zone, since_ns, after_ns)
        assert_between(raw - start, lowest / unit_uj, highest / unit_uj, WRAP)
        seen.add((zone, counter["cpu"], raw < start))
    assert all((counter["zone"], counter["cpu"], start != 0) in seen for counter in counters)


@pytest.mark.parametrize(
    ("vendor", "number", "value", "mask"),
    [("intel", 0x606, 0xA0E03, 2**64 - 1), ("amd", 0xC0010299, 0x1003, 0xFFFF)],
)
def test_the_unit_register_says_the_unit_of_the_package(vendor, number, value, mask):
    with PowercapEmulator(msr=vendor) as emulator:
        assert emulator.live["msr"]["unit_number"] == number
        unit_uj = {counter["zone"]: counter["unit_uj"] for counter in emulator.live["msr"]["counters"]}
        with registers(emulator, 0) as register:
            assert register(number) & mask == value
            assert unit_uj["intel-rapl:0"] == 1e6 / 2 ** (register(number) >> 8 & 0x1F)
        # Intel's dram has a unit of its own, which no register tells
        assert unit_uj.get("intel-rapl:0:1", 1e6 / 2**16) == 1e6 / 2**16


def layout(emulator: PowercapEmulator) -> dict[int, tuple[int, int, str, set[tuple[str, int]]]]:
    """Of each CPU: package, core, siblings, and the kinds of zone that it shows with their registers."""
    folder = emulator.root / "sys/devices/system/cpu"

    def said(cpu: int, name: str) -> str:
        return (folder / f"cpu{cpu}" / "topology" / name).read_text().strip()

    assert (folder / "online").read_text() == (folder / "present").read_text()
    last = int((folder / "online").read_text().split("-")[1])
    found = {}
    for cpu in range(last + 1):
        counters = [each for each in emulator.live["msr"]["counters"] if each["cpu"] == cpu]
        shown = {(emulator.zones[each["zone"]]["kind"], each["number"]) for each in counters}
        assert said(cpu, "die_id") == "0"
        package, core = int(said(cpu, "physical_package_id")), int(said(cpu, "core_id"))
        found[cpu] = (package, core, said(cpu, "thread_siblings_list"), shown)
    assert not emulator.msr_path(last + 1).exists()
    return found


def test_intel_shows_a_package_on_both_threads_of_a_core_and_psys_on_the_first():
    with PowercapEmulator(msr="intel", packages=2, zones=tuple(INTEL)) as emulator:
        every = set(INTEL.items())
        rest = every - {("psys", INTEL["psys"])}
        assert layout(emulator) == {
            0: (0, 0, "0-1", every),
            1: (0, 0, "0-1", every),
            2: (1, 0, "2-3", rest),
            3: (1, 0, "2-3", rest),
        }
    assert not emulator.root.exists()


def test_amd_shows_package_and_core_on_cores_of_their_own():
    package, core = ({item} for item in AMD.items())
    with PowercapEmulator(msr="amd", packages=2, zones=("core", "dram", "psys")) as emulator:
        assert layout(emulator) == {
            0: (0, 0, "0-1", package),
            1: (0, 0, "0-1", package),
            2: (0, 1, "2-3", core),
            3: (0, 1, "2-3", core),
            4: (1, 0, "4-5", package),
            5: (1, 0, "4-5", package),
            6: (1, 1, "6-7", core),
            7: (1, 1, "6-7", core),
        }
    with PowercapEmulator(msr="amd", zones="mmio") as emulator:
        assert layout(emulator) == {0: (0, 0, "0-1", package), 1: (0, 0, "0-1", package)}


@pytest.mark.parametrize(
    ("vendor", "zone", "number", "cpu"),
    [("intel", "psys", 0x64D, 0), ("intel", "package", 0x611, 1), ("amd", "package", 0xC001029B, 0)],
)
def test_reads_are_never_torn(vendor, zone, number, cpu):
    # GIVEN a counter that moves by some 4000 units every 100 us, so that two of its bytes change each time
    power_w = 2500 if vendor == "intel" else 600
    with (
        PowercapEmulator(msr=vendor, period_us=100, power_w=power_w, zones=("psys",)) as emulator,
        registers(emulator, cpu) as register,
    ):
        # WHEN it is read as fast as can be for a second
        readings = []
        after_ns = 0
        while after_ns < emulator.live["t0_ns"] + 1_000_000_000:
            before_ns = time.monotonic_ns()
            raw = register(number)
            after_ns = time.monotonic_ns()
            if not readings or raw != readings[-1][1]:
                readings.append((before_ns, raw, after_ns))
        unit_uj = next(each["unit_uj"] for each in emulator.live["msr"]["counters"] if each["number"] == number)
    # THEN every value is the truth of some moment: half of one number and half of the next is none
    start_ns, oldest_ns = emulator.live["t0_ns"], emulator.oldest_value_ns()
    zone_id = {"psys": "intel-rapl:1", "package": "intel-rapl:0"}[zone]
    values = [raw for _, raw, _ in readings]
    assert values == sorted(values)
    for before_ns, raw, after_ns in readings:
        lowest = 1e6 * emulator.true_energy_j(zone_id, start_ns, before_ns - oldest_ns) - unit_uj
        highest = 1e6 * emulator.true_energy_j(zone_id, start_ns, after_ns)
        assert_between(raw, lowest / unit_uj, highest / unit_uj, WRAP)


def test_a_cpu_that_failed_shows_nothing_until_it_heals():
    with PowercapEmulator(msr="intel", period_us=200, power_w=1000) as emulator:
        number = INTEL["package"]
        descriptor = os.open(emulator.msr_path(0), os.O_RDONLY)
        try:
            # WHEN it fails, THEN also an open descriptor reads nothing, and updates leave it so
            before = int.from_bytes(os.pread(descriptor, 8, number), "little")
            emulator.command("fail 0")
            for _ in range(10):
                assert os.pread(descriptor, 8, number) == emulator.msr_path(0).read_bytes() == b""
                time.sleep(0.001)
            with registers(emulator, 1) as sibling:
                while sibling(number) <= before:
                    pass
            # WHEN it heals, THEN it shows what its sibling shows, at once
            with registers(emulator, 1) as sibling:
                least = sibling(number)
                emulator.command("heal 0")
                shown = int.from_bytes(os.pread(descriptor, 8, number), "little")
                assert least <= shown <= sibling(number)
                assert int.from_bytes(os.pread(descriptor, 8, 0x606), "little") == sibling(0x606)
            # and goes on
            while int.from_bytes(os.pread(descriptor, 8, number), "little") == shown:
                pass
            emulator.command("fail all")
            assert all(emulator.msr_path(cpu).stat().st_size == 0 for cpu in (0, 1))
            emulator.command("heal all")
            assert int.from_bytes(os.pread(descriptor, 8, number), "little") > shown
        finally:
            os.close(descriptor)


@pytest.mark.parametrize("line", ["fail", "fail 2", "heal -1", "fail intel-rapl:0", "fail 0 1", "freeze 0"])
def test_wrong_command_is_refused(line):
    with PowercapEmulator(msr="intel") as emulator:
        with pytest.raises(ValueError, match="error"):
            emulator.command(line)
        with registers(emulator, 0) as register:
            assert register(0x606) == 0xA0E03


@pytest.mark.parametrize(
    "options", [{"msr": "via"}, {"msr": "intel", "msr_start": 2**32}, {"msr": "amd", "msr_start": -1}]
)
def test_wrong_option_does_not_start(options):
    emulator = PowercapEmulator(**options)
    with pytest.raises(RuntimeError, match="did not start"):
        emulator.__enter__()
    assert not emulator.root.exists()


def test_without_the_option_there_are_no_registers():
    with PowercapEmulator() as emulator:
        assert emulator.live["msr"] is None
        assert not (emulator.root / "dev").exists()
        assert not (emulator.root / "sys/devices").exists()
        with pytest.raises(ValueError, match="No such device"):
            emulator.command("fail all")


def test_a_dev_that_is_already_there_is_left_alone(tmp_path):
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "null").write_text("mine")
    with pytest.raises(RuntimeError, match="already there"):
        PowercapEmulator(tmp_path, msr="intel").__enter__()
    assert (tmp_path / "dev" / "null").read_text() == "mine"
