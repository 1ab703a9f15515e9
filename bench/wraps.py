"""Records a counter that wraps ten times a second, and says whether any of it was lost.

    python bench/wraps.py [--minutes 10] [--rate-hz HZ]

Exit status 1 where a wrap is missing or one too many, or where the energy is not the emulator's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "tests" / "emulator"):
    sys.path.insert(0, str(folder))

from surroundings import live_tree  # noqa: E402

from pycarbon.recording import Recording, Request  # noqa: E402
from pycarbon.run import Flag, RunData  # noqa: E402

POWER_W = 50.0
WRAP_UJ = 5_000_000
ZONE = "intel-rapl:0"


@dataclass(frozen=True)
class Found:
    """What a recording says, and what the emulator knows: its own count covers its whole life."""

    seconds: float
    wraps: int
    true_wraps: int
    all_wraps: int
    resets: int
    energy_j: float
    low_j: float
    high_j: float
    true_j: float
    gap_s: float
    late_us: float
    cpu_share: float
    lost_at: list[str]

    @property
    def lost(self) -> bool:
        inside = self.low_j <= self.true_j <= self.high_j
        near = abs(self.energy_j - self.true_j) < WRAP_UJ / 1e6 / 2
        return self.wraps != self.true_wraps or self.resets > 0 or not inside or not near

    def show(self) -> str:
        lines = [
            f"{self.seconds:.1f} s: {self.wraps} wraps recorded, {self.true_wraps} happened (the emulator counted "
            f"{self.all_wraps} in its life), {self.resets} resets",
            f"energy {self.energy_j:.4f} J ({self.low_j:.4f} to {self.high_j:.4f}), truth {self.true_j:.4f} J, "
            f"off by {1e6 * (self.energy_j / self.true_j - 1):+.1f} ppm",
            f"gaps {self.gap_s:g} s, emulator late by at most {self.late_us:g} us, "
            f"sampler {100 * self.cpu_share:.2g} % of a core",
            *self.lost_at,
            "LOST" if self.lost else "nothing lost",
        ]
        return "\n".join(lines)


def true_wraps(first_raw: int, last_raw: int, true_uj: float) -> int:
    """How often a counter went through its range that shows this before and after so much energy."""
    return round((true_uj - (last_raw - first_raw)) / (WRAP_UJ + 1))


def where_lost(edges: np.ndarray, start_ns: int) -> list[str]:
    """Say between which looks wraps went missing."""
    raw = edges["raw"].astype(np.int64)
    level_uj = np.cumsum(np.diff(raw, prepend=raw[:1]) + ((edges["flags"] & Flag.WRAPPED) != 0) * (WRAP_UJ + 1))
    missing_uj = POWER_W * (edges["t_seen_ns"] - edges["t_seen_ns"][0]) / 1e3 - level_uj
    wraps = np.round(missing_uj / (WRAP_UJ + 1)).astype(int)
    return [
        f"{wraps[i] - wraps[i - 1]:+d} at {(edges['t_before_ns'][i] - start_ns) / 1e9:.3f} s: the edge before was "
        f"seen {(edges['t_seen_ns'][i] - edges['t_seen_ns'][i - 1]) / 1e6:.2f} ms earlier, the look before was "
        f"{(edges['t_seen_ns'][i] - edges['t_before_ns'][i]) / 1e6:.2f} ms earlier"
        for i in np.flatnonzero(np.diff(wraps)) + 1
    ]


def measure(seconds: float, rate_hz: float | None, folder: Path) -> Found:
    with live_tree(power_w={"package": POWER_W}, wrap_uj=WRAP_UJ) as tree:
        with Recording(Request("wraps", [], path=folder / "wraps.pcr", root=tree.root, rate_hz=rate_hz)) as run:
            time.sleep(seconds)
        data: RunData = run.data
    channel = data.channel("package-0")
    assert channel is not None
    energy = next(each for each in run.energy.channels if each.domain == "package-0")
    edges = data.edges_of(channel)
    edges = edges[(edges["flags"] & (Flag.GAP | Flag.LOST)) == 0]
    first, last = edges[0], edges[-1]
    true_uj = 1e6 * tree.true_energy_j(ZONE, int(first["t_seen_ns"]), int(last["t_seen_ns"]))
    return Found(
        seconds=run.duration_s,
        wraps=int(np.count_nonzero(edges["flags"] & Flag.WRAPPED)),
        true_wraps=true_wraps(int(first["raw"]), int(last["raw"]), true_uj),
        all_wraps=int(tree.report["wraps"][ZONE]),
        resets=int(np.count_nonzero(edges["flags"] & Flag.RESET)),
        energy_j=energy.energy_j,
        low_j=energy.low_j,
        high_j=energy.high_j,
        true_j=tree.true_energy_j(ZONE, data.start_ns, data.end_ns),
        gap_s=energy.gap_s,
        late_us=tree.report["lateness_max_us"],
        cpu_share=data.footer["sampler_cpu_s"] / run.duration_s,
        lost_at=where_lost(edges, data.start_ns),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate-hz", type=float, help="a fixed rate instead of edges")
    parser.add_argument("--keep", type=Path, help="a folder for the run file; it is thrown away without")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(60 * arguments.minutes, arguments.rate_hz, arguments.keep or Path(folder))
    print(found.show())
    return found.lost


if __name__ == "__main__":
    sys.exit(main())
