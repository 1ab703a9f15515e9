"""CPU time where no compiled core is: what the system tells any program about itself, read by the recorder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from pycarbon.run import EDGE_DTYPE, PROCESS_CPU, Channel, Flag


def own_cpu_s() -> float:
    """Give the CPU time of this process and of the children it has waited for, in seconds."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


class RusageSampler:
    """One channel, the CPU time of this process and its children, read whenever the recorder drains."""

    def __init__(
        self,
        table: Sequence[Channel],
        cpu_s: Callable[[], float] = own_cpu_s,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Take the next free id after `table`."""
        channel = Channel(len(table), PROCESS_CPU, "rusage", "measured", "cpu_time", Fraction(1, 1_000_000), 0, False)
        self.channels = [channel]
        self._cpu_s, self._now_ns = cpu_s, now_ns
        self._flags = Flag.FIRST
        self._before_ns = now_ns()

    def read(self) -> NDArray[np.void]:
        """Read once: an array of one edge."""
        edge = np.zeros(1, EDGE_DTYPE)
        raw, seen_ns = round(self._cpu_s() * 1e6), self._now_ns()
        edge[0] = (self._before_ns, seen_ns, raw, self.channels[0].id, int(self._flags), 0)
        self._flags, self._before_ns = Flag(0), seen_ns
        return edge
