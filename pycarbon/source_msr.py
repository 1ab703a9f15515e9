"""Finds energy counters in model-specific registers, /dev/cpu/N/msr: what perf and powercap read, without them.

Register numbers: Intel's Software Developer's Manual, volume 4; AMD's Processor Programming Reference of family 17h.
A counter is 32 bits wide; which joules it counts in is msr_units' matter.
"""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from pycarbon import domains
from pycarbon.counters import EVERY, Counter, MsrRegister, Obstacle, Roots, without_mirrored_dies
from pycarbon.cpus import Cpus
from pycarbon.machine import Machine
from pycarbon.msr_units import Row, register_unit_j, row_for

RANGE_RAW = 2**32 - 1
UNSTIRRED_S = 0.003
"""A register that shows 0 gets so long to show something else; RAPL's change every millisecond."""

LOAD = "sudo modprobe msr"
GRANT = "run as root   (or: sudo setcap cap_sys_rawio=ep $(readlink -f $(which python3)), and read access to {})"


@dataclass(frozen=True, slots=True)
class _Table:
    """A vendor's registers; `optional` ones are not on every part, `per_core` is read once on each core."""

    unit: int
    package: int
    optional: tuple[tuple[str, int], ...] = ()
    per_core: int | None = None


INTEL = _Table(0x606, 0x611, (("dram", 0x619), ("core", 0x639), ("uncore", 0x641), ("psys", 0x64D)))
AMD = _Table(0xC0010299, 0xC001029B, per_core=0xC001029A)


@dataclass(slots=True)
class _Finder:
    """One search: the machine, and what was found so far."""

    folder: Path
    facts: Machine
    table: _Table
    counters: list[Counter]
    raw_of: dict[Counter, int]
    absent: dict[str, list[str]]

    def path(self, cpu: int) -> Path:
        return self.folder / str(cpu) / "msr"


def find(roots: Roots, facts: Machine) -> tuple[list[Counter], list[Obstacle]]:
    """Find the registers that can be read and count, and say of each other one why not."""
    table = _table(facts)
    if table is None:
        return [], []
    folder = roots.dev / "cpu"
    cpus = Cpus(roots.sys)
    packages = cpus.packages() or _packages_without_topology(folder, facts)
    if not packages or not any((folder / str(min(group)) / "msr").exists() for group in packages.values()):
        if facts.hypervisor or facts.container:
            return [], []  # that is why, and powercap says so
        return [], [Obstacle("msr", f"{folder} has no registers: no module msr", LOAD, (EVERY,), minor=True)]
    finder = _Finder(folder, facts, table, [], {}, {})
    obstacles: list[Obstacle] = []
    for number, group in sorted(packages.items()):
        dies = cpus.dies(group) if table is INTEL else {}
        parts: list[tuple[int | None, frozenset[int]]] = [*dies.items()] if len(dies) > 1 else [(None, group)]
        for die, members in parts:
            trouble = _package(finder, number, die, members, cpus)
            if trouble is not None and trouble not in obstacles:
                obstacles.append(trouble)
    for why, names in finder.absent.items():
        what = f"{', '.join(dict.fromkeys(names))} of {folder}/*/msr {why}: not on this part"
        obstacles.append(Obstacle("msr", what, minor=True))
    return without_mirrored_dies(finder.counters, finder.raw_of.__getitem__), obstacles


FILTERED = "energy filtering is on (SGX): windows of a few ms may be skewed"


def filters_energy(roots: Roots) -> bool:
    """Say whether Intel's energy filtering blurs the counters: MSR 0xBC bit 0, or where that is shut, SGX in use."""
    from pycarbon import _native

    try:
        return bool(_native.read_msr(roots.dev / "cpu/0/msr", 0xBC) & 1)
    except OSError:
        pass
    try:
        with (roots.proc / "cpuinfo").open("rb") as file:
            head = file.read(8192)  # the first CPU's flags, and never megabytes of all others'
    except OSError:
        return False
    flags = next((line for line in head.splitlines() if line.startswith(b"flags")), b"")
    return b"sgx" in flags.split()


def _table(facts: Machine) -> _Table | None:
    if facts.vendor == "GenuineIntel" and facts.family == 6:
        return INTEL
    if facts.vendor in ("AuthenticAMD", "HygonGenuine") and (facts.family or 0) >= 0x17:
        return AMD
    return None


def _packages_without_topology(folder: Path, facts: Machine) -> dict[int, frozenset[int]]:
    """Take all CPUs that have registers for one package, if there can be no second."""
    try:
        names = [entry.name for entry in folder.iterdir() if entry.name.isdecimal()]
    except OSError:
        return {}
    return {0: frozenset(map(int, names))} if names and facts.n_packages in (None, 1) else {}


def _package(finder: _Finder, number: int, die: int | None, members: frozenset[int], cpus: Cpus) -> Obstacle | None:
    """Add the counters of one package, or die; give the obstacle where it has none."""
    from pycarbon import _native

    facts, table = finder.facts, finder.table
    intel = table is INTEL
    paths = tuple(finder.path(cpu) for cpu in sorted(members))
    name = domains.of_package("package", number, die)
    try:
        value = _native.read_msr(paths[0], table.unit)
    except OSError as error:
        return _refusal(error, paths[0], table.unit, name, facts)
    unit_j = register_unit_j(value, facts.family, facts.model, intel)
    if value == 0 or unit_j >= Fraction(1, 8):
        what = f"{paths[0]} says in {table.unit:#x} ({value:#x}) that a count is worth {float(unit_j):g} J"
        return Obstacle("msr", f"{what}: there is no counter", domains=(name,), minor=bool(facts.hypervisor))
    wanted = [("package", table.package), *table.optional]
    registers = [(part, MsrRegister(paths, code)) for part, code in wanted]
    raws = _readings([register for _, register in registers])
    for (part, register), raw in zip(registers, raws, strict=True):
        if isinstance(raw, int) and raw > 0:
            row = row_for(part, facts.family, facts.model, intel)
            _add(finder, domains.of_package(part, number, die), register, row, unit_j, raw, min(members), number)
        elif part == "package":
            why = "reads 0 for ever" if raw == 0 else f"cannot be read ({os.strerror(int(str(raw)[1:]))})"
            return Obstacle("msr", f"{register} {why}", domains=(name,), minor=bool(facts.hypervisor))
        else:
            why = "read 0" if raw == 0 else "cannot be read"
            finder.absent.setdefault(why, []).append(f"{register.number:#x}")
    if table.per_core is not None:
        _cores(finder, members, cpus, unit_j, number)
    return None


def _cores(finder: _Finder, members: frozenset[int], cpus: Cpus, unit_j: Fraction, package: int) -> None:
    assert finder.table.per_core is not None
    row = row_for("core", None, None, intel=False)
    cores = cpus.cores(members)
    registers = [
        MsrRegister(tuple(finder.path(cpu) for cpu in sorted(core)), finder.table.per_core) for core in cores
    ]
    for core, register, raw in zip(cores, registers, _readings(registers), strict=True):
        if isinstance(raw, int) and raw > 0:
            _add(finder, domains.of_core(min(core)), register, row, unit_j, raw, min(core), package)


def _add(
    finder: _Finder, domain: str, register: MsrRegister, row: Row, unit_j: Fraction, raw: int, cpu: int, package: int
) -> None:
    if any(counter.domain == domain for counter in finder.counters):  # psys, which every package repeats
        return
    counter = Counter(
        "msr",
        domain,
        register,
        row.unit_j(unit_j),
        RANGE_RAW,
        domains.is_part_of_total(domain) and not row.doubt,
        near=frozenset({cpu}),
        package=package,
        closely=not domain.startswith("core-cpu-"),
        remark=row.remark(unit_j) if row.source != "the unit register" else "",
    )
    finder.counters.append(counter)
    finder.raw_of[counter] = raw


def _readings(registers: list[MsrRegister]) -> list[int | str]:
    """Read each; one that shows 0 once more a little later. An error is given as "E" and its number."""
    raws = [_reading(register) for register in registers]
    if 0 in raws:
        time.sleep(UNSTIRRED_S)
        raws = [_reading(register) if raw == 0 else raw for register, raw in zip(registers, raws, strict=True)]
    return raws


def _reading(register: MsrRegister) -> int | str:
    try:
        return register.open().read(0)
    except OSError as error:
        return f"E{error.errno or 0}"


def _refusal(error: OSError, path: Path, number: int, domain: str, facts: Machine) -> Obstacle:
    if error.errno in (errno.EACCES, errno.EPERM):
        return Obstacle("msr", f"{path} is readable by root only", GRANT.format("/dev/cpu/*/msr"), (EVERY,))
    why = os.strerror(error.errno or 0)
    where = "; a virtual machine shows no energy counters" if facts.hypervisor else ""
    what = f"{path} does not answer for {number:#x}: {why}{where}"
    return Obstacle("msr", what, domains=(domain,), minor=bool(facts.hypervisor))
