"""What a machine without readable counters probably draws: curves of power over utilisation.

A curve gives the power of one package, or of all memory, with an interval that is meant to hold
nine machines out of ten: docs/accuracy.md says how it was fitted and what cannot be known. The
curves used are stored in the run, so a run's figures never change when the tables do.
"""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pycarbon.cpu_brand import brand_key, find_tdp_w, is_server
from pycarbon.interval import Range
from pycarbon.machine import Machine

TABLES = Path(__file__).parent / "tables"

# Server parts hold a power limit at their design power, to within how well it is regulated.
SERVER_LIMIT_PER_TDP = 1.1
# Desktop and laptop makers set limits of up to twice the listed design power.
CLIENT_LIMIT_PER_TDP = 2.0
# A guest's CPU without a visible sibling may be a hardware thread or a whole core with two.
THREADS_PER_HIDDEN_CORE = 2.0
# Parts outside the fitted servers (phones to workstations): this much more either way.
UNKNOWN_PART_FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """Power of one domain over utilisation u: idle_w + (full_w - idle_w) * u ** exponent.

    The low end joins the low ends with the high exponent, the high end the other way round.
    `basis` says in one sentence what was matched, and from where.
    """

    domain: str
    idle_w: Range
    full_w: Range
    exponent: Range
    basis: str

    def power_w(self, utilisation: ArrayLike) -> NDArray[np.float64]:
        """Power in W, shape (n, 3): low, best, high, for utilisations in 0..1, shape (n,).

        Utilisation is the busy share of the machine's logical CPUs; what lies outside 0..1 is
        taken as the nearer end.
        """
        busy = np.clip(np.atleast_1d(np.asarray(utilisation, dtype=np.float64)), 0.0, 1.0)
        ends = zip(
            (self.idle_w.low, self.idle_w.best, self.idle_w.high),
            (self.full_w.low, self.full_w.best, self.full_w.high),
            (self.exponent.high, self.exponent.best, self.exponent.low),
            strict=True,
        )
        low, best, high = (idle + (full - idle) * busy**shape for idle, full, shape in ends)
        # Where the ends meet, rounding must not put the best value outside of them.
        return np.stack([np.minimum(low, best), best, np.maximum(high, best)], axis=1)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; `from_dict` gives the curve back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PowerCurve:
        """The curve that `to_dict` wrote."""
        ranges = {name: Range(**data[name]) for name in ("idle_w", "full_w", "exponent")}
        return cls(domain=data["domain"], basis=data["basis"], **ranges)


def energy_j(curve: PowerCurve, busy_cpu_s: ArrayLike, window_s: ArrayLike, n_threads: int) -> Range:
    """Energy in J over windows of `window_s` seconds, `busy_cpu_s` CPU seconds busy in each.

    Both have shape (n,). `n_threads` is the machine's number of logical CPUs. A model's error
    does not average out over time, so the ends add up like the best value.
    """
    busy, window = np.broadcast_arrays(
        np.atleast_1d(np.asarray(busy_cpu_s, dtype=np.float64)),
        np.atleast_1d(np.asarray(window_s, dtype=np.float64)),
    )
    capacity_s = window * max(1, n_threads)
    utilisation = np.zeros_like(busy)
    np.divide(np.minimum(busy, capacity_s), capacity_s, out=utilisation, where=capacity_s > 0)
    # Not a matrix product: its blocks may round the three columns differently.
    low, best, high = (curve.power_w(utilisation) * window[:, None]).sum(axis=0)
    return Range(float(low), float(best), float(high))


def curves(machine: Machine, tables: Path = TABLES) -> list[PowerCurve]:
    """One curve per package, then "ram" where the memory's size is known.

    Raises OSError where the tables that ship with the package are missing.
    """
    table = _coefficients(tables)
    tdp_w = None
    if not machine.hypervisor and machine.brand:
        tdp_w = find_tdp_w(brand_key(machine.brand), _tdp_w(tables))
    n_packages = machine.n_packages or 1
    if tdp_w is not None:
        package = _from_tdp(machine, tdp_w, table)
    else:
        package = _from_threads(machine, (machine.n_threads or 1) / n_packages, table)
    found = [_renamed(package, f"package-{number}") for number in range(n_packages)]
    if machine.memory_bytes:
        found.append(_ram(machine, machine.memory_bytes, table))
    return found


def _from_tdp(machine: Machine, tdp_w: float, table: dict[str, Any]) -> PowerCurve:
    package = table["package"]
    brand = machine.brand or ""
    server = is_server(brand_key(brand))
    best = tdp_w * package["full_w_per_tdp_w"][_vendor(machine)]
    low, high = best * package["full_band"]["low"], best * package["full_band"]["high"]
    high = min(high, SERVER_LIMIT_PER_TDP * tdp_w) if server else max(high, CLIENT_LIMIT_PER_TDP * tdp_w)
    full_w = Range(low, best, high)
    idle_best = tdp_w * package["idle_w_per_tdp_w"]
    kind = "" if server else ", not a server part: how far its maker lets it exceed that is unknown"
    return PowerCurve(
        domain="",
        idle_w=_banded(idle_best, package["idle_band"], full_w),
        full_w=full_w,
        exponent=Range(**package["exponent"]),
        basis=f"{brand}: design power {tdp_w:g} W from a public list{kind}; share of it drawn "
        f"fitted on {table['fit']['rows']} SPECpower results and recorded package counters",
    )


def _from_threads(machine: Machine, n_threads: float, table: dict[str, Any]) -> PowerCurve:
    thread, package = table["thread"], table["package"]
    name = machine.microarchitecture
    best, band = thread["full_w"].get(name), dict(thread["band"])
    if best is None:
        best = thread["generic_full_w"]
        band = _wider(thread["generic_band"], UNKNOWN_PART_FACTOR, UNKNOWN_PART_FACTOR)
        matched = f"{name or 'unknown CPU'} is not in the SPECpower results: median of all servers"
    else:
        matched = f"median of SPECpower servers with {name}"
    share = ""
    if machine.hypervisor:
        if machine.threads_per_core in (None, 1):
            band = _wider(band, 1.0, THREADS_PER_HIDDEN_CORE)
        share = ", a virtual machine's share of an unknown host"
    full_w = Range(best * band["low"], best, best * band["high"]).times(n_threads)
    idle_share = package["idle_w_per_tdp_w"] / package["full_w_per_tdp_w"][_vendor(machine)]
    return PowerCurve(
        domain="",
        idle_w=_banded(full_w.best * idle_share, _combined(package["idle_band"], band), full_w),
        full_w=full_w,
        exponent=Range(**package["exponent"]),
        basis=f"{matched}, {best:.2g} W per hardware thread times {n_threads:g}{share}",
    )


def _ram(machine: Machine, memory_bytes: int, table: dict[str, Any]) -> PowerCurve:
    memory_gb = memory_bytes / 2**30
    ram = table["ram"]
    of = "of the virtual machine's" if machine.hypervisor else "of"
    return PowerCurve(
        domain="ram",
        idle_w=Range(**ram["idle_w_per_gb"]).times(memory_gb),
        full_w=Range(**ram["full_w_per_gb"]).times(memory_gb),
        exponent=Range(1.0, 1.0, 1.0),
        basis=f"{ram['idle_w_per_gb']['best']:.2g} to {ram['full_w_per_gb']['best']:.2g} W per GB "
        f"{of} {memory_gb:.3g} GB, fitted on SPECpower results; memory traffic is not known",
    )


def _vendor(machine: Machine) -> str:
    vendors = {"GenuineIntel": "Intel", "AuthenticAMD": "AMD", "HygonGenuine": "AMD"}
    return vendors.get(machine.vendor or "", "other")


def _banded(best: float, band: dict[str, float], ceiling: Range) -> Range:
    """`best` with its band, each end kept at or below the same end of `ceiling`."""
    best = min(best, ceiling.best)
    return Range(
        min(best * band["low"], ceiling.low),
        best,
        max(best, min(best * band["high"], ceiling.high)),
    )


def _wider(band: dict[str, float], down: float, up: float) -> dict[str, float]:
    return _combined(band, {"low": 1 / down, "high": up})


def _combined(*bands: dict[str, float]) -> dict[str, float]:
    """Factors of unrelated causes: their logs add in quadrature."""
    lows = np.log([band["low"] for band in bands])
    highs = np.log([band["high"] for band in bands])
    return {
        "low": float(np.exp(-np.hypot.reduce(lows))),
        "high": float(np.exp(np.hypot.reduce(highs))),
    }


def _renamed(curve: PowerCurve, domain: str) -> PowerCurve:
    return PowerCurve(domain, curve.idle_w, curve.full_w, curve.exponent, curve.basis)


@lru_cache(maxsize=2)
def _coefficients(tables: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((tables / "cpu_power.json").read_text(encoding="utf-8"))
    return content


@lru_cache(maxsize=2)
def _tdp_w(tables: Path) -> dict[str, float]:
    with (tables / "cpu_power.csv").open(encoding="utf-8", newline="") as file:
        return {row["brand"]: float(row["tdp_w"]) for row in csv.DictReader(file)}
