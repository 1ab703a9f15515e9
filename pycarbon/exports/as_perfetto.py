"""A run as a native Perfetto trace, made with the messages of the `perfetto` package, written as they are made.

Times are CLOCK_MONOTONIC, with snapshots of the other clocks, so that the trace joins others of the machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from pycarbon.exports import spans
from pycarbon.exports.about import about
from pycarbon.exports.extras import needed
from pycarbon.exports.recorded import Recorded
from pycarbon.exports.text import clean
from pycarbon.exports.tracks import tracks
from pycarbon.run import RunData
from pycarbon.wall_clock import WallClock

PACKETS = 1 << 12
"""So many are written at once: several traces, one after the other, are one trace."""

MODULE = "perfetto.protos.perfetto.trace.perfetto_trace_pb2"


def write(run: Recorded, sink: BinaryIO, every: str | float | None) -> None:
    """Write the trace. PyCarbonError without the package."""
    protos = needed(MODULE, "perfetto")
    trace = protos.Trace()
    for _ in _Writer(run, every, protos).packets(trace):
        if len(trace.packet) >= PACKETS:
            sink.write(trace.SerializeToString())
            trace.Clear()
    sink.write(trace.SerializeToString())


class _Writer:
    """Adds the packets of a run to a trace; yields after each, so that the trace can be written and cleared."""

    def __init__(self, run: Recorded, every: str | float | None, protos: Any) -> None:
        self._run, self._every, self._protos = run, every, protos
        self._event, self._clock = protos.TrackEvent, protos.BuiltinClock
        self._sequence = self._number("sequence") % (2**31 - 1) + 1
        self._names: dict[int, int] = {}

    def _number(self, what: str) -> int:
        """Give a number that no other run's trace has, so that traces of several runs can be joined."""
        return int.from_bytes(hashlib.sha256(f"{self._run.id} {what}".encode("utf-8", "replace")).digest()[:8], "big")

    def packets(self, trace: Any) -> Iterator[None]:
        run, said = self._run, about(self._run)
        said["notes"] += spans.missing(run)
        known = _clocks(run.data)
        self._snapshot(trace, known[0])
        yield
        self._first(trace)
        root = self._track(trace, "run", f"pycarbon: {said['run']['name']}", None, 0)
        yield
        packet = self._at(trace, run.data.start_ns, root, self._event.TYPE_SLICE_BEGIN)
        packet.track_event.name = said["run"]["name"]
        for name, part in said.items():
            _annotate(packet.track_event.debug_annotations.add(name=name), part)
        yield
        self._at(trace, run.data.end_ns, root, self._event.TYPE_SLICE_END)
        yield
        yield from self._counters(trace, root)
        yield from self._spans(trace, root)
        for anchor in known[1:]:
            self._snapshot(trace, anchor)
            yield

    def _snapshot(self, trace: Any, anchor: Mapping[str, int]) -> None:
        packet = trace.packet.add(trusted_packet_sequence_id=self._sequence)
        snapshot = packet.clock_snapshot
        snapshot.primary_trace_clock = self._clock.BUILTIN_CLOCK_MONOTONIC
        for name, clock in (("monotonic", "MONOTONIC"), ("realtime", "REALTIME"), ("boottime", "BOOTTIME")):
            if f"{name}_ns" in anchor:
                number = self._clock.Value(f"BUILTIN_CLOCK_{clock}")
                snapshot.clocks.add(clock_id=number, timestamp=anchor[f"{name}_ns"])

    def _first(self, trace: Any) -> None:
        packet = trace.packet.add(trusted_packet_sequence_id=self._sequence)
        packet.sequence_flags = self._protos.TracePacket.SEQ_INCREMENTAL_STATE_CLEARED
        packet.trace_packet_defaults.timestamp_clock_id = self._clock.BUILTIN_CLOCK_MONOTONIC

    def _track(self, trace: Any, what: str, name: str, parent: int | None, rank: int, unit: str = "") -> int:
        packet = trace.packet.add(trusted_packet_sequence_id=self._sequence)
        track = packet.track_descriptor
        track.uuid, track.name, track.sibling_order_rank = self._number(what), name, rank
        if parent is None:
            track.child_ordering = self._protos.TrackDescriptor.EXPLICIT
        else:
            track.parent_uuid = parent
        if unit:
            track.counter.unit_name = unit
        return int(track.uuid)

    def _at(self, trace: Any, time_ns: int, track: int, kind: int) -> Any:
        packet = trace.packet.add(timestamp=time_ns, trusted_packet_sequence_id=self._sequence)
        packet.sequence_flags = self._protos.TracePacket.SEQ_NEEDS_INCREMENTAL_STATE
        packet.track_event.track_uuid, packet.track_event.type = track, kind
        return packet

    def _counters(self, trace: Any, root: int) -> Iterator[None]:
        for rank, track in enumerate(tracks(self._run, self._every)):
            for unit, what, values in (("W", "power", track.power_w), ("J", "energy", track.energy_j)):
                uuid = self._track(
                    trace, f"{track.domain} {what}", f"{track.name} {what}", root, 2 * rank + (unit == "J"), unit
                )
                for time_ns, value in zip(track.time_ns.tolist(), values.tolist(), strict=True):
                    self._at(trace, time_ns, uuid, self._event.TYPE_COUNTER).track_event.double_counter_value = value
                    yield

    def _spans(self, trace: Any, root: int) -> Iterator[None]:
        ledger = self._run.data.ledger
        if ledger is None:
            return
        tracks = {
            thread: self._track(trace, f"thread {thread}", f"thread {thread}", root, 1 << 16 | thread)
            for thread in spans.threads(self._run)
        }
        for event in spans.events(self._run):
            if event.label == spans.END:
                packet = self._at(trace, event.time_ns, tracks[event.thread], self._event.TYPE_SLICE_END)
                if event.cut:
                    packet.track_event.debug_annotations.add(name="cut", bool_value=True)
            else:
                packet = self._at(trace, event.time_ns, tracks[event.thread], self._event.TYPE_SLICE_BEGIN)
                self._named(packet, event.label, ledger.labels)
                if event.energy_j is not None:
                    for name in ("energy_j", "low_j", "high_j"):
                        packet.track_event.debug_annotations.add(name=name, double_value=getattr(event, name))
                if event.resumed:
                    packet.track_event.debug_annotations.add(name="resumed", bool_value=True)
            yield

    def _named(self, packet: Any, label: int, labels: list[str]) -> None:
        """Write a label once, however often it comes."""
        if label not in self._names:
            self._names[label] = len(self._names) + 1
            packet.interned_data.event_names.add(iid=self._names[label], name=clean(labels[label]))
        packet.track_event.name_iid = self._names[label]


def _annotate(annotation: Any, value: Any) -> None:
    if isinstance(value, dict):
        for name, part in value.items():
            if part is not None:
                _annotate(annotation.dict_entries.add(name=name), part)
    elif isinstance(value, list):
        for part in value:
            _annotate(annotation.array_values.add(), part)
    elif isinstance(value, bool):
        annotation.bool_value = value
    elif isinstance(value, int):
        annotation.int_value = value
    elif isinstance(value, float):
        annotation.double_value = value
    else:
        annotation.string_value = value


def _clocks(run: RunData) -> list[dict[str, int]]:
    """Give the moments at which several clocks were read; without any, where the run's own began."""
    try:
        clock = WallClock(run)
    except ValueError:
        clock = None
    if clock is None or clock.basis == "started_at":
        return [{"monotonic_ns": run.start_ns}]
    return [
        {
            "monotonic_ns": anchor.monotonic_ns,
            "realtime_ns": anchor.realtime_ns,
            "boottime_ns": anchor.realtime_ns - anchor.booted_ns,
        }
        for anchor in clock.anchors
    ]
