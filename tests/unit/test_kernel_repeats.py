"""Which counters a kernel's energy is that of."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from pycarbon import SourceError
from pycarbon.counters import Counter, Obstacle, PowercapFile
from pycarbon.kernel_repeats import counted
from pycarbon.sources import Discovery, Roots, discover


@pytest.fixture
def nothing(tmp_path: Path) -> Discovery:
    """A machine without counters."""
    return replace(discover(Roots(sys=tmp_path, dev=tmp_path)), obstacles=())


def counter(source: str, domain: str, in_total: bool = True) -> Counter:
    return Counter(source, domain, PowercapFile(Path(domain)), Fraction(1, 1000), 0, in_total)


PACKAGE, GPU, POWER = (
    counter("powercap", "package-0"),
    counter("nvml", "gpu-0"),
    counter("nvml", "gpu-0-power", False),
)


def test_gpus_alone_where_there_are_some(nothing: Discovery) -> None:
    for others in ((), (PACKAGE,)):
        found = counted(replace(nothing, counters=(*others, GPU, POWER)), 0.05)
        assert found.counters == (GPU,) and not found.curves
        assert [channel.domain for channel in found.channels()] == ["gpu-0"]


def test_the_machine_where_there_are_none(nothing: Discovery) -> None:
    machine = replace(nothing, counters=(PACKAGE,), curves=())
    assert counted(machine, 0.05) is machine
    # AND not where one is shown that is no part of the total
    assert counted(replace(machine, counters=(PACKAGE, POWER)), 0.05).counters == (PACKAGE, POWER)


@pytest.mark.parametrize("why", ["", "energy_uj: Permission denied"])
def test_nothing_where_no_counter_tells_the_whole(nothing: Discovery, why: str) -> None:
    obstacles = (Obstacle("powercap", why),) if why else ()
    with pytest.raises(SourceError, match=f"no energy counter.*{why}.*pycarbon doctor"):
        counted(replace(nothing, counters=(counter("powercap", "dram-0"),), obstacles=obstacles), 0.05)


def test_a_sensor_that_is_off_by_too_much_is_refused_at_once(nothing: Discovery) -> None:
    rough = replace(nothing, counters=(replace(GPU, accuracy=0.05),))
    with pytest.raises(SourceError, match=r"gpu-0 .* right within 5 % only: write precision=0\.15 or more"):
        counted(rough, 0.1)
    assert counted(rough, 0.15).counters == rough.counters
