"""The core's objects as tests hold them: opened by `with`, closed at its end."""

import errno
import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from core import ffi, lib

FIRST, WRAPPED, RESET, GAP = lib.PC_EDGE_FIRST, lib.PC_EDGE_WRAPPED, lib.PC_EDGE_RESET, lib.PC_EDGE_GAP
LOST, FOUND, LAST = lib.PC_EDGE_LOST, lib.PC_EDGE_FOUND, lib.PC_EDGE_LAST
ALL_CHANNELS = 0xFFFF


class Edge(NamedTuple):
    t_before_ns: int = 0
    t_seen_ns: int = 0
    raw: int = 0
    channel: int = 0
    flags: int = 0
    error: int = 0


class FakeClock:
    """Stands still unless moved; each look at it takes `reading_ns`.  With `sleeps`, suspends took `asleep_ns`."""

    def __init__(self, now_ns: int = 0, reading_ns: int = 0, sleeps: bool = False) -> None:
        self.clock = ffi.new("struct test_clock *")
        lib.test_clock_init(self.clock, now_ns, reading_ns, sleeps)
        self.pointer = ffi.addressof(self.clock, "clock")

    now_ns = property(lambda self: self.clock.now_ns, lambda self, ns: setattr(self.clock, "now_ns", ns))
    reading_ns = property(lambda self: self.clock.reading_ns, lambda self, ns: setattr(self.clock, "reading_ns", ns))
    asleep_ns = property(lambda self: self.clock.asleep_ns, lambda self, ns: setattr(self.clock, "asleep_ns", ns))


@contextmanager
def limited(kind: int, most: int) -> Iterator[None]:
    """Lower one of this process's limits for a while."""
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


def c_path(path: Path | None) -> Any:
    return ffi.NULL if path is None else os.fsencode(path)


def push(ring: Any, edge: Edge) -> bool:
    return lib.pc_ring_push(ring, ffi.new("struct pc_edge *", edge._asdict()))


def peek(ring: Any, most: int) -> list[Edge]:
    out = ffi.new("struct pc_edge[]", max(most, 1))
    count = lib.pc_ring_peek(ring, out, most)
    return [Edge(*(getattr(out[i], name) for name in Edge._fields)) for i in range(count)]


def drain(ring: Any) -> list[Edge]:
    edges = peek(ring, lib.pc_ring_waiting(ring))
    assert lib.pc_ring_consume(ring, len(edges)) == 0
    return edges


@contextmanager
def created_ring(capacity: int, path: Path | None = None) -> Iterator[Any]:
    ring = ffi.new("struct pc_ring *")
    assert lib.pc_ring_create(ring, c_path(path), capacity) == 0
    try:
        yield ring
    finally:
        lib.pc_ring_close(ring)


@contextmanager
def opened_ring(path: Path) -> Iterator[Any]:
    ring = ffi.new("struct pc_ring *")
    assert lib.pc_ring_open(ring, c_path(path)) == 0
    try:
        yield ring
    finally:
        lib.pc_ring_close(ring)


@contextmanager
def opened(source: Any) -> Iterator[Any]:
    """Closes a `struct pc_source *` at the end."""
    try:
        yield source
    finally:
        source.close(source)


def replay(clock: Any, series: Sequence[tuple[int, int, int]]) -> Any:
    """A source that plays `(time_ns, raw, errno)` back on `clock`."""
    out = ffi.new("struct pc_source **")
    columns = [list(column) for column in zip(*series, strict=True)] or [[], [], []]
    assert lib.pc_source_replay_open(out, clock, *columns, len(series)) == 0
    return out[0]


def read(source: Any, index: int = 0) -> int:
    """What the counter shows; OSError where it cannot be read."""
    raw = ffi.new("uint64_t *")
    code = source.read(source, index, raw)
    if code < 0:
        raise OSError(-code, os.strerror(-code))
    return int(raw[0])


def read_error(source: Any, index: int = 0) -> str | None:
    """The name of the errno that a reading answers; None for a good one."""
    code = source.read(source, index, ffi.new("uint64_t *"))
    return None if code == 0 else errno.errorcode[-code]


def renew(source: Any, index: int = 0) -> None:
    """What the sampler does about once a second with a counter that fails or shows nothing new."""
    source.renew(source, index)


def open_files() -> list[str]:
    """What this process has open, by name."""
    return sorted(str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink())


@contextmanager
def created_sampler(
    ring: Any,
    sources: Sequence[Any],
    clock: Any,
    *,
    period_ns: int,
    gap_ns: int,
    max_duty_ppm: int = 0,
    every_ns: Sequence[int] = (),
    cpus: Sequence[int] = (),
    priority: int = 0,
    **counter: int,
) -> Iterator[Any]:
    """A sampler of counter 0 of each of `sources`; channel i has id i.  Its thread is stopped at the end."""
    channels = ffi.new("struct pc_channel[]", len(sources))
    places = ffi.new("int32_t[]", list(cpus))
    for identity, source in enumerate(sources):
        channels[identity].source = source
        channels[identity].id = identity
        channels[identity].every_ns = every_ns[identity] if every_ns else 0
        for name, value in counter.items():
            setattr(channels[identity].counter, name, value)
    settings = ffi.new(
        "struct pc_sampler_settings *",
        {
            "clock": clock,
            "ring": ring,
            "channels": channels,
            "channel_count": len(sources),
            "period_ns": period_ns,
            "gap_ns": gap_ns,
            "max_duty_ppm": max_duty_ppm,
            "place": {"cpus": places, "cpu_count": len(cpus), "priority": priority},
        },
    )
    out = ffi.new("struct pc_sampler **")
    assert lib.pc_sampler_create(out, settings) == 0
    try:
        yield out[0]
    finally:
        lib.pc_sampler_stop(out[0])
        lib.pc_sampler_free(out[0])


def wait_until(truth: Callable[[], bool], what: str) -> None:
    """Look again and again, for as long as a stalled machine may take."""
    deadline = time.monotonic() + 60
    while not truth():
        assert time.monotonic() < deadline, f"not within a minute: {what}"
        time.sleep(0.001)
