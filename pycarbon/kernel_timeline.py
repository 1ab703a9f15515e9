"""When which kernel ran on which GPU, as a tracer told it: what energy is divided among."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

KERNEL, COPY, SET = 0, 1, 2
"""Kinds of work: a kernel, a copy of memory, a memory that is filled with a value."""

SPAN_DTYPE = np.dtype(
    [
        ("start_ns", "<i8"),
        ("end_ns", "<i8"),
        ("name", "<u4"),
        ("device", "<u2"),
        ("kind", "<u2"),
        ("stream", "<u4"),
        ("zero", "<u4"),
    ]
)
"""One launch, from its start on the GPU to its end; `name` is an index of names, `device` a key of devices."""


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU as the tracer names it; what it does not tell is None."""

    name: str | None = None
    uuid: str | None = None
    pci_bus_id: str | None = None


@dataclass(frozen=True, slots=True)
class KernelTimeline:
    """The launches that a tracer saw, in order of their starts.

    `spans` has SPAN_DTYPE. On the clock "monotonic" times are CLOCK_MONOTONIC of the traced machine, on "wall" they
    are nanoseconds since 1970 (UTC); `error_ns` is how far off the tracer's clock may be from that. `devices` are by
    the number that CUDA has for them in the traced program. `origin` says in words where all this is from.
    """

    names: list[str]
    spans: NDArray[np.void]
    clock: Literal["monotonic", "wall"]
    error_ns: int
    origin: str
    devices: dict[int, Device] = field(default_factory=dict)
    hostname: str | None = None
