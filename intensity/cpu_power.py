"""Builds pycarbon/tables/cpu_power.csv and .json: what the model of unmeasured machines needs.

SPECpower gives the wall power of whole servers at full load and at active idle. A least absolute
error fit splits it into a part per watt of design power (TDP), a part per GB of memory and a part
per server. What of the first reaches the package is set by the few machines whose package counters
were recorded over load (package_profiles.csv). docs/accuracy.md says what this can and cannot know.
"""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intensity.registry import BuildError
from intensity.specpower import Result, results, tdp_by_key

FloatArray = NDArray[np.float64]
Predict = Callable[[Sequence[Result]], FloatArray]

PROFILES = Path(__file__).with_name("package_profiles.csv")
VENDORS = ("AMD", "Intel", "other")
POINTS = ("full", "idle")
COVERAGE = (0.05, 0.95)
DIGITS = 4
# A microarchitecture with fewer rows than this says too little about the next machine.
MIN_ROWS = 3
# Linear between idle and full load: no row has data there, and the profiles bend both ways.
EXPONENT = 1.0
# Student's t, 95 % one-sided, by degrees of freedom.
T_95 = {1: 6.314, 2: 2.920, 3: 2.353, 4: 2.132, 5: 2.015, 6: 1.943, 7: 1.895, 8: 1.860}
# Conversion of the memory's wall power to the modules': power supply times regulators at load.
MEMORY_EFFICIENCY = 0.84


def build(sources: Path) -> dict[str, bytes]:
    """The design power by brand and the fitted coefficients: {file name: content}.

    Raises BuildError where the raw data leave nothing to fit.
    """
    tdp_w, tdp_left_out = tdp_by_key(sources)
    rows, left_out = results(sources, tdp_w)
    listed = [row for row in rows if row.tdp_w is not None]
    if len(listed) < 100:
        raise BuildError(f"SPECpower: only {len(listed)} rows with a design power; expected more")
    lines = ["brand,tdp_w", *(f"{key},{tdp_w[key]:g}" for key in sorted(tdp_w))]
    fit = coefficients(listed, rows, read_profiles())
    fit["left_out"] = {"specpower": left_out, "tdp": tdp_left_out}
    return {
        "cpu_power.csv": ("\n".join(lines) + "\n").encode(),
        "cpu_power.json": (json.dumps(fit, indent=1, sort_keys=True) + "\n").encode(),
    }


def coefficients(listed: Sequence[Result], rows: Sequence[Result], profiles: Sequence[Profile]) -> dict[str, Any]:
    """Everything fitted, rounded, from rows with a design power, all rows and the profiles."""
    wall = {point: fit_wall(listed, point) for point in POINTS}
    wall_band = {point: _band(held_out_log_errors(listed, point, wall_model)) for point in POINTS}
    packages = calibrate(profiles, wall)
    thread_band = _band(held_out_log_errors(rows, "full", thread_model))
    spread = packages["full_band"]
    full = {v: wall["full"][v] * packages["full"] for v in VENDORS}
    fit: dict[str, Any] = _rounded(
        {
            "package": {
                "full_w_per_tdp_w": full,
                "idle_w_per_tdp_w": wall["idle"]["tdp"] * packages["idle"],
                "full_band": packages["full_band"],
                "idle_band": packages["idle_band"],
                "exponent": {k: packages["exponent"][k] for k in ("low", "best", "high")},
            },
            "thread": {
                "full_w": {
                    name: watts * packages["full"] for name, watts in thread_watts(rows, wall["full"]["gb"]).items()
                },
                "band": _combine(thread_band, spread),
                "generic_full_w": packages["full"] * float(np.median(_per_thread(rows, wall["full"]["gb"]))),
                "generic_band": _combine(_band(held_out_log_errors(rows, "full", generic_model)), spread),
            },
            "ram": memory_watts(listed, wall),
            "fit": {
                "rows": len(listed),
                "cpus": len({row.group for row in listed}),
                "rows_for_threads": len(rows),
                "wall": wall,
                "wall_band": wall_band,
                "thread_band": thread_band,
                "package_over_wall": {point: packages[point] for point in POINTS},
                "median_exponent": packages["exponent"]["median"],
            },
        }
    )
    return fit


def fit_wall(rows: Sequence[Result], point: str) -> dict[str, float]:
    """Coefficients of wall power at "full" or "idle", least absolute relative error.

    full = a(vendor) * TDP * chips + m * GB;  idle = a * TDP * chips + m * GB + b.
    A vendor with too few rows takes the coefficient of all rows together.
    """
    tdp = np.array([(row.tdp_w or 0.0) * row.chips for row in rows])
    memory = np.array([row.memory_gb for row in rows])
    watts = np.array([_watts(row, point) for row in rows])
    if point == "idle":
        a, m, b = _least_absolute(np.stack([tdp, memory, np.ones_like(tdp)], axis=1), watts)
        return {"tdp": a, "gb": m, "server": b}
    pooled, m = _least_absolute(np.stack([tdp, memory], axis=1), watts)
    vendors = [v for v in VENDORS[:2] if sum(row.vendor == v for row in rows) >= MIN_ROWS]
    columns = [np.where([row.vendor == v for row in rows], tdp, 0.0) for v in vendors]
    others = np.where([row.vendor not in vendors for row in rows], pooled * tdp, 0.0)
    *slopes, m = _least_absolute(np.stack([*columns, memory], axis=1), watts, others)
    return {"gb": m, **dict.fromkeys(VENDORS, pooled), **dict(zip(vendors, slopes, strict=True))}


def wall_model(train: Sequence[Result], point: str) -> Predict:
    """The chosen model where the design power is known: wall power in W of each row."""
    fit = fit_wall(train, point)

    def predict(rows: Sequence[Result]) -> FloatArray:
        return np.array(
            [
                (fit["tdp"] if point == "idle" else fit[row.vendor]) * (row.tdp_w or 0) * row.chips
                + fit["gb"] * row.memory_gb
                + fit.get("server", 0.0)
                for row in rows
            ]
        )

    return predict


def thread_model(train: Sequence[Result], point: str) -> Predict:
    """Design power unknown, as on a virtual machine: median W per thread of the architecture."""
    return _thread_model(train, point, by_architecture=True)


def generic_model(train: Sequence[Result], point: str) -> Predict:
    """Nothing known but the number of threads: median W per thread over all rows."""
    return _thread_model(train, point, by_architecture=False)


def _thread_model(train: Sequence[Result], point: str, by_architecture: bool) -> Predict:
    listed = [row for row in train if row.tdp_w is not None]
    full, idle = fit_wall(listed, "full"), fit_wall(listed, "idle")
    per_thread = thread_watts(train, full["gb"]) if by_architecture else {}
    generic = float(np.median(_per_thread(train, full["gb"])))
    # Idle is a fixed share of full load: single machines scatter too much for more.
    share = idle["tdp"] / full["other"] if point == "idle" else 1.0
    memory = idle["gb"] if point == "idle" else full["gb"]

    def predict(rows: Sequence[Result]) -> FloatArray:
        return np.array(
            [
                share * per_thread.get(row.microarchitecture, generic) * row.threads
                + memory * row.memory_gb
                + (idle["server"] if point == "idle" else 0.0)
                for row in rows
            ]
        )

    return predict


def thread_watts(rows: Sequence[Result], w_per_gb: float) -> dict[str, float]:
    """Median wall W per thread at full load, memory taken off, by microarchitecture."""
    found: dict[str, list[float]] = defaultdict(list)
    for row, watts in zip(rows, _per_thread(rows, w_per_gb), strict=True):
        found[row.microarchitecture].append(float(watts))
    return {name: float(np.median(watts)) for name, watts in sorted(found.items()) if len(watts) >= MIN_ROWS}


def _per_thread(rows: Sequence[Result], w_per_gb: float) -> FloatArray:
    # A tenth is a floor for rows with little but memory in them.
    return np.array([max(r.full_w - w_per_gb * r.memory_gb, 0.1 * r.full_w) / r.threads for r in rows])


def held_out(rows: Sequence[Result], point: str, model: Callable[[Sequence[Result], str], Predict]) -> FloatArray:
    """Predicted W of each row by a model that never saw any row with the same CPU."""
    predicted = np.zeros(len(rows))
    for group in sorted({row.group for row in rows}):
        test = [index for index, row in enumerate(rows) if row.group == group]
        train = [row for row in rows if row.group != group]
        predicted[test] = model(train, point)([rows[index] for index in test])
    return predicted


def held_out_log_errors(
    rows: Sequence[Result], point: str, model: Callable[[Sequence[Result], str], Predict]
) -> FloatArray:
    """ln(published / predicted) of each row, its CPU held out."""
    actual = np.array([_watts(row, point) for row in rows])
    logs: FloatArray = np.log(actual / held_out(rows, point, model))
    return logs


def _watts(row: Result, point: str) -> float:
    return row.full_w if point == "full" else row.idle_w


class Profile:
    """Package power of one machine over its load, as its own counters said."""

    def __init__(self, machine: str, vendor: str, tdp_w: float, points: FloatArray) -> None:
        """`points` has shape (n, 2): load in 0..1 rising, power in W."""
        self.machine, self.vendor, self.tdp_w, self.points = machine, vendor, tdp_w, points


def read_profiles(path: Path = PROFILES) -> list[Profile]:
    """The recorded profiles, one per machine and kind of load."""
    found: dict[tuple[str, str, str, str], list[tuple[float, float]]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            name = (row["machine"], row["vendor"], row["tdp_w"], row["series"])
            found[name].append((float(row["load"]), float(row["power_w"])))
    return [
        Profile(machine, vendor, float(tdp_w), np.array(sorted(points)))
        for (machine, vendor, tdp_w, _), points in found.items()
    ]


def calibrate(profiles: Sequence[Profile], wall: dict[str, dict[str, float]]) -> dict[str, Any]:
    """What the profiles say: package W per fitted wall W at both ends, their band, the shape.

    The factor is a geometric mean with one vote per machine; its band is the 90 % prediction
    interval of the next machine's, by Student's t on the logs. The exponents are those of
    idle + (full - idle) * load ** e: too few and too different to fit, so the best stays linear.
    """
    votes: dict[str, dict[str, list[float]]] = {point: defaultdict(list) for point in POINTS}
    exponents = []
    for profile in profiles:
        load, watts = profile.points.T
        fitted = {"full": wall["full"][profile.vendor], "idle": wall["idle"]["tdp"]}
        for point, end in (("full", -1), ("idle", 0)):
            ratio = watts[end] / profile.tdp_w / fitted[point]
            votes[point][profile.machine].append(math.log(ratio))
        exponents.append(_exponent(load, watts))
    out: dict[str, Any] = {
        "exponent": {
            "low": min(exponents),
            "best": EXPONENT,
            "high": max(exponents),
            "median": float(np.median(exponents)),
        }
    }
    for point in POINTS:
        logs = np.array([np.mean(machine_logs) for machine_logs in votes[point].values()])
        n = len(logs)
        reach = T_95[n - 1] * float(np.std(logs, ddof=1)) * math.sqrt(1 + 1 / n)
        out[point] = math.exp(float(np.mean(logs)))
        out[f"{point}_band"] = {"low": math.exp(-reach), "high": math.exp(reach)}
    return out


def _exponent(load: FloatArray, watts: FloatArray) -> float:
    """The exponent on a grid that leaves the smallest mean absolute error between the ends."""
    idle, full = watts[0], watts[-1]
    grid = np.arange(0.05, 3.0, 0.01)
    errors = [np.abs(idle + (full - idle) * load**e - watts).mean() for e in grid]
    return float(grid[int(np.argmin(errors))])


def memory_watts(rows: Sequence[Result], wall: dict[str, dict[str, float]]) -> dict[str, Any]:
    """W per GB of the memory modules at both ends.

    The best value is the fit's; the interval is chosen, not fitted: a program may keep the CPU
    busy without touching memory, so the low end of full load is idle; large or low-power modules
    take half as much per GB, small ones twice.
    """
    idle = wall["idle"]["gb"] * MEMORY_EFFICIENCY
    full = wall["full"]["gb"] * MEMORY_EFFICIENCY
    return {
        "idle_w_per_gb": {"low": idle / 2, "best": idle, "high": full},
        "full_w_per_gb": {"low": idle, "best": full, "high": 2 * full},
    }


def _band(logs: FloatArray) -> dict[str, float]:
    low, high = np.quantile(logs, COVERAGE)
    return {"low": math.exp(min(low, 0.0)), "high": math.exp(max(high, 0.0))}


def _combine(*bands: dict[str, float]) -> dict[str, float]:
    """Factors of causes that have nothing to do with each other: logs added in quadrature."""
    return {
        "low": math.exp(-math.hypot(*(math.log(band["low"]) for band in bands))),
        "high": math.exp(math.hypot(*(math.log(band["high"]) for band in bands))),
    }


def _least_absolute(columns: FloatArray, watts: FloatArray, offset: FloatArray | float = 0.0) -> list[float]:
    """Coefficients that minimise mean |offset + columns @ c - watts| / watts, by reweighting."""
    scaled, target = columns / watts[:, None], 1.0 - offset / watts
    weights = np.ones_like(watts)
    solution: FloatArray = np.zeros(columns.shape[1], dtype=np.float64)
    for _ in range(200):
        root = np.sqrt(weights)
        last = solution
        fitted = np.linalg.lstsq(scaled * root[:, None], target * root, rcond=None)[0]
        solution = np.asarray(fitted, dtype=np.float64)
        if np.allclose(solution, last, rtol=1e-9, atol=1e-9):
            break
        weights = 1.0 / np.maximum(np.abs(scaled @ solution - target), 1e-3)
    return [float(value) for value in solution]


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_rounded(inner) for inner in value]
    return round(value, DIGITS) if isinstance(value, float) else value
