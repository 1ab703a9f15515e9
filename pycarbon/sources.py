"""What can be read on this machine, and for what cannot, what to type."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from pycarbon import domains, machine, model
from pycarbon.errors import SourceError
from pycarbon.run import MACHINE_CPU, MAX_RAW, PROCESS_CPU, Channel

if TYPE_CHECKING:
    from pycarbon._native import Source

MICROJOULE = Fraction(1, 1_000_000)
MAX_PLAUSIBLE_POWER_W = 20_000
"""No domain of one machine takes more: a counter that says so was reset. (Large servers stay below 15 kW.)"""

_ZONE = re.compile(r"(?P<control>intel-rapl(?:-mmio)?):(?P<numbers>\d+(?::\d+)*)")
READABLE_BY_ALL = "sudo chmod a+r /sys/class/powercap/*/energy_uj"
"""Until the next boot. It is 0400 since 2020 because fine-grained energy can betray secrets (CVE-2020-8694)."""


@dataclass(frozen=True, slots=True)
class Roots:
    """Where the kernel's file trees hang; a test or an emulator has its own."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")

    @classmethod
    def under(cls, folder: Path) -> Roots:
        """Take `folder` for `/`; without a proc folder of its own it shares the real one."""
        if not (folder / "sys").is_dir():
            raise SourceError(f"{folder} has no folder sys in it, so it cannot stand for /")
        proc = folder / "proc"
        return cls(folder / "sys", proc if proc.is_dir() else Path("/proc"))


@dataclass(frozen=True, slots=True)
class Counter:
    """An energy counter that can be read. `range_raw` is 0 where the kernel does not say when it wraps."""

    source: str
    domain: str
    path: Path
    unit: Fraction
    range_raw: int
    in_total: bool
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that cannot be read: what, why, and what to type (empty where nothing helps)."""

    source: str
    what: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What discover() found. `curves` are there for the domains that no counter covers."""

    roots: Roots
    machine: machine.Machine
    counters: tuple[Counter, ...]
    obstacles: tuple[Obstacle, ...]
    curves: tuple[model.PowerCurve, ...]
    cpu_time: bool

    @property
    def measured(self) -> bool:
        """Whether the total comes from counters: memory alone makes none, nor do some packages of several."""
        return not any(curve.domain != "ram" for curve in self.curves) and any(
            counter.in_total and not counter.domain.startswith("dram") for counter in self.counters
        )

    def channels(self) -> list[Channel]:
        """Give the channel table of a run on this machine."""
        rows: list[tuple[str, str, str, str, Fraction, int, bool]] = [
            (c.domain, c.source, "measured", "energy", c.unit, c.range_raw, c.in_total) for c in self.counters
        ]
        rows += [
            (curve.domain, "model", "modelled", "energy", Fraction(1), 0, not self.measured) for curve in self.curves
        ]
        if self.cpu_time:
            tick_s = Fraction(1, machine.clock_ticks_per_s())
            rows += [
                (domain, "proc", "measured", "cpu_time", tick_s, 0, False) for domain in (MACHINE_CPU, PROCESS_CPU)
            ]
        return [Channel(i, *row) for i, row in enumerate(rows)]  # type: ignore[arg-type]


def discover(roots: Roots | None = None) -> Discovery:
    """Find what can be read under `roots`. Never raises: what fails becomes an obstacle."""
    roots = roots or Roots()
    facts = machine.identify(roots.proc, roots.sys)
    native = _native_obstacle()
    counters, obstacles = ([], [native]) if native else _powercap(roots.sys, facts)
    cpu_time = native is None and (roots.proc / "stat").exists()
    if not cpu_time and native is None:
        obstacles.append(Obstacle("proc", f"{roots.proc / 'stat'} is not there: no CPU time, so no utilisation"))
    curves = tuple(curve for curve in model.curves(facts) if not _is_covered(curve.domain, counters))
    return Discovery(roots, facts, tuple(counters), tuple(obstacles), curves, cpu_time)


def _is_covered(domain: str, counters: list[Counter]) -> bool:
    """Say whether counters tell what the model would estimate: a package's own or its dies', or any memory's."""
    if domain == "ram":
        return any(counter.domain.startswith("dram") for counter in counters)
    return any(
        counter.in_total and (counter.domain in (domain, "psys") or counter.domain.startswith(f"{domain}-"))
        for counter in counters
    )


def _native_obstacle() -> Obstacle | None:
    try:
        import pycarbon._native  # noqa: F401
    except ImportError as error:
        return Obstacle("sampler", f"counters are read on Linux only; the compiled core is not here ({error})")
    return None


def _powercap(sys: Path, facts: machine.Machine) -> tuple[list[Counter], list[Obstacle]]:
    folder = sys / "class" / "powercap"
    try:
        zones = sorted(entry for entry in folder.iterdir() if _ZONE.fullmatch(entry.name))
    except OSError:
        zones = []
    if not zones:
        return [], [_no_powercap(folder, facts)]
    counters: list[Counter] = []
    obstacles: list[Obstacle] = []
    names = {zone.name: _read_text(zone / "name") for zone in zones}
    for zone in zones:
        found = _zone(zone, names)
        if isinstance(found, Obstacle):
            obstacles.append(found)
        elif any(counter.domain == found.domain for counter in counters):
            obstacles.append(Obstacle("powercap", f"{zone} repeats {found.domain}: not counted twice"))
        else:
            counters.append(found)
    return _with_stand_in(_without_mirrored_dies(counters)), obstacles


def _with_stand_in(counters: list[Counter]) -> list[Counter]:
    """Where no package counter can be read, let the package's mirror stand for it, or else the whole platform."""
    packages = [counter for counter in counters if counter.domain.startswith("package-")]
    if any(counter.in_total for counter in packages):
        return counters
    if packages:
        stands = {counter.domain for counter in packages}
    else:  # the platform holds the memory too
        stands = {"psys"} if any(counter.domain == "psys" for counter in counters) else set()
        if stands:
            counters = [replace(counter, in_total=False) for counter in counters]
    remark = "stands for the total: no package counter can be read"
    return [
        replace(counter, in_total=True, remark=remark) if counter.domain in stands else counter
        for counter in counters
    ]


def _zone(zone: Path, names: dict[str, str | None]) -> Counter | Obstacle:
    match = _ZONE.fullmatch(zone.name)
    assert match is not None
    name = names[zone.name]
    path = zone / "energy_uj"
    if not name:
        return Obstacle("powercap", f"{zone / 'name'} cannot be read: which domain it is stays unknown")
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except PermissionError:
        return Obstacle("powercap", f"{path} is readable by root only", READABLE_BY_ALL)
    except OSError as error:
        return Obstacle("powercap", f"{path} cannot be read: {error.strerror}")
    if _number(text) is None:
        return Obstacle("powercap", f"{path} holds {text[:20]!r} where a number belongs: a fault of its driver")
    range_raw = _number(_read_text(zone / "max_energy_range_uj")) or 0
    parent = names.get(f"{match['control']}:{match['numbers'].rpartition(':')[0]}")
    domain = domains.from_powercap(name, parent, match["control"])
    remark = "" if range_raw else "its range is not known: a wrap would be a gap"
    return Counter("powercap", domain, path, MICROJOULE, range_raw, domains.is_part_of_total(domain), remark)


def _without_mirrored_dies(counters: list[Counter]) -> list[Counter]:
    """Leave out of the total a die whose counter shows the same as another die's of its package.

    Two counters that run on their own stand within a joule of each other about once in 10^5 machines.
    """
    kept: list[Counter] = []
    first_of: dict[str, int] = {}
    for counter in counters:
        package, _, die = counter.domain.partition("-die-")
        if die and counter.in_total:
            value = _number(_read_text(counter.path)) or 0
            if package in first_of and abs(first_of[package] - value) < 1_000_000:
                counter = replace(counter, in_total=False, remark="a mirror of the package's first die")
            first_of.setdefault(package, value)
        kept.append(counter)
    return kept


def _no_powercap(folder: Path, facts: machine.Machine) -> Obstacle:
    if facts.arch not in ("x86_64", "i686", "AMD64"):
        return Obstacle("powercap", f"{facts.arch} has no RAPL counters")
    if facts.hypervisor:
        return Obstacle(
            "powercap",
            "a virtual machine, which sees no energy counters",
            "run on bare metal",
        )
    if facts.container:
        return Obstacle(
            "powercap",
            f"this container does not see {folder}",
            "docker run --security-opt systempaths=unconfined -v /sys/class/powercap:/sys/class/powercap:ro ...",
        )
    return Obstacle("powercap", f"{folder} holds no zone: the driver is not loaded", "sudo modprobe intel_rapl_msr")


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None


def _number(text: str | None) -> int | None:
    """Read what a counter's file holds; None where that is no number below MAX_RAW."""
    if text is None or re.fullmatch("[0-9]{1,19}", text) is None or int(text) >= MAX_RAW:
        return None
    return int(text)


def open_counters(counters: tuple[Counter, ...]) -> tuple[list[tuple[Counter, Source]], list[Obstacle]]:
    """Open each counter for a sampler; one that can no longer be opened becomes an obstacle, the rest go on."""
    opened: list[tuple[Counter, Source]] = []
    obstacles: list[Obstacle] = []
    if not counters:  # also where there is no compiled core
        return opened, obstacles
    from pycarbon import _native

    for counter in counters:
        try:
            opened.append((counter, _native.Source.powercap([counter.path])))
        except OSError as error:
            obstacles.append(Obstacle(counter.source, f"{counter.path} cannot be opened: {error.strerror}"))
    return opened, obstacles


@dataclass(frozen=True, slots=True)
class Probe:
    """What reading a counter takes, measured now. `period_s` is None where the counter never moved."""

    cost_s: float
    period_s: float | None


def probe(counter: Counter, for_s: float = 0.1, now_ns: Callable[[], int] = time.monotonic_ns) -> Probe:
    """Read a counter over and over for `for_s` seconds: what one reading costs, how often the value changes."""
    from pycarbon import _native

    source = _native.Source.powercap([counter.path])
    start_ns = now_ns()
    last, changes, reads, first_ns, last_ns = source.read(0), 0, 1, start_ns, start_ns
    while (time_ns := now_ns()) < start_ns + for_s * 1e9:
        value = source.read(0)
        reads += 1
        if value != last:
            if changes == 0:
                first_ns = time_ns
            last, last_ns, changes = value, time_ns, changes + 1
    period_s = (last_ns - first_ns) / (changes - 1) / 1e9 if changes > 1 else None
    return Probe((now_ns() - start_ns) / reads / 1e9, period_s)
