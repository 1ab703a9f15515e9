"""A home of a live run as other processes would fill it: rings and labels written by hand, at chosen times."""

import os
import struct
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from core import ffi, lib
from marks_files import CONTINUED, ENDED, HEADER_BYTES, OPEN

__all__ = ["CONTINUED", "ENDED", "OPEN", "Home", "Reducer", "to_ticks"]

BORDER_NS = 500
"""Edges are bracketed by twice as much."""


def _anchor() -> tuple[int, int]:
    found = lib.pc_ticks_anchor_now(lib.pc_ticks_source())
    return found.ticks, found.monotonic_ns


_first = _anchor()
time.sleep(0.1)  # a base to measure the rate of the ticks on
_last = _anchor()
TICKS_PER_NS = (_last[0] - _first[0]) / (_last[1] - _first[1])


def to_ticks(time_ns: int) -> int:
    """The ticks at a time on CLOCK_MONOTONIC, to a few parts in a million of how far away it is."""
    ticks, now_ns = _anchor()
    return ticks + round((time_ns - now_ns) * TICKS_PER_NS)


class Home:
    """A folder with one process's labels, and the rings of its threads."""

    def __init__(
        self,
        path: Path,
        labels: Sequence[str],
        process: int = 0xABCD,
        pid: int | None = None,
        namespace: int | None = None,
    ) -> None:
        self.path, self.process = path, process
        self.pid = os.getpid() if pid is None else pid
        self.namespace = Path("/proc/self/ns/pid").stat().st_ino if namespace is None else namespace
        records = b"".join(struct.pack("<I", len(t)) + t for t in (label.encode() for label in labels))
        (path / f"labels-{process:016x}").write_bytes(records)

    def ring(
        self,
        thread: int,
        words: Iterable[tuple[int, int, int]],
        *,
        number: int = 0,
        state: int = OPEN,
        closed_ns: int = 0,
        capacity: int = 64,
        tail: int = 0,
        dropped: int = 0,
        tid: int | None = None,
    ) -> Path:
        """Write a ring; words are (time_ns, kind, label number), and the first stands in slot `tail`."""
        raw = [(to_ticks(at) & (1 << 48) - 1) | kind << 48 | label << 50 for at, kind, label in words]
        while capacity < len(raw):
            capacity *= 2
        slots = [0] * capacity
        for i, word in enumerate(raw):
            slots[(tail + i) % capacity] = word
        header = bytearray(HEADER_BYTES)
        struct.pack_into("<8sIIQQQiiIIQ", header, 0, b"pcmark\r\n", 1, lib.pc_ticks_source(), capacity, self.process,
                         self.namespace, self.pid, self.pid if tid is None else tid, thread, number, 0)  # fmt: skip
        closed = to_ticks(closed_ns) if closed_ns else 0
        struct.pack_into("<QQQI", header, 64, tail + len(raw), dropped, closed, state)
        struct.pack_into("<Q", header, 128, tail)
        path = self.path / f"marks-{self.process:016x}-{thread}-{number}"
        path.write_bytes(bytes(header) + struct.pack(f"<{capacity}Q", *slots))
        return path


class Reducer:
    """A reducer of a home, with one ring of edges of channel 0, passed by hand or by its thread."""

    def __init__(
        self,
        home: Path,
        *,
        keep_marks: int = 10**6,
        longest_slice_ns: int = 10**15,
        lag_ns: int = 0,
        proc: str = "/proc",
    ) -> None:
        self._edges = ffi.new("struct pc_ring *")
        assert lib.pc_ring_create(self._edges, ffi.NULL, 1 << 12) == 0
        channels = ffi.new("uint16_t[1]", [0])
        feed = ffi.new("struct pc_reducer_feed *", [self._edges, channels, 1])
        names = [ffi.new("char[]", os.fsencode(home)), ffi.new("char[]", proc.encode())]
        settings = ffi.new("struct pc_reducer_settings *")
        settings.home, settings.proc = names
        settings.feeds, settings.feed_count = feed, 1
        settings.lag_ns, settings.longest_slice_ns, settings.keep_marks = lag_ns, longest_slice_ns, keep_marks
        made = ffi.new("struct pc_reducer **")
        assert lib.pc_reducer_create(made, settings) == 0
        self.raw = made[0]

    def __enter__(self) -> "Reducer":
        return self

    def __exit__(self, *error: object) -> None:
        lib.pc_reducer_free(self.raw)
        lib.pc_ring_close(self._edges)

    def edge(self, time_ns: int, *, width_ns: int = 2 * BORDER_NS, flags: int = 0, channel: int = 0) -> None:
        before_ns = time_ns - width_ns // 2
        edge = ffi.new("struct pc_edge *", [before_ns, before_ns + width_ns, 1, channel, flags, 0])
        assert lib.pc_ring_push(self._edges, edge)

    def passes(self, now_ns: int) -> int:
        return lib.pc_reducer_pass(self.raw, now_ns)

    def stop(self, end_ns: int) -> None:
        lib.pc_reducer_stop(self.raw, end_ns)

    def slices(self, most: int = 100_000) -> list[tuple[int, int, int, int]]:
        """(start_ns, end_ns, channel, threads) of each."""
        out = ffi.new("struct pc_slice[]", most)
        count = lib.pc_reducer_take_slices(self.raw, out, most)
        return [(s.start_ns, s.end_ns, s.channel, s.threads) for s in out[0:count]]

    def rows(self, most: int = 100_000) -> list[tuple[int, tuple[str, ...], int, int, int]]:
        """(slice, path, time_ns, cpu_ns, calls) of each."""
        out = ffi.new("struct pc_row[]", most)
        count = lib.pc_reducer_take_rows(self.raw, out, most)
        paths = self.paths()
        return [(r.slice, paths[r.node], r.time_ns, r.cpu_ns, r.calls) for r in out[0:count]]

    def marks(self, most: int = 100_000) -> list[tuple[int, tuple[str, ...], int, int]]:
        """(time_ns, path, thread, kind) of each."""
        out = ffi.new("struct pc_kept_mark[]", most)
        count = lib.pc_reducer_take_marks(self.raw, out, most)
        paths = self.paths()
        return [(m.time_ns, paths[m.node], m.thread, m.kind) for m in out[0:count]]

    def labels(self) -> list[str]:
        room = ffi.new("char[1024]")
        sizes = [lib.pc_reducer_label(self.raw, i, room, 1024) for i in range(lib.pc_reducer_label_count(self.raw))]
        found = []
        for i, size in enumerate(sizes):
            lib.pc_reducer_label(self.raw, i, room, 1024)
            found.append(ffi.buffer(room, size)[:].decode())
        return found

    def paths(self) -> list[tuple[str, ...]]:
        """Each node as the labels from the outermost to its own."""
        nodes = ffi.new("struct pc_node[]", 65536)
        count = lib.pc_reducer_nodes(self.raw, nodes, 0, 65536)
        labels, found = self.labels(), []
        for node in nodes[0:count]:
            around = found[node.parent] if node.parent >= 0 else ()
            found.append((*around, labels[node.label]))
        return found

    @property
    def counts(self) -> dict[str, int]:
        found = lib.pc_reducer_counts(self.raw)
        return {name: getattr(found, name) for name in dir(found)}
