"""PUT /api/v1/runs/ID: a run file is received piece by piece, checked elsewhere, and answered; docs/server.md."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pycarbon.dashboard.checking import Checker
from pycarbon.dashboard.guard import UPLOADS
from pycarbon.dashboard.login import upload_answer
from pycarbon.dashboard.receiving import FULL, NotTaken, Pace, disk_problem, pieces
from pycarbon.errors import PyCarbonError
from pycarbon.store.incoming import ID, Part, Taken, clear

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

LARGEST_BYTES = 64 << 20
AT_ONCE, RETRY_AFTER_S = 16, 2
WRITTEN_AT_ONCE_BYTES = 1 << 18
SPARE_BYTES = 32 << 20
"""What uploads leave free on the disk, for the index."""

MEDIA_TYPE = "application/octet-stream"
LINGER = Pace(grace_s=2.0, overall_s=2.0)


@dataclass(slots=True)
class Uploads:
    """What takes uploads into one store, and its limits."""

    folder: Path
    largest_bytes: int = LARGEST_BYTES
    at_once: int = AT_ONCE
    pace: Pace = field(default_factory=Pace)
    _now: int = 0
    _checker: Checker | None = None

    def start(self) -> None:
        """Clear away what a server that was killed had not received to the end."""
        clear(self.folder)
        self._checker = Checker(self.folder)

    async def close(self) -> None:
        """End what reads uploads."""
        if self._checker is not None:
            await self._checker.close()

    def routes(self) -> Sequence[Route]:
        """Give the route."""
        from starlette.routing import Route

        return [Route(f"{UPLOADS}{{id}}", self.put, methods=["PUT"])]

    async def put(self, request: Request) -> Response:
        """Take one run, or say why not."""
        id = request.path_params["id"]
        headers: dict[str, str] = {}
        try:
            length = self._announced(request, id)
            if self._now >= self.at_once:
                headers["retry-after"] = str(RETRY_AFTER_S)
                why = f"{self.at_once} runs are being received already; send it again soon"
                raise NotTaken(503, why, may_come=True)
            self._now += 1
            try:
                taken = await self._receive(request, id, length)
            finally:
                self._now -= 1
        except NotTaken as error:
            taken = Taken(error.status, "refused", error.why)
            if error.may_come:
                headers["connection"] = "close"
                await _linger(request)
        if taken.status == 201:
            print(f"pycarbon: stored the run {id} from {request.scope['visitor'].name}", file=sys.stderr)
        return upload_answer(taken.status, id, taken.state, taken.message, headers)

    def _announced(self, request: Request, id: str) -> int:
        """Give the length that a body is to have, if it may come at all."""
        if not ID.fullmatch(id):
            raise NotTaken(400, "a run's id has 4 to 64 letters, digits, - and _")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != MEDIA_TYPE or "content-encoding" in request.headers:
            raise NotTaken(415, f"a run file is sent as it is, as {MEDIA_TYPE}")
        length = request.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()) or "transfer-encoding" in request.headers:
            raise NotTaken(411, "say how long the file is, in the header Content-Length")
        if len(length) > 18 or int(length) > self.largest_bytes:
            raise NotTaken(
                413,
                f"the file has {length[:20]} bytes and this server takes {self.largest_bytes};"
                " `pycarbon serve --largest-upload` raises that",
                may_come=True,
            )
        return int(length)

    async def _receive(self, request: Request, id: str, length: int) -> Taken:
        assert self._checker is not None, "not started"
        part: Part | None = None
        try:
            if shutil.disk_usage(self.folder).free < length + SPARE_BYTES:
                raise NotTaken(507, FULL, may_come=True)
            part = Part(self.folder)
            await self._write(request, part, length)
            return await self._checker.check(part.path, id)
        except OSError as error:
            raise disk_problem(error) from None
        except PyCarbonError as error:
            raise NotTaken(503, str(error)) from None
        finally:
            if part is not None:
                part.close()

    async def _write(self, request: Request, part: Part, length: int) -> None:
        """Write a body; large ones from a thread, since a busy disk may make a write wait."""
        waiting = bytearray()
        received = 0
        async for piece in pieces(request.receive, length, self.pace):
            received += len(piece)
            waiting += piece
            if len(waiting) >= WRITTEN_AT_ONCE_BYTES:
                await asyncio.to_thread(part.write, bytes(waiting))
                waiting.clear()
        if received != length:
            raise NotTaken(400, f"{received} bytes came where {length} were announced; send it again")
        part.write(bytes(waiting))


async def _linger(request: Request) -> None:
    """Read what still comes for a moment: a client that is cut off amid its sending never sees the answer."""
    with contextlib.suppress(NotTaken, RuntimeError):
        async for _ in pieces(request.receive, LARGEST_BYTES, LINGER):
            pass
