"""Tests for pycarbon.traces.collected: spans in order, names once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.errors import TraceError
from pycarbon.traces.collected import Collected, Launch

LAUNCHES = st.lists(
    st.builds(
        Launch,
        st.integers(0, 5),
        st.integers(5, 9),
        st.sampled_from(["a", "b", ""]),
        st.integers(0, 65535),
        st.integers(0, 2),
        st.integers(0, 2**32 - 1),
    ),
    min_size=1,
    max_size=20,
)


@given(LAUNCHES)
def test_launches_are_in_order_of_start_then_of_reading(launches):
    found = Collected()
    for launch in launches:
        found.add(launch)
    timeline = found.timeline(found.spans(), 1, "here", {})
    got = [Launch(s, e, timeline.names[n], d, k, t) for s, e, n, d, k, t, _ in timeline.spans.tolist()]
    assert got == sorted(launches, key=lambda launch: launch.start_ns)
    assert len(set(timeline.names)) == len(timeline.names)
    assert not np.any(timeline.spans["zero"])


def test_what_was_left_out_is_said():
    found = Collected()
    found.damaged = 3
    with pytest.raises(TraceError, match="none of the 3 launches"):
        found.timeline(found.spans(), 1, "here", {})
    found.add(Launch(1, 2, "a", 0, 0, 0))
    assert found.timeline(found.spans(), 1, "here", {}).origin == "here, without 3 launches whose times are damaged"
