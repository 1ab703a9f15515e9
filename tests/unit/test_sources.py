"""What discovery makes of the trees that kernels show: every kind of machine, and everything that goes wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycarbon.errors import SourceError
from pycarbon.source_powercap import READABLE_BY_ALL
from pycarbon.sources import Roots, discover, open_counters, probe

INTEL = "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 106\nmodel name\t: Intel(R) Xeon(R) Gold 6330 CPU\n"
AMD = "vendor_id\t: AuthenticAMD\ncpu family\t: 23\nmodel\t\t: 49\nmodel name\t: AMD EPYC 7742 64-Core Processor\n"
ARM = "CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
RANGE = "262143328850"


class Tree:
    """A folder that stands for /: a machine of `n` CPUs, to which zones are added."""

    def __init__(self, root: Path, cpu: str = INTEL, flags: str = "fpu sse", n: int = 4, memory: bool = True) -> None:
        self.root = root
        self.powercap = root / "sys/class/powercap"
        self.powercap.mkdir(parents=True)
        proc = root / "proc"
        (proc / "1").mkdir(parents=True)
        (proc / "stat").write_text("cpu 1 2 3 4\n")
        flags = f"flags\t\t: {flags}\n" if "vendor_id" in cpu else ""
        (proc / "cpuinfo").write_text("\n".join(f"processor\t: {i}\n{cpu}{flags}" for i in range(n)))
        (proc / "meminfo").write_text(f"MemTotal:       {(16 << 20) if memory else 'no'} kB\n")
        (proc / "1/cgroup").write_text("0::/\n")

    def zone(self, folder: str, name: str | None, energy: str | None = "12345678", limit: str | None = RANGE) -> Path:
        zone = self.powercap / folder
        zone.mkdir()
        for file, text in (("name", name), ("energy_uj", energy), ("max_energy_range_uj", limit)):
            if text is not None:
                (zone / file).write_bytes(text.encode("latin-1") + b"\n")
        return zone

    def discover(self):
        return discover(Roots.under(self.root))

    def domains(self):
        return {counter.domain: counter.in_total for counter in self.discover().counters}


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path / "root")


def test_a_server_with_one_socket(tree):
    # GIVEN a package with memory under it
    tree.zone("intel-rapl:0", "package-0")
    tree.zone("intel-rapl:0:0", "dram", "7")
    # WHEN counters are looked for
    found = tree.discover()
    # THEN both are counted, with the kernel's unit and range, and no model is needed
    assert {c.domain: (c.in_total, c.unit, c.range_raw) for c in found.counters} == {
        "package-0": (True, Fraction(1, 1_000_000), int(RANGE)),
        "dram-0": (True, Fraction(1, 1_000_000), int(RANGE)),
    }
    assert found.measured and not found.curves and not found.obstacles
    assert [(c.id, c.domain, c.kind, c.in_total) for c in found.channels()] == [
        (0, "package-0", "measured", True),
        (1, "dram-0", "measured", True),
        (2, "machine-cpu", "measured", False),
        (3, "process-cpu", "measured", False),
    ]


def test_two_sockets(tree):
    for socket in range(2):
        tree.zone(f"intel-rapl:{socket}", f"package-{socket}", str(10**9 * (socket + 1)))
        tree.zone(f"intel-rapl:{socket}:0", "dram")
        tree.zone(f"intel-rapl:{socket}:1", "core")
    assert tree.domains() == {
        "package-0": True,
        "dram-0": True,
        "core": False,
        "package-1": True,
        "dram-1": True,
        "core-1": False,
    }


def test_a_laptop_counts_its_package_once_and_its_memory_by_model(tree):
    # GIVEN core, uncore, psys and the mmio mirror, but no memory counter
    tree.zone("intel-rapl:0", "package-0")
    tree.zone("intel-rapl:0:0", "core")
    tree.zone("intel-rapl:0:1", "uncore")
    tree.zone("intel-rapl:1", "psys")
    tree.zone("intel-rapl-mmio:0", "package-0")
    # WHEN counters are looked for THEN the total is the package alone, and a model stands for memory beside it
    assert tree.domains() == {
        "package-0": True,
        "core": False,
        "uncore": False,
        "psys": False,
        "package-0-mmio": False,
    }
    found = tree.discover()
    assert [curve.domain for curve in found.curves] == ["ram"]
    assert [c.in_total for c in found.channels() if c.source == "model"] == [False]


def test_amd(tmp_path):
    tree = Tree(tmp_path / "root", AMD)
    tree.zone("intel-rapl:0", "package-0")
    tree.zone("intel-rapl:0:0", "core")
    assert tree.domains() == {"package-0": True, "core": False}
    assert tree.discover().machine.vendor == "AuthenticAMD"


@pytest.mark.parametrize("apart_uj, in_total", [(0, False), (999_999, False), (1_000_000, True)])
def test_dies_that_mirror_each_other_count_once(tree, apart_uj, in_total):
    for die in range(2):
        tree.zone(f"intel-rapl:{die}", f"package-0-die-{die}", str(5 * 10**9 + die * apart_uj))
        tree.zone(f"intel-rapl:{die}:0", "dram", str(die * 10**9))
    assert tree.domains() == {
        "package-0-die-0": True,
        "dram-0-die-0": True,
        "package-0-die-1": in_total,
        "dram-0-die-1": True,
    }


def test_psys_alone_stands_for_the_total(tree):
    tree.zone("intel-rapl:0", "psys")
    found = tree.discover()
    assert [(c.domain, c.in_total) for c in found.counters] == [("psys", True)]
    assert found.measured and "no package" in found.counters[0].remark


def test_memory_alone_makes_no_measured_total(tree):
    # GIVEN memory that can be read under a package that cannot
    tree.zone("intel-rapl:0", "package-0", "")
    tree.zone("intel-rapl:0:0", "dram", "7")
    # WHEN counters are looked for
    found = tree.discover()
    # THEN the package is modelled and counted with the memory, which is not modelled once more
    assert not found.measured
    totals = {(c.domain, c.kind) for c in found.channels() if c.in_total}
    assert totals == {("package-0", "modelled"), ("dram-0", "measured")}


def test_a_mirror_stands_for_a_package_that_cannot_be_read(tree):
    tree.zone("intel-rapl:0", "package-0", "")
    tree.zone("intel-rapl-mmio:0", "package-0")
    assert tree.domains() == {"package-0-mmio": True}


@pytest.mark.parametrize("limit", [None, "0", "", "many", "-5", "9" * 19, "9" * 5000, "1.5"])
def test_a_range_that_nobody_knows(tree, limit):
    tree.zone("intel-rapl:0", "package-0", limit=limit)
    (counter,) = tree.discover().counters
    assert counter.range_raw == 0 and "range" in counter.remark


@pytest.mark.parametrize("energy", ["", "abc", "-1", "1 2", "1.5", "\xb2", "9" * 5000, "0x10"])
def test_a_counter_that_holds_no_number(tree, energy):
    # GIVEN a sound package and one that holds rubbish
    tree.zone("intel-rapl:0", "package-0")
    tree.zone("intel-rapl:1", "package-1", energy)
    # WHEN counters are looked for THEN the sound one is found and the other is named
    found = tree.discover()
    assert [c.domain for c in found.counters] == ["package-0"]
    (obstacle,) = found.obstacles
    assert "intel-rapl:1/energy_uj holds" in obstacle.what and "\n" not in obstacle.what


def test_zones_that_are_not_whole(tree):
    # GIVEN zones without a name, without a counter, with a name twice, and links that lead nowhere or round
    tree.zone("intel-rapl:0", None)
    tree.zone("intel-rapl:1", "package-1", energy=None)
    tree.zone("intel-rapl:2", "package-2")
    tree.zone("intel-rapl:3", "package-2")
    (tree.powercap / "intel-rapl:4").symlink_to("intel-rapl:4")
    (tree.powercap / "intel-rapl:5").symlink_to("nowhere")
    (tree.powercap / "intel-rapl:6").write_text("a file")
    (tree.zone("intel-rapl:7", "package-7", energy=None) / "energy_uj").mkdir()
    tree.zone("dtpm:0", "soc")
    # WHEN counters are looked for THEN one is found, and each of the others is an obstacle that names it
    found = tree.discover()
    assert [c.domain for c in found.counters] == ["package-2"]
    told = " | ".join(obstacle.what for obstacle in found.obstacles)
    for number, why in [
        (0, "cannot be read"),
        (1, "cannot be read"),
        (3, "repeats package-2"),
        (4, "cannot be read"),
    ]:
        assert f"intel-rapl:{number}" in told and why in told
    assert len(found.obstacles) == 7


def test_a_powercap_folder_that_is_a_loop(tree):
    shutil.rmtree(tree.powercap)
    tree.powercap.symlink_to(tree.powercap)
    assert "holds no zone" in tree.discover().obstacles[0].what


@pytest.mark.parametrize(
    "kind, cpu, flags, cgroup, why, remedy",
    [
        ("virtual machine", INTEL, "fpu hypervisor", "0::/\n", "virtual machine", "metal"),
        ("container", INTEL, "fpu", "0::/docker/abc\n", "this container", "docker run"),
        ("bare metal", INTEL, "fpu", "0::/\n", "driver is not loaded", "sudo modprobe intel_rapl_msr"),
        ("arm64", ARM, "", "0::/\n", "aarch64 has no RAPL counters", ""),
    ],
)
def test_without_powercap_it_says_what_to_type(tmp_path, kind, cpu, flags, cgroup, why, remedy):
    # GIVEN a machine without any zone
    tree = Tree(tmp_path / "root", cpu, flags)
    (tree.root / "proc/1/cgroup").write_text(cgroup)
    # WHEN counters are looked for, with the folder empty and with none
    for _ in range(2):
        found = tree.discover()
        # THEN the total is a model, and the one obstacle says why and what helps
        (obstacle,) = found.obstacles
        assert why in obstacle.what and remedy in obstacle.remedy and bool(remedy) == bool(obstacle.remedy)
        assert not found.measured
        assert [c.domain for c in found.channels() if c.in_total] == ["package-0", "ram"]
        shutil.rmtree(tree.powercap, ignore_errors=True)


def test_without_proc_there_is_no_cpu_time(tree):
    (tree.root / "proc/stat").unlink()
    found = tree.discover()
    assert not found.cpu_time and any("no CPU time" in obstacle.what for obstacle in found.obstacles)
    assert not [channel for channel in found.channels() if channel.quantity == "cpu_time"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_who_may_not_read_is_told_what_to_type():
    # GIVEN a counter with the mode it has since 2020, in a place everybody can enter
    root = Path(tempfile.mkdtemp())
    try:
        root.chmod(0o755)
        zone = Tree(root / "root").zone("intel-rapl:0", "package-0")
        (zone / "energy_uj").chmod(0o400)
        # WHEN root and nobody look for counters
        code = (
            "import os, sys; from pathlib import Path; import pycarbon._native\n"
            "from pycarbon.sources import Roots, discover\n"
            "for user in (0, 65534):\n"
            "    os.seteuid(user); found = discover(Roots.under(Path(sys.argv[1])))\n"
            "    print(len(found.counters), *[o.what + '|' + o.remedy for o in found.obstacles], sep='|')\n"
        )
        told = subprocess.run([sys.executable, "-c", code, root / "root"], capture_output=True, text=True, check=True)
    finally:
        shutil.rmtree(root)
    # THEN root can, and nobody is told how to
    for_root, for_nobody = told.stdout.splitlines()
    assert for_root == "1"
    assert for_nobody == f"0|{zone}/energy_uj is readable by root only|{READABLE_BY_ALL}"


def test_a_folder_that_stands_for_the_root(tmp_path):
    with pytest.raises(SourceError, match="has no folder sys"):
        Roots.under(tmp_path)
    (tmp_path / "sys").mkdir()
    assert Roots.under(tmp_path) == Roots(tmp_path / "sys", Path("/proc"), tmp_path / "dev")
    (tmp_path / "proc").mkdir()
    assert Roots.under(tmp_path) == Roots(tmp_path / "sys", tmp_path / "proc", tmp_path / "dev")


def test_this_machine_can_be_looked_at():
    found = discover()
    assert found.counters or found.obstacles
    assert any(channel.in_total for channel in found.channels())


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["name", "energy_uj", "max_energy_range_uj"]), st.binary(max_size=30)))
def test_any_bytes_in_a_zone_raise_nothing(contents):
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(Path(folder) / "root")
        zone = tree.zone("intel-rapl:0", None, None, None)
        for name, content in contents.items():
            (zone / name).write_bytes(content)
        found = tree.discover()
        assert len(found.counters) + len(found.obstacles) == 1
        assert found.channels()


def test_a_counter_that_vanishes_is_an_obstacle(tree):
    # GIVEN two counters that were found, of which one is gone since
    kept, gone = tree.zone("intel-rapl:0", "package-0"), tree.zone("intel-rapl:1", "package-1")
    counters = tree.discover().counters
    (gone / "energy_uj").unlink()
    # WHEN they are opened THEN the other is open
    opened, obstacles = open_counters(counters)
    assert [counter.domain for counter, _ in opened] == ["package-0"]
    assert len(obstacles) == 1 and str(gone) in obstacles[0].what
    assert opened[0][1].read(0) == 12345678 == int((kept / "energy_uj").read_text())


def test_a_probe_tells_cost_and_period(tree):
    # GIVEN a counter that somebody moves every 5 ms of a clock that ticks 1 ms at each look
    file = tree.zone("intel-rapl:0", "package-0", "0") / "energy_uj"
    (counter,) = tree.discover().counters
    looks = iter(range(10**6))

    def now_ns() -> int:
        look = next(looks)
        file.write_text(str(look // 5))
        return look * 1_000_000

    # WHEN it is probed for 100 ms THEN a read costs 1 ms and the value changes every 5 ms
    found = probe(counter, 0.1, now_ns)
    assert found.cost_s == pytest.approx(0.001, rel=0.05)
    assert found.period_s == pytest.approx(0.005)
    assert probe(counter, 0.002).period_s is None
