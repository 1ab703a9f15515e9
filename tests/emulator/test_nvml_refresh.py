"""The moments at which an emulated GPU makes a value anew, as a law."""

from hypothesis import given
from hypothesis import strategies as st
from nvml_refresh import Refresh


@given(
    period_us=st.integers(1, 1000),
    phase=st.floats(0, 0.99),
    jitter=st.floats(0, 1),
    time_ns=st.integers(10**7, 10**18),
)
def test_a_value_is_of_the_latest_moment_and_each_period_has_one(
    period_us: int, phase: float, jitter: float, time_ns: int
) -> None:
    period_ms = period_us / 1e3
    refresh = Refresh(period_ms, phase * period_ms, jitter * period_ms)
    period_ns, phase_ns, jitter_ns = refresh.in_ns
    made_ns = refresh.latest_ns(time_ns)
    index = (made_ns - phase_ns) // period_ns
    assert made_ns == refresh.moment_ns(index) <= time_ns < refresh.moment_ns(index + 1)
    assert 0 <= made_ns - phase_ns - index * period_ns <= max(0, jitter_ns - 1)
    assert Refresh(0).latest_ns(time_ns) == time_ns
