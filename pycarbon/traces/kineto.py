"""The JSON traces of torch.profiler, which Kineto writes: launches on GPUs among millions of other events.

Facts, from Kineto's libkineto/src/output_json.cpp, DeviceProperties.cpp and ApproximateClock.cpp:

- The trace is an object; its member traceEvents is a list of events as chrome://tracing has them. Work on a GPU has
  ph X and cat kernel, gpu_memcpy or gpu_memset (before 2022: Kernel, Memcpy, Memset), ts and dur in µs, and in args
  device (CUDA's number for it in that process) and stream; pid and tid repeat them.
- Times are the wall clock's. Today ts has three decimals and counts from the member baseTimeNanoseconds (ns since
  1970). Before that member was there, ts was whole µs since 1970.
- deviceProperties has id and name of each GPU; no UUID, no host.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from pycarbon.errors import TraceError
from pycarbon.kernel_timeline import COPY, KERNEL, SET, Device, KernelTimeline
from pycarbon.traces.collected import LATEST_NS, MOST_DEVICES, MOST_STREAMS, Collected, Launch
from pycarbon.traces.document import pieces
from pycarbon.traces.opened import Progress, opened

EVENTS = "traceEvents"
KINDS = {"kernel": KERNEL, "gpu_memcpy": COPY, "gpu_memset": SET, "Kernel": KERNEL, "Memcpy": COPY, "Memset": SET}

SINCE_1970_US = 10**15
"""A ts of 31 years and more is a time since 1970: Kineto's base is never so far back."""

ERROR_NS, WHOLE_US_ERROR_NS = 1_000, 2_000
"""How far off the wall clock a time may be. A GPU's timer ticks every 32 ns, on some every 1 µs (before Hopper, while
no tool sets it); pairs of the clocks are read within less than 1 µs. NVIDIA states no bound. Whole µs add 1 µs."""


class Facts:
    """What a trace says besides events, gathered as it passes; `base_ns` is 0 while it was not said."""

    def __init__(self) -> None:
        """Know nothing."""
        self.base_ns = 0
        self.devices: dict[int, Device] = {}
        self.has_events = False

    def take(self, key: str, value: Any) -> None:
        """Learn from a member."""
        if key == EVENTS:
            self.has_events = value == []
        elif key == "baseTimeNanoseconds" and type(value) is int and 0 < value <= LATEST_NS:
            self.base_ns = value
        elif key == "deviceProperties" and isinstance(value, list):
            for told in value:
                if isinstance(told, dict) and type(told.get("id")) is int and isinstance(told.get("name"), str):
                    self.devices[told["id"]] = Device(name=told["name"])


def read(path: Path, progress: Progress | None = None) -> KernelTimeline:
    """Read a trace's launches; TraceError where it is none, is broken, has none or does not say when they were."""
    base_ns = base_of(path)
    facts, found = Facts(), Collected()
    is_fine = False
    with opened(path, progress) as stream:
        for key, value, _ in pieces(stream, str(path), EVENTS):
            if key is not None:
                facts.take(key, value)
            elif is_launch(value):
                launched = launch(value, base_ns)
                if launched is None:
                    found.damaged += 1
                else:
                    found.add(launched)
                    is_fine = is_fine or type(value["ts"]) is float
    if not facts.has_events:
        raise TraceError(f"{path} is no trace of torch.profiler: it is JSON without a list {EVENTS}")
    spans = found.spans()
    if not len(spans) and not found.damaged:
        raise TraceError(f"{path} has no GPU kernels: was it recorded with ProfilerActivity.CUDA?")
    if not len(spans) and not base_ns:
        raise TraceError(f"{path} does not say when it was recorded: it has no baseTimeNanoseconds; record it again")
    error_ns = ERROR_NS if is_fine else WHOLE_US_ERROR_NS
    return found.timeline(spans, error_ns, f"torch.profiler, {path}", facts.devices)


def base_of(path: Path) -> int:
    """Give the time from which a trace counts, in ns since 1970; 0 where it counts from 1970, or does not say.

    It is said before the events, or they count from 1970; a trace that somebody rewrote is read to its end.
    """
    facts = Facts()
    with opened(path) as stream:
        for key, value, _ in pieces(stream, str(path), EVENTS):
            if key is not None:
                facts.take(key, value)
            if facts.base_ns or (key is None and is_launch(value) and launch(value, 0)):
                break
    return facts.base_ns


def is_launch(event: Any) -> bool:
    """Say whether an event is work on a GPU."""
    if not isinstance(event, dict) or event.get("ph") != "X":
        return False
    category = event.get("cat")
    return isinstance(category, str) and category in KINDS


def launch(event: dict[str, Any], base_ns: int) -> Launch | None:
    """Read a launch of a trace that counts from `base_ns`; None where its numbers are none, or it has no date."""
    start_ns, duration_ns, name = _ns(event.get("ts")), _ns(event.get("dur")), event.get("name")
    args = event.get("args")
    told = args if isinstance(args, dict) else {}
    device = _number(told.get("device"), event.get("pid"), MOST_DEVICES)
    if start_ns is None or duration_ns is None or duration_ns < 0 or device is None or not isinstance(name, str):
        return None
    if start_ns < SINCE_1970_US * 1000:
        start_ns += base_ns
    end_ns = start_ns + duration_ns
    if start_ns < SINCE_1970_US * 1000 or end_ns > LATEST_NS:
        return None
    stream = _number(told.get("stream"), event.get("tid"), MOST_STREAMS) or 0
    return Launch(start_ns, end_ns, name, device, KINDS[event["cat"]], stream)


def _ns(us: Any) -> int | None:
    """Give µs as whole ns, without the rounding of a product of two floats."""
    if type(us) is int:
        return us * 1000 if abs(us) <= LATEST_NS // 1000 else None
    if type(us) is float and abs(us) <= LATEST_NS // 1000:
        whole = math.floor(us)
        return whole * 1000 + round((us - whole) * 1000)
    return None


def _number(told: Any, otherwise: Any, end: int) -> int | None:
    for value in (told, otherwise):
        if type(value) is int and 0 <= value < end:
            return value
    return None
