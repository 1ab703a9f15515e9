"""How to cite a run: in a sentence, and as BibTeX."""

from __future__ import annotations

import math
import re

from pycarbon._version import __version__
from pycarbon.analysis import Run
from pycarbon.reports import carbon, figures

LONGEST = 160


def citation(run: Run) -> dict[str, str]:
    """Give `text` and `bibtex`: the run, the version that recorded it, its figures, and whose intensity it took."""
    run_id = _plain(run.id) or "unknown"
    meta = run.data.meta
    recorder = _plain(meta.get("origin") or f"pycarbon {meta.get('pycarbon') or 'of an unknown version'}")
    day = run.started_at[:10] if re.fullmatch(r"\d{4}-\d\d-\d\d", run.started_at[:10]) else ""
    energy, emissions = run.energy, run.emissions
    said = "energy not known"
    if not math.isnan(energy.total_j):
        factor, prefix = figures.prefix_for(energy.total_j or energy.high_j)
        amount, between = figures.with_interval(energy.total_j, energy.low_j, energy.high_j, factor)
        grams_per, unit = figures.mass_prefix_for(emissions.co2e_g or emissions.high_g)
        grams, range_g = figures.with_interval(emissions.co2e_g, emissions.low_g, emissions.high_g, grams_per)
        said = (
            f"{amount} {prefix}J ({figures.in_unit(between, f'{prefix}J')}, {energy.kind}), "
            f"{grams} {unit} CO2e ({figures.in_unit(range_g, unit)}, "
            f"modelled; {_plain(carbon.where(run.intensity))}, {emissions.year}, {_plain(emissions.source)})"
        )
    when = f", {day}" if day else ""
    sentence = f"Run {run_id}{when}, recorded with {recorder}, reported with pycarbon {__version__}: {said}."
    year = f"  year = {{{day[:4]}}},\n" if day else ""
    bibtex = (
        f"@misc{{pycarbon-{re.sub('[^A-Za-z0-9]', '', run_id)[:40] or 'run'},\n"
        f"  title = {{Energy and carbon of run {_tex(run_id)}}},\n"
        f"{year}"
        f"  howpublished = {{{_tex(recorder)}}},\n"
        f"  note = {{{_tex(said)}}}\n"
        "}"
    )
    return {"text": sentence, "bibtex": bibtex}


def _plain(value: object) -> str:
    return figures.printable(str(value)[: 4 * LONGEST])[:LONGEST]


def _tex(text: str) -> str:
    """Write a text so that TeX sets it and obeys nothing in it."""
    text = re.sub(r"[{}\\^~]", "", text.replace("µ", "u"))
    return re.sub(r"([&%$#_])", r"\\\1", text)
