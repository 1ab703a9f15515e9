"""Finds energy counters in /sys/class/powercap, where the kernel shows RAPL as files of micro-joules."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from pycarbon import domains
from pycarbon.counters import (
    EVERY,
    Counter,
    Obstacle,
    PowercapFile,
    Roots,
    read_number,
    read_text,
    without_mirrored_dies,
)
from pycarbon.cpus import Cpus
from pycarbon.machine import Machine

MICROJOULE = Fraction(1, 1_000_000)
LEAST_RANGE_UJ = 1000
"""No counter goes round within a milli-joule: a watt would take it there in one period."""

READABLE_BY_ALL = "sudo chmod a+r /sys/class/powercap/*/energy_uj"
"""Until the next boot. It is 0400 since 2020 because fine-grained energy can betray secrets (CVE-2020-8694)."""

_ZONE = re.compile(r"(?P<control>intel-rapl(?:-mmio)?):(?P<numbers>\d+(?::\d+)*)")
_PACKAGE = re.compile(r"package-(\d{1,5})(?:-die-\d+)?")


def find(roots: Roots, facts: Machine) -> tuple[list[Counter], list[Obstacle]]:
    """Find the zones that can be read, and say of each other one why not."""
    folder = roots.sys / "class" / "powercap"
    try:
        zones = sorted(entry for entry in folder.iterdir() if _ZONE.fullmatch(entry.name))
    except OSError:
        zones = []
    if not zones:
        return [], [_no_zone(folder, facts)]
    counters: list[Counter] = []
    obstacles: list[Obstacle] = []
    names = {zone.name: read_text(zone / "name") for zone in zones}
    packages = Cpus(roots.sys).packages()
    for zone in zones:
        found = _zone(zone, names, packages)
        if isinstance(found, Obstacle):
            obstacles.append(found)
        elif any(counter.domain == found.domain for counter in counters):
            obstacles.append(Obstacle("powercap", f"{zone} repeats {found.domain}: not counted twice"))
        else:
            counters.append(found)
    raw_of = {counter: read_number(read_text(Path(str(counter.address)))) or 0 for counter in counters}
    return without_mirrored_dies(counters, raw_of.__getitem__), _gathered(obstacles, folder)


def _zone(zone: Path, names: dict[str, str | None], packages: dict[int, frozenset[int]]) -> Counter | Obstacle:
    match = _ZONE.fullmatch(zone.name)
    assert match is not None
    name = names[zone.name]
    path = zone / "energy_uj"
    if not name:
        return Obstacle("powercap", f"{zone / 'name'} cannot be read: which domain it is stays unknown")
    parent = names.get(f"{match['control']}:{match['numbers'].rpartition(':')[0]}")
    domain = domains.from_powercap(name, parent, match["control"])
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except PermissionError:
        return Obstacle("powercap", f"{path} is readable by root only", READABLE_BY_ALL, (domain,))
    except OSError as error:
        return Obstacle("powercap", f"{path} cannot be read: {error.strerror}", domains=(domain,))
    if read_number(text) is None:
        what = f"{path} holds {text[:20]!r} where a number belongs: a fault of its driver"
        return Obstacle("powercap", what, domains=(domain,))
    range_raw = read_number(read_text(zone / "max_energy_range_uj")) or 0
    if 0 < range_raw < LEAST_RANGE_UJ:
        what = f"{zone} goes round after {range_raw} µJ, says its max_energy_range_uj: that cannot be"
        return Obstacle("powercap", what, domains=(domain,))
    remark = "" if range_raw else "its range is not known: a wrap would be a gap"
    mirror = domain.endswith("-mmio")
    package = _PACKAGE.match(parent or name)
    number = int(package[1]) if package else None
    # The kernel reads on the package's first CPU to come online, a mirror's memory from wherever the reader is.
    lead = packages.get(number, frozenset()) if number is not None and not mirror else frozenset()
    return Counter(
        "powercap",
        domain,
        PowercapFile(path),
        MICROJOULE,
        range_raw,
        domains.is_part_of_total(domain),
        near=frozenset({min(lead)}) if lead else frozenset(),
        package=number,
        closely=not mirror,
        remark=remark,
    )


def _gathered(obstacles: list[Obstacle], folder: Path) -> list[Obstacle]:
    """Say once, not for each zone, that only root may read."""
    locked = [obstacle for obstacle in obstacles if obstacle.remedy == READABLE_BY_ALL]
    if len(locked) < 2:
        return obstacles
    names = tuple(domain for obstacle in locked for domain in obstacle.domains)
    what = f"{len(locked)} counters in {folder} are readable by root only"
    rest = [obstacle for obstacle in obstacles if obstacle not in locked]
    return [Obstacle("powercap", what, READABLE_BY_ALL, names), *rest]


def _no_zone(folder: Path, facts: Machine) -> Obstacle:
    remedy = ""
    if facts.arch not in ("x86_64", "i686", "AMD64"):
        what = f"{facts.arch} has no RAPL counters"
    elif facts.hypervisor:
        what, remedy = "a virtual machine, which sees no energy counters", "run on bare metal"
    elif facts.container:
        what = f"this container does not see {folder}"
        remedy = "docker run --security-opt systempaths=unconfined -v /sys/class/powercap:/sys/class/powercap:ro ..."
    else:
        what, remedy = f"{folder} holds no zone: the driver is not loaded", "sudo modprobe intel_rapl_msr"
    return Obstacle("powercap", what, remedy, (EVERY,))
