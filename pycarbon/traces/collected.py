"""The launches of a trace as they are found: blocks that grow, names once each, and what had no usable times."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pycarbon.errors import TraceError
from pycarbon.kernel_timeline import SPAN_DTYPE, Device, KernelTimeline

BLOCK = 1 << 16
LATEST_NS = (1 << 63) - 1
MOST_DEVICES = 1 << 16
MOST_STREAMS = 1 << 32


class Launch(NamedTuple):
    """One launch; the name is a text still."""

    start_ns: int
    end_ns: int
    name: str
    device: int
    kind: int
    stream: int


class Collected:
    """Launches in the order of reading; `damaged` counts those that were left out."""

    def __init__(self) -> None:
        """Begin with none."""
        self.damaged = 0
        self._numbers: dict[str, int] = {}
        self._rows: list[tuple[int, ...]] = []
        self._blocks: list[NDArray[np.void]] = []

    def number(self, name: str) -> int:
        """Give the number of a name, a new one for a new name."""
        return self._numbers.setdefault(name, len(self._numbers))

    def add(self, launch: Launch) -> None:
        """Add one whose numbers fit SPAN_DTYPE."""
        start_ns, end_ns, name, device, kind, stream = launch
        self._rows.append((start_ns, end_ns, self.number(name), device, kind, stream, 0))
        if len(self._rows) == BLOCK:
            self._close_block()

    def add_block(self, spans: NDArray[np.void]) -> None:
        """Add many, of SPAN_DTYPE, with names that have numbers."""
        self._blocks.append(spans)

    def spans(self) -> NDArray[np.void]:
        """Give all of them, in the order of reading."""
        self._close_block()
        spans = np.concatenate(self._blocks) if self._blocks else np.empty(0, SPAN_DTYPE)
        self._blocks = [spans]
        return spans

    def timeline(
        self,
        spans: NDArray[np.void],
        error_ns: int,
        origin: str,
        devices: dict[int, Device],
        hostname: str | None = None,
    ) -> KernelTimeline:
        """Put launches on the wall clock in order of their starts; those of one start stay in the order of reading.

        TraceError where there are none; `origin` is completed by what was left out.
        """
        if not len(spans):
            raise TraceError(f"none of the {self.damaged} launches on a GPU has usable times ({origin})")
        if np.any(spans["start_ns"][1:] < spans["start_ns"][:-1]):
            spans = spans[np.argsort(spans["start_ns"], kind="stable")]
        if self.damaged:
            origin += f", without {self.damaged} launches whose times are damaged"
        return KernelTimeline(list(self._numbers), spans, "wall", error_ns, origin, devices, hostname)

    def _close_block(self) -> None:
        if self._rows:
            self._blocks.append(np.array(self._rows, SPAN_DTYPE))
            self._rows = []
