"""One request over HTTP and its whole answer, in a time that has an end whatever the network does.

A read timeout bounds one wait only: a server that sends a byte now and then, or a name server that
never answers, would hold us for ever. So each exchange has a thread of its own, which is joined for
as long as the caller has time and left to its own timeouts after that; it is a daemon, shares
nothing but one list that it appends to, and so holds up neither the caller nor the end of the program.
"""

from __future__ import annotations

import logging
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from pycarbon._version import __version__

if TYPE_CHECKING:
    import httpx


CONNECT_S = 10.0
"""Who takes longer to answer at all is not there."""


class Unreachable(Exception):
    """There is no whole answer; the text says why. It may quote the request: scrub it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, with its secrets: never shown. `content` gives a body in pieces, and the headers its length."""

    url: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    basic: tuple[str, str] | None = None
    method: str = "GET"
    content: Callable[[], Iterator[bytes]] | None = None

    def __repr__(self) -> str:
        """Show nothing that could be a key."""
        return "Request(...)"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: header names in lower case, the body unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def exchange(
    request: Request, *, timeout_s: float, deadline_s: float, answer_bytes: int, client: httpx.Client | None = None
) -> Answer:
    """Send a request and wait for its whole answer, at most `deadline_s` seconds.

    Needs httpx. Follows no redirect. Raises Unreachable where there is no whole answer. `client` keeps connections
    for many requests; where this raises it must not be used again, for a thread may still hold it.
    """
    found: list[Answer | Unreachable] = []
    wait_s = min(timeout_s, deadline_s)
    thread = threading.Thread(
        target=_send, args=(request, wait_s, answer_bytes, client, found), daemon=True, name="pycarbon-service"
    )
    try:
        thread.start()
    except RuntimeError as error:  # no more threads for this process, or it ends
        raise Unreachable(f"no thread could be started to ask it ({error})") from None
    thread.join(deadline_s)
    if not found:
        raise Unreachable(f"no whole answer within {deadline_s:.3g} s")
    if isinstance(found[0], Unreachable):
        raise found[0]
    return found[0]


def _send(
    request: Request,
    wait_s: float,
    answer_bytes: int,
    client: httpx.Client | None,
    found: list[Answer | Unreachable],
) -> None:
    """Exchange in this thread; whatever happens becomes one entry of `found`, without a traceback."""
    _this_thread.asking = True
    try:
        with nullcontext(client) if client is not None else client_for_many() as used:
            found.append(_answer(request, wait_s, answer_bytes, used))
    except Unreachable as reason:
        found.append(Unreachable(str(reason)))
    except Exception as error:
        found.append(Unreachable(_words(error, wait_s)))


def client_for_many() -> httpx.Client:
    """Make a client that keeps its connections between exchanges; its owner closes it."""
    import httpx  # an extra, and slow to import

    # No proxy for this machine: what may go there unencrypted would travel.
    direct = dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]"))
    return httpx.Client(verify=_certificates(), follow_redirects=False, mounts=direct)


def retry_after_s(answer: Answer, now: datetime) -> float | None:
    """Say for how long a server wants to be left alone; None where it does not say."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        if until.tzinfo is None:
            until = until.replace(tzinfo=timezone.utc)
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _answer(request: Request, wait_s: float, answer_bytes: int, client: httpx.Client) -> Answer:
    import httpx

    _hush()  # a client has imported all that logs
    headers = {"User-Agent": f"pycarbon/{__version__}", "Accept": "application/json", "Accept-Encoding": "gzip"}
    with client.stream(
        request.method,
        request.url,
        params=dict(request.params) or None,
        headers={**headers, **request.headers},
        content=None if request.content is None else request.content(),
        auth=httpx.BasicAuth(*request.basic) if request.basic else None,
        timeout=httpx.Timeout(wait_s, connect=min(wait_s, CONNECT_S)),
    ) as response:
        told = {name.lower(): value for name, value in response.headers.items()}
        packing = told.get("content-encoding", "identity").strip().lower()
        return Answer(response.status_code, told, _body(response.iter_raw(), packing, answer_bytes))


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Whom to trust, read once: it takes longer than many an answer."""
    import httpx

    return httpx.create_ssl_context()


def _body(pieces: Iterator[bytes], packing: str, answer_bytes: int) -> bytes:
    """The whole body, unpacked no further than the limit: a small answer can unpack to gigabytes."""
    unpack = zlib.decompressobj(16 + zlib.MAX_WBITS) if packing == "gzip" else None
    if unpack is None and packing not in ("", "identity"):
        raise Unreachable(f"the answer is packed as {packing!r}, which was not asked for")
    body = bytearray()
    for piece in pieces:
        body += unpack.decompress(piece, answer_bytes + 1 - len(body)) if unpack else piece
        if len(body) > answer_bytes:
            raise Unreachable(f"the answer is longer than {answer_bytes} bytes")
    if unpack is not None and body and not unpack.eof:
        raise Unreachable("the answer was cut off")
    return bytes(body)


def _words(error: Exception, wait_s: float) -> str:
    import httpx

    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {min(wait_s, CONNECT_S):.3g} s"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {wait_s:.3g} s"
    if isinstance(error, httpx.ConnectError):
        return f"cannot connect: {error}"
    if isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError)):
        return f"the answer was cut off ({error})"
    if isinstance(error, zlib.error):
        return "the answer cannot be unpacked"
    return f"{type(error).__name__}: {error}"


_this_thread = threading.local()


class _Hush(logging.Filter):
    """Keeps what httpx logs of our requests, whole addresses with their keys, out of every log."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(_this_thread, "asking", False)


_HUSH = _Hush()


def _hush() -> None:
    """Give every logger of httpx the filter; adding it again changes nothing."""
    for name in tuple(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("httpx", "httpcore"):
            logging.getLogger(name).addFilter(_HUSH)
