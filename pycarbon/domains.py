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
    if name == "dram":
        domain = f"dram-{number}{die}"
    elif name in ("core", "uncore") and (number or die):
        domain = f"{name}-{number}{die}"
    else:
        domain = name
    return f"{domain}-mmio" if control_type.endswith("-mmio") else domain


def is_part_of_total(domain: str) -> bool:
    """Say whether a total adds the domain: packages, memory and GPUs, each once.

    Core and uncore are inside their package, psys holds everything, the mmio zones repeat a package.
    """
    if domain.endswith("-mmio"):
        return False
    return bool(_PACKAGE.fullmatch(domain)) or re.match(r"(dram|gpu)-\d+", domain) is not None or domain == "ram"
