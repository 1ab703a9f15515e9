"""pycarbon doctor: say what can be measured here, and what to type for what cannot."""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pycarbon.agreement import Agreement
    from pycarbon.sources import Counter, Obstacle

PROBE_S, GPU_PROBE_S = 0.1, 0.35
"""For three updates or more: GPUs' counters have up to 100 ms from one to the next."""

_SHOWN_BY_NONE = re.compile(r"(\w+ does not show it( and )?)+")
"""A reason that tells a reader nothing: there was no choice."""


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "example: pycarbon doctor --compare --seconds 5\n\n"
        "--compare ends with status 1 where two sources of one domain disagree."
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument("--root", type=Path, metavar="DIR", help="look for counters under DIR/sys instead of /sys")
    parser.add_argument(
        "--compare", action="store_true", help="record each domain that two sources show through both: do they agree?"
    )
    parser.add_argument(
        "--seconds", type=_seconds, default=2.0, metavar="S", help="for how long --compare records (default 2)"
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.01 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0.01 to 3600")
    return seconds


def examine(root: Path | None) -> dict[str, Any]:
    """Look at this machine: the sources and their cost and period now, the obstacles, the settings."""
    from pycarbon import domains, settings, siting
    from pycarbon.sources import Obstacle, Roots, discover, probe

    discovery = discover(Roots() if root is None else Roots.under(root))
    chosen, complaints = settings.resolve()
    rating, lines = siting.site(chosen, root=root or Path("/"), boot=discovery.machine.boot)
    complaints += lines
    counters: list[dict[str, Any]] = []
    obstacles = list(discovery.obstacles)
    for counter in discovery.counters:
        try:
            found = probe(counter, GPU_PROBE_S if counter.source == "nvml" else PROBE_S)
        except OSError as error:
            obstacles.append(Obstacle(counter.source, f"{counter.address} cannot be read: {error.strerror}"))
            continue
        counters.append(
            {
                **_described(counter),
                "in_total": counter.in_total,
                "read_cost_s": found.cost_s,
                "period_s": found.period_s,
                "continuous": found.continuous,
                "reason": counter.reason,
                "alternatives": [
                    _described(other)
                    for other in discovery.alternatives
                    if counter.domain in (other.domain, domains.whole(other.domain))
                    or domains.whole(counter.domain) == other.domain
                ],
            }
        )
    models = [
        {
            "domain": curve.domain,
            "idle_w": [curve.idle_w.low, curve.idle_w.best, curve.idle_w.high],
            "full_w": [curve.full_w.low, curve.full_w.best, curve.full_w.high],
            "basis": curve.basis,
        }
        for curve in discovery.curves
    ]
    return {
        "schema": 1,
        "measured": discovery.measured,
        "counters": counters,
        "models": models,
        "obstacles": [{"source": o.source, "what": o.what, "remedy": o.remedy} for o in obstacles],
        "unused": [{"source": o.source, "what": o.what, "remedy": o.remedy} for o in discovery.unused],
        "machine": discovery.machine.to_dict(),
        "place": {
            "zone": rating.intensity.zone,
            "name": rating.intensity.name,
            "known": rating.intensity.place_known,
            "found_by": rating.place.get("how", "settings" if rating.intensity.place_known else "nobody"),
            "intensity_g_per_kwh": rating.intensity.intensity_g_per_kwh,
            "pue": rating.pue.best,
            "pue_source": rating.pue_source,
        },
        "settings": {
            name: {"value": str(value) if isinstance(value := getattr(chosen, name), Path) else value, "from": layer}
            for name, layer in chosen.layers.items()
        },
        "complaints": complaints,
    }


def _described(counter: Counter) -> dict[str, Any]:
    return {
        "domain": counter.domain,
        "source": counter.source,
        "path": str(counter.address),
        "wraps_at_j": float(counter.range_raw * counter.unit) or None,
        "remark": counter.remark,
    }


def run(options: argparse.Namespace) -> int:
    """Print the findings on standard output; 1 where sources disagree."""
    from pycarbon.reports.text import style_for

    findings = compared(options.root, options.seconds) if options.compare else examine(options.root)
    lines = _comparison_lines(findings) if options.compare else _lines(findings)
    print(style_for(sys.stdout).fit(json.dumps(findings, indent=1) if options.json else "\n".join(lines)))
    return int(findings.get("agree") is False)


def compared(root: Path | None, seconds: float) -> dict[str, Any]:
    """Record what two sources show through both; `agree` is None where there is nothing to compare."""
    from pycarbon.sources import Roots, discover

    discovery = discover(Roots() if root is None else Roots.under(root))
    verdicts: list[Agreement] = []
    obstacles: list[Obstacle] = []
    if discovery.alternatives:
        from pycarbon import agreement

        verdicts, obstacles = agreement.compare(discovery, seconds)
    return {
        "schema": 1,
        "seconds": seconds,
        "agree": all(verdict.agree for verdict in verdicts) if verdicts else None,
        "comparisons": [
            {
                "domain": verdict.domain,
                "agree": verdict.agree,
                "moved": verdict.moved,
                "factor": verdict.factor if math.isfinite(verdict.factor) else None,
                "readings": [
                    {
                        "source": reading.counter.source,
                        "path": str(reading.counter.address),
                        "energy_j": reading.energy_j.best,
                        "low_j": reading.energy_j.low,
                        "high_j": reading.energy_j.high,
                    }
                    for reading in (verdict.one, verdict.other)
                ],
            }
            for verdict in verdicts
        ],
        "obstacles": [{"source": o.source, "what": o.what, "remedy": o.remedy} for o in obstacles],
    }


def _comparison_lines(findings: dict[str, Any]) -> list[str]:
    lines = [_verdict_line(comparison) for comparison in findings["comparisons"]]
    lines += [f"{obstacle['source']}: {obstacle['what']}" for obstacle in findings["obstacles"]]
    return lines or ["Nothing to compare: no domain can be read here through two sources."]


def _verdict_line(comparison: dict[str, Any]) -> str:
    from pycarbon.reports.figures import with_interval

    told = []
    for reading in comparison["readings"]:
        figure, ends = with_interval(reading["energy_j"], reading["low_j"], reading["high_j"], 1.0)
        told.append(f"{reading['source']} {figure} J ({ends})")
    factor = comparison["factor"]
    if not comparison["moved"]:
        verdict = "neither moved"
    elif comparison["agree"]:
        verdict = "agree"
    elif factor is None:
        verdict = "DISAGREE: one of them did not move"
    elif factor >= 1.5:
        verdict = f"DISAGREE by a factor of {factor:.2f}: one of them has a wrong unit"
    else:
        verdict = f"DISAGREE by {(factor - 1) * 100:.2g} %"
    return f"{comparison['domain']}: {', '.join(told)}: {verdict}"


def _lines(findings: dict[str, Any]) -> list[str]:
    from pycarbon.reports.figures import digits, printable, quantity

    machine = findings["machine"]
    kind = "virtual machine" if machine["hypervisor"] else "machine"
    lines = [f"{machine['brand'] or machine['arch']}, {machine['n_threads']} logical CPUs, {kind}", ""]
    some = any(counter["in_total"] for counter in findings["counters"])
    lines.append(
        "Energy is measured here:"
        if findings["measured"]
        else "Energy is measured here in part, and estimated in part:"
        if some
        else "Energy is estimated here, not measured:"
    )
    last_reason = ""
    for counter in findings["counters"]:
        remark = f" ({counter['remark']})" if counter["remark"] else ""
        total = "" if counter["in_total"] else ", not in the total"
        lines.append(
            f"  {counter['domain']:<12} {counter['source']:<9} {_period(counter)}, a read costs "
            f"{quantity(counter['read_cost_s'], 's')}{total}{remark}"
        )
        reason = counter["reason"].partition(": ")[2]
        told = counter["source"] == "nvml" or _SHOWN_BY_NONE.fullmatch(reason)  # a GPU has no other source
        if reason != last_reason and (counter["alternatives"] or not told):
            last_reason = reason
            lines.append(f"  {'':<22} chosen: {reason}")
        for other in counter["alternatives"]:
            named = (
                other["source"] if other["domain"] == counter["domain"] else f"{other['source']} {other['domain']}"
            )
            remark = f" ({other['remark']})" if other["remark"] else ""
            lines.append(f"  {'':<22} also {named}: {other['path']}{remark}")
    for model in findings["models"]:
        idle, full = model["idle_w"], model["full_w"]
        lines.append(
            f"  {model['domain']:<12} model     idle {digits(idle[1])} W ({digits(idle[0])} to {digits(idle[2])}), "
            f"full load {digits(full[1])} W ({digits(full[0])} to {digits(full[2])})"
        )
        lines.append(f"  {'':<22} {model['basis']}")
    if findings["obstacles"]:
        lines += ["", "What cannot be read:"]
    for obstacle in findings["obstacles"]:
        lines.append(f"  {obstacle['source']}: {obstacle['what']}")
        if obstacle["remedy"]:
            lines.append(f"      type: {obstacle['remedy']}")
    if findings["unused"]:
        lines += ["", "Not needed here, or not possible:"]
    for obstacle in findings["unused"]:
        remedy = f" (type: {obstacle['remedy']})" if obstacle["remedy"] else ""
        lines.append(f"  {obstacle['source']}: {obstacle['what']}{remedy}")
    place = findings["place"]
    where = f"{place['name']} ({place['zone']}), by {place['found_by']}" if place["known"] else "unknown (set a zone)"
    intensity = f"{digits(place['intensity_g_per_kwh'])} g/kWh, PUE {place['pue']:g} ({place['pue_source']})"
    lines += ["", f"Place: {printable(where)}: {printable(intensity)}", "", "Settings:"]
    for name, setting in findings["settings"].items():
        value = "-" if setting["value"] is None else str(setting["value"])
        lines.append(f"  {name:<18} {printable(value)} ({setting['from']})")
    lines += [f"  not used: {printable(complaint)}" for complaint in findings["complaints"]]
    return lines


def _period(counter: dict[str, Any]) -> str:
    from pycarbon.reports.figures import quantity

    if counter["continuous"]:
        return "changes all the time"
    if counter["period_s"] is None:
        return "did not move"
    return f"updates every {quantity(counter['period_s'], 's')}"
