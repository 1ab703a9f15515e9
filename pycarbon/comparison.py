"""What came out of comparing variants: figures of each, ratios to the first, a verdict in words, and warnings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pycarbon.contrast import Contrast, Estimate, mean
from pycarbon.doubts import doubts
from pycarbon.emissions import Emissions, from_energy
from pycarbon.experiment import Experiment, Plan, Trial
from pycarbon.metering import Metering
from pycarbon.rating import Rating
from pycarbon.run import Kind

COMPARED = ("energy_j", "time_s", "cpu_s", "power_w")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compared: names, the commands where they are some, and what one of a trial's many is called."""

    names: Sequence[str]
    commands: Sequence[str | None] = ()
    unit: str = "call"


@dataclass(frozen=True, slots=True)
class Variant:
    """One of what was compared, per run or call, each with its 95 % interval over rounds.

    `count` is how often it ran in all, without warm-ups. `energy_per_call_j` is the machine's; `kind` says whether
    counters told it.
    """

    name: str
    command: str | None
    count: int
    time_per_call_s: Estimate
    cpu_per_call_s: Estimate
    energy_per_call_j: Estimate
    mean_power_w: Estimate
    kind: Kind
    co2e_per_call: Emissions


@dataclass(frozen=True)
class Comparison:
    """Variants, and how each further one compares with the first: `contrasts[figure]`, one for each of them.

    `basis` is the figure that the verdicts are about: "energy_j", or "cpu_s" where no counter tells energy. `control`
    is the first variant's ratio to itself. `trials` are in order of time.
    """

    variants: tuple[Variant, ...]
    basis: str
    control: Estimate | None
    contrasts: dict[str, list[Contrast | None]]
    plan: Plan
    reached: bool
    rounds: int
    elapsed_s: float
    seed: int
    domains: tuple[str, ...]
    trials: tuple[Trial, ...]
    warnings: tuple[str, ...]
    unit: str
    rating: Rating

    @property
    def contrast(self) -> list[Contrast | None]:
        """The contrasts of the figure that is compared."""
        return self.contrasts[self.basis]


def conclude(
    experiment: Experiment,
    subject: Subject,
    metering: Metering,
    rating: Rating,
    seen: Sequence[str],
) -> Comparison:
    """Say what the experiment's rounds show; it has two or more. `seen` are warnings of what happened meanwhile."""
    figures = {name: experiment.values(name) for name in COMPARED}
    variants = []
    for number, name in enumerate(subject.names):
        columns = [0, experiment.variants] if number == 0 else [number]
        means = {figure: mean(values[:, columns].mean(axis=1)) for figure, values in figures.items()}
        kind: Kind = "measured"
        energy, power_w = means["energy_j"], means["power_w"]
        if not experiment.is_measured:
            kind = "modelled"
            model = metering.modelled_j(means["cpu_s"].best, means["time_s"].best)
            energy = Estimate(model.low, model.best, model.high)
            power_w = energy.times(1 / means["time_s"].best)
        mine = [trials[column] for trials in experiment.rounds for column in columns]
        variants.append(
            Variant(
                name,
                subject.commands[number] if subject.commands else None,
                sum(trial.count for trial in mine),
                means["time_s"],
                means["cpu_s"],
                energy,
                power_w,
                kind,
                from_energy(energy.best, energy.low, energy.high, rating.intensity, rating.pue),
            )
        )
    compared = COMPARED if experiment.is_measured else COMPARED[1:3]
    return Comparison(
        tuple(variants),
        experiment.basis,
        experiment.control(experiment.basis),
        {figure: experiment.contrasts(figure) for figure in compared},
        experiment.plan,
        experiment.reached,
        len(experiment.rounds),
        experiment.elapsed_s,
        experiment.seed,
        tuple(metering.domains),
        tuple(experiment.trials),
        (*doubts(experiment, subject.names, subject.unit), *seen, *metering.notes),
        subject.unit,
        rating,
    )
