"""Reads what programs write into the home of a live run: labels, and the words of rings (csrc/marks.h)."""

import struct
from dataclasses import dataclass
from pathlib import Path

HEADER_BYTES = 4096
ENTER, LEAVE, RESUME, TICK = range(4)
OPEN, CONTINUED, ENDED = range(3)
TICKS = (1 << 48) - 1


@dataclass(frozen=True)
class Ring:
    process: str
    thread: int
    number: int
    pid: int
    capacity: int
    state: int
    dropped: int
    opened_ticks: int
    closed_ticks: int
    words: tuple[int, ...]

    @property
    def ticks(self) -> list[int]:
        return [word & TICKS for word in self.words]


def labels(home: Path, process: str) -> list[str]:
    """The labels of a process by number; number 0 has no name."""
    data = (home / f"labels-{process}").read_bytes()
    found, offset = [""], 0
    while offset < len(data):
        (length,) = struct.unpack_from("<I", data, offset)
        offset += 4 + length
        assert offset <= len(data)
        found.append(data[offset - length : offset].decode("utf-8", "surrogatepass"))
    return found


def rings(home: Path) -> list[Ring]:
    """All rings there, in order of process, thread and number."""
    found = []
    for path in home.glob("marks-*"):
        data = path.read_bytes()
        assert data[:8] == b"pcmark\r\n"
        version, _, capacity, process, _, pid, tid, thread, number, opened = struct.unpack_from(
            "<IIQQQiiIIQ", data, 8
        )
        head, dropped, closed, state = struct.unpack_from("<QQQI", data, 64)
        (tail,) = struct.unpack_from("<Q", data, 128)
        assert version == 1 and tid > 0 and tail <= head <= tail + capacity
        assert path.name == f"marks-{process:016x}-{thread}-{number}"
        assert len(data) == HEADER_BYTES + 8 * capacity
        slots = struct.unpack_from(f"<{capacity}Q", data, HEADER_BYTES)
        words = tuple(slots[i % capacity] for i in range(tail, head))
        found.append(Ring(f"{process:016x}", thread, number, pid, capacity, state, dropped, opened, closed, words))
    return sorted(found, key=lambda ring: (ring.process, ring.thread, ring.number))


def marks(home: Path) -> dict[tuple[str, int], list[tuple[int, str]]]:
    """What each thread marked, as (kind, label), over all of its rings."""
    said: dict[tuple[str, int], list[tuple[int, str]]] = {}
    for ring in rings(home):
        names = labels(home, ring.process)
        thread = said.setdefault((ring.process, ring.thread), [])
        thread += [(word >> 48 & 3, names[word >> 50]) for word in ring.words]
    return said
