"""Traces of kernels as frames, and back: what a tracer says as JSON, launches as columns; docs/run-file.md.

A run may hold several, of several processes one after the other; whoever reads it gets one timeline of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycarbon import metadata
from pycarbon.columns import check_room, pack, unpack
from pycarbon.errors import RunFileError
from pycarbon.frame import (
    IGNORABLE,
    KERNELS,
    LATEST_NS,
    LAUNCHES,
    MAX_JSON_BYTES,
    MAX_PER_FRAME,
    SHUFFLED_ZSTD,
    Frame,
    json_frame,
)
from pycarbon.kernel_timeline import SET, SPAN_DTYPE, Device, KernelTimeline

MOST_NAMES, MOST_TRACES = 1 << 20, 1 << 16
"""Of a run: a file that claims more is damaged."""

MOST_DEVICES = 1 << 16
LETTERS_PER_FRAME = MAX_JSON_BYTES // 8
"""JSON may need 6 bytes for one, and each name some more."""

NAMED_ORIGINS = 3

_DEVICE = [member.name for member in fields(Device)]
_LAUNCHES = ("<i8", "<i8", "<u4", "<u2", "<u2", "<u4")


def kernel_frames(timeline: KernelTimeline, level: int = 3) -> list[Frame]:
    """Make the frames of a timeline on the clock "monotonic", in the order a reader needs."""
    values = {
        "error_ns": timeline.error_ns,
        "origin": timeline.origin,
        "hostname": timeline.hostname,
        "devices": [{"number": number, **asdict(device)} for number, device in timeline.devices.items()],
    }
    made = []
    for first, names in _portions(timeline.names):
        made.append(json_frame(KERNELS, {"first_name": first, "names": names, **(values if first == 0 else {})}))
    for i in range(0, len(timeline.spans), MAX_PER_FRAME):
        made.append(_launches_frame(timeline.spans[i : i + MAX_PER_FRAME], level))
    return made


def _portions(names: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Give names with the number of the first, as many at a time as a frame holds; once where there are none."""
    first, part, letters = 0, list[str](), 0
    for number, name in enumerate(names):
        if part and letters + len(name) + 1 > LETTERS_PER_FRAME:
            yield first, part
            first, part, letters = number, [], 0
        part.append(name)
        letters += len(name) + 1
    if part or not names:
        yield first, part


def _launches_frame(spans: NDArray[np.void], level: int) -> Frame:
    start_ns, length_ns = spans["start_ns"], spans["end_ns"] - spans["start_ns"]
    columns = [np.diff(start_ns, prepend=start_ns[:1]), length_ns]
    columns += [spans[name] for name in ("name", "device", "kind", "stream")]
    payload = pack(columns, _LAUNCHES, level)
    first_ns, last_ns = int(start_ns[0]), int(spans["end_ns"].max())
    return Frame(LAUNCHES, payload, SHUFFLED_ZSTD, IGNORABLE, len(spans), 0, first_ns, last_ns)


class KernelReader:
    """Puts traces together from their frames, and refuses what cannot be one."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._traces: list[tuple[KernelTimeline, list[NDArray[np.void]]]] = []
        self._names = self._read = 0
        self._latest_ns = 0

    def add(self, frame: Frame) -> None:
        """Read the next frame of the types 10 and 11; RunFileError, or ValueError and KeyError for bad JSON."""
        if frame.type == KERNELS:
            self._add_trace(frame)
        else:
            self._read += frame.count
            check_room(self._read)
            self._add_launches(frame)

    def timeline(self) -> KernelTimeline | None:
        """Give the timeline of all that was read; None where there was no trace."""
        if not self._traces:
            return None
        return merged([replace(trace, spans=_joined(spans)) for trace, spans in self._traces])

    def forget(self) -> None:
        """Let go of the launches read so far: who only checks does not need them."""
        for _, spans in self._traces:
            spans.clear()

    def _add_trace(self, frame: Frame) -> None:
        if len(frame.payload) > MAX_JSON_BYTES:
            raise ValueError(f"it has {len(frame.payload)} bytes")
        values = metadata.read(bytes(frame.payload), metadata.KERNELS_MEMBERS)
        names, first = values["names"], values["first_name"]
        if first == 0:
            self._traces.append((_begun(values), []))
            self._latest_ns = 0
        elif not self._traces or first != len(self._traces[-1][0].names):
            raise RunFileError("names of kernels that do not go on where the ones before them ended")
        self._names += len(names)
        if self._names > MOST_NAMES or len(self._traces) > MOST_TRACES:
            raise RunFileError("more names or traces of kernels than any run has")
        self._traces[-1][0].names.extend(names)

    def _add_launches(self, frame: Frame) -> None:
        if not self._traces:
            raise RunFileError("launches of kernels that were not announced")
        later_ns, length_ns, name, device, kind, stream = unpack(frame, _LAUNCHES, "launches of kernels")
        if (
            int(later_ns.min()) < 0
            or not self._latest_ns <= frame.t_first_ns <= LATEST_NS
            or float(later_ns.sum(dtype=np.float64)) > LATEST_NS - frame.t_first_ns
        ):
            raise RunFileError("launches of kernels that do not go forward")
        spans = np.zeros(frame.count, SPAN_DTYPE)
        start_ns = frame.t_first_ns + np.cumsum(later_ns)
        if int(length_ns.min()) < 0 or int(length_ns.max()) > LATEST_NS or int(start_ns[-1]) > LATEST_NS:
            raise RunFileError("launches of kernels whose times cannot be")
        spans["start_ns"], spans["end_ns"] = start_ns, start_ns + length_ns
        if int(spans["end_ns"].max()) > LATEST_NS:
            raise RunFileError("launches of kernels whose times cannot be")
        if later_ns[0] != 0 or int(spans["end_ns"].max()) != frame.t_last_ns:
            raise RunFileError("launches of kernels at another time than was announced")
        if int(name.max()) >= len(self._traces[-1][0].names):
            raise RunFileError("launches of a kernel that was not announced")
        if int(kind.max()) > SET:
            raise RunFileError(f"launches of an unknown kind {int(kind.max())}")
        spans["name"], spans["device"], spans["kind"], spans["stream"] = name, device, kind, stream
        self._traces[-1][1].append(spans)
        self._latest_ns = int(start_ns[-1])


def _begun(values: dict[str, Any]) -> KernelTimeline:
    """Give a trace that has no names and no launches yet; a member that is missing is not known."""
    devices = {
        told["number"]: Device(*(told.get(name) if type(told.get(name)) is str else None for name in _DEVICE))
        for told in values.get("devices", [])
    }
    none = np.empty(0, SPAN_DTYPE)
    error_ns, origin = values.get("error_ns", 0), values.get("origin", "")
    return KernelTimeline([], none, "monotonic", error_ns, origin, devices, values.get("hostname"))


def merged(traces: Sequence[KernelTimeline]) -> KernelTimeline:
    """Make one timeline of several, at least one, on one clock.

    A number that two of them have for different devices becomes another for the second.
    """
    if len(traces) == 1:
        return traces[0]
    numbers: dict[str, int] = {}
    devices = _Devices()
    parts = []
    for trace in traces:
        spans = trace.spans.copy()
        used, which = np.unique(spans["device"], return_inverse=True)
        place = {i: devices.place(i, trace.devices.get(i)) for i in sorted({*trace.devices, *used.tolist()})}
        spans["device"] = np.array([place[i] for i in used.tolist()], np.uint16)[which]
        own = [numbers.setdefault(name, len(numbers)) for name in trace.names]
        spans["name"] = np.array(own, np.uint32)[spans["name"]]
        parts.append(spans)
    together = _joined(parts)
    origins = list(dict.fromkeys(trace.origin for trace in traces))
    more = [f"and {len(origins) - NAMED_ORIGINS} more"] if len(origins) > NAMED_ORIGINS else []
    hosts = {trace.hostname for trace in traces}
    return KernelTimeline(
        list(numbers),
        together[np.argsort(together["start_ns"], kind="stable")],
        traces[0].clock,
        max(trace.error_ns for trace in traces),
        "; ".join(origins[:NAMED_ORIGINS] + more),
        devices.known,
        hosts.pop() if len(hosts) == 1 else None,
    )


class _Devices:
    """The devices of several programs, each with a number of its own."""

    def __init__(self) -> None:
        self.known: dict[int, Device] = {}
        self._taken: dict[tuple[int | None, Device], int] = {}
        self._numbers: set[int] = set()
        self._free = 0

    def place(self, number: int, device: Device | None) -> int:
        """Give the number of a device, its own where that is free; RunFileError where none is."""
        told = device or Device()
        key = (number if told.uuid is None else None, told)  # by its UUID it is the same under any number
        if key not in self._taken:
            if number in self._numbers:
                while self._free in self._numbers:
                    self._free += 1
                number = self._free
            if number >= MOST_DEVICES:
                raise RunFileError("launches on more devices than a run has")
            self._taken[key] = number
            self._numbers.add(number)
            if device is not None:
                self.known[number] = device
        return self._taken[key]


def _joined(parts: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
    return np.concatenate(parts) if parts else np.empty(0, SPAN_DTYPE)
