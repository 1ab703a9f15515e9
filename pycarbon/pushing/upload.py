"""One run file to a server, and what its answer means for the run and for the server's other runs.

PUT SERVER/api/v1/runs/ID    the file's bytes; answered with {"id", "state", "message"}
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from pycarbon.errors import PyCarbonError
from pycarbon.pushing import address
from pycarbon.services import keys
from pycarbon.services.transport import Answer, Request, Unreachable, client_for_many, exchange, retry_after_s

if TYPE_CHECKING:
    import httpx

TOKEN = "PYCARBON_SERVER_TOKEN"

Fate = Literal["sent", "refused", "again", "away", "stopped"]
"""What became of a try: the server has the run; it will never take it; this run may be tried again later; so may the
whole server; or somebody has to do something first."""

_PIECE_BYTES = 1 << 16
_ANSWER_BYTES = 1 << 16
_LONGEST_LINE = 300


@dataclass(frozen=True, slots=True)
class Told:
    """A try's fate, with a line for people. `after_s`: the server wants to be left alone for so long."""

    fate: Fate
    line: str
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one wait for the network may take, how long a run of any size, and the least speed beyond that.

    A server may look at a large run for a minute before it answers. `end_s`, seconds since 1970, is the end of all.
    """

    timeout_s: float = 90.0
    run_s: float = 100.0
    bytes_per_s: float = 50_000.0
    end_s: float = math.inf

    def of(self, size_bytes: int) -> float:
        """How long a run of some size may take, in seconds."""
        return max(0.001, min(self.run_s + size_bytes / self.bytes_per_s, self.end_s - time.time()))


class Uploader:
    """Sends runs to one server after another over connections that stay open; used within a `with` block."""

    def __init__(self, environ: Mapping[str, str], known: set[str], limits: Limits = Limits()) -> None:
        """Send to no server but those `known`: what files name may be anybody's."""
        self._environ = environ
        self._known = known
        self._limits = limits
        self._tokens: list[keys.Key] = []
        self._client: httpx.Client | None = None

    def __enter__(self) -> Uploader:
        """Connect to nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open."""
        if self._client is not None:
            self._client.close()

    def why_not(self, server: str) -> str | None:
        """Say, with what to type, why nothing can be sent to a server; None where it can be tried."""
        if server not in self._known:
            return (
                f"{server} is named only by a file that anybody may have written: "
                f"type `pycarbon push --server {server}` once if your runs and your token shall go there"
            )
        unsafe = address.why_unsafe(server, self._environ)
        if unsafe is not None:
            return unsafe
        try:
            import httpx  # noqa: F401  (an extra, and slow to import)

            self._token(server)
        except ImportError:
            return "sending runs needs httpx: pip install 'pycarbon-energy[live]'"
        except PyCarbonError as error:
            return str(error)
        return None

    def send(self, server: str, run_id: str, path: Path) -> Told:
        """Send a file that holds the run; OSError where it cannot be read."""
        why_not = self.why_not(server)
        if why_not is not None:
            return Told("stopped", why_not)
        with path.open("rb") as file:
            file.seek(0, 2)
            size = file.tell()
            headers = {
                "Authorization": f"Bearer {self._token(server).reveal()}",
                "Content-Type": "application/octet-stream",
                "Content-Length": str(size),
            }
            where = f"{server}/api/v1/runs/{run_id}"
            request = Request(where, {}, headers, method="PUT", content=lambda: _pieces(file, size))
            try:
                answer = self._answer(request, self._limits.of(size))
            except Unreachable as reason:
                return Told("away", self._line(f"{server} cannot be reached: {reason}"))
        return self._told(server, run_id, answer)

    def _answer(self, request: Request, deadline_s: float) -> Answer:
        """Exchange; once more at once where a connection kept from an earlier run turns out to be closed."""
        while True:
            fresh = self._client is None
            if self._client is None:
                self._client = client_for_many()
            started_s = time.monotonic()
            try:
                return exchange(
                    request,
                    timeout_s=self._limits.timeout_s,
                    deadline_s=deadline_s,
                    answer_bytes=_ANSWER_BYTES,
                    client=self._client,
                )
            except Unreachable:
                self._client = None  # a thread may still hold it
                if fresh or time.monotonic() - started_s > 1:
                    raise

    def _told(self, server: str, run_id: str, answer: Answer) -> Told:
        members = _json(answer.body)
        status, state = answer.status, members.get("state")
        said = members.get("message")
        said = f": {said}" if isinstance(said, str) and said else ""
        after_s = retry_after_s(answer, datetime.now(timezone.utc)) or 0.0
        if status in (200, 201):
            if members.get("id") == run_id and state in ("stored", "already here"):
                more = members.get("message")
                return Told(
                    "sent", self._line(more) if state == "stored" and isinstance(more, str) and more else state
                )
            what = "answers what no pycarbon server says: is there a proxy or a login page in between?"
            return Told("away", self._line(f"{server} {what}"))
        fate, what = _MEANINGS.get(status, ("away", "is out of order") if status >= 500 else _UNEXPECTED)
        if 300 <= status < 400:
            target = answer.headers.get("location", "nowhere")
            fate, what = (
                "stopped",
                f"sends us on to {target}, which is not followed: name that address if it is right",
            )
        return Told(fate, self._line(f"{server} {what} ({status}{said})"), after_s)

    def _token(self, server: str) -> keys.Key:
        if not self._tokens:
            token = keys.find(server, [TOKEN], self._environ)
            if not token.reveal().isascii() or " " in token.reveal():
                raise PyCarbonError(f"{TOKEN} has characters that no token has")
            self._tokens.append(token)
        return self._tokens[0]

    def _line(self, text: str) -> str:
        """One line of bounded length without the token, which a server may have echoed."""
        line = keys.scrub(text, self._tokens)
        return line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + "..."


_MEANINGS: dict[int, tuple[Fate, str]] = {
    400: ("refused", "refuses the run"),
    409: ("refused", "has another run of this id"),
    413: ("refused", "takes no run so large"),
    401: ("stopped", f"does not accept {TOKEN}: set it to a token that `pycarbon token add` made there"),
    403: ("stopped", f"does not let {TOKEN} upload: it needs a token with the scope `upload`"),
    404: ("stopped", "takes no runs: is it the address of a `pycarbon serve`?"),
    405: ("stopped", "takes no runs: is it the address of a `pycarbon serve`?"),
    408: ("again", "did not get the run in time"),
    429: ("away", "is asked too often"),
    500: ("again", "failed at the run"),
    507: ("away", "has no room left"),
}
_UNEXPECTED: tuple[Fate, str] = (
    "stopped",
    "does not take the run as it is sent: is it the address of a `pycarbon serve`?",
)


def _pieces(file: IO[bytes], size: int) -> Iterator[bytes]:
    """Give the file's bytes as many as were promised, from the start, however often it is sent."""
    file.seek(0)
    left = size
    while left:
        piece = file.read(min(_PIECE_BYTES, left))
        if not piece:
            raise ValueError("the file became shorter while it was sent")
        left -= len(piece)
        yield piece


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
