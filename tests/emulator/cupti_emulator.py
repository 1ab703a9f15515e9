"""Stands in for `cupti.cupti`, the binding of CUPTI: its few functions that trace, over a GPU whose truth is known.

    emulator = CuptiEmulator()
    with Kernels(lambda: emulator):
        emulator.launch("gemm", length_ns=5_000)
    emulator.truth                                # (start_ns, end_ns, name, ...) on CLOCK_MONOTONIC

It does what CUPTI's documentation says of these functions: one subscriber in a process, records of the kinds that
are enabled only, in buffers that a thread of CUPTI's own hands over, all of them at a forced flush. Its clock is
`offset_ns` ahead of CLOCK_MONOTONIC and `drift_ns` more with each look at it. `fails` names functions that raise,
with CUPTI's number for the error. It is no part of NVIDIA's software and needs none of it.
"""

import enum
import threading
import time
from types import SimpleNamespace

MULTIPLE_SUBSCRIBERS = 39


class ActivityKind(enum.IntEnum):
    """CUpti_ActivityKind, as far as it is asked for."""

    MEMCPY = 1
    MEMSET = 2
    KERNEL = 3
    DEVICE = 8
    CONCURRENT_KERNEL = 10
    MEMCPY2 = 22


class CuptiError(Exception):
    """What the binding raises."""

    def __init__(self, status):
        super().__init__(f"ERROR ({status})")
        self.status = status


class CuptiEmulator:
    """The module's functions as methods."""

    ActivityKind = ActivityKind

    def __init__(self, offset_ns=10**18, drift_ns=0, per_buffer=3, fails=None):
        self.truth = []
        self.calls = []
        self._offset_ns, self._drift_ns, self._per_buffer = offset_ns, drift_ns, per_buffer
        self._fails = fails or {}
        self._subscriber = self._room = self._completed = None
        self._enabled = set()
        self._waiting = []

    def launch(self, name="kernel", length_ns=1_000, kind=ActivityKind.CONCURRENT_KERNEL, timed=True, **members):
        """Run something on the device from now on, for a known time."""
        start_ns = time.monotonic_ns()
        if kind not in self._enabled:
            return
        self.truth.append((start_ns, start_ns + length_ns, name))
        told_ns = start_ns + self._offset_ns if timed else 0
        members = {
            "device_id": 0,
            "stream_id": 7,
            "copy_kind": 1,
            "src_kind": 1,
            "dst_kind": 3,
            "memory_kind": 3,
        } | members
        end_ns = told_ns + length_ns if timed else 0
        self._record(SimpleNamespace(kind=int(kind), start=told_ns, end=end_ns, name=name, **members))

    def _record(self, record):
        self._waiting.append(record)
        if len(self._waiting) >= self._per_buffer:
            self._deliver()

    def _deliver(self):
        if not self._waiting:
            return
        assert self._room()[0] > 0
        records, self._waiting = self._waiting, []
        thread = threading.Thread(target=self._completed, args=(records,))
        thread.start()
        thread.join()
        for record in records:  # CUPTI takes the memory of a buffer back
            vars(record).clear()

    def _called(self, name):
        self.calls.append(name)
        if name in self._fails:
            raise CuptiError(self._fails[name])

    def subscribe(self, callback, userdata):
        self._called("subscribe")
        if self._subscriber is not None:
            raise CuptiError(MULTIPLE_SUBSCRIBERS)
        self._subscriber = 1
        return self._subscriber

    def unsubscribe(self, subscriber):
        self._called("unsubscribe")
        assert subscriber == self._subscriber is not None
        self._subscriber = None

    def activity_register_callbacks(self, requested, completed):
        self._called("activity_register_callbacks")
        self._room, self._completed = requested, completed

    def activity_enable(self, kind):
        self._called("activity_enable")
        assert isinstance(kind, ActivityKind)
        self._enabled.add(kind)

    def activity_enable_and_dump(self, kind):
        self._called("activity_enable_and_dump")
        uuid = SimpleNamespace(bytes=bytes(range(16)))
        self._record(SimpleNamespace(kind=int(kind), id=0, name="Emulated GPU", uuid=uuid, is_mig_enabled=0))

    def activity_disable(self, kind):
        self._called("activity_disable")
        self._enabled.discard(kind)

    def activity_flush_all(self, flag):
        self._called("activity_flush_all")
        assert flag == 1
        self._deliver()

    def get_timestamp(self):
        self._called("get_timestamp")
        self._offset_ns += self._drift_ns
        return time.monotonic_ns() + self._offset_ns
