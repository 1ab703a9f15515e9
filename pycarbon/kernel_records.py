"""What CUPTI tells of kernels, as a timeline: its activity records become spans, its clock CLOCK_MONOTONIC.

Facts, from the documentation in cupti_activity.h: times are ns of CUPTI's clock, on Linux CLOCK_REALTIME; both 0
where they could not be taken. CLOCK_REALTIME and CLOCK_MONOTONIC are slewed alike, so they part only where somebody
sets the wall clock, and then by a step; other clocks part steadily.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycarbon.kernel_timeline import COPY, KERNEL, SET, SPAN_DTYPE, Device, KernelTimeline

COPY_RECORD, SET_RECORD, KERNEL_RECORD, DEVICE_RECORD, CONCURRENT_KERNEL_RECORD, PEER_COPY_RECORD = 1, 2, 3, 8, 10, 22
"""CUPTI's numbers for kinds of records, fixed by its ABI (CUpti_ActivityKind)."""

_KINDS = {
    KERNEL_RECORD: KERNEL,
    CONCURRENT_KERNEL_RECORD: KERNEL,
    COPY_RECORD: COPY,
    PEER_COPY_RECORD: COPY,
    SET_RECORD: SET,
}
_WAYS = ("Unknown", "HtoD", "DtoH", "HtoA", "AtoH", "AtoA", "AtoD", "DtoA", "DtoD", "HtoH", "PtoP")
_MEMORIES = ("Unknown", "Pageable", "Pinned", "Device", "Array", "Managed", "Device Static", "Managed Static")
"""CUpti_ActivityMemcpyKind and CUpti_ActivityMemoryKind, in the words that torch.profiler has for them."""

MOST_SPANS = 1 << 24
"""Of one block: half a gigabyte of the traced program's memory."""

LONGEST_NAME = 1 << 12
"""Names of templates may have any length; the beginning tells them apart."""

_LATEST_NS, _MOST_DEVICES, _MOST_STREAMS = 1 << 62, 1 << 16, 1 << 32


class Records:
    """Takes records as CUPTI's threads hand them over; afterwards they are no longer needed."""

    def __init__(self) -> None:
        """Begin with none."""
        self.devices: dict[int, Device] = {}
        self.untimed = self.beyond = 0
        self.failed: Exception | None = None
        self._names: dict[str, int] = {}
        self._parts: list[NDArray[np.void]] = []
        self._count = 0
        self._lock = threading.Lock()

    def take(self, records: Iterable[Any]) -> None:
        """Take a buffer of records; never raises: `failed` is the first error."""
        try:
            with self._lock:
                self._take(records)
        except Exception as error:  # whoever called is no code of ours
            self.failed = self.failed or error

    def _take(self, records: Iterable[Any]) -> None:
        rows: list[tuple[int, ...]] = []
        for record in records:
            kind = _KINDS.get(record.kind)
            if kind is None:
                if record.kind == DEVICE_RECORD:
                    self.devices[int(record.id)] = _device(record)
                continue
            start_ns, end_ns, device, stream = record.start, record.end, record.device_id, record.stream_id
            if not 0 < start_ns <= end_ns <= _LATEST_NS or device >= _MOST_DEVICES or stream >= _MOST_STREAMS:
                self.untimed += 1
            elif self._count + len(rows) >= MOST_SPANS:
                self.beyond += 1
            else:
                name = self._names.setdefault(_name(record, kind), len(self._names))
                rows.append((start_ns, end_ns, name, device, kind, stream, 0))
        if rows:
            self._parts.append(np.array(rows, SPAN_DTYPE))
            self._count += len(rows)

    def timeline(self, clock: ClockMap, origin: str, hostname: str | None) -> KernelTimeline:
        """Give what was taken, on CLOCK_MONOTONIC; `origin` says the rest in words, and here what is missing."""
        with self._lock:
            spans = np.concatenate([np.empty(0, SPAN_DTYPE), *self._parts])
            names = list(self._names)
        for name in ("start_ns", "end_ns"):
            spans[name] = np.maximum(clock.on_monotonic(spans[name]), 0)
        spans = spans[np.argsort(spans["start_ns"], kind="stable")]
        for count, what in ((self.untimed, "launches without times"), (self.beyond, "later launches")):
            if count:
                origin += f", without {count} {what}"
        return KernelTimeline(names, spans, "monotonic", clock.error_ns, origin, dict(self.devices), hostname)


def _name(record: Any, kind: int) -> str:
    if kind == KERNEL:
        return (record.name or "unnamed kernel")[:LONGEST_NAME]
    if kind == SET:
        return f"Memset ({_word(_MEMORIES, record.memory_kind)})"
    way = "PtoP" if record.kind == PEER_COPY_RECORD else _word(_WAYS, record.copy_kind)
    return f"Memcpy {way} ({_word(_MEMORIES, record.src_kind)} -> {_word(_MEMORIES, record.dst_kind)})"


def _word(words: tuple[str, ...], number: int) -> str:
    return words[number] if number < len(words) else words[0]


def _device(record: Any) -> Device:
    """Say which device it is, of a MIG slice which slice: its UUID is written as the driver does."""
    is_slice = bool(getattr(record, "is_mig_enabled", False))
    raw = bytes(getattr(record.mig_uuid if is_slice else record.uuid, "bytes", b""))
    digits = raw.hex()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    uuid = f"{'MIG' if is_slice else 'GPU'}-{'-'.join(parts)}" if len(raw) == 16 and any(raw) else None
    return Device(str(record.name) or None, uuid)


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on two clocks, read within `uncertainty_ns` to either side."""

    tracer_ns: int
    monotonic_ns: int
    uncertainty_ns: int


def moment(read_ns: Callable[[], int], tries: int = 9) -> Moment:
    """Read the tracer's clock between two looks at CLOCK_MONOTONIC; the closest of several tries."""

    def once() -> Moment:
        before_ns = time.monotonic_ns()
        tracer_ns = read_ns()
        width_ns = time.monotonic_ns() - before_ns
        return Moment(tracer_ns, before_ns + width_ns // 2, width_ns // 2 + 1)

    return min((once() for _ in range(tries)), key=lambda found: found.uncertainty_ns)


@dataclass(frozen=True, slots=True)
class ClockMap:
    """The tracer's clock against CLOCK_MONOTONIC, read at two moments: a line between them."""

    first: Moment
    last: Moment

    @property
    def drift_ns(self) -> int:
        """How far the clocks parted from the first moment to the last."""
        return (self.last.monotonic_ns - self.first.monotonic_ns) - (self.last.tracer_ns - self.first.tracer_ns)

    @property
    def error_ns(self) -> int:
        """How far off a time may be, as long as the clocks parted in one direction, be it in one step."""
        return max(self.first.uncertainty_ns, self.last.uncertainty_ns) + abs(self.drift_ns)

    def on_monotonic(self, tracer_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give times of the tracer as CLOCK_MONOTONIC."""
        since_ns, span_ns = tracer_ns - self.first.tracer_ns, self.last.tracer_ns - self.first.tracer_ns
        share = np.clip(since_ns / span_ns, 0, 1) if span_ns > 0 else np.zeros(len(tracer_ns))
        drift_ns = np.round(share * self.drift_ns).astype(np.int64)
        moved: NDArray[np.int64] = self.first.monotonic_ns + since_ns + drift_ns
        return moved
