"""Writes bad/NAME.pcr, files that no writer makes: `python tests/golden/make_bad.py [FOLDER FOR THE LARGE ONES]`.

The name says what is wrong. They seed the fuzzer, and tests/fuzz/test_bad_files.py says what comes of each. What it
takes more than some kB to write is only made there: LARGE.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

from bad_parts import (
    BEGINNING,
    CHANNEL,
    END_FRAME,
    MEGA,
    META_FRAME,
    NAMES,
    TWO_SLICES,
    as_json,
    closed,
    cut_off,
    edges,
    header,
    honest,
    index_of,
    kernels,
    launches,
    ledger,
    marks,
    meta,
    names,
    nested,
    old_edges,
    rows,
    run_of,
    slices,
    still,
    text_frame,
    turns,
    zeros,
)

from pycarbon.frame import EDGES, EVENT, FOOTER, IGNORABLE, LATEST_NS, LAUNCHES, META, ROWS, Frame, json_frame
from pycarbon.index import trailer
from pycarbon.totals import ARITHMETIC

COLUMNS_OF_3 = [bytes([0, 1, 1]), bytes(3), bytes([5] * 3), bytes([6] * 3), *[bytes(3)] * 3]
THREE = edges()
BARE = Frame(EDGES, bytes(32), 0, 0, 1)


def with_edges(columns: dict[int, bytes], widths: dict[int, int] | None = None, **more: int) -> bytes:
    """Three edges of which some columns are others."""
    chosen = [columns.get(number, column) for number, column in enumerate(COLUMNS_OF_3)]
    wide = tuple((widths or {}).get(number, 0) for number in range(7))
    said = {"t_first_ns": 100, "t_last_ns": 300}
    return run_of(turns([(0, 0, 3, 1, 1, 0)], chosen, wide, **said | more))


def with_table(*table: tuple[int, int, int, int, int, int], **more: int) -> bytes:
    """Three edges of which the table is another."""
    said = {"t_first_ns": 100, "t_last_ns": 300, "count": 3}
    return run_of(turns(list(table), COLUMNS_OF_3, **said | more))


def with_channel(**members: object) -> bytes:
    """A channel that is otherwise."""
    return cut_off(meta(channels=[CHANNEL | members]))


def figures(energy: dict[str, object] | None = None, **members: object) -> dict[str, object]:
    """The figures of a file, of which some are otherwise."""
    one = {"domain": "package-0", "source": "powercap", "kind": "measured", "energy_j": 2.0, "low_j": 1.0}
    one |= {"high_j": 3.0, "mean_power_w": 1.0, "gap_s": 0.0, "peak_power_w": None, "edges": 3}
    one |= {"in_total": True, "is_ambiguous": False}
    whole = {"total_j": 2.0, "low_j": 1.0, "high_j": 3.0, "kind": "measured", "channels": [one]}
    whole |= dict.fromkeys(("process_j", "process_low_j", "process_high_j"))
    return {"arithmetic": ARITHMETIC, "energy": whole | (energy or {}), "remarks": []} | members


def with_totals(energy: dict[str, object] | None = None, **members: object) -> bytes:
    """A file whose figures are these."""
    footer = {"end_ns": 10_000, "totals": figures(energy, **members)}
    return closed([META_FRAME, THREE], footer=text_frame(FOOTER, as_json(footer)))


HOURLY = ("low_g_per_kwh", "mean_g_per_kwh", "high_g_per_kwh")


def of_grid(
    intensity: dict[str, object] | None = None,
    hours: dict[str, object] | None = None,
    meta: dict[str, object] | None = None,
    by_hour: dict[str, object] | None = None,
    alternatives: int = 1,
) -> bytes:
    """A run at a place with hourly values, a marginal figure, a device and water, of which some is otherwise."""
    ends = {"low_g_per_kwh": 100, "intensity_g_per_kwh": 200, "high_g_per_kwh": 300}
    grid = {"zone": "US-CISO", "name": "California", "year": 2022, "method": "average lifecycle production"} | ends
    grid |= {"source": "somebody", "scope": "lifecycle", "flow": "production", "gas": "CO2e", "type": "average"}
    typical = {"kind": "typical", "first_hour": 0, "low_g_per_kwh": [100] * 288, "mean_g_per_kwh": [200] * 288}
    typical |= {"high_g_per_kwh": [300] * 288}
    said = BEGINNING | {"id": "1", "started_at": "2026-06-30T23:00:00-08:00", "pue": 1.2, "pue_range": [1.1, 1.3]}
    said |= {"intensity": grid | {"hours": typical | (hours or {})} | (intensity or {})}
    said |= {"intensity_alternatives": [grid | {"type": "marginal", "hours": typical}, *[grid] * (alternatives - 1)]}
    said |= {"wue_l_per_kwh": dict.fromkeys(("low", "best", "high"), 0.1), "place": {"zone": "aws:us-west-1"}}
    device = {"embodied_kg": 1000, "lifetime_years": 4, "resource_share": 0.5}
    said |= {"device": {name: dict.fromkeys(("low", "best", "high"), value) for name, value in device.items()}}
    footer = {"end_ns": 10_000} | ({} if by_hour is None else {"totals": figures() | {"by_hour": by_hour}})
    return closed([json_frame(META, said | (meta or {})), THREE], footer=text_frame(FOOTER, as_json(footer)))


def with_rows(*changed: tuple[int, int, int]) -> bytes:
    """A closed file of two frames of edges whose index has (row, column, value) otherwise."""
    frames = [META_FRAME, THREE, edges(first_tick=9)]
    found = [list(row) for row in honest(frames)]
    for row, column, value in changed:
        found[row][column] = value
    return closed(frames, index_of(*map(tuple, found)))


def overlapping() -> bytes:
    """An index that leads into the payload of a frame, where there is another."""
    inner = THREE.encode(2)
    frames = [META_FRAME, Frame(200, inner, flags=IGNORABLE), THREE]
    table = honest(frames)
    return closed(frames, index_of(*table[:2], (44, *table[2][1:])))


def twice(data: bytes, frame: Frame, number: int) -> bytes:
    """A file in which a frame comes twice with one number."""
    return data.replace(frame.encode(number), frame.encode(number) * 2)


BAD: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "one-byte": lambda: b"\x89",
    "no-run-file": lambda: b"hello\n",
    "header-cut": lambda: header()[:15],
    "header-damaged": lambda: header()[:15] + b"?",
    "header-alone": header,
    "unknown-version": lambda: header(2) + run_of()[16:],
    "unknown-flags": lambda: header(flags=1) + run_of()[16:],
    "flags-to-ignore": lambda: header(flags=1 << 8) + run_of()[16:],
    "trailer-alone": lambda: header() + trailer(0, 0),
    "trailing-garbage": lambda: closed([META_FRAME, THREE]) + b"garbage",
    # frames
    "unknown-frame-type": lambda: run_of(Frame(99, b"?")),
    "unknown-codec": lambda: run_of(dataclasses.replace(THREE, codec=9)),
    "unknown-frame-flags": lambda: run_of(dataclasses.replace(THREE, flags=2)),
    "length-beyond-the-end": lambda: run_of(THREE)[:-1],
    "sequence-jumps": lambda: cut_off(META_FRAME) + THREE.encode(7),
    "frame-twice": lambda: twice(run_of(THREE), THREE, 1),
    "frame-twice-renumbered": lambda: run_of(THREE, THREE),
    "metadata-not-first": lambda: cut_off(THREE, META_FRAME),
    "two-metadata": lambda: run_of(META_FRAME),
    "footer-before-metadata": lambda: cut_off(END_FRAME, META_FRAME),
    "two-footers": lambda: run_of(END_FRAME, THREE),
    "reserved-bits": lambda: run_of(dataclasses.replace(edges(), flags=IGNORABLE), Frame(EVENT, b"{}", 0, 1, 7, 7)),
    # compression
    "claims-2-63-values": lambda: run_of(
        old_edges(3, b"\x28\xb5\x2f\xfd\xc0\x00" + (1 << 63).to_bytes(8, "little") + b"\x01\x00\x00")
    ),
    "claims-huge-count": lambda: run_of(dataclasses.replace(THREE, count=2**32 - 1)),
    "claims-2-20-edges-in-no-bytes": lambda: run_of(old_edges(MEGA, b"")),
    "count-of-nothing": lambda: run_of(dataclasses.replace(THREE, count=0)),
    "zstd-bomb-1-gib": lambda: run_of(old_edges(3, zeros(1 << 30))),
    "zstd-window-2-gib": lambda: run_of(old_edges(3, b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00")),
    "zstd-two-frames": lambda: run_of(old_edges(3, zeros(90) * 2)),
    "zstd-garbage-behind": lambda: run_of(old_edges(3, zeros(90) + b"?")),
    "zstd-cut": lambda: run_of(old_edges(3, zeros(90)[:-1])),
    "zstd-too-few": lambda: run_of(old_edges(3, zeros(89))),
    # edges
    "tick-zero": lambda: run_of(dataclasses.replace(THREE, tick_ns=0)),
    "first-time-no-whole-tick": lambda: run_of(dataclasses.replace(THREE, t_first_ns=101)),
    "last-time-of-another": lambda: run_of(dataclasses.replace(THREE, t_last_ns=400)),
    "channel-65535": lambda: with_table((65535, 0, 3, 1, 1, 0)),
    "channel-65535-raw": lambda: run_of(dataclasses.replace(BARE, channel=65535)),
    "channel-of-another-raw": lambda: run_of(dataclasses.replace(BARE, channel=1)),
    "channel-twice": lambda: with_table((0, 0, 1, 1, 1, 0), (0, 0, 2, 1, 1, 0)),
    "channels-none": lambda: with_table((0, 0, 3, 1, 1, 0), channel=0),
    "channels-more-than-edges": lambda: run_of(dataclasses.replace(THREE, channel=4)),
    "table-counts-overflow": lambda: with_table((0, 0, 2**32 - 1, 1, 1, 0), (1, 0, 4, 1, 1, 0)),
    "table-counts-zero": lambda: with_table((0, 0, 3, 1, 1, 0), (1, 0, 0, 1, 1, 0)),
    "table-divides-by-zero": lambda: with_table((0, 0, 3, 1, 0, 0)),
    "table-reserved-bits": lambda: with_table((0, 0xFFFF, 3, 1, 1, 0)),
    "width-9": lambda: with_edges({}, {0: 9}),
    "column-cut": lambda: with_edges({6: bytes(2)}),
    "column-too-long": lambda: with_edges({6: bytes(4)}),
    "step-overflow": lambda: with_edges({3: bytes([255] * 3) + b"\xff" * 24}, {3: 8}),
    "seen-overflow": lambda: with_edges({0: bytes([0, 255, 255]) + b"\xff" * 16}, {0: 8}),
    "turn-beyond": lambda: with_edges({1: bytes([0, 1, 0])}),
    "before-after-seen": lambda: with_edges({0: bytes(3), 2: bytes([5, 5, 2])}, t_last_ns=100),
    "before-of-overlapping-looks": lambda: with_edges({0: bytes(3), 2: bytes([5, 5, 7])}, t_last_ns=100),
    "before-none-before": lambda: with_edges({2: bytes([0, 0, 0])}),
    "before-below-zero": lambda: with_edges({2: bytes([9, 5, 5])}),
    "width-overflow": lambda: with_edges({2: bytes([255] * 3) + b"\xff" * 24}, {2: 8}),
    "flags-beyond": lambda: with_edges({5: bytes([255, 0, 0]) + b"\xff\xff\xff\xff"}, {5: 4}),
    "error-beyond": lambda: with_edges({6: bytes([255, 0, 0]) + b"\xff\xff\xff\xff"}, {6: 4}),
    "time-beyond-2-62": lambda: run_of(
        dataclasses.replace(edges(1), t_first_ns=LATEST_NS + 96, t_last_ns=2**62 + 96)
    ),
    "time-below-zero": lambda: run_of(dataclasses.replace(edges(1), t_first_ns=-100, t_last_ns=-100)),
    "frames-go-back": lambda: run_of(edges(first_tick=9), edges(first_tick=1)),
    "a-million-resets": lambda: run_of(still(MEGA, 4)),
    "a-million-gaps": lambda: run_of(still(MEGA, 8)),
    "a-million-failures": lambda: run_of(still(MEGA, 16)),
    # index and trailer
    "index-beyond-the-end": lambda: with_rows((2, 0, 1 << 40)),
    "index-in-circles": lambda: with_rows((2, 0, -100)),
    "index-points-at-itself": lambda: with_rows((2, 0, 2 * honest([META_FRAME, THREE, THREE])[2][0])),
    "index-of-another-type": lambda: with_rows((1, 1, EVENT), (1, 2, 65535)),
    "index-of-another-time": lambda: with_rows((1, 4, 7)),
    "index-of-another-channel": lambda: with_rows((1, 2, 1), (2, 2, 1)),
    "index-of-channel-65535": lambda: with_rows((1, 2, 65535)),
    "index-of-another-channel-once": lambda: closed(
        frames := [META_FRAME, THREE, edges(channel=1, first_tick=9)], index_of(*honest(frames))
    ),
    "index-of-another-channel-raw": lambda: closed(frames := [META_FRAME, BARE], index_of(*honest(frames, {1: 3}))),
    "index-of-other-counts": lambda: with_rows((1, 3, 2)),
    "index-claims-2-40-edges": lambda: closed(
        frames := [META_FRAME, THREE], index_of(*honest(frames), *[(0, EDGES, 0, MEGA, 0, 0)] * (MEGA - 2))
    ),
    "index-of-two-types": lambda: closed(
        frames := [META_FRAME, THREE], index_of(*honest(frames)[:1], (0, EDGES, 0, 3, 100, 200), *honest(frames)[1:])
    ),
    "index-overlapping-frames": overlapping,
    "index-leaves-out-a-frame": lambda: closed(
        frames := [META_FRAME, THREE, edges(first_tick=9)], index_of(*honest(frames)[:2])
    ),
    "trailer-to-the-metadata": lambda: closed([META_FRAME, THREE], index_offset=16),
    "trailer-to-the-trailer": lambda: closed([META_FRAME], footer_offset=len(closed([META_FRAME])) - 32),
    "trailer-beyond-the-end": lambda: closed([META_FRAME], index_offset=2**64 - 1, footer_offset=2**64 - 1),
    # metadata and footer
    "channels-with-one-id": lambda: cut_off(meta(channels=[CHANNEL] * 2)),
    "channel-beyond-65534": lambda: with_channel(id=65535),
    "channel-without-a-curve": lambda: with_channel(source="model"),
    "range-2-62": lambda: with_channel(range_raw=1 << 62),
    "unit-1e9999": lambda: with_channel(unit="1e9999"),
    "unit-of-many-digits": lambda: with_channel(unit="9" * 5000),
    "unit-divides-by-zero": lambda: with_channel(unit="1/0"),
    "totals-of-other-channels": lambda: with_totals({"channels": []}),
    "totals-nan": lambda: with_totals({"total_j": float("nan")}),
    "totals-infinite": lambda: with_totals({"high_j": float("inf")}),
    "totals-below-zero": lambda: with_totals({"low_j": -1.0}),
    "totals-low-above-high": lambda: with_totals({"low_j": 3.0, "high_j": 1.0}),
    "totals-of-arithmetic-1.0": lambda: with_totals({"total_j": None}, arithmetic=1.0),
    "totals-of-other-arithmetic": lambda: with_totals({"total_j": None}, arithmetic=ARITHMETIC + 1),
    "totals-of-hours-that-overflow": lambda: of_grid(by_hour={"first_hour": 495_000, "energy_j": [1e300] * 999}),
    "totals-of-hours-of-no-energy": lambda: of_grid(by_hour={"first_hour": 495_000, "energy_j": [5e-324, 0]}),
    "hours-of-a-later-version": lambda: of_grid(hours={"quarters": [1]}),
    "hours-fewer-than-a-year": lambda: of_grid(hours={"mean_g_per_kwh": [200] * 287}),
    "hours-nan": lambda: of_grid(hours={"mean_g_per_kwh": [float("nan")] * 288}),
    "hours-of-the-last-day": lambda: of_grid(meta={"started_at": "9999-12-31T23:59:59-23:59"}),
    "hours-of-the-first-day": lambda: of_grid(meta={"started_at": "0001-01-01T00:00:00+23:59"}),
    "hours-of-another-time": lambda: of_grid(hours={"kind": "actual", "first_hour": 70_000_000}),
    "pue-outside-its-range": lambda: of_grid(meta={"pue": 1.5, "pue_range": [3, 1.2]}),
    "place-a-terminal-obeys": lambda: of_grid(
        dict.fromkeys(("zone", "name", "asked", "source", "method", "note"), "\x1b[2J\x9b\u202e\n\ud800")
    ),
    "zone-of-2025-digits": lambda: of_grid({"year": -(10**2025), "zone": "7" * 2025}),
    "run-ends-before-it-begins": lambda: cut_off(meta(start_ns=5), json_frame(FOOTER, {"end_ns": 4})),
    "rings-elsewhere": lambda: cut_off(meta(rings={"../../secret": [0]})),
    "json-deep": lambda: cut_off(text_frame(META, b"[" * 3000)),
    "json-deep-unknown": lambda: cut_off(meta(unknown=nested(700)), END_FRAME),
    "json-deep-command": lambda: cut_off(meta(command=nested(800)), END_FRAME),
    "json-no-object": lambda: cut_off(text_frame(META, "[]")),
    "json-no-text": lambda: cut_off(text_frame(META, b"\xff\xfe")),
    "json-not-ended": lambda: cut_off(text_frame(META, "{")),
    "json-with-mark": lambda: cut_off(text_frame(META, b"\xef\xbb\xbf" + as_json(BEGINNING))),
    "json-number-of-10000-digits": lambda: cut_off(text_frame(META, b'{"start_ns":' + b"7" * 10_000 + b"}")),
    "json-names-twice": lambda: cut_off(text_frame(META, b'{"channels":7,' + as_json(BEGINNING)[1:]), END_FRAME),
    "json-lone-surrogates": lambda: cut_off(meta(name="\ud800", command=["\udcff"])),
    "text-a-terminal-obeys": lambda: cut_off(
        meta(name="\x1b[2J\x9b31m\u202ea\nb", command=["\x07"], notes=["\x1b]0;x\x07"], tags={"\x1b": "\r"}),
        names(["\x1b[31m\nred"], (-1, 0)),
        TWO_SLICES,
        rows((0, 0, 100, 100, 1), (1, 0, 200, 200, 1)),
        END_FRAME,
    ),
    "domain-a-terminal-obeys": lambda: with_channel(domain="\x1b[2J\n", kind="measured"),
    # regions
    "names-cycle": lambda: run_of(names(["a"], (1, 0), (0, 0))),
    "names-parent-of-itself": lambda: run_of(names(["a"], (0, 0))),
    "names-without-label": lambda: run_of(names(["a"], (-1, 1))),
    "names-with-a-hole": lambda: run_of(names(["a"], (-1, 0), first_label=1)),
    "nodes-1025-deep": lambda: run_of(names(["a"], *((number - 1, 0) for number in range(1025)))),
    "slices-overlap": lambda: run_of(NAMES, slices((0, 100)), slices((50, 200))),
    "slices-beyond-2-62": lambda: run_of(NAMES, slices(*((i << 61, (i + 1) << 61) for i in range(3)))),
    "rows-of-no-slice": lambda: ledger(rows((2, 0, 1, 1, 1))),
    "rows-of-no-node": lambda: ledger(rows((0, 2, 1, 1, 1))),
    "rows-out-of-order": lambda: ledger(rows((1, 0, 1, 1, 1)), rows((0, 0, 1, 1, 1))),
    "rows-longer-than-their-slice": lambda: ledger(rows((0, 0, 1 << 60, 1 << 60, 1 << 53))),
    "rows-with-too-many-calls": lambda: ledger(rows((0, 0, 1, 1, (1 << 53) + 1))),
    "rows-skipped-before-marks": lambda: closed(
        [META_FRAME, dataclasses.replace(NAMES, codec=9), marks((0, 0, 0, 0)), TWO_SLICES]
    ),
    "rows-before-names": lambda: run_of(rows((0, 0, 1, 1, 1)), NAMES, TWO_SLICES),
    "marks-of-no-node": lambda: ledger(marks((0, 2, 0, 0))),
    "marks-of-another-kind": lambda: ledger(marks((0, 0, 0, 3))),
    "marks-that-do-not-nest": lambda: ledger(marks((5, 1, 0, 1), (4, 0, 0, 0), (3, 1, 0, 0), (2, 0, 0, 1))),
    "marks-beyond-2-62": lambda: ledger(marks((LATEST_NS, 0, 0, 0), (0, 0, 0, 1), (LATEST_NS + 1, 0, 0, 0))),
    # kernels
    "kernels-with-a-hole": lambda: run_of(kernels("a"), kernels("b", first_name=2)),
    "kernels-a-device-twice": lambda: run_of(kernels("a", devices=[{"number": 0}] * 2)),
    "kernels-a-terminal-obeys": lambda: run_of(
        kernels("\x1b[2J\n\ud800", origin="\x1b]0;x\x07", hostname="\u202e", devices=[{"number": 0, "name": "\x9b"}]),
        launches((0, 5, 0, 0, 0, 0)),
    ),
    "launches-before-kernels": lambda: run_of(launches((0, 5, 0, 0, 0, 0)), kernels("a")),
    "launches-of-no-kernel": lambda: run_of(kernels("a"), launches((0, 5, 1, 0, 0, 0))),
    "launches-of-another-kind": lambda: run_of(kernels("a"), launches((0, 5, 0, 0, 3, 0))),
    "launches-go-back": lambda: run_of(kernels("a"), launches((0, 5, 0, 0, 0, 0), (-1, 5, 0, 0, 0, 0))),
    "launches-beyond-2-62": lambda: run_of(
        kernels("a"), launches((0, 5, 0, 0, 0, 0), *[(1 << 61, 0, 0, 0, 0, 0)] * 3)
    ),
    "launches-of-another-time": lambda: run_of(kernels("a"), launches((0, 5, 0, 0, 0, 0), t_last_ns=104)),
    "launches-skipped-kernels": lambda: run_of(
        kernels("a"), dataclasses.replace(kernels("b"), codec=9), launches((0, 5, 7, 0, 0, 0))
    ),
    "launches-in-no-bytes": lambda: run_of(
        kernels("a"), Frame(LAUNCHES, zeros(28 * MEGA), 1, IGNORABLE, MEGA, 0, 0, 0)
    ),
    "rows-in-no-bytes": lambda: ledger(Frame(ROWS, zeros(32 * MEGA), 1, IGNORABLE, MEGA)),
}


def large_sum() -> bytes:
    """4000 frames of 2^20 edges in 300 bytes each."""
    frame = still(MEGA)
    return run_of(*[frame] * 4000)


def of_channels(count: int) -> bytes:
    """Metadata of many channels, whatever they are."""
    return cut_off(meta(channels=[CHANNEL | {"id": number, "domain": f"d{number}"} for number in range(count)]))


def tree_of(count: int, deep: int) -> bytes:
    """A run of a tree of so many places, in chains."""
    pairs = [(-1 if number % deep == 0 else number - 1, number) for number in range(count)]
    told = [(0, number, 1, 1, 1) for number in range(count)]
    return run_of(names([f"label {number}" for number in range(count)], *pairs), slices((0, 10_000)), rows(*told))


LARGE: dict[str, Callable[[], bytes]] = {
    "edges-of-zero-bytes-per-edge-4000-frames": large_sum,
    "a-million-channels": lambda: cut_off(text_frame(META, b'{"start_ns":0,"channels":[' + b"{}," * MEGA + b"{}]}")),
    "65536-channels": lambda: of_channels(65536),
    "json-number-of-10-mb": lambda: cut_off(text_frame(META, b'{"start_ns":' + b"7" * 10_000_000 + b"}")),
    "json-beyond-2-24-bytes": lambda: cut_off(text_frame(META, as_json(BEGINNING) + b" " * (1 << 24))),
    "payload-beyond-2-26-bytes": lambda: run_of(Frame(200, bytes((1 << 26) + 1), flags=IGNORABLE)),
    "notes-of-4-mb": lambda: cut_off(meta(notes=["word " * 800_000]), END_FRAME),
    "name-of-4-mb": lambda: cut_off(meta(name="x" * 4_000_000), END_FRAME),
    "totals-of-hours-beyond-9999": lambda: of_grid(by_hour={"first_hour": 70_000_000, "energy_j": [0] * 400_000}),
    "alternatives-10000": lambda: of_grid(alternatives=10_000),
    "hours-300000": lambda: of_grid(hours=dict.fromkeys(HOURLY, [7] * 300_000) | {"kind": "actual"}),
    "nodes-2-16-in-a-chain": lambda: tree_of(1 << 16, 1 << 16),
    "nodes-2-14-in-chains-of-1024": lambda: tree_of(1 << 14, 1 << 10),
    "nodes-10000-flat": lambda: tree_of(10_000, 1),
    "nodes-2-16-and-one": lambda: tree_of((1 << 16) + 1, 1),
}


def write(name: str, folder: Path) -> Path:
    """Write one of them."""
    path = folder / f"{name}.pcr"
    path.write_bytes((BAD | LARGE)[name]())
    return path


def main() -> None:
    """Write those that are kept, or into another folder the large ones."""
    folder, names = (Path(sys.argv[1]), LARGE) if sys.argv[1:] else (Path(__file__).parent / "bad", BAD)
    folder.mkdir(exist_ok=True)
    for name in names:
        write(name, folder)


if __name__ == "__main__":
    main()
