"""What discovery speaks of: energy counters, where each is read, and what keeps one from being read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from pycarbon.errors import SourceError
from pycarbon.run import MAX_RAW, Quantity

if TYPE_CHECKING:
    from pycarbon._native import Source

EVERY = "*"
"""In an obstacle's domains: everything that its source might have shown."""


NVML_LIBRARY = "libnvidia-ml.so.1"


@dataclass(frozen=True, slots=True)
class Roots:
    """Where the kernel's file trees hang; a test or an emulator has its own.

    `nvml` is NVIDIA's library; None: where the loader finds it for the machine's own tree, and nowhere for another.
    `visible_gpus` is what CUDA_VISIBLE_DEVICES says; None: nothing.
    """

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")
    nvml: str | None = None
    visible_gpus: str | None = field(default_factory=lambda: os.environ.get("CUDA_VISIBLE_DEVICES"))

    @property
    def nvml_library(self) -> str:
        """The name or path of NVIDIA's library to load; empty where there is none."""
        return self.nvml or (NVML_LIBRARY if self.sys == Path("/sys") else "")

    @classmethod
    def under(cls, folder: Path) -> Roots:
        """Take `folder` for `/`; without a proc folder of its own it shares the real one."""
        if not (folder / "sys").is_dir():
            raise SourceError(f"{folder} has no folder sys in it, so it cannot stand for /")
        proc = folder / "proc"
        nvml = folder / "lib" / NVML_LIBRARY
        return cls(
            folder / "sys",
            proc if proc.is_dir() else Path("/proc"),
            folder / "dev",
            str(nvml) if nvml.exists() else None,
        )


@dataclass(frozen=True, slots=True)
class PowercapFile:
    """An `energy_uj` file."""

    path: Path

    def open(self) -> Source:
        """Open it for a sampler; OSError where that cannot be."""
        from pycarbon import _native

        return _native.Source.powercap([self.path])

    def __str__(self) -> str:
        """Say where it is."""
        return str(self.path)


@dataclass(frozen=True, slots=True)
class PerfEvent:
    """A perf event of one CPU; `name` is as perf writes it, `power/energy-pkg/`."""

    type: int
    config: int
    cpu: int
    name: str

    def open(self) -> Source:
        """Open it for a sampler; OSError where that cannot be."""
        from pycarbon import _native

        return _native.Source.perf([(self.type, self.config, self.cpu)])

    def __str__(self) -> str:
        """Say which it is, and where."""
        return f"{self.name} on cpu {self.cpu}"


@dataclass(frozen=True, slots=True)
class MsrRegister:
    """A model-specific register, the same through each of `paths`: one that goes offline is survived."""

    paths: tuple[Path, ...]
    number: int

    def open(self) -> Source:
        """Open it for a sampler; OSError where that cannot be."""
        from pycarbon import _native

        return _native.Source.msr([(self.paths, self.number)])

    def __str__(self) -> str:
        """Say which it is, and where."""
        return f"{self.paths[0]} {self.number:#x}"


class Metric(IntEnum):
    """What NVML tells of a GPU, numbered as enum pc_nvml_metric in csrc/source.h."""

    ENERGY = 0
    ENERGY_FROM_SAMPLES = 1
    ENERGY_FROM_POWER = 2
    ENERGY_FROM_AVERAGE = 3
    POWER = 4
    POWER_AVERAGE = 5
    UTILISATION = 6
    MEMORY_UTILISATION = 7
    CLOCK_SM = 8
    CLOCK_MEMORY = 9
    TEMPERATURE = 10
    THROTTLE = 11
    BUSY_ALL = 12
    BUSY_TREE = 13


@dataclass(frozen=True, slots=True)
class NvmlReading:
    """What NVIDIA's library tells of the GPU with this UUID."""

    library: str
    uuid: str
    metric: Metric

    def open(self) -> Source:
        """Open it for a sampler; OSError where that cannot be."""
        from pycarbon import _native

        return _native.Source.nvml(self.library, [(self.uuid, int(self.metric))])

    def __str__(self) -> str:
        """Say which it is, and where."""
        return f"{self.metric.name.lower().replace('_', ' ')} of {self.uuid}"


Address = PowercapFile | PerfEvent | MsrRegister | NvmlReading


@dataclass(frozen=True, slots=True)
class Counter:
    """An energy counter that can be read.

    `unit` is what one count is worth in joules, exactly. `range_raw` is the largest value before it goes on at 0:
    0 where it never does, or where the kernel does not say. `near` are the logical CPUs from which a read
    interrupts no other; empty where that is not known, or every CPU is as good. Where `closely` is False, it is
    not worth stamping edge by edge. `reason` says why it was chosen for its domain. `accuracy` and `averaged_s` are
    those of its channel.
    """

    source: str
    domain: str
    address: Address
    unit: Fraction
    range_raw: int
    in_total: bool
    near: frozenset[int] = frozenset()
    package: int | None = None
    closely: bool = True
    remark: str = ""
    reason: str = ""
    accuracy: float = 0.0
    averaged_s: float = 0.0

    def remarked(self, remark: str) -> Counter:
        """Add a remark."""
        return replace(self, remark="; ".join(filter(None, (self.remark, remark))))


@dataclass(frozen=True, slots=True)
class Beside:
    """Something that is read beside the energy, every `every_s` seconds: in no total, and in a unit of its own."""

    domain: str
    address: Address
    quantity: Quantity
    unit: Fraction
    every_s: float


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that cannot be read: what, why, and what to type (empty where nothing helps).

    `domains` are those it keeps its source from showing: (EVERY,) for all, empty where that is not known. A
    `minor` one takes nothing from the figures, whatever else can be read.
    """

    source: str
    what: str
    remedy: str = ""
    domains: tuple[str, ...] = ()
    minor: bool = False

    def concerns(self, domain: str) -> bool:
        """Say whether it may be why its source does not show the domain."""
        return domain in self.domains or EVERY in self.domains


def read_text(path: Path) -> str | None:
    """Read a small file of the kernel's; None where that cannot be."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None


def read_number(text: str | None) -> int | None:
    """Read what a counter's file holds; None where that is no number below MAX_RAW."""
    if text is None or re.fullmatch("[0-9]{1,19}", text) is None or int(text) >= MAX_RAW:
        return None
    return int(text)


def without_mirrored_dies(counters: Iterable[Counter], raw_of: Callable[[Counter], int]) -> list[Counter]:
    """Leave out of the total a die whose counter shows the same as another die's of its package.

    Two counters that run on their own stand within a joule of each other about once in 10^5 machines.
    """
    kept: list[Counter] = []
    first_of: dict[str, int] = {}
    for counter in counters:
        package, _, die = counter.domain.partition("-die-")
        if die and counter.in_total:
            raw = raw_of(counter)
            if package in first_of and abs(first_of[package] - raw) * counter.unit < 1:
                counter = replace(counter, in_total=False).remarked("a mirror of the package's first die")
            first_of.setdefault(package, raw)
        kept.append(counter)
    return kept
