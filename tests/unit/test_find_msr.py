"""Energy registers in files that are read like /dev/cpu/N/msr, of every kind of part."""

from __future__ import annotations

import os
from fractions import Fraction

import pytest

from pycarbon import source_msr
from pycarbon.counters import Roots
from pycarbon.machine import Machine
from pycarbon.msr_units import DRAM, register_unit_j
from pycarbon.sources import discover

UNIT = {0x606: 0xA0E03, 0x611: 1000, 0x619: 2000}


def part(model=0x6A, vendor="GenuineIntel", family=6, hypervisor=False):
    return Machine(arch="x86_64", vendor=vendor, family=family, model=model, hypervisor=hypervisor)


class Bank:
    """A tree with register files: CPUs in `packages`, each given as (package, first CPU of its core)."""

    def __init__(self, root, registers=None, cpus=((0, 0), (0, 0))):
        self.roots = Roots(root / "sys", root / "proc", root / "dev")
        (root / "proc").mkdir()
        for cpu, (package, core) in enumerate(cpus):
            topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
            topology.mkdir(parents=True)
            (topology / "physical_package_id").write_text(f"{package}\n")
            siblings = [str(other) for other, (_, its) in enumerate(cpus) if its == core]
            (topology / "thread_siblings_list").write_text(",".join(siblings) + "\n")
            file = root / f"dev/cpu/{cpu}/msr"
            file.parent.mkdir(parents=True)
            file.touch()
        (root / "sys/devices/system/cpu/online").write_text(f"0-{len(cpus) - 1}\n")
        self.cpus = len(cpus)
        for number, value in (registers or {}).items():
            self.write(number, value)

    def write(self, number, value):
        for cpu in range(self.cpus):
            with (self.roots.dev / f"cpu/{cpu}/msr").open("r+b") as file:
                os.pwrite(file.fileno(), value.to_bytes(8, "little"), number)

    def find(self, facts=None):
        return source_msr.find(self.roots, facts or part())


def test_an_ice_lake_server(tmp_path):
    # GIVEN package and memory, and no other register
    bank = Bank(tmp_path, UNIT)
    counters, obstacles = bank.find()
    # THEN memory has its fixed unit, and says which row of the table that was
    assert {c.domain: (c.unit, c.range_raw, c.in_total) for c in counters} == {
        "package-0": (Fraction(1, 2**14), 2**32 - 1, True),
        "dram-0": (Fraction(1, 2**16), 2**32 - 1, True),
    }
    assert "Ice Lake-SP" in counters[1].remark and counters[0].near == {0}
    assert str(counters[0].address) == f"{tmp_path}/dev/cpu/0/msr 0x611" and len(counters[0].address.paths) == 2
    assert counters[0].address.open().read(0) == 1000
    assert [obstacle.minor for obstacle in obstacles] == [True] * len(obstacles) and "0x64d" in obstacles[0].what


@pytest.mark.parametrize("model", [model for model, row in DRAM.items() if row.doubt])
def test_where_sources_disagree_memory_is_not_added_and_says_so(tmp_path, model):
    counters, _ = Bank(tmp_path, UNIT).find(part(model))
    dram = next(counter for counter in counters if counter.domain == "dram-0")
    assert not dram.in_total and DRAM[model].part in dram.remark
    assert "its unit is 15.3 or 61 µJ, sources disagree: the figure may be 4 times off" in dram.remark


@pytest.mark.parametrize(
    "model, intel, unit",
    [(0x37, True, Fraction(32, 10**6)), (0x4C, True, Fraction(32, 10**6)), (0x6A, True, Fraction(1, 32))],
)
def test_atoms_count_in_powers_of_microjoules(model, intel, unit):
    assert register_unit_j(0x505, 6, model, intel) == unit


def test_amd_reads_each_core_once(tmp_path):
    # GIVEN two cores of two threads (the files cannot hold overlapping numbers, so only one register is whole)
    bank = Bank(tmp_path, cpus=((0, 0), (0, 1), (0, 0), (0, 1)))
    for number, value in ((0xC0010299, 0x1003), (0xC001029B, 700)):
        bank.write(number, value)
    counters, obstacles = bank.find(part(1, "AuthenticAMD", 0x19))
    found = {c.domain: c for c in counters}
    assert "package-0" in found and found["package-0"].unit == Fraction(1, 2**16) and not obstacles
    cores = [c for c in counters if c.domain.startswith("core-cpu-")]
    assert {c.domain for c in cores} <= {"core-cpu-0", "core-cpu-1"}
    assert not any(c.in_total or c.closely for c in cores)


@pytest.mark.parametrize("hypervisor", [False, True])
@pytest.mark.parametrize(
    "registers, told",
    [
        ({0x606: 0, 0x611: 5}, "there is no counter"),
        ({0x606: 0xA0E03, 0x611: 0, 0x64D: 0}, "0x611 reads 0 for ever"),
        ({}, "does not answer for 0x606"),
    ],
)
def test_registers_that_do_not_count_are_named(tmp_path, registers, told, hypervisor):
    counters, obstacles = Bank(tmp_path, registers).find(part(hypervisor=hypervisor))
    assert not counters and told in obstacles[0].what and obstacles[0].minor is hypervisor


def test_energy_filtering_is_said(tmp_path):
    # GIVEN a part with SGX, whose registers are shut, then say no, then yes
    bank = Bank(tmp_path, UNIT)
    (bank.roots.proc / "cpuinfo").write_text(
        "processor: 0\nvendor_id: GenuineIntel\ncpu family: 6\nmodel: 106\nflags\t\t: fpu sgx\n"
    )
    shut = Roots(bank.roots.sys, bank.roots.proc, tmp_path / "nowhere")
    assert source_msr.filters_energy(shut) and not source_msr.filters_energy(bank.roots)
    bank.write(0xBC, 1)
    # WHEN counters are looked for THEN each says it
    assert all("energy filtering is on" in counter.remark for counter in discover(bank.roots).counters)


def test_without_the_module_it_says_what_to_type(tmp_path):
    roots = Roots(tmp_path / "sys", tmp_path / "proc", tmp_path / "dev")
    counters, (obstacle,) = source_msr.find(roots, part())
    assert not counters and obstacle.remedy == "sudo modprobe msr"
    assert source_msr.find(roots, part(hypervisor=True)) == ([], [])
    assert source_msr.find(roots, Machine(arch="aarch64", vendor="Arm")) == ([], [])
