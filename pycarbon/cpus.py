"""Which logical CPUs there are, and which share a core, a die or a package: what says who reads which counter."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MOST_CPUS = 1 << 16


def parse_cpu_list(text: str) -> frozenset[int]:
    """Read a list as the kernel writes it, "0-3,8"; ValueError where it is something else, or names none."""
    cpus: set[int] = set()
    for part in text.strip().split(","):
        match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", part)
        if match is None:
            raise ValueError(f"{text.strip()[:20]!r} where a list of CPUs belongs")
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < MOST_CPUS:
            raise ValueError(f"{part!r} where CPUs belong")
        cpus.update(range(first, last + 1))
    return frozenset(cpus)


@dataclass(frozen=True, slots=True)
class Cpus:
    """The logical CPUs as a /sys describes them. Nothing here raises: what cannot be read is None or empty."""

    sys: Path

    def online(self) -> frozenset[int] | None:
        """Give those that are switched on; None where nothing says so."""
        return self._list(self.sys / "devices/system/cpu/online")

    def package_of(self, cpu: int) -> int | None:
        """Number the CPU's package."""
        return self._number(cpu, "physical_package_id")

    def die_of(self, cpu: int) -> int | None:
        """Number the CPU's die within its package."""
        return self._number(cpu, "die_id")

    def package(self, cpu: int) -> frozenset[int]:
        """Give the CPUs of the package of this one, itself at least."""
        told = self._shared(cpu, "package_cpus_list", "core_siblings_list")
        number = self.package_of(cpu)
        if len(told) > 1 or number is None:
            return told
        return told | {other for other in self.online() or () if self.package_of(other) == number}

    def die(self, cpu: int) -> frozenset[int]:
        """Give the CPUs of its die; those of its package where nothing tells dies apart."""
        return self._shared(cpu, "die_cpus_list", "package_cpus_list", "core_siblings_list")

    def core(self, cpu: int) -> frozenset[int]:
        """Give the CPUs of its core."""
        return self._shared(cpu, "thread_siblings_list", "core_cpus_list")

    def packages(self) -> dict[int, frozenset[int]]:
        """Give the CPUs of each package by its number, as far as the tree tells: one look for each package."""
        return self._numbered(self._groups(self.package), self.package_of)

    def dies(self, package: frozenset[int]) -> dict[int, frozenset[int]]:
        """Give the CPUs of each of a package's dies."""
        return self._numbered(self._groups(self.die, package), lambda cpu: self.die_of(cpu) or 0)

    def cores(self, within: frozenset[int]) -> list[frozenset[int]]:
        """Give the CPUs of each core among some CPUs."""
        return self._groups(self.core, within)

    def _groups(
        self, group_of: Callable[[int], frozenset[int]], within: frozenset[int] | None = None
    ) -> list[frozenset[int]]:
        left = set((self.online() or frozenset()) if within is None else within)
        groups: list[frozenset[int]] = []
        while left:
            group = group_of(min(left)) & left
            groups.append(frozenset(group))
            left -= group
        return groups

    def _numbered(
        self, groups: list[frozenset[int]], number_of: Callable[[int], int | None]
    ) -> dict[int, frozenset[int]]:
        """Name groups by a number of theirs; where no list said who belongs together, the number does."""
        named: dict[int, frozenset[int]] = {}
        for group in groups:
            number = number_of(min(group))
            if number is not None:
                named[number] = named.get(number, frozenset()) | group
        return named

    def _shared(self, cpu: int, *names: str) -> frozenset[int]:
        for name in names:
            cpus = self._list(self.sys / f"devices/system/cpu/cpu{cpu}/topology" / name)
            if cpus is not None and cpu in cpus:
                return cpus
        return frozenset({cpu})

    def _number(self, cpu: int, name: str) -> int | None:
        try:
            text = (self.sys / f"devices/system/cpu/cpu{cpu}/topology" / name).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None
        return int(text) if re.fullmatch("[0-9]{1,5}", text) else None

    def _list(self, path: Path) -> frozenset[int] | None:
        try:
            return parse_cpu_list(path.read_text(encoding="ascii", errors="replace"))
        except (OSError, ValueError):
            return None
