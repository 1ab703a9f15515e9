"""All that can be advised on a run: where and when it would emit less, and what in it was waste."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from pycarbon import siting
from pycarbon.advice import WASTE, Advice, Used, ranked
from pycarbon.advice_hours import later
from pycarbon.advice_places import UNKNOWN_PLACE, elsewhere
from pycarbon.advice_waste import waste
from pycarbon.analysis import Run
from pycarbon.emissions import Emissions
from pycarbon.errors import PyCarbonError
from pycarbon.interval import Range


@dataclass(frozen=True, slots=True)
class Advised:
    """What was found for a run. `advice` is in order: what is resolved first, and of that what saves most.

    `nothing` says of each sort of advice that is missing why it is; `assumptions` what the figures rest on; `verdict`
    is empty where anything is resolved.
    """

    run: Run
    emissions: Emissions
    advice: tuple[Advice, ...]
    nothing: dict[str, str]
    assumptions: tuple[str, ...]
    verdict: str


def advise(run: Run, zone: str | None = None) -> Advised:
    """Find out where and when a run would emit less; with `zone` as if it had run there.

    PyCarbonError, in one line, where its energy is not known; IntensityError where the zone is not.
    """
    started = _started(run)
    if zone is not None:
        run = run.rated(siting.rated_again(run.rating, zone=zone, at=started))
    energy, emissions = run.energy, run.emissions
    if math.isnan(energy.total_j):
        raise PyCarbonError("there is nothing to advise on: what this run used is not known, by counter or model")
    if math.isnan(energy.high_j):
        raise PyCarbonError("there is nothing to advise on: of this run's energy no interval is known")
    if not math.isfinite(energy.high_j) or not math.isfinite(emissions.high_g):
        raise PyCarbonError("there is nothing to advise on: this run's energy is beyond all numbers")
    used = Used(Range(energy.low_j, energy.total_j, energy.high_j), emissions, run.rating, run.energy_by_hour)
    places, why_no_place = elsewhere(used, started)
    hours, why_no_hour = later(used, started, run.duration_s)
    found = ranked([*places, *hours, *waste(run, used)])
    nothing = {kind: why for kind, why in (("elsewhere", why_no_place), ("hour", why_no_hour)) if why}
    return Advised(run, emissions, tuple(found), nothing, tuple(_assumed(found, run)), _verdict(found, run, nothing))


def _started(run: Run) -> datetime | None:
    try:
        return run.started
    except PyCarbonError:
        return None


def _verdict(found: list[Advice], run: Run, nothing: dict[str, str]) -> str:
    if any(one.resolved for one in found):
        return ""
    if run.energy.total_j <= 0:
        why = "the run used no energy"
    elif not run.rating.intensity.place_known:
        why = UNKNOWN_PLACE
    elif found:
        why = "the range of every saving holds zero"
    else:
        why = "; ".join(nothing.values())
    return f"nothing here is better than noise: {why}"


def _assumed(found: list[Advice], run: Run) -> list[str]:
    kinds = {one.kind for one in found}
    lines = []
    if "elsewhere" in kinds:
        lines.append("another machine uses the same energy, and moving there costs nothing")
        hourly = {one.facts["hourly"] for one in found if one.kind == "elsewhere"} | {run.emissions.hourly}
        if len(hourly) > 1:
            lines.append("places with hourly figures count by the run's hours, others by the mean of their year")
    if "hour" in kinds:
        lines.append(f"days are typical ones of that month in {run.intensity.year}")
    if kinds & set(WASTE) - {"region"}:
        lines.append("a machine that has nothing to do sleeps, or works for others")
    if "region" in kinds:
        lines.append("the region can be halved")
    return lines
