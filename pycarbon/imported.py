"""What another tool told of a run, as a run of pycarbon's: its figures as they are, and what nobody knows said so.

CodeCarbon's file does not say whether power was read from counters or assumed, nor how far any figure may be off: all
is modelled, without an interval. Its grams stay as it counted them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from hashlib import blake2b
from typing import Any

from pycarbon import zones
from pycarbon.codecarbon import NO_EXPERIMENT, WHOLE, Row
from pycarbon.errors import IntensityError
from pycarbon.intensity import OWN
from pycarbon.run import Channel, RunData, listed

SOURCE = "codecarbon"
PRIVATE = ("longitude", "latitude")
"""Of a row's cells those that are not kept: they may be somebody's home."""

_STATES = {"USA": "US-", "CAN": "CA-"}
GIB = 1 << 30


def run_id(row: Row) -> str:
    """Give the run's id: the same whenever, and wherever, a row of it is imported."""
    return blake2b(f"{SOURCE}\0{row.key}".encode(), digest_size=16).hexdigest()


def run_of(row: Row, names: Mapping[str, Any], states: int = 1) -> RunData:
    """Make a run of its last row. `names` are its organisation, project, experiment, name and tags as wanted, as far
    as they are; `states` is how many rows of it there were.
    """
    started = row.ended - timedelta(seconds=row.duration_s)
    meta = {
        "id": run_id(row),
        **names_of(row),
        **names,
        "command": [],
        "started_at": started.isoformat(timespec="milliseconds"),
        "start_ns": 0,
        "origin": row.version,
        "notes": list(_notes(row, states)),
        "channels": [_channel(number, domain).to_dict() for number, domain in enumerate(row.parts_j)],
        "told": row.parts_j,
        "machine": _machine(row),
        "gpus": [{"domain": "gpu", "name": name} for name in row.gpus],
        "imported": {name: cell for name, cell in row.cells.items() if cell and name not in PRIVATE},
        **_rating(row, started.year),
    }
    channels = [Channel.from_dict(values) for values in meta["channels"]]
    return RunData(meta, channels, {}, {"run": listed(meta), "end_ns": round(row.duration_s * 1e9)}, complete=True)


def names_of(row: Row) -> dict[str, Any]:
    """Give what a row says of what its run belongs to."""
    cells = row.cells
    tags = {name: cells[name] for name in ("run_id", "tracking_mode") if cells.get(name)}
    found: dict[str, Any] = {"name": cells.get("project_name") or SOURCE, "tags": tags}
    if cells.get("project_name"):
        found["project"] = cells["project_name"]
    if "run_id" in cells and cells.get("experiment_id", NO_EXPERIMENT) not in ("", NO_EXPERIMENT):
        found["experiment"] = cells["experiment_id"]  # version 1 calls rows so
    return found


def _channel(number: int, domain: str) -> Channel:
    return Channel(number, domain, SOURCE, "modelled", "energy", Fraction(1, 1_000_000), 0, True)


def _machine(row: Row) -> dict[str, Any]:
    threads, memory_gb = row.number("cpu_count"), row.number("ram_total_size")
    return {
        "brand": row.cells.get("cpu_model") or None,
        "n_threads": None if threads is None or not 1 <= threads <= 1e6 else int(threads),
        "memory_bytes": None if memory_gb is None or memory_gb > 1e9 else round(memory_gb * GIB),
        "os": row.cells.get("os") or None,
    }


def _rating(row: Row, year: int) -> dict[str, Any]:
    """Give how its joules became grams: at CodeCarbon's own factor, of unknown range."""
    place = zone_of(row.cells)
    name = row.cells.get("country_name", "") if place is None else place.name
    rating: dict[str, Any] = {"pue": row.pue, "pue_range": [row.pue, row.pue]}
    if row.pue != 1:
        rating["pue_source"] = "as set for CodeCarbon"
    if row.intensity_g_per_kwh is not None:
        rating["intensity"] = {
            "zone": zones.WORLD if place is None else place.zone,
            "name": name or "unknown place",
            "intensity_g_per_kwh": row.intensity_g_per_kwh,
            "low_g_per_kwh": None,
            "high_g_per_kwh": None,
            "year": year,
            "method": f"as {row.version} counted it",
            "source": row.version,
            "place_known": place is not None,
            **dict.fromkeys(("scope", "flow", "gas"), ""),
            "type": OWN,
        }
    return rating


def zone_of(cells: Mapping[str, str]) -> zones.Zone | None:
    """Give the smallest zone that a row names and the table knows: a cloud's region, a state, a country."""
    country, region = cells.get("country_iso_code", ""), cells.get("region", "")
    spellings = []
    if cells.get("cloud_provider") and cells.get("cloud_region"):
        spellings.append((f"{cells['cloud_provider'].lower()}:{cells['cloud_region']}", ""))
    if region and country in _STATES:
        spellings += [(f"{region}, {country}", _STATES[country]), (region, _STATES[country])]
    for spelling, start in [*spellings, (country, "")]:
        try:
            found = zones.find(spelling)
        except IntensityError:
            continue
        if found.zone.startswith(start):  # Georgia is a country, too
            return found
    return None


def _notes(row: Row, states: int) -> list[str]:
    tool = row.version
    notes = [
        f"imported from a file of {tool}, which does not say whether power was read or assumed: all of it counts as "
        "modelled, and no interval is known"
    ]
    if row.intensity_g_per_kwh is not None:
        notes.append(
            f"its grams are as {tool} counted them, at {row.intensity_g_per_kwh:.4g} g/kWh; by what method and of "
            "which year that factor is the file does not say (the year shown is the run's)"
        )
    else:
        notes.append("it used no energy, so that no factor of its own is known")
    if row.local:
        notes.append(
            "the file gives the time of day without its zone: it was taken as that of the machine that imported it, "
            f"UTC{row.ended:%z}"
        )
    if WHOLE in row.parts_j:
        notes.append(f"of which parts its energy is was not told: it stands as one, {WHOLE}")
    if row.cells.get("tracking_mode") == "process":
        notes.append(
            "it followed a process, so that memory, and with some versions the CPU, are that process's alone"
        )
    if states > 1:
        notes.append(f"the last of {states} rows of this run, each with what was in those before")
    if row.number("water_consumed"):
        notes.append(f"{tool} counted {row.cells['water_consumed']} L of water, which are not in any figure here")
    return notes
