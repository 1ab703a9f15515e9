"""The power of an emulated GPU over time, and its exact energy: nvml_waveform.h in Python, in whole mW, ns and pJ."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Square:
    """`first_w` and `second_w` in turn, each period anew; `duty` is the part of it with `first_w`."""

    first_w: float
    second_w: float
    period_s: float
    duty: float = 0.5


Power = float | Square | Sequence[tuple[float, float]]  # steady W, or steps: (seconds from the start, W)


@dataclass(frozen=True)
class Segment:
    """A part of a waveform, from `start_ns` (CLOCK_MONOTONIC) to the start of the next."""

    start_ns: int
    first_mw: int
    second_mw: int
    first_ns: int
    period_ns: int  # 0: `first_mw` for ever

    def energy_pj(self, time_ns: int) -> int:
        """The energy from its start to `time_ns`."""
        elapsed_ns = time_ns - self.start_ns
        if self.period_ns == 0:
            return elapsed_ns * self.first_mw
        periods, rest_ns = divmod(elapsed_ns, self.period_ns)
        first_ns = periods * self.first_ns + min(rest_ns, self.first_ns)
        return first_ns * self.first_mw + (elapsed_ns - first_ns) * self.second_mw


def segments_of(power_w: Power, start_ns: int) -> list[Segment]:
    """The segments of a power from `start_ns` on."""
    if isinstance(power_w, Square):
        period_ns = round(power_w.period_s * 1e9)
        first_ns = round(period_ns * power_w.duty)
        return [Segment(start_ns, round(power_w.first_w * 1e3), round(power_w.second_w * 1e3), first_ns, period_ns)]
    steps = power_w if isinstance(power_w, Sequence) else [(0, power_w)]
    return [Segment(start_ns + round(seconds * 1e9), round(step_w * 1e3), 0, 0, 0) for seconds, step_w in steps]


class Waveform:
    """Segments in the order of their starts; before the first there is no power."""

    def __init__(self, segments: Sequence[Segment] = ()) -> None:
        self.segments: list[Segment] = []
        self._start_pj: list[int] = []
        for segment in segments:
            self.append(segment)

    def append(self, segment: Segment) -> int:
        """Add a segment after all others; returns the energy of all before it, in pJ."""
        if self.segments and segment.start_ns < self.segments[-1].start_ns:
            raise ValueError("the power of that time is already settled")
        before_pj = self.energy_pj(segment.start_ns)
        self.segments.append(segment)
        self._start_pj.append(before_pj)
        return before_pj

    def energy_pj(self, time_ns: int) -> int:
        """The energy from the start of the first segment to `time_ns`."""
        index = bisect.bisect_right(self.segments, time_ns, key=lambda segment: segment.start_ns) - 1
        return self._start_pj[index] + self.segments[index].energy_pj(time_ns) if index >= 0 else 0

    def mean_mw(self, time_ns: int, window_ns: int) -> int:
        """The mean power over `window_ns` up to `time_ns`; over nothing: the power at `time_ns`."""
        end_ns, length_ns = (time_ns, window_ns) if window_ns else (time_ns + 1, 1)
        return (self.energy_pj(end_ns) - self.energy_pj(end_ns - length_ns)) // length_ns
