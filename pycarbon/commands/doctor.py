"""pycarbon doctor: say what can be measured here, and what to type for what cannot."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = "example: pycarbon doctor --json"
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument("--root", type=Path, metavar="DIR", help="look for counters under DIR/sys instead of /sys")


def examine(root: Path | None) -> dict[str, Any]:
    """Look at this machine: the sources and their cost and period now, the obstacles, the settings."""
    from pycarbon import intensity, settings
    from pycarbon.errors import IntensityError
    from pycarbon.sources import Obstacle, Roots, discover, probe

    discovery = discover(Roots() if root is None else Roots.under(root))
    chosen, complaints = settings.resolve()
    try:
        intensity.lookup(chosen.zone)
    except IntensityError as error:
        complaints.append(str(error))
    counters, obstacles = [], list(discovery.obstacles)
    for counter in discovery.counters:
        try:
            found = probe(counter)
        except OSError as error:
            obstacles.append(Obstacle(counter.source, f"{counter.path} cannot be read: {error.strerror}"))
            continue
        counters.append(
            {
                "domain": counter.domain,
                "source": counter.source,
                "path": str(counter.path),
                "in_total": counter.in_total,
                "read_cost_s": found.cost_s,
                "period_s": found.period_s,
                "wraps_at_j": float(counter.range_raw * counter.unit) or None,
                "remark": counter.remark,
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
        "machine": discovery.machine.to_dict(),
        "settings": {
            name: {"value": getattr(chosen, name) if name != "data_dir" else str(chosen.data_dir), "from": layer}
            for name, layer in chosen.layers.items()
        },
        "complaints": complaints,
    }


def run(options: argparse.Namespace) -> None:
    """Print the findings on standard output."""
    from pycarbon.reports.text import style_for

    findings = examine(options.root)
    text = json.dumps(findings, indent=1) if options.json else "\n".join(_lines(findings))
    print(style_for(sys.stdout).fit(text))


def _lines(findings: dict[str, Any]) -> list[str]:
    from pycarbon.reports.figures import digits, printable, quantity

    machine = findings["machine"]
    kind = "virtual machine" if machine["hypervisor"] else "machine"
    lines = [f"{machine['brand'] or machine['arch']}, {machine['n_threads']} logical CPUs, {kind}", ""]
    verdict = "Energy is measured here:" if findings["measured"] else "Energy is estimated here, not measured:"
    lines.append(verdict)
    for counter in findings["counters"]:
        period = (
            "did not move" if counter["period_s"] is None else f"updates every {quantity(counter['period_s'], 's')}"
        )
        total = "" if counter["in_total"] else ", not in the total"
        remark = f" ({counter['remark']})" if counter["remark"] else ""
        lines.append(
            f"  {counter['domain']:<12} {counter['source']:<9} {period}, a read costs "
            f"{quantity(counter['read_cost_s'], 's')}{total}{remark}"
        )
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
    lines += ["", "Settings:"]
    for name, setting in findings["settings"].items():
        lines.append(f"  {name:<12} {printable(str(setting['value'] or '-'))} ({setting['from']})")
    lines += [f"  not used: {printable(complaint)}" for complaint in findings["complaints"]]
    return lines
