"""A run's power over time as pages draw it: windows of a part of it, and all of it in a bounded number of bytes.

Embedded is only the finest level, of equal windows over the whole run: whoever reads it makes the coarser ones, whose
extremes are those of the finer. Each window takes three to six bytes: its mean less the one before, and how far its
extremes lie above and below, in steps of TOP_STEPS-ths of the domain's largest power (docs/report.md).
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycarbon.analysis import Run
from pycarbon.energy import Timeline
from pycarbon.run import Channel, Flag, RunData
from pycarbon.series import POWER_DTYPE

MOST_DOMAINS = 12
MOST_WINDOWS = 24_000
"""Of all domains together: less than 200 kB, as a page holds them."""

MOST_POINTS = 2_000
MOST_GAPS = 200
COARSE = 200
"""So many windows are drawn where no script runs."""

TOP_STEPS = 4_000

Array = NDArray[np.float64]
Spans = list[list[float]]


def power(run: Run, from_s: float, to_s: float, points: int) -> dict[str, Any]:
    """Give the power of each domain from a second of the run to another, in at most `points` windows.

    `{"domains": [{"domain", "kind", "unit", "window_s", "t_s", "min_w", "max_w", "mean_w"}], "gaps": [[from, to]]}`;
    `t_s` is where windows begin. A domain whose counter resolves nothing there has none.
    """
    duration_s = run.duration_s
    from_s = min(max(from_s, 0.0), duration_s) if math.isfinite(from_s) else 0.0
    to_s = min(max(to_s, from_s), duration_s) if math.isfinite(to_s) else duration_s
    points = min(max(points, 1), MOST_POINTS)
    whole = from_s == 0 and to_s == duration_s
    domains = []
    for channel in drawn(run):
        found = run.power(channel.domain, most=points) if whole else _part(run, channel, from_s, to_s, points)
        window_s = (to_s - from_s) / len(found) if len(found) else 0.0
        told = {"domain": channel.domain, "kind": channel.kind, "unit": "W", "window_s": window_s}
        domains.append(told | _windows(found, from_s + window_s * np.arange(len(found))))
    first_ns, last_ns = (run.data.start_ns + round(time_s * 1e9) for time_s in (from_s, to_s))
    parts = [run.data if whole else run.data.part(one, first_ns, last_ns) for one in run.data.channels if _read(one)]
    return {"domains": domains, "gaps": _longest(_gaps(parts), run, from_s, to_s)[0]}


def _windows(found: NDArray[np.void], begin_s: NDArray[np.floating[Any]]) -> dict[str, list[float]]:
    """Give series.POWER_DTYPE as JSON holds it; no power is negative, however a counter rounds."""
    names = (("min_w", "min_w"), ("max_w", "max_w"), ("mean_w", "power_w"))
    told: dict[str, list[float]] = {"t_s": begin_s.round(9).tolist()}
    return told | {name: np.maximum(found[field], 0).round(6).tolist() for name, field in names}


def _part(run: Run, channel: Channel, from_s: float, to_s: float, points: int) -> NDArray[np.void]:
    if to_s <= from_s:
        return np.empty(0, POWER_DTYPE)
    return run.power(channel.domain, start=from_s, stop=to_s, most=points)


def embedded(run: Run) -> dict[str, Any]:
    """Give the power of the whole run for a page that zooms into it without asking anybody.

    Each domain has its windows' number, and what they hold as `data`, base64; `coarse`, at most COARSE of them, is
    for who runs no script; `gaps` are those in which it was not read; `number` is how it is drawn.
    `left_out` domains, and `gaps_left_out` short gaps, are not in it.
    """
    channels = drawn(run)
    most = MOST_WINDOWS // max(len(channels), 1)
    spans, short = _longest(_gaps([run.data]), run, 0.0, run.duration_s)
    return {
        "unit": "W",
        "duration_s": run.duration_s,
        "domains": [_embedded(run, channel, number, most) for number, channel in enumerate(channels)],
        "left_out": len({one.domain for one in run.energy.channels}) - len(channels),
        "gaps": spans,
        "gaps_left_out": short,
    }


def _embedded(run: Run, channel: Channel, number: int, most: int) -> dict[str, Any]:
    own: Spans = []
    found = run.power(channel.domain, most=most)
    if channel.source != "model":
        own, _ = _longest(_unread_ns(run.timeline(channel), run.data.end_ns), run, 0.0, run.duration_s)
    low, mean, high = (np.maximum(found[name], 0.0) for name in ("min_w", "power_w", "max_w"))
    top_w = float(high.max(initial=0.0)) or 1.0
    window_s = run.duration_s / len(found) if len(found) else 0.0
    return {
        "domain": channel.domain,
        "kind": channel.kind,
        "source": channel.source,
        "number": number,
        "windows": len(found),
        "window_s": window_s,
        "top_w": top_w,
        "data": encoded(low / top_w, mean / top_w, high / top_w),
        "coarse": _coarse(found, window_s),
        "gaps": own,
    }


def _coarse(found: NDArray[np.void], window_s: float) -> dict[str, list[float]]:
    """Take windows together, so that there are at most COARSE."""
    count = min(len(found), COARSE)
    if not count:
        return _windows(found, np.empty(0))
    first = np.arange(count) * len(found) // count
    fewer = found[first]
    fewer["power_w"] = np.add.reduceat(found["power_w"], first) / np.diff(first, append=len(found))
    fewer["min_w"], fewer["max_w"] = (
        np.minimum.reduceat(found["min_w"], first),
        np.maximum.reduceat(found["max_w"], first),
    )
    return _windows(fewer, first * window_s)


def encoded(low: Array, mean: Array, high: Array) -> str:
    """Give n windows, parts of 1 with low <= mean <= high, as base64 of 3 n varints (LEB128, at most two bytes)."""
    least, middle, most = (np.rint(values * TOP_STEPS).astype(np.int64) for values in (low, mean, high))
    step = np.diff(middle, prepend=0)
    numbers = np.stack([(step << 1) ^ (step >> 63), most - middle, middle - least], axis=1).reshape(-1)
    long = numbers >= 1 << 7
    at = np.cumsum(1 + long) - 1 - long
    octets = np.zeros(int((1 + long).sum()), np.uint8)
    octets[at] = (numbers & 0x7F) | (long << 7)
    octets[at[long] + 1] = numbers[long] >> 7
    return base64.b64encode(octets.tobytes()).decode("ascii")


def drawn(run: Run) -> list[Channel]:
    """Choose the domains that are drawn, those of the total first, and of a hostile many only the first."""
    used = {one.domain: one for one in reversed(run.energy.channels)}
    chosen = {one.domain: one for one in reversed(run.data.channels) if one.domain in used}
    return sorted(chosen.values(), key=lambda one: (not used[one.domain].in_total, one.id))[:MOST_DOMAINS]


def _read(channel: Channel) -> bool:
    return channel.quantity == "energy" and channel.source != "model"


def _gaps(parts: Sequence[RunData]) -> Iterator[tuple[int, int]]:
    """Give when nobody looked at the counters: each channel has it."""
    for data in parts:
        for channel in filter(_read, data.channels):
            edges = data.edges_of(channel)
            edges = edges[(edges["flags"] & Flag.GAP) != 0]
            yield from zip(edges["t_before_ns"].tolist(), edges["t_seen_ns"].tolist(), strict=True)


def _unread_ns(timeline: Timeline, end_ns: int) -> list[tuple[int, int]]:
    """Give when a channel told nothing: nobody looked, or it could not be read, or it stood still until the end."""
    spans = [*timeline.lost_ns, *timeline.reset_spans()]
    if not timeline.ends_lost and timeline.is_silent(end_ns):
        spans.append((int(timeline.update_ns[-1]), end_ns))
    return spans


def _longest(spans: Iterable[tuple[int, int]], run: Run, from_s: float, to_s: float) -> tuple[Spans, int]:
    """Give spans in seconds of the run, those that overlap as one: the longest, and how many are left out."""
    merged: Spans = []
    for first_ns, last_ns in sorted(spans):
        first_s, last_s = ((time_ns - run.data.start_ns) / 1e9 for time_ns in (first_ns, last_ns))
        first_s, last_s = max(first_s, from_s), min(last_s, to_s)
        if last_s <= first_s:
            continue
        if merged and first_s <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], last_s)
        else:
            merged.append([first_s, last_s])
    chosen = sorted(merged, key=lambda span: span[0] - span[1])[:MOST_GAPS]
    return sorted([round(first_s, 6), round(last_s, 6)] for first_s, last_s in chosen), len(merged) - len(chosen)
