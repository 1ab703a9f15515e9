"""What a trace gets written back: the energy of each launch, and the power of GPUs and packages meanwhile.

No counter sees a single launch. One has the mean power of all of its name for as long as it ran, so its energy is
`attributed`; the interval is that of the mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from pycarbon.analysis import Run
from pycarbon.exports.tracks import tracks
from pycarbon.kernel_figures import Kernel, KernelFigures
from pycarbon.kernel_timeline import KernelTimeline
from pycarbon.traced_gpus import GPU_DOMAIN
from pycarbon.traces.opened import Progress
from pycarbon.traces.written import Figures, PowerTrack, annotate

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


def write_trace(
    source: Path | None,
    sink: BinaryIO,
    timeline: KernelTimeline,
    found: KernelFigures,
    run: Run,
    progress: Progress | None = None,
) -> None:
    """Write a timeline back, into the trace it is from or else a new one, with energies and tracks of power."""
    annotate(source, sink, timeline, launch_figures(timeline, found), list(power_tracks(found, run)), progress)


def launch_figures(timeline: KernelTimeline, found: KernelFigures) -> Figures:
    """Say what each launch used, in the order of the spans; NaN for one outside of the run, or on a GPU without
    figures.
    """
    spans, alignment = timeline.spans, found.alignment
    time_s = (spans["end_ns"] - spans["start_ns"]) / 1e9
    bounds_ns = alignment.there_ns(np.array([alignment.start_ns, alignment.end_ns], dtype=np.int64))
    inside = (spans["end_ns"] >= bounds_ns[0]) & (spans["start_ns"] <= bounds_ns[1])
    power_w = np.full((3, len(spans)), np.nan)
    for gpu in found.gpus:
        of_gpu = inside & (spans["device"] == gpu.number)
        table = _powers(timeline.names, gpu.kernels)
        power_w[:, of_gpu] = table[:, spans["name"][of_gpu]]
    return Figures(
        energy_j=power_w[1] * time_s,
        low_j=power_w[0] * time_s,
        high_j=power_w[2] * time_s,
        power_w=power_w[1],
        resolved=np.isfinite(power_w[1]),
        kind=np.full(len(spans), "attributed", object),
    )


def _powers(names: list[str], kernels: tuple[Kernel, ...]) -> Array:
    """Give low, best, high of each name's mean power, shape (3, names); NaN where there is none."""
    by_label = {kernel.label: kernel for kernel in kernels if kernel.time_s > 0}
    table = np.full((3, len(names)), np.nan)
    for number, name in enumerate(names):
        if name in by_label:
            kernel = by_label[name]
            told = (kernel.low_j, kernel.energy_j, kernel.high_j)
            table[:, number] = [np.nan if each is None else each / kernel.time_s for each in told]
    return table


def power_tracks(found: KernelFigures, run: Run) -> Iterator[PowerTrack]:
    """Give the power of each domain while there was a trace, on the trace's clock.

    A GPU's counter is slow: of it the mean between each two updates is shown, moved by its lag, of others a mean over
    many of them.
    """
    alignment, lag_ns = found.alignment, {gpu.gpu.domain: gpu.lag.lag_ns for gpu in found.gpus}
    for track in tracks(run, None):
        time_ns, power_w = track.time_ns, track.power_w
        if GPU_DOMAIN.fullmatch(track.domain):
            time_ns, power_w = _between_updates(run, track.domain)
            time_ns = time_ns - lag_ns.get(track.domain, 0)
        first = max(int(np.searchsorted(time_ns, alignment.start_ns, side="right")) - 1, 0)
        last = int(np.searchsorted(time_ns, alignment.end_ns, side="left")) + 1
        if len(time_ns[first:last]):
            yield PowerTrack(f"{track.name} power", alignment.there_ns(time_ns[first:last]), power_w[first:last])


def _between_updates(run: Run, domain: str) -> tuple[Whole, Array]:
    line = run.edges(domain)
    line = line[np.append(True, np.diff(line["time_ns"]) > 0)] if len(line) else line
    if len(line) < 2:
        return np.empty(0, np.int64), np.empty(0)
    power_w = np.diff(line["energy_j"]) / np.diff(line["time_ns"]) * 1e9
    return line["time_ns"].astype(np.int64), np.append(power_w, power_w[-1])
