"""A file elsewhere: few requests, the same bytes, bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import ranged
from pycarbon.errors import RunFileError
from pycarbon.ranged import AHEAD_BYTES, Ranged


class Elsewhere:
    """Bytes, and what was asked of them."""

    def __init__(self, contents: bytes) -> None:
        self.contents = contents
        self.asked: list[tuple[int, int]] = []

    def read(self, start: int, stop: int) -> bytes:
        self.asked.append((start, stop))
        return self.contents[start:stop]


LONG = bytes(range(256)) * 4096
"""1 MiB."""


@given(st.lists(st.tuples(st.integers(-300, 300), st.integers(-300, 300))), st.integers(0, 280))
def test_any_slices_are_those_of_the_bytes(spans: list[tuple[int, int]], size: int) -> None:
    data = Ranged(Elsewhere(LONG).read, size)

    assert len(data) == size
    for start, stop in spans:
        assert data[start:stop] == LONG[:size][start:stop]


def test_what_was_fetched_is_not_fetched_again() -> None:
    there = Elsewhere(LONG)
    data = Ranged(there.read, len(LONG))

    assert data[:16] == LONG[:16] and data[100:5000] == LONG[100:5000]
    assert data[-32:] == LONG[-32:] and data[-5000:-100] == LONG[-5000:-100]
    assert there.asked == [(0, AHEAD_BYTES), (len(LONG) - AHEAD_BYTES, len(LONG))]


def test_who_reads_on_gets_more_at_a_time() -> None:
    there = Elsewhere(LONG)
    data = Ranged(there.read, len(LONG))

    assert b"".join(data[i : i + 1000] for i in range(0, len(LONG), 1000)) == LONG
    assert len(there.asked) < 8


def test_no_more_is_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranged, "MOST_KEPT_BYTES", 3 * AHEAD_BYTES)
    data = Ranged(Elsewhere(LONG).read, len(LONG))
    for start in (0, 9, 4, 12, 2):
        assert data[start * AHEAD_BYTES : start * AHEAD_BYTES + 10]

    assert sum(len(piece) for _, piece in data._pieces) <= 3 * AHEAD_BYTES


def test_an_allowance_ends() -> None:
    data = Ranged(Elsewhere(LONG).read, len(LONG), AHEAD_BYTES)

    assert data[:10]
    with pytest.raises(RunFileError, match="too much to look through"):
        data[5 * AHEAD_BYTES : 5 * AHEAD_BYTES + 1]


def test_a_file_that_shrank_is_said() -> None:
    with pytest.raises(RunFileError, match="replaced meanwhile"):
        Ranged(Elsewhere(b"short").read, 100)[:50]
