"""Builds pycarbon/tables/grid.csv and sources.csv: every figure there is, each with its method and source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from intensity import countries, crosscheck, figures, google, hourly, provinces, registry, states, zones
from intensity.figures import Figure, Reasons

COLLECTORS = (states, provinces, hourly, google)
HEADER = (
    "zone", "year", "scope", "flow", "gas", "source",
    "intensity_g_per_kwh", "low_g_per_kwh", "high_g_per_kwh", "yearly_change_g_per_kwh",
)  # fmt: skip
SOURCES_HEADER = ("source", "citation", "licence", "licence_class", "release_year", "method", "url")


def build(sources: Path, registry_path: Path = registry.REGISTRY) -> dict[str, bytes]:
    """The grid table and the table of its sources: {file name: content}.

    Raises BuildError, naming file and row, for anything that must not become a factor.
    """
    known = registry.load(registry_path)
    found = collect(sources, known)
    return {
        "grid.csv": registry.csv_bytes(HEADER, [one.cells() for one in found]),
        "sources.csv": registry.csv_bytes(SOURCES_HEADER, source_rows(known, found)),
    }


def collect(sources: Path, known: dict[str, Any]) -> list[Figure]:
    """Every figure in the table's order, checked."""
    reasons = Reasons(known)
    found = countries.collect(sources, known, reasons)
    for collector in COLLECTORS:
        found += collector.collect(sources, known)
    return checked(found, known, reasons)


def checked(found: list[Figure], known: dict[str, Any], reasons: Reasons) -> list[Figure]:
    """The figures of all sources together in the table's order, or a refusal of one."""
    names = {place.zone for place in zones.places()} | {countries.UNKNOWN}
    ordered = figures.check(figures.contain_direct(figures.lend_changes(found)), known, reasons, names)
    reasons.check_needed()
    crosscheck.check(ordered)
    return ordered


def source_rows(known: dict[str, Any], found: list[Figure]) -> list[list[str]]:
    """The rows of sources.csv: every series that gives a figure, not those that are only compared."""
    used = {one.source for one in found}
    rows = []
    for series in sorted(known["series"], key=lambda series: str(series["id"])):
        if series["id"] not in used:
            continue
        licences = [registry.entry(known, path) for path in series["paths"]]
        cells = [registry.method_of(series), series["url"]]
        rows.append(
            [
                series["id"],
                series["citation"],
                " and ".join(dict.fromkeys(entry["licence"] for entry in licences)),
                max(entry["licence_class"] for entry in licences),
                str(series["year"]),
                *cells,
            ]
        )
    return rows
