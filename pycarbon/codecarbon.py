"""CodeCarbon's emissions.csv, row by row: every version's columns, as its users' spreadsheets may have left them.

A row is the state of a run: all that it used up to then. Where a program flushes now and then it leaves several rows
of one run, each with more in it than the one before; the last one holds the others. Their energies are in kWh and
hold the PUE that was set; emissions are in kg.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pycarbon.emissions import JOULES_PER_KWH
from pycarbon.errors import PyCarbonError
from pycarbon.footprint import GRAMS_PER_KG

NEEDED = ("timestamp", "duration", "emissions", "energy_consumed")
"""Columns that every version has, and nothing can be said without."""

PARTS = {"cpu": "cpu_energy", "gpu": "gpu_energy", "ram": "ram_energy"}
WHOLE = "machine"
"""What the energy is of where its parts are not told, as by version 1."""

NO_EXPERIMENT = "5b0fa12a-3dd7-45bb-9766-cc326314d9f1"
"""What it calls the experiment of whoever named none."""

MOST_S, MOST_KWH, MOST_G_PER_KWH = 1e9, 1e9, 1e6
PARTS_AGREE = 1e-3
YEARS = range(2010, 2200)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_GPUS = re.compile(r"(\d+) x (.+?)(?=\d x |$)")
"""Names of several sorts stand one behind the other with nothing between: "2 x NVIDIA A1001 x Tesla T4"."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row that makes sense. `key` is the same for all rows of a run; `energy_j` is that of the computer alone.

    `local` says that the time had no zone: it is read as one of this machine's. `parts_j` are what the energy is of.
    """

    line: int
    key: str
    ended: datetime
    local: bool
    duration_s: float
    energy_j: float
    parts_j: dict[str, float]
    pue: float
    intensity_g_per_kwh: float | None
    cells: dict[str, str]

    @property
    def version(self) -> str:
        """What wrote it, such as "CodeCarbon 2.3.4"; version 1 did not say which."""
        told = self.cells.get("codecarbon_version", "")
        return f"CodeCarbon {told or ('1' if 'run_id' not in self.cells else '2')}"

    @property
    def gpus(self) -> list[str]:
        """The name of each GPU."""
        named = _GPUS.findall(self.cells.get("gpu_model", ""))
        return [name.strip() for count, name in named for _ in range(min(int(count), 1000))]

    def number(self, column: str) -> float | None:
        """Give a figure beside the energy; None where there is none."""
        try:
            return _number(self.cells, column)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that makes no sense, and why."""

    line: int
    why: str


def rows(path: Path) -> Iterator[Row | Refused]:
    """Read a file, row by row; PyCarbonError, in one line, where it cannot be read or is none of CodeCarbon's."""
    if path.exists() and not path.is_file():
        raise PyCarbonError(f"{path} is no plain file; give a file such as emissions.csv")
    try:
        with path.open("rb") as file:
            start = file.read(2)
        encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        with path.open(encoding=encoding, errors="replace", newline="") as text:
            yield from _rows(text, path)
    except (OSError, ValueError, csv.Error) as error:  # of its first line: those of rows are told one by one
        why = getattr(error, "strerror", None) or str(error)
        raise PyCarbonError(f"{path} cannot be read: {why}") from None


def _rows(text: Iterator[str], path: Path) -> Iterator[Row | Refused]:
    first = next(text, "")
    delimiter = max(",;\t", key=first.count)
    columns = _columns(next(csv.reader([first], delimiter=delimiter), []))
    _check(columns, path)
    reader = csv.reader(text, delimiter=delimiter)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Refused(reader.line_num + 1, str(error))
            continue
        line = reader.line_num + 1
        if not any(cells):
            continue
        if set(NEEDED) <= set(_columns(cells)):  # files that were put one behind the other
            columns = _columns(cells)
        elif len(cells) != len(columns):
            yield Refused(line, f"it has {len(cells)} cells, and there are {len(columns)} columns")
        else:
            named = {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
            if delimiter != ",":  # a spreadsheet's, whose decimals may have commas
                named |= {name: cell.replace(",", ".") for name, cell in named.items() if _is_figure(cell)}
            try:
                yield _row(line, named)
            except ValueError as error:
                yield Refused(line, str(error))


def _columns(cells: list[str]) -> list[str]:
    return [cell.strip().lower() for cell in cells]


def _is_figure(cell: str) -> bool:
    return cell.count(",") == 1 and _NUMBER.fullmatch(cell.replace(",", ".")) is not None


def _check(columns: list[str], path: Path) -> None:
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        has = ", ".join(filter(None, columns))[:120] or "nothing"
        raise PyCarbonError(
            f"{path} is no emissions.csv of CodeCarbon: it has no column {' and no '.join(missing)}, it has {has}"
        )
    if "task_name" in columns:
        raise PyCarbonError(
            f"{path} holds CodeCarbon's tasks, which are parts of the runs in emissions.csv; import that file"
        )


def _row(line: int, cells: dict[str, str]) -> Row:
    """Make sense of a row; ValueError, in words, where it has none."""
    ended, local = _time(cells["timestamp"])
    duration_s = _needed(cells, "duration", MOST_S)
    energy_kwh = _needed(cells, "energy_consumed", MOST_KWH)
    emissions_kg = _needed(cells, "emissions", math.inf)
    pue = _number(cells, "pue")
    pue = 1.0 if pue is None else pue
    if not 1 <= pue <= 1000:
        raise ValueError(f"pue is {cells['pue'][:40]}, and a PUE is 1 or more")
    intensity = None
    if energy_kwh > 0:
        intensity = emissions_kg * GRAMS_PER_KG / energy_kwh
        if intensity > MOST_G_PER_KWH:
            raise ValueError(f"{emissions_kg:g} kg of CO2e for {energy_kwh:g} kWh cannot be")
    elif emissions_kg > 0:
        raise ValueError("it has emissions of no energy")
    key = cells.get("run_id") or cells.get("experiment_id") or "\n".join(cells.values())
    if "run_id" not in cells and "experiment_id" in cells:
        key = f"{key} {cells['timestamp']}"  # version 1: another for each row, but nobody is kept from naming one
    return Row(
        line,
        key,
        ended,
        local,
        duration_s,
        energy_kwh * JOULES_PER_KWH / pue,
        {domain: kwh * JOULES_PER_KWH / pue for domain, kwh in _parts(cells, energy_kwh).items()},
        pue,
        intensity,
        cells,
    )


def _parts(cells: dict[str, str], energy_kwh: float) -> dict[str, float]:
    """Give what the energy is of, in kWh; as a whole where the parts are not told, or do not add up to it."""
    told = {domain: _number(cells, column) for domain, column in PARTS.items()}
    parts = {domain: kwh for domain, kwh in told.items() if kwh}
    if energy_kwh == 0 or abs(sum(parts.values()) - energy_kwh) > PARTS_AGREE * energy_kwh:
        return {WHOLE: energy_kwh}
    return parts


def _needed(cells: dict[str, str], column: str, most: float) -> float:
    value = _number(cells, column)
    if value is None:
        raise ValueError(f"{column} is empty")
    if value > most:
        raise ValueError(f"{column} is {value:g}, which is more than can be")
    return value


def _number(cells: dict[str, str], column: str) -> float | None:
    """Read a figure; None where it is not there. ValueError where it is negative, or none."""
    text = cells.get(column, "")
    if not text:
        return None
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{column} is {text[:40]!r}, which is no number")
    if value < 0:
        raise ValueError(f"{column} is {text[:40]}, and cannot be less than 0")
    return value


def _time(text: str) -> tuple[datetime, bool]:
    """Read when a row was written, and whether that had no zone: then it is taken as one of this machine's."""
    try:
        told = datetime.fromisoformat(text.replace("Z", "+00:00"))
        if told.year not in YEARS:
            raise ValueError
        return told.astimezone(), told.tzinfo is None
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"timestamp is {text[:40]!r}, which is no time such as 2024-05-06T07:08:09") from None
