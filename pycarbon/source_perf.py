"""Finds energy counters among perf's: the PMU `power`, and AMD's `power_core`, as their files in /sys describe them.

The kernel's side is arch/x86/events/rapl.c: 64-bit counts of 2^-32 J, which any CPU of a counter's package (its die,
its core) reads without interrupting another; `cpumask` names one CPU for each.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from pycarbon import domains
from pycarbon.counters import EVERY, Counter, Obstacle, PerfEvent, Roots, read_text
from pycarbon.cpus import Cpus, parse_cpu_list
from pycarbon.machine import Machine

if TYPE_CHECKING:
    from pycarbon._native import Source

EVENTS = {
    "energy-pkg": "package",
    "energy-cores": "core",
    "energy-gpu": "uncore",
    "energy-ram": "dram",
    "energy-psys": "psys",
}
CORE_EVENT = "energy-core"
SMALLEST_J, LARGEST_J = Fraction(1, 10**12), Fraction(1, 1000)
"""What one count can be worth: RAPL's are 2^-32 J in perf and at most 2^-10 J in hardware."""

FIRST_DYNAMIC_TYPE = 6
"""Types below are the kernel's own, not a PMU's: their events count on one CPU (include/uapi/linux/perf_event.h)."""

STILL_S = 0.02
"""A counter that does not move for so long, twenty updates, is none: even an idle package draws some watts."""

LOWER_PARANOIA = "sudo sysctl kernel.perf_event_paranoid=0"
GRANT = "sudo setcap cap_perfmon=ep $(readlink -f $(which python3))"

_SCALE = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,2})?")
_MOST_DENOMINATOR = 10**15 - 1  # what a run file can hold


class Lie(ValueError):
    """A PMU's description that cannot be true, in one line."""


@dataclass(frozen=True, slots=True)
class _Pmu:
    folder: Path
    type: int
    formats: Mapping[str, str]
    cpus: tuple[int, ...]

    def counts_one_cpu(self) -> bool:
        return self.type < FIRST_DYNAMIC_TYPE


def find(roots: Roots, facts: Machine) -> tuple[list[Counter], list[Obstacle]]:
    """Find the events that can be opened, and say of each other one why not."""
    counters: list[Counter] = []
    obstacles: list[Obstacle] = []
    devices = roots.sys / "bus/event_source/devices"
    cpus = Cpus(roots.sys)
    for folder in (devices / "power", devices / "power_core"):
        if not folder.is_dir():
            continue
        try:
            pmu = _describe(folder, cpus)
        except Lie as lie:
            obstacles.append(Obstacle("perf", str(lie), domains=() if counters else (EVERY,)))
            continue
        found = [_open(pmu, event, roots, facts, cpus) for event in _events(folder)]
        counters += [counter for some, _ in found for counter in some]
        for _, some_obstacles in found:
            obstacles += [obstacle for obstacle in some_obstacles if obstacle not in obstacles]
    bare_x86 = facts.arch == "x86_64" and not facts.hypervisor and not facts.container
    if bare_x86 and not counters and not obstacles:
        what = "there is no PMU power: its driver is not loaded"
        obstacles.append(Obstacle("perf", what, "sudo modprobe rapl", (EVERY,), minor=True))
    return counters, obstacles


def config_of(event: str, formats: Mapping[str, str]) -> int:
    """Put an event's terms ("event=0x02,umask=1") where the PMU's formats ("config:0-7") say; Lie where none does."""
    config = 0
    for term in event.split(","):
        name, _, text = term.strip().partition("=")
        value = re.fullmatch(r"0[xX][0-9a-fA-F]{1,16}|[0-9]{1,19}", text or "1")
        place = re.fullmatch(
            r"config:([0-9]{1,2}(?:-[0-9]{1,2})?(?:,[0-9]{1,2}(?:-[0-9]{1,2})?)*)", formats.get(name, "")
        )
        if value is None or place is None:
            raise Lie(f"{term[:40]!r} cannot be understood")
        rest = int(value[0], 16 if value[0][:2] in ("0x", "0X") else 10)
        for part in place[1].split(","):
            first, _, last = part.partition("-")
            low, high = int(first), int(last or first)
            if not low <= high < 64:
                raise Lie(f"{formats[name]!r} is no place for {name!r}")
            width = high - low + 1
            config |= (rest & ((1 << width) - 1)) << low
            rest >>= width
        if rest:
            raise Lie(f"{term[:40]!r} does not fit {formats[name]!r}")
    return config


def unit_of(scale: str | None) -> Fraction:
    """Read what one count is worth, exactly as it is written ("2.3283064365386962890625e-10" is 2^-32); or Lie."""
    if scale is None:
        raise Lie("is missing: what a count is worth is not known")
    if _SCALE.fullmatch(scale) is None:
        raise Lie(f"holds {scale[:40]!r} where a number belongs")
    unit = Fraction(scale)
    if not SMALLEST_J <= unit <= LARGEST_J:
        raise Lie(f"says that a count is worth {scale[:40]} J, which no counter's is")
    return unit.limit_denominator(_MOST_DENOMINATOR)


def _describe(folder: Path, cpus: Cpus) -> _Pmu:
    kind = read_text(folder / "type")
    if kind is None or re.fullmatch("[0-9]{1,9}", kind) is None:
        raise Lie(f"{folder / 'type'} " + ("is missing" if kind is None else f"holds {kind[:20]!r}, no type"))
    mask = read_text(folder / "cpumask")
    if not mask:
        raise Lie(f"{folder / 'cpumask'} is {'missing' if mask is None else 'empty'}: no CPU to read it on")
    try:
        named = parse_cpu_list(mask)
    except ValueError as error:
        raise Lie(f"{folder / 'cpumask'} holds {error}") from None
    online = cpus.online()
    absent = sorted(named - online) if online is not None else []
    if absent:
        raise Lie(f"{folder / 'cpumask'} names cpu {absent[0]}, which is not online")
    formats = {path.name: read_text(path) or "" for path in _files(folder / "format")}
    return _Pmu(folder, int(kind), formats, tuple(sorted(named)))


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _events(folder: Path) -> Iterator[Path]:
    yield from (path for path in _files(folder / "events") if path.suffix not in (".scale", ".unit", ".snapshot"))


def _open(pmu: _Pmu, event: Path, roots: Roots, facts: Machine, cpus: Cpus) -> tuple[list[Counter], list[Obstacle]]:
    """Make an event's counters, one for each CPU of the cpumask, if it tells the truth and can be opened."""
    per_core = pmu.folder.name == "power_core"
    if event.name != CORE_EVENT if per_core else event.name not in EVENTS:
        return [], [Obstacle("perf", f"{event} is not known: it is not read", minor=True)]
    placed = [_place(event.name, per_core, cpu, pmu, facts, cpus) for cpu in pmu.cpus]
    names = tuple(dict.fromkeys(domain for domain, _, _ in placed))
    try:
        unit, config = _checked(event, pmu)
    except Lie as lie:
        return [], [Obstacle("perf", str(lie), domains=names)]
    counters: list[Counter] = []
    for cpu, (domain, package, near) in zip(pmu.cpus, placed, strict=True):
        if any(counter.domain == domain for counter in counters):  # psys, or dies that share their package's
            continue
        address = PerfEvent(pmu.type, config, cpu, f"{pmu.folder.name}/{event.name}/")
        if not (per_core and counters):  # one core is enough to tell whether it is permitted
            try:
                source = address.open()
            except OSError as error:
                return [], [_refusal(error, address, roots.proc, facts, names)]
            # The kernel leaves out registers that read 0, but for psys on some models, and a hypervisor may show any.
            if (facts.hypervisor or domain == "psys") and not _moves(source):
                where = "; a virtual machine shows no energy counters" if facts.hypervisor else ""
                return [], [Obstacle("perf", f"{address} stands still{where}", domains=names, minor=True)]
        in_total = domains.is_part_of_total(domain)
        counters.append(
            Counter("perf", domain, address, unit, 0, in_total, near=near, package=package, closely=not per_core)
        )
    return counters, []


def _moves(source: Source) -> bool:
    """Watch a counter until it changes; False where it does not for STILL_S."""
    first, end_ns = source.read(0), time.monotonic_ns() + round(STILL_S * 1e9)
    while source.read(0) == first:
        if time.monotonic_ns() > end_ns:
            return False
        time.sleep(STILL_S / 100)
    return True


def _checked(event: Path, pmu: _Pmu) -> tuple[Fraction, int]:
    scale, unit = (event.with_name(f"{event.name}.{kind}") for kind in ("scale", "unit"))
    try:
        worth = unit_of(read_text(scale))
    except Lie as lie:
        raise Lie(f"{scale} {lie}") from None
    measure = read_text(unit)
    if measure != "Joules":
        raise Lie(f"{unit} " + ("is missing" if measure is None else f"says {measure[:20]!r}, not Joules"))
    try:
        return worth, config_of(read_text(event) or "", pmu.formats)
    except Lie as lie:
        raise Lie(f"{event}: {lie}") from None


def _place(
    event: str, per_core: bool, cpu: int, pmu: _Pmu, facts: Machine, cpus: Cpus
) -> tuple[str, int, frozenset[int]]:
    """Give the domain that an event has on a CPU, its package, and the CPUs that read it without an interrupt."""
    package = cpus.package_of(cpu) or 0
    if per_core:
        near = cpus.core(cpu)
        return domains.of_core(min(near)), package, near
    # AMD's counter is the package's, whatever older kernels make of dies (Linux 6.10, "Fix the energy-pkg event").
    fellows = [other for other in pmu.cpus if (cpus.package_of(other) or 0) == package]
    by_die = len(fellows) > 1 and facts.vendor == "GenuineIntel"
    near = cpus.die(cpu) if by_die else cpus.package(cpu)
    domain = domains.of_package(EVENTS[event], package, (cpus.die_of(cpu) or 0) if by_die else None)
    return domain, package, frozenset({cpu}) if pmu.counts_one_cpu() else near


def _refusal(error: OSError, address: PerfEvent, proc: Path, facts: Machine, names: tuple[str, ...]) -> Obstacle:
    """Say why the kernel would not open an event, and what helps."""
    pmu = address.name.partition("/")[0]
    if error.errno not in (errno.EACCES, errno.EPERM):
        why = os.strerror(error.errno or 0)
        return Obstacle("perf", f"{address} cannot be opened: {why}", domains=names)
    level = read_text(proc / "sys/kernel/perf_event_paranoid") or "not known"
    what = f"perf's PMU {pmu} is not readable (kernel.perf_event_paranoid is {level})"
    remedy = f"{LOWER_PARANOIA}   (or: {GRANT})"
    if re.fullmatch("-[0-9]|0", level):
        what = f"perf's PMU {pmu} is forbidden by a seccomp filter or SELinux (kernel.perf_event_paranoid is {level})"
        remedy = "docker run --cap-add PERFMON ..." if facts.container else ""
    elif facts.container:
        remedy = f"docker run --cap-add PERFMON ...   (or on the host: {LOWER_PARANOIA})"
    elif re.fullmatch("[3-9]", level):
        what += ", which shuts out all but root"
    return Obstacle("perf", what, remedy, (EVERY,) if pmu == "power" else names)
