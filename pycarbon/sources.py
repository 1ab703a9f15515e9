"""What can be read on this machine, through which source, and for what cannot, what to type.

Three sources may show one domain. It is read through perf where that is possible, else powercap, else MSR: perf is
the cheapest to read and never wraps, and both know better than we which unit a register has. GPUs have one source.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from pycarbon import domains, machine, model, source_msr, source_nvml, source_perf, source_powercap
from pycarbon.counters import EVERY, Beside, Counter, Obstacle, Roots
from pycarbon.gpu import Gpu
from pycarbon.run import MACHINE_CPU, PROCESS_CPU, Channel

if TYPE_CHECKING:
    from pycarbon._native import Source

__all__ = [
    "MAX_PLAUSIBLE_POWER_W",
    "Beside",
    "Counter",
    "Discovery",
    "Obstacle",
    "Roots",
    "discover",
    "open_counters",
    "probe",
]

MAX_PLAUSIBLE_POWER_W = 20_000
"""No domain of one machine takes more: a counter that says so was reset. (Large servers stay below 15 kW.)"""

CONTINUOUS_SHARE = 0.9
"""A counter that more of the readings than that find changed, changes faster than it can be read."""

PREFERENCE = ("perf", "powercap", "msr")

_GOOD = {
    "perf": "64 bits wide, no wraps",
    "powercap": "the kernel knows its unit",
    "msr": "its unit is from a table",
}


@dataclass(frozen=True, slots=True)
class Discovery:
    """What discover() found. `curves` are there for the domains that no counter covers.

    `obstacles` are why something is missing from the figures. `alternatives` can be read and were not chosen,
    `unused` cannot be and need not: both are doctor's to show. `gpus` are those that the program sees, `beside` is
    what a recording reads of them in addition.
    """

    roots: Roots
    machine: machine.Machine
    counters: tuple[Counter, ...]
    obstacles: tuple[Obstacle, ...]
    curves: tuple[model.PowerCurve, ...]
    cpu_time: bool
    alternatives: tuple[Counter, ...] = ()
    unused: tuple[Obstacle, ...] = ()
    gpus: tuple[Gpu, ...] = ()
    beside: tuple[Beside, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether the total comes from counters: memory alone makes none, nor do some packages of several."""
        return not any(curve.domain != "ram" for curve in self.curves) and any(
            counter.in_total and not counter.domain.startswith(("dram", "gpu")) for counter in self.counters
        )

    def channels(self) -> list[Channel]:
        """Give the channel table of a run on this machine."""
        rows: list[tuple[object, ...]] = [
            (c.domain, c.source, "measured", "energy", c.unit, c.range_raw, c.in_total, c.accuracy, c.averaged_s)
            for c in self.counters
        ]
        rows += [
            (curve.domain, "model", "modelled", "energy", Fraction(1), 0, not self.measured) for curve in self.curves
        ]
        if self.cpu_time:
            tick_s = Fraction(1) / machine.clock_ticks_per_s()
            rows += [
                (domain, "proc", "measured", "cpu_time", tick_s, 0, False) for domain in (MACHINE_CPU, PROCESS_CPU)
            ]
        rows += [(one.domain, "nvml", "measured", one.quantity, one.unit, 0, False) for one in self.beside]
        return [Channel(i, *row) for i, row in enumerate(rows)]  # type: ignore[arg-type]


def discover(roots: Roots | None = None) -> Discovery:
    """Find what can be read under `roots`. Never raises: what fails becomes an obstacle."""
    roots = roots or Roots()
    facts = machine.identify(roots.proc, roots.sys)
    native = _native_obstacle()
    found: list[Counter] = []
    obstacles: list[Obstacle] = [] if native is None else [native]
    if native is None:
        for source in (source_perf, source_powercap, source_msr):
            some, why_not = source.find(roots, facts)
            found += some
            obstacles += why_not
    counters, alternatives = choose(found, obstacles)
    memory = any(counter.in_total and counter.domain.startswith("dram") for counter in counters)
    counters = sorted(_with_stand_in(counters), key=lambda counter: not counter.in_total)
    if counters and facts.vendor == "GenuineIntel" and source_msr.filters_energy(roots):
        counters = [counter.remarked(source_msr.FILTERED) for counter in counters]
    cpu_time = native is None and (roots.proc / "stat").exists()
    if not cpu_time and native is None:
        obstacles.append(Obstacle("proc", f"{roots.proc / 'stat'} is not there: no CPU time, so no utilisation"))
    curves = tuple(
        curve
        for curve in model.curves(facts)
        if not (memory if curve.domain == "ram" else _is_covered(curve.domain, counters))
    )
    needed, unused = _sorted_out(obstacles, counters)
    graphics = source_nvml.find(roots) if native is None else source_nvml.Found()
    for obstacle in graphics.obstacles:
        (unused if obstacle.minor else needed).append(obstacle)
    everything = any(counter.domain == "psys" and counter.in_total for counter in counters)
    gpus = [replace(counter, in_total=not everything) for counter in graphics.counters]
    return Discovery(
        roots,
        facts,
        (*counters, *gpus),
        tuple(needed),
        curves,
        cpu_time,
        tuple(alternatives),
        tuple(unused),
        graphics.gpus,
        graphics.beside,
    )


def choose(found: list[Counter], obstacles: list[Obstacle]) -> tuple[list[Counter], list[Counter]]:
    """Take each domain's counter from the most preferred source: the chosen, with the reason, and all others.

    What one source shows as a package and another as its dies is the same thing: it is chosen once.
    """
    best: dict[str, Counter] = {}
    for counter in sorted(found, key=_rank):
        best.setdefault(counter.domain, counter)
    for name, counter in list(best.items()):
        whole = best.get(domains.whole(name))
        if whole is None or whole is counter or "-die-" not in name or name.endswith("-mmio"):
            continue
        dies = [other for other in best if domains.whole(other) == whole.domain and "-die-" in other]
        broken = any(
            "-die-" in domain and domains.whole(domain) == whole.domain for o in obstacles for domain in o.domains
        )
        if broken or _rank(whole) <= min(_rank(best[die]) for die in dies):
            del best[name]
        else:
            del best[whole.domain]
    chosen = [replace(c, reason=_reason(c, found, obstacles)) for c in found if best.get(c.domain) is c]
    return chosen, [counter for counter in found if best.get(counter.domain) is not counter]


def _rank(counter: Counter) -> int:
    return PREFERENCE.index(counter.source)


def _reason(counter: Counter, found: list[Counter], obstacles: list[Obstacle]) -> str:
    """Say why a counter was chosen: what kept the sources before its own from showing the domain."""
    whys = []
    for source in PREFERENCE[: _rank(counter)]:
        if any(other.source == source and domains.whole(other.domain) == counter.domain for other in found):
            continue
        why = [o.what for o in obstacles if o.source == source and o.concerns(counter.domain)]
        whys.append(why[0] if why else f"{source} does not show it")
    return f"{counter.source}: {' and '.join(whys) or _GOOD[counter.source]}"


def _sorted_out(obstacles: list[Obstacle], counters: list[Counter]) -> tuple[list[Obstacle], list[Obstacle]]:
    """Part the obstacles by which something is missing from those that matter to nobody here."""
    served = {counter.domain for counter in counters} | {domains.whole(counter.domain) for counter in counters}
    total = any(counter.in_total and not counter.domain.startswith("dram") for counter in counters)
    needed: list[Obstacle] = []
    unused: list[Obstacle] = []
    for obstacle in obstacles:
        if EVERY in obstacle.domains:  # of several that are shut, opening the first is enough
            matters = not total and not (obstacle.source == "msr" and needed)
        elif obstacle.domains:
            matters = any(name not in served and domains.whole(name) not in served for name in obstacle.domains)
        else:
            matters = True
        (needed if matters and not obstacle.minor else unused).append(obstacle)
    return needed, unused


def _is_covered(domain: str, counters: list[Counter]) -> bool:
    """Say whether counters tell what the model would estimate of a package: its own, its dies' or the platform's."""
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
    return [
        replace(counter, in_total=True, closely=True).remarked("stands for the total: no package counter can be read")
        if counter.domain in stands
        else counter
        for counter in counters
    ]


def open_counters(counters: Iterable[Counter]) -> tuple[list[tuple[Counter, Source]], list[Obstacle]]:
    """Open each counter for a sampler; one that can no longer be opened becomes an obstacle, the rest go on."""
    opened: list[tuple[Counter, Source]] = []
    obstacles: list[Obstacle] = []
    for counter in counters:
        try:
            opened.append((counter, counter.address.open()))
        except OSError as error:
            obstacles.append(Obstacle(counter.source, f"{counter.address} cannot be opened: {error.strerror}"))
    return opened, obstacles


@dataclass(frozen=True, slots=True)
class Probe:
    """What reading a counter takes, measured now. `period_s` is None where the counter never moved.

    One that is never seen standing has no period: `continuous`.
    """

    cost_s: float
    period_s: float | None
    continuous: bool = False


def probe(counter: Counter, for_s: float = 0.1, now_ns: Callable[[], int] = time.monotonic_ns) -> Probe:
    """Read a counter over and over for `for_s` seconds: what one reading costs, how often the value changes.

    From where a sampler would: elsewhere a reading interrupts another CPU, and costs ten times as much.
    """
    source = counter.address.open()
    with _near(counter):
        return _probe(source, for_s, now_ns)


@contextmanager
def _near(counter: Counter) -> Iterator[None]:
    """Move this thread to the counter's CPUs, as far as it may go there."""
    if not hasattr(os, "sched_getaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, before & counter.near or before)
        yield
    finally:
        os.sched_setaffinity(0, before)


def _probe(source: Source, for_s: float, now_ns: Callable[[], int]) -> Probe:
    start_ns = now_ns()
    last, changes, reads, first_ns, last_ns = source.read(0), 0, 1, start_ns, start_ns
    while (time_ns := now_ns()) < start_ns + for_s * 1e9:
        value = source.read(0)
        reads += 1
        if value != last:
            if changes == 0:
                first_ns = time_ns
            last, last_ns, changes = value, time_ns, changes + 1
    cost_s = (now_ns() - start_ns) / reads / 1e9
    if reads > 2 and changes > reads * CONTINUOUS_SHARE:
        return Probe(cost_s, None, continuous=True)
    return Probe(cost_s, (last_ns - first_ns) / (changes - 1) / 1e9 if changes > 1 else None)
