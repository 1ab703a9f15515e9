"""One name for each thing the hardware can measure, whatever the kernel calls it, and what a total adds."""

from __future__ import annotations

import re

_PACKAGE = re.compile(r"package-(\d+)(-die-\d+)?")


def from_powercap(name: str, parent: str | None, control_type: str) -> str:
    """Give the domain of a powercap zone called `name` under the zone called `parent`.

    The kernel numbers packages but not what hangs under them: the parent says whose core, uncore or dram it is.
    """
    package = _PACKAGE.match(parent or "")
    number = int(package.group(1)) if package else 0
    die = (package.group(2) or "") if package else ""
    domain = _part(name, number, die) if name in ("dram", "core", "uncore") else name
    return f"{domain}-mmio" if control_type.endswith("-mmio") else domain


def of_package(name: str, package: int, die: int | None = None) -> str:
    """Give the domain of a package's `name` (package, core, uncore, dram or psys) as from_powercap names it.

    `die` only where the package has counters for each of its dies. There is one psys, whatever reads it.
    """
    return "psys" if name == "psys" else _part(name, package, "" if die is None else f"-die-{die}")


def of_core(cpu: int) -> str:
    """Give the domain of one core, by the lowest number among its logical CPUs."""
    return f"core-cpu-{cpu}"


def whole(domain: str) -> str:
    """Give the domain that a die's or a mirror's is a part or a repetition of: its package's."""
    name = re.sub(r"(-die-\d+)?(-mmio)?$", "", domain, count=1)
    return name.removesuffix("-0") if name in ("core-0", "uncore-0") else name


def _part(name: str, package: int, die: str) -> str:
    return name if name in ("core", "uncore") and not (package or die) else f"{name}-{package}{die}"


def is_part_of_total(domain: str) -> bool:
    """Say whether a total adds the domain: packages, memory and GPUs, each once.

    Core and uncore are inside their package, psys holds everything, the mmio zones repeat a package.
    """
    if domain.endswith("-mmio"):
        return False
    return bool(_PACKAGE.fullmatch(domain)) or re.match(r"(dram|gpu)-\d+", domain) is not None or domain == "ram"
