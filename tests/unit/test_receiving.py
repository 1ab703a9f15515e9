"""Bodies of requests: as many bytes as may come, as fast as they must."""

from __future__ import annotations

import asyncio
import errno

import pytest

from pycarbon.dashboard.receiving import NotTaken, Pace, disk_problem, pieces


def take(messages, most_bytes=100, pace=None):
    """Take a body that comes in these messages, and then no more."""
    waiting = list(messages)

    async def receive():
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def whole():
        return b"".join([piece async for piece in pieces(receive, most_bytes, pace or Pace())])

    return asyncio.run(whole())


def part(body, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


def test_pieces_come_in_order():
    assert take([part(b"ab"), part(b""), part(b"c", False)]) == b"abc"
    assert take([{"type": "http.request"}]) == b""


@pytest.mark.parametrize(
    ("messages", "status", "why"),
    [
        ([part(b"x" * 60), part(b"x" * 60)], 413, "more than the 100 bytes"),
        ([part(b"x" * 60), {"type": "http.disconnect"}], 400, "the connection ended after 60 bytes"),
        ([part(b"x")], 408, "1 bytes came in 0 s, which is too slow"),
    ],
)
def test_what_is_not_taken_says_why(messages, status, why):
    with pytest.raises(NotTaken, match=why) as told:
        take(messages, pace=Pace(grace_s=0.05))
    assert told.value.status == status


def test_who_sends_has_time_by_what_has_come():
    pace = Pace(grace_s=10, least_bytes_per_s=1000, overall_s=60)
    assert [pace.due_s(count) for count in (0, 5000, 100_000)] == [10, 15, 60]


def test_a_full_disk_is_told_from_one_that_cannot_be_written():
    assert disk_problem(OSError(errno.ENOSPC, "No space left on device", "/secret")).status == 507
    told = disk_problem(OSError(errno.EROFS, "Read-only file system", "/secret"))
    assert told.status == 503 and "/secret" not in told.why
