"""A run as a Chrome trace: JSON that chrome://tracing, Perfetto, Speedscope and others open, written as it is made.

Times are CLOCK_MONOTONIC in µs. Everything is in one process, whose number, and those of its threads, are ours: the
recorded programs' own are not in the run.

What a trace processor was seen to do decides how: text is UTF-8 as it is (escapes were left in names), and there is
no whole event (ph X), with which ends come before the beginnings of the same time, so that a call of 0 ns never ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

from pycarbon.exports import spans
from pycarbon.exports.about import about
from pycarbon.exports.recorded import Recorded
from pycarbon.exports.text import clean
from pycarbon.exports.tracks import Track, tracks

PROCESS, RUN_THREAD = 1, 1
"""A thread 0 would be taken for the process's main thread, and its spans mixed with those of thread 1."""

FIRST_THREAD = 2
LINES = 1 << 10


def write(run: Recorded, sink: BinaryIO, every: str | float | None) -> None:
    """Write the trace, an event on a line."""
    said = about(run)
    said["notes"] += spans.missing(run)
    sink.write(f'{{"displayTimeUnit": "ns",\n"otherData": {_json(said)},\n"traceEvents": [\n'.encode())
    between = ""
    for lines in _batches(_lines(run, said, every)):
        sink.write((between + ",\n".join(lines)).encode())
        between = ",\n"
    sink.write(b"\n]}\n")


def _batches(lines: Iterator[str]) -> Iterator[list[str]]:
    while some := list(islice(lines, LINES)):
        yield some


def _lines(run: Recorded, said: dict[str, Any], every: str | float | None) -> Iterator[str]:
    name = said["run"]["name"]
    yield _named("process_name", RUN_THREAD, f"pycarbon: {name}")
    yield _named("thread_name", RUN_THREAD, "run")
    for thread in spans.threads(run):
        yield _named("thread_name", FIRST_THREAD + thread, f"thread {thread}")
    whole = f'"pid": {PROCESS}, "tid": {RUN_THREAD}'
    yield (
        f'{{"ph": "B", {whole}, "ts": {_us(run.data.start_ns)}, "cat": "run", "name": {_json(name)}, '
        f'"args": {_json(said)}}}'
    )
    for track in tracks(run, every):
        yield from _counters(track)
    ledger = run.data.ledger
    labels = [] if ledger is None else [_json(clean(label)) for label in ledger.labels]
    for event in spans.events(run):
        yield _span(event, labels)
    yield f'{{"ph": "E", {whole}, "ts": {_us(run.data.end_ns)}}}'


def _named(what: str, thread: int, name: str) -> str:
    return _json({"ph": "M", "pid": PROCESS, "tid": thread, "name": what, "args": {"name": name}})


def _counters(track: Track) -> Iterator[str]:
    for unit, what, values in (("W", "power", track.power_w), ("J", "energy", track.energy_j)):
        begin = f'{{"ph": "C", "pid": {PROCESS}, "name": {_json(f"{track.name} {what}")}, "ts": '
        for time_ns, value in zip(track.time_ns.tolist(), values.tolist(), strict=True):
            yield f'{begin}{_us(time_ns)}, "args": {{"{unit}": {value!r}}}}}'


def _span(event: spans.Event, labels: list[str]) -> str:
    begin = f'"pid": {PROCESS}, "tid": {FIRST_THREAD + event.thread}, "ts": {_us(event.time_ns)}'
    if event.label == spans.END:
        cut = ', "args": {"cut": true}' if event.cut else ""
        return f'{{"ph": "E", {begin}{cut}}}'
    args = []
    if event.energy_j is not None:
        args = [f'"{name}": {getattr(event, name)!r}' for name in ("energy_j", "low_j", "high_j")]
    if event.resumed:
        args.append('"resumed": true')
    told = f', "args": {{{", ".join(args)}}}' if args else ""
    return f'{{"ph": "B", {begin}, "cat": "region", "name": {labels[event.label]}{told}}}'


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _us(time_ns: int) -> str:
    """Write µs with all digits: a float of days in µs would lose the last."""
    return f"{time_ns // 1000}.{time_ns % 1000:03d}"
