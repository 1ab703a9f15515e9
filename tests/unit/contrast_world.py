"""Whole comparisons from simulated trials, with a rating and a machine that are always the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from trial_world import NOISES, MakeNoise, TrialWorld, compared

from pycarbon.comparison import Comparison, Subject, conclude
from pycarbon.experiment import Experiment, Plan
from pycarbon.feeds import Sampling
from pycarbon.intensity import Intensity
from pycarbon.interval import Range
from pycarbon.metering import Metering
from pycarbon.model import PowerCurve
from pycarbon.rating import Rating
from pycarbon.sources import Roots, discover

FRANCE = Rating(Intensity("FRA", "France", 42, 26, 61, 2025, "average lifecycle production", "Ember"))
CURVE = PowerCurve("package-0", Range(5, 10, 20), Range(50, 100, 200), Range(1, 1, 1), "a test")
"""Of a machine with two threads: what is busy for all of the time draws half of the way from idle to full."""


def package(folder: Path) -> Roots:
    """A tree with one counter that stands still."""
    zone = folder / "sys/class/powercap/intel-rapl:0"
    zone.mkdir(parents=True, exist_ok=True)
    for name, text in (("name", "package-0"), ("energy_uj", "1"), ("max_energy_range_uj", "1000000")):
        (zone / name).write_text(text)
    return Roots.under(folder)


def concluded(
    folder: Path,
    effects: Sequence[float] = (1.0, 0.88),
    make_noise: MakeNoise = NOISES["white, 0.5 %"],
    *,
    seed: int = 1,
    names: Sequence[str] = ("A", "B", "C", "D"),
    commands: Sequence[str | None] = ("python loop.py", "python vector.py --n 100", "true", "false"),
    plan: Plan | None = None,
    measured: bool = True,
    seen: Sequence[str] = (),
) -> Comparison:
    """Compare variants of 50 W times `effects`; not measured: the same, with one of two CPUs busy."""
    roots = package(folder) if measured else Roots(sys=folder, dev=folder)
    discovery = discover(roots)
    if measured:
        experiment, _ = compared(effects, make_noise, seed, plan)
    else:
        discovery = replace(discovery, curves=(CURVE,), machine=replace(discovery.machine, n_threads=2))
        experiment = unmeasured(effects, make_noise, seed)
    count = len(effects)
    with Metering(discovery, Sampling()) as metering:
        return conclude(experiment, Subject(names[:count], commands[:count], "run"), metering, FRANCE, seen)


def unmeasured(effects: Sequence[float], make_noise: MakeNoise, seed: int) -> Experiment:

    world = TrialWorld(effects, make_noise, seed)

    def measure(variant: int):
        trial = world.measure(variant)
        return replace(trial, energy_j=None)

    experiment = Experiment(len(effects), measure, Plan(), seed, lambda: world.now_s)
    for _ in experiment.run():
        pass
    return experiment
