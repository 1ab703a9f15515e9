"""Where a run is cut for the fit: intervals between times at which a channel's level is well known, and the rest.

A border is the end of a slice that lies at an update of the channel which was seen closely, so that the energy
between two of them is known but for the error of their times. Slices between two borders are one interval. What lies
in none (up to the first border, after the last, around a reset or a time in which nobody looked) is the rest: its
energy is divided by time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycarbon.design import Intervals
from pycarbon.energy import COARSEST_GRAIN_J, Timeline
from pycarbon.ledger import Ledger
from pycarbon.run import Channel
from pycarbon.updates import CLOSE, median

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


FEWEST_CLOSE = 0.1
"""At edges a fifth of what is seen is seen closely, or more: the rest was merely found between two looks."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Spans that are in no interval: `span` has shape (r, 2), ns. `row` are indices of the ledger's rows, (m,), and
    `row_span` says in which span each lies.
    """

    span: Array
    row: Whole
    row_span: Whole


def cut(timeline: Timeline, channel: Channel, ledger: Ledger, start_ns: int, end_ns: int) -> tuple[Intervals, Rest]:
    """Cut a run of a channel into intervals and a rest; together they are the span from `start_ns` to `end_ns`."""
    border, sd_ns = _borders(timeline, ledger.slices, start_ns, end_ns)
    time_ns = ledger.slices["end_ns"][border].astype(np.int64)
    level_j = timeline.best_j(time_ns.astype(np.float64))
    kept = ~_touched(time_ns, [*timeline.lost_ns, *timeline.reset_spans()]) if len(border) > 1 else np.zeros(0, bool)

    number = np.full(len(ledger.slices), -1, np.int64)
    if len(kept):
        number[border[0] + 1 : border[-1] + 1] = np.repeat(np.where(kept, np.cumsum(kept) - 1, -1), np.diff(border))
    rows = ledger.rows
    row_interval = number[rows["slice"]]
    inside = row_interval >= 0
    inner = slice(None) if inside.all() else inside
    first = np.flatnonzero(kept)
    threads = np.zeros(len(kept), np.int64)
    if len(kept):
        threads = np.maximum.reduceat(ledger.slices["threads"].astype(np.int64), border[:-1] + 1)
        threads[-1] = ledger.slices["threads"][border[-2] + 1 : border[-1] + 1].max()
    intervals = Intervals(
        start_ns=time_ns[first].astype(np.float64),
        end_ns=time_ns[first + 1].astype(np.float64),
        energy_j=np.maximum(level_j[first + 1] - level_j[first], 0.0),
        start_sd_ns=sd_ns[first],
        end_sd_ns=sd_ns[first + 1],
        grain_j=COARSEST_GRAIN_J + float(channel.unit),
        threads=threads[first],
        row_interval=row_interval[inner],
        row_node=rows["node"][inner].astype(np.int64),
        row_time_s=rows["time_ns"][inner] / 1e9,
        row_cpu_s=rows["cpu_ns"][inner] / 1e9,
        row_calls=rows["calls"][inner].astype(np.float64),
    )
    return intervals, _rest(ledger, np.flatnonzero(~inside), time_ns, first, start_ns, end_ns)


def _borders(timeline: Timeline, slices: NDArray[np.void], start_ns: int, end_ns: int) -> tuple[Whole, Array]:
    """Choose slices whose ends are borders, in order, and the standard error of each as a time.

    An end at a distance from the update misses what was used in between: anything from nothing to twice the mean.
    """
    none = np.empty(0, np.int64), np.empty(0)
    end = slices["end_ns"].astype(np.float64)
    period_ns = timeline.counter_period_ns
    if len(end) < 2 or len(timeline.update_ns) < 2 or period_ns <= 0:
        return none
    update_ns = timeline.update_ns
    after = np.clip(np.searchsorted(end, update_ns), 1, len(end) - 1)
    nearest = np.where(update_ns - end[after - 1] < end[after] - update_ns, after - 1, after)
    # without a slice of their own, updates seen one after the other may share an end: the one right at it has it
    order = np.lexsort((np.abs(end[nearest] - update_ns), nearest))
    fresh = np.zeros(len(nearest), bool)
    fresh[order[np.diff(nearest[order], prepend=-1) > 0]] = True
    fresh &= (end[nearest] >= start_ns) & (end[nearest] <= end_ns)
    nearest = nearest[fresh]
    if len(nearest) < 2:
        return none
    width_ns = (timeline.seen_ns - timeline.before_ns)[timeline.is_update][fresh]
    likely_ns = np.minimum(width_ns, period_ns)
    away_ns = np.abs(end[nearest] - update_ns[fresh])
    sd_ns = np.sqrt(likely_ns**2 / 12 + away_ns**2 / 3)
    error_ns = likely_ns / 2 + away_ns
    apart_ns = median(np.diff(end[nearest]))
    good = error_ns < CLOSE * max(apart_ns, period_ns)
    if good.mean() < FEWEST_CLOSE:  # at a fixed rate: only what lies far apart is told apart
        good = np.arange(len(nearest)) % math.ceil(median(error_ns) / (CLOSE * apart_ns)) == 0
    return nearest[good], sd_ns[good]


def _touched(border_ns: Whole, spans: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """Say which of the n intervals between n + 1 borders touch one of the spans."""
    changes = np.zeros(len(border_ns) + 1, np.int64)
    if spans:
        ends = np.array(spans, dtype=np.float64)
        first = np.maximum(np.searchsorted(border_ns, ends[:, 0], side="right") - 1, 0)
        last = np.maximum(np.searchsorted(border_ns, ends[:, 1], side="left"), first)
        np.add.at(changes, first, 1)
        np.add.at(changes, last, -1)
    touched: NDArray[np.bool_] = np.cumsum(changes)[: len(border_ns) - 1] > 0
    return touched


def _rest(ledger: Ledger, row: Whole, time_ns: Whole, first: Whole, start_ns: int, end_ns: int) -> Rest:
    """Give what is between the kept intervals, which begin at the borders `first` and end at the next ones."""
    begins = np.concatenate([[start_ns], time_ns[first + 1]]).astype(np.float64)
    ends = np.concatenate([time_ns[first], [end_ns]]).astype(np.float64)
    span = np.stack([begins, ends], axis=1)[ends > begins]
    where = ledger.rows["slice"][row]
    at_ns = ledger.slices["start_ns"][where] / 2 + ledger.slices["end_ns"][where] / 2
    row_span = np.clip(np.searchsorted(span[:, 0], at_ns, side="right") - 1, 0, max(len(span) - 1, 0))
    return Rest(span, row if len(span) else row[:0], row_span if len(span) else row_span[:0])


def by_time(level_j: Callable[[Array], Array], ledger: Ledger, row: Whole, start_ns: int, end_ns: int) -> Array:
    """Divide the energy of each slice by time among the rows in it: the energy of each row in `row`, in J.

    `level_j` gives the energy used up to some times. Where several threads were in regions at once they share by
    their CPU time; what they do not fill of a slice belongs to none of them.
    """
    slices, rows = ledger.slices, ledger.rows[row]
    used, number = np.unique(rows["slice"], return_inverse=True)
    begins = np.clip(slices["start_ns"][used], start_ns, end_ns).astype(np.float64)
    ends = np.clip(slices["end_ns"][used], start_ns, end_ns).astype(np.float64)
    energy_j = np.maximum(level_j(ends) - level_j(begins), 0.0)
    at_once = slices["threads"][used] > 1
    weight_ns = np.where(at_once[number], rows["cpu_ns"], rows["time_ns"]).astype(np.float64)
    whole_ns = np.maximum(np.bincount(number, weight_ns, len(used)), ends - begins)
    share = np.divide(weight_ns, whole_ns[number], out=np.zeros_like(weight_ns), where=whole_ns[number] > 0)
    amount: Array = energy_j[number] * share
    return amount
