"""Writes run-v1-kernels.pcr: `python tests/golden/make_run_v1_kernels.py`.

What two traced programs told of kernels, in a run with nothing else in it. Like run-v1.pcr it is never written anew
once released. The content follows from the arithmetic below alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pycarbon import fold, frame
from pycarbon.kernel_frames import kernel_frames
from pycarbon.kernel_timeline import COPY, KERNEL, SET, SPAN_DTYPE, Device, KernelTimeline

START_NS, MILLISECOND = 7 * 10**12, 10**6
META = {"id": "0123456789abcdef", "name": "kernels", "start_ns": START_NS, "channels": []}
FOOTER = {"start_ns": START_NS, "end_ns": START_NS + 100 * MILLISECOND}


def first() -> KernelTimeline:
    """A kernel each millisecond on one device, and a copy beside it on another."""
    spans = np.zeros(100, SPAN_DTYPE)
    number = np.arange(100)
    spans["start_ns"] = START_NS + number // 2 * MILLISECOND
    spans["end_ns"] = spans["start_ns"] + 1000 * (1 + number)
    spans["name"], spans["device"], spans["kind"] = number % 2, number % 2, np.where(number % 2, COPY, KERNEL)
    spans["stream"] = 7 + number % 3
    devices = {0: Device("GPU A", "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f", "00000000:01:00.0"), 1: Device("GPU B")}
    return KernelTimeline(["gemm<float, é>", "Memcpy HtoD"], spans, "monotonic", 250, "by hand", devices, "golden")


def second() -> KernelTimeline:
    """A memory that is filled, by a program of which little is known."""
    span = (START_NS, START_NS + MILLISECOND, 0, 3, SET, 2**32 - 1, 0)
    return KernelTimeline(["Memset"], np.array([span], SPAN_DTYPE), "monotonic", 90, "by another hand")


def frames() -> list[frame.Frame]:
    """The frames of the file, but for its index."""
    made = [frame.json_frame(frame.META, META), *kernel_frames(first()), *kernel_frames(second())]
    return [*made, frame.json_frame(frame.FOOTER, FOOTER)]


if __name__ == "__main__":
    path = Path(__file__).with_name("run-v1-kernels.pcr")
    path.unlink(missing_ok=True)
    fold.write(frames(), path)
