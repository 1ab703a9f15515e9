"""A trace written back with what its kernels cost, for Perfetto: joules in each slice, power above them.

A JSON trace is copied, every event with its own text; only launches get arguments more. Of an SQLite export there is
no such text: its launches become a new trace, one process for each GPU and one thread for each stream.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pycarbon.errors import TraceError
from pycarbon.kernel_timeline import COPY, KERNEL, SET, Device, KernelTimeline
from pycarbon.traces import is_nsight, kineto
from pycarbon.traces.collected import BLOCK, Launch
from pycarbon.traces.document import BYTES_AS_THEY_ARE, pieces
from pycarbon.traces.opened import Progress, opened

PROCESS = 1 << 22
"""Of the power; those behind it are our processes of GPUs. No process of Linux has such a number."""

FIRST = -1
"""Where a viewer sorts the power: above processes, which Kineto counts from 0 and more."""

_ENCODER = json.JSONEncoder(ensure_ascii=False)

CATEGORIES = {KERNEL: "kernel", COPY: "gpu_memcpy", SET: "gpu_memset"}


@dataclass(frozen=True, slots=True)
class Figures:
    """What each launch cost, in the order of the timeline's spans; what is not finite is left out.

    `kind` has a word for each, as run.Kind has them.
    """

    energy_j: NDArray[np.float64]
    low_j: NDArray[np.float64]
    high_j: NDArray[np.float64]
    power_w: NDArray[np.float64]
    resolved: NDArray[np.bool_]
    kind: NDArray[np.object_]

    def of(self, number: int) -> dict[str, Any]:
        """Give those of one launch by name."""
        told = ((name, float(getattr(self, name)[number])) for name in ("energy_j", "low_j", "high_j", "power_w"))
        known: dict[str, Any] = {name: value for name, value in told if isfinite(value)}
        return known | {"resolved": bool(self.resolved[number]), "kind": str(self.kind[number])}


@dataclass(frozen=True, slots=True)
class PowerTrack:
    """A counter that a viewer draws: W at times of the timeline's clock, each up to the next."""

    name: str
    time_ns: NDArray[np.int64]
    power_w: NDArray[np.float64]


def annotate(
    source: Path | None,
    sink: BinaryIO,
    timeline: KernelTimeline,
    figures: Figures,
    tracks: Sequence[PowerTrack],
    progress: Progress | None = None,
) -> None:
    """Write the trace that `timeline` was read from, with the figures of its launches and tracks of power.

    Without a `source`, since no file had it, a new one. TraceError where it is not the trace any more that was read.
    """
    if source is None or is_nsight(source):
        _write(sink, _new(timeline, figures, tracks, progress))
    else:
        _write(sink, _copied(source, timeline, figures, tracks, progress))


def _write(sink: BinaryIO, texts: Iterator[str]) -> None:
    for text in texts:
        sink.write(text.encode("utf-8", BYTES_AS_THEY_ARE))


def _copied(
    source: Path,
    timeline: KernelTimeline,
    figures: Figures,
    tracks: Sequence[PowerTrack],
    progress: Progress | None,
) -> Iterator[str]:
    base_ns = kineto.base_of(source)
    spans = _Spans(source, timeline)
    between, is_in_list = "{\n", False
    with opened(source, progress) as stream:
        for key, value, text in pieces(stream, str(source), kineto.EVENTS):
            if key is not None and is_in_list:
                yield "\n]"
                between, is_in_list = ",\n", False
            if key is None:
                if kineto.is_launch(value) and (launched := kineto.launch(value, base_ns)):
                    text = _told(value, text, figures.of(spans.number(launched)))
                yield between + text
            elif text:
                yield f"{between}{_json(key)}: {text}"
            else:
                yield f"{between}{_json(key)}: [\n"
                yield ",\n".join(_power(tracks, base_ns))
                between, is_in_list = ",\n" if tracks else "", True
                continue
            between = ",\n"
    yield "\n]\n}\n" if is_in_list else "\n}\n"


class _Spans:
    """Which span of a timeline a launch is: launches of one start are there in the order of reading."""

    def __init__(self, source: Path, timeline: KernelTimeline) -> None:
        self._source = source
        self._timeline = timeline
        self._starts_ns = np.ascontiguousarray(timeline.spans["start_ns"])
        self._passed = np.zeros(len(timeline.spans), np.uint32)

    def number(self, launched: Launch) -> int:
        spans = self._timeline.spans
        first = int(self._starts_ns.searchsorted(launched.start_ns))
        if first < len(spans):
            number = first + int(self._passed[first])
            self._passed[first] += 1
            if number < len(spans):
                start_ns, end_ns, name = spans[number].item()[:3]
                if (start_ns, end_ns, self._timeline.names[name]) == launched[:3]:
                    return number
        raise TraceError(f"{self._source} is not as it was read: it changed meanwhile; type the command again")


def _told(event: dict[str, Any], text: str, figures: dict[str, Any]) -> str:
    """Add figures to the arguments of an event; one whose arguments are none stays as it is."""
    args = event.get("args", {})
    return _json(event | {"args": args | figures}) if isinstance(args, dict) else text


def _new(
    timeline: KernelTimeline, figures: Figures, tracks: Sequence[PowerTrack], progress: Progress | None
) -> Iterator[str]:
    spans = timeline.spans
    base_ns = min(int(times[0]) for times in (spans["start_ns"], *(track.time_ns for track in tracks)) if len(times))
    numbers = np.unique(spans["device"]).tolist()
    devices = {number: timeline.devices.get(number, Device()) for number in numbers}
    told = [{"id": number, "name": device.name} for number, device in devices.items() if device.name]
    yield f'{{"displayTimeUnit": "ns",\n"deviceProperties": {_json(told)},\n"baseTimeNanoseconds": {base_ns},\n'
    yield f'"otherData": {_json({"origin": timeline.origin})},\n"traceEvents": [\n'
    lines = [*_power(tracks, base_ns)]
    for number, device in devices.items():
        lines.append(_named("process_name", PROCESS + 1 + number, 1, f"GPU {number} {device.name or ''}".rstrip()))
        for stream in np.unique(spans["stream"][spans["device"] == number]).tolist():
            lines.append(_named("thread_name", PROCESS + 1 + number, 1 + stream, f"stream {stream}"))
    yield ",\n".join(lines)
    names = [_json(name) for name in timeline.names]
    for first in range(0, len(spans), BLOCK):
        block = spans[first : first + BLOCK].tolist()
        for number, (start_ns, end_ns, name, device, kind, stream, _) in enumerate(block, first):
            yield (
                f',\n{{"ph": "X", "cat": "{CATEGORIES[kind]}", "name": {names[name]}, "pid": {PROCESS + 1 + device}, '
                f'"tid": {1 + stream}, "ts": {_us(start_ns - base_ns)}, "dur": {_us(end_ns - start_ns)}, '
                f'"args": {_json({"device": device, "stream": stream} | figures.of(number))}}}'
            )
        if progress:
            progress(first + len(block), len(spans))
    yield "\n]}\n"


def _power(tracks: Sequence[PowerTrack], base_ns: int) -> Iterator[str]:
    """Give the tracks as counters of a process of their own."""
    if tracks:
        yield _named("process_name", PROCESS, 1, "pycarbon: power")
        where = f'"ph": "M", "pid": {PROCESS}, "tid": 1'
        yield f'{{{where}, "name": "process_sort_index", "args": {{"sort_index": {FIRST}}}}}'
    for track in tracks:
        begin = f'{{"ph": "C", "pid": {PROCESS}, "name": {_json(track.name)}, "ts": '
        for time_ns, power_w in zip(track.time_ns.tolist(), track.power_w.tolist(), strict=True):
            if isfinite(power_w):
                yield f'{begin}{_us(time_ns - base_ns)}, "args": {{"W": {power_w!r}}}}}'


def _named(what: str, process: int, thread: int, name: str) -> str:
    return _json({"ph": "M", "pid": process, "tid": thread, "name": what, "args": {"name": name}})


def _json(value: Any) -> str:
    """Write JSON that UTF-8 can hold, as it is where it can: some viewers leave escapes in names."""
    text = _ENCODER.encode(value)
    try:
        text.encode("utf-8", BYTES_AS_THEY_ARE)
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def _us(time_ns: int) -> str:
    """Write µs with all digits."""
    sign, time_ns = "-" if time_ns < 0 else "", abs(time_ns)
    return f"{sign}{time_ns // 1000}.{time_ns % 1000:03d}"
