"""GPUs whose kernels' true energy is known: what ran when at which power, the counter that follows, and the trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from pycarbon.analysis import Run
from pycarbon.kernel_timeline import SPAN_DTYPE, Device, KernelTimeline
from pycarbon.run import EDGE_DTYPE, Channel, Flag, RunData

START_NS = 10**12
MS, SECOND = 10**6, 10**9
WALL_NS = 1_767_000_000 * SECOND
UUID = "GPU-11111111-2222-3333-4444-555555555555"
MILLIJOULE = Fraction(1, 1000)
PACKAGE = Channel(0, "package-0", "powercap", "measured", "energy", Fraction(1, 10**6), 0, True)


@dataclass
class Card:
    """A GPU with one stream or several: launches (start, length in ns, name) and the power each adds to `idle_w`."""

    idle_w: float = 60.0
    power_w: dict[str, float] = field(default_factory=dict)
    launches: list[tuple[int, int, str, int]] = field(default_factory=list)
    now_ns: int = START_NS
    start_ns: int = START_NS
    end_ns: int = 0

    def launch(self, name: str, length_ns: int, stream: int = 7) -> None:
        """Run a kernel, after what ran before."""
        self.launches.append((self.now_ns, length_ns, name, stream))
        self.now_ns += length_ns

    def rest(self, length_ns: int) -> None:
        self.now_ns += length_ns

    def finish(self) -> Card:
        self.end_ns = self.now_ns
        return self

    def true_j(self, time_ns: np.ndarray) -> np.ndarray:
        """Energy since the start."""
        start = np.array([one[0] for one in self.launches], dtype=np.float64)
        end = start + [one[1] for one in self.launches]
        extra_w = np.array([self.power_w[one[2]] for one in self.launches])
        knots = np.unique(np.concatenate([[self.start_ns, self.end_ns], start, end]))
        step_w = np.bincount(np.searchsorted(knots, start), extra_w, len(knots))
        step_w -= np.bincount(np.searchsorted(knots, end), extra_w, len(knots))
        watts = self.idle_w + np.cumsum(step_w)[:-1]
        level = np.concatenate([[0.0], np.cumsum(watts * np.diff(knots) / 1e9)])
        return np.interp(time_ns, knots, level)

    def true_of(self, name: str) -> float:
        """Energy in launches of a name, with that of the idle card meanwhile; nothing may have run beside them."""
        lasted_s = sum(length for _, length, other, _ in self.launches if other == name) / 1e9
        return lasted_s * (self.power_w[name] + self.idle_w)

    def timeline(self, device: int = 0, clock: str = "monotonic", **more) -> KernelTimeline:
        """What a tracer would tell."""
        names = list(dict.fromkeys(one[2] for one in self.launches))
        spans = np.zeros(len(self.launches), SPAN_DTYPE)
        spans["start_ns"] = [one[0] for one in self.launches]
        spans["end_ns"] = spans["start_ns"] + [one[1] for one in self.launches]
        spans["name"] = [names.index(one[2]) for one in self.launches]
        spans["stream"] = [one[3] for one in self.launches]
        spans["device"] = device
        if clock == "wall":
            spans["start_ns"] += WALL_NS - START_NS
            spans["end_ns"] += WALL_NS - START_NS
        devices = more.pop("devices", {device: Device("NVIDIA A100-SXM4-40GB", UUID, "00000000:3B:00.0")})
        spans = spans[np.argsort(spans["start_ns"], kind="stable")]
        return KernelTimeline(names, spans, clock, more.pop("error_ns", 0), "a test", devices, **more)


def counter_edges(card: Card, number: int, period_ns: int, looks_ns: int, seed: int) -> np.ndarray:
    """What a sampler sees of the card's counter, which counts millijoules, looking every `looks_ns` at updates."""
    rng = np.random.default_rng(seed)
    count = (card.end_ns - card.start_ns) // period_ns + 1
    jitter = rng.uniform(-0.05, 0.05, count) * period_ns
    at = card.start_ns + np.arange(count) * period_ns + jitter + rng.uniform(0.1, 0.9) * period_ns
    at = np.rint(at[at < card.end_ns - looks_ns]).astype(np.int64)
    raw = np.floor(card.true_j(at) * 1000 + 1e-9).astype(np.int64)
    early = rng.integers(0, looks_ns, len(at))
    edges = np.zeros(len(at) + 1, EDGE_DTYPE)
    edges["t_before_ns"][1:], edges["t_seen_ns"][1:] = at - early, at - early + looks_ns
    edges["t_before_ns"][0], edges["t_seen_ns"][0] = card.start_ns - 2000, card.start_ns
    edges["raw"][0], edges["raw"][1:] = 5_000, raw + 5_000
    edges["channel"], edges["flags"][0] = number, Flag.FIRST
    return edges[np.append(True, np.diff(edges["raw"].astype(np.int64)) > 0)]


def recorded(
    cards: Sequence[Card], period_ns: int = 50 * MS, looks_ns: int = MS, seed: int = 0, **meta: object
) -> Run:
    """The run that was recorded meanwhile: one channel for each card."""
    channels = [
        Channel(number, f"gpu-{number}", "nvml", "measured", "energy", MILLIJOULE, 0, True)
        for number in range(len(cards))
    ]
    edges = {n: counter_edges(card, n, period_ns, looks_ns, seed + n) for n, card in enumerate(cards)}
    gpus = [
        {"domain": "gpu-0", "uuid": UUID, "name": "NVIDIA A100-SXM4-40GB", "pci_bus_id": "0000:3B:00.0"},
        {"domain": "gpu-1", "uuid": UUID.replace("1", "9"), "name": "NVIDIA A100-SXM4-40GB"},
    ][: len(cards)]
    end_ns = max(card.end_ns for card in cards)
    told = {
        "start_ns": START_NS,
        "channels": [one.to_dict() for one in channels],
        "gpus": gpus,
        "machine": {"hostname": "node7"},
        "anchor": anchor(START_NS),
    }
    footer = {"start_ns": START_NS, "end_ns": end_ns, "anchor": anchor(end_ns)}
    return Run(RunData(told | meta, channels, edges, footer, True))


def anchor(monotonic_ns: int, ahead_ns: int = 0) -> dict[str, int]:
    """Both clocks at a moment."""
    wall_ns = monotonic_ns - START_NS + WALL_NS + ahead_ns
    return {
        "monotonic_ns": monotonic_ns,
        "realtime_ns": wall_ns,
        "boottime_ns": monotonic_ns,
        "uncertainty_ns": 500,
        "wall_error_ns": 1000,
    }


POWERS_W = {"gemm": 190.0, "softmax": 90.0, "copy HtoD": 25.0}


def shuffled(seed: int = 0, seconds: float = 20.0, longest_ns: int = 60 * MS) -> Card:
    """Kernels in random order and of random lengths, with pauses between some of them."""
    rng, card = np.random.default_rng(seed), Card(power_w=dict(POWERS_W))
    names = list(POWERS_W)
    while card.now_ns < START_NS + seconds * SECOND:
        for _ in range(int(rng.integers(1, 8))):
            card.launch(names[int(rng.integers(len(names)))], int(rng.integers(longest_ns // 20, longest_ns)))
            card.rest(3_000)
        card.rest(int(rng.integers(0, 2 * longest_ns)))
    return card.finish()


def alternating(pairs: int = 200_000) -> Card:
    """Two short kernels that take turns, with nothing in between."""
    card = Card(power_w=dict(POWERS_W))
    for _ in range(pairs):
        card.launch("gemm", 60_000)
        card.launch("softmax", 40_000)
    return card.finish()
