"""One answer of a web server, for callers who may neither wait long nor trust what comes.

An answer is bounded in time, by a deadline that holds however slowly the bytes drip, and in size. Redirects are not
followed. Proxies are never used, whatever the environment says: the questions asked here are about the place where
this machine is, and a proxy would answer for its own.
"""

from __future__ import annotations

import errno
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pycarbon.errors import IntensityError

if TYPE_CHECKING:
    from socket import socket

MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said with status 200; names of headers are lower case."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The body, which must be ASCII without line breaks inside; IntensityError else."""
        text = self.body.decode("ascii", "replace").strip()
        if not text.isascii() or not text.isprintable():
            raise IntensityError("the answer is not one line of text")
        return text

    def record(self) -> dict[str, Any]:
        """The JSON object in the body; IntensityError where there is none."""
        import json

        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            # Nothing of the answer is repeated: it may hold an address or an account.
            raise IntensityError("the answer is no JSON object")
        return found


def fetch(
    url: str,
    headers: Mapping[str, str],
    *,
    deadline_s: float,
    method: str = "GET",
    connect_s: float | None = None,
    numeric: bool = False,
) -> Answer:
    """Ask once; `deadline_s` is on `time.monotonic`, `connect_s` bounds the time to reach one address.

    With `numeric` the host must be an address; else its name is looked up, within the deadline too.
    Raises IntensityError, whose text says only what went wrong (`no answer in time`), for all but a good answer.
    """
    import http.client
    import socket
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]
        if not host or parts.username is not None or not url.isascii() or " " in url:
            raise ValueError(url)
    except (ValueError, KeyError):
        raise IntensityError("what is to be asked is no http or https address") from None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with _connect(host, port, deadline_s, connect_s, numeric) as plain:
            secured = _secured(plain, host, deadline_s) if parts.scheme == "https" else plain
            with secured:
                connection: Any = http.client.HTTPConnection(host, port)
                connection.sock = _Line(secured, deadline_s)
                connection.request(method, target, headers={**headers, "Connection": "close"})
                with connection.getresponse() as response:
                    return _checked(response)
    except TimeoutError:
        raise IntensityError("no answer in time") from None
    except socket.gaierror:
        raise IntensityError(f"the name {host} is not known here") from None
    except OSError as error:
        raise IntensityError(f"no connection ({error.strerror or type(error).__name__})") from None
    except (http.client.HTTPException, ValueError):
        raise IntensityError("the answer is not HTTP as it should be") from None


def _checked(response: Any) -> Answer:
    if response.status != 200:
        raise IntensityError(f"it answered with HTTP status {response.status}")
    body = response.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise IntensityError(f"the answer is longer than {MOST_BYTES >> 10} KiB")
    if response.length:
        raise IntensityError("the answer is cut short")
    return Answer(body, {name.lower(): value for name, value in response.getheaders()})


def _left_s(deadline_s: float) -> float:
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _connect(host: str, port: int, deadline_s: float, connect_s: float | None, numeric: bool) -> socket:
    """A socket to the first of the host's addresses that can be reached; each has its share of the time."""
    import socket

    found = _addresses(host, port, deadline_s, numeric)
    reason = OSError()
    for tried, (family, kind, protocol, _, address) in enumerate(found):
        share_s = _left_s(deadline_s) / (len(found) - tried)
        try:
            connected = socket.socket(family, kind, protocol)
        except OSError as error:  # a family that this kernel lacks
            reason = error
            continue
        try:
            connected.settimeout(share_s if connect_s is None else min(connect_s, share_s))
            connected.connect(address)
        except OSError as error:
            connected.close()
            reason = error
        else:
            return connected
    raise reason


def _addresses(host: str, port: int, deadline_s: float, numeric: bool) -> list[Any]:
    """What getaddrinfo finds. No timeout ends its waiting for a name server: a thread waits, and is left behind."""
    import socket
    from threading import Thread

    if numeric:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    found: list[Any] = []

    def look_up() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # for whoever waits, if anybody still does
            found.append(error)

    left_s = _left_s(deadline_s)
    thread = Thread(target=look_up, name="pycarbon looks up a name", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # no more threads for this process
        raise OSError(errno.EAGAIN, "no thread could be started to look its name up") from error
    thread.join(left_s)
    if not found:
        raise TimeoutError
    if isinstance(found[0], Exception):
        raise found[0]
    return list(found[0])


def _secured(plain: socket, host: str, deadline_s: float) -> socket:
    import ssl

    plain.settimeout(_left_s(deadline_s))  # holds for the whole handshake
    return ssl.create_default_context().wrap_socket(plain, server_hostname=host)


class _Line:
    """As much of a socket as http.client needs, with one deadline for all that is sent and received.

    Closing it does nothing: http.client does so before the answer is read, and `fetch` closes the socket.
    """

    def __init__(self, connected: socket, deadline_s: float) -> None:
        self._socket = connected
        self._deadline_s = deadline_s

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(_left_s(self._deadline_s))
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self._socket, self._deadline_s))

    def close(self) -> None:
        pass


class _Incoming(io.RawIOBase):
    """What a socket receives, as a raw stream that raises TimeoutError at the deadline."""

    def __init__(self, connected: socket, deadline_s: float) -> None:
        self._socket = connected
        self._deadline_s = deadline_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(_left_s(self._deadline_s))
        return self._socket.recv_into(buffer)
