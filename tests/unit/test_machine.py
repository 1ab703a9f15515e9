"""Identification: right on real machines, None on nonsense, never an exception."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import cpu_brand, microarchitecture
from pycarbon.machine import Machine, clock_ticks_per_s, identify

INTEL = """processor\t: {cpu}
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz
stepping\t: 7
physical id\t: {package}
siblings\t: 4
core id\t\t: {core}
cpu cores\t: 2
flags\t\t: fpu vme ht nonstop_tsc

"""
AMD_VM = """processor\t: {cpu}
vendor_id\t: AuthenticAMD
cpu family\t: 26
model\t\t: 2
model name\t: AMD EPYC
stepping\t: 1
physical id\t: 0
core id\t\t: {cpu}
flags\t\t: fpu hypervisor

"""
ARM = """processor\t: {cpu}
BogoMIPS\t: 243.75
Features\t: fp asimd
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1

"""


class Trees:
    """A /proc and a /sys written by hand."""

    def __init__(self, root: Path) -> None:
        self.proc, self.sys = root / "proc", root / "sys"

    def write(self, path: str, text: str) -> None:
        file = self.proc.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def identify(self) -> Machine:
        return identify(self.proc, self.sys)


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path)


def test_two_intel_sockets_without_a_hypervisor(trees: Trees) -> None:
    # GIVEN 2 sockets of 2 cores of 2 threads
    cpus = [(cpu, cpu // 2 % 2, cpu % 2) for cpu in range(8)]
    trees.write("proc/cpuinfo", "".join(INTEL.format(cpu=c, package=p, core=k) for c, p, k in cpus))
    trees.write("proc/meminfo", "MemTotal:       65536 kB\nMemFree:  1 kB\n")
    trees.write("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n")
    trees.write("proc/sys/kernel/hostname", "node7\n")
    trees.write("sys/devices/system/cpu/online", "0-7\n")
    # WHEN
    machine = trees.identify()
    # THEN
    assert (machine.n_threads, machine.n_cores, machine.n_packages) == (8, 4, 2)
    assert machine.threads_per_core == 2
    assert machine.memory_bytes == 65536 * 1024
    assert machine.arch == "x86_64"
    assert (machine.vendor, machine.family, machine.model) == ("GenuineIntel", 6, 85)
    assert machine.microarchitecture == "Cascade Lake"
    assert machine.brand == "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz"
    assert machine.hypervisor is False
    assert (machine.kernel, machine.hostname) == ("6.1.0-18-amd64", "node7")


def test_amd_virtual_machine(trees: Trees) -> None:
    trees.write("proc/cpuinfo", "".join(AMD_VM.format(cpu=cpu) for cpu in range(2)))
    trees.write("sys/class/dmi/id/sys_vendor", "QEMU\n")
    machine = trees.identify()
    assert machine.microarchitecture == "Zen 5"
    assert (machine.n_threads, machine.n_cores, machine.n_packages) == (2, 2, 1)
    assert machine.hypervisor is True
    assert machine.hypervisor_name == "QEMU"


@pytest.mark.parametrize(("product", "hypervisor"), [("m6g.large", True), ("m6g.metal", False), (None, None)])
def test_arm_server(trees: Trees, product: str | None, hypervisor: bool | None) -> None:
    # GIVEN an arm64 kernel, which prints no model name and no hypervisor flag
    trees.write("proc/cpuinfo", "".join(ARM.format(cpu=cpu) for cpu in range(4)))
    trees.write("sys/devices/system/cpu/online", "0-1,2,3\n")
    for cpu in range(4):
        trees.write(f"sys/devices/system/cpu/cpu{cpu}/topology/core_id", f"{cpu}\n")
        trees.write(f"sys/devices/system/cpu/cpu{cpu}/topology/physical_package_id", "0\n")
    if product:
        trees.write("sys/class/dmi/id/sys_vendor", "Amazon EC2\n")
        trees.write("sys/class/dmi/id/product_name", f"{product}\n")
    # WHEN
    machine = trees.identify()
    # THEN
    assert (machine.arch, machine.vendor, machine.brand) == ("aarch64", "ARM", None)
    assert machine.microarchitecture == "Neoverse N1"
    assert (machine.n_threads, machine.n_cores, machine.n_packages) == (4, 4, 1)
    assert machine.hypervisor is hypervisor


def test_arm_firmware_without_packages(trees: Trees) -> None:
    trees.write("proc/cpuinfo", ARM.format(cpu=0))
    trees.write("sys/devices/system/cpu/online", "0")
    trees.write("sys/devices/system/cpu/cpu0/topology/core_id", "0\n")
    trees.write("sys/devices/system/cpu/cpu0/topology/physical_package_id", "-1\n")
    machine = trees.identify()
    assert (machine.n_cores, machine.n_packages) == (1, None)


def test_offline_cpus_are_not_counted(trees: Trees) -> None:
    trees.write("proc/cpuinfo", "".join(AMD_VM.format(cpu=cpu) for cpu in (0, 1, 3)))
    trees.write("sys/devices/system/cpu/online", "0-1,3\n")
    assert trees.identify().n_threads == 3


def test_a_boot_has_a_digest_that_is_not_its_id(trees: Trees, tmp_path: Path) -> None:
    # GIVEN two machines, one of them seen twice, as from two containers
    boots = []
    for number, boot_id in enumerate(("0f5e-1", "0f5e-2", "0f5e-1")):
        trees.write("proc/sys/kernel/random/boot_id", f"{boot_id}\n")
        trees.write("proc/sys/kernel/hostname", f"container{number}\n")
        boots.append(trees.identify().boot)
    # THEN the boots tell which is which, without saying the kernel's id
    assert boots[0] == boots[2] != boots[1]
    assert all(boot is not None and len(boot) == 32 and "0f5e" not in boot for boot in boots)


def test_this_machine_has_a_boot() -> None:
    machine = identify()
    assert (machine.boot is not None) == Path("/proc/sys/kernel/random/boot_id").exists()
    assert machine == identify()


def test_nothing_there(trees: Trees) -> None:
    machine = trees.identify()
    assert machine.microarchitecture in (None, "Apple")
    assert (machine.brand, machine.n_cores, machine.n_packages) == (None, None, None)
    assert (machine.hypervisor, machine.container) == (None, None)
    assert machine.n_threads
    assert machine.threads_per_core is None


@pytest.mark.parametrize(
    ("cgroup", "mounts", "container"),
    [
        ("0::/\n", "21 1 0:20 / / rw - overlay overlay rw\n", True),
        ("12:cpu:/docker/0123\n", "", True),
        ("0::/init.scope\n", "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n", False),
        ("", "", None),
    ],
)
def test_container(trees: Trees, cgroup: str, mounts: str, container: bool | None) -> None:
    trees.write("proc/1/cgroup", cgroup)
    trees.write("proc/self/mountinfo", mounts)
    assert trees.identify().container is container


@given(
    cpuinfo=st.binary(max_size=400)
    | st.text(max_size=200).map(lambda text: f"processor : 0\n{text}".encode())
    | st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "processor",
                    "vendor_id",
                    "cpu family",
                    "model",
                    "stepping",
                    "flags",
                    "CPU implementer",
                    "CPU part",
                    "physical id",
                    "core id",
                ]
            ),
            st.sampled_from(["AuthenticAMD", "GenuineIntel", "0x61"]) | st.integers().map(str) | st.text(max_size=8),
        )
    ).map(lambda lines: "\n".join(f"{key}\t: {value}" for key, value in lines).encode()),
    online=st.text(alphabet="0123456789-,x \n", max_size=20),
)
def test_no_content_raises(tmp_path_factory: pytest.TempPathFactory, cpuinfo: bytes, online: str) -> None:
    # GIVEN any bytes where numbers belong
    trees = Trees(tmp_path_factory.mktemp("tree"))
    trees.write("sys/devices/system/cpu/online", online)
    trees.write("proc/meminfo", online)
    (trees.proc / "cpuinfo").write_bytes(cpuinfo)
    # WHEN
    machine = trees.identify()
    # THEN it is a machine that a run file can hold
    assert Machine.from_dict(json.loads(json.dumps(machine.to_dict()))) == machine
    assert machine.n_threads is None or machine.n_threads > 0


def test_this_machine_is_identified() -> None:
    machine = identify()
    assert machine.n_threads and machine.os
    assert Machine.from_dict(machine.to_dict()) == machine
    assert clock_ticks_per_s() > 0


def test_a_machine_of_another_version_is_read() -> None:
    assert Machine.from_dict({"brand": "AMD EPYC", "future": 1}) == Machine(brand="AMD EPYC")


@pytest.mark.parametrize(
    ("vendor", "family", "model", "stepping", "name"),
    [
        ("GenuineIntel", 6, 85, 4, "Skylake-SP"),
        ("GenuineIntel", 6, 85, 7, "Cascade Lake"),
        ("GenuineIntel", 6, 85, 11, "Cooper Lake"),
        ("GenuineIntel", 6, 106, 6, "Ice Lake-SP"),
        ("GenuineIntel", 6, 143, 8, "Sapphire Rapids"),
        ("GenuineIntel", 6, 207, 2, "Emerald Rapids"),
        ("GenuineIntel", 6, 173, 1, "Granite Rapids"),
        ("GenuineIntel", 15, 4, 1, None),
        ("AuthenticAMD", 23, 1, 2, "Zen"),
        ("AuthenticAMD", 23, 49, 0, "Zen 2"),
        ("AuthenticAMD", 25, 1, 1, "Zen 3"),
        ("AuthenticAMD", 25, 17, 1, "Zen 4"),
        ("AuthenticAMD", 25, 160, 2, "Zen 4c"),
        ("AuthenticAMD", 26, 2, 1, "Zen 5"),
        ("AuthenticAMD", 26, 17, 0, "Zen 5c"),
        ("AuthenticAMD", 99, 0, 0, None),
        ("SomeoneElse", 6, 85, 4, None),
    ],
)
def test_x86_numbers(vendor: str, family: int, model: int, stepping: int, name: str | None) -> None:
    assert microarchitecture.x86_name(vendor, family, model, stepping) == name


@pytest.mark.parametrize(
    ("brand", "name"),
    [
        ("AMD EPYC 7742 64-Core Processor", "Zen 2"),
        ("AMD EPYC 8534P 64-core", "Zen 4c"),
        ("AMD EPYC 9655", "Zen 5"),
        ("Intel(R) Xeon(R) Platinum 8592+,", "Emerald Rapids"),
        ("Intel(R) Xeon(R) CPU E5-2699 v4 @ 2.20GHz", "Broadwell"),
        ("Intel Xeon Platinum 8380HL", "Cooper Lake"),
        ("Intel Xeon Platinum 8380", "Ice Lake-SP"),
        ("AMD EPYC", None),
    ],
)
def test_brands_that_name_a_microarchitecture(brand: str, name: str | None) -> None:
    assert cpu_brand.microarchitecture_of(cpu_brand.brand_key(brand)) == name
    assert name is None or name in microarchitecture.names()
