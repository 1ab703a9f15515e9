"""SPECpower results and design powers as clean rows, and why the others are left out."""

from __future__ import annotations

import csv
import gzip
import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pycarbon.cpu_brand import TIERS, brand_key, find_tdp_w, microarchitecture_of

SPECPOWER = "hardware/ccf_specpower_2026-03-09.csv.gz"
TDP_LISTS = (
    ("hardware/codecarbon_cpu_power.csv", 0, "Name"),
    ("hardware/green_algorithms_tdp_cpu.csv", 1, "model"),
)

# Machines sold before have other power supplies, idle states and memory than those met today.
FIRST_YEAR = 2017
MAX_TDP_W = 2000.0
MIN_MEMORY_GB_PER_CHIP = 2.0


@dataclass(frozen=True, slots=True)
class Result:
    """One published server result: wall power at full load and at active idle.

    `group` is one name for all near twins of a CPU: what is held out together.
    """

    key: str
    group: str
    microarchitecture: str
    vendor: str
    chips: int
    threads: int
    memory_gb: float
    tdp_w: float | None
    full_w: float
    idle_w: float


def tdp_by_key(sources: Path) -> tuple[dict[str, float], dict[str, int]]:
    """Design power in W by brand key, and how many lines were left out for which reason.

    The first list that names a part wins; within one list the larger of two figures.
    """
    tdp_w: dict[str, float] = {}
    left_out: Counter[str] = Counter()
    for path, notes, column in TDP_LISTS:
        listed: dict[str, float] = {}
        with (sources / path).open(encoding="utf-8-sig", newline="") as file:
            for _ in range(notes):
                next(file)
            for row in csv.DictReader(file):
                watts, key = _positive(row["TDP"]), brand_key(row[column] or "")
                if watts is None or watts > MAX_TDP_W:
                    left_out["design power is not one number"] += 1
                elif not any(letter.isdigit() for letter in key) or "," in key:
                    left_out["name does not single out a part"] += 1
                else:
                    if listed.get(key, watts) != watts:
                        left_out["same name with two design powers, larger kept"] += 1
                    listed[key] = max(watts, listed.get(key, 0.0))
        tdp_w = {**listed, **tdp_w}
    return tdp_w, dict(sorted(left_out.items()))


def results(sources: Path, tdp_w: dict[str, float]) -> tuple[list[Result], dict[str, int]]:
    """Clean results since FIRST_YEAR, and how many rows were left out for which reason."""
    kept: list[Result] = []
    left_out: Counter[str] = Counter()
    with gzip.open(sources / SPECPOWER, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            result = _result(row, tdp_w)
            if isinstance(result, str):
                left_out[result] += 1
            else:
                kept.append(result)
    return kept, dict(sorted(left_out.items()))


def _result(row: dict[str, str], tdp_w: dict[str, float]) -> Result | str:
    """A row as a result, or the reason why it cannot be one."""
    if int(row["Published"][-4:]) < FIRST_YEAR:
        return f"published before {FIRST_YEAR}"
    full_w = _positive(row["avg. watts @ 100%"])
    idle_w = _positive(row["avg. watts @ active idle"])
    memory_gb = _positive(row["Total Memory (GB)"])
    if full_w is None or idle_w is None or memory_gb is None or idle_w >= full_w:
        return "power or memory is not a number, or idle is above full load"
    chips, cores = int(row["Chips"]), int(row["# Cores"])
    if chips * int(row["# Cores Per Chip"]) != cores:
        return "cores do not equal chips times cores per chip"
    if memory_gb < MIN_MEMORY_GB_PER_CHIP * chips:
        # 1,024 GB was cut at the comma on its way into the listing.
        return f"memory below {MIN_MEMORY_GB_PER_CHIP:g} GB per chip: thousands cut off"
    key = brand_key(row["CPU Description"])
    microarchitecture = microarchitecture_of(key)
    if microarchitecture is None:
        return "CPU description does not name a microarchitecture"
    vendor = "AMD" if key.startswith("epyc") else "Intel" if key.startswith(("xeon", "core")) else "other"
    return Result(
        key=key,
        group=_group(key),
        microarchitecture=microarchitecture,
        vendor=vendor,
        chips=chips,
        threads=cores * int(row["# Threads Per Core"]),
        memory_gb=memory_gb,
        tdp_w=find_tdp_w(key, tdp_w),
        full_w=full_w,
        idle_w=idle_w,
    )


def _group(key: str) -> str:
    """The key without the tier word, which vendors mix up, and without suffixes of twin parts."""
    words = [word for word in key.split() if word not in TIERS]
    return re.sub(r"(?<=\d)(p|pn|l|m|h|hl|u|v)$", "", " ".join(words))


def _positive(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 < value < math.inf else None
