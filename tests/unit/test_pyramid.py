"""The pyramid gives what a look at every value would give."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.pyramid import Pyramid


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=70), st.data())
def test_extremes_over_ranges_are_those_of_their_values(values, data):
    places = st.integers(0, len(values))
    ranges = data.draw(st.lists(st.tuples(places, places).map(sorted), min_size=1, max_size=10))
    first, last = np.array(ranges).T
    smallest, largest = Pyramid(np.array(values)).over(first, last)
    for start, end, low, high in zip(first, last, smallest, largest, strict=True):
        assert low == min(values[start:end], default=np.inf)
        assert high == max(values[start:end], default=-np.inf)
