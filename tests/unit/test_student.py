"""Student's t against its printed table and against its own density."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import student

PRINTED = {
    (0.95, 1): 12.706,
    (0.95, 2): 4.303,
    (0.95, 3): 3.182,
    (0.95, 4): 2.776,
    (0.95, 9): 2.262,
    (0.95, 30): 2.042,
    (0.99, 1): 63.657,
    (0.99, 5): 4.032,
    (0.99, 9): 3.250,
    (0.90, 10): 1.812,
    (0.999, 4): 8.610,
}


@pytest.mark.parametrize(("confidence", "free"), PRINTED)
def test_the_printed_table(confidence: float, free: int) -> None:
    assert student.two_sided(confidence, free) == pytest.approx(PRINTED[confidence, free], abs=6e-4)


@given(st.floats(0.5, 0.999), st.integers(3, 200))
def test_so_much_of_the_distribution_lies_within(confidence: float, free: int) -> None:
    # GIVEN the density, integrated from 0 to what is said
    reach = student.two_sided(confidence, free)
    t = np.linspace(0, reach, 4001)
    logs = math.lgamma((free + 1) / 2) - math.lgamma(free / 2) - 0.5 * math.log(free * math.pi)
    density = np.exp(logs - (free + 1) / 2 * np.log1p(t * t / free))
    # THEN half of the confidence lies there
    half = float(((density[1:] + density[:-1]) / 2).sum() * (t[1] - t[0]))
    assert 2 * half == pytest.approx(confidence, abs=2e-5)


@given(st.integers(1, 500), st.floats(0.5, 0.99))
def test_more_knowledge_needs_less_and_more_confidence_more(free: int, confidence: float) -> None:
    here = student.two_sided(confidence, free)
    assert student.two_sided(confidence, free + 1) < here < student.two_sided(confidence + 0.005, free)


@pytest.mark.parametrize(("confidence", "free"), [(0.0, 3), (1.0, 3), (0.95, 0), (math.nan, 3)])
def test_what_is_none(confidence: float, free: int) -> None:
    with pytest.raises(ValueError, match="no Student's t"):
        student.two_sided(confidence, free)
