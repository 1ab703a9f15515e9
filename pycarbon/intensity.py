"""How much carbon a kilowatt-hour carries at a place: the country table and its look-up."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pycarbon.errors import IntensityError

TABLE = Path(__file__).parent / "tables" / "grid.csv"

WORLD = "WORLD"
_UNKNOWN = "UNKNOWN"  # the table's row for a place nobody named: the world's value, wide range
_HINT = "A zone is a country as ISO 3166-1 code or name, such as FRA, FR or France, or WORLD"
# ISO 3166-1 reserves UK for the United Kingdom; without it the nearest suggestion is Ukraine.
_ALIASES = {"uk": "GBR"}


@dataclass(frozen=True, slots=True)
class Intensity:
    """The carbon intensity of a zone's electricity, in g CO2e per kWh generated.

    `low_g_per_kwh` and `high_g_per_kwh` bound how well the mean of `year` describes the zone in
    use; they do not follow the hours of a day. `place_known` is False where nobody named a place
    and the world's value with its wide range stands in. Plain fields only:
    `dataclasses.asdict(x)` is JSON, and `Intensity(**that)` is equal to x.
    """

    zone: str
    name: str
    intensity_g_per_kwh: float
    low_g_per_kwh: float
    high_g_per_kwh: float
    year: int
    method: str
    source: str
    place_known: bool = True


def lookup(zone: str | None) -> Intensity:
    """The intensity of a zone; None stands for a place nobody named, and never for a guess.

    `zone` is an ISO 3166-1 code of two or three letters, a country's name as the table spells it,
    or WORLD; upper and lower case are the same. Raises IntensityError, in one line with the
    nearest known zones, for anything else. Never uses the network.
    """
    table, spellings = _load()
    if zone is None:
        return table[_UNKNOWN]
    found = spellings.get(zone.strip().casefold())
    if found is None:
        raise IntensityError(_unknown_zone(zone))
    return table[found]


def zones() -> list[Intensity]:
    """Every zone that can be asked for, in alphabetical order of its code."""
    table, _ = _load()
    return [intensity for zone, intensity in table.items() if zone != _UNKNOWN]


@lru_cache(maxsize=1)
def _load() -> tuple[dict[str, Intensity], dict[str, str]]:
    """The table by zone, and every spelling (case folded) with the zone it means."""
    table: dict[str, Intensity] = {}
    spellings: dict[str, str] = {}
    try:
        with TABLE.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                zone = row["zone"]
                known = zone != _UNKNOWN
                table[zone] = Intensity(
                    zone=zone if known else WORLD,
                    name=row["name"],
                    intensity_g_per_kwh=float(row["intensity_g_per_kwh"]),
                    low_g_per_kwh=float(row["low_g_per_kwh"]),
                    high_g_per_kwh=float(row["high_g_per_kwh"]),
                    year=int(row["year"]),
                    method=row["method"],
                    source=row["source"],
                    place_known=known,
                )
                if known:
                    for spelling in (zone, row["iso2"], row["name"]):
                        spellings[spelling.casefold()] = zone
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntensityError(f"cannot read the intensity table {TABLE} ({error!r}): reinstall pycarbon") from error
    spellings.pop("", None)
    for alias, zone in _ALIASES.items():
        spellings.setdefault(alias, zone)
    return table, spellings


def _unknown_zone(zone: str) -> str:
    """One line: what was asked for, what is near it, and what a zone is."""
    import difflib  # needed only here, and slow to import

    table, spellings = _load()
    asked = zone.strip()[:40]
    near = difflib.get_close_matches(asked.casefold(), spellings, n=6)
    # Two spellings of one country are one suggestion; three suggestions are a line's worth.
    codes = list(dict.fromkeys(spellings[spelling] for spelling in near))[:3]
    names = " or ".join(f"{code} ({table[code].name})" for code in codes)
    suggestion = f"did you mean {names}? " if names else ""
    return f"unknown zone {asked!r}: {suggestion}{_HINT}"
