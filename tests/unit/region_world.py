"""Runs with regions whose true energy is known: a program's steps, counters that follow, and the ledger of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from counter_simulator import MICROJOULE, MILLISECOND, World, updates

from pycarbon.ledger import ENTER, LEAVE, MARK_DTYPE, NODE_DTYPE, ROW_DTYPE, SLICE_DTYPE, Ledger
from pycarbon.run import EDGE_DTYPE, Channel, Flag, RunData

START_NS = 10**12
NOBODY = 65535


@dataclass
class Program:
    """One thread's steps, one after the other: it enters and leaves regions, and works at a known power."""

    labels: list[str] = field(default_factory=list)
    nodes: list[tuple[int, int]] = field(default_factory=list)
    marks: list[tuple[int, int, int, int]] = field(default_factory=list)
    pieces: list[tuple[int, float, int]] = field(default_factory=list)
    now_ns: int = START_NS
    stack: list[int] = field(default_factory=list)

    def enter(self, label: str) -> None:
        if label not in self.labels:
            self.labels.append(label)
        number = self.labels.index(label)
        path = [node for node in self.stack if self.nodes[node][1] == number]
        place = (self.stack[-1] if self.stack else -1, number)
        if not path and place not in self.nodes:
            self.nodes.append(place)
        node = path[0] if path else self.nodes.index(place)
        self.stack.append(node)
        self.marks.append((self.now_ns, node, 0, ENTER))

    def leave(self) -> None:
        self.marks.append((self.now_ns, self.stack.pop(), 0, LEAVE))

    def work(self, length_ns: int, watts: float) -> None:
        self.pieces.append((length_ns, watts, self.stack[-1] if self.stack else -1))
        self.now_ns += length_ns

    def call(self, label: str, length_ns: int, watts: float) -> None:
        self.enter(label)
        self.work(length_ns, watts)
        self.leave()

    def world(self, watts: float | None = None, **more) -> World:
        """What it used; with `watts` at a constant power instead of its own."""
        pieces = [(length, power if watts is None else watts) for length, power, _ in self.pieces]
        times = updates(START_NS, self.now_ns, more.pop("period_ns", MILLISECOND), 0.1, more.pop("seed", 0))
        return World(pieces, times, origin_ns=START_NS, **more)

    def true_j(self, world: World) -> np.ndarray:
        """Energy of each node alone, and last of what is outside."""
        borders = START_NS + np.cumsum([0] + [length for length, _, _ in self.pieces])
        used = np.diff(world.true_j(borders))
        node = np.array([node for _, _, node in self.pieces])
        found = np.bincount(np.where(node < 0, len(self.nodes), node), used, len(self.nodes) + 1)
        return found

    def ledger(self, borders_ns: Sequence[int], owners: Sequence[int]) -> Ledger:
        """Fold it into slices that end at `borders_ns`, which `owners` say the channels of."""
        ends = np.array([*borders_ns, self.now_ns])
        slices = np.zeros(len(ends), SLICE_DTYPE)
        slices["start_ns"], slices["end_ns"] = np.concatenate([[START_NS], ends[:-1]]), ends
        slices["channel"] = [*owners, NOBODY]
        piece_ns = START_NS + np.cumsum([0] + [length for length, _, _ in self.pieces])
        rows = []
        for node in range(len(self.nodes)):
            run_ns = np.array([length * (inside == node) for length, _, inside in self.pieces])
            up_to = np.interp(np.concatenate([[START_NS], ends]), piece_ns, np.concatenate([[0], np.cumsum(run_ns)]))
            time_ns = np.diff(np.rint(up_to).astype(np.int64))
            entered = [time_ns for time_ns, place, _, kind in self.marks if place == node and kind == ENTER]
            calls = np.bincount(np.searchsorted(ends, entered, side="right"), minlength=len(ends))[: len(ends)]
            for number in np.flatnonzero((time_ns > 0) | (calls > 0)):
                rows.append((number, node, time_ns[number], time_ns[number], calls[number]))
                slices["threads"][number] = 1
        rows.sort()
        return Ledger(
            list(self.labels),
            np.array(self.nodes, NODE_DTYPE),
            slices,
            np.array(rows, ROW_DTYPE),
            np.array(self.marks, MARK_DTYPE),
            {"marks": len(self.marks), "threads": 1, "processes": 1},
        )


def edges_of(world: World, channel: int, width_ns: int = 2000, seed: int = 1) -> np.ndarray:
    """What a sampler sees that meets every update, looking once every `width_ns`."""
    seen = world.updates_ns[(world.updates_ns > world.origin_ns) & (world.updates_ns < world.end_ns - width_ns)]
    grains = np.floor(world.true_j(seen) / world.grain_j + 1e-9)
    raw = world.start_raw + (grains * world.grain_j * 1e6).astype(np.int64)
    early = np.random.default_rng(seed).integers(0, width_ns, len(seen))
    edges = np.zeros(len(seen) + 1, EDGE_DTYPE)
    edges["t_before_ns"][1:], edges["t_seen_ns"][1:] = seen - early, seen - early + width_ns
    edges["t_before_ns"][0], edges["t_seen_ns"][0] = world.origin_ns - 2000, world.origin_ns
    edges["raw"][0], edges["raw"][1:] = world.start_raw, raw
    edges["channel"] = channel
    edges["flags"][0] = Flag.FIRST
    return edges[np.append(True, np.diff(edges["raw"].astype(np.int64)) > 0)]


def channel(number: int, domain: str) -> Channel:
    return Channel(number, domain, "powercap", "measured", "energy", MICROJOULE, 0, True)


def as_run(program: Program, worlds: dict[str, World], width_ns: int = 2000) -> RunData:
    """Record a program on counters with these domains; slices end where any of them was updated."""
    channels = [channel(number, domain) for number, domain in enumerate(worlds)]
    edges = {number: edges_of(world, number, width_ns, number) for number, world in enumerate(worlds.values())}
    borders: dict[int, int] = {}
    for number, some in edges.items():
        news = some[(some["flags"] & Flag.FIRST) == 0]
        middle = news["t_before_ns"] + (news["t_seen_ns"] - news["t_before_ns"]) // 2
        for time_ns in middle.tolist():
            borders.setdefault(time_ns, number)
    times = sorted(borders)
    ledger = program.ledger(times, [borders[time_ns] for time_ns in times])
    meta = {"start_ns": START_NS, "channels": [one.to_dict() for one in channels]}
    return RunData(meta, channels, edges, {"end_ns": program.now_ns}, True, ledger=ledger)


def training(epochs: int = 6, steps: int = 20) -> Program:
    """A program of nested regions in blocks longer than a counter's period, with a pause in between."""
    program, rng = Program(), np.random.default_rng(3)
    program.work(20 * MILLISECOND, 15.0)
    for _ in range(epochs):
        program.enter("epoch")
        program.call("load", int(rng.integers(8, 20)) * MILLISECOND, 20.0)
        for _ in range(steps):
            program.enter("step")
            program.call("forward", int(rng.integers(3_000_000, 9_000_000)), 60.0)
            program.call("backward", int(rng.integers(6_000_000, 16_000_000)), 90.0)
            program.work(int(rng.integers(500_000, 2_000_000)), 40.0)
            program.leave()
        program.leave()
        program.work(int(rng.integers(10, 30)) * MILLISECOND, 15.0)
    return program
