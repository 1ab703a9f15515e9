"""Taking a request's body in, with a bound on its size and on its time."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Receive


FULL = "the server's disk is full; the run stays with you, send it again later"


class NotTaken(Exception):
    """A body that was not taken: the status to answer with, why in one line, and whether more of it may come."""

    def __init__(self, status: int, why: str, *, may_come: bool = False) -> None:
        """Say why."""
        super().__init__(why)
        self.status, self.why, self.may_come = status, why, may_come


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a body has to come: after `grace_s` at `least_bytes_per_s` or faster, all of it in `overall_s`."""

    grace_s: float = 10.0
    least_bytes_per_s: float = 8 * 1024
    overall_s: float = 600.0

    def due_s(self, received_bytes: int) -> float:
        """Give when, since the beginning, the next piece must be here."""
        return min(self.overall_s, self.grace_s + received_bytes / self.least_bytes_per_s)


async def pieces(receive: Receive, most_bytes: int, pace: Pace) -> AsyncIterator[bytes]:
    """Give a body's pieces as they come; NotTaken where they are too many, too slow, or end too early."""
    began_s, received = time.monotonic(), 0
    more = True
    while more:
        left_s = began_s + pace.due_s(received) - time.monotonic()
        try:
            message = await asyncio.wait_for(receive(), left_s)
        except asyncio.TimeoutError:
            raise NotTaken(
                408,
                f"{received} bytes came in {time.monotonic() - began_s:.0f} s, which is too slow; send it again",
                may_come=True,
            ) from None
        if message["type"] == "http.disconnect":
            raise NotTaken(400, f"the connection ended after {received} bytes; send it again")
        piece = message.get("body", b"")
        received += len(piece)
        more = message.get("more_body", False)
        if received > most_bytes:
            raise NotTaken(413, f"more than the {most_bytes} bytes that may come", may_come=more)
        if piece:
            yield piece


def disk_problem(error: OSError) -> NotTaken:
    """Say what is wrong with the disk, without a path of the server's."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NotTaken(507, FULL)
    return NotTaken(503, f"the server cannot write its store ({error.strerror}); send it again later")
