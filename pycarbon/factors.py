"""A user's own grid factors: a CSV file whose rows go before those of the shipped table for the same zone."""

from __future__ import annotations

import csv
import math
import stat
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from pycarbon import zones
from pycarbon.errors import IntensityError
from pycarbon.intensity import FLOWS, GASES, SCOPES, Row

VALUE = "intensity_g_per_kwh"
REQUIRED = ("zone", "year", VALUE)
OPTIONAL = ("low_g_per_kwh", "high_g_per_kwh", "scope", "flow", "gas", "source")
EXAMPLE = "zone,year,intensity_g_per_kwh,low_g_per_kwh,high_g_per_kwh,source"

CLEANEST_G_PER_KWH, DIRTIEST_G_PER_KWH = 3.0, 2000.0
"""No grid is beyond these, counted with its whole life: Norway is at 25, the worst published mean at 1306."""

LEAST_DIRECT_G_PER_KWH = 1.5
"""From the stack alone a grid may be at 0; between that and this is nothing, but kg or t for g is."""

LARGEST_BYTES = 1 << 22


def read(path: Path) -> dict[str, tuple[Row, ...]]:
    """The rows of a file by zone: a header as `EXAMPLE` (low, high, scope, flow, gas and source may be missing).

    A zone may be spelled as `zones.find` takes it, or be a name of the user's own. Without low and high the value
    stands as exact. Raises IntensityError, in one line that names file and row, where the file cannot be read or a
    value is in another unit than g CO2e per kWh.
    """
    try:
        found_as = path.stat()
        if not stat.S_ISREG(found_as.st_mode):  # a pipe would be waited for
            raise IntensityError(f"{path}: the file of factors cannot be read: it is no file")
        if found_as.st_size > LARGEST_BYTES:
            raise IntensityError(f"{path}: it is too large for a file of factors; its header is {EXAMPLE}")
        text = path.read_text(encoding="utf-8-sig")
        rows = csv.DictReader(text.splitlines())
        rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or []]
        _check_header(path, list(rows.fieldnames))
        found: dict[str, dict[Row, None]] = {}
        keys: set[tuple[object, ...]] = set()
        names: dict[str, str] = {}
        for cells in rows:
            where = f"{path}, line {rows.line_num}"
            row = _row(where, cells, path.name)
            row = row._replace(zone=names.setdefault(row.zone.casefold(), row.zone))
            key = row[:5]
            if key in keys:
                raise IntensityError(f"{where}: a second figure for {row.zone} {row.year}; keep one")
            keys.add(key)
            found.setdefault(row.zone, {})[row] = None
    except OSError as error:
        raise IntensityError(f"{path}: the file of factors cannot be read: {error.strerror or error}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise IntensityError(f"{path}: this is no CSV file of factors ({error}); its header is {EXAMPLE}") from None
    if not found:
        raise IntensityError(f"{path}: there is no factor in it; its header is {EXAMPLE}")
    return {zone: tuple(rows) for zone, rows in found.items()}


def _check_header(path: Path, header: list[str]) -> None:
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise IntensityError(f"{path}: the column {twice[:40]!r} is there twice; the header is {EXAMPLE}")
    missing = [name for name in REQUIRED if name not in header]
    strange = [name for name in header if name not in (*REQUIRED, *OPTIONAL)]
    if missing == [VALUE] and strange:
        raise IntensityError(
            f"{path}: the column {strange[0][:40]!r} is not {VALUE}: convert it to g CO2e per kWh (1 kg/kWh is 1000, "
            "1 lb/MWh is 0.45359, 1 g/MJ is 3.6) and call it so"
        )
    if missing:
        raise IntensityError(f"{path}: the header lacks {missing[0]}; it is {EXAMPLE}")
    if strange:
        raise IntensityError(f"{path}: nobody knows the column {strange[0][:40]!r}; the header is {EXAMPLE}")


def _row(where: str, cells: Mapping[str | None, str | None], name: str) -> Row:
    if None in cells or None in cells.values():
        raise IntensityError(f"{where}: it has not as many cells as the header")
    given = {str(key): (value or "").strip() for key, value in cells.items()}
    zone, scope = given["zone"], given.get("scope") or SCOPES[0]
    flow, gas = given.get("flow") or FLOWS[0], given.get("gas") or GASES[0]
    for word, known in ((scope, SCOPES), (flow, FLOWS), (gas, GASES)):
        if word not in known:
            raise IntensityError(f"{where}: {word[:40]!r} must be one of {', '.join(known)}")
    if not zone or len(zone) > 80 or zone.upper() == "UNKNOWN":  # what the table calls a place nobody named
        raise IntensityError(f"{where}: the zone must be a name of 1 to 80 characters")
    meant = zones.meant(zone)
    if len(meant) > 1:
        raise IntensityError(f"{where}: zone {zone!r} is ambiguous: {' or '.join(meant)}? write the code")
    year = _number(where, "year", given["year"])
    if year != int(year) or not 1990 <= year <= datetime.now(timezone.utc).year + 1:
        raise IntensityError(f"{where}: {given['year'][:40]!r} is no year that a factor can be of")
    value = _number(where, VALUE, given[VALUE])
    least = CLEANEST_G_PER_KWH if scope == SCOPES[0] else LEAST_DIRECT_G_PER_KWH
    if not (least <= value <= DIRTIEST_G_PER_KWH or (value == 0 and scope != SCOPES[0])):
        slip = "kg/kWh or t/MWh: times 1000 then" if value < least else "g/MWh: by 1000 then"
        raise IntensityError(f"{where}: {value:g} g/kWh is no grid's; is it in {slip}?")
    low, high = (_end(where, column, given, value) for column in ("low_g_per_kwh", "high_g_per_kwh"))
    if not 0 <= low <= value <= high:
        raise IntensityError(f"{where}: it must be 0 <= low <= {value:g} <= high, not {low:g} and {high:g}")
    zone = meant[0] if meant else zone  # else a place that only this user knows
    return Row(
        zone, int(year), scope, flow, gas, given.get("source") or f"own factors, {name}", value, low, high, 0.0
    )


def _end(where: str, column: str, given: Mapping[str, str], value: float) -> float:
    return _number(where, column, given[column]) if given.get(column) else value


def _number(where: str, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise IntensityError(f"{where}: {column} is {text[:40]!r}, which is no number")
    return value
