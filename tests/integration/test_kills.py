"""A recorder that is killed by SIGKILL at any moment loses nothing that its samplers had stamped.

`PYCARBON_KILLS=1000 pytest tests/integration/test_kills.py` kills a thousand (half an hour) instead of a few, and
`PYCARBON_KILLS_SEED=7` others than these.
"""

from __future__ import annotations

import os
import random
import struct
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from powercap_emulator import PowercapEmulator
from processes import homes, pycarbon_run, started, wait_until

from pycarbon import Run, home, load
from pycarbon.frame import FILE_HEADER_BYTES, FRAME_HEADER_BYTES
from pycarbon.run import Flag

KILLS = int(os.environ.get("PYCARBON_KILLS", "9"))
SEED = int(os.environ.get("PYCARBON_KILLS_SEED", "1"))
COMMAND = ["sh", "-c", "echo ready; cat > /dev/null"]
TICK_NS = 100


class Moment(NamedTuple):
    """When to kill: so long after the start of pycarbon, of the command, or after the end of the command."""

    after: str
    delay_s: float


def moments(count: int, seed: int) -> Iterator[Moment]:
    chance = random.Random(seed)
    for number in range(count):
        after = ("command", "end", "start")[number % 3]
        yield Moment(after, chance.uniform(0, {"start": 0.8, "command": 1.4, "end": 0.12}[after]))


class RingFile(NamedTuple):
    """What a ring file holds, read as docs/run-file.md tells it."""

    head: int
    dropped: int
    edges: list[tuple[int, int, int, int, int, int]]  # before, seen, raw, channel, flags, error; the latest ones


def ring_file(path: Path) -> RingFile:
    data = path.read_bytes()
    magic, version, slot_bytes, capacity = struct.unpack_from("<8sIIQ", data)
    assert (magic, version, slot_bytes) == (b"pcring\r\n", 1, 32)
    head, dropped = struct.unpack_from("<QQ", data, 64)
    slots = range(max(head - capacity, 0), head)
    edges = [struct.unpack_from("<qqQHHi", data, 4096 + 32 * (number % capacity)) for number in slots]
    return RingFile(head, dropped, edges)


def kill_at(moment: Moment, output: Path, root: Path) -> tuple[int, int | None]:
    """Record, kill the recorder at a moment; when that was, and when the command was to end, both ns (None: not)."""
    ended_ns = None
    with started(pycarbon_run(*COMMAND, output=output, options=["--root", str(root)])) as process:
        if moment.after != "start":
            assert process.line() == "ready"
        if moment.after == "end":
            wait_until(lambda: (output.with_name(f"{output.name}.live") / "run.pcr").stat().st_size > 0)
            ended_ns = time.monotonic_ns()
            assert process.stdin is not None
            process.stdin.close()
        due_s = time.monotonic() + moment.delay_s
        while time.monotonic() < due_s:
            time.sleep(min(0.001, moment.delay_s))
        killed_ns = time.monotonic_ns()
        process.kill()
        process.wait(20)
    return killed_ns, ended_ns


def check_against_ring(ring: RingFile, channels: list[int], recorded: Run) -> None:
    """Every edge that was ever in the ring is in the run, and none of them twice."""
    assert ring.dropped == 0
    found = [recorded.data.edges[number] for number in channels if number in recorded.data.edges]
    gaps = sum(int(((edges["flags"] & Flag.GAP) != 0).sum()) for edges in found)
    assert gaps % len(channels) == 0
    assert sum(map(len, found)) - gaps + gaps // len(channels) == ring.head
    for number, edges in zip(channels, found, strict=ring.head >= len(channels)):
        stamped = [edge for edge in ring.edges if edge[3] in (number, 0xFFFF)]
        assert edges["flags"][0] & Flag.FIRST
        latest = edges[len(edges) - len(stamped) :]
        for kept, (before_ns, seen_ns, raw, _, flags, error) in zip(latest, stamped, strict=True):
            assert (kept["raw"], kept["flags"], kept["error"]) == (raw, flags, error)
            assert 0 <= kept["t_seen_ns"] - seen_ns < TICK_NS and 0 <= before_ns - kept["t_before_ns"] < TICK_NS


def check(output: Path, killed_ns: int, ended_ns: int | None) -> tuple[str, Run | None]:
    """What a kill left, in a word, and the run; AssertionError where it is not all that it can be."""
    live = home.home_of(output)
    if not output.exists() and not live.exists():
        return "nothing", None
    if not output.exists() and (live / "run.pcr").stat().st_size < FILE_HEADER_BYTES + FRAME_HEADER_BYTES:
        return "no metadata", None
    recorded = load(output)
    last_ns = max((int(edges["t_seen_ns"][-1]) for edges in recorded.data.edges.values()), default=0)
    assert last_ns <= killed_ns + 50_000_000  # what is seen between the clock and the signal
    if recorded.complete:
        assert ended_ns is not None and recorded.data.footer["end_ns"] >= ended_ns
    for name, channels in recorded.data.meta["rings"].items():
        if (live / name).exists():
            check_against_ring(ring_file(live / name), channels, recorded)
    for channel in recorded.data.channels:
        edges = recorded.data.edges_of(channel)
        assert (np.diff(edges["t_seen_ns"]) >= 0).all() and (edges["t_before_ns"] <= edges["t_seen_ns"]).all()
    return ("file" if output.exists() else "home") + (", whole" if recorded.complete else ", cut off"), recorded


@pytest.mark.parametrize(
    "moment", list(moments(KILLS, SEED)), ids=lambda one: f"{one.after}+{one.delay_s * 1e3:.0f}ms"
)
def test_a_recorder_killed_at_any_moment_leaves_all_that_was_stamped(moment: Moment, tmp_path: Path) -> None:
    # GIVEN a recording of counters whose true energy is known
    output = tmp_path / "a.pcr"
    with PowercapEmulator() as emulator:
        # WHEN its recorder is killed
        killed_ns, ended_ns = kill_at(moment, output, emulator.root)
        # THEN its run opens and has every edge that was stamped, once, and says truly whether it is whole
        what, recorded = check(output, killed_ns, ended_ns)
    print(f"left: {what}")
    if recorded is None:
        assert moment.after == "start"
        return
    # AND its energy is true within its interval
    energies = {channel.domain: channel for channel in recorded.energy.channels}
    if "package-0" in energies and energies["package-0"].edges > 2:
        package = energies["package-0"]
        start_ns, end_ns = recorded.data.start_ns, recorded.data.end_ns
        truth_j = emulator.true_energy_j("package-0", start_ns, end_ns)
        off_j = 50 * emulator.oldest_value_ns() / 1e9
        assert package.low_j - off_j <= truth_j <= package.high_j + off_j
    # AND the next recording to the same place makes a file of it that says the same
    if (rescued := home.set_aside(output)) is not None:
        kept = load(rescued)
        assert kept.complete == recorded.complete and kept.energy == recorded.energy
        assert Counter({number: len(edges) for number, edges in kept.data.edges.items()}) == Counter(
            {number: len(edges) for number, edges in recorded.data.edges.items()}
        )
    assert homes(tmp_path) == [] or output.exists()
