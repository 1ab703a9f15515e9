"""Prints how far the model of unmeasured machines is off, on machines it was not fitted to.

    python bench/model_validation.py [--sources DIR]

Every CPU is predicted by a fit that saw no result of that CPU or its near twins. CodeCarbon's
TDP * (0.1 + 0.9 * load^3) stands beside it, on the same rows. docs/accuracy.md quotes the output.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from intensity import cpu_power as fit  # noqa: E402
from intensity.specpower import Result, results, tdp_by_key  # noqa: E402

SOURCES = ROOT.parent / "shared" / "intensity-sources"
GREEN_ALGORITHMS_W_PER_GB = 0.3725
Model = Callable[[Sequence[Result], str], fit.Predict]


def codecarbon(train: Sequence[Result], point: str) -> fit.Predict:
    load = 1.0 if point == "full" else 0.0
    return lambda rows: np.array([(r.tdp_w or 0.0) * r.chips * (0.1 + 0.9 * load**3) for r in rows])


def codecarbon_with_memory(train: Sequence[Result], point: str) -> fit.Predict:
    package = codecarbon(train, point)
    return lambda rows: package(rows) + GREEN_ALGORITHMS_W_PER_GB * np.array([r.memory_gb for r in rows])


def codecarbon_scaled(train: Sequence[Result], point: str) -> fit.Predict:
    """The best that one fitted factor per point can make of it."""
    package = codecarbon(train, point)
    actual = np.array([r.full_w if point == "full" else r.idle_w for r in train])
    factor = float(np.median(actual / package(train)))
    return lambda rows: factor * package(rows)


def error(rows: Sequence[Result], point: str, model: Model) -> tuple[float, float, np.ndarray]:
    """Mean absolute relative error over rows and over CPUs, and ln(published / predicted)."""
    logs = fit.held_out_log_errors(rows, point, model)
    absolute = np.abs(np.exp(-logs) - 1)
    groups = sorted({r.group for r in rows})
    by_cpu = [np.mean([a for a, r in zip(absolute, rows, strict=True) if r.group == g])
              for g in groups]  # fmt: skip
    return float(absolute.mean()), float(np.mean(by_cpu)), logs


def coverage(rows: Sequence[Result], logs: np.ndarray) -> float:
    """Share of rows inside a 90 % band that was set without the row's own CPU."""
    groups = np.array([r.group for r in rows])
    inside = 0
    for group in set(groups):
        low, high = np.quantile(logs[groups != group], fit.COVERAGE)
        own = logs[groups == group]
        inside += int(((own >= low) & (own <= high)).sum())
    return inside / len(rows)


def wall_table(listed: Sequence[Result], rows: Sequence[Result]) -> None:
    print(f"\nWall power of whole servers: {len(listed)} SPECpower results with a listed design")
    print(f"power, {len({r.group for r in listed})} CPUs, {len(rows)} results for W per thread;")
    print("mean absolute error, CPU held out (in brackets: every CPU counted once)\n")
    print("| model | full load | idle | both | 90 % band holds, full / idle |")
    print("|---|---|---|---|---|")
    models: list[tuple[str, Model, Sequence[Result]]] = [
        ("TDP * (0.1 + 0.9 load^3), CodeCarbon", codecarbon, listed),
        ("the same + 0.3725 W/GB", codecarbon_with_memory, listed),
        ("the same without memory, one fitted factor", codecarbon_scaled, listed),
        ("**pycarbon, design power known**", fit.wall_model, listed),
        ("pycarbon, microarchitecture and threads known", fit.thread_model, rows),
        ("pycarbon, only the number of threads known", fit.generic_model, rows),
    ]
    for name, model, used in models:
        (full, full_cpu, full_logs), (idle, idle_cpu, idle_logs) = (error(used, point, model) for point in fit.POINTS)
        held = f"{coverage(used, full_logs):.0%} / {coverage(used, idle_logs):.0%}"
        print(f"| {name} | {full:.1%} ({full_cpu:.1%}) | {idle:.1%} ({idle_cpu:.1%}) "
              f"| {(full + idle) / 2:.1%} | {held if 'pycarbon' in name else ''} |")  # fmt: skip


def profile_table(listed: Sequence[Result]) -> None:
    profiles = fit.read_profiles()
    machines = sorted({p.machine for p in profiles})
    wall = {point: fit.fit_wall(listed, point) for point in fit.POINTS}
    print("\nPackage power over load, as recorded by package counters; machine held out of the")
    print("calibration; mean absolute error relative to the recorded power\n")
    print("| machine | points | pycarbon | inside interval | CodeCarbon |")
    print("|---|---|---|---|---|")
    all_ours, all_theirs, all_inside = [], [], []
    for machine in machines:
        own = [p for p in profiles if p.machine == machine]
        known = fit.calibrate([p for p in profiles if p.machine != machine], wall)
        ours, theirs, inside = [], [], []
        for p in own:
            load, watts = p.points.T
            full = p.tdp_w * wall["full"][p.vendor] * known["full"]
            idle = p.tdp_w * wall["idle"]["tdp"] * known["idle"]
            full_band, idle_band = known["full_band"], known["idle_band"]
            shape = known["exponent"]
            best, low, high = (
                idle * i + (full * f - idle * i) * load ** shape[s]
                for i, f, s in (
                    (1.0, 1.0, "best"),
                    (idle_band["low"], full_band["low"], "high"),
                    (idle_band["high"], full_band["high"], "low"),
                )
            )
            ours += list(np.abs(best / watts - 1))
            theirs += list(np.abs(p.tdp_w * (0.1 + 0.9 * load**3) / watts - 1))
            inside += list((low <= watts) & (watts <= high))
        print(f"| {machine} | {len(ours)} | {np.mean(ours):.0%} | {np.mean(inside):.0%} "
              f"| {np.mean(theirs):.0%} |")  # fmt: skip
        all_ours += ours
        all_theirs += theirs
        all_inside += inside
    print(f"| all points | {len(all_ours)} | {np.mean(all_ours):.0%} | {np.mean(all_inside):.0%} "
          f"| {np.mean(all_theirs):.0%} |")  # fmt: skip


def ccf_table(sources: Path, rows: Sequence[Result]) -> None:
    """Cloud Carbon Footprint's W per thread beside the median of the same results."""
    names = {
        "EPYC 1st Gen": ("Zen",), "EPYC 2nd Gen": ("Zen 2",), "EPYC 3rd Gen": ("Zen 3",),
        "EPYC 4th Gen": ("Zen 4", "Zen 4c"), "EPYC 5th Gen": ("Zen 5", "Zen 5c"),
        "Skylake": ("Skylake-SP",), "Ice Lake": ("Ice Lake-SP",),
    }  # fmt: skip
    print("\nCloud Carbon Footprint's W per thread at full load (not used here) beside the wall")
    print("power per thread of the same servers\n")
    print("| architecture | theirs | median here | |")
    print("|---|---|---|---|")
    path = sources / "hardware" / "ccf_coefficients_aws-use.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            wanted = names.get(row["Architecture"], (row["Architecture"],))
            own = [r.full_w / r.threads for r in rows if r.microarchitecture in wanted]
            if len(own) < fit.MIN_ROWS:
                continue
            theirs, median = float(row["Max Watts"]), float(np.median(own))
            note = "looks broken" if not 0.5 < theirs / median < 2 else ""
            print(f"| {row['Architecture']} | {theirs:.2f} | {median:.2f} | {note} |")


def main() -> int:
    parser = argparse.ArgumentParser(description="Validate the model of unmeasured machines.")
    parser.add_argument("--sources", type=Path, default=SOURCES, help="folder of the raw data")
    sources = parser.parse_args().sources
    if not sources.is_dir():
        print("model_validation: raw data not found; name it with --sources", file=sys.stderr)
        return 1
    tdp_w, _ = tdp_by_key(sources)
    rows, left_out = results(sources, tdp_w)
    listed = [row for row in rows if row.tdp_w is not None]
    for reason, count in left_out.items():
        print(f"left out: {count} results, {reason}")
    wall_table(listed, rows)
    profile_table(listed)
    ccf_table(sources, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
