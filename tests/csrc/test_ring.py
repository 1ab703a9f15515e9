"""The ring is a bounded first-in-first-out queue whose file outlives its writer and is never trusted."""

import errno
import os
import signal
import stat
import struct
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path

import pytest
from core import HERE, ffi, lib
from handles import Edge, c_path, created_ring, drain, opened_ring, peek, push, wait_until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

HEADER_BYTES = 4096
SLOT_BYTES = 32
HEAD_AT, TAIL_AT = 64, 128
MAGIC = b"pcring\r\n"
U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)


def open_code(path: Path) -> int:
    """What pc_ring_open answers."""
    ring = ffi.new("struct pc_ring *")
    code = lib.pc_ring_open(ring, c_path(path))
    lib.pc_ring_close(ring)
    return code


def ring_bytes(
    *, magic: bytes = MAGIC, version: int = 1, slot_bytes: int = SLOT_BYTES, capacity: int = 8, slots: int = 8,
    head: int = 0, tail: int = 0,
) -> bytes:  # fmt: skip
    """A ring file as ring.h describes it."""
    header = bytearray(HEADER_BYTES)
    header[:32] = struct.pack("=8sIIQ8x", magic, version, slot_bytes, capacity)
    header[HEAD_AT : HEAD_AT + 8] = struct.pack("=Q", head)
    header[TAIL_AT : TAIL_AT + 8] = struct.pack("=Q", tail)
    return bytes(header) + b"".join(struct.pack("=qqQHHi", i, i, i, 0, 0, 0) for i in range(slots))


class BoundedFifo(RuleBasedStateMachine):
    """The ring beside a deque: whatever is done to both, they answer the same."""

    @initialize(capacity=st.sampled_from([1, 2, 4, 8]), start=st.sampled_from([0, 2**64 - 5]))
    def create(self, capacity: int, start: int) -> None:
        self.ring = ffi.new("struct pc_ring *")
        assert lib.pc_ring_create(self.ring, ffi.NULL, capacity) == 0
        self.ring.header.head = self.ring.header.tail = start
        self.capacity, self.queue, self.dropped, self.number = capacity, deque[Edge](), 0, 0

    @rule(count=st.integers(1, 10))
    def push(self, count: int) -> None:
        for _ in range(count):
            self.number += 1
            edge = Edge(self.number, self.number + 1, 2**64 - self.number, 2**16 - 1, self.number % 128, -self.number)
            fits = len(self.queue) < self.capacity
            assert push(self.ring, edge) == fits
            if fits:
                self.queue.append(edge)
            else:
                self.dropped += 1

    @rule(most=st.integers(0, 12))
    def peek(self, most: int) -> None:
        assert peek(self.ring, most) == list(self.queue)[:most]

    @rule(count=st.integers(0, 12))
    def consume(self, count: int) -> None:
        enough = count <= len(self.queue)
        assert lib.pc_ring_consume(self.ring, count) == (0 if enough else -errno.EINVAL)
        for _ in range(count if enough else 0):
            self.queue.popleft()

    @invariant()
    def tallies_agree(self) -> None:
        assert lib.pc_ring_waiting(self.ring) == len(self.queue)
        assert lib.pc_ring_dropped(self.ring) == self.dropped

    def teardown(self) -> None:
        lib.pc_ring_close(self.ring)


BoundedFifo.TestCase.settings = settings(deadline=None, stateful_step_count=30)
test_ring_is_a_bounded_fifo = BoundedFifo.TestCase


@pytest.mark.parametrize("most", [0, 1, 2, 3])
def test_peek_writes_no_more_than_was_asked_for(most):
    with created_ring(4) as ring:
        for number in range(4):
            push(ring, Edge(number, number))
        out = ffi.new("struct pc_edge[]", most)  # a sanitizer sees what is written past it
        assert lib.pc_ring_peek(ring, out, most) == most
        assert [edge.t_seen_ns for edge in out] == list(range(most))


@pytest.mark.parametrize(("capacity", "batch"), [(1, 1), (4, 3), (64, 64), (1024, 17)])
@pytest.mark.parametrize("again", [True, False])
def test_two_threads_lose_repeat_and_reorder_nothing(capacity, batch, again):
    # GIVEN a producer that pushes what is full again, or drops it
    count, produced = 20_000, []
    with created_ring(capacity) as ring:
        producer = threading.Thread(target=lambda: produced.append(lib.test_produce(ring, count, again)))
        # WHEN it runs beside a consumer
        producer.start()
        consumed = lib.test_consume_until(ring, count - 1, batch)
        producer.join()
        # THEN what came out is what went in, whole and in order, and the rest is counted
        assert consumed.faults == 0
        assert consumed.edges == produced[0].accepted
        assert lib.pc_ring_dropped(ring) == produced[0].refused
        if again:
            assert consumed.edges == count
        assert lib.pc_ring_waiting(ring) == 0


def test_edges_outlive_a_sigkill(tmp_path):
    # GIVEN a process that pushed round the slots, consumed some, peeked at others, and was killed
    path = tmp_path / "killed.ring"
    script = f"""
import os, signal, sys
sys.path.insert(0, {str(HERE)!r})
from pathlib import Path
from core import lib
from handles import Edge, created_ring, drain, peek, push
with created_ring(8, Path({str(path)!r})) as ring:
    for number in range(6):
        push(ring, Edge(number, number))
    drain(ring)
    for number in range(6, 15):
        push(ring, Edge(number, number))
    lib.pc_ring_consume(ring, 1)
    peek(ring, 3)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    # WHEN another opens its file
    with opened_ring(path) as ring:
        # THEN it finds what was not consumed, peeked or not; the ninth of the second lot had no room
        assert [edge.t_seen_ns for edge in peek(ring, 100)] == list(range(7, 14))
        assert lib.pc_ring_waiting(ring) == 7
        assert lib.pc_ring_dropped(ring) == 1


def test_a_fresh_file_is_private_full_size_and_reserved(tmp_path):
    path = tmp_path / "fresh.ring"
    with created_ring(256, path):
        status = path.stat()
        assert stat.S_IMODE(status.st_mode) == 0o600
        assert status.st_size == HEADER_BYTES + 256 * SLOT_BYTES
        assert status.st_blocks * 512 >= status.st_size
    with opened_ring(path) as ring:
        assert (ring.capacity, peek(ring, 1)) == (256, [])


@pytest.mark.parametrize("capacity", [0, 3, 6, 1000, 2**32 + 1, 2**33, 2**63, 2**64 - 1])
def test_a_capacity_that_is_no_power_of_two_or_absurd_is_refused(tmp_path, capacity):
    ring = ffi.new("struct pc_ring *")
    assert lib.pc_ring_create(ring, c_path(tmp_path / "ring"), capacity) == -errno.EINVAL
    assert list(tmp_path.iterdir()) == []
    assert ring.header == ffi.NULL


def test_an_existing_file_is_refused_and_kept(tmp_path):
    path = tmp_path / "there"
    path.write_text("precious")
    assert lib.pc_ring_create(ffi.new("struct pc_ring *"), c_path(path), 8) == -errno.EEXIST
    assert path.read_text() == "precious"


def test_a_folder_that_is_not_there_is_said(tmp_path):
    path = c_path(tmp_path / "no" / "ring")
    assert lib.pc_ring_create(ffi.new("struct pc_ring *"), path, 8) == -errno.ENOENT
    assert lib.pc_ring_open(ffi.new("struct pc_ring *"), path) == -errno.ENOENT


def test_a_full_file_system_is_said_and_nothing_left_on_it(tmp_path):
    # GIVEN a file system of 64 KiB, in a mount namespace that ends with its process
    mount = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    mount += ['mount -t tmpfs -o size=64k none "$0" && exec "$@"', str(tmp_path)]
    # a sanitizer's runtime has a thread, and what has threads may not unshare: preload it after that
    preload = os.environ.get("LD_PRELOAD", "")
    alone = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    if (probe := subprocess.run([*mount, "true"], capture_output=True, text=True, env=alone)).returncode != 0:
        pytest.skip(f"no private mount namespace can be made here: {probe.stderr.strip()}")
    # WHEN a ring of 132 KiB is created there
    script = f"""
import os, sys
sys.path.insert(0, {str(HERE)!r})
from core import ffi, lib
print(lib.pc_ring_create(ffi.new("struct pc_ring *"), {os.fsencode(tmp_path / "ring")!r}, 4096))
print(os.listdir({str(tmp_path)!r}))
"""
    command = [*mount, "env", f"LD_PRELOAD={preload}", sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=alone)
    # THEN
    assert done.stdout.split() == [str(-errno.ENOSPC), "[]"], done.stderr


def test_closing_unmaps_once_and_keeps_the_file(tmp_path):
    path = tmp_path / "ring"
    with created_ring(8, path) as ring:
        assert str(path) in Path("/proc/self/maps").read_text()
        lib.pc_ring_close(ring)
        assert str(path) not in Path("/proc/self/maps").read_text()
        lib.pc_ring_close(ring)
    assert path.exists()


def test_a_refused_file_is_neither_mapped_nor_open(tmp_path):
    path = tmp_path / "ring"
    path.write_bytes(ring_bytes(version=2))
    assert open_code(path) == -errno.EBADMSG
    assert str(path) not in Path("/proc/self/maps").read_text()
    assert path not in [fd.readlink() for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]


@given(
    magic=st.sampled_from([MAGIC, MAGIC, MAGIC, b"PCRING\r\n", b"pcring\n\0", bytes(8)]),
    version=st.just(1) | U32,
    slot_bytes=st.just(SLOT_BYTES) | U32,
    capacity=st.sampled_from([1, 2, 4, 8, 16]) | st.integers(0, 63).map(lambda n: 2**n) | U64,
    slots=st.integers(0, 20),
    cut=st.integers(0, 40),
    tail=st.integers(0, 20) | U64,
    waiting=st.integers(0, 20) | U64,
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_opens_if_and_only_if_it_is_a_whole_ring(
    ram_path, magic, version, slot_bytes, capacity, slots, cut, tail, waiting
):
    # GIVEN a file whose header says anything at all
    data = ring_bytes(
        magic=magic, version=version, slot_bytes=slot_bytes, capacity=capacity, slots=slots,
        head=(tail + waiting) % 2**64, tail=tail,
    )  # fmt: skip
    data = data[: len(data) - cut]
    path = ram_path / "any.ring"
    path.write_bytes(data)
    # WHEN it is opened, THEN what the header promises decides
    whole = (
        (magic, version, slot_bytes) == (MAGIC, 1, SLOT_BYTES)
        and capacity.bit_count() == 1
        and HEADER_BYTES + capacity * SLOT_BYTES <= len(data)
        and waiting <= capacity
    )
    assert open_code(path) == (0 if whole else -errno.EBADMSG)
    if whole:
        with opened_ring(path) as ring:
            assert [edge.raw for edge in peek(ring, 100)] == [(tail + i) % capacity for i in range(waiting)]


@given(st.binary(max_size=300), st.sampled_from([0, 1, HEADER_BYTES - 1, HEADER_BYTES, 3 * HEADER_BYTES]))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_are_refused(ram_path, noise, size):
    path = ram_path / "noise"
    path.write_bytes((noise * (size // max(len(noise), 1) + 1))[:size])
    assert open_code(path) == -errno.EBADMSG


@pytest.mark.parametrize("size", [0, 1, 8, 24, 64, 4095, 4096, 4096 + 8 * 32 - 1])
def test_a_truncated_file_is_refused(tmp_path, size):
    path = tmp_path / "short"
    path.write_bytes(ring_bytes()[:size])
    assert open_code(path) == -errno.EBADMSG


def test_a_folder_is_no_ring(tmp_path):
    assert open_code(tmp_path) == -errno.EBADMSG


def test_a_named_pipe_is_refused_at_once(tmp_path):
    path, codes = tmp_path / "pipe", []
    os.mkfifo(path)
    opener = threading.Thread(target=lambda: codes.append(open_code(path)))
    opener.start()
    opener.join(timeout=1)  # at once, or never
    hung = opener.is_alive()
    if hung:  # a writer lets it go on
        os.close(os.open(path, os.O_WRONLY))
    opener.join()
    assert (hung, codes) == (False, [-errno.EBADMSG])


def test_a_header_that_changes_after_opening_cannot_make_peek_leave_the_slots(tmp_path):
    # GIVEN an opened ring of 4 slots, in a file so long that leaving them does no harm
    path = tmp_path / "changing"
    path.write_bytes(ring_bytes(capacity=4, slots=100))
    with opened_ring(path) as ring:
        # WHEN someone makes its head contradict its tail
        with path.open("r+b") as file:
            file.seek(HEAD_AT)
            file.write(struct.pack("=Q", 50))
        # THEN no more than the slots is copied
        assert len(peek(ring, 100)) <= 4


def test_the_consumer_drains_a_ring_while_its_file_is_open_elsewhere(tmp_path):
    path = tmp_path / "shared"
    with created_ring(4, path) as ring:
        push(ring, Edge(1, 2, 3))
        with opened_ring(path) as reader:
            assert peek(reader, 9) == [Edge(1, 2, 3)]
            assert drain(ring) == [Edge(1, 2, 3)]
            wait_until(lambda: lib.pc_ring_waiting(reader) == 0, "the other mapping shows the new tail")
