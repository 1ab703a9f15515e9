"""What would lower the sums of many runs, and what would make them surer, from the sums alone.

Of each run `pycarbon advise` knows more: what was waste, which hours would have been better.
"""

from __future__ import annotations

from typing import Any

from pycarbon.reports.figures import mass, percent

WORTH_SAYING = 0.05
"""Smaller parts of the whole are left out."""
_LARGEST = 3


def hints(found: dict[str, Any], inner: str) -> list[dict[str, Any]]:
    """Give hints on what `splits` found: `id`, `text`, and the `page` that shows more of it, or None."""
    totals = found["totals"]
    return [
        hint
        for hint in (
            _largest(found[f"by_{inner}"], inner, totals),
            *_place(found["by_continent"], totals),
            _modelled(totals),
        )
        if hint is not None
    ]


def _hint(id: str, text: str, page: str | None) -> dict[str, Any]:
    return {"id": id, "text": text, "page": page}


def _largest(rows: list[dict[str, Any]], inner: str, totals: dict[str, Any]) -> dict[str, Any] | None:
    if len(rows) < 2 or not totals["co2e_g"] > 0:
        return None
    first = [row for row in rows[:_LARGEST] if row["co2e_g"] >= WORTH_SAYING * totals["co2e_g"]]
    if not first:
        return None
    parts = [f"{row[inner] or f'no {inner}'} {percent(row['co2e_g'] / totals['co2e_g'])}" for row in first]
    return _hint("largest", f"Most of the carbon, by {inner}: {', '.join(parts)}. Look there first.", None)


def _place(continents: list[dict[str, Any]], totals: dict[str, Any]) -> list[dict[str, Any] | None]:
    countries = [row for continent in continents for row in continent["countries"]]
    known = [row for row in countries if row["country"] and row["energy_j"] > 0]
    if not known:
        return [_unknown_place(countries, totals)]
    most = max(known, key=lambda row: row["co2e_g"])
    best = min(known, key=_per_joule)
    share = percent(most["co2e_g"] / totals["co2e_g"]) if totals["co2e_g"] > 0 else "0 %"
    text = f"{most['name']} has the most carbon: {mass(most['co2e_g'])}, {share} of all."
    if len(countries) == 1:
        text = f"All of it was used in {most['name']}."
    if best is not most and _per_joule(best) < _per_joule(most):
        there, low, high = (most[joules] * ratio for joules, ratio in _elsewhere(best))
        text += (
            f" The same energy in {best['name']}, at the mean of the runs there, would have emitted"
            f" {mass(there)} ({mass(low)} to {mass(high)})."
        )
    return [_hint("place", text, "/whatif"), _unknown_place(countries, totals)]


def _per_joule(row: dict[str, Any]) -> float:
    return float(row["co2e_g"] / row["energy_j"])


def _elsewhere(row: dict[str, Any]) -> list[tuple[str, float]]:
    """The grams per joule of a place and its ends, the worst with the worst, each with the energy it is for."""
    ends = (("energy_j", "co2e_g", "energy_j"), ("low_j", "low_g", "high_j"), ("high_j", "high_g", "low_j"))
    return [(energy, row[grams] / (row[joules] or row["energy_j"])) for energy, grams, joules in ends]


def _unknown_place(countries: list[dict[str, Any]], totals: dict[str, Any]) -> dict[str, Any] | None:
    joules = sum(row["energy_j"] for row in countries if not row["country"])
    if not joules > WORTH_SAYING * totals["energy_j"]:
        return None
    share = percent(joules / totals["energy_j"])
    text = f"Where {share} of the energy was used is not known. Runs with --zone, or a zone in the settings, say it."
    return _hint("unknown-place", text, None)


def _modelled(totals: dict[str, Any]) -> dict[str, Any] | None:
    if not totals["modelled_j"] > WORTH_SAYING * totals["energy_j"]:
        return None
    share = percent(totals["modelled_j"] / totals["energy_j"])
    text = f"{share} of the energy is modelled. On those machines `pycarbon doctor` says what lets counters be read."
    return _hint("modelled", text, None)
