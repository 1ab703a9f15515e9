"""A comparison of variants for programs and documents: JSON, CSV, Markdown."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from typing import Any

from pycarbon.comparison import Comparison, Variant
from pycarbon.contrast import Contrast, Estimate
from pycarbon.interval import Range
from pycarbon.reports import contrast_rows, figures
from pycarbon.reports.verdicts import NAMES, circumstances, noise, sentence, verdicts

SCHEMA = 1
FORMATS = ("json", "csv", "markdown")


def render(found: Comparison, form: str) -> str:
    """Give it in one of FORMATS."""
    return {"json": as_json, "csv": as_csv, "markdown": as_markdown}[form](found)


def as_json(found: Comparison) -> str:
    """Give all of it; docs/json.md says what each key is."""
    return json.dumps(as_dict(found), indent=1, ensure_ascii=False)


def as_dict(found: Comparison) -> dict[str, Any]:
    """Give all of it as JSON types."""
    return {
        "schema": SCHEMA,
        "basis": found.basis,
        "unit": found.unit,
        "confidence": found.plan.confidence,
        "precision": found.plan.precision,
        "reached": found.reached,
        "rounds": found.rounds,
        "elapsed_s": found.elapsed_s,
        "seed": found.seed,
        "domains": list(found.domains),
        "variants": [_variant(variant) for variant in found.variants],
        "control": None if found.control is None else {"ratio": _ends(found.control), "text": noise(found)},
        "comparisons": [_comparison(found, number) for number in range(len(found.variants) - 1)],
        "warnings": list(found.warnings),
        "trials": [
            {
                "variant": found.variants[trial.variant].name,
                "start_ns": trial.start_ns,
                "end_ns": trial.end_ns,
                "count": trial.count,
                "time_per_call_s": trial.time_s,
                "cpu_per_call_s": trial.cpu_s,
                "energy_per_call_j": None if trial.energy_j is None else _ends(trial.energy_j),
                "clock_hz": trial.clock_hz,
            }
            for trial in found.trials
        ],
    }


def as_csv(found: Comparison) -> str:
    """Give a row for each variant, ends of intervals in columns of their own."""
    lines = [_flat(variant) for variant in found.variants]
    for number, line in enumerate(lines):
        compared = found.contrast[number - 1] if number else None
        line["basis"] = found.basis
        line |= {f"ratio{end}": None for end in ("", "_low", "_high")} | {"verdict": None}
        if compared is not None:
            ratio = compared.ratio
            line |= {"ratio": ratio.best, "ratio_low": ratio.low, "ratio_high": _finite(ratio.high)}
            line["verdict"] = compared.verdict
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().rstrip("\n")


def as_markdown(found: Comparison) -> str:
    """Give a table, the verdicts and what a reader must know."""
    heads, rows = contrast_rows.cells(found)
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    table = ["| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines]
    commands = [f"- {_escaped(v.name)}: `{figures.printable(v.command)}`" for v in found.variants if v.command]
    words = [f"**{_escaped(text)}**" for text in verdicts(found)] + [
        noise(found),
        *circumstances(found),
        *found.warnings,
    ]
    return "\n".join([*commands, *([""] if commands else []), *table, *(f"\n{text}" for text in words if text)])


def _variant(variant: Variant) -> dict[str, Any]:
    grams = asdict(variant.co2e_per_call)
    ends = {"low": grams.pop("low_g"), "best": grams.pop("co2e_g"), "high": grams.pop("high_g")}
    return {
        "name": variant.name,
        "command": variant.command,
        "count": variant.count,
        "time_per_call_s": _ends(variant.time_per_call_s),
        "cpu_per_call_s": _ends(variant.cpu_per_call_s),
        "energy_per_call_j": _ends(variant.energy_per_call_j),
        "kind": variant.kind,
        "mean_power_w": _ends(variant.mean_power_w),
        "co2e_per_call_g": ends,
        "emissions": {
            name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in grams.items()
        },
    }


def _flat(variant: Variant) -> dict[str, Any]:
    grams = variant.co2e_per_call
    line: dict[str, Any] = {"name": variant.name, "command": variant.command, "count": variant.count}
    for name in ("time_per_call_s", "cpu_per_call_s", "energy_per_call_j", "mean_power_w"):
        estimate = getattr(variant, name)
        line |= {name: estimate.best, f"{name}_low": estimate.low, f"{name}_high": _finite(estimate.high)}
    return line | {
        "kind": variant.kind,
        "co2e_per_call_g": grams.co2e_g,
        "co2e_per_call_g_low": grams.low_g,
        "co2e_per_call_g_high": grams.high_g,
    }


def _comparison(found: Comparison, number: int) -> dict[str, Any]:
    first, variant = found.variants[0], found.variants[number + 1]
    ratios = {figure: _contrast(found.contrasts[figure][number]) for figure in found.contrasts}
    basis = found.contrast[number]
    return {
        "variant": variant.name,
        "to": first.name,
        "verdict": None if basis is None else basis.verdict,
        "text": sentence(found, number, variant.name, first.name),
        "ratios": {figure: ratios.get(figure) for figure in NAMES},
    }


def _contrast(contrast: Contrast | None) -> dict[str, Any] | None:
    if contrast is None:
        return None
    return {
        **_ends(contrast.ratio),
        "verdict": contrast.verdict,
        "floor": contrast.floor,
        "would_have_shown": _finite(contrast.would_have_shown),
    }


def _ends(found: Estimate | Range) -> dict[str, float | None]:
    return {"low": found.low, "best": found.best, "high": _finite(found.high)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _escaped(text: str) -> str:
    return figures.printable(text).replace("|", "\\|")
