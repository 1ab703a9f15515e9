"""The moments at which an emulated GPU makes a value anew: nvml_refresh.h in Python."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Refresh:
    """Each period anew, `phase` after its multiples on CLOCK_MONOTONIC and up to `jitter` late; period 0: always."""

    period_ms: float
    phase_ms: float = 0
    jitter_ms: float = 0

    @property
    def in_ns(self) -> tuple[int, int, int]:
        """The period, the phase and the jitter."""
        return round(self.period_ms * 1e6), round(self.phase_ms * 1e6), round(self.jitter_ms * 1e6)

    def moment_ns(self, index: int) -> int:
        """The moment of this number."""
        period_ns, phase_ns, jitter_ns = self.in_ns
        spread = (index * 0x9E3779B97F4A7C15 % 2**64) >> 32
        return phase_ns + index * period_ns + (spread % jitter_ns if jitter_ns else 0)

    def latest_ns(self, time_ns: int) -> int:
        """When the value of `time_ns` was made."""
        period_ns, phase_ns, _ = self.in_ns
        if period_ns == 0:
            return time_ns
        index = (time_ns - phase_ns) // period_ns
        moment_ns = self.moment_ns(index)
        return moment_ns if moment_ns <= time_ns else self.moment_ns(index - 1)
