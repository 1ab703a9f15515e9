"""The exact energy of an emulated GPU's power, against a sum over single ns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nvml_waveform import Segment, Square, Waveform, segments_of

MW = st.integers(0, 700_000)


@st.composite
def waveforms(draw: st.DrawFn) -> Waveform:
    starts_ns = sorted(draw(st.lists(st.integers(0, 60), max_size=4)))
    periods_ns = [draw(st.integers(0, 20)) for _ in starts_ns]
    return Waveform(
        [
            Segment(start_ns, draw(MW), draw(MW), draw(st.integers(0, period_ns)), period_ns)
            for start_ns, period_ns in zip(starts_ns, periods_ns, strict=True)
        ]
    )


def power_mw(waveform: Waveform, time_ns: int) -> int:
    """The power by the definition, segment by segment."""
    begun = [segment for segment in waveform.segments if segment.start_ns <= time_ns]
    if not begun:
        return 0
    segment = begun[-1]
    if segment.period_ns and (time_ns - segment.start_ns) % segment.period_ns >= segment.first_ns:
        return segment.second_mw
    return segment.first_mw


@given(waveform=waveforms(), time_ns=st.integers(-5, 100), window_ns=st.integers(0, 50))
def test_energy_is_the_sum_of_the_power(waveform: Waveform, time_ns: int, window_ns: int) -> None:
    assert waveform.energy_pj(time_ns) == sum(power_mw(waveform, moment_ns) for moment_ns in range(time_ns))
    window = range(time_ns - window_ns, time_ns) if window_ns else [time_ns]
    mean_mw = sum(power_mw(waveform, moment_ns) for moment_ns in window) // len(window)
    assert waveform.mean_mw(time_ns, window_ns) == mean_mw


def test_powers_as_tests_write_them() -> None:
    assert segments_of(50, 7) == [Segment(7, 50_000, 0, 0, 0)]
    assert segments_of(Square(300, 60, period_s=0.1, duty=0.25), 7) == [
        Segment(7, 300_000, 60_000, 25 * 10**6, 10**8)
    ]
    assert segments_of([(0, 60), (1.5, 250)], 7) == [
        Segment(7, 60_000, 0, 0, 0),
        Segment(1_500_000_007, 250_000, 0, 0, 0),
    ]
    with pytest.raises(ValueError, match="already settled"):
        Waveform(segments_of([(1, 60), (0, 250)], 7))
