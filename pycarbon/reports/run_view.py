"""A run as its page shows it: what the JSON report says of it, and the same in words, tables and plots.

All of it is JSON-able. Whatever a run says of itself may be hostile: texts are on
one line and bounded, and so are the numbers of all things.
"""

from __future__ import annotations

import math
import re
import shlex
from typing import TYPE_CHECKING, Any

from pycarbon import equivalents
from pycarbon.analysis import Run
from pycarbon.emissions import JOULES_PER_KWH
from pycarbon.energy import ChannelEnergy
from pycarbon.reports import as_json, carbon, cells, citation, figures, power_view, run_facts
from pycarbon.reports.icicle import icicle, name_of, told
from pycarbon.reports.text import LEAST_KWH
from pycarbon.reports.words import MOST_LISTED, Row, text, told_figure
from pycarbon.totals import Region

if TYPE_CHECKING:
    from pycarbon.footprint import Sci

OF_REPORT = ("schema", "energy", "emissions", "marginal_emissions", "footprint", "sci", "equivalents")
MOST_REGIONS = 150
MOST_NOTES = 50
LONGEST_COMMAND = 2000


def view(run: Run, score: Sci | None = None) -> dict[str, Any]:
    """Give everything that a run's page shows.

    `report` has the figures of the JSON report; `figures` are those that come first, each with `value`, `low`,
    `high`, `unit`, `kind` and in words. None is what nobody knows.
    """
    report = as_json.as_dict(run, score, MOST_REGIONS)
    regions = report["regions"]
    return {
        "report": {name: report[name] for name in OF_REPORT},
        "title": text(run.name) or text(run.id) or "A run",
        "said": _said(run),
        "figures": _figures(run, score),
        "like": equivalents.one_line(run.energy.total_j, run.emissions.co2e_g) if report["equivalents"] else "",
        "remedy": _remedy(run),
        "notes": [text(note) for note in run.notes[:MOST_NOTES]],
        "notes_left_out": max(len(run.notes) - MOST_NOTES, 0),
        "domains": [_domain(one) for one in _ordered(run)[:MOST_LISTED]],
        "power": power_view.embedded(run),
        "icicle": icicle(run.tree(), run.outside),
        "regions": [_region(one, values) for one, values in zip(run.regions, regions, strict=False)],
        "regions_left_out": max(len(run.regions) - MOST_REGIONS, 0),
        "outside": None if run.outside is None else _region(run.outside, report["outside"]),
        "intensity": run_facts.intensity(run),
        "machine": run_facts.machine(run),
        "gpus": run_facts.gpus(run),
        "recorded": run_facts.recorded(run),
        "citation": citation.citation(run),
    }


def _figures(run: Run, score: Sci | None) -> list[Row]:
    energy, emissions = run.energy, run.emissions
    if math.isnan(energy.total_j):
        return [told_figure("Energy", "J", "", (None, None, None), "neither a counter nor a model was there")]
    parts = " + ".join(text(one.domain, 40) for one in energy.channels[:8] if one.in_total)
    if energy.total_j >= LEAST_KWH * JOULES_PER_KWH:
        parts = f"{figures.digits(energy.total_j / JOULES_PER_KWH)} kWh, {parts}"
    found = [
        told_figure("Energy", "J", energy.kind, (energy.total_j, energy.low_j, energy.high_j), parts),
        told_figure(
            "Emissions, CO2e",
            "g",
            emissions.kind,
            (emissions.co2e_g, emissions.low_g, emissions.high_g),
            f"at {figures.digits(emissions.intensity_g_per_kwh)} g/kWh, {text(carbon.where(run.intensity), 80)}",
        ),
    ]
    share = "the recorded process tree's part"
    if energy.process_j is not None and energy.total_j > 0:
        share = f"{figures.percent(energy.process_j / energy.total_j)} of the energy, by {energy.shared_by}"
    own = (energy.process_j, energy.process_low_j, energy.process_high_j)
    found.append(told_figure("This process", "J", "attributed", own, share))
    left = run.footprint
    if run.marginal is not None:
        grams = (run.marginal.co2e_g, run.marginal.low_g, run.marginal.high_g)
        found.append(told_figure("CO2e, marginal", "g", "modelled", grams, "what a kWh more or less changes"))
    if left is not None and left.embodied_g is not None:
        for label, one in (("Embodied CO2e", left.embodied_g), ("CO2e with it", left.total_g)):
            found.append(told_figure(label, "g", "modelled", (one.best, one.low, one.high)))
    if left is not None and left.water_l is not None:
        water = left.water_l
        found.append(
            told_figure("Water", "L", "modelled", (water.best, water.low, water.high), text(run.rating.wue_source))
        )
    if score is not None:
        per = (score.score_g_per_unit, score.low_g_per_unit, score.high_g_per_unit)
        label = "SCI" if score.embodied_known else "SCI without M"
        found.append(
            told_figure(label, "g", "modelled", per, f"per {text(score.functional_unit, 80)}, {score.boundary}")
        )
    return found


def _said(run: Run) -> Row:
    """Give what a run says of itself, in words."""
    status = run.exit_status
    ended = "" if status is None else f"exit status {status}" if status >= 0 else f"ended by signal {-status}"
    belongs = (run.organisation, run.project, run.experiment)
    return {
        "id": text(run.id, 80),
        "belongs": [text(one, 80) for one in belongs if one],
        "command": text(shlex.join(run.command), LONGEST_COMMAND),
        "started_at": text(run.started_at, 40),
        "started": re.sub(r"(\.\d+)?(\+00:00|Z)$", " UTC", text(run.started_at, 40)).replace("T", " ", 1),
        "duration": figures.duration(run.duration_s),
        "complete": run.complete,
        "state": "complete"
        if run.complete
        else "cut off, or still going on: the figures reach to the last moment seen",
        "ended": ended,
        "tags": [f"{text(name, 40)}: {text(value, 80)}" for name, value in list(run.tags.items())[:MOST_NOTES]],
    }


def _remedy(run: Run) -> str:
    """Say why its energy is no measurement, and what would make it one."""
    obstacles = run.data.meta.get("obstacles", [])
    if run.energy.kind == "measured" or not obstacles:
        return ""
    chosen = next((one for one in obstacles if one["remedy"]), obstacles[0])
    advice = f"; to measure: {chosen['remedy']}" if chosen["remedy"] else ""
    return text(f"An estimate: {chosen['what']}{advice}")


def _ordered(run: Run) -> list[ChannelEnergy]:
    return sorted(run.energy.channels, key=lambda one: not one.in_total)


def _domain(used: ChannelEnergy) -> Row:
    energy = told_figure("", "J", used.kind, (used.energy_j, used.low_j, used.high_j))
    return {
        "domain": text(used.domain, 80),
        "source": text(used.source, 80),
        "energy_j": used.energy_j,
        "energy": energy["text"],
        "between": energy["between"],
        "kind": used.kind,
        "mean": figures.quantity(used.mean_power_w, "W"),
        "peak": None if used.peak_power_w is None else figures.quantity(used.peak_power_w, "W"),
        "in_total": used.in_total,
        "ambiguous": used.is_ambiguous,
        "updates": used.edges,
        "gap": figures.duration(used.gap_s) if used.gap_s > 0 else "",
    }


def _region(region: Region, values: Row) -> Row:
    """Give a region's row: its members of the JSON report, and the same in words."""
    each = (values["energy_per_call_j"], values["low_per_call_j"], values["high_per_call_j"])
    bounds = (values["low_j"], values["high_j"])
    energy = told_figure("", "J", region.kind, (values["energy_j"], *bounds))
    per_call = told_figure("", "J", region.kind, each)
    known = None not in bounds
    return values | {
        "name": name_of(region.label),
        "label": text(region.label, 200),
        "told": told(region),
        "calls_text": cells.count(region.calls),
        "time": figures.duration(region.time_s),
        "energy": energy["text"] if region.resolved else "",
        "between": energy["between"] if known else "",
        "bounds": " to ".join(figures.quantity(end, "J") for end in bounds) if known else "",
        "per_call": per_call["text"] if each[0] is not None else "",
        "per_call_between": per_call["between"],
        "share_text": "" if region.share is None else figures.percent(region.share),
        "remedy": text(region.remedy),
    }
